import API
import Domain
import HTTP
import Secrets
import Store
import Telemetry
import Testing

struct ProblemTests {
    private struct Unforeseen: Error { let secret = "hunter2" }
    private let id = RequestID(high: 1, low: 2)

    @Test(
        arguments: [
            (StoreError.busy, 503, "store_busy", 1), (.unavailable("password=hunter2"), 503, "store_unavailable", 5),
            (.full, 503, "store_full", 30), (.readOnly("hunter2"), 503, "store_unavailable", 30),
            (.outcomeUnknown("hunter2"), 503, "outcome_unknown", nil), (.conflict(.userEmail), 409, "email_taken", nil),
            (.conflict(.foreignKey), 409, "conflict", nil), (.refused("hunter2"), 409, "conflict", nil),
            (.corrupt("hunter2"), 500, "internal_error", nil),
            (.newerSchema(found: 2, known: 1), 500, "internal_error", nil), (.programming("hunter2"), 500, "internal_error", nil),
        ] as [(StoreError, Int, String, Int?)])
    func `a store error becomes a safe answer`(error: StoreError, status: Int, code: String, wait: Int?) {
        let problem = Problems(log: .silent).describe(error, id)
        #expect(problem.kind.status == status && problem.kind.code == code && problem.retryAfterSeconds == wait)
        for dialect in ErrorDialect.allCases { #expect(!dialect.response(problem, id: id).text.contains("hunter2")) }
        #expect(problem.outcomeIsUnknown == (code == "outcome_unknown"))
    }

    @Test func `other errors become answers too`() {
        let problems = Problems(log: .silent)
        let input = problems.describe(InputErrors(fields: [FieldError("a", "is required"), FieldError("b", "is required")]), id)
        #expect(input.kind.status == 422 && input.faults.map(\.field) == ["a", "b"])
        #expect(problems.describe(TokenError.expired, id).kind.code == "token_expired")
        #expect(problems.describe(TokenError.badSignature, id).kind.code == "unauthorized")
        #expect(problems.describe(SecretsError.busy, id).kind.status == 503)
        #expect(problems.describe(SecretsError.damaged, id).kind.status == 500)
        #expect(problems.describe(ClientError.timeout, id).kind.status == 502)
        #expect(problems.describe(CancellationError(), id).kind.status == 503)
        let unforeseen = problems.describe(Unforeseen(), id)
        #expect(unforeseen.kind.status == 500 && !unforeseen.sentence.contains("hunter2"))
    }
}
