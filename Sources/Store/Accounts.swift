public import Domain
public import Secrets

/// What an account's sealed values are sealed for; whoever makes or reads them agrees on it here.
public enum AccountSeal {
    public static func secret(_ id: AccountID) -> SealedPlace { place("accounts", id, "secret_sealed") }
    public static func proxy(_ id: AccountID) -> SealedPlace { place("accounts", id, "proxy_sealed") }
    public static func access(_ id: AccountID) -> SealedPlace { place("account_tokens", id, "access_sealed") }
    public static func refresh(_ id: AccountID) -> SealedPlace { place("account_tokens", id, "refresh_sealed") }
    public static func clientSecret(_ id: AccountID) -> SealedPlace { place("account_tokens", id, "client_secret_sealed") }

    private static func place(_ table: String, _ id: AccountID, _ column: String) -> SealedPlace {
        SealedPlace(table: table, row: id.text, column: column)
    }
}

/// How an account's secret is sent upstream (relay contract, section 3).
public enum CredentialKind: String, Codable, Sendable, CaseIterable, SQLWord {
    case apiKey = "api_key"
    case bearer, oauth
    /// The operator's own command line client on this machine; serves `/api/chat` only.
    case cli
}

/// The header that carries it.
public enum CredentialHeader: String, Codable, Sendable, CaseIterable, SQLWord {
    case xAPIKey = "x-api-key"
    case authorizationBearer = "authorization-bearer"
}

public enum AccountStatus: String, Codable, Sendable, CaseIterable, SQLWord {
    case active, cooling, blocked, disabled
    case needsReauth = "needs_reauth"
}

/// Who made the account: the environment (`CLAUDE_API_KEY`, `CLAUDE_ACCOUNTS`) or an operator.
public enum AccountSource: String, Codable, Sendable, CaseIterable, SQLWord {
    case environment = "env"
    case `operator`
}

/// What becomes of an upstream's stream when the customer leaves (relay contract, section 16).
public enum AbortPolicy: String, Codable, Sendable, CaseIterable, SQLWord { case cut, drain }

/// What an account may be used for at most; nil is no limit of its own.
public struct AccountCaps: Sendable, Equatable {
    /// 1 or more; requests under way.
    public var concurrency: Int64?
    public var requestsPerMinute: Int64?
    /// Input, output and cache writes.
    public var tokensPerMinute: Int64?
    /// In a UTC day.
    public var costPerDayMicroUSD: Int64?
    public init(
        concurrency: Int64? = nil, requestsPerMinute: Int64? = nil, tokensPerMinute: Int64? = nil, costPerDayMicroUSD: Int64? = nil
    ) {
        self.concurrency = concurrency
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.costPerDayMicroUSD = costPerDayMicroUSD
    }
}

/// What an operator says about an upstream account.
public struct AccountDetails: Sendable, Equatable {
    public var name: String
    public var email: String
    public var kind: CredentialKind
    public var baseURL: String
    public var header: CredentialHeader
    /// 1 to 100, lower first.
    public var priority: Int64
    /// 1 or more.
    public var weight: Int64
    public var caps: AccountCaps
    /// Requests under way at once.
    public var maxConcurrency: Int64? {
        get { caps.concurrency }
        set { caps.concurrency = newValue }
    }
    /// JSON object of client model to upstream model, as text.
    public var modelMap: String
    /// JSON arrays of globs, as text; nil allows all, refuses none.
    public var modelAllow: String?
    public var modelDeny: String?
    /// False: it keeps its place and serves nothing new.
    public var isSchedulable = true
    public var notes = ""
    /// Serves nothing from then on.
    public var expiresAt: Timestamp?
    public var abortPolicy = AbortPolicy.cut
    /// Keeps `x-claude-code-*` and `x-stainless-*` from going upstream.
    public var withholdsClientFields = false
    /// Bills the top level of usage instead of its iterations.
    public var billsTopLevel = false

    public init(
        name: String, email: String = "", kind: CredentialKind = .apiKey, baseURL: String, header: CredentialHeader = .xAPIKey,
        priority: Int64 = 50, weight: Int64 = 1, maxConcurrency: Int64? = nil, modelMap: String = "{}", modelAllow: String? = nil,
        modelDeny: String? = nil
    ) {
        self.name = name
        self.email = email
        self.kind = kind
        self.baseURL = baseURL
        self.header = header
        self.priority = priority
        self.weight = weight
        caps = AccountCaps(concurrency: maxConcurrency)
        self.modelMap = modelMap
        self.modelAllow = modelAllow
        self.modelDeny = modelDeny
    }
}

/// One upstream credential.
public struct Account: Sendable, Equatable, RowReadable {
    public let id: AccountID
    public let details: AccountDetails
    /// Sealed by `Secrets` with table, row and column as associated data.
    public let secretSealed: [UInt8]
    /// A proxy's URL with its password, sealed too; nil: straight.
    public let proxySealed: [UInt8]?
    /// Rises when an operator clears its cooldowns.
    public let resets: Int64
    public let status: AccountStatus
    public let statusReason: String
    /// While `status` is `cooling`.
    public let cooldownUntil: Timestamp?
    public let source: AccountSource
    public let sourceKey: String?
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
    /// Rises with every change of any account.
    public let version: Int64

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        var details = AccountDetails(
            name: try row["name"], email: try row["email"], kind: try row["kind"], baseURL: try row["base_url"],
            header: try row["header_style"], priority: try row["priority"], weight: try row["weight"],
            modelMap: try row["model_map"], modelAllow: try row["model_allow"], modelDeny: try row["model_deny"])
        details.caps = AccountCaps(
            concurrency: try row["max_concurrency"], requestsPerMinute: try row["requests_per_minute"],
            tokensPerMinute: try row["tokens_per_minute"], costPerDayMicroUSD: try row["cost_per_day_micro_usd"])
        details.isSchedulable = try row["schedulable"]
        details.notes = try row["notes"]
        details.expiresAt = try row["expires_at"]
        details.abortPolicy = try row["abort_policy"]
        details.withholdsClientFields = try row["withholds_client_fields"]
        details.billsTopLevel = try row["bills_top_level"]
        self.details = details
        secretSealed = try row["secret_sealed"]
        proxySealed = try row["proxy_sealed"]
        resets = try row["resets"]
        status = try row["status"]
        statusReason = try row["status_reason"]
        cooldownUntil = try row["cooldown_until"]
        source = try row["source"]
        sourceKey = try row["source_key"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
        version = try row["version"]
    }

    static let columns: SQL = """
        id, name, email, kind, base_url, secret_sealed, header_style, priority, weight, max_concurrency, status, status_reason,
        cooldown_until, model_map, model_allow, model_deny, source, source_key, created_at, updated_at, version, requests_per_minute,
        tokens_per_minute, cost_per_day_micro_usd, schedulable, notes, expires_at, abort_policy, withholds_client_fields, bills_top_level,
        proxy_sealed, resets
        """
}

extension Reader {
    public func account(_ id: AccountID) throws(StoreError) -> Account? {
        try first("SELECT \(Account.columns) FROM accounts WHERE id = \(id)")
    }

    public func account(sourceKey: String) throws(StoreError) -> Account? {
        try first("SELECT \(Account.columns) FROM accounts WHERE source_key = \(sourceKey)")
    }

    /// Every account, by priority and then age; at most 1000.
    public func accounts() throws(StoreError) -> [Account] {
        try all("SELECT \(Account.columns) FROM accounts ORDER BY priority, id LIMIT \(PageLimits.items)")
    }

    /// The number of the last change of any account; 0 before the first. Cheap to poll.
    public func accountsVersion() throws(StoreError) -> Int64 {
        try value("value", "SELECT value FROM change_counters WHERE name = 'accounts'") ?? 0
    }
}

extension Transaction {
    /// - Parameter seal: seals the secret for the row's id.
    public func createAccount(
        _ details: AccountDetails, source: AccountSource = .operator, sourceKey: String? = nil,
        seal: (AccountID) throws(StoreError) -> [UInt8]
    ) throws(StoreError) -> Account {
        let (id, now) = (AccountID(ambient), ambient.now())
        let made: Account? = try first(
            """
            INSERT INTO accounts (id, name, email, kind, base_url, secret_sealed, header_style, priority, weight, max_concurrency, status,
                status_reason, model_map, model_allow, model_deny, source, source_key, created_at, updated_at, version,
                requests_per_minute, tokens_per_minute, cost_per_day_micro_usd, schedulable, notes, expires_at, abort_policy,
                withholds_client_fields, bills_top_level)
            VALUES (\(id), \(details.name), \(details.email), \(details.kind), \(details.baseURL), \(try seal(id)), \(details.header),
                \(details.priority), \(details.weight), \(details.maxConcurrency), \(AccountStatus.active), '', \(details.modelMap),
                \(details.modelAllow), \(details.modelDeny), \(source), \(sourceKey), \(now), \(now), \(try nextVersion(of: "accounts")),
                \(details.caps.requestsPerMinute), \(details.caps.tokensPerMinute), \(details.caps.costPerDayMicroUSD),
                \(details.isSchedulable), \(details.notes), \(details.expiresAt), \(details.abortPolicy),
                \(details.withholdsClientFields), \(details.billsTopLevel))
            RETURNING \(Account.columns)
            """)
        guard let made else { throw .programming("a new account gave no row") }
        return made
    }

    /// Makes or updates the account the environment names by `sourceKey`; its id and status stay, so repeating it is harmless.
    public func importAccount(
        _ details: AccountDetails, sourceKey: String, seal: (AccountID) throws(StoreError) -> [UInt8]
    ) throws(StoreError) -> Account {
        guard let known = try account(sourceKey: sourceKey) else {
            return try createAccount(details, source: .environment, sourceKey: sourceKey, seal: seal)
        }
        _ = try updateAccount(known.id, details, secretSealed: try seal(known.id))
        guard let updated = try account(known.id) else { throw .programming("an updated account gave no row") }
        return updated
    }

    /// Sets all details; the secret only when given. False when it is unknown.
    public func updateAccount(_ id: AccountID, _ details: AccountDetails, secretSealed: [UInt8]? = nil) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE accounts SET name = \(details.name), email = \(details.email), kind = \(details.kind), base_url = \(details.baseURL),
                secret_sealed = COALESCE(\(secretSealed), secret_sealed), header_style = \(details.header), priority = \(details.priority),
                weight = \(details.weight), max_concurrency = \(details.maxConcurrency), model_map = \(details.modelMap),
                model_allow = \(details.modelAllow), model_deny = \(details.modelDeny),
                requests_per_minute = \(details.caps.requestsPerMinute), tokens_per_minute = \(details.caps.tokensPerMinute),
                cost_per_day_micro_usd = \(details.caps.costPerDayMicroUSD), schedulable = \(details.isSchedulable),
                notes = \(details.notes), expires_at = \(details.expiresAt), abort_policy = \(details.abortPolicy),
                withholds_client_fields = \(details.withholdsClientFields), bills_top_level = \(details.billsTopLevel),
                updated_at = \(ambient.now()),
                version = \(try nextVersion(of: "accounts"))
            WHERE id = \(id)
            """) == 1
    }

    /// False when it is unknown.
    public func setAccountStatus(
        _ status: AccountStatus, reason: String, cooldownUntil: Timestamp? = nil, of id: AccountID
    ) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE accounts SET status = \(status), status_reason = \(reason), cooldown_until = \(cooldownUntil), updated_at = \(ambient.now()),
                version = \(try nextVersion(of: "accounts"))
            WHERE id = \(id)
            """) == 1
    }

    /// Sets the proxy alone; nil takes it away. False when the account is unknown.
    public func setAccountProxy(_ sealed: [UInt8]?, of id: AccountID) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE accounts SET proxy_sealed = \(sealed), updated_at = \(ambient.now()), version = \(try nextVersion(of: "accounts"))
            WHERE id = \(id)
            """) == 1
    }

    /// Replaces a sealed proxy when it is still `old`; for the rotation of keys at rest.
    public func resealAccountProxy(_ id: AccountID, from old: [UInt8], to new: [UInt8]) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE accounts SET proxy_sealed = \(new), version = \(try nextVersion(of: "accounts"))
            WHERE id = \(id) AND proxy_sealed = \(old)
            """) == 1
    }

    /// Replaces a sealed secret when it is still `old`; for the rotation of keys at rest.
    public func resealAccount(_ id: AccountID, from old: [UInt8], to new: [UInt8]) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE accounts SET secret_sealed = \(new), updated_at = \(ambient.now()), version = \(try nextVersion(of: "accounts"))
            WHERE id = \(id) AND secret_sealed = \(old)
            """) == 1
    }

    /// History and ledger keep its id. False when it is unknown.
    /// - Throws: `.refused("account_has_batches")` while results of its batches are to be booked, for which its secrets are needed.
    public func deleteAccount(_ id: AccountID) throws(StoreError) -> Bool {
        guard try !hasOpenBatches(id) else { throw .refused("account_has_batches") }
        _ = try nextVersion(of: "accounts")
        return try execute("DELETE FROM accounts WHERE id = \(id)") == 1
    }
}
