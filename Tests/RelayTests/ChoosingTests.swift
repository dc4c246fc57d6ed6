import Dispatch
import Domain
import Store
import Synchronization
import TestKit
import Testing

@testable import Relay

/// Who is chosen (relay contract, section 13): bindings, tiers, strategies, caps, sticky sessions.
struct ChoosingTests {
    private static let secrets = ["sk-account-one", "sk-account-two", "sk-account-three"]
    private static let now = Timestamp(seconds: 1_795_219_200)

    private func withPool(
        _ count: Int = 3, strategy: SchedulingStrategy = .headroom,
        change: @escaping @Sendable (Int, inout AccountDetails) -> Void = { _, _ in },
        _ test: (RelayWorld, AccountDirectory) async throws -> Void
    ) async throws {
        let pool = Self.secrets.prefix(count).enumerated().map { index, secret in
            WorldAccount(secret: secret, baseURL: "http://127.0.0.1:9") { change(index, &$0) }
        }
        try await withRelay(pool, configure: { $0.strategy = strategy }) { world in
            try await test(world, world.relay.services.accounts)
        }
    }

    /// Whom so many requests in a row get; each is over before the next one.
    private func served(
        _ accounts: AccountDirectory, _ count: Int, model: String = "claude-sonnet-5-5", _ change: (inout AccountWish) -> Void = { _ in }
    ) throws -> [String] {
        try (0..<count).map { _ in
            var wish = AccountWish(accounts.pool.candidates(model))
            change(&wish)
            let lease = try accounts.choose(&wish, now: Self.now)
            return lease.account.account.details.name
        }
    }

    @Test func `the preferred tier serves until it is full`() async throws {
        try await withPool(change: {
            $1.priority = $0 == 1 ? 10 : 20; $1.maxConcurrency = 1
        }) { _, accounts in
            #expect(try served(accounts, 2) == ["sk-account-two", "sk-account-two"])
            do {
                var wish = AccountWish(accounts.pool.candidates("claude-sonnet-5-5"))
                let first = try accounts.choose(&wish, now: Self.now)
                let second = try accounts.choose(&wish, now: Self.now)
                let third = try accounts.choose(&wish, now: Self.now)
                #expect(first.account.account.details.name == "sk-account-two")
                let (b, c) = (second.account.account.details.name, third.account.account.details.name)
                #expect(Set([b, c]) == Set(["sk-account-one", "sk-account-three"]))
                #expect(throws: NoAccount.out(until: Self.now.adding(seconds: 1))) { _ = try accounts.choose(&wish, now: Self.now) }
                _ = consume first
                _ = consume second
                _ = consume third
            }
            #expect(try served(accounts, 1) == ["sk-account-two"], "its place is free again")
        }
    }

    @Test func `headroom prefers who has most left, with quota about to expire first`() async throws {
        try await withPool { world, accounts in
            func tell(_ secret: String, _ json: String) throws {
                try world.account(secret).live.note(UsageWindows(restoring: JSON(parsing: json)))
            }
            let (soon, late) = ("2026-11-21T06:00:00Z", "2026-11-27T23:00:00Z")
            try tell("sk-account-one", #"{"5h":{"utilization":0.9,"resets_at":"\#(soon)"}}"#)
            try tell(
                "sk-account-two", #"{"5h":{"utilization":0.2,"resets_at":"\#(soon)"},"7d":{"utilization":0.5,"resets_at":"\#(late)"}}"#)
            try tell(
                "sk-account-three",
                #"{"7d":{"utilization":0.5,"resets_at":"\#(soon)"},"requests":{"remaining":95,"limit":100,"resets_at":"\#(soon)"}}"#)
            #expect(try served(accounts, 3) == Array(repeating: "sk-account-three", count: 3))
            try tell("sk-account-three", #"{"requests":{"remaining":5,"limit":100,"resets_at":"\#(soon)"}}"#)
            #expect(try served(accounts, 1) == ["sk-account-two"])
            // A window of another family says nothing about this one.
            try tell("sk-account-one", #"{"7d_opus":{"utilization":1,"resets_at":"\#(late)"}}"#)
            #expect(try served(accounts, 1) == ["sk-account-one"])
            #expect(try served(accounts, 1, model: "claude-opus-5-5") == ["sk-account-two"])
        }
    }

    @Test func `an account that says nothing of its limits is no better than one that has nearly all left`() async throws {
        try await withPool(2) { world, accounts in
            try world.account("sk-account-one").live.note(
                UsageWindows(restoring: JSON(parsing: #"{"requests":{"remaining":3999,"limit":4000,"resets_at":"2026-11-21T06:00:00Z"}}"#)))
            #expect(Set(try served(accounts, 2)) == ["sk-account-one", "sk-account-two"])
        }
    }

    @Test(
        arguments: [
            (SchedulingStrategy.roundRobin, [3, 3, 3]), (.oldestUsed, [3, 3, 3]), (.leastInFlight, [3, 3, 3]), (.headroom, [3, 3, 3]),
            (.weighted, [1, 3, 5]),
        ] as [(SchedulingStrategy, [Int])])
    func `each strategy spreads as it says`(strategy: SchedulingStrategy, shares: [Int]) async throws {
        try await withPool(strategy: strategy, change: { $1.weight = [1, 3, 5][$0] }) { _, accounts in
            let names = try served(accounts, 900)
            let counts = Self.secrets.map { secret in names.count { $0 == secret } }
            for (count, share) in zip(counts, shares) { #expect(abs(count - share * 100) <= 3, "\(counts)") }
        }
    }

    @Test func `the one with the fewest requests under way is next`() async throws {
        try await withPool(strategy: .leastInFlight) { _, accounts in
            var wish = AccountWish(accounts.pool.candidates("claude-sonnet-5-5"))
            let busy = try accounts.choose(&wish, now: Self.now)
            let name = busy.account.account.details.name
            #expect(try served(accounts, 4).contains(name) == false)
            _ = consume busy
        }
    }

    @Test func `a bound key gets its account, its group, or nobody`() async throws {
        try await withPool(change: { $1.maxConcurrency = 1 }) { world, accounts in
            let (one, two) = (try world.account("sk-account-one").id, try world.account("sk-account-two").id)
            let group = try await world.change { transaction throws(StoreError) in
                let group = try transaction.createAccountGroup(name: "pair", strategy: .roundRobin, notes: "")
                try transaction.setMembers([one, two], of: group.id)
                return group
            }
            let bound = try served(accounts, 3) { $0.binding = .account(two) }
            #expect(bound == Array(repeating: "sk-account-two", count: 3))
            let members = try served(accounts, 6) { $0.binding = AccountBinding("group:" + group.id.text) }
            #expect(Set(members) == ["sk-account-one", "sk-account-two"] && members.count { $0 == "sk-account-one" } == 3)
            for nobody in ["group:grp_00000000000070008000000000000000", "acc_00000000000070008000000000000000", "x", ""] {
                #expect(throws: NoAccount.none) { try served(accounts, 1) { $0.binding = AccountBinding(nobody) } }
            }
            _ = try await world.change { transaction throws(StoreError) in
                try transaction.setAccountStatus(.disabled, reason: "", of: two)
            }
            #expect(throws: NoAccount.out(until: nil)) { try served(accounts, 1) { $0.binding = .account(two) } }
            let others = try served(accounts, 1) {
                $0.binding = .account(two)
                $0.fallsBack = true
            }
            #expect(others != ["sk-account-two"], "the pool serves where the key allows it")
            let live = try world.account("sk-account-one").live
            live.failed(.unavailable, .sonnet, now: Self.now)
            #expect(throws: NoAccount.out(until: Self.now.adding(seconds: 15))) { try served(accounts, 1) { $0.binding = .account(one) } }
        }
    }

    @Test func `a customer's key is bound by its row`() async throws {
        try await withFakeUpstream { fake in
            let accounts = ["sk-account-one", "sk-account-two"].map { WorldAccount(secret: $0, baseURL: fake.baseURL) }
            try await withRelay(accounts) { world in
                let (two, key) = (try world.account("sk-account-two").id, world.key.id)
                let isBound = try await world.change { transaction throws(StoreError) in
                    try transaction.bindAPIKey(key, to: two.text, fallsBack: false)
                }
                #expect(isBound)
                for _ in 1...3 { #expect(try await world.send().status == 200) }
                #expect(Set(try await fake.requests(finished: 3).map { $0["credential"] as? String }) == ["sk-account-two"])
                try await fake.script("sk-account-two", ["html503"])
                #expect(try await world.send().status == 503, "nobody else serves a bound key")
                let out = try await world.send()
                #expect(out.status == 529 && out.header("retry-after") == "15")
            }
        }
    }

    @Test func `models are allowed and denied, and what nobody may serve is unknown`() async throws {
        try await withPool(
            2,
            change: {
                if $0 == 0 { $1.modelAllow = #"["claude-haiku-*","claude-opus-5"]"# } else { $1.modelDeny = #"["*-opus-*"]"# }
            }
        ) { world, accounts in
            #expect(try served(accounts, 1, model: "claude-opus-5") == ["sk-account-one"])
            #expect(try served(accounts, 1, model: "claude-sonnet-5-5") == ["sk-account-two"])
            #expect(throws: NoAccount.none) { try served(accounts, 1, model: "claude-opus-5-5") }
            let id = try world.account("sk-account-two").id
            for change in [{ $0.isSchedulable = false }, { $0.expiresAt = Self.now }] as [@Sendable (inout AccountDetails) -> Void] {
                _ = try await world.change { transaction throws(StoreError) in
                    guard var details = try transaction.account(id)?.details else { throw .refused("gone") }
                    (details.isSchedulable, details.expiresAt) = (true, nil)
                    change(&details)
                    return try transaction.updateAccount(id, details)
                }
                #expect(throws: NoAccount.out(until: nil)) { try served(accounts, 1) }
            }
        }
    }

    @Test func `caps of an account send requests to the next one`() async throws {
        try await withPool(2, change: { if $0 == 0 { $1.priority = 1; $1.caps.requestsPerMinute = 2 } }) { _, accounts in
            let names = try served(accounts, 3)
            #expect(names == ["sk-account-one", "sk-account-one", "sk-account-two"])
        }
        try await withPool(1, change: { $1.caps.tokensPerMinute = 100 }) { world, accounts in
            try world.account("sk-account-one").live.settled(tokens: 90, costMicroUSD: 0, now: Self.now)
            let two = try served(accounts, 2) { $0.tokens = 10 }
            #expect(two.count == 2, "what is held back comes back")
            #expect(throws: NoAccount.out(until: Self.now.adding(seconds: 60))) { _ = try served(accounts, 1) { $0.tokens = 11 } }
        }
    }

    @Test func `simultaneous requests never get more places than there are`() async throws {
        try await withPool(2, change: { $1.maxConcurrency = 5 }) { _, accounts in
            let held = Mutex(0)
            let most = Mutex(0)
            let refused = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 4000) { _ in
                var wish = AccountWish(accounts.pool.candidates("claude-sonnet-5-5"))
                do throws(NoAccount) {
                    let lease = try accounts.choose(&wish, now: Self.now)
                    let now = held.withLock {
                        $0 += 1
                        return $0
                    }
                    most.withLock { $0 = max($0, now) }
                    held.withLock { $0 -= 1 }
                    _ = consume lease
                } catch { refused.withLock { $0 += 1 } }
            }
            #expect(most.withLock { $0 } <= 10 && refused.withLock { $0 } < 4000)
            #expect(accounts.accounts.allSatisfy { $0.live.slots.inFlight == 0 })
        }
    }
}
