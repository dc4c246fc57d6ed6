/// One request on its way: hold it to be able to cancel from a callback. Touched only on its pool's reactor.
public final class UpstreamCall: @unchecked Sendable {
    public let request: UpstreamRequest
    public let target: UpstreamTarget
    public let deadlines: UpstreamDeadlines
    /// The first connection was a kept one that closed before any response byte, and the request went out a second time.
    public internal(set) var wasRetried = false
    /// The connection had served a request before.
    public internal(set) var wasReused = false

    public init(_ request: UpstreamRequest, to target: UpstreamTarget, deadlines: UpstreamDeadlines = UpstreamDeadlines()) {
        self.request = request
        self.target = target
        self.deadlines = deadlines
    }

    /// Closes the connection in this turn of the loop; whoever waits gets `cancelled`. Harmless when it is over.
    public func cancel() { preconditionFailure("under construction") }
}
