public import Domain

/// Usage and money of one attempt that reached upstream. Append only: the database itself refuses to change or delete an entry.
public struct LedgerEntry: Sendable, Equatable, RowReadable {
    public var requestID: RequestID
    /// 1, 2, …: with the request id it makes the entry unique.
    public var attempt: Int64
    public var apiKeyID: APIKeyID
    public var userID: UserID?
    public var accountID: AccountID?
    public var model: String
    public var tokens: TokenCounts
    public var webSearchRequests: Int64
    public var costMicroUSD: Int64
    public var priceMicroUSD: Int64
    /// Words about how the price came to be, separated by spaces, as in "price_missing geo_us"; empty when there is nothing to say.
    public var priceFlags: String
    public var usageSource: UsageSource
    /// Whether it counts for the customer. False: booked to the operator (a failed attempt whose usage upstream reported).
    public var charged: Bool
    public var at: Timestamp
    /// The civil day it counts for, "YYYY-MM-DD", in the configured zone.
    public var day: String

    /// - Parameter day: nil takes the day of `at` in UTC.
    public init(
        requestID: RequestID, attempt: Int64, apiKeyID: APIKeyID, userID: UserID? = nil, accountID: AccountID? = nil, model: String,
        tokens: TokenCounts, webSearchRequests: Int64 = 0, costMicroUSD: Int64, priceMicroUSD: Int64, priceFlags: String = "",
        usageSource: UsageSource, charged: Bool = true, at: Timestamp, day: String? = nil
    ) {
        self.requestID = requestID
        self.attempt = attempt
        self.apiKeyID = apiKeyID
        self.userID = userID
        self.accountID = accountID
        self.model = model
        self.tokens = tokens
        self.webSearchRequests = webSearchRequests
        self.costMicroUSD = costMicroUSD
        self.priceMicroUSD = priceMicroUSD
        self.priceFlags = priceFlags
        self.usageSource = usageSource
        self.charged = charged
        self.at = at
        self.day = day ?? at.dayText
    }

    init(row: Row) throws(StoreError) {
        requestID = try row["request_id"]
        attempt = try row["attempt"]
        apiKeyID = try row["api_key_id"]
        userID = try row["user_id"]
        accountID = try row["account_id"]
        model = try row["model"]
        tokens = TokenCounts(
            input: try row["input_tokens"], output: try row["output_tokens"], cacheWrite5m: try row["cache_write_5m_tokens"],
            cacheWrite1h: try row["cache_write_1h_tokens"], cacheRead: try row["cache_read_tokens"])
        webSearchRequests = try row["web_search_requests"]
        costMicroUSD = try row["cost_micro_usd"]
        priceMicroUSD = try row["price_micro_usd"]
        priceFlags = try row["price_flags"]
        usageSource = try row["usage_source"]
        charged = try row["charged"]
        at = try row["at"]
        day = try row["day"]
    }

    static let columns: SQL = """
        request_id, attempt, api_key_id, user_id, account_id, model, input_tokens, output_tokens, cache_write_5m_tokens,
        cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd, price_flags, usage_source, charged,
        at, day
        """
}

/// A settled request: its history row and what it booked.
public struct SettledRequest: Sendable, Equatable {
    public var request: RequestRecord
    /// One for each attempt that reached upstream and used something; often one, sometimes none.
    public var entries: [LedgerEntry]

    public init(request: RequestRecord, entries: [LedgerEntry]) {
        self.request = request
        self.entries = entries
    }
}

extension Reader {
    /// In order of attempts.
    public func ledgerEntries(of request: RequestID) throws(StoreError) -> [LedgerEntry] {
        try all("SELECT \(LedgerEntry.columns) FROM ledger WHERE request_id = \(request) ORDER BY attempt LIMIT \(PageLimits.items)")
    }

    /// All entries in the order of their ids; `after` is the last one of the page before.
    public func ledger(after: LedgerEntry? = nil, limit: Int) throws(StoreError) -> Page<LedgerEntry> {
        let limit = PageLimits.clamp(limit)
        let later: SQL = if let after { "WHERE (request_id, attempt) > (\(after.requestID), \(after.attempt))" } else { "" }
        let rows: [LedgerEntry] = try all(
            "SELECT \(LedgerEntry.columns) FROM ledger \(later) ORDER BY request_id, attempt LIMIT \(limit + 1)")
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// Books settled requests: history rows, ledger entries and daily totals, all or none. Entries that are there already are left
    /// alone, so the same batch may come any number of times. What no database can keep is replaced and flagged rather than refused,
    /// because a batch that never goes through would stop the journal.
    /// - Returns: how many ledger entries were new.
    public func settle(_ settled: [SettledRequest]) throws(StoreError) -> Int {
        var new = 0
        var lastUses: [APIKeyID: Timestamp] = [:]
        var days = DayTotals()
        for one in settled {
            try recordRequest(one.request)
            for entry in one.entries where try append(entry.bookable, &days) { new += 1 }
            lastUses[one.request.apiKeyID] = max(lastUses[one.request.apiKeyID] ?? one.request.startedAt, one.request.startedAt)
        }
        for (entry, requests) in days.inOrder { try addToDay(entry, requests: requests) }
        for (key, moment) in lastUses.sorted(by: { $0.key < $1.key }) { try recordUse(of: key, at: moment) }
        return new
    }

    /// False when the entry was there.
    private func append(_ entry: LedgerEntry, _ days: inout DayTotals) throws(StoreError) -> Bool {
        // A request counts once in the daily totals, with its first charged entry.
        let statement: SQL =
            """
            INSERT INTO ledger (\(LedgerEntry.columns), counts_request)
            VALUES (\(entry.requestID), \(entry.attempt), \(entry.apiKeyID), \(entry.userID), \(entry.accountID), \(entry.model),
                \(entry.tokens.input), \(entry.tokens.output), \(entry.tokens.cacheWrite5m), \(entry.tokens.cacheWrite1h),
                \(entry.tokens.cacheRead), \(entry.webSearchRequests), \(entry.costMicroUSD), \(entry.priceMicroUSD), \(entry.priceFlags),
                \(entry.usageSource), \(entry.charged), \(entry.at), \(entry.day),
                CASE WHEN \(entry.charged)
                    AND NOT EXISTS (SELECT 1 FROM ledger AS earlier WHERE earlier.request_id = \(entry.requestID) AND earlier.counts_request = 1)
                    THEN 1 ELSE 0 END)
            ON CONFLICT (request_id, attempt) DO NOTHING RETURNING counts_request
            """
        let counted: Int64? = try value("counts_request", statement.named(.appendLedger))
        guard let counted else { return false }
        if entry.charged { days.add(entry, requests: counted) }
        return true
    }
}

/// What one batch adds to the daily totals, summed first: a batch is mostly the same few keys and models on one day. Entries are
/// `bookable`, so sums cannot overflow.
private struct DayTotals {
    private struct Key: Hashable, Comparable {
        let apiKeyID: APIKeyID
        let day: String
        let model: String
        static func < (a: Key, b: Key) -> Bool { (a.apiKeyID, a.day, a.model) < (b.apiKeyID, b.day, b.model) }
    }
    private var sums: [Key: (entry: LedgerEntry, requests: Int64)] = [:]

    mutating func add(_ entry: LedgerEntry, requests: Int64) {
        let key = Key(apiKeyID: entry.apiKeyID, day: entry.day, model: entry.model)
        guard var sum = sums[key] else {
            sums[key] = (entry, requests)
            return
        }
        sum.requests += requests
        sum.entry.tokens.input += entry.tokens.input
        sum.entry.tokens.output += entry.tokens.output
        sum.entry.tokens.cacheWrite5m += entry.tokens.cacheWrite5m
        sum.entry.tokens.cacheWrite1h += entry.tokens.cacheWrite1h
        sum.entry.tokens.cacheRead += entry.tokens.cacheRead
        sum.entry.webSearchRequests += entry.webSearchRequests
        sum.entry.costMicroUSD += entry.costMicroUSD
        sum.entry.priceMicroUSD += entry.priceMicroUSD
        sums[key] = sum
    }

    /// Always the same order, so that two writers cannot wait for each other's rows.
    var inOrder: [(entry: LedgerEntry, requests: Int64)] { sums.sorted { $0.key < $1.key }.map(\.value) }
}
