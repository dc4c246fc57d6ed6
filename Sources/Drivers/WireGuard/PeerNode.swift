public import Domain

/// A peer as it shall be on a node.
public struct WantedPeer: Sendable, Equatable {
    /// Unique on its node; chosen before the first call.
    public let name: String
    /// nil where the node makes the keys.
    public var publicKey: WireGuardKey?
    public var presharedKey: WireGuardKey?
    /// The peer's own tunnel addresses, without prefix; empty where the node chooses them.
    public var addresses: [String]
    /// When its time is over, for nodes that can close a peer by themselves should we be away.
    public var endsAt: Timestamp?
    /// What the node called it when it was last seen; nil when it was not.
    public var knownID: String?
    public init(
        name: String, publicKey: WireGuardKey? = nil, presharedKey: WireGuardKey? = nil, addresses: [String] = [],
        endsAt: Timestamp? = nil, knownID: String? = nil
    ) {
        (self.name, self.publicKey, self.presharedKey) = (name, publicKey, presharedKey)
        (self.addresses, self.endsAt, self.knownID) = (addresses, endsAt, knownID)
    }
}

/// A peer as its node shows it. Nothing in it is secret.
public struct NodePeer: Sendable, Equatable {
    /// The node's own name for it: a controller's id, or the public key.
    public let id: String
    /// nil on nodes that know keys only.
    public let name: String?
    public let publicKey: WireGuardKey?
    public let isEnabled: Bool
    /// Without prefix; a network, which is no address of one peer, with it.
    public let addresses: [String]
    /// Bytes since the node began to count; the node receives what the customer sends. nil when it does not say.
    public let received: Int64?
    public let sent: Int64?
    /// nil for never, or unknown.
    public let handshake: Timestamp?
    /// When the node closes it by itself; nil for never.
    public let endsAt: Timestamp?
    public init(
        id: String, name: String? = nil, publicKey: WireGuardKey?, isEnabled: Bool = true, addresses: [String], received: Int64? = nil,
        sent: Int64? = nil, handshake: Timestamp? = nil, endsAt: Timestamp? = nil
    ) {
        (self.id, self.name, self.publicKey, self.isEnabled, self.addresses) = (id, name, publicKey, isEnabled, addresses)
        (self.received, self.sent, self.handshake, self.endsAt) = (received, sent, handshake, endsAt)
    }
}

/// The peers of one WireGuard interface, however it is reached. Every call may be repeated at any time, bounds its own time (30 s), and a
/// call that was cut off throws `.outcomeUnknown`.
public protocol PeerNode: Sendable {
    /// Whether a peer that is switched off stays on the node's list. Where it does not, `disable` is `remove`.
    var keepsDisabledPeers: Bool { get }
    /// Whether anything is really written there; false for a record only, and for hosts that wait to be switched on.
    var isApplied: Bool { get }

    /// Everybody on the interface, strangers too.
    func list() async throws(DriverError) -> [NodePeer]
    /// The one peer that is meant; nil when there is none.
    func find(_ peer: WantedPeer) async throws(DriverError) -> NodePeer?
    /// Makes it be there, switched on, with these addresses and this end; found rather than made a second time.
    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer
    /// No such peer is fine.
    func disable(_ peer: WantedPeer) async throws(DriverError)
    func remove(_ peer: WantedPeer) async throws(DriverError)
    /// Which of the list is meant.
    func isMeant(_ listed: NodePeer, by peer: WantedPeer) -> Bool
    /// The device's file, from nodes that keep the private key.
    func config(_ peer: WantedPeer) async throws(DriverError) -> String
    /// What answers there, in words for the operator.
    func description() async throws(DriverError) -> String
    /// Makes a private key that never leaves the node; a repeat gives the same.
    func makeKey(named name: String) async throws(DriverError) -> HostKey
}

/// A key that a node made and keeps.
public struct HostKey: Sendable, Equatable {
    public let publicKey: WireGuardKey
    /// Where on the node; for operators only.
    public let path: String
    public init(publicKey: WireGuardKey, path: String) { (self.publicKey, self.path) = (publicKey, path) }
}

extension PeerNode {
    public var keepsDisabledPeers: Bool { false }
    public var isApplied: Bool { true }
    public func find(_ peer: WantedPeer) async throws(DriverError) -> NodePeer? { try await list().first { isMeant($0, by: peer) } }
    public func disable(_ peer: WantedPeer) async throws(DriverError) { try await remove(peer) }
    public func isMeant(_ listed: NodePeer, by peer: WantedPeer) -> Bool {
        listed.publicKey != nil && listed.publicKey == peer.publicKey
    }
    public func config(_ peer: WantedPeer) async throws(DriverError) -> String { throw .refused("this node gives no configs") }
    public func description() async throws(DriverError) -> String { "\(try await list().count) peers" }
    public func makeKey(named name: String) async throws(DriverError) -> HostKey { throw .refused("this node makes no keys") }
}
