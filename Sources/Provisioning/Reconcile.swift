public import Domain
internal import Secrets
public import Store
public import Telemetry

/// Compares what is at the backends with what we know, and queues what mends the difference. A pass that would change more than
/// max(5, 10 %) of a place's services changes nothing and asks the operator: more likely the backend lies than that so much is lost.
public struct Reconcile: Sendable {
    let store: Store
    let orders: Orders
    let log: Log
    let wake: @Sendable () -> Void
    private let braked: Gauge
    private let mended: Counter

    public init(store: Store, orders: Orders, log: Log, metrics: Metrics, wake: @escaping @Sendable () -> Void) {
        (self.store, self.orders, self.log, self.wake) = (store, orders, log, wake)
        braked = metrics.gauge(.reconcileBraked)
        mended = metrics.counter(.reconcileMended)
    }

    /// Services asked about in one call.
    private static let batch = 500

    /// What a pass over one place found.
    public struct Report: Sendable, Equatable {
        public let place: String
        public var services = 0
        /// Those whose backend shows something else than we had.
        public var drifted: [ServiceID] = []
        public var isBraked = false
        /// Names at the backend that look like ours and belong to no service.
        public var strays: [String] = []
        /// The backend could not be asked.
        public var failure: String?
    }

    /// A pass over everything every `intervalSeconds`, until the task is cancelled.
    public func run(intervalSeconds: Int64 = 60) async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.seconds(intervalSeconds)) } catch { return }
            do throws(StoreError) { _ = try await pass() } catch { log.warning("reconcile.failed", ["error": LogValue("\(error)")]) }
        }
    }

    /// One pass over every place.
    /// - Parameter isForced: an operator has looked at the difference and wants it mended whatever its size.
    public func pass(isForced: Bool = false) async throws(StoreError) -> [Report] {
        var reports: [Report] = []
        for driver in orders.drivers.all {
            if driver.usesBackends {
                let backends = try await store.read { [orders] reader throws(StoreError) in
                    let backends = try reader.backends(kind: driver.kind)
                    try orders.secrets.learn([], backends, reader)
                    return backends
                }
                for backend in backends where backend.status != .disabled {
                    reports.append(try await pass(driver, backend, isForced))
                }
            } else {
                reports.append(try await pass(driver, nil, isForced))
            }
        }
        braked.set(Int64(reports.filter(\.isBraked).count))
        try await pickUp()
        return reports
    }

    private func pass(_ driver: any ServiceDriver, _ backend: Backend?, _ isForced: Bool) async throws(StoreError) -> Report {
        var report = Report(place: backend?.name ?? driver.kind.text)
        var drifted: [Drift] = []
        var last: ServiceID?
        // The list is fetched once, however many services there are; what was changed since is looked at in the next pass.
        let viewedAt = store.ambient.now()
        let view: (any BackendView)?
        do { view = try await self.view(driver, backend) } catch { return try await failed(&report, error, backend) }
        while true {
            let filter = ServiceFilter(kind: driver.kind, backend: backend?.id)
            let page = try await store.read { [last, orders] reader throws(StoreError) in
                let page = try reader.services(filter, after: last, limit: Self.batch)
                try orders.secrets.learn(page.items, [backend], reader)
                return page
            }
            // What is under way or was never made is the workers' business.
            let settled = page.items.filter {
                $0.endedAt == nil && $0.isConverged && $0.actual != .absent && (view == nil || $0.updatedAt <= viewedAt)
            }
            report.services += settled.count
            do throws(DriverError) {
                drifted += try await survey(driver, settled, backend, view)
            } catch { return try await failed(&report, error, backend) }
            guard page.hasMore, let end = page.items.last else { break }
            last = end.id
        }
        if let backend {
            try await answered(backend)
            report.strays = await strays(driver, backend, view)
        }
        report.drifted = drifted.map(\.service.id)
        guard !drifted.isEmpty else {
            try await setBrake(nil, backend)
            return report
        }
        guard isForced || Brake.allows(changes: drifted.count, of: report.services) else {
            report.isBraked = true
            log.error(
                "reconcile.braked",
                [
                    "place": LogValue(report.place), "drifted": LogValue(drifted.count), "services": LogValue(report.services),
                    "action": "look at the backend, then: gatehouse service reconcile --force",
                ])
            try await setBrake(store.ambient.now(), backend)
            return report
        }
        try await mend(drifted)
        try await setBrake(nil, backend)
        return report
    }

    private func view(_ driver: any ServiceDriver, _ backend: Backend?) async throws(DriverError) -> (any BackendView)? {
        guard let driver = driver as? any BackendViewing, let backend else { return nil }
        let access: BackendAccess
        do throws(SecretsError) { access = try orders.secrets.access(backend) } catch {
            throw .refused("a secret cannot be opened: \(error)")
        }
        return try await driver.view(of: access)
    }

    /// What goes by is tried again; what does not, as credentials that the backend does not take, an operator hears of.
    private func failed(_ report: inout Report, _ error: DriverError, _ backend: Backend?) async throws(StoreError) -> Report {
        report.failure = error.description
        log.warning("reconcile.unreachable", ["place": LogValue(report.place), "failure": LogValue(error.description)])
        guard !error.isRetryable, let backend else { return report }
        try await store.transaction { transaction throws(StoreError) in
            // Of several servers that see it one tells it, and again after a while if it is still so.
            guard try transaction.claimAlert(Self.alert(backend), word: error.description, pauseSeconds: Self.alertSeconds) else { return }
            try transaction.promise(
                "backend.refused", subject: backend.id.text, body: ["name": .string(backend.name), "failure": .string(error.description)])
        }
        return report
    }
    private static let alertSeconds: Int64 = 3600
    private static func alert(_ backend: Backend) -> String { "backend \(backend.id.text)" }

    /// Whoever was told that a backend refused us hears that it does no longer, once.
    private func answered(_ backend: Backend) async throws(StoreError) {
        let subject = Self.alert(backend)
        guard try await store.read({ reader throws(StoreError) in try reader.isAlerted(subject) }) else { return }
        try await store.transaction { transaction throws(StoreError) in
            guard try transaction.endAlert(subject) else { return }
            try transaction.promise("backend.recovered", subject: backend.id.text, body: ["name": .string(backend.name)])
        }
        log.notice("reconcile.recovered", ["place": LogValue(backend.name)])
    }

    /// A failure costs the report only: what drifted is mended all the same.
    private func strays(_ driver: any ServiceDriver, _ backend: Backend, _ view: (any BackendView)?) async -> [String] {
        guard let driver = driver as? any StrayReporting else { return [] }
        do throws(SecretsError) {
            let access = try orders.secrets.access(backend)
            do throws(DriverError) {
                let found = try await driver.strays(on: access, in: view) { () async throws(DriverError) -> Set<String> in
                    do throws(StoreError) {
                        return try await store.read { reader throws(StoreError) in
                            try reader.takenValues(kind: "peer_name", scope: backend.id.text, at: store.ambient.now())
                        }
                    } catch { throw .unreachable("the database: \(error)") }
                }
                if !found.isEmpty {
                    log.warning(
                        "reconcile.strays",
                        ["place": LogValue(backend.name), "count": LogValue(found.count), "first": LogValue(found.first ?? "")])
                }
                return found
            } catch { log.warning("reconcile.strays_unknown", ["place": LogValue(backend.name), "failure": LogValue(error.description)]) }
        } catch { log.warning("reconcile.strays_unknown", ["place": LogValue(backend.name), "failure": LogValue("\(error)")]) }
        return []
    }

    /// A service whose backend shows something else than we had.
    private struct Drift: Sendable {
        let service: Service
        let seen: Presence
        var actual: ActualState { Lifecycle.actual(seen: seen, wasMade: service.madeAt != nil) }
        var isOne: Bool { actual != service.actual || seen == .altered }
    }

    private func survey(
        _ driver: any ServiceDriver, _ services: [Service], _ backend: Backend?, _ view: (any BackendView)?
    ) async throws(DriverError) -> [Drift] {
        var asked: [ServiceOrder] = []
        for service in services {
            do throws(SecretsError) { asked.append(try orders.secrets.order(service, backend: backend)) } catch {
                throw .refused("a secret cannot be opened: \(error)")
            }
        }
        guard !asked.isEmpty else { return [] }
        let seen = if let view { try view.presences(of: asked) } else { try await driver.survey(asked) }
        return services.map { Drift(service: $0, seen: seen[$0.id] ?? .absent) }.filter(\.isOne)
    }

    private func mend(_ drifted: [Drift]) async throws(StoreError) {
        var rest = drifted[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(100))
            rest = rest.dropFirst(part.count)
            try await store.transaction { transaction throws(StoreError) in
                for drift in part {
                    let (service, actual) = (drift.service, drift.actual)
                    // Somebody may have worked on it since it was asked about: then the worker's word is newer.
                    guard var now = try transaction.serviceForChange(service.id), now.updatedAt == service.updatedAt else { continue }
                    if drift.seen == .altered {
                        // To be applied anew; its counters go on.
                        try transaction.setServiceTerms(of: now, limits: now.limits, options: now.options)
                        now = try transaction.service(now.id) ?? now
                    }
                    if actual != now.actual { try transaction.recordDrift(of: now, actual: actual) }
                    try transaction.audit(
                        actor: "system", action: "service.drift", subject: service.id.text,
                        before: JSON.object(["actual": .string(service.actual.rawValue)]).text,
                        after: JSON.object(["actual": .string(drift.seen == .altered ? "altered" : actual.rawValue)]).text)
                    if Lifecycle.nextAction(now.desired, actual, isCurrent: now.isCurrent) != nil { _ = try transaction.queueJob(for: now) }
                }
            }
        }
        mended.add(UInt64(drifted.count))
        log.notice("reconcile.mended", ["services": LogValue(drifted.count)])
        wake()
    }

    /// Services that are behind and whose job was given up a while ago, or lost: begin anew.
    private func pickUp() async throws(StoreError) {
        let before = store.ambient.now().adding(seconds: -RetryPolicy.restSeconds)
        let count = try await store.transaction { transaction throws(StoreError) -> Int in
            let behind = try transaction.servicesLeftBehind(before: before, limit: 100)
            for service in behind { _ = try transaction.queueJob(for: service) }
            return behind.count
        }
        if count > 0 { wake() }
    }

    private func setBrake(_ since: Timestamp?, _ backend: Backend?) async throws(StoreError) {
        guard let backend, (backend.brakedAt == nil) != (since == nil) else { return }
        try await store.transaction { transaction throws(StoreError) in
            try transaction.setBackendBrake(since, of: backend.id)
            if since != nil {
                try transaction.audit(actor: "system", action: "backend.brake", subject: backend.id.text)
                try transaction.promise("backend.braked", subject: backend.id.text, body: ["name": .string(backend.name)])
            }
        }
    }
}
