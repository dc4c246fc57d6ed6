public import Domain

/// One control request, complete: the engine has read and checked head and body before a handler sees it.
public struct Request: Sendable {
    public var id: RequestID
    public var method: Method
    /// The path as sent, still percent-encoded, without the query.
    public var path: String
    /// The query as sent, without "?"; empty when there is none. Never logged.
    public var query: String
    public var headers: Headers
    public var body: [UInt8]
    /// The caller's address as text, after `TRUSTED_PROXIES` have been believed or not.
    public var remoteAddress: String
    /// True when the caller's own connection is TLS, directly or by a trusted proxy's word.
    public var isSecure: Bool

    public init(
        id: RequestID, method: Method, path: String, query: String = "", headers: Headers = [:], body: [UInt8] = [],
        remoteAddress: String = "127.0.0.1", isSecure: Bool = false
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.isSecure = isSecure
    }
}
