internal import API
internal import Billing
internal import Domain
internal import Drivers
internal import HTTP
internal import Provisioning
internal import Secrets
internal import Store
internal import Telemetry

/// What sells and keeps alive: drivers, workers, timers, sales. `serve` runs it; commands use it without running.
struct SalesParts: Sendable {
    let sales: Sales
    let doors: PaymentDoors
    let workers: Workers
    let expiry: Expiry
    let reconcile: Reconcile
    let metering: Metering
    let nodes: BackendKeeping
    let webhooks: WebhookBook
    private let books: Books
    private let outgoing: Outgoing
    private let store: Store
    private let log: Log

    /// - Parameters:
    ///   - webhooks: who is told of events; nil makes a book of its own.
    ///   - changed: tells the data path of this process that relay keys have changed.
    init(
        settings: Settings, store: Store, dataKeys: DataKeys, hasher: RelayKeyHasher, log: Log, metrics: Metrics,
        webhooks: WebhookBook? = nil, changed: @escaping @Sendable () async -> Void
    ) throws {
        let nodes = NodePorts(http: try CurlClient(ambient: store.ambient), ambient: store.ambient)
        let ports = DriverPorts(keys: StoredKeys(store, changed: changed), keyHash: { hasher.hash($0) }, nodes: nodes)
        let drivers = DriverTable(Registry.drivers(ports))
        let orders = Orders(drivers: drivers, keys: dataKeys)
        let workers = Workers(store: store, drivers: drivers, keys: dataKeys, log: log, metrics: metrics)
        let wake: @Sendable () -> Void = { workers.wake() }
        self.workers = workers
        expiry = Expiry(store: store, orders: orders, log: log, retentionSeconds: settings.retentionSeconds, wake: wake)
        reconcile = Reconcile(store: store, orders: orders, log: log, metrics: metrics, wake: wake)
        metering = Metering(store: store, orders: orders, log: log, wake: wake)
        self.nodes = BackendKeeping(store: store, orders: orders)
        sales = Sales(store: store, orders: orders, expiry: expiry, wake: wake)
        doors = PaymentDoors(settings.providerSettings(baseURL: settings.apiURL ?? "http://\(settings.host):\(settings.port)"))
        let webhooks = try webhooks ?? Self.webhooks(settings, store, dataKeys.keyring, log)
        self.webhooks = webhooks
        outgoing = Outgoing(store: store, client: try Self.webhookClient(settings, store), book: webhooks, log: log, metrics: metrics)
        books = Books(store: store, log: log, metrics: metrics)
        (self.store, self.log) = (store, log)
    }

    static func webhooks(_ settings: Settings, _ store: Store, _ keyring: Keyring, _ log: Log) throws -> WebhookBook {
        WebhookBook(
            fixed: try settings.webhookTargets(), store: store, keyring: keyring, allowsLoopback: settings.allowsLoopbackUpstream, log: log
        ) { try await Vault.open(settings, store).keyring }
    }

    /// Never calls metadata services, whatever a page has been given as an address.
    static func webhookClient(_ settings: Settings, _ store: Store) throws -> CurlClient {
        var configuration = CurlConfiguration()
        configuration.addressRule = AddressRule(allowsLoopback: true)
        return try CurlClient(ambient: store.ambient, configuration)
    }

    /// Makes or updates the node that the settings describe.
    /// - Throws: `Failure` when two nodes write to one interface: each would remove the other's peers.
    func prepareNodes(_ settings: Settings) async throws {
        if let wanted = try settings.node() {
            _ = try await nodes.keep(
                .vpn, wanted.node, named: Settings.standardNode, secret: wanted.secret, actor: "settings")
        }
        let conflicts = try await nodes.conflicts(.vpn)
        guard conflicts.isEmpty else {
            throw Failure(
                conflicts.joined(separator: "; ")
                    + ". Only one may: disable the other with: gatehouse vpn node status NAME disabled")
        }
    }

    /// What was overdue when we started is decided before anybody is told that we are ready; the workers then carry it out.
    func enforceOverdue() async throws { _ = try await expiry.pass() }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await workers.run() }
            group.addTask { await expiry.run() }
            group.addTask { await reconcile.run() }
            group.addTask { await metering.run() }
            group.addTask { await tidy() }
            group.addTask { await books.run() }
            group.addTask { await webhooks.run() }
            group.addTask { await outgoing.run() }
        }
    }

    /// Once a day: finished jobs, operations and messages go after 30 days.
    private func tidy() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                let before = store.ambient.now().adding(seconds: -30 * 86_400)
                try await repeated { transaction throws(StoreError) in try transaction.deleteOperations(finishedBefore: before) }
                try await repeated { transaction throws(StoreError) in try transaction.deleteJobs(finishedBefore: before) }
                try await repeated { transaction throws(StoreError) in try transaction.deleteInbox(receivedBefore: before) }
                try await repeated { transaction throws(StoreError) in try transaction.deleteOutbox(finishedBefore: before) }
                try await repeated { transaction throws(StoreError) in try transaction.deleteConfigLinks(expiredBefore: before) }
            } catch { log.warning("sales.tidy_failed", ["error": LogValue("\(error)")]) }
            do { try await store.ambient.sleep(.seconds(86_400)) } catch { return }
        }
    }
    private func repeated(_ delete: @escaping @Sendable (Transaction) throws(StoreError) -> Int) async throws(StoreError) {
        while try await store.transaction(delete) == 500 { await Task.yield() }
    }

    func endpoints(_ people: People, _ door: SessionDoor, _ settings: Settings) -> [MountedEndpoint] {
        let front = Storefront(
            sales: sales, doors: doors, people: people, door: door, isDevelopment: !settings.isProduction, issuer: settings.invoiceIssuer)
        let configs = ServiceConfigs(front)
        return configs.endpoints + OlderPeers(front, configs).endpoints + OlderAuth(front).endpoints
            + Tariffs(front, currency: settings.currency).endpoints + OlderPayments(front).endpoints
            + SoldPlans(front).endpoints + Nodes(front, nodes).endpoints + SoldServices(front) { workers.wake() }.endpoints
            + SoldPayments(front).endpoints
            + OwnServices(front).endpoints + Upgrades(front).endpoints + OlderWebhooks(front, webhooks).endpoints
            + WebhookEvents(front).endpoints
    }
}
