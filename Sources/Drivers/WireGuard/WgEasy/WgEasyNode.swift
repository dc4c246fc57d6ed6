internal import Domain

/// A node whose wg-easy controller makes keys and addresses. Creating is not idempotent there: a peer is found by its exact name, before
/// and after.
struct WgEasyNode: PeerNode {
    let keepsDisabledPeers = true
    private let client: WgEasyClient

    init(_ access: BackendAccess, _ settings: NodeSettings, _ ports: NodePorts) throws(DriverError) {
        client = try WgEasyClient(access, ports)
    }

    /// How often a controller is asked for a peer that it has just made and does not show yet.
    private static let showingTries = 3
    /// The controller's own clock may be ahead of ours, and ours decides: it closes a peer this much later.
    private static let marginSeconds: Int64 = 60

    func list() async throws(DriverError) -> [NodePeer] { try await client.list() }

    /// One that others have made is known by its key, whatever it is called. Of ours, when a cut-off call left several of the name, the
    /// oldest stays and the others go.
    func find(_ peer: WantedPeer) async throws(DriverError) -> NodePeer? {
        let listed = try await client.list()
        if let key = peer.publicKey, let adopted = listed.first(where: { $0.publicKey == key }) { return adopted }
        let all = listed.filter { $0.name == peer.name }
        guard all.count > 1 else { return all.first }
        // Newer controllers number them and list by name; older ones list in the order of making.
        let sorted = all.allSatisfy { Int($0.id) != nil } ? all.sorted { (Int($0.id) ?? 0) < (Int($1.id) ?? 0) } : all
        for extra in sorted.dropFirst() { try await client.delete(extra.id) }
        return sorted.first
    }

    func isMeant(_ listed: NodePeer, by peer: WantedPeer) -> Bool {
        listed.name == peer.name || (peer.publicKey != nil && listed.publicKey == peer.publicKey)
    }

    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer {
        let end = peer.endsAt?.adding(seconds: Self.marginSeconds)
        let found: NodePeer
        if let known = try await find(peer) { found = known } else { found = try await make(peer, end) }
        // First the end, then the switch: a newer controller opens nothing whose end it thinks is over.
        if found.endsAt != end { try await client.setEnd(end, of: found.id) }
        guard !found.isEnabled else { return found }
        try await client.setEnabled(true, found.id)
        guard let now = try await find(peer), now.isEnabled else {
            throw .outcomeUnknown("the controller does not show the peer as enabled")
        }
        return now
    }

    private func make(_ peer: WantedPeer, _ end: Timestamp?) async throws(DriverError) -> NodePeer {
        do throws(DriverError) { try await client.create(name: peer.name, endsAt: end) } catch {
            switch error {
            case .outcomeUnknown, .noCapacity: break
            case .unreachable, .refused, .badOptions: throw error
            }
            // It may be there all the same.
            guard let found = try await find(peer) else { throw error }
            return found
        }
        for _ in 1...Self.showingTries { if let found = try await find(peer) { return found } }
        throw .outcomeUnknown("the controller does not show the peer that it made")
    }

    func disable(_ peer: WantedPeer) async throws(DriverError) {
        guard let found = try await find(peer), found.isEnabled else { return }
        try await client.setEnabled(false, found.id)
    }

    func remove(_ peer: WantedPeer) async throws(DriverError) {
        for listed in try await client.list() where isMeant(listed, by: peer) { try await client.delete(listed.id) }
    }

    func description() async throws(DriverError) -> String {
        let peers = try await client.list().count
        return "wg-easy \(try await client.version() ?? "of an unknown version"), \(peers) peers"
    }

    func config(_ peer: WantedPeer) async throws(DriverError) -> String {
        guard let found = try await find(peer) else { throw .refused("there is no such peer") }
        return try await client.config(found.id)
    }
}
