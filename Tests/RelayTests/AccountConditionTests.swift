import Domain
import Store
import Testing

@testable import Relay

/// Cooldowns row by row (relay contract, section 14): how long, about what, and how they end.
struct AccountConditionTests {
    private static let now = Timestamp(seconds: 1_795_219_200)
    private static func later(_ seconds: Int64) -> Timestamp { now.adding(seconds: seconds) }
    private static let december = Timestamp(seconds: 1_796_083_200)

    @Test(
        arguments: [
            (.credential, later(1800), true), (.billing("402"), december, true), (.held("on hold"), Timestamp(milliseconds: .max), true),
            (.forbidden, later(600), false), (.window(until: later(4000), family: nil, claim: "5h"), later(4000), false),
            (.limited(until: later(20)), later(20), false), (.limitedUnknown, later(5), false), (.overloaded, later(5), false),
            (.unavailable, later(15), false), (.timeout, later(30), false),
        ] as [(AccountFault, Timestamp, Bool)])
    func `each fault rests the account as long as the table says`(fault: AccountFault, until: Timestamp, isBlock: Bool) {
        var condition = AccountCondition()
        #expect(condition.isQuiet && condition.availability(.opus, now: Self.now) == .free)
        let kept1 = condition.failed(fault, .opus, now: Self.now)
        #expect(kept1 == (fault != .limitedUnknown), "a wait without a time is no mark on the account")
        guard case .resting(let found, let block, let reason) = condition.availability(.opus, now: Self.now) else {
            return #expect(Bool(false), "it rests")
        }
        #expect(found == until && block == isBlock && !reason.isEmpty)
        #expect(condition.kept(AccountID(high: 1, low: 2)).count == (fault == .limitedUnknown ? 0 : 1))
    }

    @Test(
        arguments: [(.overloaded, [5, 15, 60, 60, 60]), (.limitedUnknown, [5, 10, 20, 40, 60, 60])] as [(AccountFault, [Int64])])
    func `pauses grow with every failure in a row and begin anew after a success`(fault: AccountFault, seconds: [Int64]) {
        var condition = AccountCondition()
        var now = Self.now
        for _ in 1...2 {
            for wait in seconds {
                _ = condition.failed(fault, .opus, now: now)
                guard case .resting(let until, _, _) = condition.availability(.opus, now: now) else {
                    return #expect(Bool(false), "it rests")
                }
                #expect(until == now.adding(seconds: wait))
                now = until
            }
            _ = condition.succeeded(.opus, now: now)
            #expect(condition.isQuiet)
        }
    }

    @Test func `three server errors in a minute rest it, two do not, nor do three in two minutes`() {
        var condition = AccountCondition()
        for second in [0, 50, 100] as [Int64] {
            let isKept = condition.failed(.broken, .opus, now: Self.later(second))
            #expect(!isKept)
        }
        #expect(condition.availability(.opus, now: Self.later(100)) == .free)
        let kept2 = condition.failed(.broken, .opus, now: Self.later(105))
        #expect(kept2)
        #expect(
            condition.availability(.opus, now: Self.later(105))
                == .resting(until: Self.later(165), isBlock: false, reason: "three server errors in a minute"))
    }

    @Test func `a claim on a family leaves the others alone`() {
        var condition = AccountCondition()
        _ = condition.failed(.window(until: Self.later(600), family: .opus, claim: "7d_opus"), .opus, now: Self.now)
        #expect(condition.availability(.sonnet, now: Self.now) == .free && condition.availability(.opus, now: Self.now) != .free)
        _ = condition.succeeded(.sonnet, now: Self.later(1))
        #expect(condition.availability(.opus, now: Self.later(1)) != .free, "the other family's success says nothing")
    }

    @Test func `after a cooldown one request probes, and its success clears it`() {
        var condition = AccountCondition()
        _ = condition.failed(.unavailable, .opus, now: Self.now)
        let after = Self.later(15)
        #expect(condition.availability(.opus, now: after) == .probe)
        condition.beginProbe(.opus, now: after)
        #expect(condition.availability(.opus, now: after) == .probing && condition.availability(.haiku, now: after) == .probing)
        condition.endProbe(.opus)
        #expect(condition.availability(.opus, now: after) == .probe, "a probe that told nothing leaves the next one to try")
        let hasGone = condition.succeeded(.opus, now: after)
        #expect(hasGone && condition.availability(.opus, now: after) == .free)
        // A probe that fails begins a new pause.
        _ = condition.failed(.unavailable, .opus, now: after)
        condition.beginProbe(.opus, now: Self.later(40))
        _ = condition.failed(.unavailable, .opus, now: Self.later(40))
        #expect(condition.availability(.opus, now: Self.later(41)) != .probing)
    }

    @Test func `the longest of several waits holds`() {
        var condition = AccountCondition()
        _ = condition.failed(.credential, .opus, now: Self.now)
        let kept3 = condition.failed(.unavailable, .opus, now: Self.now)
        #expect(!kept3)
        _ = condition.failed(.limitedUnknown, .opus, now: Self.now)
        guard case .resting(let until, let isBlock, _) = condition.availability(.opus, now: Self.now) else {
            return #expect(Bool(false), "it rests")
        }
        #expect(until == Self.later(1800) && isBlock)
    }

    @Test func `what outlives the process comes back as it was`() {
        var condition = AccountCondition()
        _ = condition.failed(.window(until: Self.later(600), family: .opus, claim: "7d_opus"), .opus, now: Self.now)
        _ = condition.failed(.overloaded, .sonnet, now: Self.now)
        _ = condition.failed(.overloaded, .sonnet, now: Self.later(6))
        let kept = condition.kept(AccountID(high: 1, low: 2))
        var after = AccountCondition()
        after.restore(kept)
        #expect(after.kept(AccountID(high: 1, low: 2)) == kept && kept.count == 2)
        let kept4 = after.failed(.overloaded, .sonnet, now: Self.later(30))
        #expect(kept4)
        guard case .resting(let until, _, _) = after.availability(.sonnet, now: Self.later(30)) else {
            return #expect(Bool(false), "it rests")
        }
        #expect(until == Self.later(90), "the third in a row")
        after.reset()
        #expect(after.isQuiet)
    }

    @Test func `the month's end is found in December too`() throws {
        for (now, end) in [("2026-11-21", "2026-12-01"), ("2026-12-31", "2027-01-01"), ("2028-02-29", "2028-03-01")] {
            #expect(AccountCondition.nextMonth(try Timestamp(parsingDay: now)) == (try Timestamp(parsingDay: end)))
        }
    }

    @Test func `caps refuse what is over them and say until when`() {
        var use = AccountUse(zone: .utc)
        let caps = AccountCaps(requestsPerMinute: 2, tokensPerMinute: 1000, costPerDayMicroUSD: 50)
        func wait(_ tokens: Int64, _ seconds: Int64) -> (until: Timestamp, cap: String)? {
            use.wait(caps, tokens: tokens, now: Self.later(seconds))
        }
        let first = use.take(caps, tokens: 5000, now: Self.now)
        #expect(first == nil, "a request over the cap goes alone")
        let beside = wait(1, 0)
        #expect(beside?.cap == "tokens per minute")
        use.reserved = 0
        use.settle(tokens: 900, costMicroUSD: 20, now: Self.later(10))
        let over = wait(101, 20)
        #expect(over?.until == Self.later(70))
        let second = use.take(caps, tokens: 100, now: Self.later(20))
        #expect(second == nil)
        let third = wait(0, 21)
        #expect(third?.until == Self.later(60), "two requests in this minute")
        use.settle(tokens: 0, costMicroUSD: 30, now: Self.later(100))
        let dear = wait(0, 100)
        #expect(dear?.cap == "cost per day" && dear?.until == Self.later(86_400))
        let tomorrow = wait(0, 86_400)
        #expect(tomorrow == nil, "a new day")
    }

    @Test func `caps hold again after a clock that was ahead for a while`() {
        var use = AccountUse(zone: .utc)
        let caps = AccountCaps(requestsPerMinute: 2, tokensPerMinute: 1000, costPerDayMicroUSD: 50)
        let ahead = Self.later(40 * 86_400)
        for _ in 1...2 { _ = use.take(caps, tokens: 0, now: ahead) }
        use.settle(tokens: 1000, costMicroUSD: 30, now: ahead)
        let free = use.wait(caps, tokens: 10, now: Self.now)
        #expect(free == nil, "its minute is over")
        // Which of the two clocks was wrong nobody knows: what was used stays used.
        use.settle(tokens: 0, costMicroUSD: 20, now: Self.now)
        let over = use.wait(caps, tokens: 10, now: Self.later(1))
        #expect(over?.cap == "cost per day")
    }

    @Test func `a route opens for longer with every failure, and one request probes it`() {
        let route = Route()
        #expect(route.blockedUntil(Self.now) == nil)
        var now = Self.now
        for seconds in [10, 20, 40, 80, 160, 300, 300] as [Int64] {
            route.failed(now)
            route.failed(now)
            #expect(route.blockedUntil(now) == now.adding(seconds: seconds))
            now = now.adding(seconds: seconds)
            #expect(route.blockedUntil(now) == nil)
            route.begin(now)
            #expect(route.blockedUntil(now) == now.adding(seconds: 1), "another one is trying")
            route.ended()
        }
        route.succeeded()
        route.failed(now)
        #expect(route.blockedUntil(now) == now.adding(seconds: 10))
    }
}
