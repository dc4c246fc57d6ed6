internal import Domain
public import Store
public import Telemetry

/// Adds the books up again each night: the ledger of relayed requests against its daily totals, and everybody's entries of money against
/// their balance. What differs is a defect, or somebody's hand in the database: it is told to the operator, and never corrected by itself.
public struct Books: Sendable {
    let store: Store
    let log: Log
    private let differences: Gauge

    public init(store: Store, log: Log, metrics: Metrics) {
        (self.store, self.log) = (store, log)
        differences = metrics.gauge(.booksDiffer)
    }

    /// What did not add up.
    public struct Report: Sendable, Equatable {
        /// Daily totals that are not the sum of the ledger's entries, in order.
        public var days: [UsageDayKey] = []
        /// People, with the currency.
        public var balances: [String] = []
        public var isBalanced: Bool { days.isEmpty && balances.isEmpty }
    }

    /// Entries added up in one query: far below a second, so that the rest of the server reads beside it.
    static let part = 50_000
    /// Daily totals read in one query.
    private static let page = 1000
    /// Of the day, where `TIME_ZONE` says.
    private static let hour: Int64 = 3
    private static let subject = "books"
    private static let alertSeconds: Int64 = 20 * 3600
    /// Differences that an event names.
    private static let told = 20

    /// Each night until the task is cancelled.
    public func run() async {
        var next = Self.night(after: store.ambient.now(), in: store.ambient.zone)
        while !Task.isCancelled {
            let left = next.milliseconds - store.ambient.now().milliseconds
            guard left <= 0 else {
                // In parts, because the wall clock may be set meanwhile.
                do { try await store.ambient.sleep(.milliseconds(min(left, Self.lookMilliseconds))) } catch { return }
                continue
            }
            do throws(StoreError) { _ = try await pass() } catch { log.warning("books.failed", ["error": LogValue("\(error)")]) }
            next = Self.night(after: store.ambient.now(), in: store.ambient.zone)
        }
    }
    private static let lookMilliseconds: Int64 = 600_000

    static func night(after now: Timestamp, in zone: CivilZone) -> Timestamp {
        let day = zone.day(around: now)
        let tonight = day.lowerBound.adding(seconds: Self.hour * 3600)
        return tonight > now ? tonight : day.upperBound.adding(seconds: Self.hour * 3600)
    }

    /// Adds everything up once, and again what differed: it may have been booked in between. Today is left out, as it still grows.
    @discardableResult
    public func pass() async throws(StoreError) -> Report {
        var wrong = try await differing()
        if !wrong.isEmpty {
            let again = try await differing()
            wrong = wrong.filter { again[$0.key] == $0.value }
        }
        var report = Report(days: wrong.keys.sorted())
        report.balances = try await store.read { reader throws(StoreError) in
            try reader.wrongBalances().map { "\($0.user.text) \($0.currency.code)" }.sorted()
        }
        differences.set(Int64(report.days.count + report.balances.count))
        try await tell(report)
        return report
    }

    /// The ledger's sums less the daily totals, where that is not nothing. As many in memory as there are keys, days and models.
    private func differing() async throws(StoreError) -> [UsageDayKey: Usage] {
        let today = store.ambient.zone.dayText(store.ambient.now())
        var sums: [UsageDayKey: Usage] = [:]
        var place: LedgerPlace?
        repeat {
            let (part, end) = try await store.read { [place] reader throws(StoreError) in
                try reader.ledgerSums(after: place, before: today, entries: Self.part)
            }
            for (key, usage) in part { sums[key, default: Usage()].add(usage) }
            place = end
        } while place != nil
        var last: UsageDayKey?
        while true {
            let totals = try await store.read { [last] reader throws(StoreError) in
                try reader.dayTotals(after: last, before: today, limit: Self.page)
            }
            for (key, usage) in totals {
                // Only what differs stays.
                var rest = sums[key] ?? Usage()
                rest.add(usage.negated)
                sums[key] = rest == Usage() ? nil : rest
            }
            guard totals.count == Self.page, let end = totals.last?.key else { return sums }
            last = end
        }
    }

    private func tell(_ report: Report) async throws(StoreError) {
        guard !report.isBalanced else {
            let isOver = try await store.transaction { transaction throws(StoreError) in
                guard try transaction.endAlert(Self.subject) else { return false }
                try transaction.promise("books.balanced", subject: Self.subject, body: [:])
                return true
            }
            if isOver { log.notice("books.balanced") }
            return
        }
        log.error(
            "books.differ",
            [
                "days": LogValue(report.days.count), "balances": LogValue(report.balances.count),
                "first": LogValue(report.days.first.map(\.sentence) ?? report.balances.first ?? ""),
            ])
        let body: JSON = [
            "usage_days": .int(Int64(report.days.count)), "balances": .int(Int64(report.balances.count)),
            "first": .array((report.days.map(\.sentence) + report.balances).prefix(Self.told).map(JSON.string)),
        ]
        try await store.transaction { transaction throws(StoreError) in
            // Of several servers that see it one tells it, and again the next night.
            guard try transaction.claimAlert(Self.subject, word: body.text, pauseSeconds: Self.alertSeconds) else { return }
            try transaction.promise("books.differ", subject: Self.subject, body: body)
        }
    }
}

extension UsageDayKey {
    fileprivate var sentence: String { "\(apiKeyID) \(day) \(model)" }
}

extension Usage {
    fileprivate var negated: Usage {
        var less = Usage()
        less.requests = 0 &- requests
        less.tokens = TokenCounts(
            input: 0 &- tokens.input, output: 0 &- tokens.output, cacheWrite5m: 0 &- tokens.cacheWrite5m,
            cacheWrite1h: 0 &- tokens.cacheWrite1h, cacheRead: 0 &- tokens.cacheRead)
        less.webSearchRequests = 0 &- webSearchRequests
        (less.costMicroUSD, less.priceMicroUSD) = (0 &- costMicroUSD, 0 &- priceMicroUSD)
        return less
    }
}
