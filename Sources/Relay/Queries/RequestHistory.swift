internal import Domain
internal import HTTP
internal import Store

/// `GET /v1/request-history` and `/v1/request-history/{id}`: the calling key's own requests (relay contract, section 11).
struct RequestHistory: Sendable {
    let store: Store
    let ambient: Ambient
    /// Where days begin.
    let zone: CivilZone
    let bodies: BodyKeeper

    private static let limits: ClosedRange<Int> = 1...500
    private static let dayMilliseconds: Int64 = 86_400_000

    func list(_ key: RelayKey, query: [(name: String, value: String)]) async throws -> JSON {
        let limit = try Self.number(query, "limit", Self.limits, or: 50)
        let offset = try Self.number(query, "offset", 0...1_000_000, or: 0)
        let cursor = try Self.parsed(query, "cursor") { text throws(ParseError) in try HistoryCursor(parsing: text) }
        let filter = try filter(key, query: query, cursor: cursor)
        let page = try await store.read { reader throws(StoreError) in
            try reader.history(filter, cursor: cursor, offset: cursor == nil ? offset : 0, limit: limit)
        }
        var pagination: JSONObject = ["limit": .int(Int64(limit)), "offset": .int(Int64(offset)), "hasMore": .bool(page.hasMore)]
        if page.hasMore, let last = page.items.last {
            let bound = filter.from ?? Timestamp(milliseconds: 0)
            pagination["cursor"] = .string(HistoryCursor(after: last, from: bound).text)
        }
        let now = ambient.now()
        let day = try Self.parsed(query, "date") { text throws(ParseError) in try zone.day(parsing: text) }
        return [
            "history": .array(page.items.map(Self.row)), "pagination": .object(pagination),
            "date": .string(zone.dayText(day?.lowerBound ?? now)), "timestamp": .string(now.text),
        ]
    }

    /// What the query selects of the key's own requests; the last 24 hours when it names no time.
    /// - Parameter cursor: of the page before, whose list ends where its first page said. One without a bound is of an earlier version:
    ///   its list ends where a new one would.
    func filter(
        _ key: RelayKey, query: [(name: String, value: String)], cursor: HistoryCursor? = nil
    ) throws(RelayProblem) -> HistoryFilter {
        var filter = HistoryFilter(apiKeyID: key.key.id, model: Self.value(query, "model"))
        filter.status = try Self.parsed(query, "status") { text throws(ParseError) in
            guard let status = RequestStatus(rawValue: text) else { throw ParseError("one of pending, success, error, aborted", got: text) }
            return status
        }
        filter.from = try Self.parsed(query, "from") { text throws(ParseError) in try Timestamp(parsing: text) }
        filter.to = try Self.parsed(query, "to") { text throws(ParseError) in try Timestamp(parsing: text) }
        if let day = try Self.parsed(query, "date", { text throws(ParseError) in try zone.day(parsing: text) }) {
            filter.from = max(filter.from ?? day.lowerBound, day.lowerBound)
            filter.to = min(filter.to ?? day.upperBound, day.upperBound)
        } else if filter.from == nil, let bound = cursor?.from {
            filter.from = bound
        } else if filter.from == nil, filter.to == nil {
            filter.from = ambient.now().adding(milliseconds: -Self.dayMilliseconds)
        }
        return filter
    }

    func page(_ filter: HistoryFilter, after cursor: HistoryCursor?, limit: Int) async throws(StoreError) -> Page<RequestRecord> {
        try await store.read { reader throws(StoreError) in try reader.history(filter, cursor: cursor, limit: limit) }
    }

    private static func value(_ query: [(name: String, value: String)], _ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
    private static func number(
        _ query: [(name: String, value: String)], _ name: String, _ range: ClosedRange<Int>, or standard: Int
    ) throws(RelayProblem) -> Int {
        guard let text = value(query, name) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw .badRequest("\(name): must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
    private static func parsed<Value>(
        _ query: [(name: String, value: String)], _ name: String, _ parse: (String) throws(ParseError) -> Value
    ) throws(RelayProblem) -> Value? {
        guard let text = value(query, name) else { return nil }
        do throws(ParseError) { return try parse(text) } catch { throw .badRequest("\(name): \(error.message).") }
    }

    func one(_ key: RelayKey, id: String) async throws -> JSON {
        guard let id = try? RequestID(parsing: id) else { throw RelayProblem.notFound }
        let record = try await store.read { reader throws(StoreError) in try reader.request(id, apiKeyID: key.key.id) }
        guard let record else { throw RelayProblem.notFound }
        var row = Self.row(record).object ?? [:]
        row["statusCode"] = record.httpStatus.map { .int($0) } ?? .null
        row["upstreamRequestId"] = record.upstreamRequestID.map { .string($0) } ?? .null
        row["webSearchRequests"] = .int(record.webSearchRequests)
        row["path"] = .string(record.path)
        row["dialect"] = .string(record.dialect)
        let kept = try await bodies.view(id, of: key.key.id)
        // Only of keys that have it kept; credentials never.
        row["headers"] = kept?.headersJSON ?? .object([:])
        if let kept { (row["requestBody"], row["responseBody"]) = (.string(kept.request), .string(kept.response)) }
        return ["request": .object(row), "timestamp": .string(ambient.now().text)]
    }

    static func row(_ record: RequestRecord) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
        return [
            "requestId": .string(record.id.text), "timestamp": .string(record.startedAt.text), "apiKeyId": .string(record.apiKeyID.text),
            "apiKeyName": .string(record.keyName), "model": .string(record.model), "status": .string(record.status.rawValue),
            "duration": number(record.durationMilliseconds), "inputTokens": .int(record.tokens.input),
            "outputTokens": .int(record.tokens.output), "totalTokens": .int(record.tokens.total),
            "error": record.errorType.map { .string($0) } ?? .null,
            "cacheCreateTokens": .int(record.tokens.cacheWrite5m + record.tokens.cacheWrite1h),
            "cacheReadTokens": .int(record.tokens.cacheRead), "costMicroUsd": .int(record.priceMicroUSD),
            "ttftMs": number(record.ttftMilliseconds), "attempts": .int(record.attempts), "stream": .bool(record.stream),
            "usageSource": record.usageSource.map { .string($0.rawValue) } ?? .null,
        ]
    }
}
