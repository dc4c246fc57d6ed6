import Testing

@testable import Relay

/// What a refusal means for the account that gave it (relay contract, section 14).
struct VerdictTests {
    private static let half: Int64 = 1800

    @Test(
        arguments: [
            (400, "", nil, 0, UpstreamVerdict.relay),
            (400, "your organization has been disabled", nil, 0, .next(cooldownSeconds: half, hides: true)),
            (401, "", nil, 0, .next(cooldownSeconds: half, hides: true)), (402, "", nil, 0, .next(cooldownSeconds: half, hides: true)),
            (403, "", nil, 0, .next(cooldownSeconds: 600, hides: true)),
            (403, "organization_on_hold", nil, 0, .next(cooldownSeconds: half, hides: true)),
            (404, "", nil, 0, .relay), (409, "", nil, 0, .relay), (413, "", nil, 0, .relay), (422, "", nil, 0, .relay),
            (429, "", 20, 0, .next(cooldownSeconds: 20, hides: true)), (429, "", 90_000, 0, .next(cooldownSeconds: half, hides: true)),
            (429, "", nil, 0, .next(cooldownSeconds: 5, hides: true)), (429, "", nil, 9, .next(cooldownSeconds: 60, hides: true)),
            (429, "please enable extra usage", nil, 0, .relay),
            (429, "enforced_spend_limit_reached", nil, 0, .next(cooldownSeconds: half, hides: true)),
            (500, "", nil, 0, .next(cooldownSeconds: 0, hides: false)), (500, "", nil, 2, .next(cooldownSeconds: 60, hides: false)),
            (503, "", nil, 0, .next(cooldownSeconds: 15, hides: false)), (504, "", nil, 0, .next(cooldownSeconds: 30, hides: false)),
            (529, "", nil, 0, .next(cooldownSeconds: 5, hides: false)), (529, "", nil, 2, .next(cooldownSeconds: 60, hides: false)),
        ] as [(Int, String, Int64?, Int, UpstreamVerdict)])
    func `each refusal has its consequence`(status: Int, message: String, retryAfter: Int64?, failures: Int, verdict: UpstreamVerdict) {
        #expect(UpstreamVerdict.of(status: status, message: message, retryAfterSeconds: retryAfter, failures: failures) == verdict)
    }

    @Test(
        arguments: [
            ("7", 7), ("0.2", 1), ("0", 0), ("", nil), ("-1", nil), ("nan", nil), ("inf", nil), ("1e300", nil),
            ("Sat, 21 Nov 2026 07:00:00 GMT", nil),
        ] as [(String, Int64?)])
    func `retry-after is read as seconds`(text: String, seconds: Int64?) { #expect(UpstreamVerdict.retryAfter(text) == seconds) }
}
