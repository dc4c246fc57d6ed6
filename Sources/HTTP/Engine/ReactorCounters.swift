internal import Synchronization

/// A number that one reactor writes and anybody reads.
public final class ReactorCounter: Sendable {
    private let stored = Atomic<Int>(0)
    public var value: Int { stored.load(ordering: .relaxed) }
    /// One writer, so a load and a store are enough and cost no bus lock.
    @inline(__always) func add(_ amount: Int) { stored.store(stored.load(ordering: .relaxed) &+ amount, ordering: .relaxed) }
}

/// What a reactor has done since it started; read by metrics from any thread.
public struct ReactorCounters: Sendable {
    public let rounds = ReactorCounter()
    public let accepted = ReactorCounter()
    /// Open now.
    public let connections = ReactorCounter()
    /// Closed at once because their address had too many.
    public let refusedPerAddress = ReactorCounter()
    /// Times accepting was paused (descriptors, connections or memory short).
    public let acceptPauses = ReactorCounter()
    public let requests = ReactorCounter()
    /// Requests answered before a handler saw them.
    public let protocolErrors = ReactorCounter()
    public let bytesReceived = ReactorCounter()
    public let bytesSent = ReactorCounter()
    /// Connections ended because a deadline passed.
    public let timeouts = ReactorCounter()
    public let tlsHandshakeFailures = ReactorCounter()
}
