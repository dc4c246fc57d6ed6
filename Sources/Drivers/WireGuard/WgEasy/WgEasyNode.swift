internal import Domain
internal import HTTP

/// A node whose wg-easy controller makes keys and addresses. Creating is not idempotent there: a peer is found by its exact name, before
/// and after.
struct WgEasyNode: PeerNode {
    let keepsDisabledPeers = true
    private let client: WgEasyClient
    /// Jobs beside each other fetch it together.
    private let shared: SharedList

    init(_ access: BackendAccess, _ settings: NodeSettings, _ ports: NodePorts) throws(DriverError) {
        let client = try WgEasyClient(access, ports)
        self.client = client
        shared = SharedList { () async throws(DriverError) in try await client.list() }
    }

    /// How often a controller is asked for a peer that it has just made and does not show yet.
    private static let showingTries = 3
    /// The controller's own clock may be ahead of ours, and ours decides: it closes a peer this much later.
    private static let marginSeconds: Int64 = 60

    func list() async throws(DriverError) -> [NodePeer] { try await shared.peers() }

    /// One whose id is known is asked for alone where that can be done; after a restore of the controller another may have the id. One
    /// that others have made is known by its key, whatever it is called. Of ours, when a cut-off call left several of the name, the oldest
    /// stays and the others go.
    func find(_ peer: WantedPeer) async throws(DriverError) -> NodePeer? {
        if let id = peer.knownID, let found = try await client.peer(id), isMeant(found, by: peer) { return found }
        let listed = try await list()
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
        let known = try await find(peer)
        let isKnown = known != nil
        let found: NodePeer
        if let known { found = known } else { found = try await make(peer, end) }
        // First the end, then the switch: a newer controller opens nothing whose end it thinks is over.
        if try await !client.keeps(found.endsAt, as: end) { try await client.setEnd(end, of: found.id) }
        let isMoved = isKnown && Self.isMoved(found, from: peer.addresses)
        if isMoved { try await giveBack(peer.addresses, to: found) }
        guard isMoved || !found.isEnabled else { return found }
        if !found.isEnabled { try await client.setEnabled(true, found.id) }
        guard let now = try await find(peer), now.isEnabled, !isMoved || !Self.isMoved(now, from: peer.addresses) else {
            throw .outcomeUnknown("the controller does not show the peer as it was written")
        }
        return now
    }

    /// Whether somebody gave it another address of a kind than the controller did when it made it. A controller may begin or cease to list
    /// a kind.
    static func isMoved(_ found: NodePeer, from addresses: [String]) -> Bool {
        [true, false].contains { isIPv4 in
            let had = addresses.compactMap { IPAddress($0) }.filter { $0.isIPv4 == isIPv4 }
            let has = found.addresses.compactMap { IPAddress($0) }.filter { $0.isIPv4 == isIPv4 }
            return !had.isEmpty && !has.isEmpty && Set(had).isDisjoint(with: has)
        }
    }

    /// The address of another peer would be taken from it silently.
    private func giveBack(_ addresses: [String], to found: NodePeer) async throws(DriverError) {
        for other in try await list() where other.id != found.id && !Set(other.addresses).isDisjoint(with: addresses) {
            throw .refused("the peer's address belongs to another peer of the controller now")
        }
        try await client.setAddresses(addresses, of: found.id)
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
        for listed in try await list() where isMeant(listed, by: peer) { try await client.delete(listed.id) }
    }

    func description() async throws(DriverError) -> String {
        let peers = try await list().count
        return "wg-easy \(try await client.version() ?? "of an unknown version"), \(peers) peers"
    }

    func config(_ peer: WantedPeer) async throws(DriverError) -> String {
        guard let found = try await find(peer) else { throw .refused("there is no such peer") }
        return try await client.config(found.id)
    }
}
