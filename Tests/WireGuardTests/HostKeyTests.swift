import Domain
import Drivers
import Provisioning
import Secrets
import Store
import Synchronization
import TestKit
import Testing

/// A host that makes the keys of its peers and keeps them, as `wg_gen_key.sh` does: under one name always the same.
private final class KeyMakingHost: PeerNode {
    private struct Held {
        var keys: [String: HostKey] = [:]
        var peers: [WireGuardKey: NodePeer] = [:]
        var fails = false
    }
    private let held = Mutex(Held())
    private let ambient = TestClock(seed: 7).ambient
    var keys: [String: HostKey] { held.withLock { $0.keys } }
    var peers: [NodePeer] { held.withLock { Array($0.peers.values) } }
    func fail(_ fails: Bool) { held.withLock { $0.fails = fails } }

    func makeKey(named name: String) async throws(DriverError) -> HostKey {
        let made: Result<HostKey, DriverError> = held.withLock { held in
            if held.fails { return .failure(.unreachable("wg_gen_key.sh: cannot write")) }
            if let key = held.keys[name] { return .success(key) }
            guard let bytes = WireGuardKeys.publicKey(ofPrivate: WireGuardKeys.makePrivate(ambient)), let key = try? WireGuardKey(bytes)
            else {
                return .failure(.refused("no key"))
            }
            let made = HostKey(publicKey: key, path: "/etc/wireguard/keys/\(name).key")
            held.keys[name] = made
            return .success(made)
        }
        return try made.get()
    }
    func list() async throws(DriverError) -> [NodePeer] { peers }
    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer {
        guard let key = peer.publicKey else { throw .refused("no key") }
        let made = NodePeer(id: key.text, publicKey: key, addresses: peer.addresses, received: 0, sent: 0)
        held.withLock { $0.peers[key] = made }
        return made
    }
    func remove(_ peer: WantedPeer) async throws(DriverError) {
        guard let key = peer.publicKey else { return }
        held.withLock { $0.peers[key] = nil }
    }
}

@Suite struct HostKeyTests {
    private func withHost(_ test: (NodeWorld, KeyMakingHost, BackendID) async throws -> Void) async throws {
        let host = KeyMakingHost()
        try await withNodes(ways: ["ssh": { _, _, _ throws(DriverError) in host }]) { world in
            var settings = NodeWorld.recordOnly.object ?? [:]
            (settings["driver"], settings["key_policy"]) = ("ssh", "host")
            try await test(world, host, try await world.addNode(.object(settings)))
        }
    }

    @Test(arguments: ProvisioningStep.allCases)
    func `a key that the host makes is one key, wherever the server stops`(step: ProvisioningStep) async throws {
        try await withHost { world, host, _ in
            let order = try await world.order()
            #expect(order.choices["public_key"] == .null && order.secretSealed != nil, "only the preshared key is ours")
            try await world.workers { reached, _ throws(Stopped) in if reached == step { throw Stopped() } }.drain()
            world.clock.advance(milliseconds: 61_000)
            try await world.settle()
            let service = try #require(try await world.service(order.id))
            #expect(service.actual == .active && host.keys.count == 1 && host.peers.count == 1)
            #expect(service.choices["public_key"].string == host.peers.first?.id)
            #expect(service.details["public_key"].string == host.peers.first?.id)
            let secret = try #require(try await world.orders.secret(of: service, in: world.store))
            #expect(try JSON(parsing: secret)["private_key"] == .null, "the private key never leaves the host")
        }
    }

    @Test func `its config is not delivered, and where the key lies is no customer's business`() async throws {
        try await withHost { world, host, _ in
            let order = try await world.order()
            try await world.settle()
            let service = try #require(try await world.service(order.id))
            await #expect(throws: Handover.Refusal.none("private key is held on the host")) {
                _ = try await Handover(store: world.store, orders: world.orders).config(of: service, actor: "test", request: nil)
            }
            let path = try #require(host.keys.values.first?.path)
            #expect(service.choices["host_path"].string == path && !service.details.text.contains("/etc/wireguard"))
            await #expect(throws: StoreError.refused("bad_options")) {
                _ = try await world.order(options: ["public_key": "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="])
            }
        }
    }

    @Test func `a host that cannot make a key is an error and no other policy takes its place`() async throws {
        try await withHost { world, host, _ in
            host.fail(true)
            let order = try await world.order()
            _ = try await world.workers().drain()
            let failed = try #require(try await world.service(order.id))
            #expect(failed.actual != .active && failed.failure?.contains("wg_gen_key.sh") == true && host.peers.isEmpty)
            #expect(failed.choices["public_key"] == .null)
            host.fail(false)
            try await world.settle()
            #expect(try await world.service(order.id)?.actual == .active)
            try await world.change(order.id, .suspend(Suspension(.abuse, by: .operator)))
            try await world.settle()
            #expect(host.peers.isEmpty)
            try await world.change(order.id, .lift(.operator))
            try await world.settle()
            #expect(host.keys.count == 1 && host.peers.map(\.id) == host.keys.values.map(\.publicKey.text), "the same key again")
        }
    }
}
