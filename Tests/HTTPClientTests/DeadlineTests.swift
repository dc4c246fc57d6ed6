import HTTP
import TestKit
import Synchronization
import Testing

/// Every wait ends, on a clock that the test moves.
struct DeadlineTests {
    static var short: UpstreamDeadlines {
        var deadlines = UpstreamDeadlines()
        (deadlines.connectMilliseconds, deadlines.addressMilliseconds) = (10_000, 3_000)
        (deadlines.sendMilliseconds, deadlines.firstByteMilliseconds, deadlines.idleMilliseconds) = (60_000, 120_000, 300_000)
        return deadlines
    }

    @Test func `no first byte`() async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch(deadlines: Self.short)
            let peer = try await upstream.accept()
            await upstream.advance(milliseconds: 119_900)
            try await peer.send("")
            #expect(upstream.pool.counters.timeouts.value == 0)
            await upstream.advance(milliseconds: 200)
            #expect(await task.value == .failed(.firstByteTimeout))
            #expect(try await peer.rest().isEmpty)
        }
    }

    /// A connection has one timer for all its calls; what the one before has left must neither end the next nor keep it.
    @Test(arguments: [(first: 600_000, second: 120_000), (first: 120_000, second: 600_000)])
    func `each call on a kept connection has its own deadline`(first: Int, second: Int) async throws {
        try await withUpstream { upstream in
            var deadlines = Self.short
            deadlines.firstByteMilliseconds = first
            let served = upstream.fetch(deadlines: deadlines)
            let peer = try await upstream.accept()
            await upstream.advance(milliseconds: 10_000)
            try await peer.send(PoolTests.ok)
            #expect(await served.value == .reply(200, "ok"))
            deadlines.firstByteMilliseconds = second
            let late = upstream.fetch(deadlines: deadlines)
            _ = try await peer.text(until: "{}")
            await upstream.advance(milliseconds: Int64(second) - 100)
            try await peer.send("")
            #expect(upstream.pool.counters.timeouts.value == 0)
            await upstream.advance(milliseconds: 200)
            #expect(await late.value == .failed(.firstByteTimeout))
            #expect(upstream.pool.counters.opened.value == 1)
        }
    }

    @Test func `a kept connection has no deadline of a call that is over`() async throws {
        try await withUpstream(limits: Self.patient) { upstream in
            let served = upstream.fetch(deadlines: Self.short)
            let peer = try await upstream.accept()
            try await peer.send(PoolTests.ok)
            #expect(await served.value == .reply(200, "ok"))
            await upstream.advance(milliseconds: 1_000_000)
            #expect(upstream.pool.counters.timeouts.value == 0)
            #expect(await upstream.idleCount() == 1)
        }
    }
    private static var patient: UpstreamLimits {
        var limits = UpstreamLimits()
        limits.idleSeconds = 10_000
        return limits
    }

    @Test func `a byte starts the idle time anew, inside head and body`() async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch(deadlines: Self.short)
            let peer = try await upstream.accept()
            var received = upstream.pool.counters.bytesReceived.value
            for part in ["HTTP/1.1 200 OK\r\n", "content-length: 3\r\n\r\n", "a", "b"] {
                try await peer.send(part)
                received += part.utf8.count
                await StreamTests.until(upstream) { upstream.pool.counters.bytesReceived.value == received }
                await upstream.advance(milliseconds: 299_000)
                #expect(upstream.pool.counters.timeouts.value == 0)
            }
            await upstream.advance(milliseconds: 1_100)
            #expect(await task.value == .failed(.idleTimeout))
        }
    }

    @Test func `time in a pause is not the upstream's`() async throws {
        try await withUpstream { upstream in
            let seen = StreamTests.Seen()
            let task = StreamTests.pump(upstream, seen, deadlines: Self.short) { $0 == 1 ? .pause : .continue }
            let peer = try await upstream.accept()
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
            await StreamTests.until(upstream) { !seen.pieces.isEmpty }
            await upstream.advance(milliseconds: 3_000_000)
            await upstream.onReactor { seen.response?.resume() }.value
            await upstream.advance(milliseconds: 299_000)
            try await peer.send("cd")
            #expect(await task.value == nil)
            #expect(seen.bytes == Array("abcd".utf8))
        }
    }

    @Test func `a request that nobody takes`() async throws {
        try await withUpstream { upstream in
            let big = UpstreamRequest(.post, "/", to: upstream.target, body: [UInt8](repeating: 0x62, count: 64 << 20))
            let task = upstream.fetch(UpstreamCall(big, to: upstream.target, deadlines: Self.short))
            let peer = try await upstream.listener.accept()
            // Until the socket buffers are full.
            var before = -1
            while before != upstream.pool.counters.bytesSent.value || before == 0 {
                before = upstream.pool.counters.bytesSent.value
                for _ in 1...20 { await upstream.reactor.poke() }
            }
            await upstream.advance(milliseconds: 60_100)
            #expect(await task.value == .failed(.sendTimeout))
            peer.close()
        }
    }

    @Test func `a waiting request gives up, and its place is not lost`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsPerTarget = 1
        try await withUpstream(limits: limits) { upstream in
            let first = upstream.fetch(deadlines: Self.short)
            let peer = try await upstream.accept()
            let second = upstream.fetch(deadlines: Self.short)
            await upstream.reactor.poke()
            await upstream.advance(milliseconds: 10_100)
            #expect(await second.value == .failed(.busy))
            try await peer.send(PoolTests.ok)
            #expect(await first.value == .reply(200, "ok"))
        }
    }

    static let loopback = ["127.0.0.1", "127.0.0.2"].compactMap { IPAddress($0) }

    @Test func `an address that refuses is followed by the next`() async throws {
        try await withUpstream(lookup: { _ in .success(Self.loopback.reversed()) }) { upstream in
            let target = try UpstreamTarget(
                parsing: "http://two.example:\(upstream.listener.port)", addressRule: AddressRule(allowsLoopback: true))
            let task = upstream.fetch(UpstreamCall(upstream.request(), to: target, deadlines: Self.short))
            try await upstream.answer(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test func `an address that does not answer costs its own time, then the next is tried`() async throws {
        let isLookedUp = Mutex(false)
        let lookup: @Sendable (String) -> Resolver.Answer = { _ in
            isLookedUp.withLock { $0 = true }
            return .success(Self.loopback)
        }
        try await withUpstream(lookup: lookup) { upstream in
            // Full after one connection: whoever comes next gets no answer.
            let silent = try RawListener(backlog: 0)
            let filling = try RawClient(port: silent.port)
            let good = try RawListener(lastOctet: 2, port: silent.port)
            let target = try UpstreamTarget(parsing: "http://two.example:\(silent.port)", addressRule: AddressRule(allowsLoopback: true))
            let task = upstream.fetch(UpstreamCall(upstream.request(), to: target, deadlines: Self.short))
            await StreamTests.until(upstream) { isLookedUp.withLock { $0 } }
            #expect(!good.hasWaiting)
            // The address's time runs from when the reactor has heard of it, which is a moment after the resolver's thread knew.
            for _ in 1...3 where !good.hasWaiting {
                for _ in 1...200 { await upstream.reactor.poke() }
                await upstream.advance(milliseconds: 3_050)
            }
            let peer = try await good.accept()
            try await peer.send(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
            filling.close()
        }
    }

    @Test func `no address answers`() async throws {
        try await withUpstream { upstream in
            let silent = try RawListener(backlog: 0)
            let filling = try RawClient(port: silent.port)
            let target = try UpstreamTarget(parsing: "http://127.0.0.1:\(silent.port)", addressRule: AddressRule(allowsLoopback: true))
            let task = upstream.fetch(UpstreamCall(upstream.request(), to: target, deadlines: Self.short))
            await StreamTests.until(upstream) { upstream.pool.counters.requests.value == 1 }
            await upstream.advance(milliseconds: 10_100)
            #expect(await task.value == .failed(.connectTimeout))
            filling.close()
        }
    }

    @Test func `a name that is not resolved in time`() async throws {
        let gate = Latch()
        try await withUpstream(lookup: { _ in
            gate.wait(); return .failure(LookupFault("late"))
        }) { upstream in
            defer { gate.open() }
            let target = try UpstreamTarget(parsing: "https://slow.example")
            let task = upstream.fetch(UpstreamCall(upstream.request(), to: target, deadlines: Self.short))
            await StreamTests.until(upstream) { upstream.pool.counters.requests.value == 1 }
            await upstream.advance(milliseconds: 10_100)
            #expect(await task.value == .failed(.connectTimeout))
        }
    }
}
