import Domain
import Drivers
import FakeUpstreamParts
import HTTP
import Provisioning
import Store
import Telemetry
import TestKit
import Testing

private let fullModes = WgEasyMode.allCases.filter { $0 != .rawClients }
private let newest: [WgEasyMode] = [.v15_0, .v15_2, .v15_3]

/// A controller that hangs, lies, restarts, is full or closes peers by itself.
@Suite struct WgEasyFaultTests {
    let clock = TestClock()

    private func driver(milliseconds: Int = 10_000) throws -> WireGuardDriver {
        var ports = NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient)
        ports.patience.totalMilliseconds = milliseconds
        return WireGuardDriver(ports)
    }
    private func access(_ server: WgEasyServer, _ settings: JSONObject = [:]) -> BackendAccess {
        var settings = settings
        settings["driver"] = "wg-easy"
        return BackendAccess(
            id: BackendID(clock.ambient), name: "node", address: "http://127.0.0.1:\(server.port)", settings: .object(settings),
            secret: Array(server.password.utf8))
    }
    private func order(_ server: WgEasyServer, _ name: String, on backend: BackendAccess? = nil, endsAt: Timestamp? = nil) -> ServiceOrder {
        ServiceOrder(
            id: ServiceID(clock.ambient), owner: nil, label: "phone", limits: [:], choices: ["peer_name": .string(name)],
            backend: backend ?? access(server), endsAt: endsAt)
    }

    @Test(arguments: [WgEasyMode.v12, .v14, .v15_0, .v15_3], [WgEasyFault.hangBefore, .hangAfter])
    func `a controller that hangs is not waited for, and what it did is found`(mode: WgEasyMode, fault: WgEasyFault) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let driver = try driver(milliseconds: 500)
        let service = order(server, "phone-0123456789ab")
        server.befall(fault, "POST", "/client")
        if fault == .hangBefore {
            let error = await #expect(throws: DriverError.self) { _ = try await driver.create(service) }
            #expect(error == .outcomeUnknown("the controller hangs"))
        } else {
            #expect(try await driver.create(service).presence == .active, "it was made before the hang")
        }
        #expect(try await driver.create(service).presence == .active)
        #expect(server.names == ["phone-0123456789ab"])
    }

    @Test(arguments: fullModes)
    func `20 slow creates on a controller that shuffles its list give 20 peers, each its own`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, backend) = (try driver(), access(server))
        server.befall(.slow, "POST", "/client", times: 20)
        server.befall(.lie, "GET", "/client", times: 15)
        let services = (0..<20).map { order(server, "peer-\($0)", on: backend) }
        let keys = try await withThrowingTaskGroup(of: (String, String).self) { group in
            for service in services {
                group.addTask {
                    let key = try await driver.create(service).details?["public_key"].string ?? ""
                    return (service.choices["peer_name"].string ?? "", key)
                }
            }
            return try await group.reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
        }
        #expect(Set(keys.values).count == 20 && server.names.count == 20)
        for service in services {
            let now = try await driver.look(service)
            #expect(now.details?["public_key"].string == keys[service.choices["peer_name"].string ?? ""])
        }
    }

    @Test func `a dead controller is left alone for half a minute after five failures`() async throws {
        let server = try WgEasyServer(mode: .v14, password: "secret")
        defer { server.close() }
        let driver = try driver()
        let service = order(server, "phone-0123456789ab")
        #expect(try await driver.look(service).presence == .absent)
        server.befall(.badGateway, "GET", "/client", times: 15)
        for _ in 0..<5 { await #expect(throws: DriverError.self) { _ = try await driver.look(service) } }
        let asked = server.seen.count
        let error = await #expect(throws: DriverError.self) { _ = try await driver.look(service) }
        #expect(error?.isRetryable == true && server.seen.count == asked, "nobody was asked")
        clock.advance(milliseconds: 30_001)
        #expect(try await driver.look(service).presence == .absent)
    }

    @Test(arguments: newest)
    func `the controller hears the end, and a renewal tells the new one before it opens`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, backend) = (try driver(), access(server))
        let end = clock.ambient.now().adding(seconds: 3600)
        var service = order(server, "phone-0123456789ab", on: backend, endsAt: end)
        #expect(try await driver.create(service).presence == .active)
        #expect(server.end(of: "phone-0123456789ab") == end.adding(seconds: 60).text)
        server.closeExpired(at: end.adding(seconds: 120).text)
        #expect(try await driver.look(service).presence == .suspended)
        service.endsAt = end.adding(seconds: 86_400)
        #expect(try await driver.resume(service).presence == .active)
        #expect(server.end(of: "phone-0123456789ab") == end.adding(seconds: 86_460).text)
        let posts = server.seen.filter { $0.hasPrefix("POST /api/client/") }
        #expect(posts == ["POST /api/client/1 basic", "POST /api/client/1/enable basic"])
        service.endsAt = nil
        #expect(try await driver.update(service).presence == .active)
        #expect(server.end(of: "phone-0123456789ab") == nil)
        #expect(!server.secrets.isEmpty && server.seen.filter { $0.contains("/api/client/1 ") }.count == 4, "read and write, twice")
    }

    /// The interim builds close a peer in the last moment of a day, by their own clock: for us only when we are away.
    @Test func `an interim controller is told a day that is over after the end, and a renewal the new one`() async throws {
        let server = try WgEasyServer(mode: .nightly, password: "secret")
        defer { server.close() }
        let (driver, backend) = (try driver(), access(server))
        let end = clock.ambient.now().adding(seconds: 3600)
        var service = order(server, "phone-0123456789ab", on: backend, endsAt: end)
        #expect(try await driver.create(service).presence == .active)
        let told = try Timestamp(parsing: try #require(server.end(of: "phone-0123456789ab")))
        // Where its clock is 14 hours ahead of ours the day is over so much earlier.
        #expect(told.adding(seconds: -14 * 3600) >= end && told <= end.adding(seconds: 60 * 3600))
        // What it has need not be told again.
        #expect(try await driver.update(service).presence == .active)
        #expect(server.seen.filter { $0.contains("/expireDate") }.isEmpty)
        server.closeExpired(at: told.adding(seconds: 60).text)
        #expect(try await driver.look(service).presence == .suspended)
        service.endsAt = end.adding(seconds: 30 * 86_400)
        #expect(try await driver.resume(service).presence == .active)
        let renewed = try Timestamp(parsing: try #require(server.end(of: "phone-0123456789ab")))
        #expect(renewed >= end.adding(seconds: 30 * 86_400))
        let writes = server.seen.filter { $0.hasPrefix("PUT ") || $0.contains("/enable ") }
        #expect(writes.count == 2 && writes.first?.contains("/expireDate") == true, "first the day, then the switch: \(writes)")
        service.endsAt = nil
        #expect(try await driver.update(service).presence == .active)
        #expect(server.end(of: "phone-0123456789ab") == nil)
        #expect(server.seen.filter { $0.contains("wg-enable-expire-time") }.count == 1, "asked once")
        // The end itself is ours: it is closed at once, days before the controller would.
        #expect(try await driver.suspend(service).presence == .suspended)
        #expect(server.enabledNames.isEmpty)
    }

    @Test(arguments: [WgEasyMode.v12, .v13, .v14])
    func `older controllers keep no end`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let service = order(server, "phone-0123456789ab", endsAt: clock.ambient.now())
        #expect(try await driver().create(service).presence == .active)
        #expect(server.end(of: "phone-0123456789ab") == nil)
    }

    @Test func `a controller that was never set up is told as such`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        server.setUp(false)
        let driver = try driver()
        let service = order(server, "phone-0123456789ab")
        await #expect(throws: DriverError.refused("the controller is not set up")) { _ = try await driver.create(service) }
        server.setUp(true)
        #expect(try await driver.create(service).presence == .active)
    }

    @Test(arguments: [WgEasyMode.v14, .v15_3])
    func `a config without its private key is never delivered`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = (try driver(), order(server, "phone-0123456789ab"))
        _ = try await driver.create(service)
        server.forgetKey(of: "phone-0123456789ab")
        await #expect(throws: DriverError.refused("the controller has no usable config for this peer")) {
            _ = try await driver.config(of: service)
        }
    }

    @Test(arguments: [WgEasyMode.v14, .v15_0])
    func `one peer is found among ten thousand`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        let (driver, service) = (try driver(), order(server, "phone-0123456789ab"))
        server.add("phone-0123456789ab")
        server.fill(10_000)
        #expect(try await driver.look(service).presence == .active)
        #expect(try await driver.survey([service]) == [service.id: .active])
    }

    @Test func `a controller without a password is used without one`() async throws {
        let server = try WgEasyServer(mode: .v14, password: "")
        defer { server.close() }
        let (driver, service) = (try driver(), order(server, "phone-0123456789ab"))
        #expect(try await driver.create(service).presence == .active)
        #expect(try await driver.description(of: try #require(service.backend)) == "wg-easy 14, 1 peers")
    }

    @Test(arguments: [false, true])
    func `peers of ours that nobody knows are told, and deleted only when the operator wants it`(removes: Bool) async throws {
        let server = try WgEasyServer(mode: .v15_2, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(
                ["driver": "wg-easy", "remove_strays": .bool(removes)], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let service = try await world.order()
            try await world.settle()
            let name = try #require(try await world.service(service.id)?.choices["peer_name"].string)
            server.add("phone-ba9876543210")
            server.add("somebody's phone")
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: .silent, metrics: Metrics()) {}
            let reports = try await reconcile.pass()
            #expect(reports.map(\.strays) == [["phone-ba9876543210"]])
            let left = removes ? [name, "somebody's phone"] : [name, "phone-ba9876543210", "somebody's phone"]
            #expect(Set(server.names) == Set(left))
        }
    }

    @Test func `a renewal reaches the controller though nothing was closed`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let end = world.clock.ambient.now().adding(seconds: 86_400)
            let subscription = try await world.store.transaction { transaction throws(StoreError) in
                let user = try transaction.createUser(
                    NewUser(email: "ada@example.com", name: "Ada", role: .customer, passwordHash: "not a real hash"))
                let plan = try transaction.createPlan(PlanTerms(kind: .vpn, name: "p", price: Money(minorUnits: 100, .usd)))
                return try transaction.createSubscription(
                    owner: user.id, plan: plan, billing: .own, startedAt: transaction.ambient.now(), endsAt: end)
            }
            let service = try await world.order(subscription: subscription)
            try await world.settle()
            #expect(server.end(of: server.names[0]) == end.adding(seconds: 60).text)
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.setSubscription(subscription.id, status: .active, endsAt: end.adding(seconds: 86_400))
            }
            try await world.change(service.id, .lift(.payment))
            try await world.settle()
            #expect(server.end(of: server.names[0]) == end.adding(seconds: 86_460).text)
            #expect(try await world.service(service.id)?.isConverged == true)
        }
    }

    @Test(arguments: fullModes)
    func `what is secret leaves no trace in the database, log or answer`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "hunter2hunter2")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: server.password)
            server.befall(.resetAfter, "POST", "/client")
            server.befall(.badGateway, "GET", "/client", times: 3)
            let service = try await world.order()
            try await world.settle()
            let kept = try #require(try await world.service(service.id))
            #expect(kept.actual == .active && kept.secretSealed == nil)
            let reports = try await Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}.pass()
            let shown = "\(kept) \(reports) \(world.lines.text)"
            #expect(world.lines.text.contains("provisioning.retry"))
            for secret in server.secrets + [server.password] { #expect(!shown.contains(secret)) }
        }
    }
}
