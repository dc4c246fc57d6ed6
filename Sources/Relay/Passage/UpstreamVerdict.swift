internal import Domain

/// What an upstream's refusal means for the account and for this request (relay contract, sections 6 and 14). Pure.
enum UpstreamVerdict: Equatable {
    /// The answer is the customer's business: pass it on, byte for byte.
    case relay
    /// Somebody else may serve it. The account rests for `cooldownSeconds` (0: it is not to blame).
    /// - hides: the answer is about the account itself and never reaches the customer.
    case next(cooldownSeconds: Int64, hides: Bool)

    private static let longestRest: Int64 = 30 * 60

    /// - Parameters:
    ///   - failures: how often in a row the account has failed before this.
    ///   - message: `error.message` and `error.details.error_code` of the body, lowercase, in one text.
    static func of(status: Int, message: String, retryAfterSeconds: Int64?, failures: Int) -> UpstreamVerdict {
        switch status {
        case 400 where namesDisabledAccount(message): .next(cooldownSeconds: longestRest, hides: true)
        case 401, 402: .next(cooldownSeconds: longestRest, hides: true)
        case 403: .next(cooldownSeconds: namesDisabledAccount(message) ? longestRest : 600, hides: true)
        case 429 where asksForExtraUsage(message): .relay
        case 429 where message.contains("spend_limit_reached"): .next(cooldownSeconds: longestRest, hides: true)
        case 429: .next(cooldownSeconds: min(longestRest, retryAfterSeconds ?? growing(failures, [5, 10, 20, 40, 60])), hides: true)
        case 529: .next(cooldownSeconds: growing(failures, [5, 15, 60]), hides: false)
        case 500, 502: .next(cooldownSeconds: failures >= 2 ? 60 : 0, hides: false)
        case 503: .next(cooldownSeconds: 15, hides: false)
        case 504: .next(cooldownSeconds: 30, hides: false)
        default: .relay
        }
    }

    private static func growing(_ failures: Int, _ steps: [Int64]) -> Int64 { steps[min(max(0, failures), steps.count - 1)] }

    private static func namesDisabledAccount(_ message: String) -> Bool {
        ["organization has been disabled", "organization_on_hold", "account has been disabled", "organization is on hold"].contains {
            message.contains($0)
        }
    }
    private static func asksForExtraUsage(_ message: String) -> Bool {
        message.contains("extra usage") || message.contains("long context")
    }

    /// `retry-after`: seconds, with or without a fraction; a date is not read here and counts as absent.
    static func retryAfter(_ text: String?) -> Int64? {
        guard let text, let seconds = Double(text), seconds >= 0, seconds < 1e9 else { return nil }
        return Int64(seconds.rounded(.up))
    }
}
