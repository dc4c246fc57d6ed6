public import Domain

/// One peer as `wg_show.sh` prints it: the columns of `wg show IF dump` without the preshared key. The only reader of such lines.
public struct PeerLine: Sendable, Equatable {
    public let publicKey: WireGuardKey
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

    /// - Throws: for a line with too few or too many columns or an unreadable one. Never quotes the text.
    public init(parsing line: Substring) throws(ParseError) {
        let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard columns.count == 7 else { throw ParseError("a line of a peer with seven columns") }
        guard let handshake = Int64(columns[3]), (0...253_402_300_799).contains(handshake), let received = Int64(columns[4]),
            let sent = Int64(columns[5]), received >= 0, sent >= 0
        else { throw ParseError("a line of a peer with counters that are numbers") }
        let keepalive = columns[6] == "off" ? 0 : Int(columns[6]) ?? -1
        guard (0...65535).contains(keepalive) else { throw ParseError("a line of a peer with a keepalive in seconds or off") }
        func shown(_ text: Substring) -> String? { text == "(none)" ? nil : String(text) }
        publicKey = try WireGuardKey(parsing: String(columns[0]))
        endpoint = shown(columns[1])
        allowedIPs = shown(columns[2])?.split(separator: ",").map(String.init) ?? []
        self.handshake = handshake == 0 ? nil : Timestamp(seconds: handshake)
        (self.received, self.sent, self.keepalive) = (received, sent, keepalive)
    }
}
