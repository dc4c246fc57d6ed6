/// What a peer has sent and received, added up from a node's counters that begin anew whenever the peer is added again or the node
/// restarts. Totals only grow. Samples must come in the order in which they were read.
public struct TransferMeter: Sendable, Equatable {
    /// The node's counters at the last sample, in bytes; the node receives what the customer sends.
    public private(set) var lastReceived: Int64
    public private(set) var lastSent: Int64
    public private(set) var totalReceived: Int64
    public private(set) var totalSent: Int64

    public init(lastReceived: Int64 = 0, lastSent: Int64 = 0, totalReceived: Int64 = 0, totalSent: Int64 = 0) {
        (self.lastReceived, self.lastSent) = (max(0, lastReceived), max(0, lastSent))
        (self.totalReceived, self.totalSent) = (max(0, totalReceived), max(0, totalSent))
    }

    /// Both ways together.
    public var total: Int64 { Self.sum(totalReceived, totalSent) }

    /// Adds what has passed since the last sample. A peer's two counters begin anew together: when one went back, both count from zero, even
    /// if the other has already outgrown its old value.
    /// - Returns: false, and nothing is changed, for counters below zero: the reading failed.
    @discardableResult
    public mutating func sample(received: Int64, sent: Int64) -> Bool {
        guard received >= 0, sent >= 0 else { return false }
        if received < lastReceived || sent < lastSent { begunAnew() }
        totalReceived = Self.sum(totalReceived, received - lastReceived)
        totalSent = Self.sum(totalSent, sent - lastSent)
        (lastReceived, lastSent) = (received, sent)
        return true
    }

    /// To be called when the peer was added again, or the node restarted, by us: growth past the old value would hide it.
    public mutating func begunAnew() { (lastReceived, lastSent) = (0, 0) }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, isOver) = a.addingReportingOverflow(b)
        return isOver ? .max : sum
    }
}

/// What is known of a peer besides its counters.
public enum PeerPresence {
    /// A peer with traffic shakes hands every 120 s; after this many without one it is offline. There is no event for leaving.
    public static let onlineSeconds: Int64 = 180
    /// - Parameter handshake: nil for never.
    public static func isOnline(handshake: Timestamp?, at now: Timestamp) -> Bool {
        guard let handshake else { return false }
        return now.milliseconds - handshake.milliseconds < onlineSeconds * 1000
    }
}
