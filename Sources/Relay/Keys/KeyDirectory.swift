internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Synchronization

/// A key as the data path sees it. Immutable; a class because a copy of all its texts for every request costs more than a reference.
final class RelayKey: Sendable {
    let key: APIKey
    let counters: LimitCounters
    /// Whose limits it meets: its own first, then its owner's and its team's.
    let holders: [LimitCounters.Holder]
    /// Its own, its owner's and its team's; empty for most keys, so that asking costs nothing.
    let rules: [KeyRules]
    let standing: APIKeyStanding
    /// Its next request begins a lifetime.
    let awaitsFirstUse: Bool
    /// The secret it was found by ended with a rotation and works for a while.
    let isPrevious: Bool
    /// The accounts that serve it; nil is the whole pool.
    let binding: AccountBinding?

    init(_ key: APIKey, holders: [LimitCounters.Holder], counters: LimitCounters, isPrevious: Bool = false) {
        self.key = key
        self.holders = holders
        self.counters = counters
        self.isPrevious = isPrevious
        binding = key.accountBinding.map(AccountBinding.init)
        rules = KeyRules.all(of: key)
        standing = key.standing
        awaitsFirstUse = key.awaitsFirstUse
    }

    func allows(model: String) -> Bool { rules.allSatisfy { $0.allows(model: model) } }
    /// - Throws: `modelNotAllowed` naming whose rule it is; the others below likewise.
    func check(model: String) throws(RelayProblem) {
        for rules in rules where !rules.allows(model: model) { throw .modelNotAllowed(rules.scope) }
    }
    func check(_ address: IPAddress) throws(RelayProblem) {
        for rules in rules where !rules.allows(address) { throw .addressNotAllowed(rules.scope) }
    }
    /// - Parameter service: one of `APIKeyAccess.services`.
    func check(service: String) throws(RelayProblem) {
        for rules in rules where !rules.allows(service: service) { throw .serviceNotAllowed(rules.scope) }
    }
    /// Whose end comes first.
    var endScope: LimitScope {
        key.ownEnd == standing.ends ? .key : key.ownerAccess?.ends == standing.ends ? .user : .team
    }
    var plan: LimitPlan { holders.first?.plan ?? .none }
}

/// Every key, by the keyed hash of its secret. Readers take an immutable snapshot under a lock held for nanoseconds.
final class KeyDirectory: Sendable {
    fileprivate struct Digest: Hashable, Sendable {
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
    fileprivate struct Snapshot: Sendable {
        var byDigest: [Digest: RelayKey] = [:]
        var digestByID: [APIKeyID: Digest] = [:]
        /// Secrets that ended with a rotation, by the digest.
        var previous: [Digest: RelayKey] = [:]
        /// Of people and teams.
        var shared: [LimitLoading.Subject: LimitCounters] = [:]
        var plans = SharedPlans()
        var version: Int64 = 0
        /// As of the last look at which keys are still there.
        var purges: Int64 = 0
    }
    private let snapshot = Mutex(Snapshot())
    private let hasher: RelayKeyHasher
    private let laterLooks = Mutex(LaterLooks())
    /// First uses that the database does not know yet.
    private let activations = Mutex<[APIKeyID: Timestamp]>([:])
    /// Keys of the older relay that were used, and the hashes under which they are to be kept from now on.
    private let rehashes = Mutex<[APIKeyID: Rehash]>([:])
    private struct Rehash: Sendable {
        let old: [UInt8]
        let new: [UInt8]
        let shownPrefix: String
        let shownSuffix: String
    }

    init(hasher: RelayKeyHasher) { self.hasher = hasher }

    /// Nil for a secret that is no key's. The hash's comparison decides nothing a caller could time: it is keyed.
    func find(_ secret: [UInt8]) -> RelayKey? { find(secret.span) }
    func find(_ secret: Span<UInt8>) -> RelayKey? {
        let digest = Digest(hasher.digest(of: secret))
        let found = snapshot.withLock { $0.byDigest[digest] ?? $0.previous[digest] }
        return found == nil && hasher.knowsOlder ? findOlder(secret) : found
    }

    /// Of a key that was taken over from the older relay and comes for the first time.
    private func findOlder(_ secret: Span<UInt8>) -> RelayKey? {
        let bytes = secret.indices.map { secret[$0] }
        guard let old = hasher.olderHash(bytes), let key = snapshot.withLock({ $0.byDigest[Digest(old)] }),
            key.key.hashAlgorithm == RelayKeyHasher.olderAlgorithm
        else { return nil }
        let shown = RelayKeySecret.shown(String(decoding: bytes, as: UTF8.self))
        let rehash = Rehash(old: old, new: hasher.hash(bytes), shownPrefix: shown.prefix, shownSuffix: shown.suffix)
        rehashes.withLock { $0[key.key.id] = rehash }
        return key
    }

    /// The key whose secret had that hash before it was rotated, its grace over or not.
    func rotated(from hash: [UInt8]) -> APIKeyID? { snapshot.withLock { $0.previous[Digest(hash)]?.key.id } }

    func find(_ id: APIKeyID) -> RelayKey? {
        snapshot.withLock { snapshot in snapshot.digestByID[id].flatMap { snapshot.byDigest[$0] } }
    }

    /// Every key known here, once each; for work off the data path.
    var all: [RelayKey] {
        // Listed outside of the lock: with 100,000 keys that takes milliseconds, and every request takes this lock.
        let known = snapshot.withLock { $0.byDigest }
        return Array(known.values)
    }

    var version: Int64 { snapshot.withLock(\.version) }
    var count: Int { snapshot.withLock { $0.byDigest.count } }

    /// Takes over changed rows. Deleted keys go; a key's counters stay with it through every change.
    /// - Parameters:
    ///   - since: the version they were read from.
    ///   - prepared: counters of those who appear with these rows.
    /// - Returns: false, with nothing changed, when another refresh was quicker: these rows may be older than what it read, and would
    ///   let a revoked key in again.
    func apply(_ changes: [APIKey], since: Int64, prepared: AppearingHolders = AppearingHolders()) -> Bool {
        snapshot.withLock { snapshot in
            guard snapshot.version == since else { return false }
            snapshot.shared.merge(prepared.shared) { known, _ in known }
            for key in changes {
                let digest = Digest(key.secretHash)
                let known = snapshot.digestByID[key.id]
                let before = known.flatMap { snapshot.byDigest[$0] }
                let counters = before?.counters ?? prepared.keys[key.id] ?? LimitCounters()
                if let known { snapshot.byDigest[known] = nil }
                if let ended = before?.key.previousHash { snapshot.previous[Digest(ended)] = nil }
                if key.deletedAt == nil {
                    let holders = snapshot.holders(of: key, counters)
                    snapshot.byDigest[digest] = RelayKey(key, holders: holders, counters: counters)
                    snapshot.digestByID[key.id] = digest
                    if let ended = key.previousHash, key.previousUntil != nil {
                        snapshot.previous[Digest(ended)] = RelayKey(key, holders: holders, counters: counters, isPrevious: true)
                    }
                } else {
                    snapshot.digestByID[key.id] = nil
                }
                snapshot.version = max(snapshot.version, key.version)
            }
            return true
        }
    }

    /// Reads what has changed since the last time.
    /// - Parameter loading: tells counters that appear or are limited anew what they do not know, before anything is admitted by them. Nil
    ///   before all are told.
    func refresh(from store: Store, loading: LimitLoading? = nil) async throws(StoreError) {
        if let loading {
            try await lookAgain(loading, store)
        } else {
            laterLooks.withLock { $0.note(store.ambient.now(), uptime: store.ambient.uptimeNanoseconds()) }
        }
        while true {
            let since = version
            let (changes, purges) = try await store.read { reader throws(StoreError) in
                (try reader.apiKeyChanges(since: since), try reader.apiKeyPurges())
            }
            guard !changes.isEmpty else {
                guard purges != snapshot.withLock(\.purges) else { return }
                let kept = try await store.read { reader throws(StoreError) in try reader.apiKeyIDs() }
                if drop(absentFrom: kept, since: since, purges: purges) { return }
                continue
            }
            var appearing = AppearingHolders()
            if let loading {
                appearing = appearingHolders(changes)
                try await loading.run(appearing.targets, .whole)
            }
            // When another refresh came between, the next turn reads what is left.
            if apply(changes, since: since, prepared: appearing) {
                laterLooks.withLock { $0.add(appearing.targets, second: store.ambient.uptimeNanoseconds() / 1_000_000_000) }
            }
        }
    }

    /// Forgets keys whose rows were removed for good, maybe before anybody here read that they were deleted.
    /// - Parameter since: the version up to which everything was read before `kept`.
    /// - Returns: false, with nothing changed, when another refresh was quicker: it may have brought keys that `kept` does not have.
    private func drop(absentFrom kept: Set<APIKeyID>, since: Int64, purges: Int64) -> Bool {
        // Compared outside of the lock, which every request takes.
        let gone = snapshot.withLock(\.digestByID).keys.filter { !kept.contains($0) }
        return snapshot.withLock { snapshot in
            guard snapshot.version == since else { return false }
            for id in gone {
                // The same secret may be another key's by now.
                guard let digest = snapshot.digestByID.removeValue(forKey: id), let key = snapshot.byDigest[digest], key.key.id == id else {
                    continue
                }
                snapshot.byDigest[digest] = nil
                if let ended = key.key.previousHash { snapshot.previous[Digest(ended)] = nil }
            }
            snapshot.purges = purges
            return true
        }
    }

    private func lookAgain(_ loading: LimitLoading, _ store: Store) async throws(StoreError) {
        let (now, uptime) = (store.ambient.now(), store.ambient.uptimeNanoseconds())
        let second = uptime / 1_000_000_000
        let (wasSet, due) = laterLooks.withLock { ($0.wasSet(now, uptime: uptime), $0.due(second)) }
        let targets = wasSet ? LimitLoading.targets(all) : due
        try await loading.run(targets, .again)
        laterLooks.withLock { looks in
            looks.done(second)
            looks.note(now, uptime: uptime)
            // What the counters have booked since is not in the ledger yet.
            if wasSet { looks.add(targets, second: second) }
        }
    }

    private func appearingHolders(_ changes: [APIKey]) -> AppearingHolders {
        snapshot.withLock { snapshot in
            var appearing = AppearingHolders()
            for key in changes where key.deletedAt == nil {
                let before = snapshot.digestByID[key.id].flatMap { snapshot.byDigest[$0] }
                appearing.add(key, before: before, known: snapshot.shared)
            }
            return appearing
        }
    }

    // MARK: First use

    /// Notes that a key whose life begins with its first use is used. The database hears of it within seconds.
    func activate(_ id: APIKeyID, at moment: Timestamp) { activations.withLock { if $0[id] == nil { $0[id] = moment } } }

    /// Writes first uses; those that the store does not take now are tried again.
    func writeActivations(to store: Store) async throws(StoreError) {
        for (id, moment) in activations.withLock({ $0 }) {
            _ = try await store.transaction { transaction throws(StoreError) in try transaction.activateAPIKey(id, at: moment) }
            activations.withLock { $0[id] = nil }
        }
    }

    /// A used key of the older relay that cannot be kept under our own hash.
    struct RefusedRehash: Sendable {
        let id: APIKeyID
        let why: String
    }

    /// Keeps used keys of the older relay under our own hash; those that the store does not take now are tried again.
    /// - Returns: those that collide with what is there. They are not tried again before their next use, and keep nothing else waiting.
    @discardableResult
    func writeRehashes(to store: Store) async throws(StoreError) -> [RefusedRehash] {
        var refused: [RefusedRehash] = []
        for (id, rehash) in rehashes.withLock({ $0 }) {
            do throws(StoreError) {
                let other = try await store.transaction { transaction throws(StoreError) in try Self.write(rehash, of: id, transaction) }
                if let other { refused.append(RefusedRehash(id: id, why: "its secret is that of \(other.text); this one was deleted")) }
            } catch {
                guard case .conflict = error else { throw error }
                refused.append(RefusedRehash(id: id, why: "\(error)"))
            }
            rehashes.withLock { $0[id] = nil }
        }
        return refused
    }

    /// - Returns: the key that has the same secret already, revoked or not. What holds for that one holds for the secret, so a second key
    ///   of it goes.
    private static func write(_ rehash: Rehash, of id: APIKeyID, _ transaction: Transaction) throws(StoreError) -> APIKeyID? {
        try transaction.noteOlderKey(rehash.old, as: id)
        guard let other = try transaction.apiKey(secretHash: rehash.new), other.id != id else {
            _ = try transaction.rehashAPIKey(
                id, from: rehash.old, to: rehash.new, algorithm: RelayKeyHasher.algorithm, shownPrefix: rehash.shownPrefix,
                shownSuffix: rehash.shownSuffix)
            return nil
        }
        if try transaction.deleteAPIKey(id) {
            let reason = JSON.object(JSONObject([("same_secret_as", .string(other.id.text))])).text
            try transaction.audit(actor: "system", action: "key.revoke", subject: id.text, after: reason)
        }
        return other.id
    }

    /// Takes the same key many times, under other secrets: what a large directory costs can be measured without a large database.
    func fillForTest(from key: APIKey, count: Int) {
        snapshot.withLock { snapshot in
            snapshot.byDigest.reserveCapacity(count)
            for number in 0..<count {
                let counters = LimitCounters()
                let relayKey = RelayKey(key, holders: snapshot.holders(of: key, counters), counters: counters)
                let hash = number == 0 ? key.secretHash : hasher.hash(Array("cr_\(number)".utf8))
                snapshot.byDigest[Digest(hash)] = relayKey
            }
        }
    }

    /// Sends all requests away that wait for a place.
    func endWaiting() {
        let (keys, others) = snapshot.withLock { ($0.byDigest.values.map(\.counters), Array($0.shared.values)) }
        for counters in keys + others { counters.endWaiting() }
    }
}

extension KeyDirectory.Snapshot {
    /// Counters of people and teams are shared by their keys and made when the first of them is limited.
    fileprivate mutating func holders(of key: APIKey, _ own: LimitCounters) -> [LimitCounters.Holder] {
        var holders = [LimitCounters.Holder(scope: .key, plan: plans.plan(key.limits, of: key.id), counters: own)]
        for scope in LimitScope.shared {
            guard let subject = LimitLoading.Subject(key, scope), let limits = key.limits(of: scope) else { continue }
            let counters = shared[subject] ?? LimitCounters()
            shared[subject] = counters
            holders.append(LimitCounters.Holder(scope: scope, plan: plans.plan(limits, of: subject), counters: counters))
        }
        return holders
    }
}
