import Domain
import HTTP
import Store
import TestKit
import Testing

@testable import Relay

/// Bodies that wait in a file while accounts are tried.
struct LargeBodyTests {
    private static let text = String(repeating: "ab 🌍 ", count: 20_000)
    private static func body(stream: Bool) -> String {
        #"{"stream":\#(stream),"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"\#(text)"}]}"#
    }

    private func withPool(
        spilledBytes: Int = 250_000, change: @escaping @Sendable (inout AccountDetails) -> Void = { _ in },
        _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            let pool = ["sk-account-one", "sk-account-two"].enumerated().map { index, secret in
                WorldAccount(secret: secret, baseURL: fake.baseURL) {
                    $0.priority = Int64(index + 1)
                    change(&$0)
                }
            }
            try await withRelay(
                pool,
                configure: {
                    $0.limits.bodyBytesInMemory = 1000
                    $0.limits.spilledBodyBytes = spilledBytes
                }
            ) { world in try await test(world, fake) }
        }
    }

    @Test func `every account gets the same bytes, and the room is given back`() async throws {
        try await withPool { world, fake in
            // Each takes 160,000 of the 250,000 bytes: the next would not fit if one were not given back.
            for stream in [true, false, true] {
                try await fake.script("sk-account-one", [stream ? "first-event-error" : "status=500"])
                let reply = try await world.send(Self.body(stream: stream))
                #expect(reply.status == 200, "\(reply.text.prefix(300))")
                await world.advance(seconds: 3600)
            }
            let seen = try await fake.requests(finished: 6)
            #expect(Set(seen.compactMap { $0["body_sha256"] as? String }).count == 2 && seen.count == 6)
            #expect(try await fake.violations().isEmpty)
            let (history, ledger) = try await world.books()
            #expect(history.map(\.attempts) == [2, 2, 2] && ledger.count == 3)
        }
    }

    @Test func `past the room of all files it is 503 and nothing is sent`() async throws {
        try await withPool(spilledBytes: 150_000) { world, fake in
            let reply = try await world.send(Self.body(stream: true))
            #expect(reply.status == 503 && reply.header("retry-after") != nil, "\(reply.text)")
            #expect(try await world.send().status == 200, "small ones go on")
            #expect(try await fake.requests(finished: 1).count == 1)
            let (history, ledger) = try await world.books()
            #expect(ledger.count == 1 && history.count == 2)
        }
    }

    @Test func `a mapped model changes that name and nothing else`() async throws {
        try await withPool(change: { $0.modelMap = "{\"claude-sonnet-5-5\":\"claude-haiku-4-5\"}" }) { world, fake in
            let plain = try RawClient(port: fake.port)
            defer { plain.close() }
            let mapped = Self.body(stream: false).replacing("claude-sonnet-5-5", with: "claude-haiku-4-5")
            try await plain.send(RelayWorld.request(mapped, headers: ["x-api-key: sk-direct", "anthropic-version: 2023-06-01"]))
            #expect(try await plain.reply().status == 200)
            #expect(try await world.send(Self.body(stream: false)).status == 200)
            let seen = try await fake.requests(finished: 2)
            #expect(Set(seen.compactMap { $0["body_sha256"] as? String }).count == 1 && seen.count == 2)
        }
    }

    @Test func `while answers that are under way fill the memory, the next that would be whole is 503 and nothing is sent`() async throws {
        let listener = try RawListener()
        defer { listener.close() }
        var serving = ServerConfiguration()
        serving.limits.memoryBudgetBytes = 500_000
        let pool = [WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:\(listener.port)")]
        try await withRelay(pool, serving: serving) { world async throws in
            let (first, second) = (try world.client(), try world.client())
            defer { for client in [first, second] { client.close() } }
            // Its connection is taken before the budget is used up.
            try await second.send("GET /v1/me HTTP/1.1\r\nhost: relay.example.com\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            #expect(try await second.reply().status == 200)
            try await first.send(RelayWorld.request(RelayWorld.body))
            let peer = try await listener.accept()
            defer { peer.close() }
            _ = try await peer.text(until: RelayWorld.body)
            let text = String(repeating: "a", count: 800_000)
            let usage = #""usage":{"input_tokens":7,"output_tokens":9}"#
            let answer = Array(
                #"{"type":"message","model":"claude-sonnet-5-5","content":[{"type":"text","text":"\#(text)"}],\#(usage)}"#.utf8)
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(answer.count)\r\n\r\n")
            try await peer.send(Array(answer[..<600_000]))
            for _ in 1...100_000 where world.server.keptBytes <= 500_000 { await world.reactor.poke() }
            #expect(world.server.keptBytes > 500_000)
            try await second.send(RelayWorld.request(RelayWorld.body))
            let refused = try await second.reply()
            #expect(refused.status == 503 && refused.header("retry-after") == "2" && refused.text.contains("requests and replies"))
            // What has been paid for comes whole.
            try await peer.send(Array(answer[600_000...]))
            let reply = try await first.reply()
            #expect(reply.status == 200 && reply.body == answer)
            for _ in 1...100_000 where world.server.keptBytes > 0 { await world.reactor.poke() }
            #expect(world.server.keptBytes == 0)
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.success] && ledger.map(\.tokens.output) == [9] && ledger.map(\.usageSource) == [.final])
        }
    }
}
