import Foundation
import HTTP
import TestKit
import Testing

/// The libcurl client against our own server, against Python's, and against sockets that misbehave.
struct CurlTests {
    /// Says back what it was sent, as the path asks.
    static let echo = ClosureHandler { exchange in
        guard let body = try? await exchange.collectBody(limit: 1 << 20) else { return exchange.abort() }
        let headers: Headers = [
            "x-method": exchange.head.method.rawValue, "x-query": exchange.head.queryText,
            "x-sent": exchange.head.value(of: "x-sent") ?? "none",
            "x-type": exchange.head.value(of: "content-type") ?? "none", "x-login": exchange.head.value(of: "authorization") ?? "none",
        ]
        switch exchange.head.pathText {
        case "/redirect": exchange.respond(Response(status: 302, headers: ["location": "/arrived"], body: []))
        case "/loop": exchange.respond(Response(status: 302, headers: ["location": "/loop"], body: []))
        case "/file": exchange.respond(Response(status: 302, headers: ["location": "file:///etc/hostname"], body: []))
        case "/missing": exchange.respond(Response(status: 404, headers: headers, body: Array("no".utf8)))
        default: exchange.respond(Response(status: 200, headers: headers, body: body))
        }
    }
    static func client(_ change: (inout CurlConfiguration) throws -> Void = { _ in }) throws -> CurlClient {
        var configuration = CurlConfiguration()
        try change(&configuration)
        return try CurlClient(ambient: TestClock().ambient, configuration)
    }
    static func outcome(_ client: CurlClient, _ request: OutgoingRequest) async -> Result<OutgoingReply, ClientError> {
        do throws(ClientError) { return .success(try await client.send(request)) } catch { return .failure(error) }
    }
    static func error(_ client: CurlClient, _ request: OutgoingRequest) async -> ClientError? {
        if case .failure(let error) = await outcome(client, request) { error } else { nil }
    }

    @Test(arguments: HTTP.Method.allCases) func `every method, with and without a body`(method: HTTP.Method) async throws {
        let client = try Self.client()
        try await withServer(handler: Self.echo) { server in
            for body in [[], Array("\u{0}x=\u{e9}".utf8)] {
                var request = OutgoingRequest(
                    method, "http://127.0.0.1:\(server.port)/a%20b?q=1&r=%26", headers: ["x-sent": "yes"], body: body)
                if method == .head, !body.isEmpty { request.body = [] }
                let reply = try await client.send(request)
                #expect(reply.status == 200 && reply.headers["x-method"] == method.rawValue)
                #expect(reply.headers["x-query"] == "q=1&r=%26" && reply.headers["x-sent"] == "yes" && reply.headers["x-type"] == "none")
                #expect(reply.body == (method == .head ? [] : request.body))
            }
        }
        client.shutdown()
    }

    @Test func `an error status is a reply`() async throws {
        let client = try Self.client()
        try await withServer(handler: Self.echo) { server in
            let reply = try await client.send(OutgoingRequest(.get, "http://127.0.0.1:\(server.port)/missing"))
            #expect(reply.status == 404 && String(decoding: reply.body, as: UTF8.self) == "no")
        }
        client.shutdown()
    }

    @Test func `a redirect is followed only when asked, not for ever, and not to a file`() async throws {
        let client = try Self.client()
        try await withServer(handler: Self.echo) { server in
            var request = OutgoingRequest(.get, "http://127.0.0.1:\(server.port)/redirect")
            let unfollowed = try await client.send(request)
            #expect(unfollowed.status == 302)
            request.redirectLimit = 2
            let reply = try await client.send(request)
            #expect(reply.status == 200 && reply.headers["location"] == nil && reply.headers["x-method"] == "GET")
            for path in ["/loop", "/file"] {
                request.url = "http://127.0.0.1:\(server.port)\(path)"
                #expect(await Self.error(client, request) != nil)
            }
        }
        client.shutdown()
    }

    @Test func `user and password of a URL log in, and are in no error`() async throws {
        let client = try Self.client()
        try await withServer(handler: Self.echo) { server in
            let reply = try await client.send(OutgoingRequest(.get, "http://ab:c@127.0.0.1:\(server.port)/"))
            #expect(reply.headers["x-login"] == "Basic YWI6Yw==")
        }
        let listener = try RawListener()
        listener.close()
        for url in ["http://ab:hunter2@127.0.0.1:\(listener.port)/secret?token=hunter2", "https://ab:hunter2@nothing.invalid/hunter2"] {
            let error = try #require(await Self.error(client, OutgoingRequest(.get, url, headers: ["x": "hunter2"])))
            #expect(!"\(error)".contains("hunter2") && !"\(error)".contains("secret"))
            #expect("\(error)".contains("127.0.0.1:\(listener.port)") || "\(error)".contains("nothing.invalid"))
        }
        client.shutdown()
    }

    @Test(arguments: [
        "", "ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "https:///x", "http://a b/", "http://a\r\nb/",
        "https://exa\\mple.com/",
    ])
    func `what is no http URL is refused`(url: String) async throws {
        let client = try Self.client()
        guard case .badURL? = await Self.error(client, OutgoingRequest(.get, url)) else {
            Issue.record("\(url) was not refused")
            return
        }
        client.shutdown()
    }

    @Test func `a header cannot add another`() async throws {
        let client = try Self.client()
        for (name, value) in [("x", "a\r\nb: c"), ("x\r\ny", "a"), ("x:", "a"), ("", "a")] {
            guard case .badHeader? = await Self.error(client, OutgoingRequest(.get, "http://127.0.0.1:1/", headers: [name: value])) else {
                Issue.record("\(name.debugDescription) was not refused")
                continue
            }
        }
        client.shutdown()
    }

    @Test func `addresses are judged after the name was resolved`() async throws {
        let client = try Self.client { $0.addressRule = .publicOnly }
        try await withServer(handler: Self.echo) { server in
            for host in ["127.0.0.1", "localhost"] {
                #expect(
                    await Self.error(client, OutgoingRequest(.get, "http://\(host):\(server.port)/x"))
                        == .refusedAddress("\(host):\(server.port)"))
            }
            #expect(server.reactors[0].counters.accepted.value == 0)
        }
        client.shutdown()
    }

    @Test func `too large, cut, closed and slow answers are told apart`() async throws {
        let client = try Self.client()
        let listener = try RawListener()
        var request = OutgoingRequest(.post, "http://127.0.0.1:\(listener.port)/", body: Array("{}".utf8))
        request.responseLimitBytes = 4
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "too large"), ("HTTP/1.1 200 OK\r\n\r\nhello", "too large"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhel", "interrupted"), ("", "interrupted"), ("SSH-2.0-x\r\n", "interrupted"),
            (
                "HTTP/1.1 200 OK\r\n" + String(repeating: "x: " + String(repeating: "a", count: 1000) + "\r\n", count: 300) + "\r\n",
                "too large"
            ),
        ] {
            let sent = request
            let task = Task { await Self.error(client, sent) }
            let peer = try await listener.accept()
            _ = try await peer.text(until: "{}")
            // The client may hang up before it has taken everything.
            try? await peer.send(answer)
            peer.close()
            switch await task.value {
            case .tooLarge(4)?: #expect(expected == "too large", "\(answer.prefix(40))")
            case .interrupted?: #expect(expected == "interrupted" || answer.count > 1000, "\(answer.prefix(40))")
            case let other: Issue.record("\(String(describing: other)) for \(answer.prefix(40))")
            }
        }
        request.timeoutMilliseconds = 50
        let task = Task { [request] in await Self.error(client, request) }
        let peer = try await listener.accept()
        #expect(await task.value == .timeout)
        peer.close()
        client.shutdown()
    }

    @Test func `what has no connection in time was never sent`() async throws {
        let client = try Self.client()
        defer { client.shutdown() }
        // Accepted by the system, and nobody ever answers the greeting of TLS.
        let listener = try RawListener()
        var request = OutgoingRequest(.post, "https://127.0.0.1:\(listener.port)/", body: Array("{}".utf8))
        request.timeoutMilliseconds = 50
        let error = await Self.error(client, request)
        guard case .connect? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `cancelling ends the transfer, and shutting down ends all`() async throws {
        let client = try Self.client()
        let listener = try RawListener()
        let request = OutgoingRequest(.post, "http://127.0.0.1:\(listener.port)/", body: Array("{}".utf8))
        let first = Task { await Self.error(client, request) }
        let peer = try await listener.accept()
        _ = try await peer.text(until: "{}")
        first.cancel()
        #expect(await first.value == .cancelled)
        #expect(try await peer.rest().isEmpty)
        let second = Task { await Self.error(client, request) }
        let other = try await listener.accept()
        _ = try await other.text(until: "{}")
        client.shutdown()
        #expect(await second.value == .cancelled)
        #expect(await Self.error(client, request) == .cancelled)
        #expect(try await other.rest().isEmpty)
    }

    @Test func `transfers and the queue are bounded`() async throws {
        let client = try Self.client { ($0.transferLimit, $0.queueLimit) = (1, 1) }
        let listener = try RawListener()
        let request = OutgoingRequest(.post, "http://127.0.0.1:\(listener.port)/", body: Array("{}".utf8))
        let first = Task { await Self.outcome(client, request) }
        let peer = try await listener.accept()
        _ = try await peer.text(until: "{}")
        // One is under way; of two more, one waits and one is too many.
        let outcomes = await withTaskGroup(of: Result<OutgoingReply, ClientError>.self) { group in
            for _ in 1...2 { group.addTask { await Self.outcome(client, request) } }
            let refused = await group.next()
            try? await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            _ = try? await peer.text(until: "{}")
            try? await peer.send("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
            return [refused, await group.next()]
        }
        guard case .failure(.busy)?? = outcomes.first, case .success(let waited)?? = outcomes.last,
            case .success(let reply) = await first.value
        else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(reply.status == 200 && waited.status == 201)
        client.shutdown()
    }

    @Test func `TLS is verified always`() async throws {
        let programs = try Programs()
        defer { programs.end() }
        try programs.makeCertificates(["localhost"])
        var configuration = ServerConfiguration()
        configuration.tls = TLSFiles(certificateFile: programs.path("localhost.pem"), keyFile: programs.path("localhost.key"))
        let (knowing, other) = (try Self.client { $0.certificateAuthorityFile = programs.path("ca.pem") }, try Self.client())
        try await withServer(configuration, handler: Self.echo) { server in
            let good = OutgoingRequest(.get, "https://localhost:\(server.port)/")
            let reply = try await knowing.send(good)
            #expect(reply.status == 200)
            for (client, request) in [(other, good), (knowing, OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/"))] {
                guard case .tls? = await Self.error(client, request) else {
                    Issue.record("a certificate that does not hold was taken")
                    continue
                }
            }
        }
        knowing.shutdown()
        other.shutdown()
    }

    @Test func `a request's own rule holds beside the client's, for names and numbers, whatever was connected before`() async throws {
        let client = try Self.client()
        try await withServer(handler: Self.echo) { server in
            for host in ["127.0.0.1", "localhost"] {
                let url = "http://\(host):\(server.port)/missing"
                let plain = try await client.send(OutgoingRequest(.get, url))
                #expect(plain.status == 404)
                var inner = OutgoingRequest(.get, url)
                inner.addressRule = .publicOnly
                let refusal = await Self.error(client, inner)
                guard case .refusedAddress? = refusal else {
                    Issue.record("\(host): \(String(describing: refusal))")
                    continue
                }
                inner.addressRule = AddressRule(allowsLoopback: true, allowsPrivate: false)
                let allowed = try await client.send(inner)
                #expect(allowed.status == 404)
            }
        }
        client.shutdown()
    }

    @Test func `through a proxy, with its login`() async throws {
        let listener = try RawListener()
        let rule = AddressRule(allowsLoopback: true)
        let client = try Self.client {
            $0.proxy = try UpstreamProxy(parsing: "socks5h://me:s%3acret@127.0.0.1:\(listener.port)", addressRule: rule)
        }
        let task = Task { try await client.send(OutgoingRequest(.get, "http://inside.example/")) }
        let peer = try await listener.accept()
        let greeting = try await peer.bytes(2)
        _ = try await peer.bytes(Int(greeting[1]))
        try await peer.send([5, 2])
        #expect(try await peer.bytes(11) == [1, 2] + Array("me".utf8) + [6] + Array("s:cret".utf8))
        try await peer.send([1, 0])
        #expect(try await peer.bytes(21) == [5, 1, 0, 3, 14] + Array("inside.example".utf8) + [0, 80])
        try await peer.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        _ = try await peer.text(until: "\r\n\r\n")
        try await peer.send(PoolTests.ok)
        #expect(try await task.value.body == Array("ok".utf8))
        client.shutdown()
    }

    @Test func `a file from another implementation's server`() async throws {
        let programs = try Programs()
        defer { programs.end() }
        let text = (0..<100_000).map { "\($0)\n" }.joined()
        try text.write(toFile: programs.path("numbers.txt"), atomically: true, encoding: .utf8)
        let script =
            "import functools, http.server as h; s = h.ThreadingHTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()"
        let port = try programs.start("/usr/bin/python3", ["-c", script])
        let client = try Self.client()
        let reply = try await client.send(OutgoingRequest(.get, "http://127.0.0.1:\(port)/numbers.txt"))
        #expect(reply.status == 200 && reply.headers["content-type"] == "text/plain" && reply.body == Array(text.utf8))
        client.shutdown()
    }
}
