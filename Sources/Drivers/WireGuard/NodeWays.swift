public import Domain
public import HTTP

/// What ways to nodes need from above.
public struct NodePorts: Sendable {
    public var http: any HTTPClient
    public var ambient: Ambient
    public var patience: NodePatience
    /// By the name that a node's setting `driver` has; a test puts its own in.
    public var ways: [String: NodeWay] = NodeWays.all
    public init(http: any HTTPClient, ambient: Ambient, patience: NodePatience = NodePatience()) {
        (self.http, self.ambient, self.patience) = (http, ambient, patience)
    }
}

/// How long a node may take.
public struct NodePatience: Sendable {
    public var connectMilliseconds = 3000
    /// Of one exchange.
    public var totalMilliseconds = 10_000
    public init() {}
}

/// Makes the way to one node.
public typealias NodeWay = @Sendable (BackendAccess, NodeSettings, NodePorts) throws(DriverError) -> any PeerNode

/// Every way to the peers of a node, one line each.
enum NodeWays {
    static let all: [String: NodeWay] = [
        "wg-easy": { access, settings, ports throws(DriverError) in try WgEasyNode(access, settings, ports) },
        "local": { access, settings, _ throws(DriverError) in try HostNode.local(access, settings) },
        "ssh": { access, settings, _ throws(DriverError) in try HostNode.ssh(access, settings) },
        "none": { _, _, _ throws(DriverError) in RecordOnlyNode() },
    ]
}

/// A node that nobody writes to: peers are written down, and somebody else applies them.
struct RecordOnlyNode: PeerNode {
    var isApplied: Bool { false }
    func list() async throws(DriverError) -> [NodePeer] { [] }
    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer {
        NodePeer(id: peer.name, name: peer.name, publicKey: peer.publicKey, addresses: peer.addresses)
    }
    func remove(_ peer: WantedPeer) async throws(DriverError) {}
}
