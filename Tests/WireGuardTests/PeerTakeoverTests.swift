import Billing
import Domain
import FakeUpstreamParts
import Provisioning
import Store
import Telemetry
import TestKit
import Testing

/// Peers of a controller that was run by hand so far.
@Suite struct PeerTakeoverTests {
    private struct Found {
        let world: NodeWorld
        let server: WgEasyServer
        let node: Backend

        func take(owner: User? = nil, isRehearsal: Bool = false) async throws -> TakeoverReport {
            try await PeerTakeover(store: world.store, orders: world.orders).run(
                try await world.orders.foundlings(on: node, world.store), on: node, owner: owner, isRehearsal: isRehearsal)
        }
        func services() async throws -> [Service] {
            try await world.store.read { reader throws(StoreError) in
                try reader.liveServices(ServiceFilter(kind: .vpn), offset: 0, limit: 100)
            }
        }
        var changes: [String] { server.seen.filter { !$0.hasPrefix("GET") && !$0.hasPrefix("POST /api/session") } }
    }

    private func withController(_ mode: WgEasyMode, _ test: (Found) async throws -> Void) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        try await withNodes { world in
            let id = try await world.addNode(
                ["driver": "wg-easy", "remove_strays": true], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let node = try #require(try await world.store.read { reader throws(StoreError) in try reader.backend(id) })
            try await test(Found(world: world, server: server, node: node))
        }
    }

    @Test(arguments: WgEasyMode.allCases)
    func `peers made by hand become services and the controller is not touched`(mode: WgEasyMode) async throws {
        try await withController(mode) { found in
            for name in ["phone", "phone", "Ada's laptop", "box-0123456789ab"] { found.server.add(name) }
            let rehearsal = try await found.take(isRehearsal: true)
            #expect(rehearsal.parts.map(\.taken) == [4])
            #expect(try await found.services().isEmpty, "a rehearsal leaves nothing")
            let report = try await found.take()
            #expect(report.parts.map { [$0.found, $0.taken, $0.known, $0.skipped] } == [[4, 4, 0, 0]])
            try await found.world.settle()
            let services = try await found.services()
            #expect(services.map(\.actual) == Array(repeating: .active, count: 4) && services.allSatisfy(\.isConverged))
            #expect(Set(services.compactMap { $0.details["public_key"].string }).count == 4)
            #expect(found.changes.isEmpty)
            #expect(try await found.take().parts.map { [$0.taken, $0.known] } == [[0, 4]], "a second run takes nothing")
            let wake: @Sendable () -> Void = {}
            let reports = try await Reconcile(
                store: found.world.store, orders: found.world.orders, log: found.world.log, metrics: Metrics(), wake: wake
            ).pass()
            #expect(reports.allSatisfy { $0.drifted.isEmpty && $0.strays.isEmpty }, "\(reports)")
            #expect(found.changes.isEmpty && found.server.names.count == 4)
        }
    }

    @Test(arguments: WgEasyMode.allCases)
    func `of two with one name the one that is meant is deleted`(mode: WgEasyMode) async throws {
        try await withController(mode) { found in
            for _ in 0..<2 { found.server.add("phone") }
            _ = try await found.take()
            try await found.world.settle()
            let services = try await found.services()
            try await found.world.change(services[1].id, .terminate)
            try await found.world.settle()
            #expect(found.server.names == ["phone"])
            let rest = try await found.world.orders.foundlings(on: found.node, found.world.store)
            #expect(rest.map { $0.foundling.facts["public_key"] } == [services[0].details["public_key"]] && rest[0].isKnown)
        }
    }

    @Test(arguments: WgEasyMode.allCases.filter { $0 != .rawClients })
    func `a closed peer stays closed, and what was used before is nobody's`(mode: WgEasyMode) async throws {
        try await withController(mode) { found in
            found.server.add("closed")
            found.server.add("ada@example.com")
            found.server.count("ada@example.com", received: 5000, sent: 700)
            found.server.setEnabled(false, "closed")
            let ada = try await found.world.store.transaction { transaction throws(StoreError) in
                try transaction.createUser(NewUser(email: "ada@example.com", name: "Ada", role: .customer, passwordHash: "none"))
            }
            _ = try await found.take()
            try await found.world.settle()
            let services = try await found.services()
            let closed = try #require(services.first { $0.label == "closed" })
            let open = try #require(services.first { $0.label == "ada@example.com" })
            #expect(closed.desired == .suspended && closed.actual == .suspended && closed.ownerID == nil)
            #expect(open.actual == .active && open.ownerID == ada.id)
            #expect(found.server.enabledNames == ["ada@example.com"] && found.changes.isEmpty)
            found.server.count("ada@example.com", received: 5600, sent: 900)
            found.world.clock.advance(milliseconds: 30_000)
            try await Metering(store: found.world.store, orders: found.world.orders, log: found.world.log) {}.pass()
            let meter = try await found.world.store.read { reader throws(StoreError) in try reader.meter(of: open.id) }
            #expect(meter?.transfer.totalReceived == 600 && meter?.transfer.totalSent == 200)
            try await found.world.change(closed.id, .lift(.operator))
            try await found.world.settle()
            #expect(Set(found.server.enabledNames) == ["closed", "ada@example.com"], "the same peer opens again")
        }
    }

    @Test func `an adopted peer that its controller loses is made again under a name of ours`() async throws {
        try await withController(.v15_3) { found in
            found.server.add("phone")
            _ = try await found.take()
            try await found.world.settle()
            let service = try await found.services()[0]
            found.server.remove("phone")
            _ = try await Reconcile(
                store: found.world.store, orders: found.world.orders, log: found.world.log, metrics: Metrics(), wake: {}
            ).pass()
            try await found.world.settle()
            let now = try #require(try await found.world.service(service.id))
            #expect(now.actual == .active && now.details["public_key"] != service.details["public_key"])
            #expect(found.server.names == [service.choices["peer_name"].string])
        }
    }
}
