import Domain
import FakeUpstreamParts
import Provisioning
import Store
import Telemetry
import TestKit
import Testing

@Suite struct NodeAlertTests {
    @Test(arguments: WgEasyMode.allCases.filter { $0 != .rawClients })
    func `wrong credentials of a controller are told through the outbox, once an hour`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            let id = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "wrong")
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            func told() async throws -> [OutboxEvent] {
                try await world.store.read { reader throws(StoreError) in try reader.promised("backend.refused", limit: 10) }
            }
            for _ in 0..<3 { _ = try await reconcile.pass() }
            let first = try await told()
            #expect(first.map(\.subject) == [id.text])
            #expect(first.first?.body["failure"] == "refused: the controller does not take our credentials")
            #expect(first.first?.body.text.contains("wrong") == false, "no password")
            world.clock.advance(milliseconds: 3_600_000)
            _ = try await reconcile.pass()
            #expect(try await told().count == 2)
        }
    }

    @Test func `a controller that takes our credentials again is told once, and only after it was told that it did not`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            let id = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            func told() async throws -> [String] {
                try await world.store.read { reader throws(StoreError) in try reader.promised("backend.", limit: 10).map(\.kind) }
            }
            _ = try await reconcile.pass()
            #expect(try await told().isEmpty)
            server.befall(.unauthorized, "GET", "/client", times: 2)
            _ = try await reconcile.pass()
            #expect(try await told() == ["backend.refused"])
            _ = try await reconcile.pass()
            for _ in 0..<3 { _ = try await reconcile.pass() }
            #expect(try await told().sorted() == ["backend.recovered", "backend.refused"])
            let event = try #require(
                try await world.store.read { reader throws(StoreError) in try reader.promised("backend.recovered", limit: 1) }.first)
            #expect(event.subject == id.text)
        }
    }

    @Test(arguments: [WgEasyMode.v14, .nightly, .v15_0, .v15_3])
    func `an address that somebody changes at a controller is given back`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let service = try await world.order()
            try await world.settle()
            let before = try #require(try await world.service(service.id)?.details["addresses"].array)
            let name = try #require(service.choices["peer_name"].string)
            server.move(name, to: 77)
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            #expect(try await reconcile.pass().map(\.drifted) == [[service.id]])
            try await world.settle()
            let after = try #require(try await world.service(service.id))
            #expect(after.actual == .active && after.isConverged && after.details["addresses"].array == before)
            #expect(server.host(of: name) == 2)
            #expect(try await reconcile.pass().map(\.drifted) == [[]])
        }
    }

    @Test func `an address that another peer of the controller has by now is not taken from it`() async throws {
        let server = try WgEasyServer(mode: .v14, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let service = try await world.order()
            try await world.settle()
            let name = try #require(service.choices["peer_name"].string)
            server.add("stranger")
            server.move(name, to: 77)
            server.move("stranger", to: 2)
            _ = try await Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}.pass()
            try await world.workers().drain()
            #expect(try await world.service(service.id)?.failure?.contains("belongs to another peer") == true)
            #expect(server.host(of: "stranger") == 2 && server.host(of: name) == 77)
        }
    }

    @Test func `an outage is no alert of that kind`() async throws {
        let server = try WgEasyServer(mode: .v14, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            server.befall(.badGateway, "GET", "/client", times: 3)
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            #expect(try await reconcile.pass().first?.failure != nil)
            #expect(try await world.store.read { reader throws(StoreError) in try reader.promised("backend.refused", limit: 1).count } == 0)
        }
    }

    @Test func `a pass fetches one list, however many peers there are`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            server.enlargePool(to: 2000)
            server.fill(1200)
            let node = try #require(try await world.store.read { reader throws(StoreError) in try reader.backends(kind: .vpn).first })
            // Taken over, and not looked at yet: the jobs are left alone, as if they had been done.
            let seen = try await world.orders.foundlings(on: node, world.store)
            try await world.store.transaction { [orders = world.orders] transaction throws(StoreError) in
                for one in seen {
                    let wish = Orders.Wish(kind: .vpn, label: "peer", limits: [:], owner: nil)
                    guard case .kept(let service, _) = try orders.adopt(one.foundling, wish, on: node, actor: "test", in: transaction)
                    else {
                        continue
                    }
                    try transaction.recordDrift(of: service, actual: .active)
                }
            }
            func lists() -> Int { server.seen.filter { $0.hasPrefix("GET /api/client ") }.count }
            let before = lists()
            let report = try await Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}.pass().first
            #expect(report?.services == 1200 && report?.drifted.isEmpty == true, "\(String(describing: report?.drifted.count))")
            #expect(lists() - before == 1)
            try await Metering(store: world.store, orders: world.orders, log: world.log) {}.pass()
            #expect(lists() - before == 2)
        }
    }
}
