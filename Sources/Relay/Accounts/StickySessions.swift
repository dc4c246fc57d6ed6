internal import Domain
internal import Synchronization

/// A keyed hash of a customer key and one of its sessions: two customers cannot meet in it, nor guess each other's.
struct StickyKey: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(_ digest: [UInt8]) {
        func word(_ from: Int) -> UInt64 { digest.dropFirst(from).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
        (high, low) = (word(0), word(8))
    }
    func hash(into hasher: inout Hasher) { hasher.combine(high) }
}

/// Which account serves a session, so that its prompt cache is found again. Bounded; forgotten an hour after the last use.
final class StickySessions: Sendable {
    private struct Entry: Sendable {
        var account: AccountID
        var usedAt: Timestamp
    }
    private final class Shard: Sendable {
        let entries = Mutex<[StickyKey: Entry]>([:])
    }
    private let shards = (0..<16).map { _ in Shard() }

    /// Sliding; the prompt cache lives five minutes, so less would be of no use.
    static let lifeMilliseconds: Int64 = 60 * 60_000
    /// Of one shard of sixteen: 131,072 sessions, about 10 MB.
    private let maximumEntries: Int

    init(maximumEntries: Int = 131_072) { self.maximumEntries = max(1, maximumEntries / 16) }

    private func shard(_ key: StickyKey) -> Shard { shards[Int(truncatingIfNeeded: key.low & 15)] }

    /// The session's account; using it keeps it.
    func account(_ key: StickyKey, now: Timestamp) -> AccountID? {
        shard(key).entries.withLock { entries in
            guard let entry = entries[key] else { return nil }
            guard now.milliseconds - entry.usedAt.milliseconds < Self.lifeMilliseconds else {
                entries[key] = nil
                return nil
            }
            entries[key]?.usedAt = now
            return entry.account
        }
    }

    /// Binds the session unless another request was quicker.
    func bind(_ key: StickyKey, to account: AccountID, now: Timestamp) {
        shard(key).entries.withLock { entries in
            if let entry = entries[key], now.milliseconds - entry.usedAt.milliseconds < Self.lifeMilliseconds { return }
            makeRoom(&entries, now)
            entries[key] = Entry(account: account, usedAt: now)
        }
    }

    /// Moves it from an account that is out; a move that came before holds.
    func move(_ key: StickyKey, from old: AccountID, to new: AccountID, now: Timestamp) {
        shard(key).entries.withLock { entries in
            guard entries[key]?.account == old else { return }
            entries[key] = Entry(account: new, usedAt: now)
        }
    }

    var count: Int { shards.reduce(0) { $0 + $1.entries.withLock { $0.count } } }

    /// Drops what has expired, then the eighth that was used longest ago.
    private func makeRoom(_ entries: inout [StickyKey: Entry], _ now: Timestamp) {
        guard entries.count >= maximumEntries else { return }
        entries = entries.filter { now.milliseconds - $0.value.usedAt.milliseconds < Self.lifeMilliseconds }
        guard entries.count >= maximumEntries else { return }
        let oldest = entries.sorted { $0.value.usedAt < $1.value.usedAt }.prefix(max(1, maximumEntries / 8))
        for (key, _) in oldest { entries[key] = nil }
    }
}
