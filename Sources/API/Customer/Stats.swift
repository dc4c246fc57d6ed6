internal import Domain
public import HTTP
internal import Store

/// `GET /api/stats`: what was used. A key sees itself, a person their keys, an admin everybody (relay contract, section 12).
public struct Stats: Sendable {
    private let keys: RelayKeys
    private let door: SessionDoor

    public init(_ keys: RelayKeys, _ door: SessionDoor) { (self.keys, self.door) = (keys, door) }

    public var endpoints: [MountedEndpoint] { [stats].mounted { try await caller($0) } }

    /// Whose usage the caller may see.
    struct Caller: CallContext {
        var key: APIKeyID?
        var user: UserID?
        var actor: String? { nil }
    }

    private func caller(_ request: Request) async throws -> Caller {
        let bearer = request.headers["authorization"].flatMap { $0.lowercased().hasPrefix("bearer ") ? String($0.dropFirst(7)) : nil }
        if let secret = request.headers["x-api-key"] ?? bearer.flatMap({ $0.hasPrefix("cr_") ? $0 : nil }) {
            return Caller(key: try await keys.held(secret: secret, from: request.remoteAddress).id)
        }
        let person = try await door.customer(request)
        return person.user.role == .customer ? Caller(user: person.user.id) : Caller()
    }

    private struct Span: Sendable { let from: Moment?, to: Moment?, grouping: UsageGrouping }
    /// A day begins where its zone says, which only the server knows.
    private enum Moment: Sendable {
        case day(String), time(Timestamp)
        func start(in zone: CivilZone) -> Timestamp? {
            switch self {
            case .day(let text): try? zone.day(parsing: text).lowerBound
            case .time(let time): time
            }
        }
    }
    private static let standardDays: Int64 = 30
    private static let dayMilliseconds: Int64 = 86_400_000

    private static func moment(_ name: String, _ about: String) -> Field<Moment?> {
        Field<String>.text(name, about, length: 10...40).map { text throws(ParseError) in
            guard text.utf8.count == 10 else { return .time(try Timestamp(parsing: text)) }
            _ = try Timestamp(parsingDay: text)
            return .day(text)
        }.optional
    }

    private var stats: Endpoint<Caller> {
        Endpoint(
            .get, "/api/stats", "What was used", tag: "Keys", audience: .customer,
            takes: .query(
                Shape(
                    Self.moment("from", "A day or a time; thirty days ago when left out."),
                    Self.moment("to", "Before this day or time; now."),
                    Field<String>.choice("group_by", "What a bucket of the series is.", ["day", "model", "key"]).map {
                        text throws(ParseError) in text == "model" ? .model : text == "key" ? .apiKey : .day
                    }.or(.day),
                    make: Span.init)),
            replies: .ok(Self.view), problems: ProblemKind.ofSignIn + ProblemKind.ofKey + ProblemKind.ofStore,
            about:
                "Also with a relay key that may be used from there. Tokens, costs and the requests of the series are those of whole days (of TIME_ZONE), as booked, so without requests that used nothing; requests, errors and times of the totals are those of the history between the two times, as long as it is kept. The two counts of requests differ accordingly."
        ) { input, caller in
            let now = keys.store.ambient.now()
            let zone = keys.store.ambient.zone
            let to = input.query.to?.start(in: zone) ?? now.adding(milliseconds: 1)
            let from = input.query.from?.start(in: zone) ?? now.adding(milliseconds: -Self.standardDays * Self.dayMilliseconds)
            var history = HistoryFilter(apiKeyID: caller.key)
            (history.userID, history.from, history.to) = (caller.user, from, to)
            let filter = history
            let days = UsageFilter(
                apiKeyID: caller.key, userID: caller.user, fromDay: zone.dayText(from), toDay: zone.dayText(to.adding(milliseconds: -1)))
            let grouping = input.query.grouping
            let found = try await keys.store.read { reader throws(StoreError) in
                (
                    requests: try reader.requestStatistics(filter), p95: try reader.ttft95(filter), usage: try reader.usage(days),
                    series: try reader.usageSeries(days, by: grouping)
                )
            }
            func count(_ status: RequestStatus) -> JSON {
                .int(found.requests.statuses.first { $0.name == status.rawValue }?.requests ?? 0)
            }
            var totals = Self.members(found.usage)
            totals["requests"] = .int(found.requests.requests)
            totals["errors"] = count(.error)
            totals["aborted"] = count(.aborted)
            totals["avg_ttft_ms"] = .int(found.requests.averageTTFTMilliseconds)
            totals["p95_ttft_ms"] = found.p95.map(JSON.int) ?? .null
            return [
                "totals": .object(totals),
                "series": .array(
                    found.series.map { bucket in
                        var members = Self.members(bucket.usage)
                        members["bucket"] = .string(bucket.bucket)
                        return .object(members)
                    }),
            ]
        }
    }

    private static func members(_ usage: Usage) -> JSONObject {
        [
            "requests": .int(usage.requests), "input_tokens": .int(usage.tokens.input), "output_tokens": .int(usage.tokens.output),
            "cache_read_tokens": .int(usage.tokens.cacheRead),
            "cache_write_tokens": .int(usage.tokens.cacheWrite5m + usage.tokens.cacheWrite1h),
            "cost_usd": .string(Dollars.text(usage.priceMicroUSD)),
        ]
    }

    private static let fields: [FieldDoc] = [
        .always("requests", "Requests.", .count), .always("input_tokens", "Tokens.", .count), .always("output_tokens", "Tokens.", .count),
        .always("cache_read_tokens", "Tokens.", .count), .always("cache_write_tokens", "Tokens.", .count),
        .always("cost_usd", "US dollars.", .text),
    ]
    private static let example: JSONObject = [
        "requests": 3, "input_tokens": 800, "output_tokens": 300, "cache_read_tokens": 0, "cache_write_tokens": 0, "cost_usd": "0.004600",
    ]
    private static let view: View = {
        var (totals, bucket) = (example, example)
        (totals["errors"], totals["aborted"], totals["avg_ttft_ms"], totals["p95_ttft_ms"]) = (0, 0, 300, 420)
        bucket["bucket"] = "2026-11-21"
        return View(
            "Stats",
            [
                .always(
                    "totals", "Over the whole time.",
                    .object(
                        fields + [
                            .always("errors", "Requests that failed.", .count), .always("aborted", "Requests whose client left.", .count),
                            .always("avg_ttft_ms", "Milliseconds to the first token.", .count),
                            .always("p95_ttft_ms", "Of 95 in 100; null is not known.", .nullable(.count)),
                        ])),
                .always(
                    "series", "By day, model or key.",
                    .list(of: .object(fields + [.always("bucket", "The day, model or key.", .text)]), count: 0...1000)),
            ], example: ["totals": .object(totals), "series": [.object(bucket)]])
    }()
}
