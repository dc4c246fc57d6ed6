/// A call to another service, off the relay path: webhooks, panels, mail gateways.
public struct OutgoingRequest: Sendable {
    public var method: Method
    /// http or https, with query if any. A user and password in it are used for Basic authentication and never shown.
    public var url: String
    public var headers: Headers
    public var body: [UInt8]
    /// For everything together.
    public var timeoutMilliseconds = 30_000
    public var connectTimeoutMilliseconds = 10_000
    /// Of the decoded body.
    public var responseLimitBytes = 8 << 20
    /// 0: a redirect is an answer like any other.
    public var redirectLimit = 0
    /// Judges every address besides the client's own rule, on a connection of this request's own; nil: the client's alone.
    public var addressRule: AddressRule?

    public init(_ method: Method, _ url: String, headers: Headers = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

public struct OutgoingReply: Sendable {
    public let status: Int
    public let headers: Headers
    public let body: [UInt8]
    public init(status: Int, headers: Headers, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why there was no complete answer. The texts hold host and port, never a user, password, path, query or header.
public enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    case badURL(String)
    /// A field that cannot be sent; its name, or "name" when that is the bad part.
    case badHeader(String)
    case resolve(String)
    /// Also when there was none in time.
    case connect(String)
    case tls(String)
    case proxy(String)
    /// The name leads to an address that may not be called.
    case refusedAddress(String)
    /// There was a connection and no answer in time; the request may have been acted on.
    case timeout
    /// The request went out and no whole answer came back; it may have been acted on.
    case interrupted(String)
    case tooLarge(limitBytes: Int)
    /// As many calls as allowed are waiting already, or were for as long as this one had time.
    case busy
    case cancelled

    /// For the operator.
    public var description: String {
        switch self {
        case .badURL(let detail), .badHeader(let detail), .resolve(let detail), .connect(let detail), .tls(let detail), .proxy(let detail),
            .interrupted(let detail):
            detail
        case .refusedAddress(let detail): "\(detail) may not be called"
        case .timeout: "no answer in time"
        case .tooLarge(let limit): "an answer of more than \(limit) bytes"
        case .busy: "too many calls are waiting"
        case .cancelled: "it was given up"
        }
    }
}

public protocol HTTPClient: Sendable {
    func send(_ request: OutgoingRequest) async throws(ClientError) -> OutgoingReply
}
