import Domain
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// What answers lately came to, and what a request holds back by it.
struct OutputHistoryTests {
    private func withFake(_ limits: APIKeyLimits, _ test: (RelayWorld, FakeUpstream) async throws -> Void) async throws {
        try await withFakeUpstream { fake in
            let account = WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)
            try await withRelay([account], limits: limits) { world in try await test(world, fake) }
        }
    }

    @Test func `what a key's answers lately came to is told by the model, once enough of them are known`() {
        var history = OutputHistory()
        #expect(history.likely("a") == nil)
        for _ in 1..<OutputHistory.needed { history.note(100, model: "a") }
        #expect(history.likely("a") == nil)
        history.note(100, model: "a")
        #expect(history.likely("a") == 127 && history.likely("b") == nil)
        // 20 of 100, then long ones: up to one in twenty are passed over.
        for _ in 0..<1 { history.note(5000, model: "a") }
        #expect(history.likely("a") == 127)
        history.note(5000, model: "a")
        #expect(history.likely("a") == 5792, "two of 22 are more than one in twenty")
        // What was fades.
        for _ in 0..<2000 { history.note(3, model: "a") }
        #expect(history.likely("a") == 3)
        for model in 0..<100 { for _ in 0..<20 { history.note(7, model: "m\(model)") } }
        #expect((0..<100).count { history.likely("m\($0)") != nil } == OutputHistory.modelLimit - 1)
        var ends = OutputHistory()
        for tokens: Int64 in [.min, -1, 0, 1, .max] { for _ in 0..<20 { ends.note(tokens, model: "\(tokens)") } }
        #expect(ends.likely("\(Int64.min)") == 1 && ends.likely("-1") == 1 && ends.likely("0") == 1 && ends.likely("1") == 1)
        #expect(ends.likely("\(Int64.max)") == OutputHistory.longest)
    }

    /// Never less than the answer itself, and at most the square root of two times it.
    @Test func `what is likely covers the answers it is made of`() throws {
        let lengths: [Int64] = Array(1...2000) + [4095, 4096, 5792, 5793, 65_535, OutputHistory.longest]
        for tokens in lengths {
            var history = OutputHistory()
            for _ in 0..<20 { history.note(tokens, model: "a") }
            let likely = try #require(history.likely("a"))
            #expect(likely >= tokens && Double(likely) <= max(1, Double(tokens) * 1.4143), "\(tokens): \(likely)")
        }
    }

    @Test(arguments: [nil, 1] as [Int64?])
    func `a request holds back what it asks for until the key's answers are known`(hardStop: Int64?) async throws {
        var limits = APIKeyLimits(tokensPerDay: 1_000_000)
        limits.hardStop = hardStop
        try await withFake(limits) { world, _ in
            let services = world.relay.services
            let body = #"{"model":"claude-sonnet-5-5","max_tokens":32000,"messages":[{"role":"user","content":"Hello"}]}"#
            let request = try MessagesRequest(scanning: Array(body.utf8).span)
            func held() throws -> Int64 {
                let key = try #require(services.keys.find(world.key.id))
                let moment = RelayGate.Moment(now: world.clock.ambient.now(), second: 1000)
                return RelayGate.reservation(key, request, 30, services, moment).amounts.output
            }
            for _ in 0..<OutputHistory.needed {
                #expect(try held() == 32_000)
                #expect(try await world.send(body).status == 200)
            }
            let (_, ledger) = try await world.books()
            let output = try #require(ledger.map(\.tokens.output).max())
            let now = try held()
            #expect(hardStop == 1 ? now == 32_000 : now >= output && now <= output * 3 / 2, "\(now) for answers of \(output)")
        }
    }

    @Test func `what is known of a key's answers outlives a restart, as far as the history goes`() async throws {
        try await withFake(APIKeyLimits(tokensPerDay: 1_000_000)) { world, fake in
            let begun = RequestID(world.clock.ambient)
            world.clock.advance(milliseconds: 5)
            for _ in 0..<OutputHistory.needed { #expect(try await world.send().status == 200) }
            try await fake.script("sk-account-one", ["status=400"])
            #expect(try await world.send().status == 400)
            _ = try await world.books()
            world.clock.advance(milliseconds: 5)
            let counters = try #require(world.relay.services.keys.find(world.key.id)?.counters)
            let known = try #require(counters.likelyOutput("claude-sonnet-5-5"))

            func loaded(before: RequestID) async throws -> Int64? {
                let keys = KeyDirectory(hasher: world.hasher)
                try await keys.refresh(from: world.store)
                await OutputLoading(keys: keys, store: world.store, log: .silent, before: before).run()
                return try #require(keys.find(world.key.id)).counters.likelyOutput("claude-sonnet-5-5")
            }
            #expect(try await loaded(before: RequestID(world.clock.ambient)) == known)
            #expect(try await loaded(before: begun) == nil, "a process's own requests count when they end")
        }
    }
}
