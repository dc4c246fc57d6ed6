public import Domain
public import Secrets
public import Store

/// What can be done with relay keys: the use cases behind `/api/keys` and the `gatehouse key` commands.
public struct RelayKeys: Sendable {
    let store: Store
    let hasher: RelayKeyHasher
    /// Tells the data path of this process that keys have changed.
    let changed: @Sendable () async -> Void

    public init(store: Store, hasher: RelayKeyHasher, changed: @escaping @Sendable () async -> Void) {
        self.store = store
        self.hasher = hasher
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

    /// - Parameter owner: nil for a key of the operator's own.
    public func create(_ wish: Wish, owner: UserID?, actor: String, request: RequestID? = nil) async throws -> Made {
        let secret = RelayKeySecret(store.ambient)
        let hash = secret.reveal { hasher.hash(Array($0.utf8)) }
        let models = wish.allowedModels.map { JSON.array($0.map { .string($0) }).text }
        let new = NewAPIKey(
            ownerID: owner, name: wish.name, secretHash: hash, hashAlgorithm: RelayKeyHasher.algorithm, shownPrefix: secret.shown.prefix,
            shownSuffix: secret.shown.suffix, limits: wish.limits, allowedModels: models, expiresAt: wish.expiresAt)
        let key = try await store.transaction { transaction throws(StoreError) in
            let key = try transaction.createAPIKey(new)
            try transaction.record(
                actor: actor, "key.create", subject: key.id.text, before: nil,
                after: ["name": .string(key.name), "limits": Self.json(key.limits)],
                request)
            return key
        }
        await changed()
        return Made(key: key, secret: secret)
    }

    /// - Parameter owner: only keys of this user; nil for everybody's.
    public func list(owner: UserID?, after: APIKeyID? = nil, limit: Int = 100) async throws -> Page<APIKey> {
        try await store.read { reader throws(StoreError) in try reader.apiKeys(owner: owner, after: after, limit: limit) }
    }

    /// Today's usage of the keys of one owner, or of all.
    public func usageToday(owner: UserID?) async throws -> [APIKeyID: Usage] {
        let day = store.ambient.now().dayText
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
