internal import Domain
internal import Store

/// What existing scripts ask about the calling key: `/v1/key-info`, `/v1/usage`, `/v1/me`, `/v1/organizations/{org}/usage` and
/// `/v1/request-stats` (relay contract, section 11). Reading them changes nothing, an activation least of all.
struct KeySelfService: Sendable {
    let store: Store
    let ambient: Ambient
    /// Where days begin.
    let zone: CivilZone

    func info(_ key: RelayKey) async throws -> JSON {
        let used = try await Usages(key, store, ambient, zone)
        return [
            "keyInfo": [
                "id": .string(key.key.id.text), "name": .string(key.key.name), "tokenLimit": .int(Self.tokenLimit(key)),
                "usage": used.json,
            ], "timestamp": .string(ambient.now().text),
        ]
    }

    /// In all, as older scripts read it, else of a day; 0 is none.
    private static func tokenLimit(_ key: RelayKey) -> Int64 { key.key.limits.tokensTotal ?? key.key.limits.tokensPerDay ?? 0 }

    func usage(_ key: RelayKey) async throws -> JSON {
        let used = try await Usages(key, store, ambient, zone)
        return [
            "usage": used.json, "limits": ["tokens": .int(Self.tokenLimit(key)), "requests": .int(key.key.limits.windowRequests ?? 0)],
            "timestamp": .string(ambient.now().text),
        ]
    }

    func me(_ key: RelayKey) -> JSON {
        [
            "id": .string("user_" + key.key.id.text), "type": "user", "display_name": .string(key.key.name),
            "created_at": .string(key.key.createdAt.text),
        ]
    }

    /// The largest whole number that every client reads exactly: what is left of no limit.
    static let unlimited: Int64 = 9_007_199_254_740_991

    /// Tokens that the key may still use: of all and of today, whichever ends first.
    func balance(_ key: RelayKey) async throws -> JSON {
        let limits = key.key.limits
        func left(_ limit: Int64?, _ period: LimitPeriod) -> Int64 {
            limit.map { max(0, $0 - (key.counters.open(period, at: ambient.now())?.used[.tokens] ?? 0)) } ?? Self.unlimited
        }
        let left = min(left(limits.tokensTotal, .total), left(limits.tokensPerDay, .day))
        return ["object": "usage", "data": [["type": "credit_balance", "credit_balance": .int(left)]]]
    }

    /// One day, or with `from` and `to` any span; of the calling key only.
    func statistics(_ key: RelayKey, query: [(name: String, value: String)]) async throws -> JSON {
        var filter = HistoryFilter(apiKeyID: key.key.id)
        let now = ambient.now()
        let day: Range<Timestamp>
        if let text = query.first(where: { $0.name == "date" })?.value {
            do throws(ParseError) { day = try zone.day(parsing: text) } catch {
                throw RelayProblem.badRequest("date: \(error.message).")
            }
        } else {
            day = zone.day(around: now)
        }
        (filter.from, filter.to) = (day.lowerBound, day.upperBound)
        let chosen = filter
        let found = try await store.read { reader throws(StoreError) in try reader.requestStatistics(chosen) }
        func groups(_ groups: [RequestStatistics.Group], _ value: (RequestStatistics.Group) -> JSON) -> JSON {
            .object(JSONObject(groups.map { ($0.name, value($0)) }))
        }
        func count(_ status: RequestStatus) -> Int64 { found.statuses.first { $0.name == status.rawValue }?.requests ?? 0 }
        return [
            "stats": [
                "totalRequests": .int(found.requests), "successRequests": .int(count(.success)),
                "failedRequests": .int(count(.error) + count(.aborted)), "totalTokens": .int(found.tokens.total),
                "avgDuration": .int(found.averageDurationMilliseconds), "costMicroUsd": .int(found.priceMicroUSD),
                "modelStats": groups(found.models) { ["count": .int($0.requests), "tokens": .int($0.tokens)] },
                "statusStats": groups(found.statuses) { .int($0.requests) },
            ], "date": .string(zone.dayText(day.lowerBound)), "timestamp": .string(now.text),
        ]
    }
}

/// What a key has used in all, this month and today, from the daily totals.
struct Usages {
    private let total: Usage
    private let month: Usage
    private let today: Usage
    private let ageMilliseconds: Int64

    init(_ key: RelayKey, _ store: Store, _ ambient: Ambient, _ zone: CivilZone) async throws {
        let id = key.key.id
        let now = ambient.now()
        let day = zone.dayText(now)
        let monthStart = day.prefix(8) + "01"
        (total, month, today) = try await store.read { reader throws(StoreError) in
            (
                try reader.usage(UsageFilter(apiKeyID: id)), try reader.usage(UsageFilter(apiKeyID: id, fromDay: String(monthStart))),
                try reader.usage(UsageFilter(apiKeyID: id, fromDay: day))
            )
        }
        ageMilliseconds = max(60_000, now.milliseconds - key.key.createdAt.milliseconds)
    }

    var json: JSON {
        let days = max(1, ageMilliseconds / 86_400_000)
        return [
            "total": Self.json(total), "daily": Self.json(today), "monthly": Self.json(month),
            "averages": [
                "rpm": Self.rate(total.requests, ageMilliseconds), "tpm": Self.rate(total.tokens.total, ageMilliseconds),
                "dailyRequests": .int(total.requests / days), "dailyTokens": .int(total.tokens.total / days),
            ],
        ]
    }

    /// A minute, with two digits.
    private static func rate(_ count: Int64, _ milliseconds: Int64) -> JSON {
        let hundredths = Int64((Double(count) * 6_000_000 / Double(milliseconds)).rounded())
        return .number("\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)")
    }

    static func json(_ usage: Usage) -> JSON {
        let tokens = usage.tokens
        let all = tokens.total
        return [
            "tokens": .int(all), "inputTokens": .int(tokens.input), "outputTokens": .int(tokens.output),
            "cacheCreateTokens": .int(tokens.cacheWrite5m + tokens.cacheWrite1h), "cacheReadTokens": .int(tokens.cacheRead),
            "allTokens": .int(all), "requests": .int(usage.requests), "costMicroUsd": .int(usage.priceMicroUSD),
            "cost": .number(MicroDollars.text(usage.priceMicroUSD)),
        ]
    }
}
