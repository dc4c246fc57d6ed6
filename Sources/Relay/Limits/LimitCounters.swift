internal import Domain
internal import Store
internal import Synchronization

/// The living side of one key, person or team: what it uses now. Outlives snapshots of its settings; one object for each in the process.
///
/// All counters of a holder stand under one lock, held for some hundred nanoseconds. A request with several holders takes the locks in
/// the order key, person, team, checks all and then takes all, so nothing is ever taken of a request that is refused.
final class LimitCounters: Sendable {
    /// What one request may use at most, held back until it is settled.
    struct Reservation: Sendable, Equatable {
        var moment: Timestamp
        /// On the monotonic clock.
        var second: UInt64
        var amounts = LimitAmounts()
        /// Places under the concurrency limit; 0 for what is no exchange of its own.
        var places: Int64 = 1
        /// Meets the limits on requests alone: a token count is never billed.
        var countsRequestsOnly = false
        /// Refused by the limit it does not fit under, where others would be the last call.
        var mustFit = false
        /// Admitted although the estimate does not fit: the last one, alone.
        var isLastCall = false
        /// How often the key's places had been cleared when it was admitted.
        var clears: UInt64 = 0
    }

    struct Period: Sendable {
        var start = Timestamp(milliseconds: 0)
        var end = Timestamp(milliseconds: 0)
        var used = PeriodAmounts()
        var reserved = PeriodAmounts()
        func contains(_ moment: Timestamp) -> Bool { start <= moment && moment < end }
        /// It was begun under a clock that was far ahead.
        func isAhead(of now: Timestamp) -> Bool { now.adding(seconds: Self.stepSeconds) < start }
        /// Clocks are set back by less now and then, reactors look at them at different moments, and what waits in a queue comes with the
        /// moment of its arrival.
        static let stepSeconds: Int64 = 3600
    }

    struct Counts: Sendable {
        /// By `LimitPeriod`; made with the first request, because most of 100,000 keys sleep.
        var periods: [Period] = []
        var minute = SlidingMinute()
        var concurrent: Int64 = 0
        /// Reservations that are neither settled nor released, with or without a place: each calls the next in the queue at its end.
        var holding: Int64 = 0
        /// How often an operator has taken all its places away from the requests that held them.
        var clears: UInt64 = 0
        /// Waiters that have been called and have not taken their place yet.
        var invited: Int64 = 0
        var waiters: [LimitWaiter] = []
        /// Rules looked at since the start: admission's work in numbers, for tests.
        var looks: UInt64 = 0
    }
    let counts = Mutex(Counts())
    /// Of a key alone, from the first answer of a request that held something back.
    private let outputs = AtomicLazyReference<KeyOutputs>()
    /// Something was booked since the last look for budgets that are used up.
    let hasSettled = Atomic<Bool>(false)

    /// The settings under which a request is admitted.
    struct Holder: Sendable {
        let scope: LimitScope
        let plan: LimitPlan
        let counters: LimitCounters
    }

    // MARK: Admission

    /// Checks every limit of every holder, and takes all of them or none.
    /// - Parameter invited: the holder whose queue called this request.
    static func admit(
        _ holders: [Holder], _ want: Reservation, zone: CivilZone, invited: LimitCounters? = nil
    ) throws(LimitRefusal) -> Reservation {
        var invitation = invited
        do throws(LimitRefusal) { return try admit(holders[...], want, zone, &invitation) } catch {
            // Refused by one before the holder that called: the call is over all the same.
            invitation?.counts.withLock { $0.invited -= 1 }
            throw error
        }
    }

    /// - Parameter invitation: nil once the holder that called has been reached.
    private static func admit(
        _ holders: ArraySlice<Holder>, _ want: Reservation, _ zone: CivilZone, _ invitation: inout LimitCounters?
    ) throws(LimitRefusal) -> Reservation {
        guard let holder = holders.first else { return want }
        let result: Result<Reservation, LimitRefusal> = holder.counters.counts.withLock { counts in
            Result { () throws(LimitRefusal) -> Reservation in
                var want = want
                let isInvited = invitation === holder.counters
                if isInvited {
                    counts.invited -= 1
                    invitation = nil
                }
                if holders.startIndex == 0 { want.clears = counts.clears }
                counts.turn(to: want.moment, holder.plan, zone)
                try counts.check(holder, &want, isInvited: isInvited)
                // The others are checked and taken while this lock is held; only then is anything taken here.
                let granted = try admit(holders.dropFirst(), want, zone, &invitation)
                counts.openWindow(granted.moment, minutes: holder.plan.windowMinutes)
                counts.take(granted)
                return granted
            }
        }
        return try result.get()
    }

    /// Of a request that does not fit into what is left; nil when nothing is.
    fileprivate static func shortage(_ limit: Int64, _ taken: Int64, _ asked: Int64) -> LimitShortage? {
        taken < limit ? LimitShortage(left: limit - taken, asked: asked) : nil
    }

    // MARK: The end

    /// Replaces the reservation by what was used, and gives the place to the next in the queue.
    /// - Parameter places: how many it still holds, as the key's own counters have said; nil for the key's own.
    /// - Returns: how many it still held.
    @discardableResult
    func settle(_ reservation: Reservation, used: LimitAmounts, places: Int64? = nil) -> Int64 {
        hasSettled.store(true, ordering: .relaxed)
        let held = counts.withLock { counts in
            counts.giveBack(reservation)
            counts.book(used, at: reservation.moment, second: reservation.second, beyond: reservation.amounts)
            return counts.leave(reservation, places)
        }
        inviteNext()
        return held
    }

    /// Gives place and reservation back: nothing was used.
    /// - Parameter places: as for `settle`.
    @discardableResult
    func release(_ reservation: Reservation, places: Int64? = nil) -> Int64 {
        let held = counts.withLock { counts in
            counts.giveBack(reservation)
            let none = LimitAmounts(requests: reservation.amounts.period.requests)
            counts.book(none, at: reservation.moment, second: reservation.second, beyond: reservation.amounts)
            return counts.leave(reservation, places)
        }
        inviteNext()
        return held
    }

    /// Takes the places of all requests under way away from them, as far as limits go; they themselves go on.
    /// - Parameter holders: the key's own first.
    /// - Returns: how many places that were.
    static func clearPlaces(_ holders: [Holder]) -> Int64 {
        guard let own = holders.first else { return 0 }
        let held = own.counters.counts.withLock { counts in
            counts.clears &+= 1
            defer { counts.concurrent = 0 }
            return counts.concurrent
        }
        for holder in holders.dropFirst() { holder.counters.counts.withLock { $0.concurrent -= held } }
        for holder in holders { for _ in 0..<held { holder.counters.inviteNext() } }
        return held
    }

    /// Adds to what was used at a moment, outside of any request: batches hold their budget this way. Negative amounts take back.
    func book(_ used: LimitAmounts, at moment: Timestamp, _ plan: LimitPlan, _ zone: CivilZone) {
        hasSettled.store(true, ordering: .relaxed)
        counts.withLock { counts in
            // The moment may be of a period that is over: a batch holds from the one it came in.
            counts.turn(to: moment, plan, zone, leavesFuture: false)
            for index in counts.periods.indices where counts.periods[index].contains(moment) { counts.periods[index].used.add(used.period) }
        }
    }

    // MARK: What is likely

    func noteOutput(_ tokens: Int64, model: String) {
        let known = outputs.load() ?? outputs.storeIfNil(KeyOutputs())
        known.history.withLock { $0.note(tokens, model: model) }
    }
    /// Output tokens that an answer of the model hardly passes; nil while too little is known of this key.
    func likelyOutput(_ model: String) -> Int64? { outputs.load()?.history.withLock { $0.likely(model) } }

    // MARK: From the ledger

    /// What was counted in the period around `moment` is at least what the ledger knows.
    /// - Parameter lowers: it is just that, because a key has taken its use along.
    func raise(
        _ period: LimitPeriod, to used: LimitAmounts, around moment: Timestamp, _ plan: LimitPlan, _ zone: CivilZone, lowers: Bool = false
    ) {
        counts.withLock { counts in
            counts.turn(to: moment, plan, zone)
            let index = period.rawValue
            // Meanwhile the next one may have begun.
            guard counts.periods[index].contains(moment) else { return }
            if period == .week {
                // Of weeks that began at another hour until now the numbers say nothing.
                let bounds = zone.week(around: moment, startDay: plan.weekStartDay, hour: plan.weekHour)
                if counts.periods[index].start != bounds.lowerBound {
                    counts.periods[index].used = PeriodAmounts()
                    (counts.periods[index].start, counts.periods[index].end) = (bounds.lowerBound, bounds.upperBound)
                }
            }
            if lowers { counts.periods[index].used = PeriodAmounts() }
            counts.periods[index].used.raise(to: used.period)
        }
    }

    /// A request of the last minute.
    func loadMinute(_ used: LimitAmounts, at moment: Timestamp, now: Timestamp, second: UInt64) {
        let age = UInt64(clamping: max(0, (now.milliseconds - moment.milliseconds) / 1000))
        guard age < second, age < UInt64(SlidingMinute.seconds) else { return }
        counts.withLock { $0.minute.add(used, second: second - age) }
    }

    /// A window that is still open; one that has opened here stays as it is.
    func loadWindow(_ used: LimitAmounts, from start: Timestamp, now: Timestamp, _ plan: LimitPlan) {
        counts.withLock { counts in
            if counts.periods.isEmpty { counts.periods = Counts.blank }
            guard !counts.periods[LimitPeriod.window.rawValue].contains(now) else { return }
            var window = Period(start: start, end: start.adding(seconds: plan.windowMinutes * 60))
            window.used = used.period
            counts.periods[LimitPeriod.window.rawValue] = window
        }
    }

    // MARK: Looking

    /// One limit as it stands.
    struct Standing: Sendable, Equatable {
        var scope: LimitScope
        var name: LimitName
        var limit: Int64
        var used: Int64
        /// Held by requests under way.
        var reserved: Int64
        var resetsAt: Timestamp?
        var remaining: Int64 { max(0, limit - used - reserved) }
    }

    func standings(_ scope: LimitScope, _ plan: LimitPlan, now: Timestamp, second: UInt64, zone: CivilZone) -> [Standing] {
        counts.withLock { counts in
            counts.turn(to: now, plan, zone)
            return plan.rules.map { rule in
                guard let period = rule.name.period else {
                    counts.minute.advance(to: second)
                    let measure = rule.name.measure
                    return Standing(
                        scope: scope, name: rule.name, limit: rule.limit, used: counts.minute.total(measure), reserved: 0,
                        resetsAt: now.adding(seconds: Int64(counts.minute.resetSeconds(measure))))
                }
                let sums = counts.periods[period.rawValue]
                return Standing(
                    scope: scope, name: rule.name, limit: rule.limit, used: sums.used[rule.name.measure],
                    reserved: sums.reserved[rule.name.measure],
                    resetsAt: period == .total || sums.end <= now ? nil : sums.end)
            }
        }
    }

    /// The period around the moment; nil when none has begun.
    func open(_ period: LimitPeriod, at now: Timestamp) -> Period? {
        counts.withLock { counts in
            counts.periods.indices.contains(period.rawValue) && counts.periods[period.rawValue].contains(now)
                ? counts.periods[period.rawValue] : nil
        }
    }

    /// The limits per minute as they stand.
    func noteRates(_ plan: LimitPlan, now: Timestamp, second: UInt64, in standings: inout RateStandings) {
        counts.withLock { counts in
            counts.minute.advance(to: second)
            for rule in plan.rules where rule.name.period == nil {
                let measure = rule.name.measure
                standings.note(
                    rule.name,
                    RateStanding(
                        limit: rule.limit, remaining: max(0, rule.limit - counts.minute.total(measure)),
                        resetsAt: now.adding(seconds: Int64(counts.minute.resetSeconds(measure)))))
            }
        }
    }

    var concurrent: Int64 { counts.withLock(\.concurrent) }
    var waiting: Int { counts.withLock(\.waiters.count) }
    var looks: UInt64 { counts.withLock(\.looks) }
    func used(_ period: LimitPeriod) -> PeriodAmounts {
        counts.withLock { $0.periods.isEmpty ? PeriodAmounts() : $0.periods[period.rawValue].used }
    }
    func reserved(_ period: LimitPeriod) -> PeriodAmounts {
        counts.withLock { $0.periods.isEmpty ? PeriodAmounts() : $0.periods[period.rawValue].reserved }
    }
}

extension LimitCounters.Counts {
    static let blank = [LimitCounters.Period](repeating: LimitCounters.Period(), count: LimitPeriod.allCases.count)

    /// Begins the periods that `now` lies in. A clock that goes back a little does not reopen one that is over; one that goes back far
    /// begins them anew with what was used.
    /// - Parameter leavesFuture: false when `now` is not what the clock says now.
    mutating func turn(to now: Timestamp, _ plan: LimitPlan, _ zone: CivilZone, leavesFuture: Bool = true) {
        if periods.isEmpty { periods = Self.blank }
        // The day is the shortest of them, except for the window, which opens with a request.
        func turn(_ period: LimitPeriod, _ bounds: @autoclosure () -> Range<Timestamp>) {
            let before = periods[period.rawValue]
            let wasAhead = leavesFuture && before.isAhead(of: now)
            guard now >= before.end || wasAhead else { return }
            let bounds = bounds()
            periods[period.rawValue] = LimitCounters.Period(start: bounds.lowerBound, end: bounds.upperBound)
            // Which of the two clocks was wrong nobody knows: what was used stays used.
            if wasAhead { periods[period.rawValue].used = before.used }
        }
        turn(.day, zone.day(around: now))
        turn(.week, zone.week(around: now, startDay: plan.weekStartDay, hour: plan.weekHour))
        turn(.month, zone.month(around: now))
        turn(.total, Timestamp(milliseconds: .min)..<Timestamp(milliseconds: .max))
        guard plan.windowMinutes > 0 else { return }
        if leavesFuture, periods[0].isAhead(of: now) {
            let used = periods[0].used
            periods[0] = LimitCounters.Period(start: now, end: now.adding(seconds: plan.windowMinutes * 60))
            periods[0].used = used
        } else if now >= periods[0].end {
            periods[0] = LimitCounters.Period()
        }
    }

    mutating func check(
        _ holder: LimitCounters.Holder, _ want: inout LimitCounters.Reservation, isInvited: Bool
    ) throws(LimitRefusal) {
        var isHeld = false
        for rule in holder.plan.rules {
            looks &+= 1
            let measure = rule.measure
            if want.countsRequestsOnly, measure != .requests { continue }
            let asked = want.amounts[measure]
            guard let period = rule.period else {
                minute.advance(to: want.second)
                let total = minute.total(measure)
                let over = LimitAmounts.sum(total, asked) - rule.limit
                let wait = over > 0 ? minute.wait(for: min(over, total), of: measure) : 0
                // One that is larger than the whole limit goes when the minute is empty.
                if wait > 0, measure == .requests || total > 0 || holder.plan.isHard || rule.limit == 0 {
                    let shortage = LimitCounters.shortage(rule.limit, total, asked)
                    throw .hit(LimitHit(scope: holder.scope, name: rule.name, waitSeconds: wait, shortage: shortage))
                }
                continue
            }
            let sums = periods[period.rawValue]
            let (used, reserved) = (sums.used[measure], sums.reserved[measure])
            // Models that a rule is not about do not meet it.
            if measure == .opusCost, asked == 0 { continue }
            let fits = LimitAmounts.sum(LimitAmounts.sum(used, reserved), asked) <= rule.limit
            // It fits once requests under way give back what they do not use. Each of those counts as a request all the same.
            let mayFit = measure != .requests && LimitAmounts.sum(used, asked) <= rule.limit
            guard used < rule.limit, fits || mayFit || !holder.plan.isHard && !want.mustFit && measure != .requests else {
                let resets: Timestamp? = period == .total ? nil : period == .window && sums.end <= want.moment ? nil : sums.end
                let wait = resets.map { max(1, ($0.milliseconds - want.moment.milliseconds + 999) / 1000) }
                throw .hit(
                    LimitHit(
                        scope: holder.scope, name: rule.name, waitSeconds: rule.name.isShort ? wait ?? 60 : nil, resetsAt: resets,
                        shortage: LimitCounters.shortage(rule.limit, LimitAmounts.sum(used, reserved), asked)))
            }
            guard !fits else { continue }
            // Close to the end of a budget one request goes at a time; it is not used up, so others may come back in a moment.
            if reserved > 0 { isHeld = true }
            want.isLastCall = true
        }
        if isHeld { throw .held(holder.scope) }
        guard want.places > 0, let limit = holder.plan.concurrency else { return }
        looks &+= 1
        if concurrent + invited >= limit || (!isInvited && !waiters.isEmpty) { throw .full(holder.scope) }
    }

    mutating func take(_ granted: LimitCounters.Reservation) {
        concurrent += granted.places
        holding += 1
        minute.add(granted.amounts, second: granted.second)
        for index in periods.indices {
            if index == LimitPeriod.window.rawValue {
                // Opens with this request; without a window its end stays in the past.
                guard periods[index].contains(granted.moment) else { continue }
            } else if !periods[index].contains(granted.moment) {
                continue
            }
            periods[index].reserved.add(granted.amounts.period)
        }
    }

    /// Opens the window with the request that is being admitted.
    mutating func openWindow(_ moment: Timestamp, minutes: Int64) {
        let index = LimitPeriod.window.rawValue
        guard minutes > 0, !periods[index].contains(moment) else { return }
        if moment < periods[index].end, !periods[index].isAhead(of: moment) {
            // Another reactor opened it a moment later.
            periods[index].start = moment
            return
        }
        periods[index] = LimitCounters.Period(start: moment, end: moment.adding(seconds: minutes * 60))
    }

    /// Gives its places back, unless they were taken away from it.
    mutating func leave(_ reservation: LimitCounters.Reservation, _ places: Int64?) -> Int64 {
        let held = places ?? (reservation.clears == clears ? reservation.places : 0)
        concurrent -= held
        return held
    }

    mutating func giveBack(_ reservation: LimitCounters.Reservation) {
        holding -= 1
        for index in periods.indices where periods[index].contains(reservation.moment) {
            periods[index].reserved.remove(reservation.amounts.period)
            // It was taken of a period that the clock has left and come back to.
            periods[index].reserved.raise(to: PeriodAmounts())
        }
    }

    /// - Parameter beyond: what the sliding minutes hold already.
    mutating func book(_ used: LimitAmounts, at moment: Timestamp, second: UInt64, beyond: LimitAmounts) {
        for index in periods.indices where periods[index].contains(moment) { periods[index].used.add(used.period) }
        var rest = used
        rest.remove(beyond)
        minute.add(rest, second: second)
    }

    /// Takes the next one out of the queue, to be told outside of the lock.
    mutating func inviteNext() -> LimitWaiter? {
        guard !waiters.isEmpty else { return nil }
        invited += 1
        return waiters.removeFirst()
    }
}
