public import Domain
internal import Synchronization

/// VPN peers on WireGuard nodes. What makes a peer is chosen before the first call (name, keys and addresses, as far as they are ours to
/// choose), so that a call that was cut off never leads to a second peer.
public struct WireGuardDriver: ServiceDriver, UsageReporting, ConfigDelivery, StrayReporting {
    public let kind = ServiceKind.vpn
    public let usesBackends = true
    public let followsEnd = true
    public var limits: [FieldDoc] { Self.plan.docs }
    public var options: [FieldDoc] { PeerChoice.wishes.docs }
    private let shelf: NodeShelf

    public init(_ ports: NodePorts) { shelf = NodeShelf(ports) }

    private static let plan = Shape(
        Field<Int64>.integer("traffic_limit_bytes", "Bytes both ways; left out: no limit.", 1...1_000_000_000_000_000).optional,
        Field<Int64>.integer("traffic_reset_days", "Days after which the bytes are counted anew; left out: only with a renewal.", 1...366)
            .optional,
        make: { (bytes: $0, days: $1) })
    public func check(limits: JSON) throws(InputErrors) { try Self.plan.check(limits) }
    public func check(options: JSON) throws(InputErrors) { try PeerChoice.wishes.check(options) }

    public func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation {
        guard let backend = order.backend else { throw .refused("a peer needs a node") }
        let settings = try NodeSettings(backend.settings)
        return try PeerChoice.prepare(order, settings, strangers: shelf.strangers(on: backend.id), ambient)
    }

    public func create(_ service: ServiceOrder) async throws(DriverError) -> Sight { try await open(service) }
    public func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight { try await open(service) }

    private func open(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        let (service, peer) = try await wanted(service, node)
        let made = try await node.peers.put(peer)
        var sight = Self.sight(.active, made, node, service)
        sight.choices = service.choices
        return sight
    }

    /// The peer, with the key that its host makes. A call that was cut off may have made the key and lost it: a repeat gives the same.
    private func wanted(_ service: ServiceOrder, _ node: Node) async throws(DriverError) -> (ServiceOrder, WantedPeer) {
        var (service, peer) = (service, try PeerChoice.peer(service))
        guard node.settings.policy == .host, node.peers.isApplied, peer.publicKey == nil else { return (service, peer) }
        let key = try await node.peers.makeKey(named: peer.name)
        peer.publicKey = key.publicKey
        var choices = service.choices.object ?? [:]
        (choices["public_key"], choices["host_path"]) = (.string(key.publicKey.text), .string(key.path))
        service.choices = .object(choices)
        return (service, peer)
    }

    /// New limits need nothing of the node; a new end does, of one that is open.
    public func update(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let seen = try await look(service)
        return seen.presence == .active ? try await open(service) : seen
    }

    public func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        try await node.peers.disable(try await wanted(service, node).1)
        return Sight(.suspended)
    }

    public func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        try await node.peers.remove(try await wanted(service, node).1)
        return Sight(.absent)
    }

    public func look(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        guard node.peers.isApplied else { return Sight(service.recorded) }
        let peer = try await wanted(service, node).1
        guard let found = try await node.peers.find(peer) else {
            return Sight(Self.missing(service, node))
        }
        return Self.sight(found.isEnabled ? .active : .suspended, found, node, service)
    }

    /// What it means that a node does not show the peer: where closed peers are removed, that one of them is closed.
    private static func missing(_ service: ServiceOrder, _ node: Node) -> Presence {
        !node.peers.keepsDisabledPeers && service.desired == .suspended ? .suspended : .absent
    }

    private static func sight(_ presence: Presence, _ peer: NodePeer, _ node: Node, _ service: ServiceOrder) -> Sight {
        var details = service.details.object ?? [:]
        details["addresses"] = .array(peer.addresses.map { .string($0) })
        if let key = peer.publicKey { details["public_key"] = .string(key.text) }
        details["applied"] = .bool(node.peers.isApplied)
        return Sight(presence, details: .object(details))
    }

    // MARK: Many at once

    public func survey(_ services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: Presence] {
        var seen: [ServiceID: Presence] = [:]
        for group in Dictionary(grouping: services, by: { $0.backend?.id }).values {
            guard let first = group.first else { continue }
            let node = try shelf.node(first)
            guard node.peers.isApplied else {
                for service in group { seen[service.id] = service.recorded }
                continue
            }
            for service in group { seen[service.id] = Self.missing(service, node) }
            for (service, peer) in try await shelf.matched(group, on: node) { seen[service.id] = peer.isEnabled ? .active : .suspended }
        }
        return seen
    }

    public func usage(of services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: UsageReading] {
        var read: [ServiceID: UsageReading] = [:]
        for group in Dictionary(grouping: services, by: { $0.backend?.id }).values {
            guard let first = group.first else { continue }
            for (service, peer) in try await shelf.matched(group, on: try shelf.node(first)) {
                guard let received = peer.received, let sent = peer.sent, received >= 0, sent >= 0 else { continue }
                read[service.id] = UsageReading(received: received, sent: sent, handshake: peer.handshake)
            }
        }
        return read
    }

    // MARK: The device's file

    public func config(of service: ServiceOrder) async throws(DriverError) -> ServiceConfig {
        let (node, peer) = (try shelf.node(service), try PeerChoice.peer(service))
        let name = ClientConfig.fileName(service.label)
        switch node.settings.policy {
        case .host: throw .refused("private key is held on the host")
        case .controller:
            // The controller keeps the private key; its file is fetched when it is asked for and kept nowhere.
            let text = try await node.peers.config(peer)
            do throws(ParseError) {
                guard case .known = try ClientConfig(parsing: text).privateKey else { throw ParseError("a config with its private key") }
            } catch { throw .refused("the controller has no usable config for this peer") }
            return ServiceConfig(bytes: Array(text.utf8), fileName: name)
        case .database, .client:
            guard let server = node.settings.server else { throw .refused("the node does not say where its server is") }
            let key = PeerChoice.privateKey(service)
            guard key != nil || service.options["public_key"].string != nil else { throw .refused("already downloaded") }
            do throws(ParseError) {
                let config = try ClientConfig(
                    privateKey: key.map { .known($0) } ?? .fromDevice,
                    addresses: peer.addresses.map { $0.contains(":") ? "\($0)/128" : "\($0)/32" }, dns: server.dns, mtu: server.mtu,
                    serverPublicKey: server.publicKey, presharedKey: peer.presharedKey, allowedIPs: server.allowedIPs,
                    keepalive: server.keepalive, endpoint: server.endpoint)
                return ServiceConfig(bytes: Array(config.text.utf8), fileName: name)
            } catch { throw .refused("the node's settings make no config: \(error.message)") }
        }
    }

    public func secretAfterDelivery(of service: ServiceOrder) throws(DriverError) -> [UInt8]? {
        guard let backend = service.backend, try NodeSettings(backend.settings).isHandedOverOnce, let secret = service.secret else {
            return service.secret
        }
        return PeerChoice.withoutPrivateKey(secret)
    }

    // MARK: What the operator asks

    func node(_ backend: BackendAccess) throws(DriverError) -> Node { try shelf.node(backend) }

    /// Why a node must not be used as it is set; nil when it may. Calls nobody.
    public func refusal(of backend: BackendAccess) -> DriverError? {
        do throws(DriverError) {
            _ = try shelf.node(backend)
            return nil
        } catch { return error }
    }

    /// Asks the node: what answers there, and how many peers it has.
    public func description(of backend: BackendAccess) async throws(DriverError) -> String {
        try await shelf.node(backend).peers.description()
    }

    public func strays(on backend: BackendAccess, known: () async throws(DriverError) -> Set<String>) async throws(DriverError) -> [String]
    {
        let node = try shelf.node(backend)
        guard node.peers.keepsDisabledPeers else { return [] }
        let listed = try await node.peers.list()
        // Asked after the list: whoever was made meanwhile had a name before it had a peer.
        let known = try await known()
        let strays = listed.compactMap(\.name).filter { PeerChoice.isOurs($0) && !known.contains($0) }
        if node.settings.removesStrays {
            for name in strays { try await node.peers.remove(WantedPeer(name: name)) }
        }
        return strays
    }
}

extension ServiceOrder {
    /// The state of what is only written down.
    fileprivate var recorded: Presence {
        switch desired {
        case .active: .active
        case .suspended: .suspended
        case .terminated: .absent
        }
    }
}

/// One way to one node, with its settings.
struct Node: Sendable {
    let access: BackendAccess
    let settings: NodeSettings
    let peers: any PeerNode
}

/// One of each node, so that what was found out about it is remembered; another one when its settings change.
private final class NodeShelf: Sendable {
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

    /// One list for all services of a node.
    func matched(_ services: [ServiceOrder], on node: Node) async throws(DriverError) -> [(ServiceOrder, NodePeer)] {
        let listed = try await node.peers.list()
        var byName: [String: NodePeer] = [:]
        var byKey: [WireGuardKey: NodePeer] = [:]
        for peer in listed {
            // Of two of a name the older stays.
            if let name = peer.name, byName[name] == nil { byName[name] = peer }
            if let key = peer.publicKey { byKey[key] = peer }
        }
        var found: [(ServiceOrder, NodePeer)] = []
        for service in services {
            let peer = try PeerChoice.peer(service)
            let candidate = byName[peer.name] ?? peer.publicKey.flatMap { byKey[$0] }
            if let candidate, node.peers.isMeant(candidate, by: peer) { found.append((service, candidate)) }
        }
        if node.settings.pool != nil {
            let ours = Set(found.map(\.1.id))
            let addresses = Set(listed.filter { !ours.contains($0.id) }.flatMap(\.addresses))
            foreign.withLock { $0[node.access.id] = addresses }
        }
        return found
    }
}
