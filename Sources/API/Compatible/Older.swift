internal import Domain
internal import HTTP
internal import Store

/// What the endpoints of older dashboards have in common: admins only, `{"success","data"}`, errors as the older relay told them.
enum Older {
    static let tag = "Older dashboards"
    static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    static let view = View(
        "Envelope", [.always("success", "Always true.", .boolean), .always("data", "What was asked for.", .anything)],
        example: ["success": true, "data": [:]])

    static func endpoint<Path, Query, Body>(
        _ method: HTTP.Method, _ path: String, _ summary: String, takes: InputShape<Path, Query, Body>, problems: [ProblemKind] = [],
        about: String? = nil,
        _ handler: @escaping @Sendable (Input<Path, Query, Body>, CustomerContext) async throws -> JSON
    ) -> Endpoint<CustomerContext> {
        Endpoint(
            method, path, summary, tag: tag, audience: admins, takes: takes, replies: .ok(view),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + (method == .get ? [] : [.csrf]) + problems, dialect: .olderRelay,
            about: about, idempotent: false
        ) { input, context in ["success": true, "data": try await handler(input, context)] }
    }

    static let id = Shape(Field<String>.text("id", "Its id.", length: 1...64), make: { $0 })

    /// The sums that scripts read (relay contract, section 11).
    static func usage(_ usage: Usage) -> JSONObject {
        let tokens = usage.tokens
        return [
            "tokens": .int(tokens.total), "inputTokens": .int(tokens.input), "outputTokens": .int(tokens.output),
            "cacheCreateTokens": .int(tokens.cacheWrite5m + tokens.cacheWrite1h), "cacheReadTokens": .int(tokens.cacheRead),
            "allTokens": .int(tokens.total), "requests": .int(usage.requests), "costMicroUsd": .int(usage.priceMicroUSD),
            "cost": .number(Dollars.text(usage.priceMicroUSD)), "formattedCost": .string("$" + Dollars.text(usage.priceMicroUSD)),
        ]
    }

    /// First day of "today", "7days", "30days", "monthly"; nil for all.
    static func firstDay(_ range: String, _ ambient: Ambient) -> String? {
        switch range {
        case "today", "daily": ambient.today
        case "7days", "weekly": firstDay(of: 7, ambient)
        case "30days": firstDay(of: 30, ambient)
        case "monthly": String(ambient.today.prefix(8)) + "01"
        default: nil
        }
    }
    /// The first of so many days, today included.
    static func firstDay(of days: Int64, _ ambient: Ambient) -> String {
        let midnight = ambient.zone.day(around: ambient.now()).lowerBound
        // From the middle of the day, which no change of the clocks moves into another one.
        return ambient.zone.dayText(midnight.adding(seconds: 43_200 - (days - 1) * 86_400))
    }
    static let ranges = ["today", "daily", "7days", "weekly", "30days", "monthly", "total", "all"]
}
