internal import Domain

/// Where a part of the ledger ends.
public struct LedgerPlace: Sendable, Equatable {
    let request: String
    let attempt: Int64

    /// A request is settled at most so long after its id was made; the results of a batch come last.
    static let longestSeconds: Int64 = 2 * 86_400

    /// Before every request that was made at the moment or later.
    static func before(_ moment: Timestamp) -> LedgerPlace {
        LedgerPlace(request: RequestID(high: UInt64(clamping: moment.milliseconds) << 16, low: 0).text, attempt: 0)
    }
}

extension Usage {
    /// Sums of sums may pass the largest number only where each was wrong before: they wrap, and so differ all the same.
    public mutating func add(_ other: Usage) {
        requests &+= other.requests
        tokens = TokenCounts(
            input: tokens.input &+ other.tokens.input, output: tokens.output &+ other.tokens.output,
            cacheWrite5m: tokens.cacheWrite5m &+ other.tokens.cacheWrite5m, cacheWrite1h: tokens.cacheWrite1h &+ other.tokens.cacheWrite1h,
            cacheRead: tokens.cacheRead &+ other.tokens.cacheRead)
        webSearchRequests &+= other.webSearchRequests
        costMicroUSD &+= other.costMicroUSD
        priceMicroUSD &+= other.priceMicroUSD
    }
}

extension Reader {
    /// Charged entries of the next part of the ledger, in the order of their ids, added up by key, day and model.
    /// - Parameters:
    ///   - after: where the part before ended; nil begins.
    ///   - day: only days before it.
    /// - Returns: `end` nil for the last part.
    public func ledgerSums(after: LedgerPlace?, before day: String, entries: Int) throws(StoreError) -> (
        sums: [UsageDayKey: Usage], end: LedgerPlace?
    ) {
        let later: SQL = if let after { "(request_id, attempt) > (\(after.request), \(after.attempt))" } else { "1 = 1" }
        let end = try ledgerPlace(later, entries: entries)
        let earlier: SQL = if let end { "(request_id, attempt) <= (\(end.request), \(end.attempt))" } else { "1 = 1" }
        var sums: [UsageDayKey: Usage] = [:]
        for row in try rows(
            """
            SELECT api_key_id, day, model, \(Usage.sums(requests: "counts_request")) FROM ledger
            WHERE \(later) AND \(earlier) AND charged AND day < \(day) GROUP BY api_key_id, day, model
            """)
        { sums[try UsageDayKey(row: row)] = try Usage(row: row) }
        return (sums, end)
    }

    /// The last of so many entries; nil when there are fewer.
    func ledgerPlace(_ condition: SQL, entries: Int) throws(StoreError) -> LedgerPlace? {
        let last = try rows(
            "SELECT request_id, attempt FROM ledger WHERE \(condition) ORDER BY request_id, attempt LIMIT 1 OFFSET \(max(1, entries) - 1)"
        ).first
        guard let last else { return nil }
        return LedgerPlace(request: try last["request_id"], attempt: try last["attempt"])
    }

    /// Daily totals of days before `day`, in their order; `after` is the last one of the page before.
    public func dayTotals(after: UsageDayKey?, before day: String, limit: Int) throws(StoreError) -> [(key: UsageDayKey, usage: Usage)] {
        let later: SQL =
            if let after { "AND (api_key_id, day, model) > (\(after.apiKeyID), \(after.day), \(after.model))" } else { "" }
        var totals: [(key: UsageDayKey, usage: Usage)] = []
        for row in try rows(
            """
            SELECT api_key_id, day, model, \(Usage.sums(requests: "requests")) FROM usage_days WHERE day < \(day) \(later)
            GROUP BY api_key_id, day, model ORDER BY api_key_id, day, model LIMIT \(PageLimits.clamp(limit))
            """)
        { totals.append((try UsageDayKey(row: row), try Usage(row: row))) }
        return totals
    }
}
