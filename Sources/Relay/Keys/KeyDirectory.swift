internal import Domain
internal import Secrets
internal import Store
internal import Synchronization

/// A key as the data path sees it. Immutable; a class because a copy of all its texts for every request costs more than a reference.
final class RelayKey: Sendable {
    let key: APIKey
    /// Globs of models it may use; nil is all.
    let allowedModels: [ModelPattern]?
    let counters: KeyCounters
    /// The accounts that serve it; nil is the whole pool.
    let binding: AccountBinding?

    init(_ key: APIKey, counters: KeyCounters) {
        self.key = key
        self.counters = counters
        binding = key.accountBinding.map(AccountBinding.init)
        allowedModels = key.allowedModels.map(ModelPattern.list)
    }

    func allows(model: String) -> Bool { allowedModels?.contains { $0.matches(model) } ?? true }
}

/// Every key, by the keyed hash of its secret. Readers take an immutable snapshot under a lock held for nanoseconds.
final class KeyDirectory: Sendable {
    private struct Digest: Hashable, Sendable {
        /// 32 bytes; a hash of another length is no key's and gets zeros.
        private let words: (UInt64, UInt64, UInt64, UInt64)
        init(_ bytes: [UInt8]) {
            func word(_ index: Int) -> UInt64 {
                guard bytes.count == 32 else { return 0 }
                var word: UInt64 = 0
                for at in index * 8..<index * 8 + 8 { word = word << 8 | UInt64(bytes[at]) }
                return word
            }
            words = (word(0), word(1), word(2), word(3))
        }
        init(_ bytes: InlineArray<32, UInt8>) {
            func word(_ index: Int) -> UInt64 {
                var word: UInt64 = 0
                for at in index * 8..<index * 8 + 8 { word = word << 8 | UInt64(bytes[at]) }
                return word
            }
            words = (word(0), word(1), word(2), word(3))
        }
        static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }
        // The bytes are a keyed hash already: eight of them spread as well as any hash of all.
        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }
    private struct Snapshot: Sendable {
        var byDigest: [Digest: RelayKey] = [:]
        var digestByID: [APIKeyID: Digest] = [:]
        var version: Int64 = 0
    }
    private let snapshot = Mutex(Snapshot())
    private let hasher: RelayKeyHasher

    init(hasher: RelayKeyHasher) { self.hasher = hasher }

    /// Nil for a secret that is no key's. The hash's comparison decides nothing a caller could time: it is keyed.
    func find(_ secret: [UInt8]) -> RelayKey? { find(secret.span) }
    func find(_ secret: Span<UInt8>) -> RelayKey? {
        let digest = Digest(hasher.digest(of: secret))
        return snapshot.withLock { $0.byDigest[digest] }
    }

    func find(_ id: APIKeyID) -> RelayKey? {
        snapshot.withLock { snapshot in snapshot.digestByID[id].flatMap { snapshot.byDigest[$0] } }
    }

    var version: Int64 { snapshot.withLock(\.version) }
    var count: Int { snapshot.withLock { $0.byDigest.count } }

    /// Takes over changed rows. Deleted keys go; a key's counters stay with it through every change.
    /// - Parameter since: the version they were read from.
    /// - Returns: false, with nothing changed, when another refresh was quicker: these rows may be older than what it read, and would
    ///   let a revoked key in again.
    func apply(_ changes: [APIKey], since: Int64) -> Bool {
        snapshot.withLock { snapshot in
            guard snapshot.version == since else { return false }
            for key in changes {
                let digest = Digest(key.secretHash)
                let known = snapshot.digestByID[key.id]
                let counters = known.flatMap { snapshot.byDigest[$0]?.counters } ?? KeyCounters()
                if let known { snapshot.byDigest[known] = nil }
                if key.deletedAt == nil {
                    snapshot.byDigest[digest] = RelayKey(key, counters: counters)
                    snapshot.digestByID[key.id] = digest
                } else {
                    snapshot.digestByID[key.id] = nil
                }
                snapshot.version = max(snapshot.version, key.version)
            }
            return true
        }
    }

    /// Reads what has changed since the last time.
    func refresh(from store: Store) async throws(StoreError) {
        while true {
            let since = version
            let changes = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: since) }
            guard !changes.isEmpty else { return }
            // When another refresh came between, the next turn reads what is left.
            _ = apply(changes, since: since)
        }
    }

    /// Sets today's counters from the ledger's daily totals.
    func loadUsage(from store: Store, day: String) async throws(StoreError) {
        let usage = try await store.read { reader throws(StoreError) in try reader.usageByKey(day: day) }
        for (id, used) in usage { find(id)?.counters.load(day: day, tokens: used.tokens.limited, costMicroUSD: used.priceMicroUSD) }
    }
}
