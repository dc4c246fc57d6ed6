internal import Domain
internal import HTTP

/// Why an account cannot go on serving for a while (relay contract, section 14).
enum AccountFault: Equatable, Sendable {
    /// 401: the credential is not taken.
    case credential
    /// 402 and spending limits: until the month ends or an operator acts.
    case billing(String)
    /// The account or its organisation is disabled or held: until an operator acts.
    case held(String)
    /// 403 for another reason.
    case forbidden
    /// A usage window of the account is used up; nil: for every model.
    case window(until: Timestamp, family: ModelFamily?, claim: String)
    /// 429 with a time.
    case limited(until: Timestamp)
    /// 429 without any.
    case limitedUnknown
    case overloaded
    /// 500, 502, a connection cut in an answer.
    case broken
    /// 503.
    case unavailable
    /// 504, or no first byte in time.
    case timeout

    /// Stable: a metric's label.
    var code: String {
        switch self {
        case .credential: "credential"
        case .billing: "billing"
        case .held: "held"
        case .forbidden: "forbidden"
        case .window: "window"
        case .limited, .limitedUnknown: "rate_limited"
        case .overloaded: "overloaded"
        case .broken: "server_error"
        case .unavailable: "unavailable"
        case .timeout: "timeout"
        }
    }

    /// The answer is about the account itself and never reaches the customer.
    var hides: Bool {
        switch self {
        case .credential, .billing, .held, .forbidden, .window, .limited, .limitedUnknown: true
        case .overloaded, .broken, .unavailable, .timeout: false
        }
    }

    /// How many other accounts may be asked after it; nil is as many as the request may try.
    var otherAccounts: Int? {
        switch self {
        case .limitedUnknown, .overloaded: 1
        default: nil
        }
    }
}

/// What an upstream's refusal means for the account and for this request (relay contract, sections 6 and 14). Pure.
enum UpstreamVerdict: Equatable {
    /// The answer is the customer's business: pass it on, byte for byte.
    case relay
    /// 404: passed on, unless another account lists the model.
    case unknownModel
    /// Somebody else may serve it.
    case fault(AccountFault)

    /// Longer waits are windows (relay contract, section 14).
    private static let longestRestMilliseconds: Int64 = 30 * 60_000

    /// - Parameters:
    ///   - message: `error.message` and `error.details.error_code` of the body, lowercase, in one text.
    ///   - retryAfter: what `retry-after` says, in milliseconds.
    static func of(
        status: Int, message: String, retryAfter: Int64?, windows: UsageWindows, family: ModelFamily, now: Timestamp
    ) -> UpstreamVerdict {
        switch status {
        case 400 where namesDisabledAccount(message), 403 where namesDisabledAccount(message): .fault(.held(reason(message)))
        case 400 where namesSpendLimit(message): .fault(.billing("spend limit"))
        case 401: .fault(.credential)
        case 402: .fault(.billing("402"))
        case 403: .fault(.forbidden)
        case 404: .unknownModel
        case 429 where asksForExtraUsage(message): .relay
        case 429 where namesSpendLimit(message): .fault(.billing("spend limit"))
        case 429: .fault(limited(retryAfter: retryAfter, windows, family, now))
        case 500, 502: .fault(.broken)
        case 503: .fault(.unavailable)
        case 504: .fault(.timeout)
        case 529: .fault(.overloaded)
        default: .relay
        }
    }

    private static func limited(retryAfter: Int64?, _ windows: UsageWindows, _ family: ModelFamily, _ now: Timestamp) -> AccountFault {
        if let rejected = windows.rejection(asking: family, now: now) {
            return .window(until: rejected.until, family: rejected.family, claim: rejected.claim)
        }
        if let retryAfter {
            if retryAfter <= longestRestMilliseconds { return .limited(until: now.adding(milliseconds: max(1000, retryAfter))) }
            let reset = windows.unifiedReset ?? windows.exhaustedUntil(now: now)
            if let reset, reset > now { return .window(until: reset, family: nil, claim: windows.claim ?? "retry-after") }
            return .limited(until: now.adding(milliseconds: longestRestMilliseconds))
        }
        if let until = windows.exhaustedUntil(now: now) { return .limited(until: until) }
        return .limitedUnknown
    }

    private static let held = [
        "organization has been disabled", "organization_on_hold", "account has been disabled", "organization is on hold",
        "account is on hold", "organization is disabled", "account is disabled",
    ]
    private static func namesDisabledAccount(_ message: String) -> Bool { held.contains { message.contains($0) } }
    private static func reason(_ message: String) -> String { held.first { message.contains($0) } ?? "held" }
    private static func namesSpendLimit(_ message: String) -> Bool {
        message.contains("spend_limit_reached") || message.contains("specified api usage limits")
    }
    private static func asksForExtraUsage(_ message: String) -> Bool {
        message.contains("extra usage") || message.contains("long context")
    }

    /// `retry-after` in milliseconds: seconds, with or without a fraction, or an HTTP date.
    static func retryAfter(_ text: String?, now: Timestamp) -> Int64? {
        guard let text else { return nil }
        if let seconds = Double(text) {
            guard seconds >= 0, seconds < 1e9 else { return nil }
            return Int64((seconds * 1000).rounded(.up))
        }
        return httpDate(text).map { max(0, $0.milliseconds - now.milliseconds) }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// "Sat, 21 Nov 2026 07:00:00 GMT" (RFC 9110, IMF-fixdate).
    static func httpDate(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT", words[1].count == 2, words[3].count == 4,
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return try? Timestamp(parsing: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
