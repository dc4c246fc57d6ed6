public import Domain

public enum APIKeyStatus: String, Codable, Sendable, CaseIterable, SQLWord { case active, disabled }

/// A customer's relay key. The secret itself is not kept, only its keyed hash.
public struct APIKey: Sendable, Equatable, RowReadable {
    public let id: APIKeyID
    /// Nil for a key the operator made for nobody in particular.
    public let ownerID: UserID?
    /// Nil without an owner. A blocked owner's keys do not work.
    public let ownerStatus: UserStatus?
    public let name: String
    public let secretHash: [UInt8]
    /// As in "hmac-sha256".
    public let hashAlgorithm: String
    /// The first and last characters of the secret, for people to tell keys apart.
    public let shownPrefix: String
    public let shownSuffix: String
    public let limits: APIKeyLimits
    /// A JSON array of model names or globs as text; nil allows all.
    public let allowedModels: String?
    /// "<account id>" or "group:<group id>"; nil is the whole pool.
    public let accountBinding: String?
    /// Whether the whole pool serves while what it is bound to is out.
    public let bindingFallsBack: Bool
    public let status: APIKeyStatus
    public let expiresAt: Timestamp?
    public let createdAt: Timestamp
    public let lastUsedAt: Timestamp?
    public let deletedAt: Timestamp?
    /// For people.
    public let description: String
    /// Words to find keys by.
    public let tags: [String]
    public let access: APIKeyAccess
    /// What all keys of the owner may use together; nil without an owner.
    public let ownerLimits: APIKeyLimits?
    /// What holds for all keys of the owner; nil restricts nothing.
    public let ownerAccess: SharedAccess?
    /// Its own team; nil: its owner's, if any.
    public let ownTeamID: TeamID?
    /// The team it counts for.
    public let teamID: TeamID?
    public let teamLimits: APIKeyLimits?
    public let teamAccess: SharedAccess?
    /// Of a key that lives from its first billable request; nil before it.
    public let activatedAt: Timestamp?
    /// After a rotation the old secret's hash works until `previousUntil`.
    public let previousHash: [UInt8]?
    public let previousUntil: Timestamp?
    /// Rises with every change of any key; see `apiKeyChanges(since:)`.
    public let version: Int64

    /// Whether it opens the door at `now`; limits are another matter.
    public func works(at now: Timestamp) -> Bool { deletedAt == nil && standing.refusal(at: now) == nil }
    public var standing: APIKeyStanding { APIKeyStanding(isOn: status == .active && ownerStatus != .blocked, ends: ends) }

    /// Every list of addresses that a caller has to be in: its own, its owner's and its team's, as far as they have one.
    public var ipAllowlists: [[String]] {
        [access.ipAllowlist, ownerAccess?.ipAllowlist, teamAccess?.ipAllowlist].compactMap { $0 }.filter { !$0.isEmpty }
    }

    /// When it stops working: the earliest of its own end, its owner's and its team's. Nil: never, or not used yet.
    public var ends: Timestamp? { [ownEnd, ownerAccess?.ends, teamAccess?.ends].compactMap { $0 }.min() }

    /// At `expiresAt`, or when the time from its first use is over.
    public var ownEnd: Timestamp? {
        guard let seconds = access.activationSeconds, let activatedAt else { return expiresAt }
        let end = activatedAt.adding(seconds: seconds)
        return expiresAt.map { min($0, end) } ?? end
    }

    /// Whether the next billable request begins a lifetime: its own, its owner's or its team's.
    public var awaitsFirstUse: Bool {
        access.activationSeconds != nil && activatedAt == nil || ownerAccess?.awaitsFirstUse == true || teamAccess?.awaitsFirstUse == true
    }

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        ownerID = try row["owner_id"]
        ownerStatus = try row["owner_status"]
        name = try row["name"]
        secretHash = try row["secret_hash"]
        hashAlgorithm = try row["hash_alg"]
        shownPrefix = try row["shown_prefix"]
        shownSuffix = try row["shown_suffix"]
        var limits = APIKeyLimits(
            requestsPerMinute: try row["requests_per_minute"], tokensPerDay: try row["tokens_per_day"],
            concurrency: try row["concurrency"], costPerDayMicroUSD: try row["cost_per_day_micro_usd"])
        let document: String = try row["limits"]
        // Most keys have none of these; reading JSON for each of 100,000 would be felt at the start.
        if document != "{}" { try limits.read(document: document) }
        self.limits = limits
        description = try row["description"]
        tags = try Self.texts(row["tags"])
        let accessDocument: String = try row["access"]
        access = accessDocument == "{}" ? APIKeyAccess() : try APIKeyAccess(document: accessDocument)
        ownerLimits = try Self.limits(row["owner_limits"])
        ownerAccess = try SharedAccess(document: row["owner_access"], firstUsedAt: row["owner_first_used_at"])
        ownTeamID = try row["team_id"]
        teamID = try row["effective_team"]
        teamLimits = try Self.limits(row["team_limits"])
        teamAccess = try SharedAccess(document: row["team_access"], firstUsedAt: row["team_first_used_at"])
        activatedAt = try row["activated_at"]
        previousHash = try row["previous_hash"]
        previousUntil = try row["previous_until"]
        allowedModels = try row["allowed_models"]
        accountBinding = try row["account_binding"]
        bindingFallsBack = try row["binding_falls_back"]
        status = try row["status"]
        expiresAt = try row["expires_at"]
        createdAt = try row["created_at"]
        lastUsedAt = try row["last_used_at"]
        deletedAt = try row["deleted_at"]
        version = try row["version"]
    }

    static let columns: SQL = """
        id, owner_id, (SELECT users.status FROM users WHERE users.id = api_keys.owner_id) AS owner_status, name, secret_hash, hash_alg,
        shown_prefix, shown_suffix, requests_per_minute, tokens_per_day, concurrency, cost_per_day_micro_usd, allowed_models, status,
        expires_at, created_at, last_used_at, deleted_at, account_binding, binding_falls_back, version, description, tags, limits, access,
        team_id, activated_at, previous_hash, previous_until, (SELECT users.limits FROM users WHERE users.id = api_keys.owner_id) AS owner_limits,
        (SELECT users.access FROM users WHERE users.id = api_keys.owner_id) AS owner_access,
        (SELECT users.first_used_at FROM users WHERE users.id = api_keys.owner_id) AS owner_first_used_at,
        COALESCE(team_id, (SELECT users.team_id FROM users WHERE users.id = api_keys.owner_id)) AS effective_team,
        (SELECT teams.limits FROM teams WHERE teams.id = COALESCE(api_keys.team_id,
            (SELECT users.team_id FROM users WHERE users.id = api_keys.owner_id))) AS team_limits,
        (SELECT teams.access FROM teams WHERE teams.id = COALESCE(api_keys.team_id,
            (SELECT users.team_id FROM users WHERE users.id = api_keys.owner_id))) AS team_access,
        (SELECT teams.first_used_at FROM teams WHERE teams.id = COALESCE(api_keys.team_id,
            (SELECT users.team_id FROM users WHERE users.id = api_keys.owner_id))) AS team_first_used_at
        """

    /// Nil for what limits nothing.
    private static func limits(_ document: String?) throws(StoreError) -> APIKeyLimits? {
        guard let document, document != "{}" else { return nil }
        var limits = APIKeyLimits()
        try limits.read(document: document)
        return limits
    }

    private static func texts(_ document: String) throws(StoreError) -> [String] {
        guard document != "[]" else { return [] }
        do throws(ParseError) { return try JSON(parsing: document).array?.compactMap(\.string) ?? [] } catch {
            throw .programming("tags that are no JSON")
        }
    }
}

/// Whether a key that is there may be used at all; small, so that who asks for every request can keep it.
public struct APIKeyStanding: Sendable {
    /// It is active and nobody has blocked its owner.
    public let isOn: Bool
    /// See `APIKey.ends`.
    public let ends: Timestamp?

    /// In the order of a request's checks (relay contract, section 2).
    public enum Refusal: Sendable { case disabled, expired }

    /// - Parameter now: only a key that ends asks for it. The end itself is over.
    public func refusal(at now: @autoclosure () -> Timestamp) -> Refusal? {
        guard isOn else { return .disabled }
        return hasEnded(at: now()) ? .expired : nil
    }
    public func hasEnded(at now: @autoclosure () -> Timestamp) -> Bool { ends.map { $0 <= now() } ?? false }
}

public struct NewAPIKey: Sendable {
    public var ownerID: UserID?
    public var name: String
    public var secretHash: [UInt8]
    public var hashAlgorithm: String
    public var shownPrefix: String
    public var shownSuffix: String
    public var limits: APIKeyLimits
    /// JSON array as text; nil allows all.
    public var allowedModels: String?
    public var expiresAt: Timestamp?
    public var description = ""
    public var tags: [String] = []
    public var access = APIKeyAccess()
    /// Nil: the owner's.
    public var teamID: TeamID?

    public init(
        ownerID: UserID?, name: String, secretHash: [UInt8], hashAlgorithm: String = "hmac-sha256", shownPrefix: String,
        shownSuffix: String,
        limits: APIKeyLimits = APIKeyLimits(), allowedModels: String? = nil, expiresAt: Timestamp? = nil
    ) {
        self.ownerID = ownerID
        self.name = name
        self.secretHash = secretHash
        self.hashAlgorithm = hashAlgorithm
        self.shownPrefix = shownPrefix
        self.shownSuffix = shownSuffix
        self.limits = limits
        self.allowedModels = allowedModels
        self.expiresAt = expiresAt
    }
}

extension Reader {
    /// Deleted ones too.
    public func apiKey(_ id: APIKeyID) throws(StoreError) -> APIKey? {
        try first("SELECT \(APIKey.columns) FROM api_keys WHERE id = \(id)")
    }

    public func apiKey(secretHash: [UInt8]) throws(StoreError) -> APIKey? {
        try first("SELECT \(APIKey.columns) FROM api_keys WHERE secret_hash = \(secretHash)")
    }

    /// Keys that are not deleted, in the order they were made. `owner` nil lists everybody's.
    public func apiKeys(owner: UserID? = nil, after: APIKeyID? = nil, offset: Int = 0, limit: Int) throws(StoreError) -> Page<APIKey> {
        let limit = PageLimits.clamp(limit)
        let mine: SQL = if let owner { "AND owner_id = \(owner)" } else { "" }
        let rows: [APIKey] = try all(
            """
            SELECT \(APIKey.columns) FROM api_keys WHERE deleted_at IS NULL AND id > COALESCE(\(after), '') \(mine)
            ORDER BY id LIMIT \(limit + 1) OFFSET \(max(0, offset))
            """)
        return Page(rows, limit: limit)
    }

    /// Keys that changed after `version`, deleted and disabled ones included, in the order of change, at most 1000: read again from the
    /// last one's version until nothing comes. From 0 it is every key. One index lookup when nothing changed. Rows that were removed for
    /// good are not among them: see `apiKeyPurges`.
    public func apiKeyChanges(since version: Int64) throws(StoreError) -> [APIKey] {
        try all("SELECT \(APIKey.columns) FROM api_keys WHERE version > \(version) ORDER BY version LIMIT \(PageLimits.items)")
    }

    /// How many keys were removed for good. When it has grown, keys that are not in `apiKeyIDs` are gone.
    public func apiKeyPurges() throws(StoreError) -> Int64 {
        try value("value", "SELECT value FROM change_counters WHERE name = 'api_key_purges'") ?? 0
    }

    private static let idsAtOnce = 50_000
    /// Of all keys that have a row, deleted ones included.
    public func apiKeyIDs() throws(StoreError) -> Set<APIKeyID> {
        var ids: Set<APIKeyID> = []
        var last: APIKeyID?
        while true {
            let page: [Row] = try rows(
                "SELECT id FROM api_keys WHERE id > COALESCE(\(last), '') ORDER BY id LIMIT \(Self.idsAtOnce)")
            for row in page {
                let id: APIKeyID = try row["id"]
                ids.insert(id)
                last = id
            }
            guard page.count == Self.idsAtOnce else { return ids }
        }
    }
}

extension Transaction {
    /// - Throws: `.conflict(.foreignKey)` without such an owner, `.conflict(.apiKeySecret)` for a hash that is there already.
    public func createAPIKey(_ new: NewAPIKey) throws(StoreError) -> APIKey {
        let made: APIKey? = try first(
            """
            INSERT INTO api_keys (id, owner_id, name, secret_hash, hash_alg, shown_prefix, shown_suffix, requests_per_minute, tokens_per_day,
                concurrency, cost_per_day_micro_usd, allowed_models, status, expires_at, created_at, version, description, tags, limits,
                access, team_id)
            VALUES (\(APIKeyID(ambient)), \(new.ownerID), \(new.name), \(new.secretHash), \(new.hashAlgorithm), \(new.shownPrefix),
                \(new.shownSuffix), \(new.limits.requestsPerMinute), \(new.limits.tokensPerDay), \(new.limits.concurrency),
                \(new.limits.costPerDayMicroUSD), \(new.allowedModels), \(APIKeyStatus.active), \(new.expiresAt), \(ambient.now()),
                \(try nextVersion(of: "api_keys")), \(new.description), \(APIKeyChange.document(new.tags)), \(new.limits.document),
                \(new.access.json.text), \(new.teamID))
            RETURNING \(APIKey.columns)
            """)
        guard let made else { throw .programming("a new key gave no row") }
        return made
    }

    /// Soft: the row stays for the history. False when it is unknown, deleted before, or not `owner`'s (nil: whoever's).
    public func deleteAPIKey(_ id: APIKeyID, owner: UserID? = nil) throws(StoreError) -> Bool {
        let mine: SQL = if let owner { "AND owner_id = \(owner)" } else { "" }
        return try execute(
            """
            UPDATE api_keys SET deleted_at = \(ambient.now()), version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND deleted_at IS NULL \(mine)
            """) == 1
    }

    /// False when it is unknown or deleted.
    public func setAPIKeyStatus(_ status: APIKeyStatus, of id: APIKeyID) throws(StoreError) -> Bool {
        try execute(
            "UPDATE api_keys SET status = \(status), version = \(try nextVersion(of: "api_keys")) WHERE id = \(id) AND deleted_at IS NULL")
            == 1
    }

    /// Sets name, limits, models and end as given (nil limit: none). False when it is unknown or deleted.
    public func updateAPIKey(
        _ id: APIKeyID, name: String, limits: APIKeyLimits, allowedModels: String?, expiresAt: Timestamp?
    ) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE api_keys SET name = \(name), requests_per_minute = \(limits.requestsPerMinute), tokens_per_day = \(limits.tokensPerDay),
                concurrency = \(limits.concurrency), cost_per_day_micro_usd = \(limits.costPerDayMicroUSD), allowed_models = \(allowedModels),
                limits = \(limits.document), expires_at = \(expiresAt), version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND deleted_at IS NULL
            """) == 1
    }

    /// Sets which accounts serve it; false when it is unknown or deleted.
    public func bindAPIKey(_ id: APIKeyID, to binding: String?, fallsBack: Bool) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE api_keys SET account_binding = \(binding), binding_falls_back = \(fallsBack), version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND deleted_at IS NULL
            """) == 1
    }

    /// Moves "last used" forward, never back; no new version, since nothing the relay decides by has changed.
    public func recordUse(of id: APIKeyID, at moment: Timestamp) throws(StoreError) {
        let statement: SQL = "UPDATE api_keys SET last_used_at = \(moment) WHERE id = \(id) AND COALESCE(last_used_at, 0) < \(moment)"
        try execute(statement.named(.recordUse))
    }

    /// Gives a user's keys new versions, so that the relay reads them again after the user was blocked or let in.
    func touchAPIKeys(of user: UserID) throws(StoreError) { try touchAPIKeys("owner_id = \(user)") }

    func touchAPIKeys(_ which: SQL) throws(StoreError) {
        let keys = try rows("SELECT id FROM api_keys WHERE (\(which)) AND deleted_at IS NULL ORDER BY id")
        for row in keys {
            let id: APIKeyID = try row["id"]
            try execute("UPDATE api_keys SET version = \(try nextVersion(of: "api_keys")) WHERE id = \(id)")
        }
    }

    /// The next change number of a table. The counter's row stays locked until the transaction ends, so numbers become visible in order
    /// and a reader that has seen N never misses one below N.
    func nextVersion(of table: String) throws(StoreError) -> Int64 {
        guard let next: Int64 = try value("value", "UPDATE change_counters SET value = value + 1 WHERE name = \(table) RETURNING value")
        else { throw .programming("no change counter \(table)") }
        return next
    }
}
