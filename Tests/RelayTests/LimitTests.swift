import Domain
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// Rates, budgets and places: never more than allowed, always given back.
struct LimitTests {
    static let noon = Timestamp(year: 2026, month: 11, day: 21).adding(seconds: 43_200)

    /// One key's limits, or a chain of holders.
    struct Bench: Sendable {
        let holders: [LimitCounters.Holder]
        init(_ limits: APIKeyLimits...) {
            holders = zip([LimitScope.key, .user, .team], limits).map {
                LimitCounters.Holder(scope: $0, plan: LimitPlan($1), counters: LimitCounters())
            }
        }
        func want(tokens: Int64 = 0, cost: Int64 = 0, second: UInt64 = 1000) -> LimitCounters.Reservation {
            var want = LimitCounters.Reservation(moment: LimitTests.noon.adding(seconds: Int64(second) - 1000), second: second)
            want.amounts = LimitAmounts(
                requests: 1, tokens: tokens, input: tokens / 2, output: tokens - tokens / 2, costMicroUSD: cost)
            return want
        }
        func admit(tokens: Int64 = 0, cost: Int64 = 0, second: UInt64 = 1000) throws(LimitRefusal) -> LimitCounters.Reservation {
            try LimitCounters.admit(holders, want(tokens: tokens, cost: cost, second: second), zone: .utc)
        }
        func settle(_ reservation: LimitCounters.Reservation, tokens: Int64, cost: Int64 = 0) {
            for holder in holders {
                holder.counters.settle(reservation, used: LimitAmounts(requests: 1, tokens: tokens, costMicroUSD: cost))
            }
        }
        func refusal(_ want: LimitCounters.Reservation) -> LimitRefusal? {
            do throws(LimitRefusal) { _ = try LimitCounters.admit(holders, want, zone: .utc) } catch { return error }
            return nil
        }
        func refusal(tokens: Int64 = 0, cost: Int64 = 0, second: UInt64 = 1000) -> LimitRefusal? {
            do throws(LimitRefusal) { _ = try admit(tokens: tokens, cost: cost, second: second) } catch { return error }
            return nil
        }
    }

    private func limits(_ change: (inout APIKeyLimits) -> Void) -> APIKeyLimits {
        var limits = APIKeyLimits()
        change(&limits)
        return limits
    }

    @Test func `a minute slides by the second and says truly when the next fits`() throws {
        let bench = Bench(APIKeyLimits(requestsPerMinute: 3))
        for second: UInt64 in [1000, 1000, 1030] { _ = try bench.admit(second: second) }
        func wait(_ second: UInt64) -> Int64? {
            if case .hit(let hit) = bench.refusal(second: second) { hit.waitSeconds } else { nil }
        }
        #expect(wait(1030) == 30 && wait(1059) == 1)
        _ = try bench.admit(second: 1060)
        _ = try bench.admit(second: 1060)
        #expect(wait(1060) == 30)
        #expect(wait(10_000) == nil, "a long silence empties it")
        #expect(wait(10) != 0)
    }

    @Test func `tokens per minute count what was reserved, then what was used`() throws {
        let bench = Bench(limits { $0.tokensPerMinute = 100 })
        let first = try bench.admit(tokens: 90)
        let short = LimitHit(scope: .key, name: .tokensPerMinute, waitSeconds: 60, shortage: LimitShortage(left: 10, asked: 20))
        #expect(bench.refusal(tokens: 20) == .hit(short))
        bench.settle(first, tokens: 30)
        let second = try bench.admit(tokens: 70)
        bench.settle(second, tokens: 70)
        #expect(bench.refusal(tokens: 1) != nil)
        _ = try bench.admit(tokens: 500, second: 1061)
    }

    @Test func `a lease gives its place back on every way out`() throws {
        struct Broken: Error {}
        let bench = Bench(APIKeyLimits(concurrency: 1), APIKeyLimits(concurrency: 5))
        let keeper = LocalLimits(zone: .utc)
        func use(fails: Bool) throws {
            let lease = try KeyLease(keeper, bench.holders, want: bench.want(tokens: 5))
            #expect(bench.holders.map(\.counters.concurrent) == [1, 1])
            #expect(throws: LimitRefusal.full(.key)) { _ = try KeyLease(keeper, bench.holders, want: bench.want()) }
            if fails { throw Broken() }
            _ = consume lease
        }
        try use(fails: false)
        #expect(throws: Broken.self) { try use(fails: true) }
        #expect(bench.holders.map(\.counters.concurrent) == [0, 0])
        #expect(bench.holders.allSatisfy { $0.counters.reserved(.day).tokens == 0 && $0.counters.reserved(.total).tokens == 0 })
    }

    @Test func `places that an operator clears are free at once, and are not given back a second time`() throws {
        let bench = Bench(APIKeyLimits(concurrency: 2), APIKeyLimits(concurrency: 3))
        func held() -> [Int64] { bench.holders.map(\.counters.concurrent) }
        // Another key of the same person holds a place.
        let other = LimitCounters.Holder(scope: .key, plan: LimitPlan(APIKeyLimits()), counters: LimitCounters())
        let beside = try LimitCounters.admit([other, bench.holders[1]], bench.want(), zone: .utc)
        let (first, second) = (try bench.admit(tokens: 5), try bench.admit(tokens: 5))
        let waiter = LimitWaiter()
        #expect(bench.holders[0].counters.join(waiter, bench.holders[0].plan, atFront: false) == .waiting)
        #expect(held() == [2, 3] && bench.refusal() != nil)
        #expect(LimitCounters.clearPlaces(bench.holders) == 2)
        #expect(held() == [0, 1] && !waiter.finish(.timedOut), "the next in the queue has been called")
        let keeper = LocalLimits(zone: .utc)
        let third = try LimitCounters.admit(bench.holders, bench.want(), zone: .utc, invited: bench.holders[0].counters)
        #expect(held() == [1, 2])
        keeper.settle(bench.holders, first, used: LimitAmounts(requests: 1, tokens: 5))
        keeper.release(bench.holders, second)
        #expect(held() == [1, 2], "what was cleared is not given back again")
        #expect(bench.holders[0].counters.used(.day).tokens == 5, "and what it used is booked")
        keeper.release(bench.holders, third)
        keeper.release([other, bench.holders[1]], beside)
        #expect(held() == [0, 0] && other.counters.concurrent == 0)
        #expect(LimitCounters.clearPlaces(bench.holders) == 0 && held() == [0, 0])
    }

    @Test func `keys with the same limits share their plan, and one that changes gets another`() throws {
        var plans = SharedPlans()
        let (limits, other) = (APIKeyLimits(requestsPerMinute: 5), APIKeyLimits(requestsPerMinute: 6))
        let made = (0..<1000).map { plans.plan(limits, of: $0) }
        #expect(Set(made.map(ObjectIdentifier.init)).count <= 16 && made.allSatisfy { $0.rules.map(\.limit) == [5] })
        #expect(plans.plan(other, of: 0).rules.map(\.limit) == [6])
    }

    @Test func `the tightest limit wins and is named, and a refused request takes nothing anywhere`() throws {
        let bench = Bench(
            APIKeyLimits(requestsPerMinute: 5, tokensPerDay: 1000), limits { $0.costPerMonthMicroUSD = 0 }, APIKeyLimits(concurrency: 3))
        for _ in 1...20 {
            guard case .hit(let hit) = bench.refusal(tokens: 10, cost: 1) else {
                Issue.record("admitted")
                return
            }
            #expect(hit.scope == .user && hit.name == .costPerMonth)
            #expect(hit.resetsAt == Timestamp(year: 2026, month: 12, day: 1))
        }
        let standings = bench.holders[0].counters.standings(.key, bench.holders[0].plan, now: Self.noon, second: 1000, zone: .utc)
        #expect(standings.allSatisfy { $0.used == 0 && $0.reserved == 0 })
        #expect(bench.holders.map(\.counters.concurrent) == [0, 0, 0])
    }

    private static let ends: [(LimitName, Timestamp?)] = [
        (.tokensPerDay, Timestamp(year: 2026, month: 11, day: 22)), (.costPerDay, Timestamp(year: 2026, month: 11, day: 22)),
        (.costPerWeek, Timestamp(year: 2026, month: 11, day: 23)), (.costPerMonth, Timestamp(year: 2026, month: 12, day: 1)),
        (.tokensTotal, nil), (.costTotal, nil), (.prepaid, nil),
    ]

    @Test(arguments: ends)
    func `a budget ends with its period and not before`(name: LimitName, resets: Timestamp?) throws {
        var limits = APIKeyLimits()
        for member in APIKeyLimits.members
        where name.limit(
            {
                var one = APIKeyLimits(); one[keyPath: member.path] = 7; return one
            }()) == 7
        {
            limits[keyPath: member.path] = 100
        }
        let bench = Bench(limits)
        bench.settle(try bench.admit(tokens: 60, cost: 60), tokens: 100, cost: 100)
        let refused = bench.refusal(tokens: 1, cost: 1)
        #expect(refused == .hit(LimitHit(scope: .key, name: name, waitSeconds: nil, resetsAt: resets)))
        guard let resets else { return }
        let seconds = UInt64((resets.milliseconds - Self.noon.milliseconds) / 1000)
        #expect(bench.refusal(tokens: 1, cost: 1, second: 1000 + seconds - 1) == refused)
        #expect(bench.refusal(tokens: 1, cost: 1, second: 1000 + seconds) == nil)
    }

    @Test func `a window opens with a request and closes as a whole`() throws {
        let bench = Bench(
            limits {
                $0.windowMinutes = 10
                $0.windowRequests = 2
            })
        _ = try bench.admit(second: 1000)
        _ = try bench.admit(second: 1300)
        #expect(
            bench.refusal(second: 1400)
                == .hit(LimitHit(scope: .key, name: .windowRequests, waitSeconds: 200, resetsAt: Self.noon.adding(seconds: 600))))
        #expect(bench.refusal(second: 1600) == nil)
    }

    @Test func `requests at the same time cannot overshoot a budget, and the last one goes alone`() throws {
        let bench = Bench(APIKeyLimits(tokensPerDay: 1000))
        let (first, second) = (try bench.admit(tokens: 400), try bench.admit(tokens: 400))
        #expect(bench.refusal(tokens: 400) == .held(.key))
        bench.settle(first, tokens: 390)
        bench.settle(second, tokens: 390)
        // 220 are left: the last call, alone.
        let last = try bench.admit(tokens: 400)
        #expect(last.isLastCall && bench.refusal(tokens: 400) == .held(.key))
        bench.settle(last, tokens: 220)
        guard case .hit(let hit) = bench.refusal(tokens: 400) else {
            Issue.record("admitted")
            return
        }
        #expect(hit.name == .tokensPerDay)
        #expect(try bench.admit(tokens: 400, second: 1000 + 43_200).isLastCall == false, "a new day begins at nothing")
    }

    @Test func `input and output have limits a minute only`() {
        for name in LimitName.allCases where [.input, .output].contains(name.measure) {
            #expect(name.period == nil, "\(name): a period does not count it")
        }
    }

    @Test func `a hard stop refuses what does not fit`() throws {
        let bench = Bench(
            limits {
                $0.costTotalMicroUSD = 100
                $0.hardStop = 1
            })
        bench.settle(try bench.admit(cost: 60), tokens: 0, cost: 60)
        #expect(
            bench.refusal(cost: 41) == .hit(LimitHit(scope: .key, name: .costTotal, shortage: LimitShortage(left: 40, asked: 41))))
        #expect(bench.refusal(cost: 40) == nil)
    }

    @Test(arguments: [true, false]) func `what only requests under way stand against is waited for, not refused`(isHard: Bool) throws {
        let bench = Bench(
            limits {
                $0.tokensPerDay = 1213
                if isHard { $0.hardStop = 1 }
            })
        bench.settle(try bench.admit(tokens: 283), tokens: 283)
        let other = try bench.admit(tokens: 926)
        var (batch, larger) = (bench.want(tokens: 926), bench.want(tokens: 931))
        (batch.mustFit, larger.mustFit) = (true, true)
        #expect(bench.refusal(tokens: 926) == .held(.key) && bench.refusal(batch) == .held(.key))
        guard case .hit(let hit) = bench.refusal(larger) else {
            Issue.record("it fits at no time of the day")
            return
        }
        #expect(hit.name == .tokensPerDay && hit.resetsAt == Timestamp(year: 2026, month: 11, day: 22))
        bench.settle(other, tokens: 4)
        let next = try bench.admit(tokens: 926)
        #expect(!next.isLastCall)
    }

    private static let sentences: [(LimitName, LimitShortage?, String)] = [
        (.tokensPerDay, nil, "The key's tokens for today are used up."),
        (
            .tokensPerDay, LimitShortage(left: 120, asked: 5000),
            "The key's tokens for today do not suffice: 120 left, and this may take 5000."
        ),
        (.prepaid, nil, "The key's prepaid balance is used up."),
        (
            .opusCostPerWeek, LimitShortage(left: 40, asked: 1_500_000),
            "The key's budget for Opus models does not suffice for this week: 0.000040 USD left, and this may take 1.500000 USD."
        ),
        (.opusCostPerWeek, nil, "The key's budget for Opus models is used up for this week."),
    ]
    @Test(arguments: sentences) func `what is left is not called used up`(name: LimitName, shortage: LimitShortage?, sentence: String) {
        #expect(LimitHit(scope: .key, name: name, shortage: shortage).message == sentence)
    }

    @Test func `a limit that requests under way hold whole is called used up`() throws {
        let bench = Bench(
            limits {
                $0.tokensTotal = 100
                $0.hardStop = 1
            })
        _ = try bench.admit(tokens: 100)
        #expect(bench.refusal(tokens: 101) == .hit(LimitHit(scope: .key, name: .tokensTotal)))
    }

    @Test func `money for opus stops opus alone`() throws {
        let bench = Bench(limits { $0.opusCostPerWeekMicroUSD = 10 })
        var opus = bench.want(cost: 10)
        opus.amounts.period.opusCostMicroUSD = 10
        let granted = try LimitCounters.admit(bench.holders, opus, zone: .utc)
        bench.holders[0].counters.settle(granted, used: LimitAmounts(requests: 1, costMicroUSD: 10, opusCostMicroUSD: 10))
        #expect(throws: LimitRefusal.self) { try LimitCounters.admit(bench.holders, opus, zone: .utc) }
        #expect(bench.refusal(cost: 10) == nil)
    }

    @Test func `what the ledger knows counts after a restart, and enormous sums stay numbers`() throws {
        let bench = Bench(APIKeyLimits(costPerDayMicroUSD: 5000))
        let holder = bench.holders[0]
        holder.counters.raise(.day, to: LimitAmounts(costMicroUSD: 5000), around: Self.noon, holder.plan, .utc)
        #expect(bench.refusal() != nil)
        for _ in 1...3 {
            holder.counters.book(LimitAmounts(tokens: .max, costMicroUSD: .max), at: Self.noon, holder.plan, .utc)
        }
        #expect(holder.counters.used(.day).tokens == .max / 2)
        #expect(bench.refusal() != nil)
    }

    @Test func `admission looks at the rules of one key, however many keys there are`() async throws {
        let clock = TestClock()
        try await withStore(.sqlite, clock: clock) { store in
            let hasher = RelayKeyHasher(pepper: SecretBytes([1]))
            let template = try await store.transaction { transaction throws(StoreError) in
                try transaction.createAPIKey(
                    NewAPIKey(
                        ownerID: nil, name: "k", secretHash: hasher.hash(Array("cr_template".utf8)), shownPrefix: "", shownSuffix: "",
                        limits: APIKeyLimits(requestsPerMinute: 10, tokensPerDay: 100, concurrency: 2)))
            }
            let directory = KeyDirectory(hasher: hasher)
            directory.fillForTest(from: template, count: 100_000)
            #expect(directory.count == 100_000)
            guard let key = directory.find(Array("cr_template".utf8)) else {
                Issue.record("no key")
                return
            }
            for _ in 1...5 {
                var want = LimitCounters.Reservation(moment: clock.ambient.now(), second: 1)
                want.amounts = LimitAmounts(requests: 1, tokens: 1)
                let granted = try LimitCounters.admit(key.holders, want, zone: .utc)
                key.counters.settle(granted, used: LimitAmounts(requests: 1, tokens: 1))
            }
            #expect(key.counters.looks == 15, "two rules and the places, five times")
            #expect(directory.all.count { $0.counters.looks > 0 } == 1, "no other key was touched")
        }
    }
}
