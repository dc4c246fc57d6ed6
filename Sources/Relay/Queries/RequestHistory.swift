internal import Domain
internal import HTTP
internal import Store

/// `GET /v1/request-history` and `/v1/request-history/{id}`: the calling key's own requests (relay contract, section 11).
struct RequestHistory: Sendable {
    let store: Store
    let ambient: Ambient

    private static let limits: ClosedRange<Int> = 1...500
    private static let dayMilliseconds: Int64 = 86_400_000

    func list(_ key: RelayKey, query: [(name: String, value: String)]) async throws -> JSON {
        func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
        func number(_ name: String, _ range: ClosedRange<Int>, or standard: Int) throws(RelayProblem) -> Int {
            guard let text = value(name) else { return standard }
            guard let number = Int(text), range.contains(number) else {
                throw .badRequest("\(name): must be a whole number from \(range.lowerBound) to \(range.upperBound).")
            }
            return number
        }
        func parsed<Value>(_ name: String, _ parse: (String) throws(ParseError) -> Value) throws(RelayProblem) -> Value? {
            guard let text = value(name) else { return nil }
            do throws(ParseError) { return try parse(text) } catch { throw .badRequest("\(name): \(error.message).") }
        }
        let limit = try number("limit", Self.limits, or: 50)
        let offset = try number("offset", 0...1_000_000, or: 0)
        let cursor = try parsed("cursor") { text throws(ParseError) in try HistoryCursor(parsing: text) }
        var filter = HistoryFilter(apiKeyID: key.key.id, model: value("model"))
        filter.status = try parsed("status") { text throws(ParseError) in
            guard let status = RequestStatus(rawValue: text) else { throw ParseError("one of pending, success, error, aborted", got: text) }
            return status
        }
        let day = try parsed("date") { text throws(ParseError) in try Timestamp(parsingDay: text) }
        let now = ambient.now()
        filter.from = try parsed("from") { text throws(ParseError) in try Timestamp(parsing: text) }
        filter.to = try parsed("to") { text throws(ParseError) in try Timestamp(parsing: text) }
        if let day {
            filter.from = day
            filter.to = day.adding(milliseconds: Self.dayMilliseconds)
        } else if filter.from == nil, filter.to == nil, cursor == nil {
            filter.from = now.adding(milliseconds: -Self.dayMilliseconds)
        }
        let chosen = filter
        let page = try await store.read { reader throws(StoreError) in
            try reader.history(chosen, cursor: cursor, offset: cursor == nil ? offset : 0, limit: limit)
        }
        var pagination: JSONObject = ["limit": .int(Int64(limit)), "offset": .int(Int64(offset)), "hasMore": .bool(page.hasMore)]
        if page.hasMore, let last = page.items.last { pagination["cursor"] = .string(HistoryCursor(after: last).text) }
        return [
            "history": .array(page.items.map(Self.row)), "pagination": .object(pagination),
            "date": .string((day ?? now).dayText), "timestamp": .string(now.text),
        ]
    }

    func one(_ key: RelayKey, id: String) async throws -> JSON {
        guard let id = try? RequestID(parsing: id) else { throw RelayProblem.notFound }
        let record = try await store.read { reader throws(StoreError) in try reader.request(id, apiKeyID: key.key.id) }
        guard let record else { throw RelayProblem.notFound }
        var row = Self.row(record).object ?? [:]
        row["statusCode"] = record.httpStatus.map { .int($0) } ?? .null
        row["upstreamRequestId"] = record.upstreamRequestID.map { .string($0) } ?? .null
        row["webSearchRequests"] = .int(record.webSearchRequests)
        return ["request": .object(row), "timestamp": .string(ambient.now().text)]
    }

    private static func row(_ record: RequestRecord) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
        return [
            "requestId": .string(record.id.text), "timestamp": .string(record.startedAt.text), "apiKeyId": .string(record.apiKeyID.text),
            "apiKeyName": .string(record.keyName), "model": .string(record.model), "status": .string(record.status.rawValue),
            "duration": number(record.durationMilliseconds), "inputTokens": .int(record.tokens.input),
            "outputTokens": .int(record.tokens.output), "totalTokens": .int(record.tokens.total),
            "error": record.errorType.map { .string($0) } ?? .null,
            "cacheCreateTokens": .int(record.tokens.cacheWrite5m + record.tokens.cacheWrite1h),
            "cacheReadTokens": .int(record.tokens.cacheRead), "costMicroUsd": .int(record.costMicroUSD),
            "ttftMs": number(record.ttftMilliseconds), "attempts": .int(record.attempts), "stream": .bool(record.stream),
            "usageSource": record.usageSource.map { .string($0.rawValue) } ?? .null,
        ]
    }
}
