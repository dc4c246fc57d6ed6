import Foundation
import HTTP
import Synchronization
import TestKit
import Testing

/// Bodies as they arrive: pieces, pauses, cuts, cancelling.
struct StreamTests {
    /// What a sink on the reactor saw.
    final class Seen: Sendable {
        private let state = Mutex<(pieces: [[UInt8]], response: UpstreamResponse?)>(([], nil))
        var pieces: [[UInt8]] { state.withLock { $0.pieces } }
        var bytes: [UInt8] { pieces.flatMap { $0 } }
        var response: UpstreamResponse? { state.withLock { $0.response } }
        func add(_ piece: Span<UInt8>) {
            var copy: [UInt8] = []
            for index in piece.indices { copy.append(piece[index]) }
            state.withLock { $0.pieces.append(copy) }
        }
        func keep(_ response: UpstreamResponse?) { state.withLock { $0.response = response } }
    }

    /// Pumps into `seen`; `step` decides after each piece.
    static func pump(
        _ upstream: Upstream, _ seen: Seen, decoding: Bool = false, deadlines: UpstreamDeadlines = UpstreamDeadlines(),
        _ step: @escaping @Sendable (Int) -> PumpStep = { _ in .continue }
    ) -> Task<UpstreamError.Reason?, Never> {
        let call = UpstreamCall(upstream.request(), to: upstream.target, deadlines: deadlines)
        return upstream.onReactor { [pool = upstream.pool] in
            defer { seen.keep(nil) }
            do throws(UpstreamError) {
                let response = try await pool.send(call)
                seen.keep(response)
                try await response.pump(decoding: decoding) { piece in
                    seen.add(piece)
                    return step(seen.pieces.count)
                }
            } catch { return error.reason }
            return nil
        }
    }
    static func until(_ upstream: Upstream, _ condition: () -> Bool) async {
        while !condition() { await upstream.reactor.poke() }
    }

    static let framings = [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=1\r\n012\r\n7\r\n3456789\r\n0\r\nt: u\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
    ]

    @Test(arguments: framings) func `an answer cut into two reads anywhere is the same`(answer: String) async throws {
        let bytes = Array(answer.utf8)
        try await withUpstream { upstream in
            for place in 1..<bytes.count {
                let task = upstream.fetch()
                let peer = try await upstream.accept()
                try await peer.send(Array(bytes[..<place]))
                // The reactor has read the first part when it has done this.
                await upstream.reactor.poke()
                try await peer.send(Array(bytes[place...]))
                #expect(await task.value == .reply(200, "0123456789"), "cut at \(place)")
                peer.close()
                while await upstream.idleCount() > 0 { await upstream.reactor.poke() }
            }
        }
    }

    @Test(arguments: framings) func `an answer that ends anywhere before its end is an error`(answer: String) async throws {
        let bytes = Array(answer.utf8)
        try await withUpstream { upstream in
            for place in 0..<bytes.count {
                let task = upstream.fetch()
                try await upstream.answer(String(decoding: bytes[..<place], as: UTF8.self))
                #expect(await task.value == .failed(.closedEarly(afterBytes: place)), "ended at \(place)")
            }
        }
    }

    @Test func `all chunks of one read come as one piece`() async throws {
        try await withUpstream { upstream in
            let seen = Seen()
            let task = Self.pump(upstream, seen)
            let peer = try await upstream.accept()
            try await peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            await Self.until(upstream) { seen.response != nil }
            try await peer.send("2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n")
            await Self.until(upstream) { !seen.pieces.isEmpty }
            #expect(seen.pieces == [Array("abcdef".utf8)])
            try await peer.send("0\r\n\r\n")
            #expect(await task.value == nil)
            #expect(await upstream.idleCount() == 1)
        }
    }

    @Test func `bytes before a cut are handed over`() async throws {
        try await withUpstream { upstream in
            let seen = Seen()
            let task = Self.pump(upstream, seen)
            try await upstream.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz")
            #expect(await task.value == .malformed("bad chunk"))
            #expect(seen.bytes == Array("ab".utf8))
        }
    }

    @Test func `a body that waits for its reader is kept whole`() async throws {
        try await withUpstream { upstream in
            let call = UpstreamCall(upstream.request(), to: upstream.target)
            let gate = AsyncStream<Void>.makeStream()
            let task = upstream.onReactor { [pool = upstream.pool] () -> [UInt8]? in
                guard let response = try? await pool.send(call) else { return nil }
                for await _ in gate.stream { break }
                return try? await response.collect(limit: 100_000)
            }
            let peer = try await upstream.accept()
            let body = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n")
            try await peer.send(body)
            await upstream.reactor.poke()
            gate.continuation.yield()
            #expect(await task.value == body)
        }
    }

    @Test func `pause stops reading, and resume brings the rest`() async throws {
        try await withUpstream { upstream in
            let seen = Seen()
            let task = Self.pump(upstream, seen) { $0 == 1 ? .pause : .continue }
            let peer = try await upstream.accept()
            let body = [UInt8](repeating: 0x61, count: 16 << 20)
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: \(body.count)\r\n\r\n")
            var sent = peer.sendWhatFits(Array(body[..<1000]))
            await Self.until(upstream) { !seen.pieces.isEmpty }
            let whenPaused = seen.bytes.count
            // The socket buffers fill up, because nobody reads.
            var idleRounds = 0
            while idleRounds < 3 {
                let count = peer.sendWhatFits(Array(body[sent...]))
                sent += count
                idleRounds = count == 0 ? idleRounds + 1 : 0
                await upstream.reactor.poke()
            }
            #expect(sent < body.count, "the far side is held back")
            #expect(seen.bytes.count == whenPaused)
            await upstream.onReactor { seen.response?.resume() }.value
            try await peer.send(Array(body[sent...]))
            #expect(await task.value == nil)
            #expect(seen.bytes.count == body.count)
        }
    }

    @Test func `what came before a reset is still read after a pause`() async throws {
        try await withUpstream { upstream in
            let seen = Seen()
            let task = Self.pump(upstream, seen) { $0 == 1 ? .pause : .continue }
            let peer = try await upstream.accept()
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nab")
            await Self.until(upstream) { !seen.pieces.isEmpty }
            try await peer.send("cd")
            peer.reset()
            for _ in 1...3 { await upstream.reactor.poke() }
            #expect(seen.pieces.count == 1)
            await upstream.onReactor { seen.response?.resume() }.value
            guard case .closedEarly = await task.value else {
                Issue.record("a reset is an early end")
                return
            }
        }
    }

    @Test func `cancelling closes in the same turn, at every stage`() async throws {
        try await withUpstream { upstream in
            for stage in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"] {
                let call = UpstreamCall(upstream.request(), to: upstream.target)
                let task = upstream.fetch(call)
                let peer = try await upstream.accept()
                try await peer.send(stage)
                await upstream.reactor.poke()
                let left = await upstream.onReactor { [pool = upstream.pool] in
                    call.cancel()
                    return pool.counters.connections.value
                }.value
                #expect(left == 0)
                #expect(await task.value == .failed(.cancelled))
                #expect(try await peer.rest().isEmpty)
            }
            #expect(upstream.pool.counters.cancelled.value == 3)
        }
    }

    @Test func `cancelling the task cancels the call`() async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch()
            let peer = try await upstream.accept()
            task.cancel()
            #expect(await task.value == .failed(.cancelled))
            #expect(try await peer.rest().isEmpty)
        }
    }

    @Test func `a call cancelled before it is sent is not sent`() async throws {
        try await withUpstream { upstream in
            let call = UpstreamCall(upstream.request(), to: upstream.target)
            await upstream.onReactor { call.cancel() }.value
            #expect(await upstream.fetch(call).value == .failed(.cancelled))
            #expect(!upstream.listener.hasWaiting)
        }
    }

    @Test func `stop closes, and a dropped response closes`() async throws {
        try await withUpstream { upstream in
            let seen = Seen()
            let stopped = Self.pump(upstream, seen) { _ in .stop }
            let first = try await upstream.accept()
            try await first.send("HTTP/1.1 200 OK\r\n\r\nab")
            #expect(await stopped.value == .cancelled)
            #expect(try await first.rest().isEmpty)

            let call = UpstreamCall(upstream.request(), to: upstream.target)
            let dropped = upstream.onReactor { [pool = upstream.pool] in (try? await pool.send(call).status) ?? 0 }
            let second = try await upstream.accept()
            try await second.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
            #expect(await dropped.value == 200)
            #expect(try await second.rest().isEmpty)
        }
    }

    @Test func `an answer before the whole request ends the sending`() async throws {
        try await withUpstream { upstream in
            let big = UpstreamRequest(.post, "/", to: upstream.target, body: [UInt8](repeating: 0x62, count: 32 << 20))
            let task = upstream.fetch(UpstreamCall(big, to: upstream.target))
            let peer = try await upstream.listener.accept()
            _ = try await peer.text(until: "\r\n\r\n")
            try await peer.send("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
            #expect(await task.value == .reply(413, "big"))
            #expect(await upstream.idleCount() == 0)
        }
    }

    @Test(arguments: [false, true])
    func `a long request arrives byte for byte, from memory and from a file`(isUnlinked: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.path
        try await withUpstream { upstream in
            let body = (0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let copy = await UnlinkedBytes.copy(body, in: folder)
            let file = try #require(copy)
            let request = UpstreamRequest(
                .post, Array("/v1/a b".utf8).span, to: upstream.target, body: isUnlinked ? .unlinked(file) : .bytes(body), room: 16
            ) { $0.add("x-test", "a\r\nb: c") }
            let task = upstream.fetch(UpstreamCall(request, to: upstream.target))
            let peer = try await upstream.listener.accept()
            let head = try await peer.text(until: "\r\n\r\n")
            #expect(
                head == "POST /v1/a%20b HTTP/1.1\r\nhost: 127.0.0.1:\(upstream.listener.port)\r\nx-test: a  b: c\r\n"
                    + "content-length: \(body.count)\r\n\r\n")
            #expect(try await peer.bytes(body.count) == body)
            try await peer.send(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test func `bytes in a file without a name leave nothing in the folder`() async throws {
        try await withTemporaryFolder { folder in
            let bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let copy = await UnlinkedBytes.copy(bytes, in: folder.path)
            let file = try #require(copy)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            #expect(file.count == bytes.count)
            for _ in 1...2 {
                #expect(file.withSpan { span in span.count == bytes.count && span.indices.allSatisfy { span[$0] == bytes[$0] } })
                UpstreamBody.unlinked(file).rest()
            }
            #expect(await UnlinkedBytes.copy(bytes, in: folder.path + "/missing") == nil)
            #expect(await UnlinkedBytes.copy([], in: folder.path) == nil)
        }
    }
}
