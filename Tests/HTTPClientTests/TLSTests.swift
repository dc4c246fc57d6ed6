import HTTP
import TestKit
import Testing

/// TLS to our own server and to another implementation, with certificates made on the spot.
struct TLSTests {
    static let rule = AddressRule(allowsLoopback: true)

    /// Runs the body with a TLS server that shows this certificate and answers with the request's body, and a pool.
    static func withTLS(_ certificate: String, _ body: (Programs, RunningServer, Upstream) async throws -> Void) async throws {
        let programs = try Programs()
        defer { programs.end() }
        try programs.makeCertificates(["localhost", "127.0.0.1", "other.example"])
        var configuration = ServerConfiguration()
        configuration.tls = TLSFiles(certificateFile: programs.path("\(certificate).pem"), keyFile: programs.path("\(certificate).key"))
        let echo = ClosureHandler { exchange in
            guard let body = try? await exchange.collectBody(limit: 8 << 20) else { return exchange.abort() }
            exchange.respond(Response(status: 200, headers: exchange.head.pathText == "/close" ? ["connection": "close"] : [:], body: body))
        }
        try await withServer(configuration, handler: echo) { server in
            try await withUpstream(lookup: { _ in .success([.loopback]) }) { upstream in try await body(programs, server, upstream) }
        }
    }
    static func fetch(_ upstream: Upstream, _ target: UpstreamTarget, _ path: String = "/", body: [UInt8] = Array("{}".utf8)) -> Task<
        Upstream.Outcome, Never
    > {
        upstream.fetch(UpstreamCall(UpstreamRequest(.post, path, to: target, body: body), to: target), limit: 8 << 20)
    }

    @Test(arguments: ["localhost", "127.0.0.1"]) func `a certificate of a trusted authority for that host`(host: String) async throws {
        try await Self.withTLS(host) { programs, server, upstream in
            let target = try UpstreamTarget(
                parsing: "https://\(host):\(server.port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            for _ in 1...3 { #expect(await Self.fetch(upstream, target).value == .reply(200, "{}")) }
            #expect(upstream.pool.counters.opened.value == 1, "kept and used again, session tickets in between notwithstanding")
        }
    }

    @Test func `long bodies pass both ways`() async throws {
        try await Self.withTLS("localhost") { programs, server, upstream in
            let target = try UpstreamTarget(
                parsing: "https://localhost:\(server.port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            for count in [15_000, 17_000, 4 << 20] {
                let text = String(repeating: "0123456789abcdef", count: count / 16)
                #expect(await Self.fetch(upstream, target, body: Array(text.utf8)).value == .reply(200, text))
            }
        }
    }

    /// Between calls and in short ones OpenSSL keeps its buffers, in long ones it does not.
    @Test func `a connection goes on after a stream whose head was let go of`() async throws {
        try await Self.withTLS("localhost") { programs, server, upstream in
            let target = try UpstreamTarget(
                parsing: "https://localhost:\(server.port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            let pool = upstream.pool
            for count in [20, 40_000, 20, 3 << 20, 20] {
                let text = String(repeating: "0123456789abcdef", count: count / 16)
                let streamed = upstream.onReactor {
                    do throws(UpstreamError) {
                        let request = UpstreamRequest(.post, "/", to: target, body: Array(text.utf8))
                        let response = try await pool.send(UpstreamCall(request, to: target))
                        response.discardHead()
                        return String(decoding: try await response.collect(limit: 4 << 20), as: UTF8.self)
                    } catch { return error.description }
                }
                #expect(await streamed.value == text)
                #expect(await Self.fetch(upstream, target).value == .reply(200, "{}"))
            }
            #expect(upstream.pool.counters.opened.value == 1)
        }
    }

    @Test(arguments: [
        ("self", "localhost", "self-signed certificate"), ("other.example", "localhost", "hostname mismatch"),
        ("localhost", "127.0.0.1", "IP address mismatch"),
    ])
    func `a certificate that does not hold is refused, and the request not sent`(certificate: String, host: String, reason: String)
        async throws
    {
        try await Self.withTLS(certificate) { programs, server, upstream in
            let target = try UpstreamTarget(
                parsing: "https://\(host):\(server.port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            let call = UpstreamCall(UpstreamRequest(.post, "/", to: target, body: Array("{}".utf8)), to: target)
            let error = await upstream.onReactor { [pool = upstream.pool] () -> UpstreamError? in
                do throws(UpstreamError) { _ = try await pool.send(call) } catch { return error }
                return nil
            }.value
            #expect(error == UpstreamError(.tls(.untrusted(reason)), mayHaveBeenReceived: false))
            #expect(server.reactors[0].counters.requests.value == 0)
        }
    }

    @Test func `the system's authorities do not know ours`() async throws {
        try await Self.withTLS("localhost") { _, server, upstream in
            let target = try UpstreamTarget(parsing: "https://localhost:\(server.port)", addressRule: Self.rule)
            guard case .failed(.tls(.untrusted)) = await Self.fetch(upstream, target).value else {
                Issue.record("an unknown authority was trusted")
                return
            }
        }
    }

    @Test func `a second connection resumes the session`() async throws {
        try await Self.withTLS("localhost") { programs, server, upstream in
            let target = try UpstreamTarget(
                parsing: "https://localhost:\(server.port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            #expect(await Self.fetch(upstream, target).value == .reply(200, "{}"))
            #expect(upstream.pool.counters.tlsResumed.value == 0)
            await upstream.onReactor { [pool = upstream.pool] in pool.closeIdle() }.value
            #expect(await Self.fetch(upstream, target).value == .reply(200, "{}"))
            #expect(upstream.pool.counters.opened.value == 2 && upstream.pool.counters.tlsResumed.value == 1)
        }
    }

    @Test func `a server that is not TLS, and one that says nothing`() async throws {
        try await withUpstream { upstream in
            let target = try UpstreamTarget(parsing: "https://127.0.0.1:\(upstream.listener.port)", addressRule: Self.rule)
            let plain = Self.fetch(upstream, target)
            let first = try await upstream.listener.accept()
            try await first.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            guard case .failed(.tls(.handshake)) = await plain.value else {
                Issue.record("that was no TLS")
                return
            }
            let silent = Self.fetch(upstream, target)
            let second = try await upstream.listener.accept()
            _ = try await second.bytes(1)
            await upstream.advance(milliseconds: 10_100)
            #expect(await silent.value == .failed(.tlsTimeout))
        }
    }

    @Test(arguments: ["http", "socks5", "socks5h"]) func `an https target through a proxy`(kind: String) async throws {
        try await Self.withTLS("localhost") { programs, server, upstream in
            let proxy = try UpstreamProxy(parsing: "\(kind)://127.0.0.1:\(upstream.listener.port)", addressRule: Self.rule)
            let target = try UpstreamTarget(
                parsing: "https://localhost:\(server.port)", proxy: proxy, certificateAuthorityFile: programs.path("ca.pem"),
                addressRule: Self.rule)
            let task = Self.fetch(upstream, target)
            let inner = try await upstream.listener.accept()
            if kind == "http" {
                _ = try await inner.text(until: "\r\n\r\n")
                try await inner.send("HTTP/1.1 200 OK\r\n\r\n")
            } else {
                _ = try await inner.bytes(3)
                try await inner.send([5, 0])
                _ = try await inner.bytes(kind == "socks5" ? 10 : 16)
                try await inner.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            }
            let outer = try server.client()
            let forth = Task { while let byte = try? await inner.bytes(1) { try await outer.send(byte) } }
            let back = Task { while let byte = try? await outer.bytes(1) { try await inner.send(byte) } }
            #expect(await task.value == .reply(200, "{}"))
            await upstream.onReactor { [pool = upstream.pool] in pool.closeIdle() }.value
            outer.finishSending()
            _ = await (forth.result, back.result)
        }
    }

    /// Another TLS implementation's server; ends each answer as the path asks.
    static let script = """
        import socket, ssl, sys
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("localhost.pem", "localhost.key")
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        while True:
            raw, _ = listener.accept()
            peer = context.wrap_socket(raw, server_side=True)
            head = b""
            while b"{}" not in head:
                head += peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\nuntil the end")
            if head.startswith(b"POST /proper"):
                peer.unwrap()
            peer.close()
        """

    @Test func `until close needs the proper end of TLS`() async throws {
        let programs = try Programs()
        defer { programs.end() }
        try programs.makeCertificates(["localhost"])
        let port = try programs.start("/usr/bin/python3", ["-c", Self.script])
        try await withUpstream(lookup: { _ in .success([.loopback]) }) { upstream in
            let target = try UpstreamTarget(
                parsing: "https://localhost:\(port)", certificateAuthorityFile: programs.path("ca.pem"), addressRule: Self.rule)
            #expect(await Self.fetch(upstream, target, "/cut").value == .failed(.closedEarly(afterBytes: 32)))
            #expect(await Self.fetch(upstream, target, "/proper").value == .reply(200, "until the end"))
        }
    }
}
