public import Domain

/// What counts against limits, as the ledger knows it: charged entries only.
public struct LimitUsage: Sendable, Equatable {
    public var requests: Int64
    public var tokens: TokenCounts
    public var priceMicroUSD: Int64
    /// The part of the price that is for models of the opus family.
    public var opusPriceMicroUSD: Int64

    init(row: Row) throws(StoreError) {
        requests = try row["requests"]
        tokens = TokenCounts(
            input: try row["input_tokens"], output: try row["output_tokens"], cacheWrite5m: try row["cache_write_5m_tokens"],
            cacheWrite1h: try row["cache_write_1h_tokens"])
        priceMicroUSD = try row["price_micro_usd"]
        opusPriceMicroUSD = try row["opus_price"]
    }

    static func sums(requests: SQL) -> SQL {
        """
        CAST(COALESCE(SUM(\(requests)), 0) AS BIGINT) AS requests, CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
        CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
        CAST(COALESCE(SUM(cache_write_5m_tokens), 0) AS BIGINT) AS cache_write_5m_tokens,
        CAST(COALESCE(SUM(cache_write_1h_tokens), 0) AS BIGINT) AS cache_write_1h_tokens,
        CAST(COALESCE(SUM(price_micro_usd), 0) AS BIGINT) AS price_micro_usd,
        CAST(COALESCE(SUM(CASE WHEN model LIKE '%opus%' THEN price_micro_usd ELSE 0 END), 0) AS BIGINT) AS opus_price
        """
    }
}

/// Which days of a key's usage: each but the last leaves out what the next ones hold.
public enum LimitSpan: Int64, Sendable { case earlier, month, today }

/// A part of what a key used.
public struct LimitPart: Sendable, Equatable {
    public let apiKeyID: APIKeyID
    public let span: LimitSpan
    public let usage: LimitUsage
}

/// What a key used within a moment: requests that were made in the same quarter of a second, results of batches booked in the same second.
public struct LimitStep: Sendable, Equatable {
    public let apiKeyID: APIKeyID
    /// When the first of them counts.
    public let at: Timestamp
    public let usage: LimitUsage
}

/// A key and who shares its limits.
public struct KeyOwners: Sendable, Equatable, RowReadable {
    public let apiKeyID: APIKeyID
    public let ownerID: UserID?
    /// Its own or its owner's.
    public let teamID: TeamID?

    init(row: Row) throws(StoreError) {
        apiKeyID = try row["id"]
        ownerID = try row["owner_id"]
        teamID = try row["effective_team"]
    }
}

extension Reader {
    /// Who shares the limits of each key, deleted ones too, in the order of their ids; read again from the last one's id until nothing comes.
    public func keyOwners(after: APIKeyID?) throws(StoreError) -> [KeyOwners] {
        try all(
            """
            SELECT id, owner_id, COALESCE(team_id, (SELECT users.team_id FROM users WHERE users.id = api_keys.owner_id)) AS effective_team
            FROM api_keys WHERE id > COALESCE(\(after), '') ORDER BY id LIMIT \(PageLimits.items)
            """)
    }

    /// Some keys' use, from the daily totals.
    /// - Parameters:
    ///   - today: its civil day; later days belong to it.
    ///   - month: the first day of the month.
    public func limitUsage(of keys: [APIKeyID], today: String, month: String) throws(StoreError) -> [LimitPart] {
        var parts: [LimitPart] = []
        for key in keys { parts += try limitUsage("api_key_id = \(key)", today, month) }
        return parts
    }

    /// The use of the next keys in the order of their ids, from the daily totals.
    /// - Parameters:
    ///   - after: the last key of the part before; nil begins.
    ///   - count: how many daily totals to read; those of one key stay together.
    /// - Returns: `end` nil for the last part.
    public func limitUsage(
        after: APIKeyID?, today: String, month: String, rows count: Int
    ) throws(StoreError) -> (parts: [LimitPart], end: APIKeyID?) {
        let later: SQL = if let after { "api_key_id > \(after)" } else { "1 = 1" }
        let last = try rows(
            "SELECT api_key_id FROM usage_days WHERE \(later) ORDER BY api_key_id LIMIT 1 OFFSET \(max(1, count) - 1)"
        ).first
        guard let last else { return (try limitUsage(later, today, month), nil) }
        let end: APIKeyID = try last["api_key_id"]
        return (try limitUsage("\(later) AND api_key_id <= \(end)", today, month), end)
    }

    private func limitUsage(_ condition: SQL, _ today: String, _ month: String) throws(StoreError) -> [LimitPart] {
        var parts: [LimitPart] = []
        for row in try rows(
            """
            SELECT api_key_id, CAST(CASE WHEN day >= \(today) THEN 2 WHEN day >= \(month) THEN 1 ELSE 0 END AS BIGINT) AS span,
                \(LimitUsage.sums(requests: "requests")) FROM usage_days WHERE \(condition) GROUP BY api_key_id, span
            """)
        {
            let span: Int64 = try row["span"]
            parts.append(
                LimitPart(apiKeyID: try row["api_key_id"], span: LimitSpan(rawValue: span) ?? .earlier, usage: try LimitUsage(row: row)))
        }
        return parts
    }

    /// Use since a moment, from the next part of the ledger in the order of its ids. A request counts when its id was made, however long it
    /// took and whoever settled it; results of a batch, whose ids are of the batch, when they were booked.
    /// - Parameters:
    ///   - after: where the part before ended; nil begins with the oldest batch whose results can have been booked since.
    ///   - entries: how many to read.
    /// - Returns: `end` nil for the last part.
    public func recentUsage(
        since moment: Timestamp, after: LedgerPlace?, entries: Int
    ) throws(StoreError) -> (steps: [LimitStep], end: LedgerPlace?) {
        let place = after ?? LedgerPlace.before(moment.adding(seconds: -LedgerPlace.longestSeconds))
        let later: SQL = "(request_id, attempt) > (\(place.request), \(place.attempt))"
        let end = try ledgerPlace(later, entries: entries)
        let earlier: SQL = if let end { "(request_id, attempt) <= (\(end.request), \(end.attempt))" } else { "1 = 1" }
        let ofBatch: SQL = "price_flags LIKE '%batch%'"
        var steps: [LimitStep] = []
        // An id is "req_" and the milliseconds in twelve hex digits; the last two of them are left out.
        for row in try rows(
            """
            SELECT api_key_id, CASE WHEN \(ofBatch) THEN at / 1000 ELSE 0 END AS booked_second,
                CASE WHEN \(ofBatch) THEN '' ELSE substr(request_id, 1, 14) END AS made, MIN(request_id) AS first_id, MIN(at) AS first_at,
                \(LimitUsage.sums(requests: "counts_request"))
            FROM ledger WHERE \(later) AND \(earlier) AND charged
                AND (request_id >= \(LedgerPlace.before(moment).request) OR \(ofBatch) AND at >= \(moment))
            GROUP BY api_key_id, booked_second, made
            """)
        {
            let (made, first): (String, RequestID) = (try row["made"], try row["first_id"])
            let at: Timestamp = made.isEmpty ? try row["first_at"] : Timestamp(milliseconds: Int64(first.high >> 16))
            steps.append(LimitStep(apiKeyID: try row["api_key_id"], at: at, usage: try LimitUsage(row: row)))
        }
        return (steps, end)
    }
}
