public import Domain

/// Everything about a key that its operator may change, as it will be.
public struct APIKeyChange: Sendable, Equatable {
    public var name: String
    public var description: String
    public var tags: [String]
    public var limits: APIKeyLimits
    /// JSON array as text; nil allows all.
    public var allowedModels: String?
    public var access: APIKeyAccess
    public var expiresAt: Timestamp?
    public var status: APIKeyStatus
    /// Nil: the owner's.
    public var teamID: TeamID?

    /// Changes nothing yet.
    public init(_ key: APIKey) {
        name = key.name
        description = key.description
        tags = key.tags
        limits = key.limits
        allowedModels = key.allowedModels
        access = key.access
        expiresAt = key.expiresAt
        status = key.status
        teamID = key.ownTeamID
    }

    static func document(_ tags: [String]) -> String { JSON.array(tags.map { .string($0) }).text }
}

extension Reader {
    /// Keys that are not deleted and carry the tag, in the order they were made.
    public func apiKeys(tag: String, after: APIKeyID? = nil, limit: Int) throws(StoreError) -> Page<APIKey> {
        let limit = PageLimits.clamp(limit)
        // Tags are kept as a JSON array, so the quotes tell whole words; LIKE's own signs are no part of a tag.
        let pattern = "%" + JSON.string(tag.filter { $0 != "%" && $0 != "_" }).text + "%"
        let rows: [APIKey] = try all(
            """
            SELECT \(APIKey.columns) FROM api_keys WHERE deleted_at IS NULL AND tags LIKE \(pattern) AND id > COALESCE(\(after), '')
            ORDER BY id LIMIT \(limit + 1)
            """)
        return Page(rows.filter { $0.tags.contains(tag) }, limit: limit)
    }
}

extension Transaction {
    /// False when the key is unknown or deleted.
    /// - Throws: `.conflict(.foreignKey)` without such a team.
    public func changeAPIKey(_ id: APIKeyID, to change: APIKeyChange) throws(StoreError) -> Bool {
        let limits = change.limits
        return try execute(
            """
            UPDATE api_keys SET name = \(change.name), description = \(change.description), tags = \(APIKeyChange.document(change.tags)),
                requests_per_minute = \(limits.requestsPerMinute), tokens_per_day = \(limits.tokensPerDay),
                concurrency = \(limits.concurrency), cost_per_day_micro_usd = \(limits.costPerDayMicroUSD), limits = \(limits.document),
                allowed_models = \(change.allowedModels), access = \(change.access.json.text), expires_at = \(change.expiresAt),
                status = \(change.status), team_id = \(change.teamID), version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND deleted_at IS NULL
            """) == 1
    }

    /// Keeps the same secret under another hash, when it is still kept under `old`: of a key that was taken over and is used for the first
    /// time here. False otherwise.
    public func rehashAPIKey(
        _ id: APIKeyID, from old: [UInt8], to hash: [UInt8], algorithm: String, shownPrefix: String, shownSuffix: String
    ) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE api_keys SET secret_hash = \(hash), hash_alg = \(algorithm), shown_prefix = \(shownPrefix), shown_suffix = \(shownSuffix),
                version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND secret_hash = \(old)
            """) == 1
    }

    /// Gives the key a new secret; the old one works until `until` (nil: not at all). A second rotation ends the first one's grace.
    /// False when the key is unknown or deleted.
    /// - Throws: `.conflict(.apiKeySecret)` for a hash that is there already.
    public func rotateAPIKey(
        _ id: APIKeyID, secretHash: [UInt8], hashAlgorithm: String, shownPrefix: String, shownSuffix: String, until: Timestamp?
    ) throws(StoreError) -> Bool {
        guard let key = try apiKey(id), key.deletedAt == nil else { return false }
        return try execute(
            """
            UPDATE api_keys SET previous_hash = \(until.map { _ in key.secretHash }), previous_until = \(until),
                secret_hash = \(secretHash), hash_alg = \(hashAlgorithm), shown_prefix = \(shownPrefix), shown_suffix = \(shownSuffix),
                version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id)
            """) == 1
    }

    /// Notes the first billable request of a key, and what begins with it for its owner's keys and its team's; a second one changes
    /// nothing. False then.
    public func activateAPIKey(_ id: APIKeyID, at moment: Timestamp) throws(StoreError) -> Bool {
        guard let key = try apiKey(id), key.activatedAt == nil || key.awaitsFirstUse else { return false }
        if key.activatedAt == nil {
            try execute("UPDATE api_keys SET activated_at = \(moment), version = \(try nextVersion(of: "api_keys")) WHERE id = \(id)")
        }
        if let owner = key.ownerID, key.ownerAccess?.awaitsFirstUse == true {
            try execute("UPDATE users SET first_used_at = \(moment) WHERE id = \(owner)")
            try touchAPIKeys(of: owner)
        }
        if let team = key.teamID, key.teamAccess?.awaitsFirstUse == true {
            try execute("UPDATE teams SET first_used_at = \(moment) WHERE id = \(team)")
            try touchAPIKeys(team: team)
        }
        return true
    }

    /// Brings a deleted key back. False when it is not deleted.
    public func restoreAPIKey(_ id: APIKeyID) throws(StoreError) -> Bool {
        try execute(
            "UPDATE api_keys SET deleted_at = NULL, version = \(try nextVersion(of: "api_keys")) WHERE id = \(id) AND deleted_at IS NOT NULL"
        ) == 1
    }
}
