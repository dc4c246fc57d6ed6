public import Domain

public enum ServerError: Error, Sendable {
    case badAddress(String)
    case cannotListen(SystemCallError)
    case tls(TLSError)
}

/// A request that was refused before a handler saw it.
public struct ProtocolProblem: Sendable {
    /// 400, 405, 408, 413, 417, 431, 500, 501, 503 or 505.
    public let status: Int
    /// Stable, as "bad_request" or "head_too_large".
    public let code: String
    /// Safe to show.
    public let message: String
    /// As sent and without the query, when the request line could be read; it decides the shape of the error.
    public let path: String?
    public let requestID: RequestID
}
public typealias ErrorResponder = @Sendable (ProtocolProblem) -> Response

/// The HTTP/1.1 server: one listener per reactor on a shared port.
public final class Server: Sendable {
    public struct Hooks: Sendable {
        public var errorResponder: ErrorResponder
        /// Called on the reactor when an exchange is over; must not block.
        public var onFinished: @Sendable (ExchangeSummary) -> Void
        public init(errorResponder: ErrorResponder? = nil, onFinished: @escaping @Sendable (ExchangeSummary) -> Void = { _ in }) {
            self.errorResponder =
                errorResponder ?? {
                    Response(status: $0.status, headers: ["content-type": "text/plain; charset=utf-8"], body: Array("\($0.message)\n".utf8))
                }
            self.onFinished = onFinished
        }
    }
    public let configuration: ServerConfiguration
    /// Started by the caller and stopped by the caller, after `drain`.
    public let reactors: [Reactor]

    public init(_ configuration: ServerConfiguration, reactors: [Reactor], handler: any ExchangeHandler, hooks: Hooks = Hooks())
        throws(ServerError)
    {
        self.configuration = configuration
        self.reactors = reactors
    }
    /// Listens and accepts; answers the real port. The reactors are running.
    public func start() async throws(ServerError) -> UInt16 { preconditionFailure("under construction") }
    /// Reads certificate and key again; connections that are open keep what they have. On an error the old ones stay in use.
    public func reloadTLS() throws(TLSError) { preconditionFailure("under construction") }
    /// Stops accepting, closes idle connections, lets running exchanges finish, and after `deadline` cuts the rest. Answers how many were cut.
    @discardableResult public func drain(deadline: Duration) async -> Int { preconditionFailure("under construction") }
    public var openConnections: Int { reactors.reduce(0) { $0 + $1.counters.connections.value } }
}
