import Store
import Synchronization
import Testing

@testable import Relay

/// Rates, budgets and places: never more than allowed, always given back.
struct LimitTests {
    private let free = KeyCounters.Reservation(day: "2026-11-21", tokens: 0, costMicroUSD: 0)

    @Test func `a rate window slides by the second`() {
        var window = RateWindow()
        for second: UInt64 in [100, 100, 130] { #expect(window.take(limit: 3, second: second) == nil) }
        #expect(window.take(limit: 3, second: 130) == 30)
        #expect(window.take(limit: 3, second: 159) == 1)
        #expect(window.remaining(limit: 3, second: 159).count == 0)
        #expect(window.remaining(limit: 3, second: 160).count == 2)
        #expect(window.take(limit: 3, second: 160) == nil)
        #expect(window.take(limit: 3, second: 160) == nil)
        #expect(window.take(limit: 3, second: 160) == 30)
        #expect(window.take(limit: 3, second: 10_000) == nil, "a long silence empties it")
        #expect(window.take(limit: 0, second: 20_000) == 60)
    }

    @Test func `a clock that goes back opens nothing`() {
        var window = RateWindow()
        #expect(window.take(limit: 1, second: 1000) == nil)
        #expect(window.take(limit: 1, second: 10) != nil)
    }

    @Test func `a lease gives its place back on every way out`() throws {
        struct Broken: Error {}
        let counters = KeyCounters()
        let limits = APIKeyLimits(concurrency: 1)
        func use(fails: Bool) throws {
            let lease = try KeyLease(counters, limits, want: free, second: 1)
            #expect(counters.concurrent == 1)
            #expect(throws: KeyCounters.Refusal.concurrency) { _ = try KeyLease(counters, limits, want: free, second: 1) }
            if fails { throw Broken() }
            _ = consume lease
        }
        try use(fails: false)
        #expect(counters.concurrent == 0)
        #expect(throws: Broken.self) { try use(fails: true) }
        #expect(counters.concurrent == 0)
    }

    @Test func `a refused request takes nothing`() {
        let counters = KeyCounters()
        let limits = APIKeyLimits(requestsPerMinute: 5, concurrency: 0)
        for _ in 1...20 { #expect(throws: KeyCounters.Refusal.concurrency) { try counters.admit(limits, want: free, second: 1) } }
        #expect(counters.remainingRequests(limit: 5, second: 1).count == 5 && counters.concurrent == 0)
    }

    @Test func `the rate is named before the concurrency`() throws {
        let counters = KeyCounters()
        let limits = APIKeyLimits(requestsPerMinute: 1, concurrency: 1)
        _ = try counters.admit(limits, want: free, second: 1)
        #expect(throws: KeyCounters.Refusal.requestsPerMinute(waitSeconds: 60)) { try counters.admit(limits, want: free, second: 1) }
    }

    @Test func `requests at the same time cannot overshoot a budget`() throws {
        let counters = KeyCounters()
        let limits = APIKeyLimits(tokensPerDay: 1000)
        let want = KeyCounters.Reservation(day: "2026-11-21", tokens: 400, costMicroUSD: 0)
        let first = try counters.admit(limits, want: want, second: 1)
        let second = try counters.admit(limits, want: want, second: 1)
        #expect(throws: KeyCounters.Refusal.concurrency) { try counters.admit(limits, want: want, second: 1) }
        counters.settle(day: first.day, tokens: 390, costMicroUSD: 0)
        counters.release(first)
        counters.settle(day: second.day, tokens: 390, costMicroUSD: 0)
        counters.release(second)
        // 220 are left: the last call, alone.
        let last = try counters.admit(limits, want: want, second: 1)
        #expect(last.isLastCall)
        #expect(throws: KeyCounters.Refusal.concurrency) { try counters.admit(limits, want: want, second: 1) }
        counters.settle(day: last.day, tokens: 220, costMicroUSD: 0)
        counters.release(last)
        #expect(throws: KeyCounters.Refusal.tokensPerDay) { try counters.admit(limits, want: want, second: 1) }
        let tomorrow = KeyCounters.Reservation(day: "2026-11-22", tokens: 400, costMicroUSD: 0)
        #expect(try counters.admit(limits, want: tomorrow, second: 1).isLastCall == false, "a new day begins at nothing")
    }

    @Test func `what the ledger knows counts after a restart, and enormous sums stay numbers`() {
        let counters = KeyCounters()
        counters.load(day: "2026-11-21", tokens: 10, costMicroUSD: 5000)
        #expect(throws: KeyCounters.Refusal.costPerDay) {
            try counters.admit(APIKeyLimits(costPerDayMicroUSD: 5000), want: free, second: 1)
        }
        for _ in 1...3 { counters.settle(day: "2026-11-21", tokens: .max, costMicroUSD: .max) }
        #expect(throws: KeyCounters.Refusal.tokensPerDay) {
            try counters.admit(APIKeyLimits(tokensPerDay: .max / 2), want: free, second: 1)
        }
    }

    @Test func `threads that race for places never hold more than there are`() async {
        final class Tally: Sendable {
            let most = Atomic<Int>(0)
            let held = Atomic<Int>(0)
        }
        let (slots, tally) = (Slots(), Tally())
        await withTaskGroup(of: Void.self) { group in
            for _ in 1...8 {
                group.addTask {
                    for _ in 1...2000 {
                        guard let lease = SlotLease(slots, limit: 3) else { continue }
                        tally.most.max(
                            tally.held.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue, ordering: .sequentiallyConsistent)
                        tally.held.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                        _ = consume lease
                    }
                }
            }
        }
        #expect((1...3).contains(tally.most.load(ordering: .relaxed)) && slots.inFlight == 0)
    }

    @Test(arguments: [
        ("claude-*", "claude-opus-5-5", true), ("claude-*", "gpt", false), ("*", "", true), ("*opus*", "claude-opus-5", true),
        ("claude-opus-5", "claude-opus-5", true), ("claude-opus-5", "claude-opus-5-5", false), ("a*b*c", "aXbYc", true),
        ("a*b*c", "acb", false), ("ab*ba", "aba", false), ("", "x", false),
    ]) func `a model pattern matches whole names`(pattern: String, model: String, matches: Bool) {
        #expect(ModelPattern(pattern).matches(model) == matches)
    }

    @Test func `an allow list that cannot be read allows nothing`() {
        #expect(ModelPattern.list("not json").isEmpty)
        #expect(ModelPattern.list("[\"a\",1,\"b*\"]") == [ModelPattern("a"), ModelPattern("b*")])
    }
}
