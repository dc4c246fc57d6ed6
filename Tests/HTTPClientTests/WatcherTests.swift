import HTTP
import TestKit
import Testing

/// Calls whose answer is told to somebody, not awaited.
struct WatcherTests {
    /// What came of a call: the whole body at once, or what collecting it afterwards in a task gave.
    enum Outcome: Equatable, Sendable {
        case whole(Int, String)
        case later(Upstream.Outcome)
        case failed(UpstreamError.Reason)
    }

    private final class Watcher: ResponseWatcher {
        enum Told: Sendable {
            case whole(Int, String)
            case later(UpstreamResponse)
            case failed(UpstreamError.Reason)
        }
        private let limit: Int
        /// A second word would be a second resumption, which ends the test.
        private let continuation: CheckedContinuation<Told, Never>
        init(limit: Int, _ continuation: CheckedContinuation<Told, Never>) { (self.limit, self.continuation) = (limit, continuation) }

        func answered(_ response: UpstreamResponse) {
            if let body = response.arrivedBody(limit: limit) {
                continuation.resume(returning: .whole(response.status, String(decoding: body, as: UTF8.self)))
            } else {
                continuation.resume(returning: .later(response))
            }
        }
        func failed(_ error: UpstreamError) { continuation.resume(returning: .failed(error.reason)) }
    }

    private static func tell(_ upstream: Upstream, _ call: UpstreamCall? = nil, limit: Int = 100) -> Task<Watcher.Told, Never> {
        let (pool, call) = (upstream.pool, call ?? UpstreamCall(upstream.request(), to: upstream.target))
        return upstream.onReactor { await withCheckedContinuation { pool.send(call, telling: Watcher(limit: limit, $0)) } }
    }

    private static func outcome(_ told: Watcher.Told, limit: Int = 100) async -> Outcome {
        switch told {
        case .whole(let status, let text): return .whole(status, text)
        case .failed(let reason): return .failed(reason)
        case .later(let response):
            do throws(UpstreamError) {
                let body = try await response.collect(limit: limit, decoding: true)
                return .later(.reply(response.status, String(decoding: body, as: UTF8.self)))
            } catch { return .later(.failed(error.reason)) }
        }
    }

    private static func send(_ upstream: Upstream, _ call: UpstreamCall? = nil) -> Task<Outcome, Never> {
        let told = tell(upstream, call)
        return upstream.onReactor { await outcome(await told.value) }
    }

    @Test func `an answer in one read is told with its whole body`() async throws {
        try await withUpstream { upstream in
            let first = Self.send(upstream)
            let peer = try await upstream.accept()
            try await peer.send(PoolTests.ok)
            #expect(await first.value == .whole(200, "ok"))
            for _ in 1...3 {
                let next = Self.send(upstream)
                _ = try await peer.text(until: "{}")
                try await peer.send(PoolTests.ok)
                #expect(await next.value == .whole(200, "ok"))
            }
            #expect(upstream.pool.counters.opened.value == 1 && upstream.pool.counters.requests.value == 4)
        }
    }

    @Test(arguments: [
        ("no body", "HTTP/1.1 204 No Content\r\n\r\n", Upstream.Outcome.reply(204, "")),
        ("an empty one", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", .reply(200, "")),
        ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", .reply(200, "ok")),
        ("one that is too long", "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n", .failed(.tooLarge(limitBytes: 100))),
    ])
    func `any other answer can still be collected`(name: String, answer: String, outcome: Upstream.Outcome) async throws {
        try await withUpstream { upstream in
            let call = Self.send(upstream)
            try await upstream.accept().send(answer)
            #expect(await call.value == .later(outcome))
        }
    }

    @Test func `a body that is not whole yet is collected as it comes`() async throws {
        try await withUpstream { upstream in
            let told = Self.tell(upstream)
            let peer = try await upstream.accept()
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok")
            let first = await told.value
            try await peer.send("ok")
            #expect(await upstream.onReactor { await Self.outcome(first) }.value == .later(.reply(200, "okok")))
            #expect(await upstream.idleCount() == 1)
        }
    }

    @Test func `a coded body is left to whoever decodes`() async throws {
        try await withUpstream { upstream in
            let body = Compressed.bytes(Array("plain".utf8), windowBits: 31)
            let call = Self.send(upstream)
            let peer = try await upstream.accept()
            try await peer.send(
                Array("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body)
            #expect(await call.value == .later(.reply(200, "plain")))
        }
    }

    @Test func `a failure is told, also of a call that was over before it was sent`() async throws {
        try await withUpstream { upstream in
            let cut = Self.send(upstream)
            try await upstream.answer("")
            #expect(await cut.value == .failed(.closedEarly(afterBytes: 0)))
            var deadlines = UpstreamDeadlines()
            deadlines.firstByteMilliseconds = 1000
            let late = Self.send(upstream, UpstreamCall(upstream.request(), to: upstream.target, deadlines: deadlines))
            let silent = try await upstream.accept()
            await upstream.advance(milliseconds: 1100)
            #expect(await late.value == .failed(.firstByteTimeout))
            silent.close()
            let cancelled = UpstreamCall(upstream.request(), to: upstream.target)
            cancelled.cancel()
            #expect(await Self.send(upstream, cancelled).value == .failed(.cancelled))
        }
    }

    @Test func `a call that waits for the connection gets it inside the event that ends the one before`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsPerTarget = 1
        try await withUpstream(limits: limits) { upstream in
            let first = Self.send(upstream)
            let peer = try await upstream.accept()
            var deadlines = UpstreamDeadlines()
            (deadlines.firstByteMilliseconds, deadlines.idleMilliseconds) = (60_000, 1000)
            let second = Self.send(upstream, UpstreamCall(upstream.request(), to: upstream.target, deadlines: deadlines))
            _ = await upstream.idleCount()
            try await peer.send(PoolTests.ok)
            #expect(await first.value == .whole(200, "ok"))
            _ = try await peer.text(until: "{}")
            // The event brought bytes, but none of its own.
            await upstream.advance(milliseconds: 5000)
            try await peer.send(PoolTests.ok)
            #expect(await second.value == .whole(200, "ok"))
        }
    }
}
