import Domain
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
}
