internal import Domain
internal import Drivers
internal import Glibc
internal import HTTP
internal import Provisioning
internal import Secrets
internal import Store
private import Synchronization
internal import Telemetry

/// A controller of the newest generation that answers its list from memory, as long as a real one of that many peers.
private final class ListingController: HTTPClient {
    private let list = Mutex<[UInt8]>([])
    private let lists = Mutex<Int>(0)
    var fetched: Int { lists.withLock { $0 } }

    func set(_ names: [String], _ ambient: Ambient) {
        var rows: [JSON] = []
        for (index, name) in names.enumerated() {
            let key = WireGuardKeys.publicKey(ofPrivate: WireGuardKeys.makePrivate(ambient)) ?? []
            rows.append([
                "id": .int(Int64(index + 1)), "userId": 1, "interfaceId": "wg0", "name": .string(name),
                "ipv4Address": .string("10.8.\(index >> 8).\(index & 255)"),
                "ipv6Address": .string("fd00::\(Hex.text([UInt8(index >> 8), UInt8(index & 255)]))"),
                "preUp": "", "postUp": "", "preDown": "", "postDown": "", "publicKey": .string(Base64.text(key)), "expiresAt": nil,
                "allowedIps": nil, "serverAllowedIps": [], "persistentKeepalive": 0, "mtu": 1420, "dns": nil, "serverEndpoint": nil,
                "enabled": true, "createdAt": "2026-03-01T10:00:00.000Z", "updatedAt": "2026-03-01T10:00:00.000Z", "oneTimeLink": nil,
                "latestHandshakeAt": "2026-03-01T10:00:00.000Z", "endpoint": "192.0.2.7:40000", "transferRx": .int(Int64(index) * 1000),
                "transferTx": .int(Int64(index) * 2000),
            ])
        }
        list.withLock { $0 = JSON.array(rows).bytes }
    }

    func send(_ request: OutgoingRequest) async throws(ClientError) -> OutgoingReply {
        lists.withLock { $0 += 1 }
        return OutgoingReply(status: 200, headers: ["content-type": "application/json"], body: list.withLock { $0 })
    }
}

/// Prepares peers as the real driver does, and says that they are there.
private struct Preparing: ServiceDriver {
    let real: WireGuardDriver
    let notebook: Notebook
    var kind: ServiceKind { real.kind }
    let usesBackends = true
    var limits: [FieldDoc] { real.limits }
    var options: [FieldDoc] { real.options }
    func check(limits: JSON) throws(InputErrors) { try real.check(limits: limits) }
    func check(options: JSON) throws(InputErrors) { try real.check(options: options) }
    func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation { try real.prepare(order, ambient) }
    func create(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, true) }
    func update(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.look(service.id) }
    func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, false) }
    func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, true) }
    func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.set(service.id, nil) }
    func look(_ service: ServiceOrder) async throws(DriverError) -> Sight { notebook.look(service.id) }
}

private func processorSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// What one pass of reconcile and one of metering over that many peers of one controller cost, the database included and the network left out.
func measureReconcile(_ location: DatabaseLocation, _ count: Int) async throws {
    let store = try await Store.open(location, ambient: .live)
    _ = try await store.migrate()
    let ambient = store.ambient
    let password = SecretBytes(ambient.randomBytes(32))
    let keyring = try Keyring.open(
        [try Keyring.makeDataKey(encryptionKey: password, ambient: ambient)], encryptionKey: password, legacyKey: nil, ambient: ambient)
    let controller = ListingController()
    let real = WireGuardDriver(NodePorts(http: controller, ambient: ambient))
    let making = DriverTable([Preparing(real: real, notebook: Notebook())])
    try await store.transaction { transaction throws(StoreError) in
        _ = try transaction.createBackend(
            NewBackend(
                id: BackendID(ambient), kind: .vpn, name: "bench", address: "http://127.0.0.1:1",
                settings: ["driver": "wg-easy", "generation": "v15"], capacity: Int64(count)))
    }
    for start in stride(from: 0, to: count, by: 100) {
        try await store.transaction { transaction throws(StoreError) in
            for index in start..<min(start + 100, count) {
                let wish = Orders.Wish(kind: .vpn, label: "s\(index)", limits: [:], owner: nil)
                _ = try Orders(drivers: making, keys: DataKeys(keyring)).order(wish, actor: "bench", in: transaction)
            }
        }
    }
    var limits = WorkerLimits()
    limits.jobsPerPlace = limits.jobs
    _ = try await Workers(store: store, drivers: making, keys: DataKeys(keyring), limits: limits, log: .silent, metrics: Metrics()).drain()
    var names: [String] = []
    while names.count < count {
        let offset = names.count
        names += try await store.read { reader throws(StoreError) in
            try reader.liveServices(ServiceFilter(kind: .vpn), offset: offset, limit: 1000).compactMap { $0.choices["peer_name"].string }
        }
    }
    controller.set(names, ambient)
    let orders = Orders(drivers: DriverTable([real]), keys: DataKeys(keyring))
    let reconcile = Reconcile(store: store, orders: orders, log: .silent, metrics: Metrics()) {}
    let metering = Metering(store: store, orders: orders, log: .silent) {}
    for round in 1...3 {
        let (began, before) = (processorSeconds(), controller.fetched)
        let reports = try await reconcile.pass()
        let (between, lists) = (processorSeconds(), controller.fetched - before)
        _ = try await metering.pass()
        let ended = processorSeconds()
        let drifted = reports.reduce(0) { $0 + $1.drifted.count }
        let asked = reports.reduce(0) { $0 + $1.services }
        print(
            "\(store.dialect.rawValue) pass \(round): \(asked) peers, \(drifted) drifted, \(lists) lists, reconcile \(Int((between - began) * 1000)) ms, metering \(Int((ended - between) * 1000)) ms of processor time"
        )
        guard asked == count, drifted == 0 else { exit(1) }
    }
    await store.close()
}
