public import Domain

/// What a person's relay keys may be given; nil is no limit of their own.
public struct UserLimits: Sendable, Equatable {
    /// The most that one key may have.
    public var perKey: APIKeyLimits
    /// Keys that are not deleted.
    public var maximumKeys: Int64?
    /// Services that have not ended, of every kind.
    public var maximumServices: Int64?

    public init(perKey: APIKeyLimits = APIKeyLimits(), maximumKeys: Int64? = nil, maximumServices: Int64? = nil) {
        self.perKey = perKey
        self.maximumServices = maximumServices
        self.maximumKeys = maximumKeys
    }
    /// Keys of a person for whom nothing else was said; an endless list of keys would fill memory.
    public static let standardMaximumKeys: Int64 = 100
    /// Services of a person for whom nothing else was said.
    public static let standardMaximumServices: Int64 = 1000
    /// How many services the person may have.
    public var services: Int64 { maximumServices ?? Self.standardMaximumServices }
    /// How many keys the person may have.
    public var keys: Int64 { maximumKeys ?? Self.standardMaximumKeys }
}

extension APIKeyLimits {
    /// The same, with each limit that is missing or higher brought down to `most`.
    public func lowered(to most: APIKeyLimits) -> APIKeyLimits {
        var lowered = self
        for member in Self.members where !Self.shapes.contains(member.name) {
            guard let limit = most[keyPath: member.path] else { continue }
            lowered[keyPath: member.path] = self[keyPath: member.path].map { min($0, limit) } ?? limit
        }
        return lowered
    }
    /// Members that are no amounts: nothing is more or less about them.
    private static let shapes: Set = ["window_minutes", "week_reset_day", "week_reset_hour", "queue_length", "queue_seconds", "hard_stop"]
}

extension Reader {
    /// Keys of the user that are not deleted.
    public func apiKeyCount(owner: UserID) throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM api_keys WHERE owner_id = \(owner) AND deleted_at IS NULL") ?? 0
    }
}

extension Transaction {
    /// Sets all limits of a user (nil: none) and lowers the keys that have more, so that no key is ever above its owner. Raising a limit
    /// raises no key. False when there is no such user.
    public func setLimits(_ limits: UserLimits, of id: UserID) throws(StoreError) -> Bool {
        let perKey = limits.perKey
        let found = try execute(
            """
            UPDATE users SET requests_per_minute = \(perKey.requestsPerMinute), tokens_per_day = \(perKey.tokensPerDay),
                concurrency = \(perKey.concurrency), cost_per_day_micro_usd = \(perKey.costPerDayMicroUSD),
                maximum_keys = \(limits.maximumKeys), maximum_services = \(limits.maximumServices), updated_at = \(ambient.now())
            WHERE id = \(id)
            """)
        guard found == 1 else { return false }
        var after: APIKeyID?
        while true {
            let page = try apiKeys(owner: id, after: after, limit: PageLimits.items)
            for key in page.items {
                let lowered = key.limits.lowered(to: perKey)
                guard lowered != key.limits else { continue }
                _ = try updateAPIKey(
                    key.id, name: key.name, limits: lowered, allowedModels: key.allowedModels, expiresAt: key.expiresAt)
            }
            guard page.hasMore, let last = page.items.last else { return true }
            after = last.id
        }
    }

    /// Whether an active admin besides this user exists. Transactions are serializable, so two admins cannot both rely on each other.
    public func anotherAdminExists(besides id: UserID) throws(StoreError) -> Bool {
        try !rows("SELECT id FROM users WHERE role = \(UserRole.admin) AND status = \(UserStatus.active) AND id <> \(id) LIMIT 1").isEmpty
    }
}
