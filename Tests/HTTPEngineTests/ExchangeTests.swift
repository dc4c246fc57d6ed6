import Domain
import HTTP
import Synchronization
import TestKit
import Testing

/// What a well-behaved client may do, and what it gets.
struct ExchangeTests {
    static let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test(arguments: [
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n",
    ])
    func `a request may be cut at any byte`(request: String) async throws {
        let bytes = Array(request.utf8)
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            for cut in 1..<bytes.count {
                try await client.send(Array(bytes[..<cut]))
                // The first part has been read before the second is sent: another connection's reply comes after its event.
                let other = try running.client()
                try await other.send(Self.get)
                _ = try await other.reply()
                try await client.send(Array(bytes[cut...]))
                #expect(try await client.reply().text == "POST /a hello", "cut at \(cut)")
            }
        }
    }

    @Test func `a byte at a time is still one request`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            for byte in "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".utf8 {
                try await client.send([byte])
            }
            #expect(try await client.reply().text == "POST /a hi")
        }
    }

    @Test func `pipelined requests are answered in order, whatever each takes`() async throws {
        let handler = ClosureHandler { exchange in
            // Every second one suspends, so that both the direct and the resumed way are used.
            if exchange.head.pathText.hasSuffix("0") { await Task.yield() }
            let body = (try? await exchange.collectBody(limit: 100)) ?? []
            exchange.respond(Response(status: 200, body: Array(exchange.head.pathText.utf8) + body))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            let requests = (0..<500).map { "POST /\($0 % 20)/\($0 * 10 + $0 % 2) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" }
            try await client.send(requests.joined())
            for number in 0..<500 { #expect(try await client.reply().text == "/\(number % 20)/\(number * 10 + number % 2)ab") }
        }
    }

    /// Replies without a task when all of the body has come with the head.
    private struct AtOnce: ExchangeHandler {
        func begin(_ exchange: Exchange) {
            do throws(BodyError) {
                guard let body = try exchange.arrivedBody(limit: 100) else {
                    return exchange.inTask { exchange in
                        let body = (try? await exchange.collectBody(limit: 100)) ?? []
                        exchange.respond(Response(status: 201, body: body))
                    }
                }
                exchange.respond(Response(status: 200, body: body))
            } catch { exchange.handlerReturned() }
        }
    }

    @Test func `a handler may reply at once, and go on in a task where it has to wait`() async throws {
        try await withServer(handler: AtOnce()) { running in
            let client = try running.client()
            func request(_ number: Int) -> String { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\(100 + number)" }
            try await client.send((0..<500).map(request).joined())
            for number in 0..<500 {
                let reply = try await client.reply()
                // One may be cut where a read ends.
                #expect(reply.text == "\(100 + number)" && (reply.status == 200 || reply.status == 201))
            }
            let whole = request(7)
            try await client.send(String(whole.dropLast()))
            // It has been read when another connection's reply is here.
            let other = try running.client()
            try await other.send(Self.get)
            #expect(try await other.reply().status == 200)
            try await client.send(String(whole.suffix(1)))
            let reply = try await client.reply()
            #expect(reply.status == 201 && reply.text == "107")
        }
    }

    @Test func `what a handler leaves open without a task is a 500`() async throws {
        try await withServer(handler: AtOnce()) { running in
            let client = try running.client()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
            #expect(try await client.reply().status == 500)
        }
    }

    @Test(arguments: [65_535, 65_536, 65_537, 1_000_000]) func `bodies larger than a read arrive whole`(count: Int) async throws {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withServer(handler: Echo(limit: 1_000_000)) { running in
            let client = try running.client()
            try await client.send(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n".utf8) + body)
            #expect(try await client.reply().body == Array("POST / ".utf8) + body)
            var chunked = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            for start in stride(from: 0, to: count, by: 7000) {
                let piece = body[start..<min(count, start + 7000)]
                chunked += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10]
            }
            try await client.send(chunked + Array("0\r\n\r\n".utf8))
            #expect(try await client.reply().body == Array("POST / ".utf8) + body)
            // Nothing is kept when nothing is under way; the last piece goes a moment after the reply.
            try await eventually { running.server.keptBytes == 0 }
        }
    }

    @Test func `input that was read is not kept, though something unread is always left`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            // Every round ends in the middle of a request line, so that the input is never read to its end.
            try await client.send("GET /")
            for _ in 1...12 {
                try await client.send(String(repeating: "a HTTP/1.1\r\nHost: a\r\n\r\nGET /", count: 500))
                for _ in 1...500 { #expect(try await client.reply().status == 200) }
                #expect(running.server.keptBytes < 100_000)
            }
        }
    }

    @Test func `a body comes in pieces when the handler wants them`() async throws {
        let handler = ClosureHandler { exchange in
            var count = 0
            do throws(BodyError) {
                while let piece = try await exchange.nextBodyPiece(limit: 300_000) { count += piece.count }
                exchange.respond(Response(status: 200, body: Array("\(count)".utf8)))
            } catch { exchange.respondToProblem(status: error.status, message: "") }
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(
                Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n".utf8) + [UInt8](repeating: 7, count: 300_000))
            #expect(try await client.reply().text == "300000")
        }
    }

    @Test func `a body over the limit is refused before it is read`() async throws {
        try await withServer(handler: Echo(limit: 10)) { running in
            let client = try running.client()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            let reply = try await client.reply()
            #expect(reply.status == 413 && reply.header("connection") == "close")
            let chunked = try running.client()
            try await chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n")
            #expect(try await chunked.reply().status == 413)
            #expect(try await chunked.rest() == [])
        }
    }

    @Test func `a small body that nobody reads is dropped and the connection stays`() async throws {
        let handler = ClosureHandler { exchange in exchange.respond(Response(status: 200, body: Array(exchange.head.pathText.utf8))) }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            let body = String(repeating: "x", count: 50_000)
            try await client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n\(body)GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.reply().text == "/1")
            #expect(try await client.reply().text == "/2")
            try await client.send("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n")
            #expect(try await client.reply().header("connection") == "close")
        }
    }

    @Test func `100-continue comes when the handler asks for the body, and not before`() async throws {
        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
        try await withServer(handler: Echo(limit: 5)) { running in
            let client = try running.client()
            try await client.send(request)
            #expect(try await client.reply().status == 100)
            try await client.send("hi")
            #expect(try await client.reply().text == "POST / hi")
            // The body came along: no interim reply is needed.
            try await client.send(request + "ho")
            #expect(try await client.reply().text == "POST / ho")
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
            let refused = try await client.reply()
            #expect(refused.status == 413 && refused.header("connection") == "close")
        }
    }

    @Test func `an HTTP 1.0 client gets plain bytes and a closed connection`() async throws {
        let handler = ClosureHandler { exchange in
            if exchange.head.pathText == "/stream" {
                exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
                exchange.write(Array("one ".utf8))
                exchange.write(Array("two".utf8))
                exchange.finish()
            } else {
                exchange.respond(Response(status: 200, body: Array("whole".utf8)))
            }
        }
        try await withServer(handler: handler) { running in
            for (path, body) in [("/", "whole"), ("/stream", "one two")] {
                let client = try running.client()
                try await client.send("GET \(path) HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n")
                let reply = try await client.reply()
                #expect(reply.text == body && reply.header("connection") == "close" && reply.header("transfer-encoding") == nil)
                #expect(try await client.rest() == [])
            }
        }
    }

    @Test func `HEAD gets the head of GET and no body`() async throws {
        let handler = ClosureHandler { exchange in
            if exchange.head.pathText == "/stream" {
                exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .length(3))
                exchange.write(Array("abc".utf8))
                exchange.finish()
            } else {
                exchange.respond(Response(status: 200, body: Array("abc".utf8)))
            }
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            for path in ["/", "/stream"] {
                try await client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\nGET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.reply(toHead: true).header("content-length") == "3")
                #expect(try await client.reply().text == "abc")
            }
        }
    }

    @Test(arguments: [204, 304]) func `replies that have no body carry no length`(status: Int) async throws {
        let handler = ClosureHandler { $0.respond(Response(status: status, body: [1, 2, 3])) }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(Self.get + Self.get)
            for _ in 1...2 {
                let reply = try await client.reply()
                #expect(reply.status == status && reply.header("content-length") == nil)
            }
        }
    }

    @Test func `Connection close is honoured`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            try await client.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: x , Close\r\n\r\n" + Self.get)
            let reply = try await client.reply()
            #expect(reply.text == "GET /a " && reply.header("connection") == "close")
            #expect(try await client.rest() == [])
        }
    }

    @Test func `the engine's own fields come once, and no value can add one`() async throws {
        let handler = ClosureHandler { exchange in
            exchange.respond(
                Response(
                    status: 200,
                    headers: ["Date": "x", "Content-Length": "9", "connection": "x", "X-Request-Id": "x", "x-a": "1\r\nx-b: 2\u{0}"]))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(Self.get)
            let reply = try await client.reply()
            #expect(reply.header("x-a") == "1  x-b: 2 " && reply.header("x-b") == nil && reply.header("content-length") == "0")
            #expect(reply.header("date") == "Sat, 21 Nov 2026 00:00:00 GMT")
            #expect(reply.head.lowercased().components(of: "date:") == 1 && reply.head.lowercased().components(of: "x-request-id:") == 1)
        }
    }

    @Test func `a handler that answers nothing is a 500, one that stops in the middle a cut reply`() async throws {
        let handler = ClosureHandler { exchange in
            guard exchange.head.pathText == "/cut" else { return }
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            exchange.write(Array("half".utf8))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(Self.get)
            #expect(try await client.reply().status == 500)
            try await client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
            let text = String(decoding: try await client.rest(), as: UTF8.self)
            #expect(text.hasSuffix("4\r\nhalf\r\n"), "no last chunk: \(text)")
        }
    }

    @Test(arguments: [2, 4]) func `a reply that breaks its own length is cut`(length: Int) async throws {
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .length(length))
            exchange.write(Array("abc".utf8))
            exchange.finish()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(Self.get + Self.get)
            let text = String(decoding: try await client.rest(), as: UTF8.self)
            #expect(text.components(of: "HTTP/1.1 200") == 1 && !text.hasSuffix("abcd"))
        }
    }

    @Test func `the summary tells the log what happened, without the query`() async throws {
        let seen = Mutex<[ExchangeSummary]>([])
        let hooks = Server.Hooks(onFinished: { summary in seen.withLock { $0.append(summary) } })
        let handler = ClosureHandler { exchange in
            exchange.routeTemplate = "/a/{id}"
            exchange.respond(Response(status: 201, body: Array("ok".utf8)))
        }
        try await withServer(hooks: hooks, handler: handler) { running in
            let client = try running.client()
            try await client.send("GET /a/1?secret HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n\r\n")
            let reply = try await client.reply()
            _ = try await client.rest()
            let summaries = seen.withLock { $0 }
            #expect(summaries.count == 2)
            #expect(summaries[0].method == .get && summaries[0].status == 201 && summaries[0].routeTemplate == "/a/{id}")
            #expect(summaries[0].id.text == reply.header("x-request-id") && summaries[0].remoteAddress == .loopback)
            #expect(summaries[0].bytesReceived == 37 && summaries[0].bytesSent == reply.head.utf8.count + 6 && !summaries[0].clientGone)
            #expect(summaries[1].method == nil && summaries[1].status == 400)
        }
    }

    static let forwarded: [(String, String, Bool)] = [
        ("", "127.0.0.1", false), ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7", false),
        ("X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "192.0.2.7", false),
        ("X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n", "192.0.2.7", false),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 198.51.100.1:443\r\nX-Forwarded-Proto: https\r\n", "198.51.100.1", true),
        ("X-Forwarded-For: [2001:db8::1]:80\r\n", "2001:db8::1", false), ("X-Forwarded-For: nonsense\r\n", "127.0.0.1", false),
        ("X-Forwarded-For: 192.0.2.7, nonsense\r\nX-Forwarded-Proto: HTTPS\r\n", "127.0.0.1", true),
    ]
    @Test(arguments: forwarded, [true, false]) func `only a trusted proxy may name the caller`(row: (String, String, Bool), isTrusted: Bool)
        async throws
    {
        let handler = ClosureHandler { $0.respond(Response(status: 200, body: Array("\($0.remoteAddress) \($0.isSecure)".utf8))) }
        var configuration = ServerConfiguration()
        if !isTrusted { configuration.trustedProxies = [] }
        try await withServer(configuration, handler: handler) { running in
            let client = try running.client()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\(row.0)\r\n")
            #expect(try await client.reply().text == (isTrusted ? "\(row.1) \(row.2)" : "127.0.0.1 false"))
        }
    }
}

extension String {
    /// How often that text occurs.
    func components(of text: String) -> Int { split(separator: text, omittingEmptySubsequences: false).count - 1 }
}
