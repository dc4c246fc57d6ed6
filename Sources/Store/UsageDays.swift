public import Domain

/// What a key used in a span of days, from the daily totals: charged entries only.
public struct Usage: Sendable, Equatable {
    public var requests: Int64 = 0
    public var tokens: TokenCounts = TokenCounts()
    public var webSearchRequests: Int64 = 0
    public var costMicroUSD: Int64 = 0
    public var priceMicroUSD: Int64 = 0
    public init() {}

    init(row: Row) throws(StoreError) {
        requests = try row["requests"]
        tokens = TokenCounts(
            input: try row["input_tokens"], output: try row["output_tokens"], cacheWrite5m: try row["cache_write_5m_tokens"],
            cacheWrite1h: try row["cache_write_1h_tokens"], cacheRead: try row["cache_read_tokens"])
        webSearchRequests = try row["web_search_requests"]
        costMicroUSD = try row["cost_micro_usd"]
        priceMicroUSD = try row["price_micro_usd"]
    }

    /// The sums every query of this file selects, over `usage_days` and, to check it, over `ledger` with its own count of requests.
    static func sums(requests: SQL) -> SQL {
        """
        CAST(COALESCE(SUM(\(requests)), 0) AS BIGINT) AS requests, CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
        CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
        CAST(COALESCE(SUM(cache_write_5m_tokens), 0) AS BIGINT) AS cache_write_5m_tokens,
        CAST(COALESCE(SUM(cache_write_1h_tokens), 0) AS BIGINT) AS cache_write_1h_tokens,
        CAST(COALESCE(SUM(cache_read_tokens), 0) AS BIGINT) AS cache_read_tokens,
        CAST(COALESCE(SUM(web_search_requests), 0) AS BIGINT) AS web_search_requests,
        CAST(COALESCE(SUM(cost_micro_usd), 0) AS BIGINT) AS cost_micro_usd, CAST(COALESCE(SUM(price_micro_usd), 0) AS BIGINT) AS price_micro_usd
        """
    }
}

/// Whose usage, and over which days ("YYYY-MM-DD", both ends included). Nil means any.
public struct UsageFilter: Sendable {
    public var apiKeyID: APIKeyID?
    public var userID: UserID?
    public var fromDay: String?
    public var toDay: String?

    public init(apiKeyID: APIKeyID? = nil, userID: UserID? = nil, fromDay: String? = nil, toDay: String? = nil) {
        self.apiKeyID = apiKeyID
        self.userID = userID
        self.fromDay = fromDay
        self.toDay = toDay
    }

    var condition: SQL {
        var condition: SQL = "1 = 1"
        if let apiKeyID { condition = "\(condition) AND api_key_id = \(apiKeyID)" }
        if let userID { condition = "\(condition) AND user_id = \(userID)" }
        if let fromDay { condition = "\(condition) AND day >= \(fromDay)" }
        if let toDay { condition = "\(condition) AND day <= \(toDay)" }
        return condition
    }
}

public enum UsageGrouping: Sendable, CaseIterable { case day, model, apiKey }

/// A day's total that does not equal the ledger's.
public struct UsageMismatch: Sendable, Equatable {
    public let apiKeyID: String
    public let day: String
    public let model: String
}

extension Reader {
    public func usage(_ filter: UsageFilter) throws(StoreError) -> Usage {
        guard let row = try rows("SELECT \(Usage.sums(requests: "requests")) FROM usage_days WHERE \(filter.condition)").first else {
            return Usage()
        }
        return try Usage(row: row)
    }

    /// Usage of each key that has any, for one owner's list of keys or (nil) for all: reads only that day's rows.
    public func usageByKey(owner: UserID? = nil, day: String) throws(StoreError) -> [APIKeyID: Usage] {
        let filter = UsageFilter(userID: owner, fromDay: day, toDay: day)
        var found: [APIKeyID: Usage] = [:]
        for row in try rows(
            "SELECT api_key_id, \(Usage.sums(requests: "requests")) FROM usage_days WHERE \(filter.condition) GROUP BY api_key_id")
        {
            found[try row["api_key_id"]] = try Usage(row: row)
        }
        return found
    }

    /// One bucket per day, model or key, in the bucket's own order; at most 1000.
    public func usageSeries(_ filter: UsageFilter, by grouping: UsageGrouping) throws(StoreError) -> [(bucket: String, usage: Usage)] {
        let column: SQL =
            switch grouping {
            case .day: "day"
            case .model: "model"
            case .apiKey: "api_key_id"
            }
        var series: [(bucket: String, usage: Usage)] = []
        for row in try rows(
            """
            SELECT \(column) AS bucket, \(Usage.sums(requests: "requests")) FROM usage_days WHERE \(filter.condition)
            GROUP BY \(column) ORDER BY \(column) LIMIT \(PageLimits.items)
            """)
        { series.append((try row["bucket"], try Usage(row: row))) }
        return series
    }

    /// What an account's charged requests used, a bucket for each day that has any.
    public func usageByDay(of account: AccountID, fromDay: String) throws(StoreError) -> [(bucket: String, usage: Usage)] {
        guard let from = try? ambient.zone.day(parsing: fromDay).lowerBound else { throw .programming("no day: \(fromDay)") }
        var series: [(bucket: String, usage: Usage)] = []
        for row in try rows(
            """
            SELECT day, \(Usage.sums(requests: "counts_request")) FROM ledger
            WHERE at >= \(from) AND day >= \(fromDay) AND account_id = \(account) AND charged GROUP BY day ORDER BY day
            LIMIT \(PageLimits.items)
            """)
        { series.append((try row["day"], try Usage(row: row))) }
        return series
    }

    /// Adds the ledger up again and names up to 100 daily totals that differ; empty when the books balance. Reads the whole ledger.
    public func usageMismatches() throws(StoreError) -> [UsageMismatch] {
        let found = try rows(
            """
            SELECT api_key_id, day, model FROM (
                SELECT api_key_id, day, model, requests, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
                    cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd FROM usage_days
                UNION ALL
                SELECT api_key_id, day, model, -counts_request, -input_tokens, -output_tokens, -cache_write_5m_tokens,
                    -cache_write_1h_tokens, -cache_read_tokens, -web_search_requests, -cost_micro_usd, -price_micro_usd
                FROM ledger WHERE charged
            ) AS differences
            GROUP BY api_key_id, day, model
            HAVING SUM(requests) <> 0 OR SUM(input_tokens) <> 0 OR SUM(output_tokens) <> 0 OR SUM(cache_write_5m_tokens) <> 0
                OR SUM(cache_write_1h_tokens) <> 0 OR SUM(cache_read_tokens) <> 0 OR SUM(web_search_requests) <> 0
                OR SUM(cost_micro_usd) <> 0 OR SUM(price_micro_usd) <> 0
            ORDER BY day, api_key_id, model LIMIT 100
            """)
        var mismatches: [UsageMismatch] = []
        for row in found { mismatches.append(UsageMismatch(apiKeyID: try row["api_key_id"], day: try row["day"], model: try row["model"])) }
        return mismatches
    }
}

extension Transaction {
    func addToDay(_ total: DayTotals.Total) throws(StoreError) {
        let numbers = total.numbers
        let statement: SQL =
            """
            INSERT INTO usage_days (api_key_id, day, model, user_id, requests, input_tokens, output_tokens, cache_write_5m_tokens,
                cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd)
            VALUES (\(total.key.apiKeyID), \(total.key.day), \(total.key.model), \(total.userID), \(total.requests), \(numbers[0]),
                \(numbers[1]), \(numbers[2]), \(numbers[3]), \(numbers[4]), \(numbers[5]), \(numbers[6]), \(numbers[7]))
            ON CONFLICT (api_key_id, day, model) DO UPDATE SET requests = usage_days.requests + excluded.requests,
                input_tokens = usage_days.input_tokens + excluded.input_tokens,
                output_tokens = usage_days.output_tokens + excluded.output_tokens,
                cache_write_5m_tokens = usage_days.cache_write_5m_tokens + excluded.cache_write_5m_tokens,
                cache_write_1h_tokens = usage_days.cache_write_1h_tokens + excluded.cache_write_1h_tokens,
                cache_read_tokens = usage_days.cache_read_tokens + excluded.cache_read_tokens,
                web_search_requests = usage_days.web_search_requests + excluded.web_search_requests,
                cost_micro_usd = usage_days.cost_micro_usd + excluded.cost_micro_usd,
                price_micro_usd = usage_days.price_micro_usd + excluded.price_micro_usd
            """
        try execute(statement.named(.addToDay))
    }

    /// Makes the daily totals from the ledger again.
    public func rebuildUsageDays() throws(StoreError) {
        try execute("DELETE FROM usage_days")
        try execute(
            """
            INSERT INTO usage_days (api_key_id, day, model, user_id, requests, input_tokens, output_tokens, cache_write_5m_tokens,
                cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd)
            SELECT api_key_id, day, model, MAX(user_id), CAST(SUM(counts_request) AS BIGINT), CAST(SUM(input_tokens) AS BIGINT),
                CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(cache_write_5m_tokens) AS BIGINT), CAST(SUM(cache_write_1h_tokens) AS BIGINT),
                CAST(SUM(cache_read_tokens) AS BIGINT), CAST(SUM(web_search_requests) AS BIGINT), CAST(SUM(cost_micro_usd) AS BIGINT),
                CAST(SUM(price_micro_usd) AS BIGINT)
            FROM ledger WHERE charged GROUP BY api_key_id, day, model
            """)
    }
}
