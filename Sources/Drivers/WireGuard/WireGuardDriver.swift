public import Domain
internal import HTTP

/// VPN peers on WireGuard nodes. What makes a peer is chosen before the first call (name, keys and addresses, as far as they are ours to
/// choose), so that a call that was cut off never leads to a second peer.
public struct WireGuardDriver: ServiceDriver, Reshaping, BackendViewing, ConfigDelivery, StrayReporting, BackendTending {
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

    public func reshape(_ service: ServiceOrder, to options: JSON) throws(DriverError) -> Reshape {
        guard let backend = service.backend else { throw .refused("a peer needs a node") }
        return try PeerChoice.reshape(service, to: options, NodeSettings(backend.settings), strangers: shelf.strangers(on: backend.id))
    }

    public func create(_ service: ServiceOrder) async throws(DriverError) -> Sight { try await open(service) }
    public func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight { try await open(service) }

    private func open(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        var (service, peer) = try await wanted(service, node)
        service = try await withoutRetired(service, node)
        let made = try await node.peers.put(peer)
        var sight = Self.sight(.active, made, node, service)
        sight.choices = service.choices
        return sight
    }

    /// First the old key goes: two peers cannot have one address.
    private func withoutRetired(_ service: ServiceOrder, _ node: Node) async throws(DriverError) -> ServiceOrder {
        let retired = PeerChoice.retired(service)
        guard !retired.isEmpty else { return service }
        for key in retired { try await node.peers.remove(WantedPeer(name: "", publicKey: key)) }
        var (service, choices) = (service, service.choices.object ?? [:])
        choices["retired_keys"] = nil
        service.choices = .object(choices)
        return service
    }

    /// The peer, with the key that its host makes. A call that was cut off may have made the key and lost it: a repeat gives the same.
    private func wanted(_ service: ServiceOrder, _ node: Node) async throws(DriverError) -> (ServiceOrder, WantedPeer) {
        var (service, peer) = (service, try PeerChoice.peer(service))
        peer.addresses = PeerChoice.addresses(service, node.settings)
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
        return seen.presence == .active || seen.presence == .altered ? try await open(service) : seen
    }

    public func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        let (wanted, peer) = try await wanted(service, node)
        let rest = try await withoutRetired(wanted, node)
        try await node.peers.disable(peer)
        return Sight(.suspended, choices: rest.choices)
    }

    public func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        let (wanted, peer) = try await wanted(service, node)
        let rest = try await withoutRetired(wanted, node)
        try await node.peers.remove(peer)
        return Sight(.absent, choices: rest.choices)
    }

    public func look(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let node = try shelf.node(service)
        guard node.peers.isApplied else { return Sight(service.recorded) }
        let (wanted, peer) = try await wanted(service, node)
        guard let found = try await node.peers.find(peer) else {
            return Sight(Self.missing(service, node))
        }
        let presence = Self.presence(of: found, as: wanted, node)
        var sight = Self.sight(presence, found, node, service)
        // What it shall have again is not forgotten over what a stranger gave it.
        if presence == .altered { sight.details = nil }
        // A call that was cut off may have lost the key that its host made: now it is kept.
        if wanted.choices != service.choices { sight.choices = wanted.choices }
        return sight
    }

    /// Whether it is there as it was made: with the addresses that we chose, or that its controller once gave it.
    static func presence(of found: NodePeer, as service: ServiceOrder, _ node: Node) -> Presence {
        guard found.isEnabled else { return .suspended }
        let wanted = PeerChoice.addresses(service, node.settings)
        if node.settings.pool == nil { return WgEasyNode.isMoved(found, from: wanted) ? .altered : .active }
        return wanted.isEmpty || Set(wanted.map(canonical)) == Set(found.addresses.map(canonical)) ? .active : .altered
    }
    /// A network stays what it is: it is no address of one peer.
    private static func canonical(_ text: String) -> String { IPAddress(text)?.description ?? text }

    /// What it means that a node does not show the peer: where closed peers are removed, that one of them is closed.
    static func missing(_ service: ServiceOrder, _ node: Node) -> Presence {
        !node.peers.keepsDisabledPeers && service.desired == .suspended ? .suspended : .absent
    }

    private static func sight(_ presence: Presence, _ peer: NodePeer, _ node: Node, _ service: ServiceOrder) -> Sight {
        var details = service.details.object ?? [:]
        details["addresses"] = .array(peer.addresses.map { .string($0) })
        details["remote_id"] = .string(peer.id)
        if let key = peer.publicKey { details["public_key"] = .string(key.text) }
        details["applied"] = .bool(node.peers.isApplied)
        return Sight(presence, details: .object(details))
    }

    // MARK: Many at once

    public func view(of backend: BackendAccess) async throws(DriverError) -> any BackendView {
        let node = try shelf.node(backend)
        return NodeView(node, node.peers.isApplied ? try await node.peers.list() : [], shelf)
    }

    public func survey(_ services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: Presence] {
        var seen: [ServiceID: Presence] = [:]
        for group in Dictionary(grouping: services, by: { $0.backend?.id }).values {
            guard let backend = group.first?.backend else { continue }
            seen.merge(try await view(of: backend).presences(of: group)) { $1 }
        }
        return seen
    }

    public func usage(of services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: UsageReading] {
        var read: [ServiceID: UsageReading] = [:]
        for group in Dictionary(grouping: services, by: { $0.backend?.id }).values {
            guard let backend = group.first?.backend else { continue }
            read.merge(try await view(of: backend).usage(of: group)) { $1 }
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
            guard key != nil || service.options["public_key"].string != nil || !node.settings.isHandedOverOnce else {
                throw .refused("already downloaded")
            }
            do throws(ParseError) {
                var config = try ClientConfig(
                    privateKey: key.map { .known($0) } ?? .fromDevice,
                    addresses: peer.addresses.map { $0.contains(":") ? "\($0)/128" : "\($0)/32" }, dns: server.dns, mtu: server.mtu,
                    serverPublicKey: server.publicKey, presharedKey: peer.presharedKey,
                    allowedIPs: service.options["allowed_ips"].array?.compactMap(\.string) ?? server.allowedIPs,
                    keepalive: server.keepalive, endpoint: server.endpoint)
                config.amnezia = server.amnezia
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

    public func conflicts(_ backends: [BackendAccess]) -> [String] { NodeRules.conflicts(backends) }

    /// Asks the node: what answers there, and how many peers it has.
    public func description(of backend: BackendAccess) async throws(DriverError) -> String {
        try await shelf.node(backend).peers.description()
    }

    public func strays(
        on backend: BackendAccess, in view: (any BackendView)?, known: () async throws(DriverError) -> Set<String>
    ) async throws(DriverError) -> [String] {
        let node = try shelf.node(backend)
        guard node.peers.keepsDisabledPeers else { return [] }
        let listed = if let view = view as? NodeView { view.listed } else { try await node.peers.list() }
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
    var recorded: Presence {
        switch desired {
        case .active: .active
        case .suspended: .suspended
        case .terminated: .absent
        }
    }
}
