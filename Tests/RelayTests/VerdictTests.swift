import Domain
import Testing

@testable import Relay

/// What a refusal means for the account that gave it (relay contract, section 14).
struct VerdictTests {
    private static let now = Timestamp(seconds: 1_795_219_200)
    private static func later(_ seconds: Int64) -> Timestamp { now.adding(seconds: seconds) }

    private static func windows(_ text: String) -> UsageWindows {
        // "7d:rejected:1795300000" as the answers' fields say it.
        guard let json = try? JSON(parsing: text) else { return UsageWindows() }
        return UsageWindows(restoring: json)
    }

    @Test(
        arguments: [
            (400, "", nil, UpstreamVerdict.relay), (400, "claude_code_version_too_old", nil, .relay),
            (400, "your organization has been disabled", nil, .fault(.held("organization has been disabled"))),
            (400, "you have reached your specified api usage limits.", nil, .fault(.billing("spend limit"))),
            (401, "", nil, .fault(.credential)), (402, "", nil, .fault(.billing("402"))), (403, "", nil, .fault(.forbidden)),
            (403, "organization_on_hold", nil, .fault(.held("organization_on_hold"))), (404, "", nil, .unknownModel),
            (409, "", nil, .relay),
            (413, "", nil, .relay), (422, "", nil, .relay), (429, "", 20_000, .fault(.limited(until: later(20)))),
            (429, "", 200, .fault(.limited(until: later(1)))), (429, "", 90_000_000, .fault(.limited(until: later(1800)))),
            (429, "ramp_limit_exceeded", 7_000, .fault(.limited(until: later(7)))), (429, "", nil, .fault(.limitedUnknown)),
            (429, "please enable extra usage", nil, .relay), (429, "needs the long context tier", 5_000, .relay),
            (429, "enforced_spend_limit_reached", nil, .fault(.billing("spend limit"))),
            (429, "linked_organization_spend_limit_reached", nil, .fault(.billing("spend limit"))), (500, "", nil, .fault(.broken)),
            (502, "", nil, .fault(.broken)), (503, "", nil, .fault(.unavailable)), (504, "", nil, .fault(.timeout)),
            (529, "", nil, .fault(.overloaded)),
        ] as [(Int, String, Int64?, UpstreamVerdict)])
    func `each refusal has its consequence`(status: Int, message: String, retryAfter: Int64?, verdict: UpstreamVerdict) {
        let found = UpstreamVerdict.of(
            status: status, message: message, retryAfter: retryAfter, windows: UsageWindows(), family: .sonnet, now: Self.now)
        #expect(found == verdict)
    }

    @Test(
        arguments: [
            // The window of all models outlasts one of a family.
            (
                #"{"5h":{"rejected":true,"resets_at":"2026-11-21T03:00:00Z"},"7d_opus":{"rejected":true,"resets_at":"2026-11-25T00:00:00Z"}}"#,
                nil, 10_800, nil as ModelFamily?
            ),
            (#"{"7d_opus":{"rejected":true,"resets_at":"2026-11-25T00:00:00Z"},"5h":{"rejected":false}}"#, 5_000, 345_600, .opus),
            // A word we do not know can only be about the model that was asked for.
            (#"{"7d_oi":{"rejected":true,"resets_at":"2026-11-22T00:00:00Z"}}"#, nil, 86_400, .sonnet),
            // Longer than half an hour is a window: its reset counts, not the wait.
            (#"{"requests":{"remaining":0,"limit":5,"resets_at":"2026-11-21T02:00:00Z"}}"#, 9_000_000, 7_200, nil),
        ] as [(String, Int64?, Int64, ModelFamily?)])
    func `a used-up window is waited out until its reset`(json: String, retryAfter: Int64?, seconds: Int64, about: ModelFamily?) {
        let found = UpstreamVerdict.of(
            status: 429, message: "", retryAfter: retryAfter, windows: Self.windows(json), family: .sonnet, now: Self.now)
        guard case .fault(.window(let until, let family, _)) = found else { return #expect(Bool(false), "\(found)") }
        #expect(until == Self.later(seconds) && family == about)
    }

    @Test func `without a window, a limit used up tells its own end`() {
        let windows = Self.windows(#"{"tokens":{"remaining":0,"limit":5,"resets_at":"2026-11-21T00:00:42Z"}}"#)
        let found = UpstreamVerdict.of(status: 429, message: "", retryAfter: nil, windows: windows, family: .opus, now: Self.now)
        #expect(found == .fault(.limited(until: Self.later(42))))
    }

    @Test(
        arguments: [
            ("7", 7000), ("0.2", 200), ("0", 0), ("", nil), ("-1", nil), ("nan", nil), ("inf", nil), ("1e300", nil),
            ("Sat, 21 Nov 2026 00:00:30 GMT", 30_000), ("Fri, 20 Nov 2026 00:00:30 GMT", 0), ("Sat, 21 Nov 2026 00:00:30 CET", nil),
            ("Sat, 99 Nov 2026 00:00:30 GMT", nil), ("Sat 21 Nov 2026 00:00:30 GMT", nil),
        ] as [(String, Int64?)])
    func `retry-after is seconds or a date`(text: String, milliseconds: Int64?) {
        #expect(UpstreamVerdict.retryAfter(text, now: Self.now) == milliseconds)
    }
}
