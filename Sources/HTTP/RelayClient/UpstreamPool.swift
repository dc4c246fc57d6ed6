/// The connections of one reactor to all upstreams. Touched only on that reactor, except `init`.
public final class UpstreamPool: @unchecked Sendable {
    public let reactor: Reactor
    public let limits: UpstreamLimits
    public let counters = UpstreamCounters()

    public init(reactor: Reactor, resolver: Resolver, trust: UpstreamTrust, limits: UpstreamLimits = UpstreamLimits()) {
        self.reactor = reactor
        self.limits = limits
    }

    /// Sends the request and answers when the response head is there. Cancelling the task cancels the call.
    public func send(_ call: UpstreamCall) async throws(UpstreamError) -> UpstreamResponse { preconditionFailure("under construction") }
    public func send(
        _ request: UpstreamRequest, to target: UpstreamTarget, deadlines: UpstreamDeadlines = UpstreamDeadlines()
    ) async throws(UpstreamError) -> UpstreamResponse {
        try await send(UpstreamCall(request, to: target, deadlines: deadlines))
    }

    /// Closes kept connections, for all targets or one (its account was removed).
    public func closeIdle(_ target: UpstreamTarget? = nil) { preconditionFailure("under construction") }
}

/// What a pool has done since it started; read by metrics from any thread.
public struct UpstreamCounters: Sendable {
    /// Open now, kept ones included.
    public let connections = ReactorCounter()
    public let opened = ReactorCounter()
    public let openFailures = ReactorCounter()
    public let requests = ReactorCounter()
    public let reused = ReactorCounter()
    /// Requests sent again because a kept connection had closed.
    public let retried = ReactorCounter()
    public let cancelled = ReactorCounter()
    public let timeouts = ReactorCounter()
    public let bytesReceived = ReactorCounter()
    public let bytesSent = ReactorCounter()
    public let tlsResumed = ReactorCounter()
}
