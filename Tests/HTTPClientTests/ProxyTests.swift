import HTTP
import TestKit
import Testing

/// What is said to HTTP and SOCKS 5 proxies, byte for byte, and what becomes of bad answers.
struct ProxyTests {
    static let rule = AddressRule(allowsLoopback: true)

    /// A target behind a proxy that the listener plays.
    static func target(_ upstream: Upstream, _ scheme: String, user: String = "", to url: String = "http://localhost:81") throws
        -> UpstreamTarget
    {
        let proxy = try UpstreamProxy(parsing: "\(scheme)://\(user)127.0.0.1:\(upstream.listener.port)", addressRule: rule)
        return try UpstreamTarget(parsing: url, proxy: proxy, addressRule: rule)
    }
    static func fetch(_ upstream: Upstream, _ target: UpstreamTarget) -> Task<Upstream.Outcome, Never> {
        upstream.fetch(UpstreamCall(UpstreamRequest(.post, "/", to: target, body: Array("{}".utf8)), to: target))
    }

    @Test(arguments: [
        ("", ""), ("aladdin:open%20sesame@", "proxy-authorization: Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        ("ab:c@", "proxy-authorization: Basic YWI6Yw==\r\n"), ("ab@", "proxy-authorization: Basic YWI6\r\n"),
    ])
    func `an http target through CONNECT`(user: String, field: String) async throws {
        try await withUpstream { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "http", user: user))
            let peer = try await upstream.listener.accept()
            #expect(try await peer.text(until: "\r\n\r\n") == "CONNECT localhost:81 HTTP/1.1\r\nhost: localhost:81\r\n\(field)\r\n")
            for part in ["HTTP/1.1 2", "00 Connection established\r\nvia: x\r\n", "\r\n"] {
                try await peer.send(part)
                await upstream.reactor.poke()
            }
            #expect(try await peer.text(until: "{}").hasPrefix("POST / HTTP/1.1\r\nhost: localhost:81\r\n"))
            try await peer.send(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy asks for another user or password (407)"),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "the proxy answered 502"),
        ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "bytes after the answer to CONNECT"),
        ("SSH-2.0-OpenSSH\r\n", "bad status line"), ("HTTP/1.1 200 OK\n\n", "a line does not end with CR LF"),
        ("HTTP/1.1 200 OK\r\nx: " + String(repeating: "a", count: 16_384) + "\r\n\r\n", "head too large"),
        ("", "the proxy closed the connection"), ("HTTP/1.1 200 OK\r\n", "the proxy closed the connection"),
    ])
    func `a bad answer to CONNECT`(answer: String, reason: String) async throws {
        try await withUpstream { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "http", user: "u:secret@"))
            let peer = try await upstream.listener.accept()
            _ = try await peer.text(until: "\r\n\r\n")
            try await peer.send(answer)
            peer.finishSending()
            #expect(await task.value == .failed(.proxy(reason)))
        }
    }

    @Test func `SOCKS 5 with the name left to the proxy`() async throws {
        try await withUpstream(lookup: { _ in .failure(LookupFault("must not be asked")) }) { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "socks5h"))
            let peer = try await upstream.listener.accept()
            #expect(try await peer.bytes(3) == [5, 1, 0])
            try await peer.send([5, 0])
            #expect(try await peer.bytes(16) == [5, 1, 0, 3, 9] + Array("localhost".utf8) + [0, 81])
            // A bound address of any form is stepped over, however it is cut.
            for part: [UInt8] in [[5], [0, 0, 3, 3], [97, 98], [99, 0], [80]] {
                try await peer.send(part)
                await upstream.reactor.poke()
            }
            _ = try await peer.text(until: "{}")
            try await peer.send(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test(
        arguments: [
            ("127.0.0.1", [5, 1, 0, 1, 127, 0, 0, 1, 0, 81]),
            ("::1", [5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 81]),
        ] as [(String, [UInt8])])
    func `SOCKS 5 with login, to an address that we resolve`(address: String, request: [UInt8]) async throws {
        let found = try #require(IPAddress(address))
        try await withUpstream(lookup: { _ in .success([found]) }) { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "socks5", user: "me:s%3acret@"))
            let peer = try await upstream.listener.accept()
            #expect(try await peer.bytes(4) == [5, 2, 0, 2])
            try await peer.send([5, 2])
            #expect(try await peer.bytes(11) == [1, 2] + Array("me".utf8) + [6] + Array("s:cret".utf8))
            try await peer.send([1, 0])
            #expect(try await peer.bytes(request.count) == request)
            try await peer.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            _ = try await peer.text(until: "{}")
            try await peer.send(PoolTests.ok)
            #expect(await task.value == .reply(200, "ok"))
        }
    }

    @Test func `SOCKS 5 is not asked to go where we may not`() async throws {
        let metadata = try #require(IPAddress("169.254.169.254"))
        try await withUpstream(lookup: { _ in .success([metadata]) }) { upstream in
            let target = try Self.target(upstream, "socks5", to: "https://innocent.example")
            #expect(await Self.fetch(upstream, target).value == .failed(.refusedAddress))
            #expect(!upstream.listener.hasWaiting)
        }
    }

    @Test(
        arguments: [
            ([[4, 0]], "not a SOCKS 5 proxy"), ([[5, 0xff]], "the proxy takes none of our ways to log in"),
            ([[5, 0, 0]], "not a SOCKS 5 proxy"),
            ([[5, 2], [1, 1]], "the proxy refused user or password"), ([[5, 0], [5, 1]], "the proxy failed"),
            ([[5, 0], [5, 2]], "the proxy's rules forbid it"), ([[5, 0], [5, 5]], "the target refused the proxy's connection"),
            ([[5, 0], [5, 99]], "the proxy answered code 99"), ([[5, 0], [5, 0, 0, 9, 9]], "not a SOCKS 5 answer"),
            ([[5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]], "bytes after the SOCKS 5 answer"),
            ([[5, 0], [5, 0, 0]], "the proxy closed the connection"),
        ] as [([[UInt8]], String)])
    func `a bad SOCKS 5 answer`(answers: [[UInt8]], reason: String) async throws {
        try await withUpstream { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "socks5h", user: "me:secret@"))
            let peer = try await upstream.listener.accept()
            _ = try await peer.bytes(4)
            for (step, answer) in answers.enumerated() {
                if step > 0 { _ = try await peer.bytes(1) }
                try await peer.send(answer)
            }
            peer.finishSending()
            #expect(await task.value == .failed(.proxy(reason)))
        }
    }

    @Test func `a proxy that says nothing ends with the connect deadline`() async throws {
        try await withUpstream { upstream in
            let task = Self.fetch(upstream, try Self.target(upstream, "http"))
            let peer = try await upstream.listener.accept()
            _ = try await peer.text(until: "\r\n\r\n")
            await upstream.advance(milliseconds: 10_100)
            #expect(await task.value == .failed(.connectTimeout))
            #expect(try await peer.rest().isEmpty)
        }
    }

    @Test func `connections through different proxies are not mixed`() async throws {
        try await withUpstream { upstream in
            let first = Self.fetch(upstream, try Self.target(upstream, "http", user: "a:b@"))
            let peer = try await upstream.listener.accept()
            _ = try await peer.text(until: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\n\r\n")
            _ = try await peer.text(until: "{}")
            try await peer.send(PoolTests.ok)
            #expect(await first.value == .reply(200, "ok"))
            let second = Self.fetch(upstream, try Self.target(upstream, "http", user: "other:b@"))
            let other = try await upstream.listener.accept()
            #expect(try await other.text(until: "\r\n\r\n").hasPrefix("CONNECT "))
            other.close()
            #expect(await second.value == .failed(.proxy("the proxy closed the connection")))
        }
    }
}
