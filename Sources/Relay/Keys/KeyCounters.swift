internal import Domain
internal import Store
internal import Synchronization

/// The living side of one key: what it uses now. Outlives snapshots of the key's settings; one object per key in the process.
final class KeyCounters: Sendable {
    struct Day: Sendable {
        /// "2026-11-21".
        var day = ""
        var tokens: Int64 = 0
        var costMicroUSD: Int64 = 0
        var reservedTokens: Int64 = 0
        var reservedCostMicroUSD: Int64 = 0
        /// Requests admitted although their reservation does not fit, one at a time, while there is anything left.
        var hasLastCall = false
    }
    private struct Counts: Sendable {
        var window = RateWindow()
        var concurrent: Int64 = 0
        var day = Day()
    }
    private let counts = Mutex(Counts())

    /// What one request may use at most, held back until it is settled.
    struct Reservation: Sendable, Equatable {
        var day: String
        var tokens: Int64
        var costMicroUSD: Int64
        var isLastCall = false
    }

    enum Refusal: Error, Equatable {
        case tokensPerDay
        case costPerDay
        case requestsPerMinute(waitSeconds: Int)
        case concurrency
    }

    /// Checks budgets, rate and concurrency in one step, and takes all of them or none.
    func admit(_ limits: APIKeyLimits, want: Reservation, second: UInt64) throws(Refusal) -> Reservation {
        let result: Result<Reservation, Refusal> = counts.withLock { counts in
            var want = want
            counts.day.turn(to: want.day)
            if let limit = limits.tokensPerDay {
                guard counts.day.tokens < limit else { return .failure(.tokensPerDay) }
                if counts.day.tokens + counts.day.reservedTokens + want.tokens > limit { want.isLastCall = true }
            }
            if let limit = limits.costPerDayMicroUSD {
                guard counts.day.costMicroUSD < limit else { return .failure(.costPerDay) }
                if counts.day.costMicroUSD + counts.day.reservedCostMicroUSD + want.costMicroUSD > limit { want.isLastCall = true }
            }
            // Close to the end of a budget one request goes at a time; it is not used up, so others may come back in a moment.
            if want.isLastCall, counts.day.hasLastCall || counts.day.reservedTokens > 0 || counts.day.reservedCostMicroUSD > 0 {
                return .failure(.concurrency)
            }
            // The rate is named first when both are used up, and counts only what is admitted.
            let isFull = limits.concurrency.map { counts.concurrent >= $0 } ?? false
            if isFull, limits.requestsPerMinute.map({ counts.window.remaining(limit: $0, second: second).count > 0 }) ?? true {
                return .failure(.concurrency)
            }
            if let limit = limits.requestsPerMinute, let wait = counts.window.take(limit: limit, second: second) {
                return .failure(.requestsPerMinute(waitSeconds: wait))
            }
            counts.concurrent += 1
            counts.day.reservedTokens += want.tokens
            counts.day.reservedCostMicroUSD += want.costMicroUSD
            if want.isLastCall { counts.day.hasLastCall = true }
            return .success(want)
        }
        return try result.get()
    }

    /// Gives the slot and the reservation back.
    func release(_ reservation: Reservation) {
        counts.withLock { counts in
            counts.concurrent -= 1
            guard counts.day.day == reservation.day else { return }
            counts.day.reservedTokens -= reservation.tokens
            counts.day.reservedCostMicroUSD -= reservation.costMicroUSD
            if reservation.isLastCall { counts.day.hasLastCall = false }
        }
    }

    /// Books what was really used, on the day of the reservation.
    func settle(day: String, tokens: Int64, costMicroUSD: Int64) {
        counts.withLock { counts in
            guard counts.day.day == day else { return }
            counts.day.tokens = Self.sum(counts.day.tokens, tokens)
            counts.day.costMicroUSD = Self.sum(counts.day.costMicroUSD, costMicroUSD)
        }
    }

    /// A day's sum stays far enough from the end of the numbers that a reservation fits on top.
    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflows) = a.addingReportingOverflow(b)
        return overflows ? .max / 2 : min(sum, .max / 2)
    }

    /// What the ledger knows of a day; replaces what was counted before the process knew of the key.
    func load(day: String, tokens: Int64, costMicroUSD: Int64) {
        counts.withLock { counts in
            counts.day.turn(to: day)
            counts.day.tokens = tokens
            counts.day.costMicroUSD = costMicroUSD
        }
    }

    func remainingRequests(limit: Int64, second: UInt64) -> (count: Int64, resetSeconds: Int) {
        counts.withLock { $0.window.remaining(limit: limit, second: second) }
    }

    var concurrent: Int64 { counts.withLock(\.concurrent) }
    var today: Day { counts.withLock(\.day) }
}

extension KeyCounters.Day {
    /// A new day begins at nothing; reservations of yesterday's requests are not carried over.
    fileprivate mutating func turn(to today: String) {
        guard day != today else { return }
        // A clock that goes back does not reopen a day that is over.
        if !day.isEmpty, today < day { return }
        self = KeyCounters.Day()
        day = today
    }
}

/// One request's place among its key's concurrent requests, and what it may use at most. Given back when it ends, on every path,
/// because it cannot be copied and its `deinit` does it.
struct KeyLease: ~Copyable {
    private let counters: KeyCounters
    let reservation: KeyCounters.Reservation

    init(_ counters: KeyCounters, _ limits: APIKeyLimits, want: KeyCounters.Reservation, second: UInt64) throws(KeyCounters.Refusal) {
        reservation = try counters.admit(limits, want: want, second: second)
        self.counters = counters
    }

    deinit { counters.release(reservation) }

    /// Books the real numbers; the reservation itself goes back with the lease.
    func settle(tokens: Int64, costMicroUSD: Int64) {
        counters.settle(day: reservation.day, tokens: tokens, costMicroUSD: costMicroUSD)
    }
}

/// A place under a limit over all keys or of one account.
final class Slots: Sendable {
    private let used = Atomic<Int>(0)

    var inFlight: Int { used.load(ordering: .relaxed) }

    /// - Parameter limit: nil is no limit.
    fileprivate func take(limit: Int?) -> Bool {
        let before = used.wrappingAdd(1, ordering: .relaxed).oldValue
        if let limit, before >= limit {
            used.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }
    fileprivate func give(_ count: Int = 1) { used.wrappingSubtract(count, ordering: .relaxed) }

    /// Takes `count` places at once, or none.
    fileprivate func take(_ count: Int, limit: Int) -> Bool {
        guard used.wrappingAdd(count, ordering: .relaxed).newValue > limit else { return true }
        give(count)
        return false
    }
}

/// Bytes of memory under a limit over all requests; given back when the request ends.
struct ByteLease: ~Copyable {
    private let slots: Slots
    private let count: Int

    /// Nil when they do not fit.
    init?(_ slots: Slots, count: Int, limit: Int) {
        guard slots.take(count, limit: limit) else { return nil }
        self.slots = slots
        self.count = count
    }

    deinit { slots.give(count) }
}

struct SlotLease: ~Copyable {
    private let slots: Slots

    /// Nil when all places are taken.
    init?(_ slots: Slots, limit: Int?) {
        guard slots.take(limit: limit) else { return nil }
        self.slots = slots
    }

    deinit { slots.give() }
}
