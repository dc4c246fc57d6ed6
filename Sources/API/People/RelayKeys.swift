public import Domain
public import Secrets
public import Store

/// What can be done with relay keys: the use cases behind `/api/keys` and the `gatehouse key` commands.
public struct RelayKeys: Sendable {
    let store: Store
    let hasher: RelayKeyHasher
    /// Tells the data path of this process that keys have changed.
    public let changed: @Sendable () async -> Void
    /// The key whose secret had that hash before it was rotated, as the data path knows it: the database has no index by it.
    let rotated: @Sendable (_ hash: [UInt8]) -> APIKeyID?

    public init(
        store: Store, hasher: RelayKeyHasher, rotated: @escaping @Sendable (_ hash: [UInt8]) -> APIKeyID? = { _ in nil },
        changed: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.hasher = hasher
        self.rotated = rotated
        self.changed = changed
    }

    /// What somebody asks for.
    public struct Wish: Sendable {
        public var name: String
        public var limits: APIKeyLimits
        /// Names or globs; nil allows all.
        public var allowedModels: [String]?
        public var expiresAt: Timestamp?

        public init(name: String, limits: APIKeyLimits = APIKeyLimits(), allowedModels: [String]? = nil, expiresAt: Timestamp? = nil) {
            self.name = name
            self.limits = limits
            self.allowedModels = allowedModels
            self.expiresAt = expiresAt
        }
    }

    /// A new key; its secret is known here once and never again.
    public struct Made: Sendable {
        public let key: APIKey
        public let secret: RelayKeySecret
    }

    /// Limits that are not asked for are the owner's, if they have any.
    /// - Parameter owner: nil for a key of the operator's own, which only its wish limits.
    /// - Throws: `InputErrors` for limits above the owner's and for a key too many, `StoreError`.
    /// - Parameter finish: what else the new key gets, decided before anybody sees it.
    public func create(
        _ wish: Wish, owner: UserID?, actor: String, request: RequestID? = nil,
        finish: (@Sendable (APIKey) throws(InputErrors) -> APIKeyChange)? = nil
    ) async throws -> Made {
        let secret = RelayKeySecret(store.ambient)
        let hash = secret.reveal { hasher.hash(Array($0.utf8)) }
        let models = wish.allowedModels.map { JSON.array($0.map { .string($0) }).text }
        let ambition = NewAPIKey(
            ownerID: owner, name: wish.name, secretHash: hash, hashAlgorithm: RelayKeyHasher.algorithm, shownPrefix: secret.shown.prefix,
            shownSuffix: secret.shown.suffix, limits: wish.limits, allowedModels: models, expiresAt: wish.expiresAt)
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<APIKey, InputErrors> in
            var new = ambition
            if let owner, let user = try transaction.user(owner) {
                let faults = Self.faults(new.limits, of: user, keys: try transaction.apiKeyCount(owner: owner))
                guard faults.isEmpty else { return .failure(InputErrors(fields: faults)) }
                new.limits = new.limits.lowered(to: user.limits.perKey)
            }
            var key = try transaction.createAPIKey(new)
            if let finish {
                let change: APIKeyChange
                do throws(InputErrors) { change = try finish(key) } catch {
                    // As if it had never been.
                    _ = try transaction.deleteAPIKey(key.id)
                    _ = try transaction.purgeAPIKey(key.id)
                    return .failure(error)
                }
                _ = try transaction.changeAPIKey(key.id, to: change)
                key = try transaction.apiKey(key.id) ?? key
            }
            try transaction.record(
                actor: actor, "key.create", subject: key.id.text, before: nil,
                after: ["name": .string(key.name), "limits": Self.json(key.limits)],
                request)
            return .success(key)
        }
        let key = try outcome.get()
        await changed()
        return Made(key: key, secret: secret)
    }

    /// What stands against one more key of the user with these limits.
    private static func faults(_ wanted: APIKeyLimits, of user: User, keys: Int64) -> [FieldError] {
        let most = user.limits.perKey
        let tooMany =
            keys >= user.limits.keys
            ? FieldError("", "is one key too many: the account may have \(user.limits.keys); delete one first") : nil
        return [
            tooMany, above("requests_per_minute", wanted.requestsPerMinute, most.requestsPerMinute),
            above("tokens_per_day", wanted.tokensPerDay, most.tokensPerDay), above("concurrent", wanted.concurrency, most.concurrency),
            above("cost_per_day_usd", wanted.costPerDayMicroUSD, most.costPerDayMicroUSD, Dollars.text),
        ].compactMap { $0 }
    }

    /// A limit that is asked for and that the owner may not have.
    static func above(
        _ name: String, _ wanted: Int64?, _ most: Int64?, _ shown: (Int64) -> String = { String($0) }
    ) -> FieldError? {
        guard let wanted, let most, wanted > most else { return nil }
        return FieldError("limits.\(name)", "must be at most \(shown(most)), the limit of this account")
    }

    /// - Parameter owner: only keys of this user; nil for everybody's.
    public func list(owner: UserID?, after: APIKeyID? = nil, limit: Int = 100) async throws -> Page<APIKey> {
        try await store.read { reader throws(StoreError) in try reader.apiKeys(owner: owner, after: after, limit: limit) }
    }

    /// Today's usage of the keys of one owner, or of all.
    public func usageToday(owner: UserID?) async throws -> [APIKeyID: Usage] {
        let day = store.ambient.today
        return try await store.read { reader throws(StoreError) in try reader.usageByKey(owner: owner, day: day) }
    }

    /// False when there is no such key, or it is not `owner`'s.
    public func revoke(_ id: APIKeyID, owner: UserID? = nil, actor: String, request: RequestID? = nil) async throws -> Bool {
        let gone = try await store.transaction { transaction throws(StoreError) in
            guard try transaction.deleteAPIKey(id, owner: owner) else { return false }
            try transaction.record(actor: actor, "key.revoke", subject: id.text, before: nil, after: nil, request)
            return true
        }
        if gone { await changed() }
        return gone
    }

    static func json(_ limits: APIKeyLimits) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
        return [
            "requests_per_minute": number(limits.requestsPerMinute), "tokens_per_day": number(limits.tokensPerDay),
            "concurrent": number(limits.concurrency), "cost_per_day_micro_usd": number(limits.costPerDayMicroUSD),
        ]
    }
}
