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
        var requests = RowBatch(.recordRequest, rows: settled.count)
        var entries = RowBatch(.appendLedger, rows: settled.count)
        var lastUses: [APIKeyID: Timestamp] = [:]
        var counts: [Int64] = []
        for one in settled {
            one.request.add(to: &requests)
            // A request counts once in the daily totals, with its first charged entry. All its entries come together, so only one that
            // does not begin with the first attempt can have been counted before.
            var isCounted = false
            if let first = one.entries.first, first.attempt > 1 { isCounted = try self.isCounted(one.request.id) }
            for entry in one.entries {
                let count: Int64 = entry.charged && !isCounted ? 1 : 0
                if entry.charged { isCounted = true }
                counts.append(count)
                entry.add(to: &entries, countsRequest: count)
            }
            lastUses[one.request.apiKeyID] = max(lastUses[one.request.apiKeyID] ?? one.request.startedAt, one.request.startedAt)
        }
        _ = try run(requests)
        let isNew = try run(entries)
        var (new, place) = (0, 0)
        var days = DayTotals()
        for one in settled {
            for entry in one.entries {
                if isNew[place] {
                    new += 1
                    if entry.charged { days.add(entry, requests: counts[place]) }
                }
                place += 1
            }
        }
        for (entry, requests) in days.inOrder { try addToDay(entry, requests: requests) }
        for (key, moment) in lastUses.sorted(by: { $0.key < $1.key }) { try recordUse(of: key, at: moment) }
        return new
    }

    private func isCounted(_ request: RequestID) throws(StoreError) -> Bool {
        try !rows("SELECT attempt FROM ledger WHERE request_id = \(request) AND counts_request = 1 LIMIT 1").isEmpty
    }
}

extension LedgerEntry {
    /// What `add(to:)` gives, in its order; an entry that is there stays as it is. No RETURNING: SQLite makes a table in memory for it,
    /// which costs more than the row.
    static let appending = """
        INSERT INTO ledger (request_id, attempt, api_key_id, user_id, account_id, model, input_tokens, output_tokens, cache_write_5m_tokens,
            cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd, price_flags, usage_source, charged,
            at, day, counts_request)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (request_id, attempt) DO NOTHING
        """
    static let kinds: [SQLKind] =
        [.text, .integer, .text, .text, .text, .text] + [SQLKind](repeating: .integer, count: 8) + [
            .text, .text, .bool, .integer, .text, .integer,
        ]

    /// What no database can keep is brought into range and flagged "clamped".
    func add(to batch: inout RowBatch, countsRequest: Int64) {
        batch.add(requestID)
        batch.add(max(attempt, 1))
        batch.add(apiKeyID)
        batch.add(userID)
        batch.add(accountID)
        batch.add(model)
        let bookableTokens = tokens.bookable
        bookableTokens.add(to: &batch)
        var isClamped = bookableTokens != tokens
        for number in [webSearchRequests, costMicroUSD, priceMicroUSD] {
            let bookable = Bookable.number(number)
            if bookable != number { isClamped = true }
            batch.add(bookable)
        }
        batch.add(isClamped ? priceFlags + (priceFlags.isEmpty ? "" : " ") + "clamped" : priceFlags)
        batch.add(usageSource.rawValue)
        batch.add(charged)
        batch.add(at)
        batch.add(day)
        batch.add(countsRequest)
    }
}

/// What one batch adds to the daily totals, summed first: a batch is mostly the same few keys and models on one day. Numbers are
/// `Bookable`, so sums cannot overflow.
private struct DayTotals {
    private struct Key: Hashable, Comparable {
        let apiKeyID: APIKeyID
        let day: String
        let model: String
        static func < (a: Key, b: Key) -> Bool { (a.apiKeyID, a.day, a.model) < (b.apiKeyID, b.day, b.model) }
    }
    private var sums: [Key: (entry: LedgerEntry, requests: Int64)] = [:]

    mutating func add(_ entry: LedgerEntry, requests: Int64) {
        let key = Key(apiKeyID: entry.apiKeyID, day: entry.day, model: Bookable.text(entry.model))
        let tokens = entry.tokens.bookable
        let numbers = (Bookable.number(entry.webSearchRequests), Bookable.number(entry.costMicroUSD), Bookable.number(entry.priceMicroUSD))
        guard let index = sums.index(forKey: key) else {
            var first = entry
            first.model = key.model
            (first.tokens, first.webSearchRequests, first.costMicroUSD, first.priceMicroUSD) = (tokens, numbers.0, numbers.1, numbers.2)
            sums[key] = (first, requests)
            return
        }
        sums.values[index].requests += requests
        sums.values[index].entry.tokens.input += tokens.input
        sums.values[index].entry.tokens.output += tokens.output
        sums.values[index].entry.tokens.cacheWrite5m += tokens.cacheWrite5m
        sums.values[index].entry.tokens.cacheWrite1h += tokens.cacheWrite1h
        sums.values[index].entry.tokens.cacheRead += tokens.cacheRead
        sums.values[index].entry.webSearchRequests += numbers.0
        sums.values[index].entry.costMicroUSD += numbers.1
        sums.values[index].entry.priceMicroUSD += numbers.2
    }

    /// Always the same order, so that two writers cannot wait for each other's rows.
    var inOrder: [(entry: LedgerEntry, requests: Int64)] { sums.sorted { $0.key < $1.key }.map(\.value) }
}
