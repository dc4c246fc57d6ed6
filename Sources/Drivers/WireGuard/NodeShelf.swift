internal import Domain
internal import Synchronization

/// One way to one node, with its settings.
struct Node: Sendable {
    let access: BackendAccess
    let settings: NodeSettings
    let peers: any PeerNode
}

/// One of each node, so that what was found out about it is remembered; another one when its settings change.
final class NodeShelf: Sendable {
    private let ports: NodePorts
    private let nodes = Mutex<[BackendID: Node]>([:])
    /// Addresses on a node that are none of ours.
    private let foreign = Mutex<[BackendID: Set<String>]>([:])

    init(_ ports: NodePorts) { self.ports = ports }

    func strangers(on id: BackendID) -> Set<String> { foreign.withLock { $0[id] ?? [] } }

    func node(_ service: ServiceOrder) throws(DriverError) -> Node {
        guard let backend = service.backend else { throw .refused("the service has no backend") }
        return try node(backend)
    }
    func node(_ access: BackendAccess) throws(DriverError) -> Node {
        if let known = nodes.withLock({ $0[access.id] }), known.access == access { return known }
        let settings = try NodeSettings(access.settings)
        guard let make = ports.ways[settings.driver] else { throw .refused("no such way to a node: \(settings.driver)") }
        let way: any PeerNode = settings.isApplied ? try make(access, settings, ports) : RecordOnlyNode()
        let made = Node(access: access, settings: settings, peers: way)
        nodes.withLock { $0[access.id] = made }
        return made
    }

    func keepForeign(_ addresses: Set<String>, on id: BackendID) { foreign.withLock { $0[id] = addresses } }
}
