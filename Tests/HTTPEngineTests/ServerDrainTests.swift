import HTTP
import TestKit
import Testing

/// What a server that stops does with its connections.
struct ServerDrainTests {
    @Test func `drain closes idle connections and lets a running reply finish`() async throws {
        let gate = Door()
        let entered = Door()
        let handler = ClosureHandler { exchange in
            if exchange.head.pathText == "/slow" {
                entered.open()
                await gate.wait()
            }
            exchange.respond(Response(status: 200, body: Array("done".utf8)))
        }
        try await withServer(reactors: 2, handler: handler) { running in
            let idle = try running.client()
            try await idle.send(ServerLifeTests.get)
            _ = try await idle.reply()
            let busy = try running.client()
            try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await entered.wait()
            async let cut = running.server.drain(deadline: .seconds(30))
            #expect(try await idle.rest() == [])
            try await eventually { (try? running.client()) == nil }
            gate.open()
            let reply = try await busy.reply()
            #expect(reply.text == "done" && reply.header("connection") == "close")
            #expect(await cut == 0)
        }
    }

    @Test func `drain lets a reply that is made be received to its end`() async throws {
        let body = [UInt8](repeating: 1, count: 16_000_000)
        let isMade = Door()
        let handler = ClosureHandler { exchange in
            exchange.respond(Response(status: 200, body: body))
            isMade.open()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client(receiveBytes: 131_072)
            try await client.send(ServerLifeTests.get)
            await isMade.wait()
            async let cut = running.server.drain(deadline: .seconds(30))
            try await eventually { (try? running.client()) == nil }
            #expect(try await client.reply().body == body)
            #expect(try await client.rest() == [])
            #expect(await cut == 0)
        }
    }

    @Test func `drain cuts what is still running at its deadline`() async throws {
        let entered = Door()
        let (left, isCut) = (Door(), Door())
        let handler = ClosureHandler { exchange in
            exchange.onClosed = {
                if exchange.isCut { isCut.open() }
                left.open()
            }
            entered.open()
            await left.wait()
        }
        try await withServer(handler: handler) { running in
            let client = try running.client()
            try await client.send(ServerLifeTests.get)
            await entered.wait()
            async let cut = running.server.drain(deadline: .seconds(5))
            // The deadline starts when the listeners are closed, at a moment that cannot be seen from here.
            while !left.isOpen { await running.advance(seconds: 6) }
            #expect(await cut == 1 && isCut.isOpen)
            #expect(try await client.rest() == [])
        }
    }
}
