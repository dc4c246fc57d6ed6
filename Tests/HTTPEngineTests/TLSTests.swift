import Domain
import Foundation
import HTTP
import TestKit
import Testing

/// Real certificates from the openssl command, a real client side, loopback in between.
struct TLSTests {
    /// Writes a self-signed certificate for `name` and answers its files.
    private static func makeCertificate(in folder: URL, name: String, password: String? = nil) throws -> TLSFiles {
        let (certificate, key) = (folder.appending(path: "\(name).pem").path, folder.appending(path: "\(name).key").path)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=\(name)",
            "-addext",
            "subjectAltName=DNS:\(name),IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ]
        if let password {
            process.arguments?.removeAll { $0 == "-nodes" }
            process.arguments?.append(contentsOf: ["-passout", "pass:\(password)"])
        }
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "the openssl command is missing or refuses")
        return TLSFiles(certificateFile: certificate, keyFile: key)
    }

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    /// A client side that waits with `RawClient`'s patience.
    private final class Secure {
        let raw: RawClient
        let stream: TLSStream
        private var received: [UInt8] = []

        init(_ running: RunningServer, _ context: TLSClientContext, host: String = "example.com") async throws {
            raw = try running.client()
            stream = try TLSStream(client: context, host: host, port: running.port, descriptor: raw.descriptor)
            _ = try await complete { $0.handshake() }
        }

        func complete(_ step: (TLSStream) -> TLSProgress) async throws -> Int? {
            while true {
                switch step(stream) {
                case .done(let count): return count
                case .wantsRead: guard await raw.waitReadable() else { throw RawClientError(description: "nothing came") }
                case .wantsWrite: guard await raw.waitWritable() else { throw RawClientError(description: "nothing goes") }
                case .ended: return nil
                case .failed(let error): throw error
                }
            }
        }
        func send(_ bytes: [UInt8]) async throws {
            var sent = 0
            while sent < bytes.count { sent += try await complete { $0.write(bytes.span.extracting(sent...)) } ?? 0 }
        }
        /// Reads until `count` bytes have come; fewer at the end of the stream.
        func read(_ count: Int) async throws -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while received.count < count {
                guard let got = try await complete({ stream in unsafe buffer.withUnsafeMutableBytes { unsafe stream.read(into: $0) } })
                else { break }
                received += buffer[..<got]
            }
            defer { received.removeFirst(min(count, received.count)) }
            return Array(received.prefix(count))
        }
        func ask(_ path: String) async throws -> String {
            try await send(Array("GET \(path) HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n".utf8))
            return String(decoding: try await read(100_000), as: UTF8.self)
        }
    }

    @Test func `requests and replies of any size pass, and a session is resumed`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            try await withServer(configuration, handler: Echo(limit: 1 << 20)) { running in
                for round in 1...2 {
                    let client = try await Secure(running, context)
                    #expect(client.stream.protocolVersion == "TLSv1.3" && client.stream.wasResumed == (round == 2))
                    let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
                    try await client.send(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n".utf8) + body)
                    var head: [UInt8] = []
                    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) { head += try await client.read(1) }
                    #expect(try await client.read(300_007) == Array("POST / ".utf8) + body)
                    // The connection stays, and its end is a proper one.
                    #expect(try await client.ask("/b").hasSuffix("GET /b "))
                }
            }
        }
    }

    @Test func `pipelined requests of more than one read do not stall`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            let handler = ClosureHandler { exchange in
                // Elsewhere and back, so that the requests behind this one wait.
                await Task.detached {}.value
                exchange.respond(Response(status: 200))
            }
            try await withServer(configuration, handler: handler) { running in
                let client = try await Secure(running, context)
                let request = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: \(String(repeating: "x", count: 1900))\r\n\r\n"
                let bytes = Array(String(repeating: request, count: 200).utf8)
                for start in stride(from: 0, to: bytes.count, by: 10_000) {
                    try await client.send(Array(bytes[start..<min(bytes.count, start + 10_000)]))
                }
                #expect(try await client.ask("/last").components(of: "HTTP/1.1 200") == 201)
            }
        }
    }

    @Test func `a cut reply that ends with its connection does not look complete`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            let handler = ClosureHandler { exchange in
                exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .untilClose)
                exchange.write(Array("half".utf8))
                exchange.abort()
            }
            try await withServer(configuration, handler: handler) { running in
                let client = try await Secure(running, context)
                try await client.send(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
                await #expect(throws: (any Error).self) { _ = try await client.read(100_000) }
            }
        }
    }

    @Test func `the handler knows that the caller is secure`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            configuration.trustedProxies = []
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            let handler = ClosureHandler { $0.respond(Response(status: 200, body: Array("\($0.isSecure)".utf8))) }
            try await withServer(configuration, handler: handler) { running in
                let reply = try await Secure(running, context, host: "127.0.0.1").ask("/")
                #expect(reply.hasSuffix("true"))
            }
        }
    }

    @Test func `a certificate of another name or authority is not trusted`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            let other = try Self.makeCertificate(in: folder, name: "other.example.com")
            configuration.tls = files
            let own = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            let foreign = try TLSClientContext(certificateAuthorityFile: other.certificateFile)
            let system = try TLSClientContext()
            try await withServer(configuration, handler: Echo()) { running in
                for (context, host) in [(own, "other.example.com"), (own, "127.0.0.2"), (foreign, "example.com"), (system, "example.com")] {
                    let error = await #expect(throws: TLSError.self) { _ = try await Secure(running, context, host: host) }
                    if case .untrusted = error {} else { Issue.record("\(host): \(String(describing: error))") }
                }
                try await eventually { running.server.openConnections == 0 }
                #expect(running.reactors[0].counters.tlsHandshakeFailures.value == 4)
            }
        }
    }

    @Test func `a reload under load changes the certificate and cuts nobody`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            try await withServer(configuration, reactors: 2, handler: Echo()) { running in
                let old = try await Secure(running, context)
                // The same key and certificate over and over, while clients come and go.
                async let reloads: Void = {
                    for _ in 1...300 {
                        try running.server.reloadTLS()
                        await Task.yield()
                    }
                }()
                for number in 1...30 { #expect(try await Secure(running, context).ask("/\(number)").hasSuffix("GET /\(number) ")) }
                try await reloads
                #expect(try await old.ask("/old").hasSuffix("GET /old "))

                // A broken file changes nothing.
                let good = try Data(contentsOf: URL(filePath: files.certificateFile))
                try Data("nonsense".utf8).write(to: URL(filePath: files.certificateFile))
                #expect(throws: TLSError.self) { try running.server.reloadTLS() }
                #expect(try await Secure(running, context).ask("/still").hasSuffix("GET /still "))

                // A new certificate is used for new connections: the old trust no longer fits.
                try good.write(to: URL(filePath: files.certificateFile))
                let fresh = try Self.makeCertificate(in: folder, name: "example.com")
                try running.server.reloadTLS()
                let renewed = try TLSClientContext(certificateAuthorityFile: fresh.certificateFile)
                #expect(try await Secure(running, renewed).ask("/new").hasSuffix("GET /new "))
                let oldFile = folder.appending(path: "old.pem")
                try good.write(to: oldFile)
                let outdated = try TLSClientContext(certificateAuthorityFile: oldFile.path)
                await #expect(throws: TLSError.self) { _ = try await Secure(running, outdated) }
            }
        }
    }

    @Test func `plain HTTP, silence and a cut handshake on a TLS port harm nobody`() async throws {
        try await withFolder { folder in
            var configuration = ServerConfiguration()
            let files = try Self.makeCertificate(in: folder, name: "example.com")
            configuration.tls = files
            let context = try TLSClientContext(certificateAuthorityFile: files.certificateFile)
            try await withServer(configuration, handler: Echo()) { running in
                let plain = try running.client()
                try await plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(!(String(decoding: try await plain.rest(), as: UTF8.self)).contains("HTTP/1.1"))
                let cut = try running.client()
                try await cut.send([0x16, 3, 1, 2, 0, 1])
                cut.close()
                let silent = try running.client()
                try await eventually { running.reactors[0].counters.accepted.value == 3 }
                await running.advance(seconds: 11)
                #expect(try await silent.rest() == [])
                #expect(try await Secure(running, context).ask("/a").hasSuffix("GET /a "))
            }
        }
    }

    @Test(arguments: [
        ("missing.pem", "missing.key"), ("example.com.pem", "missing.key"), ("example.com.pem", "b.example.com.key"),
        ("garbage", "garbage"),
    ])
    func `files that cannot be used stop the start`(certificate: String, key: String) async throws {
        try await withFolder { folder in
            _ = try Self.makeCertificate(in: folder, name: "example.com")
            _ = try Self.makeCertificate(in: folder, name: "b.example.com")
            try Data("garbage".utf8).write(to: folder.appending(path: "garbage"))
            var configuration = ServerConfiguration()
            configuration.tls = TLSFiles(
                certificateFile: folder.appending(path: certificate).path, keyFile: folder.appending(path: key).path)
            let clock = TestClock()
            let reactor = try Reactor(index: 0, ambient: clock.ambient)
            #expect(throws: ServerError.self) { _ = try Server(configuration, reactors: [reactor], handler: Echo()) }
        }
    }
    @Test func `a key with a password and a FIFO are refused without waiting`() async throws {
        try await withFolder { folder in
            let locked = try Self.makeCertificate(in: folder, name: "locked.example.com", password: "long enough")
            let fifo = folder.appending(path: "fifo").path
            let isMade = unsafe mkfifo(fifo, 0o600) == 0
            try #require(isMade)
            let reactor = try Reactor(index: 0, ambient: TestClock().ambient)
            for files in [locked, TLSFiles(certificateFile: locked.certificateFile, keyFile: fifo)] {
                var configuration = ServerConfiguration()
                configuration.tls = files
                let error = #expect(throws: ServerError.self) { _ = try Server(configuration, reactors: [reactor], handler: Echo()) }
                guard case .tls(.badFile(let reason)) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(reason.hasPrefix(files.keyFile))
            }
        }
    }
}
