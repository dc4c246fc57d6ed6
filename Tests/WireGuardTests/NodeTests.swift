import Domain
import Drivers
import HTTP
import Provisioning
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

/// A server's machinery with one node of kind `vpn`.
struct NodeWorld: Sendable {
    let store: Store
    let clock: TestClock
    let keyring: Keyring
    let drivers: DriverTable
    let orders: Orders
    let lines = WrittenLines()
    var log: Log { Log(level: .debug, output: lines, now: clock.ambient.now) }

    init(_ store: Store, _ clock: TestClock, ways: [String: NodeWay] = [:]) throws {
        (self.store, self.clock) = (store, clock)
        let password = SecretBytes([UInt8](repeating: 3, count: 32))
        keyring = try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
            ambient: clock.ambient)
        var ports = NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient)
        ports.ways.merge(ways) { $1 }
        drivers = DriverTable([WireGuardDriver(ports)])
        orders = Orders(drivers: drivers, keys: DataKeys(keyring))
    }

    func addNode(_ settings: JSON, address: String = "", secret: String? = nil, capacity: Int64 = 100_000) async throws -> BackendID {
        try await store.transaction { [keyring] transaction throws(StoreError) in
            let id = BackendID(transaction.ambient)
            let place = SealedPlace(table: "backends", row: id.text, column: "secret_sealed")
            _ = try transaction.createBackend(
                NewBackend(
                    id: id, kind: .vpn, name: "node \(id.text.suffix(4))", address: address, settings: settings,
                    secretSealed: secret.map { keyring.seal(Array($0.utf8), for: place) }, capacity: capacity))
            return id
        }
    }
    func order(_ label: String = "phone", options: JSON = [:], subscription: Subscription? = nil, limits: JSON = [:]) async throws
        -> Service
    {
        try await store.sale { [orders] transaction throws(StoreError) in
            try orders.order(
                Orders.Wish(
                    kind: .vpn, label: label, limits: limits, options: options, owner: subscription?.ownerID, subscription: subscription),
                actor: "system", in: transaction
            ).service
        }
    }
    func change(_ id: ServiceID, _ change: Orders.Change) async throws {
        _ = try await store.transaction { [orders] transaction throws(StoreError) in
            try orders.change(id, change, actor: "system", in: transaction)
        }
    }
    func service(_ id: ServiceID) async throws -> Service? {
        try await store.read { reader throws(StoreError) in try reader.service(id) }
    }
    func workers(hook: @escaping StepHook = { (_, _) throws(Stopped) in }) -> Workers {
        Workers(store: store, drivers: drivers, keys: DataKeys(keyring), log: log, metrics: Metrics(), hook: hook)
    }
    /// Works until nothing waits, moving the clock past waits.
    func settle() async throws {
        let workers = self.workers()
        for _ in 0..<20 {
            try await workers.drain()
            guard try await store.read({ reader throws(StoreError) in try reader.openJobCount() }) > 0 else { return }
            clock.advance(milliseconds: 400_000)
        }
        Issue.record("it does not come to rest")
    }

    static let recordOnly: JSON = [
        "driver": "none", "pool": ["v4": "10.8.0.0/24", "v6": "fd00:1::/112"],
        "server": ["public_key": "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI=", "endpoint": "vpn.example.com:51820"],
    ]
}

final class WrittenLines: LogOutput {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.joined() } }
    func write(_ line: [UInt8], to channel: LogChannel) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
}

func withNodes(
    _ database: TestDatabase = .sqliteInMemory, clock: TestClock = TestClock(), ways: [String: NodeWay] = [:],
    _ test: (NodeWorld) async throws -> Void
) async throws {
    try await withStore(database, clock: clock) { store in try await test(try NodeWorld(store, clock, ways: ways)) }
}

@Suite struct NodeTests {
    /// With the address rest at zero, so that only what is in use is taken.
    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `100 creates at once give 100 addresses`(database: TestDatabase) async throws {
        try await withNodes(database) { world in
            _ = try await world.addNode(NodeWorld.recordOnly)
            let services = try await withThrowingTaskGroup(of: Service.self) { group in
                for number in 0..<100 { group.addTask { try await world.order("peer \(number)") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(services.compactMap { $0.choices["address"].string }).count == 100)
            #expect(Set(services.compactMap { $0.choices["address6"].string }).count == 100)
            #expect(Set(services.compactMap { $0.choices["public_key"].string }).count == 100)
            #expect(
                services.contains { $0.choices["address"] == "10.8.0.2" } && services.contains { $0.choices["address"] == "10.8.0.101" })
        }
    }

    @Test func `a full pool refuses and leaves no row, and a freed address rests`() async throws {
        try await withNodes { world in
            var settings = NodeWorld.recordOnly.object ?? [:]
            settings["pool"] = ["v4": "10.9.0.0/29", "exclude": ["10.9.0.3"], "rest_seconds": 600]
            _ = try await world.addNode(.object(settings))
            var services: [Service] = []
            for _ in 0..<4 { services.append(try await world.order()) }
            #expect(services.map { $0.choices["address"].string } == ["10.9.0.2", "10.9.0.4", "10.9.0.5", "10.9.0.6"])
            await #expect(throws: StoreError.refused("no_capacity")) { _ = try await world.order() }
            #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == 4)
            try await world.settle()
            try await world.change(services[1].id, .terminate)
            try await world.settle()
            #expect(try await world.service(services[1].id)?.endedAt != nil)
            await #expect(throws: StoreError.refused("no_capacity")) { _ = try await world.order() }
            world.clock.advance(milliseconds: 600_000)
            #expect(try await world.order().choices["address"] == "10.9.0.4")
        }
    }

    @Test func `a device's own key and a wished address are taken once`() async throws {
        let key = "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="
        try await withNodes { world in
            _ = try await world.addNode(NodeWorld.recordOnly)
            let made = try await world.order(options: ["public_key": .string(key), "address": "10.8.0.7/32"])
            #expect(made.choices["public_key"].string == key && made.choices["address"] == "10.8.0.7")
            let secret = try #require(try await world.orders.secret(of: made, in: world.store))
            #expect(!String(decoding: secret, as: UTF8.self).contains("private_key"))
            for options: JSON in [["public_key": .string(key)], ["address": "10.8.0.7"]] {
                await #expect(throws: StoreError.refused("already_taken")) { _ = try await world.order(options: options) }
            }
            for options: JSON in [
                ["address": "10.8.0.1"], ["address": "10.8.0.255"], ["address": "192.0.2.7"], ["address": "0.0.0.0/0"],
                ["public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],
            ] {
                await #expect(throws: StoreError.refused("bad_options")) { _ = try await world.order(options: options) }
            }
        }
    }

    @Test func `a config that we build has the keys that were chosen`() async throws {
        try await withNodes { world in
            let node = try await world.addNode(NodeWorld.recordOnly)
            let service = try await world.order("Ada's phone")
            try await world.settle()
            let driver = try #require(world.drivers[.vpn] as? WireGuardDriver)
            let access = BackendAccess(id: node, name: "n", address: "", settings: NodeWorld.recordOnly, secret: nil)
            let kept = try #require(try await world.service(service.id))
            #expect(kept.actual == .active && kept.details["applied"] == false)
            let order = ServiceOrder(
                id: kept.id, owner: nil, label: kept.label, limits: kept.limits, choices: kept.choices, details: kept.details,
                secret: try await world.orders.secret(of: kept, in: world.store), backend: access)
            let text = String(decoding: try await driver.config(of: order).bytes, as: UTF8.self)
            let config = try ClientConfig(parsing: text)
            guard case .known(let key) = config.privateKey else {
                Issue.record("no private key")
                return
            }
            let derived = try WireGuardKey(try #require(WireGuardKeys.publicKey(ofPrivate: key.bytes)))
            #expect(derived.text == kept.choices["public_key"].string && config.presharedKey != nil)
            #expect(config.addresses == ["10.8.0.2/32", "fd00:1::2/128"] && config.endpoint == "vpn.example.com:51820")
            #expect(!kept.choices.text.contains(key.text) && !kept.details.text.contains(key.text))
        }
    }

    @Test func `two writers of one interface are a conflict`() throws {
        func node(_ name: String, _ address: String, _ settings: JSON) -> BackendAccess {
            BackendAccess(id: BackendID(TestClock().ambient), name: name, address: address, settings: settings, secret: nil)
        }
        let controller: JSON = ["driver": "wg-easy"]
        let one = node("one", "http://vpn.example.com:51821", controller)
        #expect(NodeRules.conflicts([one, node("two", "https://other.example.com", controller)]).isEmpty)
        // One controller is one host, port and path; another one beside it has an interface of its own, in its own container.
        for (address, count) in [
            ("http://VPN.example.com:51821/", 1), ("https://vpn.example.com:51821", 1), ("http://admin@vpn.example.com:51821", 1),
            ("http://vpn.example.com:51822", 0), ("http://vpn.example.com:51821/two", 0), ("https://vpn.example.com", 0),
        ] { #expect(NodeRules.conflicts([one, node("two", address, controller)]).count == count, "\(address)") }
        #expect(NodeRules.conflicts([node("a", "http://127.0.0.1:1", controller), node("b", "http://[::1]:2", controller)]).isEmpty)
        #expect(NodeRules.conflicts([node("a", "http://127.0.0.1:1", controller), node("b", "http://[::1]:1/", controller)]).count == 1)
        #expect(
            NodeRules.conflicts([node("a", "http://vpn.example.com", controller), node("b", "http://vpn.example.com:80", controller)]).count
                == 1)
        #expect(
            NodeRules.conflicts([one, node("two", "http://vpn.example.com:51821", ["driver": "wg-easy", "interface": "wg1"])]).count == 1)
        // Scripts on its host must leave a controller's interface alone, whatever its port.
        let host: JSONObject = ["driver": "ssh", "pool": ["v4": "10.8.0.0/24"], "server": NodeWorld.recordOnly["server"]]
        var besides = host
        besides["interface"] = "wg1"
        #expect(NodeRules.conflicts([one, node("two", "wg@vpn.example.com", .object(host))]).count == 1)
        #expect(NodeRules.conflicts([one, node("two", "wg@vpn.example.com", .object(besides))]).isEmpty)
    }
}
