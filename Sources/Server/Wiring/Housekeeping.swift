internal import API
internal import Domain
internal import Store
internal import Telemetry

/// Deletes old request history, ended sessions, ended tokens, mails and their links, attempts that no longer count, idempotency keys of yesterday, a few rows at a time. The ledger and its totals are never touched.
struct Housekeeping: Sendable {
    let store: Store
    let log: Log
    /// Nil keeps history for ever.
    let historyMilliseconds: Int64?
    let intervalMilliseconds: Int

    private static let batch = 500
    private static let pause = Duration.milliseconds(50)

    func run() async {
        while !Task.isCancelled {
            do {
                let gone = try await clean()
                if gone > 0 { log.info("history.cleaned", ["requests": LogValue(gone)]) }
            } catch is CancellationError {
                return
            } catch {
                log.warning("history.cleanup_failed", ["error": LogValue("\(error)")])
            }
            do { try await store.ambient.sleep(.milliseconds(intervalMilliseconds)) } catch { return }
        }
    }

    /// How many requests went.
    func clean(_ progress: (Int) -> Void = { _ in }) async throws -> Int {
        let now = store.ambient.now()
        try await repeated { transaction throws(StoreError) in try transaction.deleteSessions(endedBefore: now.adding(seconds: -86_400)) }
        // Ended ones stay listed for a month, so that people see why a program of theirs has stopped.
        try await repeated { transaction throws(StoreError) in
            try transaction.deletePersonalTokens(endedBefore: now.adding(seconds: -30 * 86_400))
        }
        try await repeated { transaction throws(StoreError) in
            try transaction.deleteMails(expiredBefore: now.adding(seconds: -30 * 86_400))
        }
        try await repeated { transaction throws(StoreError) in
            try transaction.deleteMailLinks(expiredBefore: now.adding(seconds: -86_400))
        }
        try await repeated { transaction throws(StoreError) in
            try transaction.deleteIdempotencyKeys(madeBefore: now.adding(seconds: -86_400))
        }
        try await repeated { transaction throws(StoreError) in
            try transaction.deleteAttempts(madeBefore: now.adding(milliseconds: -AttemptLimiter.windowMilliseconds))
        }
        try await repeated { transaction throws(StoreError) in try transaction.deleteConversations(endedBefore: now) }
        try await repeated { transaction throws(StoreError) in try transaction.deleteRequestBodies(endedBefore: now) }
        guard let historyMilliseconds else { return 0 }
        let before = now.adding(milliseconds: -historyMilliseconds)
        var gone = 0
        while true {
            let count = try await store.transaction { transaction throws(StoreError) in
                try transaction.deleteRequests(startedBefore: before, limit: Self.batch)
            }
            gone += count
            progress(gone)
            guard count == Self.batch else { return gone }
            try await store.ambient.sleep(Self.pause)
        }
    }

    /// How many a clean-up would delete.
    func count() async throws -> Int64 {
        guard let historyMilliseconds else { return 0 }
        let before = store.ambient.now().adding(milliseconds: -historyMilliseconds)
        return try await store.read { reader throws(StoreError) in try reader.requestCount(startedBefore: before) }
    }

    private func repeated(_ delete: @escaping @Sendable (Transaction) throws(StoreError) -> Int) async throws {
        while try await store.transaction(delete) == Self.batch { try await store.ambient.sleep(Self.pause) }
    }
}
