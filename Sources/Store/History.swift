public import Domain

public enum RequestStatus: String, Codable, Sendable, CaseIterable, SQLWord { case pending, success, error, aborted }

/// Where token counts come from (relay contract, section 16).
public enum UsageSource: String, Codable, Sendable, CaseIterable, SQLWord { case final, snapshot, estimated, unparsed }

/// Tokens by class; each is 0 or more.
public struct TokenCounts: Sendable, Equatable {
    public var input: Int64
    public var output: Int64
    public var cacheWrite5m: Int64
    public var cacheWrite1h: Int64
    public var cacheRead: Int64

    public init(input: Int64 = 0, output: Int64 = 0, cacheWrite5m: Int64 = 0, cacheWrite1h: Int64 = 0, cacheRead: Int64 = 0) {
        self.input = input
        self.output = output
        self.cacheWrite5m = cacheWrite5m
        self.cacheWrite1h = cacheWrite1h
        self.cacheRead = cacheRead
    }

    /// All five; saturates.
    public var total: Int64 { [output, cacheWrite5m, cacheWrite1h, cacheRead].reduce(input, Self.add) }
    /// What token limits count: input, output and cache writes.
    public var limited: Int64 { [output, cacheWrite5m, cacheWrite1h].reduce(input, Self.add) }

    private static func add(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

/// One relayed request as the history shows it.
public struct RequestRecord: Sendable, Equatable, RowReadable {
    public var id: RequestID
    public var apiKeyID: APIKeyID
    /// The key's name at the time.
    public var keyName: String
    public var userID: UserID?
    /// The account of the last attempt.
    public var accountID: AccountID?
    public var model: String
    /// The route's template, as in "/v1/messages".
    public var path: String
    /// "messages", "openai" or "chat".
    public var dialect: String
    public var stream: Bool
    public var status: RequestStatus
    public var httpStatus: Int64?
    /// The stable error type, as in "overloaded_error".
    public var errorType: String?
    public var startedAt: Timestamp
    public var durationMilliseconds: Int64?
    /// Time to the first token.
    public var ttftMilliseconds: Int64?
    public var attempts: Int64
    public var tokens: TokenCounts
    public var webSearchRequests: Int64
    public var costMicroUSD: Int64
    public var priceMicroUSD: Int64
    public var usageSource: UsageSource?
    public var upstreamRequestID: String?

    // For the data path, which makes one for every request in the place where it stays.
    @inlinable public init(
        id: RequestID, apiKeyID: APIKeyID, keyName: String, userID: UserID? = nil, accountID: AccountID? = nil, model: String, path: String,
        dialect: String = "messages", stream: Bool, status: RequestStatus = .pending, httpStatus: Int64? = nil, errorType: String? = nil,
        startedAt: Timestamp, durationMilliseconds: Int64? = nil, ttftMilliseconds: Int64? = nil, attempts: Int64 = 0,
        tokens: TokenCounts = TokenCounts(), webSearchRequests: Int64 = 0, costMicroUSD: Int64 = 0, priceMicroUSD: Int64 = 0,
        usageSource: UsageSource? = nil, upstreamRequestID: String? = nil
    ) {
        self.id = id
        self.apiKeyID = apiKeyID
        self.keyName = keyName
        self.userID = userID
        self.accountID = accountID
        self.model = model
        self.path = path
        self.dialect = dialect
        self.stream = stream
        self.status = status
        self.httpStatus = httpStatus
        self.errorType = errorType
        self.startedAt = startedAt
        self.durationMilliseconds = durationMilliseconds
        self.ttftMilliseconds = ttftMilliseconds
        self.attempts = attempts
        self.tokens = tokens
        self.webSearchRequests = webSearchRequests
        self.costMicroUSD = costMicroUSD
        self.priceMicroUSD = priceMicroUSD
        self.usageSource = usageSource
        self.upstreamRequestID = upstreamRequestID
    }

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        apiKeyID = try row["api_key_id"]
        keyName = try row["key_name"]
        userID = try row["user_id"]
        accountID = try row["account_id"]
        model = try row["model"]
        path = try row["path"]
        dialect = try row["dialect"]
        stream = try row["stream"]
        status = try row["status"]
        httpStatus = try row["http_status"]
        errorType = try row["error_type"]
        startedAt = try row["started_at"]
        durationMilliseconds = try row["duration_ms"]
        ttftMilliseconds = try row["ttft_ms"]
        attempts = try row["attempts"]
        tokens = TokenCounts(
            input: try row["input_tokens"], output: try row["output_tokens"], cacheWrite5m: try row["cache_write_5m_tokens"],
            cacheWrite1h: try row["cache_write_1h_tokens"], cacheRead: try row["cache_read_tokens"])
        webSearchRequests = try row["web_search_requests"]
        costMicroUSD = try row["cost_micro_usd"]
        priceMicroUSD = try row["price_micro_usd"]
        usageSource = try row["usage_source"]
        upstreamRequestID = try row["upstream_request_id"]
    }

    static let columns: SQL = """
        id, api_key_id, key_name, user_id, account_id, model, path, dialect, stream, status, http_status, error_type, started_at,
        duration_ms, ttft_ms, attempts, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens,
        total_tokens, web_search_requests, cost_micro_usd, price_micro_usd, usage_source, upstream_request_id
        """
}

/// Which requests to list. Nil means any.
public struct HistoryFilter: Sendable {
    public var apiKeyID: APIKeyID?
    public var userID: UserID?
    public var model: String?
    public var status: RequestStatus?
    /// Started at or after.
    public var from: Timestamp?
    /// Started before.
    public var to: Timestamp?

    public init(
        apiKeyID: APIKeyID? = nil, userID: UserID? = nil, model: String? = nil, status: RequestStatus? = nil, from: Timestamp? = nil,
        to: Timestamp? = nil
    ) {
        self.apiKeyID = apiKeyID
        self.userID = userID
        self.model = model
        self.status = status
        self.from = from
        self.to = to
    }

    /// Only the conditions that are there. A person's requests are found by the person's keys. What no index begins with is written so that
    /// none fits, because SQLite without statistics would take a frequent status before a rare key.
    /// - Parameter models: all that requests of these keys name, so that the index by key, model and time leads to a span of time too.
    func condition(models: [String]? = nil) -> SQL {
        var condition: SQL = "1 = 1"
        let isByKey = apiKeyID != nil || userID != nil
        if let apiKeyID { condition = "\(condition) AND api_key_id = \(apiKeyID)" }
        if let userID {
            if apiKeyID == nil { condition = "\(condition) AND api_key_id IN (SELECT id FROM api_keys WHERE owner_id = \(userID))" }
            condition = "\(condition) AND user_id || '' = \(userID)"
        }
        if let status {
            // The words that make the indexes of failed requests fit.
            condition =
                status == .success
                ? "\(condition) AND status || '' = \(status)" : "\(condition) AND status <> 'success' AND status = \(status)"
        }
        if let model {
            condition = isByKey ? "\(condition) AND model = \(model)" : "\(condition) AND model || '' = \(model)"
        } else if isByKey, let models, !models.isEmpty {
            var list: SQL = "\(models[0])"
            for model in models.dropFirst() { list = "\(list), \(model)" }
            condition = "\(condition) AND model IN (\(list))"
        }
        if let from { condition = "\(condition) AND started_at >= \(from)" }
        if let to { condition = "\(condition) AND started_at < \(to)" }
        return condition
    }
}

/// Where the next page begins: after this request, newest first.
public struct HistoryCursor: Sendable, Equatable {
    public let startedAt: Timestamp
    public let id: RequestID
    /// Where the list ends, as the first page had it; nil: it was not said.
    public let from: Timestamp?

    public init(after record: RequestRecord, from: Timestamp? = nil) {
        (startedAt, id, self.from) = (record.startedAt, record.id, from)
    }

    /// "<milliseconds>.<request id>", with a bound ".<milliseconds>" behind it: what a client sends back.
    public var text: String { "\(startedAt.milliseconds).\(id.text)" + (from.map { ".\($0.milliseconds)" } ?? "") }
    public init(parsing text: String) throws(ParseError) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let milliseconds = Int64(parts[0]) else { throw ParseError("a cursor of this list", got: text) }
        startedAt = Timestamp(milliseconds: milliseconds)
        id = try RequestID(parsing: String(parts[1]))
        guard parts.count == 3 else {
            from = nil
            return
        }
        guard let bound = Int64(parts[2]) else { throw ParseError("a cursor of this list", got: text) }
        from = Timestamp(milliseconds: bound)
    }
}

/// Counts of one day or any span of the history.
public struct RequestStatistics: Sendable, Equatable {
    public struct Group: Sendable, Equatable {
        public let name: String
        public let requests: Int64
        public let tokens: Int64
    }
    public var requests: Int64 = 0
    public var tokens: TokenCounts = TokenCounts()
    public var costMicroUSD: Int64 = 0
    public var priceMicroUSD: Int64 = 0
    /// 0 without finished requests.
    public var averageDurationMilliseconds: Int64 = 0
    public var averageTTFTMilliseconds: Int64 = 0
    /// Most requests first; at most 1000.
    public var models: [Group] = []
    public var statuses: [Group] = []
}
