import HTTP
import TestKit
import Testing

/// What a relay client makes of every kind of answer, sent byte for byte by a listener on loopback.
struct ResponseTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let answer: String
        let outcome: Upstream.Outcome
        var method = HTTP.Method.post
        var testDescription: String { name }
    }

    static let good: [Row] = [
        Row(name: "content-length", answer: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", outcome: .reply(200, "hello")),
        Row(name: "content-length 0", answer: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", outcome: .reply(200, "")),
        Row(
            name: "the same content-length twice", answer: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Length: 2\r\n\r\nok",
            outcome: .reply(200, "ok")),
        Row(
            name: "chunked", answer: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            outcome: .reply(200, "abcde")),
        Row(
            name: "chunked with trailers", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n",
            outcome: .reply(200, "a")),
        Row(name: "until close", answer: "HTTP/1.1 200 OK\r\n\r\nall there is", outcome: .reply(200, "all there is")),
        Row(name: "HTTP/1.0 until close", answer: "HTTP/1.0 200 OK\r\n\r\nold", outcome: .reply(200, "old")),
        Row(name: "no reason, space there", answer: "HTTP/1.1 503 \r\ncontent-length: 1\r\n\r\nx", outcome: .reply(503, "x")),
        Row(name: "no reason, space missing", answer: "HTTP/1.1 503\r\ncontent-length: 1\r\n\r\nx", outcome: .reply(503, "x")),
        Row(name: "reason past ASCII", answer: "HTTP/1.1 200 \u{fc}\r\ncontent-length: 1\r\n\r\nx", outcome: .reply(200, "x")),
        Row(name: "204 has no body", answer: "HTTP/1.1 204 No Content\r\n\r\n", outcome: .reply(204, "")),
        Row(name: "304 has no body", answer: "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", outcome: .reply(304, "")),
        Row(
            name: "interim responses",
            answer:
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            outcome: .reply(200, "ok")),
        Row(name: "empty header value", answer: "HTTP/1.1 200 OK\r\nx:\r\ncontent-length: 2\r\n\r\nok", outcome: .reply(200, "ok")),
        Row(
            name: "a redirect is an answer", answer: "HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n",
            outcome: .reply(302, "")),
    ]

    static let bad: [Row] = [
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "bad status line"),
        ("TLS alert", "\u{15}\u{3}\u{1}", "bad status line"),
        ("HTTP/0.9", "<html>", "bad status line"),
        ("lower case protocol", "http/1.1 200 OK\r\n\r\n", "bad status line"),
        ("HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "not HTTP/1.0 or HTTP/1.1"),
        ("HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", "bad status line"),
        ("two spaces", "HTTP/1.1  200 OK\r\n\r\n", "bad status line"),
        ("two digits", "HTTP/1.1 20 OK\r\n\r\n", "bad status line"),
        ("four digits", "HTTP/1.1 2000 OK\r\n\r\n", "bad status line"),
        ("status 099", "HTTP/1.1 099 OK\r\n\r\n", "bad status code"),
        ("status 600", "HTTP/1.1 600 OK\r\n\r\n", "bad status code"),
        ("signed status", "HTTP/1.1 +20 OK\r\n\r\n", "bad status code"),
        ("bare LF", "HTTP/1.1 200 OK\ncontent-length: 0\n\n", "a line does not end with CR LF"),
        ("bare CR", "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n", "a line does not end with CR LF"),
        ("NUL in a value", "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", "bad header value"),
        ("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", "control character in the head"),
        ("space before colon", "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n", "bad header name"),
        ("no colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "bad header name"),
        ("no name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "bad header name"),
        ("folded line", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", "folded header line"),
        ("content-length with sign", "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok", "bad content-length"),
        ("content-length in hex", "HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nok", "bad content-length"),
        ("content-length empty", "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok", "bad content-length"),
        ("content-length beyond numbers", "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775808\r\n\r\n", "bad content-length"),
        ("two content-lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", "bad content-length"),
        ("content-length list", "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok", "bad content-length"),
        (
            "both lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "content-length with transfer-encoding"
        ),
        ("unknown coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "unknown transfer-encoding"),
        (
            "chunked twice", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "unknown transfer-encoding"
        ),
        ("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "unknown transfer-encoding"),
        ("switching protocols", "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", "switched protocols unasked"),
        ("nine interim responses", String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 9), "too many interim responses"),
        ("header flood by count", "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 257) + "\r\n", "too many headers"),
        ("chunk size missing", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nabc", "bad chunk"),
        ("chunk size not hex", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "bad chunk"),
        ("chunk size negative", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", "bad chunk"),
        ("chunk size beyond numbers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "bad chunk"),
        ("chunk longer than said", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n", "bad chunk"),
        ("chunk size ends with LF", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "bad chunk"),
    ].map { Row(name: $0.0, answer: $0.1, outcome: .failed(.malformed($0.2))) }

    static let cut: [Row] = [
        Row(name: "nothing at all", answer: "", outcome: .failed(.closedEarly(afterBytes: 0))),
        Row(name: "inside the status line", answer: "HTTP/1.1 2", outcome: .failed(.closedEarly(afterBytes: 10))),
        Row(name: "before the head's end", answer: "HTTP/1.1 200 OK\r\nx: y\r\n", outcome: .failed(.closedEarly(afterBytes: 23))),
        Row(name: "after an interim response", answer: "HTTP/1.1 100 Continue\r\n\r\n", outcome: .failed(.closedEarly(afterBytes: 25))),
        Row(
            name: "inside content-length", answer: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
            outcome: .failed(.closedEarly(afterBytes: 42))),
        Row(
            name: "no last chunk", answer: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
            outcome: .failed(.closedEarly(afterBytes: 53))),
        Row(
            name: "inside the trailers", answer: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n",
            outcome: .failed(.closedEarly(afterBytes: 56))),
    ]

    @Test(arguments: good + bad + cut)
    func `an answer of every kind`(row: Row) async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch()
            try await upstream.answer(row.answer)
            #expect(await task.value == row.outcome)
        }
    }

    @Test func `a head over 64 KiB is too large`() async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch()
            try await upstream.answer("HTTP/1.1 200 OK\r\nx: " + String(repeating: "a", count: 65_536) + "\r\n\r\n")
            #expect(await task.value == .failed(.tooLarge(limitBytes: 65_536)))
        }
    }

    @Test func `a head just under 64 KiB is read, with its last field`() async throws {
        try await withUpstream { upstream in
            let (first, last) = ("HTTP/1.1 200 OK\r\nx: ", "\r\ncontent-length: 2\r\n\r\n")
            let filler = String(repeating: "a", count: 65_536 - first.utf8.count - last.utf8.count)
            let task = upstream.fetch()
            try await upstream.answer(first + filler + last + "ok")
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test func `an answer to HEAD has no body whatever it says`() async throws {
        try await withUpstream { upstream in
            let task = upstream.fetch(UpstreamCall(UpstreamRequest(.head, "/", to: upstream.target), to: upstream.target))
            let peer = try await upstream.listener.accept()
            #expect(try await peer.text(until: "\r\n\r\n") == "HEAD / HTTP/1.1\r\nhost: 127.0.0.1:\(upstream.listener.port)\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
            #expect(await task.value == .reply(200, ""))
            #expect(await upstream.idleCount() == 1, "the connection can be used again")
            peer.close()
        }
    }

    @Test func `more than the limit is too large, said or not`() async throws {
        try await withUpstream { upstream in
            for answer in ["HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret", "HTTP/1.1 200 OK\r\n\r\nsecret"] {
                let task = upstream.fetch(limit: 5)
                try await upstream.answer(answer)
                #expect(await task.value == .failed(.tooLarge(limitBytes: 5)))
            }
        }
    }
}
