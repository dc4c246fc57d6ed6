import Domain
import Drivers
import Provisioning
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit

/// A store, a notebook for a backend, and workers that can be stopped at any step.
final class World: Sendable {
    static let kind = ServiceKind.vpn  // any name will do; the notebook takes its place
    let store: Store
    let clock: TestClock
    let notebook = Notebook()
    let keyring: Keyring
    let orders: Orders
    let drivers: DriverTable
    let metrics = Metrics()
    private let stop = Mutex<(@Sendable (ProvisioningStep, ServiceID) -> Bool)?>(nil)

    init(_ store: Store, _ clock: TestClock, more: [any ServiceDriver] = [], before: @escaping @Sendable () async -> Void = {}) throws {
        (self.store, self.clock) = (store, clock)
        let password = SecretBytes([UInt8](repeating: 3, count: 32))
        keyring = try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
            ambient: clock.ambient)
        let relay = RelayKeyDriver(StoredKeys(store, changed: {})) { Array($0.reversed()) }
        drivers = DriverTable([NotebookDriver(notebook, kind: Self.kind, before: before), relay] + more)
        orders = Orders(drivers: drivers, keys: DataKeys(keyring))
    }

    /// From now on whoever reaches a step that this says yes to stops there.
    func stop(_ when: (@Sendable (ProvisioningStep, ServiceID) -> Bool)?) { stop.withLock { $0 = when } }

    func workers(limits: WorkerLimits = WorkerLimits(), drivers: DriverTable? = nil) -> Workers {
        Workers(store: store, drivers: drivers ?? self.drivers, keys: DataKeys(keyring), limits: limits, log: .silent, metrics: metrics) {
            [self] step, id throws(Stopped) in
            if stop.withLock({ $0 })?(step, id) == true { throw Stopped() }
        }
    }

    func order(_ label: String = "one", kind: ServiceKind = World.kind, limits: JSON = ["size": 5], subscription: Subscription? = nil)
        async throws
        -> (service: Service, operation: Operation)
    {
        try await store.transaction { [orders] transaction throws(StoreError) in
            try orders.order(
                Orders.Wish(
                    kind: kind, label: label, limits: limits, owner: subscription?.ownerID, subscription: subscription), actor: "system",
                in: transaction)
        }
    }
    @discardableResult
    func change(_ id: ServiceID, _ change: Orders.Change) async throws -> Operation {
        try await store.transaction { [orders] transaction throws(StoreError) in
            try orders.change(id, change, actor: "system", in: transaction)
        }
    }
    func service(_ id: ServiceID) async throws -> Service? {
        try await store.read { reader throws(StoreError) in try reader.service(id) }
    }
    func operation(_ id: OperationID) async throws -> Operation? {
        try await store.read { reader throws(StoreError) in try reader.operation(id) }
    }
    /// Works until nothing waits, moving the clock past waits and leases of those who stopped.
    func settle(_ workers: Workers? = nil) async throws {
        let workers = workers ?? self.workers()
        for _ in 0..<100 {
            try await workers.drain()
            guard try await store.read({ reader throws(StoreError) in try reader.openJobCount() }) > 0 else { return }
            clock.advance(milliseconds: 400_000)
        }
    }
}

func withWorld(
    _ database: TestDatabase = .sqliteInMemory, clock: TestClock = TestClock(), before: @escaping @Sendable () async -> Void = {},
    _ test: (World) async throws -> Void
) async throws {
    try await withStore(database, clock: clock) { store in try await test(try World(store, clock, before: before)) }
}
