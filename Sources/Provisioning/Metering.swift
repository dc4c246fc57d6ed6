internal import Domain
internal import Secrets
public import Store
public import Telemetry

/// Adds up what services use, and closes those that have used what their plan allows. Totals never shrink; a reading that fails is
/// skipped; what is read while a service is being worked on is not believed.
public struct Metering: Sendable {
    let store: Store
    let orders: Orders
    let log: Log
    let wake: @Sendable () -> Void

    /// - Parameter wake: tells the workers.
    public init(store: Store, orders: Orders, log: Log, wake: @escaping @Sendable () -> Void) {
        (self.store, self.orders, self.log, self.wake) = (store, orders, log, wake)
    }

    /// Services asked about in one call, and kept in one transaction.
    private static let batch = 500
    /// Between two passes.
    public static let intervalSeconds: Int64 = 30

    /// Until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.seconds(Self.intervalSeconds)) } catch { return }
            do throws(StoreError) { try await pass() } catch { log.warning("metering.failed", ["error": LogValue("\(error)")]) }
        }
    }

    /// One sample of everything. How many services were closed or opened by it.
    @discardableResult
    public func pass() async throws(StoreError) -> Int {
        var changed = 0
        for driver in orders.drivers.all {
            guard let driver = driver as? any UsageReporting else { continue }
            let backends = try await store.read { [orders] reader throws(StoreError) in
                let backends = try reader.backends(kind: driver.kind)
                try orders.secrets.learn([], backends, reader)
                return backends
            }
            for backend in backends where backend.status != .disabled {
                changed += try await pass(driver, backend)
            }
        }
        if changed > 0 { wake() }
        return changed
    }

    private func pass(_ driver: any UsageReporting, _ backend: Backend) async throws(StoreError) -> Int {
        var changed = 0
        var last: ServiceID?
        let at = store.ambient.now()
        // Fetched once for all of them.
        let view: (any BackendView)?
        do { view = try await self.view(driver, backend) } catch {
            log.warning("metering.unreachable", ["place": LogValue(backend.name), "failure": LogValue("\(error)")])
            view = NothingSeen()
        }
        while true {
            let page = try await store.read { [last, orders] reader throws(StoreError) in
                let page = try reader.services(ServiceFilter(kind: driver.kind, backend: backend.id), after: last, limit: Self.batch)
                try orders.secrets.learn(page.items, [backend], reader)
                return page
            }
            let alive = page.items.filter { $0.endedAt == nil && $0.desired != .terminated }
            let counted = alive.filter { $0.actual == .active && (view == nil || $0.updatedAt <= at) }
            let readings = await read(driver, counted, backend, view)
            changed += try await store.transaction { [orders] transaction throws(StoreError) in
                var changed = 0
                for service in alive { if try Self.keep(service, readings[service.id], at, orders, transaction) { changed += 1 } }
                return changed
            }
            guard page.hasMore, let end = page.items.last else { return changed }
            last = end.id
        }
    }

    /// A backend that cannot be asked: nothing is counted, and quotas and periods are looked at all the same.
    private struct NothingSeen: BackendView {
        func presences(of services: [ServiceOrder]) -> [ServiceID: Presence] { [:] }
        func usage(of services: [ServiceOrder]) -> [ServiceID: UsageReading] { [:] }
    }

    private func view(_ driver: any UsageReporting, _ backend: Backend) async throws -> (any BackendView)? {
        guard let driver = driver as? any BackendViewing else { return nil }
        return try await driver.view(of: try orders.secrets.access(backend))
    }

    private func read(
        _ driver: any UsageReporting, _ services: [Service], _ backend: Backend, _ view: (any BackendView)?
    ) async -> [ServiceID: UsageReading] {
        guard !services.isEmpty else { return [:] }
        do {
            let asked = try services.map { service throws(SecretsError) in try orders.secrets.order(service, backend: backend) }
            return if let view { try view.usage(of: asked) } else { try await driver.usage(of: asked) }
        } catch {
            log.warning("metering.unreachable", ["place": LogValue(backend.name), "failure": LogValue("\(error)")])
            return [:]
        }
    }

    /// True when the service was closed or opened.
    private static func keep(
        _ service: Service, _ reading: UsageReading?, _ at: Timestamp, _ orders: Orders, _ transaction: Transaction
    ) throws(StoreError) -> Bool {
        if reading != nil {
            // Somebody has worked on it meanwhile: the counters may be of another life. Taken before the meter, which another process may
            // be about to write.
            guard let now = try transaction.serviceForChange(service.id), now.updatedAt == service.updatedAt else { return false }
        }
        var meter = try transaction.meter(of: service.id)
        if let reading {
            var grown = meter ?? ServiceMeter(beginning: service.id, at: service.madeAt ?? at)
            if grown.sample(reading, at: at), grown != meter {
                try transaction.keepMeter(grown)
                meter = grown
            }
        }
        guard var meter, let limit = try transaction.trafficLimit(of: service) else { return false }
        if let days = limit.days, meter.periodStartedAt.adding(seconds: days * 86_400) <= at {
            // Whole periods pass, however long nobody looked.
            let length = days * 86_400_000
            let passed = (at.milliseconds - meter.periodStartedAt.milliseconds) / length
            meter.periodStartedAt = meter.periodStartedAt.adding(milliseconds: passed * length)
            meter.periodBase = meter.transfer.total
            try transaction.keepMeter(meter)
        }
        let quota = Suspension(.quota, by: .metering)
        let reasons = service.desired == .suspended ? try transaction.suspensions(of: service.id) : []
        let isClosed = reasons.contains(quota)
        guard (meter.used >= limit.bytes) != isClosed else { return false }
        _ = try orders.change(service.id, isClosed ? .lift(.quotaReset) : .suspend(quota), actor: "system", in: transaction)
        return true
    }

    /// A last reading before the counters go. A failure costs the tail only, and is told.
    func keepTail(_ id: ServiceID, _ reading: UsageReading, at: Timestamp) async {
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in
                var meter = try transaction.meter(of: id) ?? ServiceMeter(beginning: id, at: at)
                if meter.sample(reading, at: at) { try transaction.keepMeter(meter) }
            }
        } catch { log.warning("metering.tail_lost", ["service": LogValue(id.text), "error": LogValue("\(error)")]) }
    }
}
