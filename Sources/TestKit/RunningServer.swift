public import HTTP

/// A closure as a handler.
public struct ClosureHandler: TaskHandler {
    let work: @Sendable (Exchange) async -> Void
    public init(_ work: @escaping @Sendable (Exchange) async -> Void) { self.work = work }
    public func handle(_ exchange: Exchange) async { await work(exchange) }
}

/// The real server on a free loopback port, for the time of one test.
public struct RunningServer: Sendable {
    public let server: Server
    public let port: UInt16
    public let clock: TestClock
    public var reactors: [Reactor] { server.reactors }

    public func client(receiveBytes: Int32 = 0) throws -> RawClient { try RawClient(port: port, receiveBytes: receiveBytes) }

    /// Moves the clock and waits until every timer that is due by then has run.
    public func advance(seconds: Int64) async {
        clock.advance(milliseconds: seconds * 1000)
        for reactor in reactors { await reactor.poke() }
    }
}

/// Starts a server whose clock stands still until the test moves it, runs the body, cuts what is open, and ends its threads.
public func withServer(
    _ configuration: ServerConfiguration = ServerConfiguration(), reactors count: Int = 1, hooks: Server.Hooks = Server.Hooks(),
    handler: any ExchangeHandler, _ body: (RunningServer) async throws -> Void
) async throws {
    let clock = TestClock()
    var reactors: [Reactor] = []
    for index in 0..<count {
        let reactor = try Reactor(index: index, ambient: clock.ambient)
        try reactor.start()
        reactors.append(reactor)
    }
    let server = try Server(configuration, reactors: reactors, handler: handler, hooks: hooks)
    let port = try await server.start()
    let outcome: Result<Void, any Error>
    do {
        try await body(RunningServer(server: server, port: port, clock: clock))
        outcome = .success(())
    } catch { outcome = .failure(error) }
    await server.drain(deadline: .zero)
    for reactor in reactors { reactor.stop() }
    try outcome.get()
}
