internal import Domain
internal import Synchronization

/// One list of a node, asked about as many services as there are.
final class NodeView: BackendView {
    private let node: Node
    private let shelf: NodeShelf
    let listed: [NodePeer]
    private let byName: [String: NodePeer]
    private let byKey: [WireGuardKey: NodePeer]
    /// Ids on the node that services stand for, of all that were asked about so far.
    private let ours = Mutex<Set<String>>([])

    init(_ node: Node, _ listed: [NodePeer], _ shelf: NodeShelf) {
        (self.node, self.listed, self.shelf) = (node, listed, shelf)
        var byName: [String: NodePeer] = [:]
        var byKey: [WireGuardKey: NodePeer] = [:]
        byName.reserveCapacity(listed.count)
        byKey.reserveCapacity(listed.count)
        for peer in listed {
            // Of two of a name the older stays.
            if let name = peer.name, byName[name] == nil { byName[name] = peer }
            if let key = peer.publicKey { byKey[key] = peer }
        }
        (self.byName, self.byKey) = (byName, byKey)
    }

    func presences(of services: [ServiceOrder]) throws(DriverError) -> [ServiceID: Presence] {
        var seen: [ServiceID: Presence] = [:]
        seen.reserveCapacity(services.count)
        guard node.peers.isApplied else {
            for service in services { seen[service.id] = service.recorded }
            return seen
        }
        for service in services {
            guard let peer = try find(service) else {
                seen[service.id] = WireGuardDriver.missing(service, node)
                continue
            }
            seen[service.id] = WireGuardDriver.presence(of: peer, as: service, node)
        }
        if node.settings.pool != nil {
            let known = ours.withLock { $0 }
            shelf.keepForeign(
                Set(listed.filter { !known.contains($0.id) }.flatMap(\.addresses).map { String($0.prefix { $0 != "/" }) }),
                on: node.access.id)
        }
        return seen
    }

    func usage(of services: [ServiceOrder]) throws(DriverError) -> [ServiceID: UsageReading] {
        var read: [ServiceID: UsageReading] = [:]
        for service in services {
            guard let peer = try find(service), let received = peer.received, let sent = peer.sent, received >= 0, sent >= 0 else {
                continue
            }
            read[service.id] = UsageReading(received: received, sent: sent, handshake: peer.handshake)
        }
        return read
    }

    private func find(_ service: ServiceOrder) throws(DriverError) -> NodePeer? {
        let wanted = try PeerChoice.peer(service)
        guard let peer = byName[wanted.name] ?? wanted.publicKey.flatMap({ byKey[$0] }), node.peers.isMeant(peer, by: wanted) else {
            return nil
        }
        if node.settings.pool != nil { ours.withLock { _ = $0.insert(peer.id) } }
        return peer
    }
}
