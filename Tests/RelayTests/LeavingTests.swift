import Domain
import HTTP
import Store
import TestKit
import Testing

@testable import Relay

/// Exchanges that do not finish (relay contract, section 16): who pays what when somebody leaves.
struct LeavingTests {
    private static let account = "sk-account-0001"

    private func withAccount(
        _ change: @escaping @Sendable (inout AccountDetails) -> Void = { _ in },
        configure: @escaping @Sendable (inout RelayConfiguration) -> Void = { _ in },
        _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            try await withRelay(
                [WorldAccount(secret: Self.account, baseURL: fake.baseURL, change: change)], configure: configure
            ) { world in try await test(world, fake) }
        }
    }
    /// Asks for a stream and leaves once those words have come.
    private func leave(_ world: RelayWorld, after words: String) async throws {
        let client = try world.client()
        try await client.send(RelayWorld.request(RelayWorld.streamBody))
        _ = try await client.text(until: words)
        client.close()
    }
    private func drains(_ world: RelayWorld) -> Int { world.relay.services.drains.inFlight }
    private func eventually(_ world: RelayWorld, _ condition: () throws -> Bool) async throws -> Bool {
        for _ in 1...100_000 where try !condition() { await world.reactor.poke() }
        return try condition()
    }

    @Test func `a client that leaves once its last tool call is whole has all it wanted`() async throws {
        try await withAccount { world, fake async throws in
            try await fake.script(Self.account, ["tool|hang-after=content_block_stop#2:60000"])
            // A text and a tool call; the upstream's last words are still to come.
            try await leave(world, after: #""content_block_stop","index":1"#)
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.success] && ledger.map(\.usageSource) == [.snapshot])
        }
    }

    @Test func `an account that charges in full is read to its end, and its bill is booked`() async throws {
        try await withAccount({ $0.abortPolicy = .drain }) { world, fake async throws in
            try await fake.script(Self.account, ["hang-after=content_block_delta#2:200|len=400"])
            try await leave(world, after: "content_block_delta")
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted] && ledger.map(\.usageSource) == [.final])
            #expect(history.map(\.errorType) == ["client_closed_request"])
            let billed = (try await fake.ledger(finished: 1).first?["usage"] as? [String: Any])?["output_tokens"] as? Int
            #expect(ledger.first?.tokens.output == billed.map(Int64.init))
            #expect(drains(world) == 0)
        }
    }

    @Test func `a client that leaves once its last tool call is whole has all it wanted, also where the stream is read to its end`()
        async throws
    {
        try await withAccount({ $0.abortPolicy = .drain }) { world, fake async throws in
            try await fake.script(Self.account, ["tool|hang-after=content_block_stop#2:200"])
            try await leave(world, after: #""content_block_stop","index":1"#)
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.success] && ledger.map(\.usageSource) == [.final])
        }
    }

    @Test func `a stream that stood still because its client was slow is read on when the client goes`() async throws {
        try await withAccount({ $0.abortPolicy = .drain }, configure: { $0.limits.drainBytes = 64 << 20 }) { world, fake async throws in
            try await fake.script(Self.account, ["len=150000"])
            let client = try RawClient(port: world.port, receiveBytes: 4096)
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            _ = try await client.text(until: "content_block_delta")
            // It reads no more: sooner or later nothing comes from the upstream either.
            var (seen, still) = (0, 0)
            while still < 5000 {
                await world.reactor.poke()
                let received = world.reactor.counters.bytesReceived.value
                (seen, still) = (received, received == seen ? still + 1 : 0)
            }
            client.reset()
            // Some twenty megabytes are still to come.
            for _ in 1...9 where await !world.hasJournalled(2) {}
            #expect(await world.hasJournalled(2))
            let ledger = try await world.books().ledger
            #expect(ledger.map(\.usageSource) == [.final])
            #expect(try await eventually(world) { drains(world) == 0 })
        }
    }

    @Test func `past the number of such streams the next is cut`() async throws {
        try await withAccount({ $0.abortPolicy = .drain }, configure: { $0.limits.drains = 1 }) { world, fake async throws in
            try await fake.script(Self.account, [], default: "hang-after=content_block_delta#2:60000|len=400")
            try await leave(world, after: "content_block_delta")
            #expect(try await eventually(world) { drains(world) == 1 })
            try await leave(world, after: "content_block_delta")
            // Two admissions and the settlement of the second.
            #expect(await world.hasJournalled(3) && drains(world) == 1)
            // The first one's time ends too.
            await world.advance(seconds: 121)
            #expect(await world.hasJournalled(4))
            #expect(try await eventually(world) { drains(world) == 0 })
            let ledger = try await world.books().ledger
            #expect(ledger.map(\.usageSource) == [.snapshot, .snapshot])
        }
    }

    @Test func `past the bytes of such a stream it is cut`() async throws {
        try await withAccount({ $0.abortPolicy = .drain }, configure: { $0.limits.drainBytes = 100 }) { world, fake async throws in
            try await fake.script(Self.account, ["hang-after=content_block_delta#2:200|len=4000"])
            try await leave(world, after: "content_block_delta")
            #expect(await world.hasJournalled(2))
            #expect(try await world.books().ledger.map(\.usageSource) == [.snapshot])
        }
    }

    /// Messages, the OpenAI dialect and the chat API: what the server's own stop ends is told apart from a client that has left.
    @Test(arguments: [
        (RelayWorld.streamBody, "/v1/messages"), (RelayWorld.streamBody, "/v1/chat/completions"),
        (#"{"message":"hé","stream":true}"#, "/api/chat"),
    ])
    func `a stream that the server's stop cuts says so, and is metered like any other that is cut`(body: String, path: String)
        async throws
    {
        try await withAccount { world, fake async throws in
            try await fake.script(Self.account, [], default: "hang-after=content_block_delta#2:60000|len=400")
            let client = try world.client()
            try await client.send(RelayWorld.request(body, path))
            _ = try await client.text(until: "data: {")
            _ = try await fake.requests(started: 1)
            #expect(await world.server.drain(deadline: .zero) == 1)
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted] && history.map(\.errorType) == ["shutting_down"], "\(history)")
            #expect(ledger.map(\.usageSource) == [.snapshot])
            client.close()
        }
    }

    @Test(arguments: [true, false])
    func `whoever leaves before the answer pays for the input, unless the operator bears it`(bills: Bool) async throws {
        try await withAccount(configure: { $0.limits.billsEstimates = bills }) { world, fake async throws in
            try await fake.script(Self.account, ["hang-before-headers=60000"])
            let client = try world.client()
            try await client.send(RelayWorld.request(RelayWorld.body))
            _ = try await fake.requests(started: 1)
            client.close()
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted] && ledger.map(\.usageSource) == (bills ? [.estimated] : []))
            #expect(ledger.allSatisfy { $0.tokens.input > 0 && $0.tokens.output == 0 })
        }
    }

    @Test(arguments: ["status=400", "status=500", "status=529"])
    func `an upstream's refusal costs nothing, and its row has status and request id`(step: String) async throws {
        try await withAccount { world, fake async throws in
            try await fake.script(Self.account, [step])
            let reply = try await world.send()
            let (history, ledger) = try await world.books()
            #expect(ledger.isEmpty && history.map(\.status) == [.error] && history.first?.costMicroUSD == 0)
            #expect(history.first?.httpStatus == Int64(reply.status) && history.first?.upstreamRequestID != nil, "\(history)")
        }
    }

    /// Passes that are known to be incomplete are left out where the operator says so.
    @Test(arguments: [true, false])
    func `an account's switch decides between passes and top level`(isTopLevel: Bool) async throws {
        let passes =
            #"iterations=[{"type":"message","input_tokens":100,"output_tokens":7},{"type":"compaction","input_tokens":50,"output_tokens":3}]"#
        try await withAccount({ $0.billsTopLevel = isTopLevel }) { world, fake async throws in
            try await fake.script(Self.account, [], default: passes)
            for body in [RelayWorld.body, RelayWorld.streamBody] { #expect(try await world.send(body).status == 200) }
            let (_, ledger) = try await world.books()
            let sum = TokenCounts(input: 150, output: 10)
            #expect(ledger.count == 2 && ledger.allSatisfy { ($0.tokens == sum) == !isTopLevel && $0.tokens.input > 0 }, "\(ledger)")
        }
    }
}
