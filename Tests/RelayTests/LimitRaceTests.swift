import Domain
import Store
import Synchronization
import Testing

@testable import Relay

/// Many threads at the same limits.
struct LimitRaceTests {
    private typealias Bench = LimitTests.Bench

    /// Random admissions, settlements and releases on eight threads over three holders: what is used never passes what was reserved
    /// against a limit, nothing stays reserved, no place stays taken.
    @Test(arguments: [1, 2, 3, 4]) func `any interleaving of reserve and settle adds up`(seed: UInt64) async {
        let (limit, places): (Int64, Int64) = (20_000, 5)
        var hard = APIKeyLimits(tokensPerDay: limit, concurrency: places)
        hard.hardStop = 1
        var budget = APIKeyLimits()
        budget.costTotalMicroUSD = 15_000
        let bench = Bench(hard, APIKeyLimits(concurrency: 4), budget)
        final class Tally: Sendable { let used = Atomic<Int64>(0) }
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<8 {
                group.addTask { [bench, tally] in
                    var dice = Dice(seed: seed &* 1000 &+ UInt64(thread))
                    for _ in 1...400 {
                        let most = Int64(dice.next() % 200)
                        guard let granted = try? bench.admit(tokens: most, cost: most) else { continue }
                        if dice.next() % 4 == 0 {
                            for holder in bench.holders { holder.counters.release(granted) }
                        } else {
                            // An upstream that keeps to `max_tokens`: never more than was reserved.
                            let real = most == 0 ? 0 : Int64(dice.next() % UInt64(most + 1))
                            tally.used.add(real, ordering: .relaxed)
                            bench.settle(granted, tokens: real, cost: real)
                        }
                    }
                }
            }
        }
        let total = tally.used.load(ordering: .relaxed)
        for holder in bench.holders {
            #expect(holder.counters.used(.day).tokens == total && holder.counters.used(.total).costMicroUSD == total)
            #expect(holder.counters.reserved(.day) == PeriodAmounts() && holder.counters.concurrent == 0)
        }
        #expect(total <= limit && total > 0)
    }

    private struct Dice {
        var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
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
}
