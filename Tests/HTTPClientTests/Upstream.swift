import Domain
import HTTP
import Synchronization
import TestKit
import Testing

/// A listener that plays the upstream, and a pool on a reactor whose clock stands still until the test moves it.
struct Upstream: Sendable {
    let listener: RawListener
    let reactor: Reactor
    let pool: UpstreamPool
    let clock: TestClock
    let target: UpstreamTarget

    /// What came of a request.
    enum Outcome: Equatable, Sendable {
        case reply(Int, String)
        case failed(UpstreamError.Reason)

        var reason: UpstreamError.Reason? { if case .failed(let reason) = self { reason } else { nil } }
    }

    func request(_ method: HTTP.Method = .post, _ path: String = "/v1/messages", body: String = "{}") -> UpstreamRequest {
        UpstreamRequest(method, path, to: target, body: Array(body.utf8))
    }

    /// Runs a closure as a task of the reactor.
    func onReactor<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Task<Value, Never> {
        Task(executorPreference: reactor) { await work() }
    }

    /// Sends and collects on the reactor; the test goes on meanwhile.
    func fetch(_ call: UpstreamCall, limit: Int = 1 << 20, decoding: Bool = false) -> Task<Outcome, Never> {
        let pool = pool
        return onReactor {
            do throws(UpstreamError) {
                let response = try await pool.send(call)
                let body = try await response.collect(limit: limit, decoding: decoding)
                return .reply(response.status, String(decoding: body, as: UTF8.self))
            } catch { return .failed(error.reason) }
        }
    }
    func fetch(
        _ method: HTTP.Method = .post, deadlines: UpstreamDeadlines = UpstreamDeadlines(), limit: Int = 1 << 20, decoding: Bool = false
    )
        -> Task<Outcome, Never>
    {
        fetch(UpstreamCall(request(method), to: target, deadlines: deadlines), limit: limit, decoding: decoding)
    }

    /// The next connection, after its whole request has come.
    func accept() async throws -> RawClient {
        let peer = try await listener.accept()
        _ = try await peer.text(until: "{}")
        return peer
    }

    /// Answers the next connection with these bytes and closes it.
    func answer(_ text: String) async throws {
        let peer = try await accept()
        try await peer.send(text)
        peer.close()
    }

    /// Moves the clock and runs what is due.
    func advance(milliseconds: Int64) async {
        clock.advance(milliseconds: milliseconds)
        await reactor.poke()
    }
    /// Waits for the reactor to have done everything that other threads and sockets gave it before.
    func idleCount() async -> Int {
        await onReactor { [pool, target] in pool.idleCount(target) }.value
    }
}

func withUpstream(
    limits: UpstreamLimits = UpstreamLimits(), lookup: (@Sendable (String) -> Resolver.Answer)? = nil,
    _ body: (Upstream) async throws -> Void
) async throws {
    let clock = TestClock()
    let reactor = try Reactor(index: 0, ambient: clock.ambient)
    try reactor.start()
    let listener = try RawListener()
    let pool = UpstreamPool(
        reactor: reactor, resolver: Resolver(ambient: clock.ambient, lookup: lookup), trust: UpstreamTrust(), limits: limits)
    let target = try UpstreamTarget(parsing: "http://127.0.0.1:\(listener.port)", addressRule: AddressRule(allowsLoopback: true))
    let outcome: Result<Void, any Error>
    do {
        try await body(Upstream(listener: listener, reactor: reactor, pool: pool, clock: clock, target: target))
        outcome = .success(())
    } catch { outcome = .failure(error) }
    await Task(executorPreference: reactor) { pool.closeIdle() }.value
    #expect(pool.counters.connections.value == 0, "every connection is closed")
    reactor.stop()
    listener.close()
    try outcome.get()
}
