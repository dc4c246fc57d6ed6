internal import Domain
internal import Store

/// Whose limit it is.
enum LimitScope: String, Sendable, Equatable {
    case key, user, team

    /// Those that several keys share.
    static let shared: [LimitScope] = [.user, .team]
}

/// One limit that is a number, by the stable code under which a customer hears of it; in the order in which they are looked at: budgets,
/// then rates (relay contract, section 2).
enum LimitName: String, Sendable, Equatable, CaseIterable {
    case tokensPerDay = "daily_token_limit_exceeded"
    case costPerDay = "daily_cost_limit_exceeded"
    case costPerWeek = "weekly_cost_limit_exceeded"
    case opusCostPerWeek = "weekly_opus_cost_limit_exceeded"
    case costPerMonth = "monthly_cost_limit_exceeded"
    case tokensTotal = "total_token_limit_exceeded"
    case costTotal = "total_cost_limit_exceeded"
    case prepaid = "prepaid_balance_exhausted"
    case requestsPerMinute = "requests_per_minute_exceeded"
    case tokensPerMinute = "tokens_per_minute_exceeded"
    case inputTokensPerMinute = "input_tokens_per_minute_exceeded"
    case outputTokensPerMinute = "output_tokens_per_minute_exceeded"
    case windowRequests = "window_request_limit_exceeded"
    case windowTokens = "window_token_limit_exceeded"
    case windowCost = "window_cost_limit_exceeded"

    enum Measure: Sendable { case requests, tokens, input, output, cost, opusCost }

    var measure: Measure {
        switch self {
        case .requestsPerMinute, .windowRequests: .requests
        case .tokensPerMinute, .windowTokens, .tokensPerDay, .tokensTotal: .tokens
        case .inputTokensPerMinute: .input
        case .outputTokensPerMinute: .output
        case .windowCost, .costPerDay, .costPerWeek, .costPerMonth, .costTotal, .prepaid: .cost
        case .opusCostPerWeek: .opusCost
        }
    }

    /// Nil: a sliding minute.
    var period: LimitPeriod? {
        switch self {
        case .requestsPerMinute, .tokensPerMinute, .inputTokensPerMinute, .outputTokensPerMinute: nil
        case .windowRequests, .windowTokens, .windowCost: .window
        case .tokensPerDay, .costPerDay: .day
        case .costPerWeek, .opusCostPerWeek: .week
        case .costPerMonth: .month
        case .tokensTotal, .costTotal, .prepaid: .total
        }
    }

    /// Used up for minutes at most, so the client may wait; else a budget that somebody has to raise or a long time has to pass.
    var isShort: Bool { period == nil || period == .window }

    func limit(_ limits: APIKeyLimits) -> Int64? {
        switch self {
        case .requestsPerMinute: limits.requestsPerMinute
        case .tokensPerMinute: limits.tokensPerMinute
        case .inputTokensPerMinute: limits.inputTokensPerMinute
        case .outputTokensPerMinute: limits.outputTokensPerMinute
        case .windowRequests: limits.windowMinutes == nil ? nil : limits.windowRequests
        case .windowTokens: limits.windowMinutes == nil ? nil : limits.windowTokens
        case .windowCost: limits.windowMinutes == nil ? nil : limits.windowCostMicroUSD
        case .tokensPerDay: limits.tokensPerDay
        case .costPerDay: limits.costPerDayMicroUSD
        case .costPerWeek: limits.costPerWeekMicroUSD
        case .opusCostPerWeek: limits.opusCostPerWeekMicroUSD
        case .costPerMonth: limits.costPerMonthMicroUSD
        case .tokensTotal: limits.tokensTotal
        case .costTotal: limits.costTotalMicroUSD
        case .prepaid: limits.prepaidMicroUSD
        }
    }

    /// What it limits, as the subject of a sentence.
    private var subject: String {
        switch self {
        case .requestsPerMinute: "requests per minute"
        case .tokensPerMinute: "tokens per minute"
        case .inputTokensPerMinute: "input tokens per minute"
        case .outputTokensPerMinute: "output tokens per minute"
        case .windowRequests: "requests of this window"
        case .windowTokens: "tokens of this window"
        case .windowCost: "budget of this window"
        case .tokensPerDay: "tokens for today"
        case .costPerDay: "budget for today"
        case .costPerWeek: "budget for this week"
        case .opusCostPerWeek: "budget for Opus models"
        case .costPerMonth: "budget for this month"
        case .tokensTotal: "tokens"
        case .costTotal: "budget"
        case .prepaid: "prepaid balance"
        }
    }
    private var end: String { self == .opusCostPerWeek ? " for this week" : "" }

    func message(_ shortage: LimitShortage?) -> String {
        let isMoney = measure == .cost || measure == .opusCost
        guard let shortage else { return subject + (isMoney ? " is" : " are") + " used up" + end }
        func text(_ amount: Int64) -> String { isMoney ? MicroDollars.text(amount) + " USD" : String(amount) }
        return subject + (isMoney ? " does" : " do") + " not suffice" + end
            + ": \(text(shortage.left)) left, and this may take \(text(shortage.asked))"
    }
}

/// What is left of a limit that is not used up, and what a request that does not fit asks of it.
struct LimitShortage: Sendable, Equatable {
    var left: Int64
    var asked: Int64
}

enum LimitPeriod: Int, Sendable, CaseIterable { case window, day, week, month, total }

/// A limit that stands in the way.
struct LimitHit: Sendable, Equatable {
    var scope: LimitScope
    var name: LimitName
    /// Until it may work again; nil when time alone changes nothing.
    var waitSeconds: Int64?
    var resetsAt: Timestamp?
    /// Nil: it is used up, or held whole by requests under way.
    var shortage: LimitShortage?

    var message: String {
        let whose =
            switch scope {
            case .key: "The key's "
            case .user: "The account's "
            case .team: "The team's "
            }
        return whose + name.message(shortage) + "."
    }
}

enum LimitRefusal: Error, Equatable {
    case hit(LimitHit)
    /// All places are taken; one comes free when a request ends.
    case full(LimitScope)
    /// The rest of a budget is held by requests under way; what they leave of it comes free when they end.
    case held(LimitScope)

    /// Where waiting helps; nil where it does not.
    var scope: LimitScope? {
        switch self {
        case .full(let scope), .held(let scope): scope
        case .hit: nil
        }
    }
    var isHeld: Bool { if case .held = self { true } else { false } }
}

/// Limits with the numbers picked out that are set, so that a request meets only those. Immutable.
final class LimitPlan: Sendable {
    struct Rule: Sendable {
        let name: LimitName
        let limit: Int64
        /// The name's: every request asks both of every rule.
        let measure: LimitName.Measure
        let period: LimitPeriod?

        init(_ name: LimitName, limit: Int64) { (self.name, self.limit, measure, period) = (name, limit, name.measure, name.period) }
    }
    let rules: [Rule]
    let concurrency: Int64?
    /// Whether any rule needs to know what the request may use.
    let needsEstimate: Bool
    /// Whether any rule is about a sliding minute.
    let hasRates: Bool
    let isHard: Bool
    let windowMinutes: Int64
    let weekStartDay: Int64
    let weekHour: Int64
    let queueLength: Int
    let queueSeconds: Int64

    init(_ limits: APIKeyLimits) {
        rules = LimitName.allCases.compactMap { name in name.limit(limits).map { Rule(name, limit: max(0, $0)) } }
        concurrency = limits.concurrency
        needsEstimate = rules.contains { $0.name.measure != .requests }
        hasRates = rules.contains { $0.name.period == nil }
        isHard = limits.hardStop == 1
        windowMinutes = limits.windowMinutes ?? 0
        weekStartDay = limits.weekResetDay ?? 1
        weekHour = limits.weekResetHour ?? 0
        let places = min(1000, max(0, limits.concurrency ?? 0))
        queueLength = Int(limits.queueLength ?? max(places * 2, 3))
        queueSeconds = limits.queueSeconds ?? 60
    }

    static let none = LimitPlan(APIKeyLimits())
}

/// Plans by their limits: many keys have the same, and what they share stays in the processor's cache.
struct SharedPlans: Sendable {
    private struct Name: Hashable {
        let limits: APIKeyLimits
        let copy: Int
    }
    private var plans: [Name: LimitPlan] = [:]
    /// Of each plan, because every request counts references to its plans, and reactors would fight over a single count.
    private static let copies = 16
    /// More different ones are not worth keeping apart from the keys that use them: it begins anew.
    private static let maximum = 16_384

    mutating func plan(_ limits: APIKeyLimits, of holder: some Hashable) -> LimitPlan {
        let name = Name(limits: limits, copy: holder.hashValue & (Self.copies - 1))
        if let known = plans[name] { return known }
        let made = LimitPlan(limits)
        if plans.count >= Self.maximum { plans = [:] }
        plans[name] = made
        return made
    }
}
