import Domain
import HTTP
import Synchronization
import TestKit
import Testing

/// Limits over many connections, and clients that leave.
struct ServerLifeTests {
    static let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `an address may open only so many connections, a trusted proxy any number`() async throws {
        var configuration = ServerConfiguration()
        configuration.trustedProxies = []
        configuration.limits.connectionsPerAddress = 3
        try await withServer(configuration, handler: Echo()) { running in
            var clients: [RawClient] = []
            for _ in 1...3 {
                let client = try running.client()
                try await client.send(Self.get)
                _ = try await client.reply()
                clients.append(client)
            }
            let refused = try running.client()
            #expect(try await refused.rest() == [])
            #expect(running.reactors[0].counters.refusedPerAddress.value == 1)
            clients.removeLast().close()
            try await eventually { running.server.openConnections == 2 }
            let next = try running.client()
            try await next.send(Self.get)
            #expect(try await next.reply().status == 200)
        }
        configuration.trustedProxies = IPNetwork.loopback
        try await withServer(configuration, handler: Echo()) { running in
            var clients: [RawClient] = []
            for _ in 1...5 {
                let client = try running.client()
                try await client.send(Self.get)
                #expect(try await client.reply().status == 200)
                clients.append(client)
            }
            #expect(running.server.openConnections == 5)
        }
    }

    @Test func `an address may have half of all connections at most`() async throws {
        var configuration = ServerConfiguration()
        configuration.trustedProxies = []
        configuration.limits.connections = 4
        try await withServer(configuration, handler: Echo()) { running in
            var clients: [RawClient] = []
            for _ in 1...2 {
                let client = try running.client()
                try await client.send(Self.get)
                #expect(try await client.reply().status == 200)
                clients.append(client)
            }
            #expect(try await running.client().rest() == [])
            #expect(running.reactors[0].counters.refusedPerAddress.value == 1 && running.server.openConnections == 2)
        }
    }

    @Test func `past the connection limit clients wait in the backlog until one leaves`() async throws {
        var configuration = ServerConfiguration()
        configuration.limits.connections = 2
        try await withServer(configuration, handler: Echo()) { running in
            let first = try running.client()
            let second = try running.client()
            for client in [first, second] {
                try await client.send(Self.get)
                _ = try await client.reply()
            }
            let third = try running.client()
            try await third.send(Self.get)
            try await eventually { running.reactors[0].counters.acceptPauses.value == 1 }
            #expect(running.server.openConnections == 2)
            first.close()
            #expect(try await third.reply().status == 200)
        }
    }

    @Test func `a server out of descriptors serves those it has and accepts again later`() async {
        // In a process of its own, because the limit is the whole process's.
        await #expect(processExitsWith: .success) {
            try await withServer(handler: Echo()) { running in
                let first = try running.client()
                try await first.send(Self.get)
                _ = try await first.reply()
                // Descriptors have the lowest free numbers: the probe's is the one that the next client's own socket will get,
                // and then none is left for the server to accept it with.
                let probe = try running.client()
                try await eventually { running.server.openConnections == 2 }
                probe.close()
                try await eventually { running.server.openConnections == 1 }
                try RawClient.limitDescriptors(to: Int(probe.descriptor) + 1)
                let second = try running.client()
                try await second.send(Self.get)
                try await eventually { running.reactors[0].counters.acceptPauses.value == 1 }
                try await first.send(Self.get)
                let whileShort = try await first.reply()
                first.close()
                let later = try await second.reply()
                if whileShort.status != 200 || later.status != 200 { throw RawClientError(description: "not served") }
            }
        }
    }

    @Test(arguments: ["close", "reset", "finishSending"]) func `a client that leaves during the reply is noticed at once`(how: String)
        async throws
    {
        let entered = Door()
        let left = Door()
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            exchange.onClosed = { left.open() }
            entered.open()
            await left.wait()
            #expect(exchange.isClientGone)
            #expect(exchange.write([1]) == .gone)
            var again = false
            exchange.onClosed = { again = true }
            #expect(again, "a late listener is told at once")
            exchange.finish()
        }
        let summaries = Mutex<[ExchangeSummary]>([])
        try await withServer(hooks: Server.Hooks(onFinished: { summary in summaries.withLock { $0.append(summary) } }), handler: handler) {
            running in
            let client = try running.client()
            try await client.send(Self.get)
            await entered.wait()
            switch how {
            case "close": client.close()
            case "reset": client.reset()
            default: client.finishSending()
            }
            await left.wait()
            try await eventually { running.server.openConnections == 0 }
            // The handler ends its exchange a moment after the connection is gone.
            try await eventually { summaries.withLock { !$0.isEmpty } }
            #expect(summaries.withLock { $0.map(\.clientGone) } == [true])
        }
    }

    @Test func `a handler that gives up on a client that has gone answers nothing`() async throws {
        let entered = Door()
        let left = Door()
        let handler = ClosureHandler { exchange in
            exchange.onClosed = { left.open() }
            entered.open()
            await left.wait()
        }
        let summaries = Mutex<[ExchangeSummary]>([])
        try await withServer(hooks: Server.Hooks(onFinished: { summary in summaries.withLock { $0.append(summary) } }), handler: handler) {
            running in
            let client = try running.client()
            try await client.send(Self.get)
            await entered.wait()
            client.finishSending()
            #expect(try await client.rest() == [])
            #expect(summaries.withLock { $0.map(\.status) } == [0])
            #expect(summaries.withLock { $0.map(\.clientGone) } == [true])
        }
    }

    @Test func `a client that closes only its sending half still gets its replies`() async throws {
        let handler = ClosureHandler { exchange in
            for _ in 1...3 { await Task.yield() }
            let body = (try? await exchange.collectBody(limit: 100)) ?? [63]
            for _ in 1...3 { await Task.yield() }
            exchange.respond(Response(status: 200, body: body))
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
            try await client.send(post + "1\n" + post + "2\n")
            client.finishSending()
            #expect(try await client.reply().text == "1\n")
            #expect(try await client.reply().text == "2\n")
            #expect(try await client.rest() == [])
        }
    }

    @Test func `a client that leaves in the middle of its body is gone`() async throws {
        let seen = Mutex<BodyError?>(nil)
        let done = Door()
        let handler = ClosureHandler { exchange in
            do throws(BodyError) { _ = try await exchange.collectBody(limit: 100) } catch { seen.withLock { $0 = error } }
            done.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf")
            client.close()
            await done.wait()
            #expect(seen.withLock { $0 } == .clientGone)
        }
    }

    @Test func `a client that leaves before it is told to send its body is gone`() async throws {
        let leaving = Mutex<RawClient?>(nil)
        let seen = Mutex<BodyError?>(nil)
        let done = Door()
        let handler = ClosureHandler { exchange in
            // The reactor is here, so it learns of the reset by sending "100 Continue".
            leaving.withLock { $0 }?.reset()
            do throws(BodyError) { _ = try await exchange.collectBody(limit: 100) } catch { seen.withLock { $0 = error } }
            done.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            leaving.withLock { $0 = client }
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n")
            await done.wait()
            #expect(seen.withLock { $0 } == .clientGone)
            try await eventually { running.server.openConnections == 0 && running.server.keptBytes == 0 }
        }
    }

    @Test func `a slow reader holds its producer up and gets every byte`() async throws {
        let total = 8_000_000
        let congested = Door()
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            var sent = 0
            while sent < total {
                let piece = (0..<50_000).map { UInt8(truncatingIfNeeded: ($0 + sent) &* 7) }
                sent += piece.count
                if exchange.write(piece) == .congested {
                    congested.open()
                    await withCheckedContinuation { continuation in exchange.onDrained = { continuation.resume() } }
                }
            }
            exchange.finish()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(Self.get + Self.get)
            await congested.wait()
            for _ in 1...2 {
                let body = try await client.reply().body
                #expect(body.count == total && body.indices.allSatisfy { body[$0] == UInt8(truncatingIfNeeded: $0 &* 7) })
            }
            try await eventually { running.server.keptBytes == 0 }
        }
    }

    @Test func `a reply that is made is sent to its end, though the client has ended its half meanwhile`() async throws {
        let body = (0..<16_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let isMade = Door()
        let handler = ClosureHandler { exchange in
            exchange.respond(Response(status: 200, body: body))
            isMade.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(Self.get)
            await isMade.wait()
            client.finishSending()
            #expect(try await client.reply().body == body)
            #expect(try await client.rest() == [])
        }
    }

    @Test func `requests that wait behind a large reply are answered, though the client has ended its half`() async throws {
        let body = [UInt8](repeating: 1, count: 16_000_000)
        let isMade = Door()
        let handler = ClosureHandler { exchange in
            exchange.respond(Response(status: 200, body: body))
            isMade.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(Self.get + Self.get + "GET /cut HT")
            await isMade.wait()
            client.finishSending()
            for _ in 1...2 { #expect(try await client.reply().body == body) }
            #expect(try await client.rest() == [])
        }
    }

    @Test(arguments: [ReplyFraming.chunked, .length(16_000_000), .untilClose])
    func `one write may be larger than what is kept back`(framing: ReplyFraming) async throws {
        let body = (0..<16_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: framing)
            #expect(exchange.write(body) == .congested)
            exchange.finish()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(Self.get)
            #expect(try await client.reply().body == body)
            try await eventually { running.server.keptBytes == 0 }
        }
    }

    @Test func `the last piece of a known length is taken whatever is kept back`() async throws {
        let piece = [UInt8](repeating: 1, count: 8_000_000)
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .length(16_000_000))
            #expect(exchange.write(piece) == .congested)
            #expect(exchange.write(piece) == .congested)
            exchange.finish()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(Self.get)
            #expect(try await client.reply().body.count == 16_000_000)
        }
    }

    @Test func `what is kept back for a slow reader is capped`() async throws {
        let done = Door()
        let handler = ClosureHandler { exchange in
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            // Ignores that the client does not read.
            while exchange.write([UInt8](repeating: 1, count: 10_000)) != .gone {}
            #expect(exchange.bytesSent < 20_000_000)
            done.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 4096)
            try await client.send(Self.get)
            await done.wait()
            try await eventually { running.server.keptBytes == 0 && running.server.openConnections == 0 }
        }
    }

    @Test func `past the memory budget a body gets 503 and accepting waits`() async throws {
        var configuration = ServerConfiguration()
        configuration.limits.memoryBudgetBytes = 100_000
        let gate = Door()
        let held = Door()
        let handler = ClosureHandler { exchange in
            do throws(BodyError) {
                let body = try await exchange.collectBody(limit: 1_000_000)
                if exchange.head.pathText == "/hold" {
                    held.open()
                    await gate.wait()
                }
                exchange.respond(Response(status: 200, body: Array("\(body.count)".utf8)))
            } catch { exchange.respondToProblem(status: error.status, message: "\(error)") }
        }
        try await withServer(configuration, handler: handler) { running in
            let holder = try running.client()
            let late = try running.client()
            for client in [holder, late] {
                try await client.send(Self.get)
                _ = try await client.reply()
            }
            try await holder.send("POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n")
            try await holder.send([UInt8](repeating: 1, count: 90_000))
            await held.wait()
            try await late.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n")
            try await late.send([UInt8](repeating: 1, count: 50_000))
            let reply = try await late.reply()
            #expect(reply.status == 503 && reply.header("connection") == "close")
            gate.open()
            #expect(try await holder.reply().text == "90000")
            try await eventually { running.server.keptBytes == 0 }
        }
    }

    @Test func `when much waits for slow readers a large reply is 503, a small one and a new connection are served`() async throws {
        var configuration = ServerConfiguration()
        configuration.limits.memoryBudgetBytes = 40_000_000
        let handler = ClosureHandler { exchange in
            let count = exchange.head.pathText == "/big" ? 16_000_000 : 1000
            exchange.respond(Response(status: 200, body: [UInt8](repeating: 1, count: count)))
        }
        let big = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
        try await withServer(configuration, handler: handler) { running in
            let slow = try running.client(receiveBytes: 4096)
            try await slow.send(big)
            _ = try await slow.bytes(10)
            let other = try running.client()
            try await other.send(big)
            let refused = try await other.reply()
            #expect(refused.status == 503 && refused.header("retry-after") == "5")
            try await other.send(Self.get)
            #expect(try await other.reply().body.count == 1000)
            slow.close()
            try await eventually { running.server.keptBytes == 0 }
            try await other.send(big)
            #expect(try await other.reply().body.count == 16_000_000)
        }
    }

    @Test func `a port that somebody else has is not taken silently`() async throws {
        try await withServer(handler: Echo()) { running in
            var configuration = ServerConfiguration()
            configuration.port = running.port
            let second = try Server(configuration, reactors: running.reactors, handler: Echo())
            await #expect(throws: ServerError.self) { try await second.start() }
        }
    }

    @Test func `many connections over two reactors are all served`() async throws {
        try await withServer(reactors: 2, handler: Echo()) { running in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let client = try running.client()
                        for _ in 1...5 {
                            try await client.send("POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                            #expect(try await client.reply().text == "POST /\(number) ok")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(running.reactors.reduce(0) { $0 + $1.counters.requests.value } == 500)
        }
    }
}

/// Waits for other threads' progress until the condition holds; half a minute is far more than any of them needs.
func eventually(_ condition: @escaping @Sendable () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if condition() { return }
        await Task.yield()
    }
    try #require(condition())
}
