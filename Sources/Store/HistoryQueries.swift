public import Domain

extension Reader {
    /// Nil when it is unknown, or another key's when `apiKeyID` is given.
    public func request(_ id: RequestID, apiKeyID: APIKeyID? = nil) throws(StoreError) -> RequestRecord? {
        let mine: SQL = if let apiKeyID { "AND api_key_id = \(apiKeyID)" } else { "" }
        return try first("SELECT \(RequestRecord.columns) FROM requests WHERE id = \(id) \(mine)")
    }

    /// Newest first.
    /// - Parameters:
    ///   - cursor: from the last record of the page before; steady under new rows, unlike `offset`.
    ///   - limit: 1 to 1000.
    public func history(_ filter: HistoryFilter, cursor: HistoryCursor? = nil, offset: Int = 0, limit: Int) throws(StoreError) -> Page<
        RequestRecord
    > {
        let limit = PageLimits.clamp(limit)
        if filter.apiKeyID == nil, let user = filter.userID {
            return try history(of: user, filter, cursor: cursor, offset: max(0, offset), limit: limit)
        }
        let rows: [RequestRecord]
        if let key = filter.apiKeyID {
            rows = try newest(of: key, filter, cursor: cursor, offset: max(0, offset), count: limit + 1)
        } else {
            rows = try all(
                """
                SELECT \(RequestRecord.columns) FROM requests WHERE \(filter.condition()) \(Self.older(cursor))
                ORDER BY started_at DESC, id DESC LIMIT \(limit + 1) OFFSET \(max(0, offset))
                """)
        }
        return Page(rows, limit: limit)
    }

    private static func older(_ cursor: HistoryCursor?) -> SQL {
        if let cursor { "AND (started_at, id) < (\(cursor.startedAt), \(cursor.id))" } else { "" }
    }

    /// The index goes by key, model and time: each model gives its newest, and the newest of those are the page.
    private func newest(
        of key: APIKeyID, _ filter: HistoryFilter, cursor: HistoryCursor?, offset: Int, count: Int
    ) throws(StoreError) -> [RequestRecord] {
        var ways: [String?] = [filter.model]
        // With too many models for that the whole of the key is sorted.
        if filter.model == nil, let models = try models(of: [key]) { ways = models }
        // A page far down passes over many rows: those are only counted, not read whole.
        let columns: SQL = offset == 0 ? RequestRecord.columns : "id, started_at"
        var statement: SQL?
        for model in ways {
            var filter = filter
            filter.model = model
            let way: SQL = """
                SELECT \(columns) FROM (
                    SELECT \(columns) FROM requests WHERE \(filter.condition()) \(Self.older(cursor))
                    ORDER BY started_at DESC, id DESC LIMIT \(offset + count)) AS newest
                """
            statement = statement.map { "\($0) UNION ALL \(way)" } ?? way
        }
        guard let statement else { return [] }
        let page: SQL = "\(statement) ORDER BY started_at DESC, id DESC LIMIT \(count) OFFSET \(offset)"
        guard offset > 0 else { return try all(page) }
        return try all(
            """
            SELECT \(RequestRecord.columns) FROM requests WHERE id IN (SELECT id FROM (\(page)) AS page)
            ORDER BY started_at DESC, id DESC
            """)
    }

    /// Models beyond which a way for each is not worth it; a price list has some thirty.
    private static let modelsAtMost = 100

    /// What requests of these keys name as their model, one step down the index for each; nil when that is too many.
    private func models(of keys: [APIKeyID]) throws(StoreError) -> [String]? {
        var found: Set<String> = []
        for key in keys {
            for row in try rows(
                """
                WITH RECURSIVE used (model) AS (
                    SELECT MIN(model) FROM requests WHERE api_key_id = \(key)
                    UNION ALL
                    SELECT (SELECT MIN(model) FROM requests WHERE api_key_id = \(key) AND model > used.model) FROM used
                    WHERE used.model IS NOT NULL
                )
                SELECT model FROM used WHERE model IS NOT NULL LIMIT \(Self.modelsAtMost + 1)
                """)
            { found.insert(try row["model"]) }
            guard found.count <= Self.modelsAtMost else { return nil }
        }
        return found.sorted()
    }

    private func keys(of user: UserID) throws(StoreError) -> [APIKeyID] {
        var found: [APIKeyID] = []
        for row in try rows("SELECT id FROM api_keys WHERE owner_id = \(user) ORDER BY id") { found.append(try row["id"]) }
        return found
    }

    /// A person's requests are those of their keys: each key gives its newest, and the newest of those are the page.
    private func history(
        of user: UserID, _ filter: HistoryFilter, cursor: HistoryCursor?, offset: Int, limit: Int
    ) throws(StoreError) -> Page<RequestRecord> {
        guard offset + limit <= StatementLimits.rows else { throw .refused("offset") }
        var found: [RequestRecord] = []
        for key in try keys(of: user) {
            var filter = filter
            filter.apiKeyID = key
            found += try newest(of: key, filter, cursor: cursor, offset: 0, count: offset + limit + 1)
        }
        found.sort { ($0.startedAt, $0.id) > ($1.startedAt, $1.id) }
        return Page(Array(found.dropFirst(offset).prefix(limit + 1)), limit: limit)
    }

    /// The condition of a filter for sums, with the models that lead to its span of time.
    private func condition(_ filter: HistoryFilter) throws(StoreError) -> SQL {
        guard filter.model == nil, filter.from != nil || filter.to != nil else { return filter.condition() }
        let keys = if let key = filter.apiKeyID { [key] } else if let user = filter.userID { try keys(of: user) } else { [APIKeyID]() }
        return filter.condition(models: try models(of: keys))
    }

    public func requestStatistics(_ filter: HistoryFilter) throws(StoreError) -> RequestStatistics {
        var statistics = RequestStatistics()
        let condition = try condition(filter)
        let totals = try rows(
            """
            SELECT COUNT(*) AS requests, CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens,
                CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens,
                CAST(COALESCE(SUM(cache_write_5m_tokens), 0) AS BIGINT) AS cache_write_5m_tokens,
                CAST(COALESCE(SUM(cache_write_1h_tokens), 0) AS BIGINT) AS cache_write_1h_tokens,
                CAST(COALESCE(SUM(cache_read_tokens), 0) AS BIGINT) AS cache_read_tokens,
                CAST(COALESCE(SUM(cost_micro_usd), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(price_micro_usd), 0) AS BIGINT) AS price,
                CAST(COALESCE(AVG(duration_ms), 0) AS BIGINT) AS duration, CAST(COALESCE(AVG(ttft_ms), 0) AS BIGINT) AS ttft
            FROM requests WHERE \(condition)
            """)
        guard let row = totals.first else { return statistics }
        statistics.requests = try row["requests"]
        statistics.tokens = TokenCounts(
            input: try row["input_tokens"], output: try row["output_tokens"], cacheWrite5m: try row["cache_write_5m_tokens"],
            cacheWrite1h: try row["cache_write_1h_tokens"], cacheRead: try row["cache_read_tokens"])
        statistics.costMicroUSD = try row["cost"]
        statistics.priceMicroUSD = try row["price"]
        statistics.averageDurationMilliseconds = try row["duration"]
        statistics.averageTTFTMilliseconds = try row["ttft"]
        statistics.models = try groups(by: "model", condition)
        statistics.statuses = try groups(by: "status", condition)
        return statistics
    }

    /// 95 of 100 of the requests had their first token in so many milliseconds; nil when none is known.
    public func ttft95(_ filter: HistoryFilter) throws(StoreError) -> Int64? {
        let known: SQL = "FROM requests WHERE \(try condition(filter)) AND ttft_ms IS NOT NULL"
        let count: Int64 = try value("count", "SELECT COUNT(*) AS count \(known)") ?? 0
        guard count > 0 else { return nil }
        let place = (count * 95 + 99) / 100 - 1
        return try value("ttft_ms", "SELECT ttft_ms \(known) ORDER BY ttft_ms LIMIT 1 OFFSET \(place)")
    }

    private func groups(by column: SQL, _ condition: SQL) throws(StoreError) -> [RequestStatistics.Group] {
        let found = try rows(
            """
            SELECT \(column) AS name, COUNT(*) AS requests, CAST(SUM(total_tokens) AS BIGINT) AS tokens FROM requests
            WHERE \(condition) GROUP BY \(column) ORDER BY COUNT(*) DESC, \(column) LIMIT \(PageLimits.items)
            """)
        var groups: [RequestStatistics.Group] = []
        for row in found { groups.append(.init(name: try row["name"], requests: try row["requests"], tokens: try row["tokens"])) }
        return groups
    }

    /// How many requests a cleanup would delete.
    public func requestCount(startedBefore before: Timestamp) throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM requests WHERE started_at < \(before)") ?? 0
    }
}

extension RequestRecord {
    /// What `add(to:)` gives, in its order.
    static let target = """
        requests (id, api_key_id, key_name, user_id, account_id, model, path, dialect, stream, status, http_status, error_type,
            started_at, duration_ms, ttft_ms, attempts, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
            cache_read_tokens, total_tokens, web_search_requests, cost_micro_usd, price_micro_usd, usage_source, upstream_request_id)
        """
    static let conflict = """
        ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, model = excluded.model, status = excluded.status,
            http_status = excluded.http_status, error_type = excluded.error_type, duration_ms = excluded.duration_ms,
            ttft_ms = excluded.ttft_ms, attempts = excluded.attempts, input_tokens = excluded.input_tokens,
            output_tokens = excluded.output_tokens, cache_write_5m_tokens = excluded.cache_write_5m_tokens,
            cache_write_1h_tokens = excluded.cache_write_1h_tokens, cache_read_tokens = excluded.cache_read_tokens,
            total_tokens = excluded.total_tokens, web_search_requests = excluded.web_search_requests,
            cost_micro_usd = excluded.cost_micro_usd, price_micro_usd = excluded.price_micro_usd, usage_source = excluded.usage_source,
            upstream_request_id = excluded.upstream_request_id
        WHERE requests.status = 'pending'
        """
    static let kinds: [SQLKind] =
        [SQLKind](repeating: .text, count: 8) + [.bool, .text, .integer, .text] + [SQLKind](repeating: .integer, count: 13) + [
            .text, .text,
        ]

    func add(to batch: inout RowBatch) {
        batch.add(id)
        batch.add(apiKeyID)
        batch.add(keyName)
        batch.add(userID)
        batch.add(accountID)
        batch.add(model)
        batch.add(path)
        batch.add(dialect)
        batch.add(stream)
        batch.add(status.rawValue)
        batch.add(httpStatus)
        batch.add(errorType)
        batch.add(startedAt)
        batch.add(durationMilliseconds)
        batch.add(ttftMilliseconds)
        batch.add(attempts)
        let tokens = tokens.bookable
        tokens.add(to: &batch)
        batch.add(tokens.total)
        batch.add(Bookable.number(webSearchRequests))
        batch.add(Bookable.number(costMicroUSD))
        batch.add(Bookable.number(priceMicroUSD))
        batch.add(usageSource?.rawValue)
        batch.add(upstreamRequestID)
    }
}

extension TokenCounts {
    func add(to batch: inout RowBatch) {
        batch.add(input)
        batch.add(output)
        batch.add(cacheWrite5m)
        batch.add(cacheWrite1h)
        batch.add(cacheRead)
    }
}

extension Transaction {
    /// Inserts the request, or completes it while it is pending. A finished request never changes: a late or repeated record is dropped.
    /// What no database can keep (NUL in a text, a number out of range) is replaced rather than refused.
    public func recordRequest(_ request: RequestRecord) throws(StoreError) {
        var batch = RowBatch(.recordRequest, rows: 1)
        request.add(to: &batch)
        _ = try run(batch)
    }

    /// Deletes the oldest requests that started before `before`, at most `limit` (1 to 1000) a call, so that the writer is never held
    /// long; the caller pauses between calls until fewer than `limit` went. Ledger and daily totals stay. How many went.
    public func deleteRequests(startedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM requests WHERE id IN
                (SELECT id FROM requests WHERE started_at < \(before) ORDER BY started_at, id LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
