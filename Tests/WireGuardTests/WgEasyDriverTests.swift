import Domain
import Drivers
import FakeUpstreamParts
import HTTP
import Provisioning
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

private let fullModes = WgEasyMode.allCases.filter { $0 != .rawClients }

@Suite struct WgEasyDriverTests {
    let clock = TestClock()

    private func service(_ server: WgEasyServer, _ label: String = "phone", password: String? = nil, settings: JSON = [:]) throws
        -> (driver: WireGuardDriver, service: ServiceOrder)
    {
        let driver = WireGuardDriver(NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient))
        var given = settings.object ?? [:]
        given["driver"] = "wg-easy"
        let access = BackendAccess(
            id: BackendID(clock.ambient), name: "node", address: "http://127.0.0.1:\(server.port)/", settings: .object(given),
            secret: Array((password ?? server.password).utf8))
        var order = ServiceOrder(id: ServiceID(clock.ambient), owner: nil, label: label, limits: [:], backend: access)
        let prepared = try driver.prepare(order, clock.ambient)
        var choices = prepared.choices
        for claim in prepared.claims { choices[claim.name] = claim.choose([]).map { .string($0) } }
        (order.choices, order.details) = (.object(choices), .object(prepared.details))
        return (driver, order)
    }
    private func name(_ service: ServiceOrder) -> String { service.choices["peer_name"].string ?? "" }

    @Test(arguments: fullModes)
    func `a controller is recognised, and its config is delivered whole`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "pass word:ü")
        defer { server.close() }
        let (driver, service) = try service(server, "Ada's phone")
        let made = try await driver.create(service)
        #expect(made.presence == .active && made.details?["addresses"].array?.first == "10.8.0.2")
        #expect(server.names == [name(service)] && name(service).hasPrefix("Ada-s-phone-"))
        let config = try await driver.config(of: service)
        #expect(config.fileName == "Ada-s-phone.conf")
        let read = try ClientConfig(parsing: String(decoding: config.bytes, as: UTF8.self))
        guard case .known(let key) = read.privateKey else {
            Issue.record("no private key")
            return
        }
        let derived = try WireGuardKey(try #require(WireGuardKeys.publicKey(ofPrivate: key.bytes)))
        #expect(made.details?["public_key"].string == derived.text, "its key is the one the controller lists")
        #expect(!server.seen.contains { $0.hasSuffix("bearer") })
        #expect(server.secrets.allSatisfy { !"\(made)".contains($0) })
    }

    @Test(arguments: fullModes)
    func `a create that breaks off after it was done is adopted`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        server.befall(.resetAfter, "POST", "/client")
        #expect(try await driver.create(service).presence == .active)
        #expect(try await driver.create(service).presence == .active)
        #expect(server.names == [name(service)])
    }

    @Test(arguments: fullModes)
    func `of two peers with one name the older stays, and strangers are left alone`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        server.add("someone else")
        let (driver, service) = try service(server)
        server.add(name(service) + "x")
        server.befall(.twice, "POST", "/client")
        let made = try await driver.create(service)
        #expect(made.details?["addresses"].array?.first == "10.8.0.4")
        #expect(Set(server.names) == ["someone else", name(service), name(service) + "x"] && server.names.count == 3)
        #expect(try await driver.terminate(service).presence == .absent)
        #expect(try await driver.terminate(service).presence == .absent)
        #expect(Set(server.names) == ["someone else", name(service) + "x"])
    }

    @Test(arguments: fullModes)
    func `a peer that is not shown at once is waited for`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        #expect(try await driver.look(service).presence == .absent)
        server.befall(.hideNewest, "GET", "/client", times: 2)
        #expect(try await driver.create(service).presence == .active)
        #expect(server.names == [name(service)])
    }

    @Test(arguments: fullModes)
    func `20 creates at once make 20 peers, each its own`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, first) = try service(server)
        let services = try (0..<20).map { number throws in
            var other = ServiceOrder(id: ServiceID(clock.ambient), owner: nil, label: "peer", limits: [:], backend: first.backend)
            other.choices = ["peer_name": .string("peer-\(number)")]
            return other
        }
        let addresses = try await withThrowingTaskGroup(of: String.self) { group in
            for service in services {
                group.addTask { try await driver.create(service).details?["addresses"].array?.first?.string ?? "" }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(addresses.count == 20 && !addresses.contains(""))
        #expect(Set(server.names) == Set((0..<20).map { "peer-\($0)" }) && server.names.count == 20)
    }

    @Test(arguments: fullModes)
    func `a lost session is opened again`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        _ = try await driver.create(service)
        server.loseSessions()
        #expect(try await driver.suspend(service).presence == .suspended)
        #expect(server.enabledNames.isEmpty)
        let logins = server.seen.filter { $0.hasPrefix("POST /api/session") }.count
        #expect(logins == (mode == .v13 ? 2 : 0), "only the version without a header needs cookies")
    }

    @Test(arguments: fullModes)
    func `a wrong password is told as credentials and not as an outage`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server, password: "wrong")
        let error = await #expect(throws: DriverError.self) { _ = try await driver.create(service) }
        #expect(error == .refused("the controller does not take our credentials"))
        #expect(server.names.isEmpty)
    }

    @Test(arguments: fullModes, [WgEasyFault.truncated, .html, .empty, .badGateway, .unavailable])
    func `an answer that is none makes no second peer`(mode: WgEasyMode, fault: WgEasyFault) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        _ = try await driver.create(service)
        server.befall(fault, "GET", "/client", times: 3)
        let error = await #expect(throws: DriverError.self) { _ = try await driver.create(service) }
        #expect(error?.isRetryable == true)
        #expect(server.names == [name(service)])
    }

    @Test(arguments: fullModes)
    func `a full pool leaves nothing behind`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        server.befall(.full, "POST", "/client")
        let error = await #expect(throws: DriverError.self) { _ = try await driver.create(service) }
        guard case .noCapacity = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.names.isEmpty)
    }

    @Test func `a peer that the controller thinks expired is switched on by our clock`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        _ = try await driver.create(service)
        _ = try await driver.suspend(service)
        server.befall(.expired, "POST", "/enable")
        #expect(try await driver.resume(service).presence == .active)
        #expect(server.enabledNames == [name(service)])
    }

    @Test(arguments: fullModes)
    func `counters are read for many at once`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        _ = try await driver.create(service)
        server.count(name(service), received: 564, sent: 476)
        #expect(try await driver.usage(of: [service])[service.id] == UsageReading(received: 564, sent: 476, handshake: nil))
        _ = try await driver.suspend(service)
        #expect(try await driver.usage(of: [service]).isEmpty, "a closed peer has no counters")
    }

    @Test func `plain http reaches loopback only, unless the operator says otherwise`() throws {
        let driver = WireGuardDriver(NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient))
        #expect(driver.kind == .vpn && driver.usesBackends)
        let cases: [(String, JSONObject, Bool)] = [
            ("http://192.0.2.1:51821", [:], true), ("http://127.0.0.1.example.com", [:], true), ("http://[::1]:51821/", [:], false),
            ("http://192.0.2.1:51821", ["insecure": true], false), ("https://vpn.example.com", ["generation": "v15"], false),
            ("https://vpn.example.com", ["generation": "v99"], true), ("https://vpn.example.com", ["key_policy": "db"], true),
            ("https://vpn.example.com", ["driver": "carrier-pigeon"], true),
        ]
        for (address, given, isRefused) in cases {
            var settings = given
            settings["driver"] = given["driver"] ?? "wg-easy"
            let access = BackendAccess(id: BackendID(clock.ambient), name: "n", address: address, settings: .object(settings), secret: [1])
            #expect((driver.refusal(of: access) != nil) == isRefused, "\(address) \(given)")
        }
    }

    @Test func `the raw dialect makes, adopts and deletes, and says what it cannot`() async throws {
        let server = try WgEasyServer(mode: .rawClients, password: "secret")
        defer { server.close() }
        let (driver, service) = try service(server)
        #expect(try await driver.create(service).presence == .active)
        #expect(try await driver.create(service).presence == .active)
        #expect(server.names.count == 1)
        await #expect(throws: DriverError.refused("this controller gives no configs")) { _ = try await driver.config(of: service) }
        await #expect(throws: DriverError.refused("this controller cannot switch peers on and off")) {
            _ = try await driver.suspend(service)
        }
        #expect(try await driver.terminate(service).presence == .absent)
        #expect(server.names.isEmpty && !server.seen.contains { $0.hasSuffix("bearer") })
    }
}

/// A whole server's machinery over a controller, stopped at every step.
@Suite struct WgEasyCrashTests {
    @Test(arguments: fullModes, ProvisioningStep.allCases)
    func `a stop at any step leaves one peer and one row`(mode: WgEasyMode, step: ProvisioningStep) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let password = SecretBytes([UInt8](repeating: 3, count: 32))
            let keyring = try Keyring.open(
                [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
                ambient: clock.ambient)
            let drivers = DriverTable([WireGuardDriver(NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient))])
            let orders = Orders(drivers: drivers, keys: DataKeys(keyring))
            let stops = Mutex(true)
            let workers = Workers(store: store, drivers: drivers, keys: DataKeys(keyring), log: .silent, metrics: Metrics()) {
                reached, _ throws(Stopped) in
                if reached == step, stops.withLock({ $0 }) { throw Stopped() }
            }
            let service = try await store.transaction { transaction throws(StoreError) in
                let id = BackendID(transaction.ambient)
                let place = SealedPlace(table: "backends", row: id.text, column: "secret_sealed")
                _ = try transaction.createBackend(
                    NewBackend(
                        id: id, kind: .vpn, name: "node", address: "http://127.0.0.1:\(server.port)",
                        settings: ["driver": "wg-easy"],
                        secretSealed: keyring.seal(Array("secret".utf8), for: place), capacity: 10))
                return try orders.order(
                    Orders.Wish(kind: .vpn, label: "phone", limits: [:], owner: nil), actor: "system", in: transaction
                ).service
            }
            func run(_ change: Orders.Change?) async throws {
                if let change {
                    _ = try await store.transaction { transaction throws(StoreError) in
                        try orders.change(service.id, change, actor: "system", in: transaction)
                    }
                }
                stops.withLock { $0 = true }
                try await workers.drain()
                stops.withLock { $0 = false }
                for _ in 0..<20 {
                    clock.advance(milliseconds: 400_000)
                    try await workers.drain()
                    guard try await store.read({ reader throws(StoreError) in try reader.openJobCount() }) > 0 else { return }
                }
                Issue.record("it does not come to rest")
            }
            func actual() async throws -> ActualState? {
                let kept = try await store.read { reader throws(StoreError) in try reader.service(service.id) }
                return kept?.actual
            }
            let abuse = Suspension(.abuse, by: .operator)
            try await run(nil)
            #expect(server.enabledNames.count == 1 && server.names.count == 1)
            #expect(try await actual() == .active)
            try await run(.suspend(abuse))
            #expect(server.enabledNames.isEmpty && server.names.count == 1)
            try await run(.lift(.operator))
            #expect(server.enabledNames.count == 1 && server.names.count == 1)
            try await run(.terminate)
            #expect(server.names.isEmpty)
            #expect(try await actual() == .gone)
            #expect(server.seen.filter { $0.hasPrefix("POST") && $0.contains("/client ") }.count == 1, "one create")
        }
    }
}
