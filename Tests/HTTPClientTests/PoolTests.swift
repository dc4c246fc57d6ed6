import HTTP
import Synchronization
import TestKit
import Testing

/// Which connection a request goes out on, and what becomes of it afterwards.
struct PoolTests {
    static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    @Test func `a connection is used again after an exact end`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(Self.ok)
            #expect(await first.value == .reply(200, "ok"))
            for _ in 1...3 {
                let call = UpstreamCall(upstream.request(), to: upstream.target)
                let next = upstream.fetch(call)
                _ = try await peer.text(until: "{}")
                try await peer.send(Self.ok)
                #expect(await next.value == .reply(200, "ok"))
                #expect(call.wasReused && !call.wasRetried)
            }
            #expect(upstream.pool.counters.opened.value == 1 && upstream.pool.counters.reused.value == 3)
        }
    }

    /// A connection reads the next head into the storage of the one before, unless somebody has kept that.
    @Test func `a head that is kept stays as it was`() async throws {
        try await withUpstream { upstream in
            let kept = Mutex<[UpstreamResponseHead]>([])
            func fetch(keeps: Bool) -> Task<String?, Never> {
                upstream.onReactor { [pool = upstream.pool, target = upstream.target, request = upstream.request()] in
                    do {
                        let response = try await pool.send(UpstreamCall(request, to: target))
                        if keeps { kept.withLock { $0.append(response.head) } }
                        _ = try await response.collect(limit: 100)
                        return response.head.value(of: "x-number")
                    } catch { return nil }
                }
            }
            var peer: RawClient?
            for (number, keeps) in [true, false, false, true, false].enumerated() {
                let task = fetch(keeps: keeps)
                if let peer { _ = try await peer.text(until: "{}") } else { peer = try await upstream.accept() }
                let other = number == 2 ? "x-other: yes\r\n" : ""
                try await peer?.send("HTTP/1.1 200 OK\r\nx-number: \(number)\r\n\(other)content-length: 2\r\n\r\nok")
                #expect(await task.value == String(number))
            }
            let heads = kept.withLock { $0 }
            #expect(heads.map { $0.value(of: "x-number") } == ["0", "3"] && heads.allSatisfy { $0.value(of: "x-other") == nil })
            #expect(upstream.pool.counters.opened.value == 1)
        }
    }

    @Test func `the connection used last is used next`() async throws {
        try await withUpstream { upstream in
            let (one, two) = (upstream.fetch(), upstream.fetch())
            let (first, second) = (try await upstream.accept(), try await upstream.accept())
            try await first.send(Self.ok)
            _ = await [one.value, two].first { _ in true }
            try await second.send(Self.ok)
            _ = await two.value
            #expect(await upstream.idleCount() == 2)
            let third = upstream.fetch()
            _ = try await second.text(until: "{}")
            try await second.send(Self.ok)
            #expect(await third.value == .reply(200, "ok"))
        }
    }

    @Test(arguments: [
        ("connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nok"),
        ("close among others", "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok"),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        ("bytes after the message", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"),
        ("bytes after the last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx"),
    ])
    func `a connection that cannot be trusted with another request is closed`(name: String, answer: String) async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(answer)
            #expect(await first.value == .reply(200, "ok"))
            #expect(await upstream.idleCount() == 0)
            #expect(try await peer.rest().isEmpty, "and the far side sees its end")
        }
    }

    @Test func `HTTP 1.0 keep-alive keeps`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok")
            #expect(await first.value == .reply(200, "ok"))
            #expect(await upstream.idleCount() == 1)
        }
    }

    @Test func `a kept connection that speaks unasked or closes is dropped`() async throws {
        try await withUpstream { upstream in
            for bytes in ["HTTP/1.1 408 Request Timeout\r\n\r\n", ""] {
                let first = upstream.fetch()
                let peer = try await upstream.accept()
                try await peer.send(Self.ok)
                _ = await first.value
                try await peer.send(bytes)
                peer.close()
                while await upstream.idleCount() > 0 { await upstream.reactor.poke() }
                #expect(upstream.pool.counters.connections.value == 0)
            }
        }
    }

    @Test func `a kept connection that closes before any byte costs one retry`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(Self.ok)
            _ = await first.value
            let call = UpstreamCall(upstream.request(), to: upstream.target)
            let second = upstream.fetch(call)
            _ = try await peer.text(until: "{}")
            peer.close()
            try await upstream.answer(Self.ok)
            #expect(await second.value == .reply(200, "ok"))
            #expect(call.wasRetried && !call.wasReused)
            #expect(upstream.pool.counters.retried.value == 1)
        }
    }

    @Test func `the retry is not retried`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(Self.ok)
            _ = await first.value
            let second = upstream.fetch()
            _ = try await peer.text(until: "{}")
            peer.reset()
            try await upstream.answer("")
            #expect(await second.value == .failed(.closedEarly(afterBytes: 0)))
            #expect(upstream.listener.hasWaiting == false)
        }
    }

    @Test func `after one byte of a response nothing is retried`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(Self.ok)
            _ = await first.value
            let second = upstream.fetch()
            _ = try await peer.text(until: "{}")
            try await peer.send("H")
            peer.close()
            #expect(await second.value == .failed(.closedEarly(afterBytes: 1)))
            #expect(upstream.listener.hasWaiting == false)
        }
    }

    @Test func `an error tells whether the upstream may have the request`() async throws {
        try await withUpstream { upstream in
            let (pool, target, request) = (upstream.pool, upstream.target, upstream.request())
            let sent = upstream.onReactor { () -> UpstreamError? in
                do throws(UpstreamError) { _ = try await pool.send(request, to: target) } catch { return error }
                return nil
            }
            try await upstream.answer("")
            #expect(await sent.value == UpstreamError(.closedEarly(afterBytes: 0), mayHaveBeenReceived: true))
            upstream.listener.close()
            let unsent = upstream.onReactor { () -> UpstreamError? in
                do throws(UpstreamError) { _ = try await pool.send(request, to: target) } catch { return error }
                return nil
            }
            let error = try #require(await unsent.value)
            #expect(error.code == "connect" && !error.mayHaveBeenReceived)
        }
    }

    @Test func `requests past the limit wait in order, and past the queue are refused`() async throws {
        var limits = UpstreamLimits()
        (limits.connectionsPerTarget, limits.waitersPerTarget) = (1, 2)
        try await withUpstream(limits: limits) { upstream in
            let (pool, target) = (upstream.pool, upstream.target)
            // One task starts all four, so their order is known.
            let requests = ["/1", "/2", "/3", "/4"].map { upstream.request(.post, $0) }
            let results = upstream.onReactor {
                await withTaskGroup(of: (Int, Upstream.Outcome).self) { group in
                    for (index, request) in requests.enumerated() {
                        group.addTask(executorPreference: upstream.reactor) {
                            (index, await upstream.fetch(UpstreamCall(request, to: target)).value)
                        }
                    }
                    return await group.reduce(into: [Int: Upstream.Outcome]()) { $0[$1.0] = $1.1 }
                }
            }
            let peer = try await upstream.listener.accept()
            var paths: [Substring] = []
            for _ in 1...3 {
                paths += try await peer.text(until: "{}").split(separator: " ").dropFirst().prefix(1)
                try await peer.send(Self.ok)
            }
            let found = await results.value
            #expect(paths == ["/1", "/2", "/3"])
            #expect(found[3] == .failed(.busy))
            #expect((0...2).allSatisfy { found[$0] == .reply(200, "ok") })
            #expect(pool.counters.opened.value == 1)
        }
    }

    @Test func `a place that becomes free by an error goes to who waits`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsPerTarget = 1
        try await withUpstream(limits: limits) { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            let second = upstream.fetch()
            peer.reset()
            #expect(await first.value == .failed(.closedEarly(afterBytes: 0)))
            try await upstream.answer(Self.ok)
            #expect(await second.value == .reply(200, "ok"))
        }
    }

    @Test func `kept connections end after their time, the clock says`() async throws {
        try await withUpstream { upstream in
            let first = upstream.fetch()
            let peer = try await upstream.accept()
            try await peer.send(Self.ok)
            _ = await first.value
            await upstream.advance(milliseconds: 54_000)
            #expect(await upstream.idleCount() == 1)
            await upstream.advance(milliseconds: 6_000)
            #expect(await upstream.idleCount() == 0)
            #expect(try await peer.rest().isEmpty)
        }
    }

    @Test func `no more than the limit are kept`() async throws {
        var limits = UpstreamLimits()
        limits.idlePerTarget = 1
        try await withUpstream(limits: limits) { upstream in
            let (one, two) = (upstream.fetch(), upstream.fetch())
            let (first, second) = (try await upstream.accept(), try await upstream.accept())
            try await first.send(Self.ok)
            try await second.send(Self.ok)
            _ = await (one.value, two.value)
            #expect(await upstream.idleCount() == 1)
        }
    }
}
