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

extension Reader {
    /// Each key's use since a civil day (nil: ever), from the daily totals.
    public func limitUsage(fromDay day: String?) throws(StoreError) -> [APIKeyID: LimitUsage] {
        try limitUsage(
            "SELECT api_key_id, \(LimitUsage.sums(requests: "requests")) FROM usage_days WHERE day >= \(day ?? "") GROUP BY api_key_id")
    }

    /// Each key's use since a moment, from the ledger itself.
    public func limitUsage(since moment: Timestamp) throws(StoreError) -> [APIKeyID: LimitUsage] {
        try limitUsage(
            """
            SELECT api_key_id, \(LimitUsage.sums(requests: "counts_request")) FROM ledger WHERE at >= \(moment) AND charged
            GROUP BY api_key_id
            """)
    }

    private func limitUsage(_ statement: SQL) throws(StoreError) -> [APIKeyID: LimitUsage] {
        var found: [APIKeyID: LimitUsage] = [:]
        for row in try rows(statement) { found[try row["api_key_id"]] = try LimitUsage(row: row) }
        return found
    }

    /// Use since a moment in steps of a second, oldest first, at most 100,000 steps.
    public func recentUsage(since moment: Timestamp) throws(StoreError) -> [(apiKeyID: APIKeyID, at: Timestamp, usage: LimitUsage)] {
        var found: [(apiKeyID: APIKeyID, at: Timestamp, usage: LimitUsage)] = []
        for row in try rows(
            """
            SELECT api_key_id, MIN(at) AS at, \(LimitUsage.sums(requests: "counts_request")) FROM ledger
            WHERE at >= \(moment) AND charged GROUP BY api_key_id, at / 1000 ORDER BY MIN(at) LIMIT 100000
            """)
        { found.append((try row["api_key_id"], try row["at"], try LimitUsage(row: row))) }
        return found
    }
}
