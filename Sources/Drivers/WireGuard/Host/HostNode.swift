internal import Domain
internal import HTTP
internal import Processes

/// A WireGuard host whose interface we write by the scripts in `share/wireguard`, on this machine or over SSH. It knows keys only: a peer is
/// its public key, and a peer that is switched off is not there.
struct HostNode: PeerNode {
    let isApplied: Bool
    private let scripts: HostScripts
    private let pool: AddressPool?
    private let way: any HostWay

    init(_ settings: NodeSettings, _ scripts: HostScripts, _ way: any HostWay) {
        (isApplied, pool, self.scripts, self.way) = (settings.isApplied, settings.pool, scripts, way)
    }

    func list() async throws(DriverError) -> [NodePeer] {
        guard isApplied else { return [] }
        let text = try await run(scripts.listing())
        do throws(ParseError) {
            var peers: [NodePeer] = []
            for line in text.split(separator: "\n") { peers.append(Self.peer(try PeerLine(parsing: line))) }
            return peers
        } catch { throw .unreachable("the host's list cannot be read: \(error.message)") }
    }

    private static func peer(_ line: PeerLine) -> NodePeer {
        NodePeer(
            id: line.publicKey.text, publicKey: line.publicKey, addresses: line.allowedIPs.map(address),
            received: line.received, sent: line.sent, handshake: line.handshake)
    }

    /// Without the prefix of a single address.
    private static func address(_ text: String) -> String {
        let plain = String(text.prefix { $0 != "/" })
        return text == plain + (plain.contains(":") ? "/128" : "/32") ? plain : text
    }

    func put(_ peer: WantedPeer) async throws(DriverError) -> NodePeer {
        guard let key = peer.publicKey else { throw .refused("a host needs the peer's public key") }
        guard isApplied else { return NodePeer(id: key.text, name: peer.name, publicKey: key, addresses: peer.addresses) }
        _ = try await run(try scripts.applying(peer, key, pool: pool))
        // By reading, not by assuming.
        guard let found = try await find(peer), Self.same(found.addresses, peer.addresses) else {
            throw .outcomeUnknown("the host does not show the peer as it was written")
        }
        return found
    }
    private static func same(_ one: [String], _ other: [String]) -> Bool {
        Set(one.map { IPAddress($0)?.description ?? $0 }) == Set(other.map { IPAddress($0)?.description ?? $0 })
    }

    func remove(_ peer: WantedPeer) async throws(DriverError) {
        guard isApplied, let key = peer.publicKey else { return }
        _ = try await run(scripts.removing(key))
        guard try await find(peer) == nil else { throw .outcomeUnknown("the host still shows the peer") }
    }

    func makeKey(named name: String) async throws(DriverError) -> HostKey {
        guard isApplied else { throw .refused("the host is not written to yet, so it makes no keys: WG_APPLY_ENABLED") }
        let text = try await run(try scripts.generating(name))
        var words: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { words[parts[0]] = parts[1] }
        }
        do throws(ParseError) {
            let path = String(words["PRIVATE"] ?? "")
            try HostScripts.checkPath(path)
            return HostKey(publicKey: try WireGuardKey(parsing: String(words["PUBLIC"] ?? "")), path: path)
        } catch { throw .unreachable("the host's answer cannot be read: \(error.message)") }
    }

    func description() async throws(DriverError) -> String {
        guard isApplied else { return "a host that is not written to yet" }
        return "\(way.name), \(try await list().count) peers"
    }

    private func run(_ line: HostScripts.Line) async throws(DriverError) -> String {
        let ended = try await way.run(line)
        if ended.isCutOff {
            throw line.changes ? .outcomeUnknown("the host took too long") : .unreachable("the host took too long")
        }
        switch ended.status {
        case 0: return String(decoding: ended.output, as: UTF8.self)
        case 2: throw .refused("\(Self.name(line)) refused its arguments: \(ended.errorText)")
        case 3: throw .unreachable("there is no interface \(scripts.interface) on the host")
        case 4 where ended.errorText.contains("belongs to another peer"): throw .refused(ended.errorText)
        case 4, 5: throw .unreachable("\(Self.name(line)): \(ended.errorText)")
        case 126: throw .refused("\(line.script) may not be run there: \(ended.errorText)")
        case 127: throw .refused("\(line.script) is not there")
        case 128...: throw .outcomeUnknown("\(Self.name(line)) was ended by signal \(ended.status - 128)")
        default: throw .unreachable("\(Self.name(line)) ended with \(ended.status): \(ended.errorText)")
        }
    }
    private static func name(_ line: HostScripts.Line) -> Substring { line.script.split(separator: "/").last ?? "" }
}
