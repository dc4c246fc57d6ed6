internal import Domain
internal import Store
internal import Telemetry

/// Keeps outcomes, those that come while a transaction is under way together in the next one: at a thousand jobs a second one commit each
/// would be all that the database does.
actor OutcomeRecorder {
    private let store: Store
    private let log: Log
    private var waiting: [(outcome: JobOutcome, done: CheckedContinuation<Bool, Never>)] = []
    private var isWriting = false

    /// The most outcomes of one transaction.
    private static let groupSize = 128
    /// How long an outcome is tried to be kept while the database is away. The lease is renewed meanwhile; when that fails too, the next
    /// holder looks.
    private static let attempts = 240
    private static let pause = Duration.milliseconds(250)

    init(store: Store, log: Log) {
        self.store = store
        self.log = log
    }

    /// False when it was not kept: the lease was lost, or the database stayed away.
    func keep(_ outcome: JobOutcome) async -> Bool {
        await withCheckedContinuation { done in
            waiting.append((outcome, done))
            guard !isWriting else { return }
            isWriting = true
            Task { await self.write() }  // ends when nothing waits; everyone who waits is told, so nobody needs to await it
        }
    }

    private func write() async {
        while !waiting.isEmpty {
            let group = Array(waiting.prefix(Self.groupSize))
            waiting.removeFirst(group.count)
            let kept = await keep(group.map(\.outcome))
            for (member, kept) in zip(group, kept) { member.done.resume(returning: kept) }
        }
        isWriting = false
    }

    private func keep(_ outcomes: [JobOutcome]) async -> [Bool] {
        for attempt in 1...Self.attempts {
            do throws(StoreError) {
                return try await store.transaction { transaction throws(StoreError) -> [Bool] in
                    var kept: [Bool] = []
                    for outcome in outcomes { kept.append(try transaction.record(outcome)) }
                    return kept
                }
            } catch {
                switch error {
                case .busy, .unavailable, .full, .readOnly, .outcomeUnknown:
                    // After an unknown commit the repeat finds the lease ended and says false: kept or not, the next look tells.
                    if attempt == 1 { log.warning("provisioning.outcome_waits", ["error": LogValue("\(error)")]) }
                    do { try await store.ambient.sleep(Self.pause) } catch { return outcomes.map { _ in false } }
                case .conflict, .corrupt, .newerSchema, .changedMigration, .refused, .programming, .backup:
                    guard outcomes.count > 1 else {
                        log.error(
                            "provisioning.outcome_refused", ["job": LogValue(outcomes[0].job.id.text), "error": LogValue("\(error)")])
                        return [false]
                    }
                    // One of them is not acceptable: it must not take the others along.
                    var kept: [Bool] = []
                    for outcome in outcomes { kept += await keep([outcome]) }
                    return kept
                }
            }
        }
        log.error("provisioning.outcomes_lost", ["count": LogValue(outcomes.count)])
        return outcomes.map { _ in false }
    }
}
