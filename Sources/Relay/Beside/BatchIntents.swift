internal import Domain
internal import Store
internal import Synchronization
internal import Telemetry

/// A batch is written down before the upstream is asked for it, so that none runs there that nobody here knows of.
extension BatchBooks {
    /// The upstream has taken it, and the database does not know under which name.
    struct Unnamed: Sendable {
        let intent: MessageBatch
        let batch: MessageBatch
    }

    /// More than all tries of one creation take. What has no name by then was left by a process that has ended.
    static let creatingSeconds: Int64 = 3600
    /// Batches that wait in memory for the database.
    private static let mostUnnamed = 1000

    /// Before an account is asked for it; it is held back from here on.
    func intend(_ intent: MessageBatch, _ request: RequestID) async throws(RelayProblem) {
        let until = services.ambient.now().adding(seconds: Self.creatingSeconds)
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in try transaction.intendBatch(intent, until: until) }
        } catch {
            services.log.error("batch.not_recorded", ["error": LogValue("\(error)"), "action": "it was refused"], request: request)
            throw .cannotRecord
        }
        hold(intent)
    }

    /// No account has taken it.
    func forget(_ intent: MessageBatch) async {
        release(intent)
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in try transaction.forgetBatch(intent.id) }
        } catch {
            // It is reported later as one that may run, which is wrong and harmless.
            services.log.warning("batch.not_forgotten", ["batch": LogValue(intent.id), "error": LogValue("\(error)")])
        }
    }

    /// The upstream has taken it. While the database does not take its name, it is told again with each round of `run`.
    func name(_ unnamed: Unnamed, _ request: RequestID) async {
        do throws(StoreError) { try await write(unnamed) } catch {
            let isKept = self.unnamed.withLock { waiting in
                guard waiting.count < Self.mostUnnamed else { return false }
                waiting.append(unnamed)
                return true
            }
            services.log.error(
                "batch.not_named",
                [
                    "batch": LogValue(unnamed.batch.id), "account": LogValue(unnamed.batch.accountID.text), "error": LogValue("\(error)"),
                    "action": .text(isKept ? "it is tried again every minute" : "too many wait: this one is not billed"),
                ], request: request)
        }
    }

    /// The names that the database has not taken yet, until it is two days too late for them.
    func nameAgain() async {
        for waiting in unnamed.withLock({ $0 }) {
            do throws(StoreError) { try await write(waiting) } catch {
                guard waiting.batch.createdAt < services.ambient.now().adding(seconds: -Self.heldSeconds) else {
                    // The others would wait for the same.
                    if error.isRetryable { return }
                    continue
                }
                let batch = waiting.batch
                services.log.error(
                    "batch.lost",
                    ["batch": LogValue(batch.id), "account": LogValue(batch.accountID.text), "error": LogValue("\(error)")])
                release(waiting.intent)
            }
            unnamed.withLock { $0.removeAll { $0.intent.id == waiting.intent.id } }
        }
    }

    /// A repeat with the same idempotency key is told of the batch that there is, and holds nothing by itself.
    private func write(_ unnamed: Unnamed) async throws(StoreError) {
        let next = nextLook
        let isRunning = try await store.transaction { transaction throws(StoreError) in
            try transaction.nameBatch(unnamed.intent.id, as: unnamed.batch, nextLookAt: next)
        }
        if !isRunning || !passOn(unnamed.intent, to: unnamed.batch) { release(unnamed.intent) }
    }

    /// Nobody has named it in time: whoever asked for it has ended. Nothing is held back for it any longer.
    func abandon(_ intent: MessageBatch) async {
        guard !unnamed.withLock({ $0.contains { $0.intent.id == intent.id } }) else { return }
        do throws(StoreError) {
            let isFirst = try await store.transaction { transaction throws(StoreError) in try transaction.markBatchBooked(intent.id) }
            release(intent)
            guard isFirst else { return }
            services.log.error(
                "batch.left_unnamed",
                [
                    "account": LogValue(intent.accountID.text), "key": LogValue(intent.apiKeyID.text),
                    "created_at": .text(intent.createdAt.text),
                    "action": "look at the account's batches of that time: one that runs there is not billed",
                ])
        } catch {
            services.log.warning("batch.look_failed", ["batch": LogValue(intent.id), "error": LogValue("\(error)")])
        }
    }
}
