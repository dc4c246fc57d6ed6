public import Domain

/// What a key, all keys of a person, or a team may use; nil is no limit of its own. Tokens are those that count for limits
/// (`TokenCounts.limited`), money is the customer's price in micro-USD.
public struct APIKeyLimits: Sendable, Hashable {
    public var requestsPerMinute: Int64?
    public var tokensPerDay: Int64?
    public var concurrency: Int64?
    public var costPerDayMicroUSD: Int64?
    /// Sliding minutes.
    public var tokensPerMinute: Int64?
    public var inputTokensPerMinute: Int64?
    public var outputTokensPerMinute: Int64?
    /// A window of this many minutes that opens with the first request after the last one has closed.
    public var windowMinutes: Int64?
    public var windowRequests: Int64?
    public var windowTokens: Int64?
    public var windowCostMicroUSD: Int64?
    /// Weeks begin on this day (1 Monday … 7 Sunday; nil: Monday) at this hour (0…23; nil: 0), in the configured zone.
    public var weekResetDay: Int64?
    public var weekResetHour: Int64?
    public var costPerWeekMicroUSD: Int64?
    /// A week's money for models of the opus family alone.
    public var opusCostPerWeekMicroUSD: Int64?
    public var costPerMonthMicroUSD: Int64?
    public var tokensTotal: Int64?
    public var costTotalMicroUSD: Int64?
    /// Money paid in so far; what is left is this less all that was used. Nil: not prepaid.
    public var prepaidMicroUSD: Int64?
    /// Requests that may wait for a place; nil: twice the concurrency and at least 3.
    public var queueLength: Int64?
    /// How long one may wait; nil: 60.
    public var queueSeconds: Int64?
    /// 1: a request whose estimate does not fit is refused. Else the last one goes alone while anything is left.
    public var hardStop: Int64?

    public init(requestsPerMinute: Int64? = nil, tokensPerDay: Int64? = nil, concurrency: Int64? = nil, costPerDayMicroUSD: Int64? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerDay = tokensPerDay
        self.concurrency = concurrency
        self.costPerDayMicroUSD = costPerDayMicroUSD
    }

    public typealias Member = any WritableKeyPath<APIKeyLimits, Int64?> & Sendable
    /// Every member by its name outside, with its range: in requests, documents and commands alike.
    public static let members: [(name: String, path: Member, range: ClosedRange<Int64>)] = [
        ("requests_per_minute", \.requestsPerMinute, 0...largest), ("tokens_per_day", \.tokensPerDay, 0...largest),
        ("concurrent", \.concurrency, 0...1_000_000), ("cost_per_day_micro_usd", \.costPerDayMicroUSD, 0...largest),
        ("tokens_per_minute", \.tokensPerMinute, 0...largest), ("input_tokens_per_minute", \.inputTokensPerMinute, 0...largest),
        ("output_tokens_per_minute", \.outputTokensPerMinute, 0...largest), ("window_minutes", \.windowMinutes, 1...43_200),
        ("window_requests", \.windowRequests, 0...largest), ("window_tokens", \.windowTokens, 0...largest),
        ("window_cost_micro_usd", \.windowCostMicroUSD, 0...largest), ("week_reset_day", \.weekResetDay, 1...7),
        ("week_reset_hour", \.weekResetHour, 0...23), ("cost_per_week_micro_usd", \.costPerWeekMicroUSD, 0...largest),
        ("opus_cost_per_week_micro_usd", \.opusCostPerWeekMicroUSD, 0...largest),
        ("cost_per_month_micro_usd", \.costPerMonthMicroUSD, 0...largest), ("tokens_total", \.tokensTotal, 0...largest),
        ("cost_total_micro_usd", \.costTotalMicroUSD, 0...largest), ("prepaid_micro_usd", \.prepaidMicroUSD, 0...largest),
        ("queue_length", \.queueLength, 0...1000), ("queue_seconds", \.queueSeconds, 0...600), ("hard_stop", \.hardStop, 0...1),
    ]
    /// A million million: beyond any use, and sums of many still fit.
    public static let largest: Int64 = 1_000_000_000_000
    /// These have columns of their own; the rest stands in the document.
    static let columnCount = 4

    /// All members that are set.
    public var json: JSON { .object(Self.object(self, from: 0)) }

    private static func object(_ limits: APIKeyLimits, from first: Int) -> JSONObject {
        var object = JSONObject()
        for member in members[first...] { if let value = limits[keyPath: member.path] { object[member.name] = .int(value) } }
        return object
    }

    /// What has no column.
    var document: String { JSON.object(Self.object(self, from: Self.columnCount)).text }
    /// Everything, for people and teams as a whole.
    var wholeDocument: String { json.text }

    /// Takes members over from a document we wrote; one that cannot be read limits everything rather than nothing.
    mutating func read(document: String) throws(StoreError) {
        let object: JSON
        do throws(ParseError) { object = try JSON(parsing: document) } catch { throw .programming("limits that are no JSON") }
        for member in Self.members { if let value = object[member.name].int { self[keyPath: member.path] = value } }
    }

    /// What a window limits; without `window_minutes` there is none.
    private static let windowAmounts: Set = ["window_requests", "window_tokens", "window_cost_micro_usd"]

    /// Sets what the object names; null takes a limit away.
    /// - Throws: `InputErrors` naming unknown members, values out of range and amounts of a window that has no length.
    public mutating func apply(_ object: JSONObject) throws(InputErrors) {
        var faults: [FieldError] = []
        for (name, value) in object.members {
            guard let member = Self.members.first(where: { $0.name == name }) else {
                faults.append(FieldError("limits.\(name)", "is no limit"))
                continue
            }
            switch value {
            case .null: self[keyPath: member.path] = nil
            case .bool(let isOn) where name == "hard_stop": self[keyPath: member.path] = isOn ? 1 : 0
            case .int(let number) where member.range.contains(number): self[keyPath: member.path] = number
            default:
                faults.append(
                    FieldError("limits.\(name)", "must be a whole number from \(member.range.lowerBound) to \(member.range.upperBound)"))
            }
        }
        // What stood there without a length before, as older dashboards leave it, is in nobody's way.
        if windowMinutes == nil, !faults.contains(where: { $0.field == "limits.window_minutes" }) {
            for member in Self.members where Self.windowAmounts.contains(member.name) && self[keyPath: member.path] != nil {
                guard object[member.name] != nil || object["window_minutes"] != nil else { continue }
                faults.append(FieldError("limits.\(member.name)", "needs window_minutes, the length of its window"))
            }
        }
        if !faults.isEmpty { throw InputErrors(fields: faults) }
    }
}
