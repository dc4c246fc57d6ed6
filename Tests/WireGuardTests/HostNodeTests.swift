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
        let made = NodePeer(id: key.text, publicKey: key, addresses: peer.addresses, received: 0, sent: 0)
        peers.withLock { peers in
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
