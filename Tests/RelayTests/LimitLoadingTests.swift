import Domain
import Secrets
import Store
import Synchronization
import TestKit
import Testing

@testable import Relay

/// What counters know of the time before them.
struct LimitLoadingTests {
    /// Keys and what they used, in a database that no relay has read yet.
    private struct Bench: Sendable {
        let store: Store
        let clock: TestClock
        let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]))
        var loading: LimitLoading { LimitLoading(store: store, zone: .utc) }

        func change<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws -> Value {
            try await store.transaction(body)
        }
        func addUser(_ limits: APIKeyLimits = APIKeyLimits()) async throws -> UserID {
            try await change { transaction throws(StoreError) in
                let user = try transaction.createUser(
                    NewUser(email: "ann@x.example", name: "Ann", role: .customer, passwordHash: "not a real hash"))
                _ = try transaction.setSharedLimits(limits, SharedAccess(), of: user.id)
                return user.id
            }
        }
        func addKey(
            _ secret: String, owner: UserID? = nil, team: TeamID? = nil, _ limits: APIKeyLimits = APIKeyLimits()
        ) async throws -> APIKeyID {
            try await change { [hasher] transaction throws(StoreError) in
                var new = NewAPIKey(
                    ownerID: owner, name: secret, secretHash: hasher.hash(Array(secret.utf8)), shownPrefix: "cr_", shownSuffix: "",
                    limits: limits)
                new.teamID = team
                return try transaction.createAPIKey(new).id
            }
        }
        /// A request that ended now.
        /// - Parameters:
        ///   - began: so many seconds ago.
        ///   - flags: "batch" for the result of one.
        func use(_ key: APIKeyID, tokens: Int64, cost: Int64 = 0, began: Int64 = 0, flags: String = "") async throws {
            let ambient = store.ambient
            let (made, now) = (RequestID(ambient), ambient.now())
            let id = RequestID(high: made.high - UInt64(began * 1000) << 16, low: made.low)
            let record = RequestRecord(
                id: id, apiKeyID: key, keyName: "a key", model: "claude-sonnet-5-5", path: "/v1/messages", stream: false, status: .success,
                startedAt: now, attempts: 1, tokens: TokenCounts(input: tokens))
            let entry = LedgerEntry(
                requestID: id, attempt: 1, apiKeyID: key, model: "claude-sonnet-5-5", tokens: TokenCounts(input: tokens),
                costMicroUSD: cost, priceMicroUSD: cost, priceFlags: flags, usageSource: .final, at: now)
            let settled = SettledRequest(request: record, entries: [entry])
            _ = try await change { transaction throws(StoreError) in try transaction.settle([settled]) }
        }
        /// As after a start.
        func started() async throws -> KeyDirectory {
            let keys = KeyDirectory(hasher: hasher)
            try await keys.refresh(from: store)
            try await loading.run(LimitLoading.targets(keys.all), .start)
            return keys
        }
    }

    private func withBench(_ test: (Bench) async throws -> Void) async throws {
        let clock = TestClock(start: LimitTests.noon)
        clock.advance(milliseconds: 1_000_000)
        try await withStore(.sqlite, clock: clock) { store in try await test(Bench(store: store, clock: clock)) }
    }

    @Test func `minutes, windows and weeks are known again after a start`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits(requestsPerMinute: 5)
            (limits.costPerWeekMicroUSD, limits.windowMinutes, limits.windowTokens) = (1000, 10, 500)
            let key = try await bench.addKey("cr_one", limits)
            try await bench.use(key, tokens: 10, cost: 1)
            bench.clock.advance(milliseconds: 700_000)
            try await bench.use(key, tokens: 20, cost: 2)
            let opened = bench.store.ambient.now()
            bench.clock.advance(milliseconds: 100_000)
            for _ in 1...3 { try await bench.use(key, tokens: 40, cost: 4) }
            bench.clock.advance(milliseconds: 1000)
            let known = try #require(try await bench.started().find(key))
            let now = bench.store.ambient.now()
            let window = known.counters.open(.window, at: now)
            #expect(window?.start == opened && window?.used.tokens == 140, "the first request is of the window before")
            #expect(known.counters.used(.week).costMicroUSD == 15 && known.counters.used(.day).tokens == 150)
            #expect(known.counters.counts.withLock { $0.minute.total(.requests) } == 3)
        }
    }

    @Test func `a request counts when it was admitted and a batch when it was booked, after a start as before`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits()
            (limits.costPerWeekMicroUSD, limits.windowMinutes, limits.windowTokens) = (100_000, 5, 100_000)
            let key = try await bench.addKey("cr_one", limits)
            let (week, before) = (CivilZone.utc.week(around: LimitTests.noon, startDay: 1, hour: 0), bench.store.ambient.now())
            bench.clock.advance(milliseconds: week.upperBound.milliseconds - before.milliseconds + 400_000)
            try await bench.use(key, tokens: 1, cost: 1, began: 401)
            try await bench.use(key, tokens: 20, cost: 20, began: 3 * 86_400)
            try await bench.use(key, tokens: 300, cost: 300, began: 86_400, flags: "batch")
            try await bench.use(key, tokens: 4000, cost: 4000, began: 399)
            try await bench.use(key, tokens: 50_000, cost: 50_000)
            let counters = try #require(try await bench.started().find(key)).counters
            #expect(counters.used(.week).costMicroUSD == 54_300 && counters.used(.window).tokens == 50_300)
        }
    }

    @Test func `what a deleted key used stays its owner's after a start`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits(tokensPerDay: 100)
            limits.costPerWeekMicroUSD = 1000
            let user = try await bench.addUser(limits)
            let first = try await bench.addKey("cr_one", owner: user)
            try await bench.use(first, tokens: 376, cost: 5)
            _ = try await bench.change { transaction throws(StoreError) in try transaction.deleteAPIKey(first) }
            let second = try await bench.addKey("cr_two", owner: user)
            let known = try #require(try await bench.started().find(second))
            let shared = try #require(known.holders.first { $0.scope == .user })
            #expect(shared.counters.used(.day).tokens == 376 && shared.counters.used(.total).tokens == 376)
            #expect(shared.counters.used(.week).costMicroUSD == 5 && known.counters.used(.day).tokens == 0)
        }
    }

    @Test func `whoever is limited while the relay runs has what the ledger knows, and nothing twice`() async throws {
        try await withBench { bench in
            let user = try await bench.addUser()
            let key = try await bench.addKey("cr_one", owner: user)
            try await bench.use(key, tokens: 752, cost: 9)
            let keys = try await bench.started()
            let own = try #require(keys.find(key)).counters
            #expect(own.used(.day).tokens == 752 && own.used(.week).costMicroUSD == 0)
            // It counts on while the ledger follows.
            let now = bench.store.ambient.now()
            own.book(LimitAmounts(requests: 1, tokens: 10, costMicroUSD: 1), at: now, .none, .utc)
            try await bench.use(key, tokens: 10, cost: 1)

            var limits = APIKeyLimits(tokensPerDay: 700)
            limits.costPerWeekMicroUSD = 5
            let given = limits
            _ = try await bench.change { transaction throws(StoreError) in
                try transaction.setSharedLimits(given, SharedAccess(), of: user)
            }
            _ = try await bench.change { transaction throws(StoreError) in
                try transaction.updateAPIKey(key, name: "weekly", limits: given, allowedModels: nil, expiresAt: nil)
            }
            try await keys.refresh(from: bench.store, loading: bench.loading)
            let shared = try #require(keys.find(key)?.holders.first { $0.scope == .user }).counters
            #expect(shared.used(.day).tokens == 762 && shared.used(.week).costMicroUSD == 10)
            #expect(own.used(.day).tokens == 762 && own.used(.week).costMicroUSD == 10)

            // One that was under way meanwhile has ended.
            try await bench.use(key, tokens: 8)
            bench.clock.advance(milliseconds: 5000)
            try await keys.refresh(from: bench.store, loading: bench.loading)
            #expect(shared.used(.day).tokens == 770)
        }
    }

    @Test func `a key that goes to another team takes its use along, as a start would have it`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits(tokensPerDay: 100_000)
            (limits.costPerWeekMicroUSD, limits.windowMinutes, limits.windowTokens) = (100_000, 10, 100_000)
            let given = limits
            let (blue, green) = try await bench.change { transaction throws(StoreError) in
                (try transaction.createTeam(name: "blue", limits: given).id, try transaction.createTeam(name: "green", limits: given).id)
            }
            let user = try await bench.addUser()
            _ = try await bench.change { transaction throws(StoreError) in try transaction.setTeam(green, of: user) }
            let ofGreen = try await bench.addKey("cr_green", team: green)
            let ofBlue = try await bench.addKey("cr_blue", team: blue)
            let goes = try await bench.addKey("cr_goes", team: blue)
            let ofUser = try await bench.addKey("cr_user", owner: user)
            for (key, amount) in [(ofGreen, 1), (ofBlue, 20), (goes, 300), (ofUser, 4000)] as [(APIKeyID, Int64)] {
                try await bench.use(key, tokens: amount, cost: amount)
                bench.clock.advance(milliseconds: 1000)
            }
            let keys = try await bench.started()
            func team(_ key: APIKeyID, in keys: KeyDirectory) throws -> LimitCounters {
                try #require(keys.find(key)?.holders.first { $0.scope == .team }).counters
            }
            func expect(green greenTokens: Int64, blue blueTokens: Int64) async throws {
                try await keys.refresh(from: bench.store, loading: bench.loading)
                let restarted = try await bench.started()
                for (key, tokens) in [(ofGreen, greenTokens), (ofBlue, blueTokens)] {
                    let (live, fresh) = (try team(key, in: keys), try team(key, in: restarted))
                    for period in LimitPeriod.allCases {
                        #expect(live.used(period) == fresh.used(period) && live.used(period).tokens == tokens, "\(period)")
                    }
                }
            }
            try await expect(green: 4001, blue: 320)
            let row = try #require(try await bench.store.read { reader throws(StoreError) in try reader.apiKey(goes) })
            var change = APIKeyChange(row)
            change.teamID = green
            let moved = change
            _ = try await bench.change { transaction throws(StoreError) in try transaction.changeAPIKey(goes, to: moved) }
            try await expect(green: 4301, blue: 20)
            _ = try await bench.change { transaction throws(StoreError) in try transaction.setTeam(blue, of: user) }
            try await expect(green: 301, blue: 4020)
            #expect(try team(goes, in: keys) === team(ofGreen, in: keys) && team(ofUser, in: keys) === team(ofBlue, in: keys))
        }
    }

    @Test func `a restored key has used what it had`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits()
            limits.prepaidMicroUSD = 500
            let key = try await bench.addKey("cr_one", limits)
            try await bench.use(key, tokens: 1, cost: 1608)
            let keys = try await bench.started()
            _ = try await bench.change { transaction throws(StoreError) in try transaction.deleteAPIKey(key) }
            try await keys.refresh(from: bench.store, loading: bench.loading)
            #expect(keys.find(key) == nil)
            _ = try await bench.change { transaction throws(StoreError) in try transaction.restoreAPIKey(key) }
            try await keys.refresh(from: bench.store, loading: bench.loading)
            #expect(keys.find(key)?.counters.used(.total).costMicroUSD == 1608)
        }
    }

    @Test func `what a batch holds back is known again, and what of it was for opus`() async throws {
        try await withBench { bench in
            var limits = APIKeyLimits()
            limits.opusCostPerWeekMicroUSD = 1000
            let key = try await bench.addKey("cr_one", limits)
            let now = bench.store.ambient.now()
            let batch = MessageBatch(
                id: "msgbatch_1", apiKeyID: key, keyName: "a key", userID: nil, accountID: AccountID(bench.store.ambient), createdAt: now,
                reservedTokens: 500, reservedMicroUSD: 70, reservedOpusMicroUSD: 20, state: "{}")
            _ = try await bench.change { transaction throws(StoreError) in try transaction.createBatch(batch, nextLookAt: now) }
            let keys = try await bench.started()
            try await bench.loading.run(LimitLoading.targets(keys.all), .whole)
            let counters = try #require(keys.find(key)).counters
            let held = PeriodAmounts(tokens: 500, costMicroUSD: 70, opusCostMicroUSD: 20)
            for period in [LimitPeriod.day, .week, .month, .total] { #expect(counters.used(period) == held) }
        }
    }

    @Test func `a clock that was ahead and is set right leaves no period behind`() async throws {
        try await withBench { bench in
            let key = try await bench.addKey("cr_one", APIKeyLimits(tokensPerDay: 100))
            try await bench.use(key, tokens: 60)
            let keys = try await bench.started()
            let known = try #require(keys.find(key))
            try await keys.refresh(from: bench.store, loading: bench.loading)
            let now = bench.store.ambient.now()
            func pass(_ moment: Timestamp, tokens: Int64) throws(LimitRefusal) {
                var want = LimitCounters.Reservation(moment: moment, second: 1000)
                want.amounts = LimitAmounts(requests: 1, tokens: tokens)
                let granted = try LimitCounters.admit(known.holders, want, zone: .utc)
                known.counters.settle(granted, used: LimitAmounts(requests: 1, tokens: tokens))
            }
            bench.clock.advance(milliseconds: 40 * 86_400_000)
            try await keys.refresh(from: bench.store, loading: bench.loading)
            try pass(bench.store.ambient.now(), tokens: 1)
            bench.clock.advance(milliseconds: -40 * 86_400_000)
            try pass(now, tokens: 50)
            #expect(known.counters.used(.day).tokens == 51, "it counts from now on, with what was used")
            try await keys.refresh(from: bench.store, loading: bench.loading)
            #expect(known.counters.used(.day).tokens == 60, "and the ledger knows of more")
            try pass(now, tokens: 50)
            #expect(throws: LimitRefusal.self) { try pass(now, tokens: 1) }
        }
    }

    @Test(arguments: [Timestamp(year: 2020, month: 1, day: 1), LimitTests.noon.adding(seconds: -86_400)])
    func `what was used up before a start under a clock that is behind is used up when it is set right`(behind: Timestamp) async throws {
        try await withBench { bench in
            var limits = APIKeyLimits(tokensPerDay: 60)
            (limits.costPerWeekMicroUSD, limits.costPerMonthMicroUSD) = (1400, 1400)
            let key = try await bench.addKey("cr_one", limits)
            try await bench.use(key, tokens: 60, cost: 1400)
            let right = bench.store.ambient.now().adding(seconds: 60)
            bench.clock.set(behind)
            let keys = try await bench.started()
            let known = try #require(keys.find(key))
            bench.clock.set(right)
            try await keys.refresh(from: bench.store, loading: bench.loading)
            var want = LimitCounters.Reservation(moment: right, second: 1000)
            want.amounts = LimitAmounts(requests: 1, tokens: 1, costMicroUSD: 1)
            #expect(throws: LimitRefusal.self) { try LimitCounters.admit(known.holders, want, zone: .utc) }
            #expect(known.counters.used(.day).tokens == 60)
            #expect(known.counters.used(.week).costMicroUSD == 1400 && known.counters.used(.month).costMicroUSD == 1400)
        }
    }
}
