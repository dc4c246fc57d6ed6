import Domain
import Store
import Synchronization
import TestKit
import Testing

@testable import Relay

/// Who waits for a place or for a budget is called, in order, by whoever gives it back.
struct LimitQueueTests {
    private typealias Bench = LimitTests.Bench

    @Test func `those who wait are called in their order, and places over all keys go round the keys`() async {
        let bench = Bench(APIKeyLimits(concurrency: 1))
        let holder = bench.holders[0]
        guard let first = try? bench.admit() else {
            Issue.record("refused")
            return
        }
        let waiters = (1...3).map { _ in LimitWaiter() }
        #expect(waiters.allSatisfy { holder.counters.join($0, holder.plan, atFront: false) == .waiting })
        #expect(holder.counters.join(LimitWaiter(), holder.plan, atFront: false) == .tooMany, "three wait at most")
        waiters[0].finish(.gone)
        holder.counters.settle(first, used: LimitAmounts(requests: 1))
        #expect(await waiters[1].wait() == .invited, "the first has gone")
        #expect(bench.refusal() == .full(.key), "the place is kept for who was called")
        let next = try? LimitCounters.admit(bench.holders, bench.want(), zone: .utc, invited: holder.counters)
        #expect(next != nil && holder.counters.concurrent == 1 && holder.counters.waiting == 1)

        let places = FairPlaces()
        #expect(places.take(limit: 1, isInvited: false))
        let clock = TestClock()
        let (busy, quiet) = (APIKeyID(clock.ambient), APIKeyID(clock.ambient))
        let queue = [(busy, LimitWaiter()), (busy, LimitWaiter()), (quiet, LimitWaiter())]
        #expect(queue.allSatisfy { places.join($0.1, of: $0.0, limit: 1) == .waiting })
        for expected in [0, 2, 1] {
            places.give()
            #expect(await queue[expected].1.wait() == .invited)
            #expect(!places.take(limit: 1, isInvited: false) && places.take(limit: 1, isInvited: true))
        }
        places.give()
        #expect(places.inFlight == 0 && places.waiting == 0)
    }

    @Test func `one key's long line leaves room for every other's`() {
        let (places, clock) = (FairPlaces(), TestClock())
        let (busy, quiet) = (APIKeyID(clock.ambient), APIKeyID(clock.ambient))
        #expect(places.take(limit: 2, isInvited: false) && places.take(limit: 2, isInvited: false))
        let joined = (1...6).map { _ in places.join(LimitWaiter(), of: busy, limit: 2) }
        #expect(joined == [.waiting, .waiting, .waiting, .waiting, .tooMany, .tooMany])
        #expect(places.join(LimitWaiter(), of: quiet, limit: 2) == .waiting && places.waiting == 5)
        for _ in 1..<63 { for _ in 1...4 { _ = places.join(LimitWaiter(), of: APIKeyID(clock.ambient), limit: 2) } }
        for _ in 1...3 { #expect(places.join(LimitWaiter(), of: quiet, limit: 2) == .waiting) }
        #expect(places.waiting == 256 && places.join(LimitWaiter(), of: APIKeyID(clock.ambient), limit: 2) == .tooMany)
        places.endWaiting()
    }

    @Test func `who waits for a budget is called by whoever holds it, with a place or without`() async throws {
        let bench = Bench(APIKeyLimits(tokensPerDay: 1000, concurrency: 5))
        let holder = bench.holders[0]
        var batch = bench.want(tokens: 700)
        batch.places = 0
        let held = try LimitCounters.admit(bench.holders, batch, zone: .utc)
        #expect(bench.refusal(tokens: 700) == .held(.key))
        let waiter = LimitWaiter()
        #expect(holder.counters.join(waiter, holder.plan, isHeld: true, atFront: false) == .waiting)
        // Places are free, and those who wait were there before.
        #expect(bench.refusal() == .full(.key))
        #expect(holder.counters.join(LimitWaiter(), holder.plan, atFront: false) == .waiting)
        holder.counters.settle(held, used: LimitAmounts(requests: 1, tokens: 300))
        #expect(await waiter.wait() == .invited)
        _ = try LimitCounters.admit(bench.holders, bench.want(tokens: 700), zone: .utc, invited: holder.counters)
        #expect(holder.counters.counts.withLock { $0.invited == 0 && $0.holding == 1 })
        #expect(
            Bench(APIKeyLimits(tokensPerDay: 1)).holders[0].counters.join(LimitWaiter(), holder.plan, isHeld: true, atFront: false)
                == .room,
            "nobody would call")
    }

    @Test func `a call that another limit stops goes to the next`() async throws {
        // The key is at its rate when its person's queue calls.
        let bench = Bench(APIKeyLimits(requestsPerMinute: 1), APIKeyLimits(concurrency: 1))
        let person = bench.holders[1]
        let first = try bench.admit()
        let waiter = LimitWaiter()
        #expect(person.counters.join(waiter, person.plan, atFront: false) == .waiting)
        bench.settle(first, tokens: 1)
        #expect(await waiter.wait() == .invited)
        #expect(throws: LimitRefusal.hit(LimitHit(scope: .key, name: .requestsPerMinute, waitSeconds: 60))) {
            _ = try LimitCounters.admit(bench.holders, bench.want(), zone: .utc, invited: person.counters)
        }
        #expect(person.counters.counts.withLock(\.invited) == 0)
        _ = try bench.admit(second: 1061)
    }
}
