import Domain
import FakeUpstreamParts
import Provisioning
import Store
import TestKit
import Testing

@Suite struct MeteringTests {
    /// A peer on a fake controller, and what is kept of its use.
    private struct Peer {
        let world: NodeWorld
        let server: WgEasyServer
        let id: ServiceID
        let name: String

        func counted(_ received: Int, _ sent: Int) async throws {
            server.count(name, received: received, sent: sent)
            world.clock.advance(milliseconds: 30_000)
            try await Metering(store: world.store, orders: world.orders, log: world.log) {}.pass()
            try await world.settle()
        }
        func meter() async throws -> ServiceMeter? {
            try await world.store.read { reader throws(StoreError) in try reader.meter(of: id) }
        }
        func totals() async throws -> [Int64] {
            let transfer = try await meter()?.transfer
            return [transfer?.totalReceived ?? 0, transfer?.totalSent ?? 0]
        }
        func suspensions() async throws -> Set<Suspension> {
            try await world.store.read { reader throws(StoreError) in try reader.suspensions(of: id) }
        }
    }

    private func withPeer(
        _ mode: WgEasyMode = .v15_3, _ database: TestDatabase = .sqliteInMemory, limits: JSON = [:], traffic: Int64? = nil,
        _ test: (Peer, Subscription) async throws -> Void
    ) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        try await withNodes(database) { world in
            _ = try await world.addNode(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let subscription = try await world.store.transaction { transaction throws(StoreError) in
                let user = try transaction.createUser(
                    NewUser(email: "ada@example.com", name: "Ada", role: .customer, passwordHash: "not a real hash"))
                var terms = PlanTerms(kind: .vpn, name: "p", price: Money(minorUnits: 100, .usd))
                (terms.durationSeconds, terms.trafficLimitBytes, terms.limits) = (30 * 86_400, traffic, limits)
                let plan = try transaction.createPlan(terms)
                return try transaction.createSubscription(
                    owner: user.id, plan: plan, billing: .own, startedAt: transaction.ambient.now(),
                    endsAt: transaction.ambient.now().adding(seconds: 30 * 86_400))
            }
            let service = try await world.order(subscription: subscription, limits: limits)
            try await world.settle()
            try await test(Peer(world: world, server: server, id: service.id, name: server.names.first ?? ""), subscription)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `totals follow the counters and never shrink`(database: TestDatabase) async throws {
        try await withPeer(.v14, database) { peer, _ in
            for (counters, totals) in [
                ((100, 10), [Int64(100), 10]), ((150, 10), [150, 10]), ((150, 10), [150, 10]), ((20, 5), [170, 15]), ((30, 9), [180, 19]),
            ] {
                try await peer.counted(counters.0, counters.1)
                #expect(try await peer.totals() == totals)
            }
        }
    }

    @Test func `four servers that sample at once count once`() async throws {
        try await withPeer(.v14, .postgres) { peer, _ in
            for round in 1...5 {
                peer.server.count(peer.name, received: 100 * round, sent: 10 * round)
                peer.world.clock.advance(milliseconds: 30_000)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            let world = peer.world
                            while true {
                                do {
                                    try await Metering(store: world.store, orders: world.orders, log: world.log) {}.pass()
                                    return
                                } catch StoreError.busy { continue }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await peer.totals() == [Int64(100 * round), Int64(10 * round)])
            }
        }
    }

    @Test func `a reading that fails is skipped`() async throws {
        try await withPeer { peer, _ in
            try await peer.counted(100, 10)
            peer.server.befall(.badGateway, "GET", "/client", times: 3)
            try await peer.counted(0, 0)
            #expect(try await peer.totals() == [100, 10])
            peer.server.befall(.empty, "GET", "/client")
            try await peer.counted(0, 0)
            try await peer.counted(130, 10)
            #expect(try await peer.totals() == [130, 10])
        }
    }

    @Test(arguments: [Orders.Change.suspend(Suspension(.abuse, by: .operator)), .terminate])
    func `the tail is read before a peer is closed or ended`(change: Orders.Change) async throws {
        try await withPeer { peer, _ in
            try await peer.counted(100, 10)
            peer.server.count(peer.name, received: 170, sent: 40)
            try await peer.world.change(peer.id, change)
            try await peer.world.settle()
            #expect(try await peer.totals() == [170, 40])
        }
    }

    @Test func `counters that begin anew behind our own closing are counted whole`() async throws {
        try await withPeer { peer, _ in
            try await peer.counted(100, 10)
            try await peer.world.change(peer.id, .suspend(Suspension(.abuse, by: .operator)))
            try await peer.world.settle()
            peer.server.count(peer.name, received: 0, sent: 0)
            try await peer.world.change(peer.id, .lift(.operator))
            try await peer.world.settle()
            // Past the old value: only the closing tells that they began anew.
            try await peer.counted(400, 50)
            #expect(try await peer.totals() == [500, 60])
        }
    }

    @Test func `over quota a peer is limited, and a renewal opens it with the same key`() async throws {
        try await withPeer(limits: ["traffic_limit_bytes": 1000]) { peer, subscription in
            try await peer.counted(600, 300)
            #expect(peer.server.enabledNames.count == 1)
            let key = try await peer.world.service(peer.id)?.details["public_key"]
            try await peer.counted(700, 300)
            #expect(peer.server.enabledNames.isEmpty)
            #expect(try await peer.suspensions() == [Suspension(.quota, by: .metering)])
            try await peer.world.change(peer.id, .lift(.payment))
            try await peer.world.settle()
            #expect(peer.server.enabledNames.isEmpty, "a payment alone does not give bytes")
            try await peer.world.store.transaction { transaction throws(StoreError) in
                _ = try transaction.beginMeterPeriod(of: peer.id)
                _ = try peer.world.orders.change(peer.id, .lift(.quotaReset), actor: "system", in: transaction)
            }
            peer.server.count(peer.name, received: 0, sent: 0)
            try await peer.world.settle()
            #expect(peer.server.enabledNames.count == 1)
            #expect(try await peer.world.service(peer.id)?.details["public_key"] == key)
            try await peer.counted(500, 0)
            #expect(try await peer.meter()?.used == 500)
            #expect(try await peer.totals() == [1200, 300])
        }
    }

    @Test func `the plan's traffic counts when the service has no limit of its own`() async throws {
        try await withPeer(traffic: 1000) { peer, _ in
            try await peer.counted(999, 1)
            #expect(try await peer.suspensions() == [Suspension(.quota, by: .metering)])
        }
    }

    @Test func `a period that ends by itself opens the peer again`() async throws {
        try await withPeer(limits: ["traffic_limit_bytes": 1000, "traffic_reset_days": 7]) { peer, _ in
            try await peer.counted(1000, 0)
            #expect(peer.server.enabledNames.isEmpty)
            peer.world.clock.advance(milliseconds: 6 * 86_400_000)
            try await peer.counted(0, 0)
            #expect(peer.server.enabledNames.isEmpty)
            peer.world.clock.advance(milliseconds: 86_400_000)
            try await peer.counted(0, 0)
            #expect(peer.server.enabledNames.count == 1)
            #expect(try await peer.meter()?.used == 0)
        }
    }

    @Test func `an operator's word outlives the quota`() async throws {
        try await withPeer(limits: ["traffic_limit_bytes": 1000, "traffic_reset_days": 1]) { peer, _ in
            try await peer.counted(1000, 0)
            let abuse = Suspension(.abuse, by: .operator)
            try await peer.world.change(peer.id, .suspend(abuse))
            peer.world.clock.advance(milliseconds: 2 * 86_400_000)
            try await peer.counted(0, 0)
            #expect(try await peer.suspensions() == [abuse])
            #expect(peer.server.enabledNames.isEmpty)
        }
    }

    @Test func `the end closes a peer to the second, and renewal opens the same one`() async throws {
        try await withPeer { peer, subscription in
            let (world, end) = (peer.world, try #require(subscription.endsAt))
            let expiry = Expiry(store: world.store, orders: world.orders, log: world.log) {}
            let key = try await world.service(peer.id)?.details["public_key"]
            world.clock.advance(milliseconds: end.milliseconds - world.clock.ambient.now().milliseconds - 1000)
            #expect(try await expiry.pass() == 0 && peer.server.enabledNames.count == 1)
            world.clock.advance(milliseconds: 1000)
            #expect(try await expiry.pass() == 1)
            try await world.workers().drain()
            #expect(peer.server.enabledNames.isEmpty)
            world.clock.advance(milliseconds: -3_600_000)
            #expect(try await expiry.pass() == 0 && peer.server.enabledNames.isEmpty, "a clock that jumps back revives nobody")
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.setSubscription(subscription.id, status: .active, endsAt: end.adding(seconds: 86_400))
            }
            try await world.change(peer.id, .lift(.payment))
            try await world.settle()
            #expect(peer.server.enabledNames.count == 1)
            #expect(try await world.service(peer.id)?.details["public_key"] == key)
        }
    }
}
