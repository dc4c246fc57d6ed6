/// How long a request may wait for each of its steps.
public struct UpstreamDeadlines: Sendable, Equatable {
    /// For a free place, the name, TCP over all addresses and the proxy together.
    public var connectMilliseconds = 10_000
    /// For one address, before the next is tried.
    public var addressMilliseconds = 3_000
    public var tlsMilliseconds = 10_000
    /// Without progress while the request is sent.
    public var sendMilliseconds = 60_000
    /// From the last byte of the request to the first of the response.
    public var firstByteMilliseconds = 120_000
    /// Between bytes of the response. Time in which we do not read (`pause`) does not count.
    public var idleMilliseconds = 300_000
    public init() {}
}

/// Bounds of one pool, which is one reactor's.
public struct UpstreamLimits: Sendable, Equatable {
    /// Open or being opened, to one target.
    public var connectionsPerTarget = 16_384
    /// Kept open without a request, to one target.
    public var idlePerTarget = 256
    /// Just below the 60-75 s after which common servers close, so that we close first.
    public var idleSeconds = 55
    /// Requests that wait for a connection to one target when all are taken; further ones fail with `busy`.
    public var waitersPerTarget = 1_024
    /// Status line and fields of a response (design: 64 KiB).
    public var headBytes = 65_536
    public var headFields = 256
    /// Interim 1xx responses before the real one.
    public var informationalCount = 8
    /// Output bytes of a compressed body per input byte, once more than a megabyte has come out.
    public var expansionRatio = 200
    public init() {}
}
