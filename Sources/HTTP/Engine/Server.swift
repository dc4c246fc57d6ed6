public import Domain
internal import Synchronization

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
    public var message: String
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
    /// Started by the caller, and stopped by the caller after `drain`.
    public let reactors: [Reactor]
    private let shared: ServerShared
    private let acceptors = Mutex<[Acceptor]>([])

    /// - Throws: `.tls` when certificate and key cannot be used.
    public init(
        _ configuration: ServerConfiguration, reactors: [Reactor], handler: any ExchangeHandler, hooks: Hooks = Hooks()
    ) throws(ServerError) {
        precondition(!reactors.isEmpty, "a server needs a reactor")
        self.configuration = configuration
        self.reactors = reactors
        do { shared = try ServerShared(configuration, handler: handler, hooks: hooks) } catch { throw .tls(error) }
    }

    /// Listens and accepts; answers the real port. The reactors must be running.
    public func start() async throws(ServerError) -> UInt16 {
        guard let address = IPAddress(configuration.host) else { throw .badAddress(configuration.host) }
        var listeners: [Int32] = []
        var port = configuration.port
        do throws(SystemCallError) {
            if port != 0, !configuration.sharesPort {
                // Listeners of our own must share the port, so only this one notices that somebody else has it.
                SystemCalls.close(try SystemCalls.listen(address, port: port, backlog: 1, sharesPort: false))
            }
            for _ in reactors {
                let listener = try SystemCalls.listen(address, port: port, backlog: configuration.backlog, sharesPort: true)
                listeners.append(listener)
                port = SystemCalls.localPort(listener)
            }
            for (reactor, listener) in zip(reactors, listeners) {
                let acceptor = Acceptor(reactor: reactor, shared: shared, listener: listener)
                acceptors.withLock { $0.append(acceptor) }
                let failure = await reactor.ask { () -> SystemCallError? in
                    do throws(SystemCallError) { try acceptor.open() } catch { return error }
                    return nil
                }
                if let failure { throw failure }
            }
        } catch {
            for listener in listeners { SystemCalls.close(listener) }
            throw .cannotListen(error)
        }
        return port
    }

    /// Reads certificate and key again; connections that are open keep what they have. On an error the old ones stay in use.
    public func reloadTLS() throws(TLSError) {
        guard let files = configuration.tls else { return }
        let fresh = try TLSServerContext(files)
        shared.tls.withLock { $0 = fresh }
    }

    /// Stops accepting, closes idle connections, lets running exchanges finish, and cuts the rest after the deadline. Answers how
    /// many were cut.
    @discardableResult public func drain(deadline: Duration) async -> Int {
        let acceptors = acceptors.withLock { $0 }
        for acceptor in acceptors { await acceptor.reactor.ask { acceptor.drain() } }
        await withCheckedContinuation { continuation in
            shared.drainWaiter.withLock { $0 = continuation }
            let (seconds, attoseconds) = deadline.components
            let nanoseconds = UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000)
            reactors[0].execute { [shared, reactor = reactors[0]] in
                if nanoseconds == 0 || shared.connectionCount.load(ordering: .sequentiallyConsistent) == 0 { return shared.wakeDrain() }
                _ = reactor.schedule(afterNanoseconds: nanoseconds) { shared.wakeDrain() }
            }
        }
        var cut = 0
        for acceptor in acceptors { cut += await acceptor.reactor.ask { acceptor.cut() } }
        return cut
    }

    public var openConnections: Int { shared.connectionCount.load(ordering: .relaxed) }
    /// What connections keep between events: unread input, bodies, unsent output.
    public var keptBytes: Int { shared.keptBytes.load(ordering: .relaxed) }
}
