import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// What an operator is told of a key is what its requests meet.
struct KeyExplanationTests {
    private func withLimits(_ limits: APIKeyLimits, _ test: (RelayWorld) async throws -> Void) async throws {
        try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:1")]) { world in
            let key = world.key
            _ = try await world.change { transaction throws(StoreError) in
                var change = APIKeyChange(key)
                change.limits = limits
                return try transaction.changeAPIKey(key.id, to: change)
            }
            try await test(world)
        }
    }

    @Test func `a budget that requests under way hold is nothing left`() async throws {
        try await withLimits(APIKeyLimits(tokensPerDay: 1000)) { world in
            let holders = try #require(world.relay.services.keys.find(world.key.id)).holders
            var want = LimitCounters.Reservation(moment: world.clock.ambient.now(), second: 1000)
            want.amounts = LimitAmounts(requests: 1, tokens: 1000)
            let granted = try LimitCounters.admit(holders, want, zone: .utc)
            let held = try #require(world.relay.explain(world.key.id))
            #expect(held["admitted"] == false && held["refused_by"] == "daily_token_limit_exceeded")
            for holder in holders { holder.counters.release(granted) }
            let free = try #require(world.relay.explain(world.key.id))
            #expect(free["admitted"] == true && free["refused_by"] == .null)
        }
    }

    @Test func `a key with no place is refused, and that is what is said of it`() async throws {
        try await withLimits(APIKeyLimits(concurrency: 0)) { world in
            let reply = try await world.send()
            #expect(reply.status == 429 && reply.text.contains("concurrency_limit_exceeded"))
            let told = try #require(world.relay.explain(world.key.id))
            #expect(told["admitted"] == false && told["refused_by"] == "concurrency_limit_exceeded")
            #expect(told["limits"].array?.first?["limit"] == 0)
        }
    }
}
