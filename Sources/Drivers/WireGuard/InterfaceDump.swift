public import Domain

/// `wg show IF dump`, read without keeping what is secret in it: the first line holds the node's private key.
public struct InterfaceDump: Sendable, Equatable {
    public struct Peer: Sendable, Equatable {
        public let publicKey: WireGuardKey
        public let hasPresharedKey: Bool
        /// Where the peer last spoke from; nil for never.
        public let endpoint: String?
        /// The peer's own tunnel addresses with prefix.
        public let allowedIPs: [String]
        /// nil for never.
        public let handshake: Timestamp?
        /// Bytes, as the node counts: what it received is what the customer sent.
        public let received: Int64
        public let sent: Int64
        /// Seconds; 0 is off.
        public let keepalive: Int
    }
    public let publicKey: WireGuardKey
    public let port: Int
    public let peers: [Peer]

    /// Larger output is none of a node we can serve.
    static let largestPeers = 65_536

    /// - Throws: for a line with too few or too many columns or an unreadable one. Never quotes the text.
    public init(parsing text: String) throws(ParseError) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { throw ParseError("a dump with a line of the interface") }
        let interface = lines.removeFirst().split(separator: "\t", omittingEmptySubsequences: false)
        guard interface.count == 4, let port = Int(interface[2]), (0...65535).contains(port) else {
            throw ParseError("a dump whose first line has four columns")
        }
        guard lines.count <= Self.largestPeers else { throw ParseError("a dump of at most \(Self.largestPeers) peers") }
        publicKey = try WireGuardKey(parsing: String(interface[1]))
        self.port = port
        var peers: [Peer] = []
        for line in lines { peers.append(try Self.peer(line.split(separator: "\t", omittingEmptySubsequences: false))) }
        self.peers = peers
    }

    private static func peer(_ columns: [Substring]) throws(ParseError) -> Peer {
        guard columns.count == 8 else { throw ParseError("a dump whose lines of peers have eight columns") }
        guard let handshake = Int64(columns[4]), (0...253_402_300_799).contains(handshake), let received = Int64(columns[5]),
            let sent = Int64(columns[6]), received >= 0, sent >= 0
        else { throw ParseError("a dump with counters that are numbers") }
        let keepalive = columns[7] == "off" ? 0 : Int(columns[7]) ?? -1
        guard (0...65535).contains(keepalive) else { throw ParseError("a dump with a keepalive in seconds or off") }
        func shown(_ text: Substring) -> String? { text == "(none)" ? nil : String(text) }
        return Peer(
            publicKey: try WireGuardKey(parsing: String(columns[0])), hasPresharedKey: columns[1] != "(none)",
            endpoint: shown(columns[2]), allowedIPs: shown(columns[3])?.split(separator: ",").map(String.init) ?? [],
            handshake: handshake == 0 ? nil : Timestamp(milliseconds: handshake * 1000), received: received, sent: sent,
            keepalive: keepalive)
    }
}
