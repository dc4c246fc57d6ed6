import Domain
import HTTP
import TestKit
import Testing

/// Answers every request with its method, path and body, so that a wrong end of a request shows as a wrong answer.
struct Echo: TaskHandler {
    var limit = 1 << 20
    func handle(_ exchange: Exchange) async {
        let line = "\(exchange.head.method.rawValue) \(exchange.head.pathText)"
        do throws(BodyError) {
            let body = try await exchange.collectBody(limit: limit)
            exchange.respond(Response(status: 200, headers: ["content-type": "text/plain"], body: Array("\(line) ".utf8) + body))
        } catch {
            exchange.respondToProblem(status: error.status, message: "\(error)")
        }
    }
}

struct Hostile: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let status: Int
    var testDescription: String { name }
    init(_ name: String, _ bytes: String, _ status: Int) { (self.name, self.bytes, self.status) = (name, bytes, status) }
}

/// Every shape that two programs could read in two ways, on raw sockets. What follows a refused request in the same bytes must never be
/// answered: that would be the smuggled request.
struct HostileInputTests {
    static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    private static func post(_ fields: String, _ body: String = "") -> String { "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)" }
    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(fields)\r\n\r\n" }
    private static func line(_ line: String) -> String { "\(line)\r\nHost: a\r\n\r\n" }

    static let lengths = [
        Hostile("Content-Length with Transfer-Encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400),
        Hostile("Transfer-Encoding with Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), 400),
        Hostile("two different Content-Lengths", post("Content-Length: 2\r\nContent-Length: 3", "abc"), 400),
        Hostile("two equal Content-Lengths", post("Content-Length: 2\r\nContent-Length: 2", "ab"), 400),
        Hostile("a list of Content-Lengths", post("Content-Length: 2, 2", "ab"), 400),
        Hostile("Content-Length with plus", post("Content-Length: +2", "ab"), 400),
        Hostile("Content-Length with minus", post("Content-Length: -1"), 400),
        Hostile("Content-Length in hex", post("Content-Length: 0x2", "ab"), 400),
        Hostile("Content-Length with a space inside", post("Content-Length: 1 0", "ab"), 400),
        Hostile("Content-Length that is empty", post("Content-Length: "), 400),
        Hostile("Content-Length past 64 bits", post("Content-Length: 18446744073709551618", "ab"), 400),
        Hostile("Content-Length past 63 bits", post("Content-Length: 9223372036854775808", "ab"), 400),
        Hostile("Transfer-Encoding: xchunked", post("Transfer-Encoding: xchunked", "0\r\n\r\n"), 501),
        Hostile("Transfer-Encoding: chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400),
        Hostile("Transfer-Encoding: chunked, chunked", post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), 501),
        Hostile("Transfer-Encoding: gzip, chunked", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 501),
        Hostile("Transfer-Encoding: chunked, identity", post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), 501),
        Hostile("Transfer-Encoding: identity", post("Transfer-Encoding: identity"), 501),
        Hostile("Transfer-Encoding that is empty", post("Transfer-Encoding: "), 400),
        Hostile("Transfer-Encoding with vertical tab", post("Transfer-Encoding: \u{0b}chunked", "0\r\n\r\n"), 400),
        Hostile("Transfer-Encoding in quotes", post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), 501),
        Hostile("Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Hostile("Transfer-Encoding with space before colon", post("Transfer-Encoding : chunked", "0\r\n\r\n"), 400),
        Hostile("Content-Length with space before colon", post("Content-Length : 2", "ab"), 400),
    ]
    static let fields = [
        Hostile("space before colon", get("Host: a\r\nX : 1"), 400), Hostile("tab before colon", get("Host: a\r\nX\t: 1"), 400),
        Hostile("folded line", get("Host: a\r\nX: 1\r\n 2"), 400), Hostile("folded first field", get(" Host: a"), 400),
        Hostile("NUL in a value", get("Host: a\r\nX: 1\u{0}2"), 400), Hostile("NUL in a name", get("Host: a\r\nX\u{0}: 1"), 400),
        Hostile("DEL in a value", get("Host: a\r\nX: \u{7f}"), 400), Hostile("escape in a value", get("Host: a\r\nX: \u{1b}[0m"), 400),
        Hostile("bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", 400), Hostile("bare LF after one field", get("Host: a\nX: 1"), 400),
        Hostile("bare CR in a value", get("Host: a\r\nX: 1\r2"), 400), Hostile("bare CR as line end", "GET / HTTP/1.1\rHost: a\r\r", 400),
        Hostile("CR CR LF", get("Host: a\r\r\nX: 1"), 400), Hostile("LF CR LF end", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        Hostile("empty field name", get("Host: a\r\n: 1"), 400), Hostile("field without colon", get("Host: a\r\nNonsense"), 400),
        Hostile("quoted field name", get("Host: a\r\n\"X\": 1"), 400), Hostile("non-ASCII field name", get("Host: a\r\nÄ: 1"), 400),
        Hostile("parenthesis in field name", get("Host: a\r\nX(: 1"), 400),
        Hostile("no Host", get("X: 1"), 400), Hostile("two Hosts", get("Host: a\r\nHost: a"), 400),
        Hostile("two different Hosts", get("Host: a\r\nHost: b"), 400), Hostile("empty Host", get("Host: "), 400),
        Hostile("Host with user", get("Host: u@a"), 400), Hostile("Host with path", get("Host: a/b"), 400),
        Hostile("Host with space", get("Host: a b"), 400), Hostile("Host with a list", get("Host: a, b"), 400),
        Hostile("Host with a bad port", get("Host: a:8x"), 400), Hostile("Host with a long port", get("Host: a:800000"), 400),
        Hostile("Host with an open bracket", get("Host: [::1"), 400),
        Hostile("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        Hostile("another expectation", post("Expect: 200-ok\r\nContent-Length: 2"), 417),
        Hostile("two expectations in one", post("Expect: 100-continue, x\r\nContent-Length: 2"), 417),
        Hostile("101 fields", get("Host: a\r\n" + (1...100).map { "X\($0): 1" }.joined(separator: "\r\n")), 431),
        Hostile("a head over 16 KiB", get("Host: a\r\nX: " + String(repeating: "x", count: 16_384)), 431),
        Hostile("a head over 16 KiB that never ends", "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 17_000), 431),
        Hostile("a target over 16 KiB", line("GET /" + String(repeating: "x", count: 16_384) + " HTTP/1.1"), 431),
    ]
    static let lines = [
        Hostile("HTTP/0.9", "GET /\r\n\r\n", 400), Hostile("HTTP/2.0 in words", line("GET / HTTP/2.0"), 505),
        Hostile("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), Hostile("HTTP/1.2", line("GET / HTTP/1.2"), 505),
        Hostile("HTTP/3.0", line("GET / HTTP/3.0"), 505), Hostile("HTTP/1.10", line("GET / HTTP/1.10"), 400),
        Hostile("lower-case version", line("GET / http/1.1"), 400), Hostile("HTTP/1,1", line("GET / HTTP/1,1"), 400),
        Hostile("HTTP/01.1", line("GET / HTTP/01.1"), 400), Hostile("a space after the version", line("GET / HTTP/1.1 "), 400),
        Hostile("two spaces after the method", line("GET  / HTTP/1.1"), 400),
        Hostile("a space in the target", line("GET /a b HTTP/1.1"), 400),
        Hostile("a tab after the method", line("GET\t/ HTTP/1.1"), 400), Hostile("a leading space", line(" GET / HTTP/1.1"), 400),
        Hostile("an unknown method", line("BREW / HTTP/1.1"), 501), Hostile("a lower-case method", line("get / HTTP/1.1"), 501),
        Hostile("a long method", line("GETGETGETGET / HTTP/1.1"), 501), Hostile("a method with a bad byte", line("G(T / HTTP/1.1"), 400),
        Hostile("CONNECT", line("CONNECT a:443 HTTP/1.1"), 405), Hostile("TRACE", line("TRACE / HTTP/1.1"), 405),
        Hostile("asterisk for GET", line("GET * HTTP/1.1"), 400), Hostile("a target without slash", line("GET a HTTP/1.1"), 400),
        Hostile("a fragment", line("GET /a#b HTTP/1.1"), 400), Hostile("a control byte in the target", line("GET /\u{1} HTTP/1.1"), 400),
        Hostile("DEL in the target", line("GET /\u{7f} HTTP/1.1"), 400), Hostile("bare UTF-8 in the target", line("GET /é HTTP/1.1"), 400),
        Hostile("an encoded NUL in the path", line("GET /a%00b HTTP/1.1"), 400),
        Hostile("an encoded NUL in the query", line("GET /?a=%00 HTTP/1.1"), 400), Hostile("half an escape", line("GET /%4 HTTP/1.1"), 400),
        Hostile("a bad escape", line("GET /%zz HTTP/1.1"), 400),
        Hostile("absolute-form for another host", line("GET http://b/ HTTP/1.1"), 400),
        Hostile("absolute-form with user", line("GET http://u@a/ HTTP/1.1"), 400),
        Hostile("absolute-form without host", line("GET http:///x HTTP/1.1"), 400),
        Hostile("absolute-form of another scheme", line("GET ftp://a/ HTTP/1.1"), 400),
        Hostile("two empty lines first", "\r\n\r\n" + line("GET / HTTP/1.1"), 400),
        Hostile("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400),
        Hostile("an empty request line with a space", " \r\nHost: a\r\n\r\n", 400),
    ]

    @Test(arguments: lengths + fields + lines)
    func `is refused and the connection closes`(hostile: Hostile) async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            try await client.send(hostile.bytes + Self.smuggled)
            let reply = try await client.reply()
            #expect(reply.status == hostile.status)
            #expect(reply.header("connection") == "close" && reply.header("x-request-id")?.hasPrefix("req_") == true)
            #expect(try await client.rest() == [], "nothing after the refusal")
        }
    }

    static let chunks = [
        ("no size", "\r\n\r\n"), ("a bad size", "x\r\n"), ("a size with sign", "+1\r\na\r\n0\r\n\r\n"), ("0x", "0x1\r\na\r\n0\r\n\r\n"),
        ("a space before the size", " 1\r\na\r\n0\r\n\r\n"), ("a space behind the size", "1 \r\na\r\n0\r\n\r\n"),
        ("a size past 64 bits", "10000000000000001\r\na\r\n0\r\n\r\n"), ("a size of 63 bits", "ffffffffffffffff\r\na\r\n"),
        ("bare LF behind the size", "1\na\r\n0\r\n\r\n"), ("bare CR behind the size", "1\ra\r\n0\r\n\r\n"),
        ("bare LF behind the data", "1\r\na\n0\r\n\r\n"), ("data longer than its size", "1\r\nab\r\n0\r\n\r\n"),
        ("an endless extension", "1;" + String(repeating: "x", count: 300) + "\r\na\r\n0\r\n\r\n"),
        ("LF in an extension", "1;a\nb\r\na\r\n0\r\n\r\n"),
        ("NUL in an extension", "1;a\u{0}\r\na\r\n0\r\n\r\n"), ("bare LF at the end", "0\r\n\n"),
        ("a trailer without colon", "0\r\nnonsense\r\n\r\n"),
        ("a folded trailer", "0\r\nA: 1\r\n b\r\n\r\n"), ("a trailer with space before colon", "0\r\nA : 1\r\n\r\n"),
        ("endless trailers", "0\r\nA: " + String(repeating: "x", count: 9000) + "\r\n\r\n"),
    ]
    @Test(arguments: chunks) func `a broken chunk is refused and the connection closes`(name: String, body: String) async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + Self.smuggled)
            let reply = try await client.reply()
            #expect(reply.status == 400, "\(name)")
            #expect(reply.header("connection") == "close")
            #expect(try await client.rest() == [])
        }
    }

    static let good: [(String, String, String)] = [
        ("plain", "GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a "),
        ("Host with port", "GET /a HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET /a "),
        ("IPv6 host", "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /a "),
        ("no space after colon", "GET /a HTTP/1.1\r\nHost:a\r\n\r\n", "GET /a "),
        ("much space around a value", "GET /a HTTP/1.1\r\nHost: \t a \t \r\n\r\n", "GET /a "),
        ("empty value", "GET /a HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "GET /a "),
        ("bytes past ASCII in a value", "GET /a HTTP/1.1\r\nHost: a\r\nX: é\r\n\r\n", "GET /a "),
        ("one empty line first", "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a "),
        ("absolute-form", "GET http://a/b?c HTTP/1.1\r\nHost: A\r\n\r\n", "GET /b "),
        ("absolute-form without path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET / "),
        ("absolute-form with query only", "GET https://a?x HTTP/1.1\r\nHost: a\r\n\r\n", "GET / "),
        ("asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * "),
        ("stray percent in the query", "GET /a?100% HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a "),
        ("body with length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz", "POST /a xyz"),
        ("body of length 0", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST /a "),
        ("GET with a body", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "GET /a x"),
        ("chunked", "POST /a HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n", "POST /a xyz"),
        (
            "chunks with extensions and trailers",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n03;a=\"b\"\r\nxyz\r\nA\r\n0123456789\r\n0;x\r\nT: 1\r\nU: \r\n\r\n",
            "POST /a xyz0123456789"
        ),
        ("100 fields", "GET /a HTTP/1.1\r\nHost: a\r\n" + (1...99).map { "X\($0): 1\r\n" }.joined() + "\r\n", "GET /a "),
    ]
    @Test(arguments: good) func `is served and the connection stays`(name: String, request: String, answer: String) async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            // Sent twice at once, so that a wrong end of the first shows in the second.
            try await client.send(request + request)
            for _ in 1...2 {
                let reply = try await client.reply()
                #expect(reply.status == 200 && reply.text == answer, "\(name): \(reply)")
                #expect(reply.header("connection") == nil)
            }
        }
    }
}
