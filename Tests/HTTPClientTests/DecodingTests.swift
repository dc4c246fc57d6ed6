import HTTP
import TestKit
import Testing

/// Upstreams that compress although nobody asked.
struct DecodingTests {
    static let text = String(repeating: "event: ping\ndata: {\"type\":\"ping\"}\n\n", count: 200)
    static let codings: [(String, Int32)] = [("gzip", 31), ("x-gzip", 31), ("GZIP", 31), ("deflate", 15), ("deflate", -15)]

    static func answer(_ coding: String, _ body: [UInt8]) -> [UInt8] {
        Array("HTTP/1.1 200 OK\r\ncontent-encoding: \(coding)\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body
    }
    static func outcome(_ answer: [UInt8], limit: Int = 1 << 24, decoding: Bool = true) async throws -> Upstream.Outcome? {
        var outcome: Upstream.Outcome?
        try await withUpstream { upstream in
            let task = upstream.fetch(limit: limit, decoding: decoding)
            let peer = try await upstream.accept()
            try await peer.send(answer)
            outcome = await task.value
            peer.close()
        }
        return outcome
    }

    @Test(arguments: codings) func `gzip and both kinds of deflate are taken off`(coding: String, windowBits: Int32) async throws {
        let body = Compressed.bytes(Array(Self.text.utf8), windowBits: windowBits)
        #expect(try await Self.outcome(Self.answer(coding, body)) == .reply(200, Self.text))
        #expect(try await Self.outcome(Self.answer(coding, [])) == .reply(200, ""))
    }

    @Test(arguments: codings) func `however the bytes are cut`(coding: String, windowBits: Int32) async throws {
        let body = Compressed.bytes(Array(Self.text.utf8), windowBits: windowBits)
        try await withUpstream { upstream in
            let task = upstream.fetch(decoding: true)
            let peer = try await upstream.accept()
            for byte in Self.answer(coding, body) {
                try await peer.send([byte])
                await upstream.reactor.poke()
            }
            #expect(await task.value == .reply(200, Self.text))
        }
    }

    @Test func `not asked to, it stays as it came; an unknown coding too`() async throws {
        let body = Array("not what it says".utf8)
        #expect(try await Self.outcome(Self.answer("gzip", body), decoding: false) == .reply(200, "not what it says"))
        for coding in ["br", "gzip, gzip", "identity"] {
            #expect(try await Self.outcome(Self.answer(coding, body)) == .reply(200, "not what it says"))
        }
    }

    @Test func `gzip members follow each other`() async throws {
        let body = Compressed.bytes(Array("one ".utf8), windowBits: 31) + Compressed.bytes(Array("two".utf8), windowBits: 31)
        #expect(try await Self.outcome(Self.answer("gzip", body)) == .reply(200, "one two"))
    }

    @Test(arguments: [[0], [0, 0, 0, 0], [1, 2, 3], [0, 0x1f, 0x8b], [UInt8](repeating: 0, count: 60_000)] as [[UInt8]])
    func `what stands behind the last gzip member is passed over`(padding: [UInt8]) async throws {
        let body = Compressed.bytes(Array(Self.text.utf8), windowBits: 31) + padding
        #expect(try await Self.outcome(Self.answer("gzip", body)) == .reply(200, Self.text))
    }

    @Test func `padding without end is corrupt`() async throws {
        let body = Compressed.bytes(Array(Self.text.utf8), windowBits: 31) + [UInt8](repeating: 0, count: 65_537)
        #expect(try await Self.outcome(Self.answer("gzip", body)) == .failed(.malformed("compressed body is corrupt")))
    }

    @Test func `what is corrupt or too short is an error`() async throws {
        let body = Compressed.bytes(Array(Self.text.utf8), windowBits: 31)
        var flipped = body
        flipped[body.count / 2] ^= 0x55
        var badSum = body
        badSum[body.count - 6] ^= 1
        let wrapped = Compressed.bytes(Array(Self.text.utf8), windowBits: 15)
        for (coding, bytes, message) in [
            ("gzip", Array("plain text".utf8), "compressed body is corrupt"), ("gzip", flipped, "compressed body is corrupt"),
            ("gzip", badSum, "compressed body is corrupt"), ("gzip", body + [0x1f, 2, 3], "compressed body is corrupt"),
            ("gzip", body + body.dropLast(), "compressed body ends early"), ("deflate", wrapped + [0], "compressed body is corrupt"),
            ("gzip", Array(body.dropLast()), "compressed body ends early"), ("gzip", Array(body.prefix(1)), "compressed body ends early"),
            ("deflate", Array(wrapped.prefix(1)), "compressed body ends early"),
        ] {
            #expect(try await Self.outcome(Self.answer(coding, bytes)) == .failed(.malformed(message)), "\(coding) \(bytes.count)")
        }
    }

    @Test func `a small body that becomes a huge one is stopped`() async throws {
        let bomb = Compressed.bytes([UInt8](repeating: 0, count: 8 << 20), windowBits: 31)
        #expect(try await Self.outcome(Self.answer("gzip", bomb)) == .failed(.malformed("compressed body expands too much")))
        let small = Compressed.bytes([UInt8](repeating: 0, count: 100_000), windowBits: 31)
        #expect(try await Self.outcome(Self.answer("gzip", small), limit: 99_999) == .failed(.tooLarge(limitBytes: 99_999)))
    }

    @Test func `a pause holds decoded bytes back, after the message has ended too`() async throws {
        // Random enough that the expansion stays small, and several output steps long.
        let text = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let body = Compressed.bytes(text, windowBits: 31)
        try await withUpstream { upstream in
            let seen = StreamTests.Seen()
            let task = StreamTests.pump(upstream, seen, decoding: true) { _ in .pause }
            let peer = try await upstream.accept()
            try await peer.send(Self.answer("gzip", body))
            var count = 0
            while seen.bytes.count < text.count {
                await StreamTests.until(upstream) { seen.pieces.count > count }
                #expect(seen.pieces.count == count + 1)
                count += 1
                await upstream.onReactor { seen.response?.resume() }.value
            }
            #expect(await task.value == nil)
            #expect(seen.bytes == text)
        }
    }
}
