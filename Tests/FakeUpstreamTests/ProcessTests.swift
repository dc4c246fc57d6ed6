import TestKit
import Testing

struct ProcessTests {
    @Test func `the fake controller starts, takes faults and tells what it holds`() async throws {
        let child = try ChildProcess(ChildProcess.builtProgram("FakeWgEasy"), ["--port", "0", "--mode", "v14", "--password", "secret"])
        defer { child.terminate() }
        func port(_ word: String) throws -> UInt16 {
            let line = child.line() ?? ""
            return try #require(UInt16(line.dropFirst("\(word) 127.0.0.1:".count)), "\(line)")
        }
        let (main, control) = (try port("listening"), try port("control"))
        func ask(_ port: UInt16, _ method: String, _ path: String, _ body: String = "") async throws -> RawReply {
            let client = try RawClient(port: port)
            defer { client.close() }
            try await client.send(
                "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\nauthorization: secret\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            return try await client.reply()
        }
        let path = "/api/wireguard/client"
        #expect(try await ask(control, "POST", "/faults", #"{"fault":"503","method":"POST","path":"/client"}"#).status == 200)
        #expect(try await ask(main, "POST", path, #"{"name":"one"}"#).status == 503)
        #expect(try await ask(main, "POST", path, #"{"name":"one"}"#).text == #"{"success":true}"#)
        #expect(try await ask(control, "GET", "/clients").text.contains(#""name":"one""#))
        #expect(try await ask(control, "GET", "/calls").text == #"["POST \#(path) raw","POST \#(path) raw"]"#)
        #expect(try await ask(control, "POST", "/faults", "{}").status == 400)
        #expect(try await ask(control, "GET", "/nothing").status == 404)
    }

    @Test func `the program starts, is scripted, remembers, and ends`() async throws {
        try await withFakeUpstream { fake in
            try await fake.script("sk-one", ["status=529"])
            let client = try RawClient(port: fake.port)
            defer { client.close() }
            for expected in [529, 200] {
                try await client.send(WireTests.request(WireTests.body))
                #expect(try await client.reply().status == expected)
            }
            #expect(try await fake.requests(finished: 2).count == 2)
            #expect(try await fake.ledger().count == 1)
            #expect(try await fake.violations().isEmpty)
            try await fake.reset()
            #expect(try await fake.requests().isEmpty)
        }
    }
}
