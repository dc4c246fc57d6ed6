internal import Domain
internal import Store
internal import Synchronization
internal import Telemetry

/// Writes what accounts rest from, and when they were used last, behind the data path: what changed is a flag, and this loop looks at
/// the flags. A database that cannot be written delays it, and nothing else.
struct HealthKeeper: Sendable {
    let accounts: AccountDirectory
    let store: Store
    let log: Log
    private let written = Written()

    /// Last use as it was written, so that an idle account is not written again.
    private final class Written: Sendable {
        let used = Mutex<[AccountID: Int64]>([:])
    }

    init(accounts: AccountDirectory, store: Store, log: Log) {
        self.accounts = accounts
        self.store = store
        self.log = log
    }

    /// A cooldown may be lost to a `kill -9` for this long; the next answer of the upstream brings it back.
    private static let everyMilliseconds = 200
    /// Uses are for people: once a minute is enough.
    private static let usesEveryRounds = 300

    func run() async {
        var round = 0
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.milliseconds(Self.everyMilliseconds)) } catch { break }
            round += 1
            await write(uses: round % Self.usesEveryRounds == 0)
        }
        await write(uses: true)
    }

    func write(uses: Bool) async {
        let all = accounts.pool.everyone
        let changed = all.filter { $0.live.isDirty.exchange(false, ordering: .relaxed) }
        let used = uses ? unwrittenUses(all) : []
        guard !changed.isEmpty || !used.isEmpty else { return }
        let cooldowns = changed.map { (id: $0.id, kept: $0.live.snapshot.kept($0.id)) }
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in
                for (id, kept) in cooldowns { try transaction.recordCooldowns(kept, of: id) }
                for use in used { try transaction.recordUse(of: use.id, at: use.at, windows: use.windows) }
            }
            written.used.withLock { written in for use in used { written[use.id] = use.at.milliseconds } }
        } catch {
            for account in changed { account.live.isDirty.store(true, ordering: .relaxed) }
            log.warning("account.health_not_written", ["error": LogValue("\(error)")])
        }
    }

    private struct Use: Sendable {
        let id: AccountID
        let at: Timestamp
        let windows: String
    }
    private func unwrittenUses(_ all: [RelayAccount]) -> [Use] {
        let known = written.used.withLock { $0 }
        return all.compactMap { account in
            let used = account.live.lastUsedAt.load(ordering: .relaxed)
            guard used > 0, known[account.id] != used else { return nil }
            return Use(id: account.id, at: Timestamp(milliseconds: used), windows: account.live.snapshot.windows.json.text)
        }
    }
}
