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

    @inlinable public init(request: consuming RequestRecord, entries: consuming [LedgerEntry]) {
        self.request = consume request
        self.entries = consume entries
    }
}

extension Reader {
    /// In order of attempts.
    public func ledgerEntries(of request: RequestID) throws(StoreError) -> [LedgerEntry] {
        try all("SELECT \(LedgerEntry.columns) FROM ledger WHERE request_id = \(request) ORDER BY attempt LIMIT \(PageLimits.items)")
    }

    /// A key's requests in that range that were booked before a moment, in the order of their ids; read again from the last one until
    /// nothing comes.
    public func bookedRequests(
        _ ids: ClosedRange<RequestID>, after: RequestID?, of key: APIKeyID, before moment: Timestamp
    ) throws(StoreError) -> [RequestID] {
        let later: SQL = if let after { "request_id > \(after)" } else { "request_id >= \(ids.lowerBound)" }
        var found: [RequestID] = []
        for row in try rows(
            """
            SELECT request_id FROM ledger WHERE \(later) AND request_id <= \(ids.upperBound) AND attempt = 1 AND api_key_id = \(key)
            AND at < \(moment) ORDER BY request_id LIMIT \(PageLimits.items)
            """)
        { found.append(try row["request_id"]) }
        return found
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

/// What booking did.
public struct Booked: Sendable, Equatable {
    /// Ledger entries that were not there before.
    public var entries = 0
    /// Records that could not be read and were left out: a defect, because who books has checked their checksums.
    public var unreadable = 0
}

extension Transaction {
    public func settle(_ settled: [SettledRequest]) throws(StoreError) -> Int { try settle(SettledRecords(settled)).entries }

    /// Books settled requests: history rows, ledger entries and daily totals, all or none. Entries that are there already are left
    /// alone, so the same batch may come any number of times. What no database can keep is replaced and flagged rather than refused,
    /// because a batch that never goes through would stop the journal.
    public func settle(_ settled: SettledRecords) throws(StoreError) -> Booked {
        var (booked, rows, days) = (Booked(), SettledRows(), DayTotals())
        for place in settled.placesInOrder {
            if try !rows.add(settled, place, isCounted: isCounted) { booked.unreadable += 1 }
            if rows.isFull { booked.entries += try book(&rows, &days) }
        }
        booked.entries += try book(&rows, &days)
        rows.noteLastUse()
        // Always in the same order, so that two writers cannot wait for each other's rows.
        for total in days.inOrder { try addToDay(total) }
        for (key, moment) in rows.lastUses.sorted(by: { $0.key < $1.key }) { try recordUse(of: key, at: moment) }
        return booked
    }

    /// - Returns: how many ledger entries were new; only those count for the day.
    private func book(_ rows: inout SettledRows, _ days: inout DayTotals) throws(StoreError) -> Int {
        _ = try run(rows.requests)
        let isNew = try run(rows.entries)
        var new = 0
        for (row, isNew) in isNew.enumerated() where isNew {
            new += 1
            days.add(row, of: rows.entries)
        }
        days.forgetRow()
        rows.removeRows()
        return new
    }

    private func isCounted(_ request: RequestID) throws(StoreError) -> Bool {
        try !rows("SELECT attempt FROM ledger WHERE request_id = \(request) AND counts_request = 1 LIMIT 1").isEmpty
    }
}

extension LedgerEntry {
    /// What `add(to:)` gives, in its order; an entry that is there stays as it is. No RETURNING: SQLite makes a table in memory for it,
    /// which costs more than the row.
    static let target = """
        ledger (request_id, attempt, api_key_id, user_id, account_id, model, input_tokens, output_tokens, cache_write_5m_tokens,
            cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd, price_flags, usage_source, charged,
            at, day, counts_request)
        """
    static let conflict = "ON CONFLICT (request_id, attempt) DO NOTHING"
    static let kinds: [SQLKind] =
        [.text, .integer, .text, .text, .text, .text] + [SQLKind](repeating: .integer, count: 8) + [
            .text, .text, .bool, .integer, .text, .integer,
        ]
}
