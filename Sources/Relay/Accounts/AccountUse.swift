internal import Domain
internal import Store

/// What an account has been used for in the last minute and today, against its caps.
struct AccountUse: Sendable {
    private var requests = RateWindow()
    /// Tokens settled in each of the last sixty seconds.
    private var tokens = MinuteSum()
    /// Of requests under way.
    var reserved: Int64 = 0
    private let zone: CivilZone
    /// The civil day that the cost is of.
    private var day = Timestamp(milliseconds: 0)..<Timestamp(milliseconds: 0)
    private(set) var costMicroUSD: Int64 = 0

    init(zone: CivilZone) { self.zone = zone }

    /// Counts the request when every cap leaves room; else when it may come again, with nothing counted.
    mutating func take(_ caps: AccountCaps, tokens wanted: Int64, now: Timestamp) -> Timestamp? {
        if let obstacle = wait(caps, tokens: wanted, now: now) { return obstacle.until }
        if let limit = caps.requestsPerMinute, let seconds = requests.take(limit: limit, second: Self.second(now)) {
            return now.adding(seconds: Int64(seconds))
        }
        reserved += wanted
        return nil
    }

    /// Which cap stands against another request, and until when.
    mutating func wait(_ caps: AccountCaps, tokens wanted: Int64, now: Timestamp) -> (until: Timestamp, cap: String)? {
        if let limit = caps.costPerDayMicroUSD {
            turn(to: now)
            if costMicroUSD >= limit { return (day.upperBound, "cost per day") }
        }
        if let limit = caps.tokensPerMinute {
            let used = tokens.total(second: Self.second(now))
            // A request larger than the cap goes when nothing else does.
            let fits = used + reserved + wanted <= limit || used + reserved == 0
            if !fits { return (now.adding(seconds: Int64(tokens.waitSeconds(second: Self.second(now)))), "tokens per minute") }
        }
        if let limit = caps.requestsPerMinute {
            var looking = requests
            if let seconds = looking.take(limit: limit, second: Self.second(now)) {
                return (now.adding(seconds: Int64(seconds)), "requests per minute")
            }
        }
        return nil
    }

    mutating func settle(tokens used: Int64, costMicroUSD cost: Int64, now: Timestamp) {
        tokens.add(used, second: Self.second(now))
        turn(to: now)
        costMicroUSD = costMicroUSD.addingReportingOverflow(cost).overflow ? .max : costMicroUSD + cost
    }

    /// What the ledger knows of the day.
    mutating func load(costMicroUSD cost: Int64, at moment: Timestamp) {
        turn(to: moment)
        costMicroUSD = max(costMicroUSD, cost)
    }

    private mutating func turn(to now: Timestamp) {
        if now >= day.upperBound { (day, costMicroUSD) = (zone.day(around: now), 0) }
        // A clock that goes back a little does not reopen a day that is over; one that goes back far leaves what was used.
        if now < day.lowerBound.adding(seconds: -LimitCounters.Period.stepSeconds) { day = zone.day(around: now) }
    }

    private static func second(_ now: Timestamp) -> UInt64 { UInt64(clamping: now.milliseconds / 1000) }
}

/// A sum over the last sixty seconds, in buckets of one second.
struct MinuteSum: Sendable {
    private static let seconds: UInt64 = 60
    private var buckets = [Int64](repeating: 0, count: 60)
    private var newest: UInt64 = 0

    mutating func add(_ amount: Int64, second: UInt64) {
        advance(to: second)
        let at = Int(newest % Self.seconds)
        buckets[at] = min(
            Self.largest, buckets[at].addingReportingOverflow(max(0, amount)).overflow ? Self.largest : buckets[at] + max(0, amount))
    }
    mutating func total(second: UInt64) -> Int64 {
        advance(to: second)
        return buckets.reduce(0, +)
    }
    /// Until the oldest counted second leaves.
    mutating func waitSeconds(second: UInt64) -> Int {
        advance(to: second)
        for wait in 1...Self.seconds where buckets[Int((newest + wait) % Self.seconds)] > 0 { return Int(wait) }
        return 1
    }
    /// Sixty of them still fit.
    private static let largest = Int64.max / 128

    private mutating func advance(to second: UInt64) {
        let wasAhead = newest > second && newest - second > Self.seconds
        guard second > newest || wasAhead else { return }
        if wasAhead || second - newest >= Self.seconds {
            for at in buckets.indices { buckets[at] = 0 }
        } else {
            for passed in newest + 1...second { buckets[Int(passed % Self.seconds)] = 0 }
        }
        newest = second
    }
}
