import Domain
import HTTP
import Synchronization
import TestKit
import Testing

/// Slow senders and slow readers, on a clock that the test moves: no test here waits for real time.
struct DeadlineTests {
    /// The server has read what was sent before, because it answers another connection on the same reactor afterwards.
    private func settle(_ running: RunningServer) async throws {
        for _ in 1...2 {
            let other = try running.client()
            try await other.send("GET /settle HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            _ = try await other.reply()
            _ = try await other.rest()
        }
    }

    @Test func `a head that trickles in gets 408 after ten seconds in all`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            for byte in "GET / HTT".utf8 {
                try await client.send([byte])
                try await settle(running)
                await running.advance(seconds: 1)
            }
            try await client.send("P")
            try await settle(running)
            await running.advance(seconds: 2)
            let reply = try await client.reply()
            #expect(reply.status == 408 && reply.header("connection") == "close")
            #expect(try await client.rest() == [])
        }
    }

    @Test func `a connection that says nothing is closed without a word`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            try await settle(running)
            await running.advance(seconds: 11)
            #expect(try await client.rest() == [])
        }
    }

    @Test func `an idle connection is kept 65 seconds, and each request starts them again`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            for _ in 1...3 {
                try await client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.reply().status == 200)
                await running.advance(seconds: 60)
            }
            await running.advance(seconds: 6)
            #expect(try await client.rest() == [])
        }
    }

    @Test func `the next head has ten seconds from its first byte, not from the last reply`() async throws {
        try await withServer(handler: Echo()) { running in
            let client = try running.client()
            try await client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.reply()
            await running.advance(seconds: 50)
            try await client.send("GET /b")
            try await settle(running)
            await running.advance(seconds: 8)
            try await client.send(" HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.reply().text == "GET /b ")
            try await client.send("GET /c")
            try await settle(running)
            await running.advance(seconds: 11)
            #expect(try await client.reply().status == 408)
        }
    }

    @Test(arguments: ["Content-Length: 100000", "Transfer-Encoding: chunked"])
    func `a body of a byte a second gets 408, a body at the minimum rate is read`(framing: String) async throws {
        let isChunked = framing.hasPrefix("T")
        func piece(_ count: Int) -> String {
            let data = String(repeating: "x", count: count)
            return isChunked ? "\(String(count, radix: 16))\r\n\(data)\r\n" : data
        }
        try await withServer(handler: Echo()) { running in
            let slow = try running.client()
            let fast = try running.client()
            for client in [slow, fast] { try await client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n") }
            for second in 1...25 {
                if second < 10 { try await slow.send(piece(1)) }
                try await fast.send(piece(2000))
                try await settle(running)
                await running.advance(seconds: 1)
            }
            let reply = try await slow.reply()
            #expect(reply.status == 408 && reply.header("connection") == "close")
            try await fast.send(piece(50_000) + (isChunked ? "0\r\n\r\n" : ""))
            #expect(try await fast.reply().body.count == 100_007)
        }
    }

    @Test func `no body may take longer than its total time`() async throws {
        var configuration = ServerConfiguration()
        configuration.limits.bodyTotalSeconds = 60
        try await withServer(configuration, handler: Echo()) { running in
            let client = try running.client()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            for _ in 1...61 {
                try await client.send(String(repeating: "x", count: 2000))
                try await settle(running)
                await running.advance(seconds: 1)
            }
            #expect(try await client.reply().status == 408)
        }
    }

    @Test func `time that the handler takes is not the client's`() async throws {
        let gate = Door()
        let handler = ClosureHandler { exchange in
            if exchange.head.pathText == "/slow" { await gate.wait() }
            let body = (try? await exchange.collectBody(limit: 100)) ?? []
            exchange.respond(Response(status: 200, body: body))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh")
            try await settle(running)
            await running.advance(seconds: 1000)
            gate.open()
            try await client.send("i")
            #expect(try await client.reply().text == "hi")
        }
    }

    @Test func `a connection is not idle while its reply is being received`() async throws {
        let handler = ClosureHandler { exchange in
            let count = exchange.head.pathText == "/big" ? 16_000_000 : 0
            exchange.respond(Response(status: 200, body: [UInt8](repeating: 1, count: count)))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.bytes(10)
            try await settle(running)
            await running.advance(seconds: 66)
            _ = try await client.text(until: "\r\n\r\n")
            #expect(try await client.bytes(16_000_000).allSatisfy { $0 == 1 })
        }
    }

    @Test func `a client that accepts nothing for two minutes counts as gone`() async throws {
        let gone = Door()
        let handler = ClosureHandler { exchange in
            guard exchange.head.pathText == "/big" else { return exchange.respond(Response(status: 200)) }
            exchange.onClosed = { gone.open() }
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            while exchange.write([UInt8](repeating: 1, count: 60_000)) == .sent { exchange.flush() }
            await gone.wait()
            #expect(exchange.isClientGone)
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 4096)
            try await client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.bytes(10)
            try await settle(running)
            await running.advance(seconds: 119)
            #expect(!gone.isOpen && running.server.keptBytes > 0)
            await running.advance(seconds: 3)
            await gone.wait()
            try await eventually { running.server.openConnections == 0 && running.server.keptBytes == 0 }
        }
    }

    @Test func `an event stream says something every 15 seconds`() async throws {
        let handler = ClosureHandler { exchange in
            guard exchange.head.pathText == "/events" else { return exchange.respond(Response(status: 200)) }
            let stream = EventStream(exchange)
            #expect(await stream.send(event: "tick", data: "a\nb", id: "7"))
            await stream.closed()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            let first = try await client.text(until: "\n\n\r\n")
            #expect(first.contains("content-type: text/event-stream") && first.hasSuffix("event: tick\nid: 7\ndata: a\ndata: b\n\n\r\n"))
            for _ in 1...3 {
                await running.advance(seconds: 16)
                #expect(try await client.text(until: "\n\n\r\n") == "e\r\n: keep-alive\n\n\r\n")
            }
        }
    }
}

/// Waits until it is opened; stays open.
final class Door: Sendable {
    private struct Doors {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let doors = Mutex(Doors())
    var isOpen: Bool { doors.withLock { $0.isOpen } }
    func open() {
        let waiters = doors.withLock { doors in
            doors.isOpen = true
            defer { doors.waiters = [] }
            return doors.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = doors.withLock { doors in
                if !doors.isOpen { doors.waiters.append(continuation) }
                return doors.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
