/// Where the server listens and whom it believes.
public struct ServerConfiguration: Sendable {
    /// An address, not a name: "127.0.0.1", "0.0.0.0", "::".
    public var host = "127.0.0.1"
    /// 0 asks the system for one.
    public var port: UInt16 = 0
    /// Whether another process may listen on the same port; two that must not share one notice it.
    public var sharesPort = false
    public var backlog: Int32 = 4096
    public var tls: TLSFiles?
    /// Whose X-Forwarded-For and X-Forwarded-Proto count.
    public var trustedProxies: [IPNetwork] = IPNetwork.loopback
    public var limits = ServerLimits()
    public init() {}
}

/// PEM files; the certificate file may hold the chain.
public struct TLSFiles: Sendable {
    public var certificateFile: String
    public var keyFile: String
    public init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// Every bound of the server; the defaults are the product's.
public struct ServerLimits: Sendable {
    /// Request line and fields together; more is 431.
    public var headBytes = 16_384
    /// Fields; more is 431.
    public var headerCount = 100
    /// From the first byte of a head to its last, and for a new connection to its first byte; then 408.
    public var headSeconds = 10
    public var tlsHandshakeSeconds = 10
    /// A body has this long before the minimum rate counts.
    public var bodyGraceSeconds = 10
    public var bodyMinimumBytesPerSecond = 1024
    /// However fast it is, a body is over after this long.
    public var bodyTotalSeconds = 600
    public var keepAliveIdleSeconds = 65
    /// A client that accepts nothing for this long counts as gone.
    public var sendStallSeconds = 120
    /// Reply bytes kept back for a slow client, beyond which a further write aborts the exchange. One write may be larger.
    public var keptBackBytes = 262_144
    /// An unread body up to this size is read and dropped to keep the connection; past it the connection closes.
    public var discardedBodyBytes = 65_536
    /// Over all connections: bodies, kept back output, unread input, and replies that are collected. Past it accepting pauses and new
    /// bodies get 503; large whole replies get 503 when output alone would be more than half of it.
    public var memoryBudgetBytes = 512 << 20
    /// An IPv4 address or an IPv6 /64; at most half of all connections. 0 is off. Trusted proxies are exempt.
    public var connectionsPerAddress = 1024
    /// Over all reactors; nil takes what the descriptor limit allows, less a reserve.
    public var connections: Int?
    public init() {}
}
