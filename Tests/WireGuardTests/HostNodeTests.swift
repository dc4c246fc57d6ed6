import Domain
import Drivers
import Provisioning
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

/// An interface as the kernel keeps it: keys with addresses, and nothing about a peer that is closed.
private final class Interface: PeerNode {
    private let peers = Mutex<[WireGuardKey: NodePeer]>([:])
    var all: [NodePeer] { peers.withLock { Array($0.values) } }

    func list() async throws(DriverError) -> [NodePeer] { all }
    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer {
        guard let key = peer.publicKey else { throw .refused("no key") }
        var made = NodePeer(id: key.text, publicKey: key, addresses: peer.addresses, received: 0, sent: 0)
        peers.withLock { peers in
            // A peer that is there keeps its counters, as with wg.
            if let known = peers[key] {
                made = NodePeer(id: key.text, publicKey: key, addresses: peer.addresses, received: known.received, sent: known.sent)
            }
            // An address that another has moves, as with wg.
            for other in peers.values where other.id != made.id && !Set(other.addresses).isDisjoint(with: made.addresses) {
                peers[key] = nil
                peers = peers.filter { $0.value.id != other.id }
            }
            peers[key] = made
        }
        return made
    }
    func remove(_ peer: WantedPeer) async throws(DriverError) {
        guard let key = peer.publicKey else { return }
        peers.withLock { $0[key] = nil }
    }
    func setAddresses(_ addresses: [String], of text: String) {
        peers.withLock { peers in
            for (key, peer) in peers where key.text == text {
                peers[key] = NodePeer(
                    id: peer.id, publicKey: key, addresses: addresses, received: peer.received, sent: peer.sent)
            }
        }
    }
    func count(_ received: Int64, _ text: String) {
        peers.withLock { peers in
            for (key, peer) in peers where key.text == text {
                peers[key] = NodePeer(id: peer.id, publicKey: key, addresses: peer.addresses, received: received, sent: 0)
            }
        }
    }
    /// Somebody else's hand.
    func lose(_ text: String) { peers.withLock { $0 = $0.filter { $0.key.text != text } } }
}

@Suite struct HostNodeTests {
    private func withInterface(
        _ settings: JSONObject = [:], _ test: (NodeWorld, Interface) async throws -> Void
    ) async throws {
        let interface = Interface()
        try await withNodes(ways: ["none": { _, _, _ throws(DriverError) in interface }]) { world in
            var given = NodeWorld.recordOnly.object ?? [:]
            for (name, value) in settings.members { given[name] = value }
            _ = try await world.addNode(.object(given))
            try await test(world, interface)
        }
    }

    @Test(arguments: ProvisioningStep.allCases)
    func `where closed peers are removed a stop at any step ends right`(step: ProvisioningStep) async throws {
        try await withInterface { world, interface in
            let service = try await world.order()
            let abuse = Suspension(.abuse, by: .operator)
            var addresses: [String]?
            for (change, actual, count) in [
                (nil, ActualState.active, 1), (Orders.Change.suspend(abuse), .suspended, 0), (.lift(.operator), .active, 1),
                (.terminate, .gone, 0),
            ] {
                if let change { try await world.change(service.id, change) }
                try await world.workers { reached, _ throws(Stopped) in if reached == step { throw Stopped() } }.drain()
                world.clock.advance(milliseconds: 61_000)
                try await world.settle()
                #expect(try await world.service(service.id)?.actual == actual)
                #expect(interface.all.count == count)
                if let peer = interface.all.first {
                    #expect(peer.addresses == addresses ?? peer.addresses, "the same address as before")
                    addresses = peer.addresses
                }
            }
            #expect(addresses == ["10.8.0.2", "fd00:1::2"])
        }
    }

    @Test func `a peer that somebody removed is put back with its key, and a closed one stays closed`() async throws {
        try await withInterface { world, interface in
            let (one, two) = (try await world.order("one"), try await world.order("two"))
            try await world.settle()
            try await world.change(two.id, .suspend(Suspension(.abuse, by: .operator)))
            try await world.settle()
            let key = try #require(one.choices["public_key"].string)
            interface.lose(key)
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            #expect(try await reconcile.pass().map(\.drifted) == [[one.id]])
            try await world.settle()
            #expect(interface.all.map(\.id) == [key])
            #expect(try await reconcile.pass().map(\.drifted) == [[]])
        }
    }

    @Test(arguments: [[], ["10.8.0.2"], ["10.8.0.9", "fd00:1::2"], ["10.8.0.2", "fd00:1::2", "0.0.0.0/0"], ["10.8.0.2/31", "fd00:1::2"]])
    func `addresses that somebody takes from a peer, or gives it, are put right, and nothing is counted twice`(addresses: [String])
        async throws
    {
        try await withInterface { world, interface in
            let (one, other) = (try await world.order("one"), try await world.order("two"))
            try await world.settle()
            let key = try #require(one.choices["public_key"].string)
            let metering = Metering(store: world.store, orders: world.orders, log: world.log) {}
            interface.count(1000, key)
            try await metering.pass()
            interface.setAddresses(addresses, of: key)
            let reconcile = Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}
            #expect(try await reconcile.pass().map(\.drifted) == [[one.id]])
            try await world.settle()
            #expect(interface.all.first { $0.id == key }?.addresses == ["10.8.0.2", "fd00:1::2"])
            let kept = try #require(try await world.service(one.id))
            #expect(kept.actual == .active && kept.isConverged && kept.details["addresses"].array?.count == 2)
            #expect(try await reconcile.pass().map(\.drifted) == [[]])
            try await metering.pass()
            let meter = try await world.store.read { reader throws(StoreError) in try reader.meter(of: one.id) }
            #expect(meter?.transfer.total == 1000)
            #expect(try await world.service(other.id)?.actual == .active)
            let drift = try await world.store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: one.id.text, limit: 50).items.filter { $0.action == "service.drift" }
            }
            #expect(drift.map(\.after) == ["{\"actual\":\"altered\"}"])
        }
    }

    @Test func `a closed peer whose addresses were changed and that was opened is closed`() async throws {
        try await withInterface { world, interface in
            let service = try await world.order("one")
            try await world.settle()
            let peer = try #require(interface.all.first?.publicKey)
            try await world.change(service.id, .suspend(Suspension(.abuse, by: .operator)))
            try await world.settle()
            #expect(interface.all.isEmpty)
            _ = try await interface.put(WantedPeer(name: "x", publicKey: peer, addresses: ["10.8.0.77"]))
            _ = try await Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}.pass()
            try await world.settle()
            #expect(interface.all.isEmpty)
            #expect(try await world.service(service.id)?.actual == .suspended)
        }
    }

    @Test func `an address that a stranger has on the node is handed to nobody`() async throws {
        try await withInterface { world, interface in
            let first = try await world.order()
            try await world.settle()
            _ = try await interface.put(
                WantedPeer(
                    name: "stranger", publicKey: try WireGuardKey([UInt8](repeating: 9, count: 32)), addresses: ["10.8.0.3"]))
            _ = try await Reconcile(store: world.store, orders: world.orders, log: world.log, metrics: Metrics()) {}.pass()
            #expect(first.choices["address"] == "10.8.0.2")
            #expect(try await world.order().choices["address"] == "10.8.0.4")
            try await world.settle()
            #expect(interface.all.count == 3)
        }
    }
}
