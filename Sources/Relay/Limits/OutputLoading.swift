internal import Domain
internal import Store
internal import Telemetry

/// Tells keys' counters after a start what the request history knows of their answers, in the background: until then a request holds
/// back what it asks for.
struct OutputLoading: Sendable {
    let keys: KeyDirectory
    let store: Store
    let log: Log
    /// Requests of this process count when they end.
    let before: RequestID

    /// Requests looked at, the newest; some hundred milliseconds of one database reader in all.
    static let requests = 50_000
    private static let page = 1000

    private struct Subject: Hashable {
        let key: APIKeyID
        let model: String
    }

    func run() async {
        var (known, next): ([Subject: Int], RequestID) = ([:], before)
        for _ in 0..<Self.requests / Self.page where !Task.isCancelled {
            let before = next
            do throws(StoreError) {
                let found = try await store.read { reader throws(StoreError) in
                    try reader.answerLengths(before: before, limit: Self.page)
                }
                for answer in found where answer.isWhole { note(answer, &known) }
                guard found.count == Self.page, let last = found.last else { return }
                next = last.id
            } catch {
                log.warning("limits.answers_not_read", ["error": LogValue("\(error)")])
                return
            }
        }
    }

    private func note(_ answer: AnswerLength, _ known: inout [Subject: Int]) {
        let subject = Subject(key: answer.apiKeyID, model: answer.model)
        let count = known[subject, default: 0]
        // More would make the newest ones fade, which are noted first.
        guard count < OutputHistory.kept, let key = keys.find(answer.apiKeyID), key.holders.contains(where: \.plan.needsEstimate)
        else { return }
        known[subject] = count + 1
        key.counters.noteOutput(answer.outputTokens, model: answer.model)
    }
}
