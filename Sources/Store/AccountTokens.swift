public import Domain

/// How the token endpoint wants its input: a JSON object (relay contract, section 3) or a form (RFC 6749).
public enum TokenRequestStyle: String, Codable, Sendable, CaseIterable, SQLWord { case json, form }

/// Where and as whom an OAuth account gets new tokens. All of it is the operator's.
public struct TokenSource: Sendable, Equatable {
    public var tokenURL: String
    public var clientID: String
    /// Separated by spaces; empty asks for none.
    public var scopes: String
    public var style: TokenRequestStyle

    public init(tokenURL: String, clientID: String, scopes: String = "", style: TokenRequestStyle = .json) {
        self.tokenURL = tokenURL
        self.clientID = clientID
        self.scopes = scopes
        self.style = style
    }
}

/// The OAuth side of an account. Only this file writes these columns; a stale write would bring a used refresh token back.
public struct AccountToken: Sendable, Equatable, RowReadable {
    public let accountID: AccountID
    public let source: TokenSource
    public let clientSecretSealed: [UInt8]?
    public let refreshSealed: [UInt8]
    /// Nil before the first refresh.
    public let accessSealed: [UInt8]?
    public let expiresAt: Timestamp?
    /// Rises with every new access token.
    public let generation: Int64
    /// Of the newest lease.
    public let fence: Int64
    public let failures: Int64
    public let nextAttemptAt: Timestamp
    public let lastError: String
    public let refreshedAt: Timestamp?
    let leaseUntil: Timestamp

    init(row: Row) throws(StoreError) {
        accountID = try row["account_id"]
        source = TokenSource(
            tokenURL: try row["token_url"], clientID: try row["client_id"], scopes: try row["scopes"], style: try row["style"])
        clientSecretSealed = try row["client_secret_sealed"]
        refreshSealed = try row["refresh_sealed"]
        accessSealed = try row["access_sealed"]
        expiresAt = try row["expires_at"]
        generation = try row["generation"]
        fence = try row["fence"]
        failures = try row["failures"]
        nextAttemptAt = try row["next_attempt_at"]
        lastError = try row["last_error"]
        refreshedAt = try row["refreshed_at"]
        leaseUntil = try row["lease_until"]
    }

    static let columns: SQL = """
        account_id, token_url, client_id, client_secret_sealed, style, scopes, refresh_sealed, access_sealed, expires_at, generation, fence,
        lease_until, failures, next_attempt_at, last_error, refreshed_at
        """
}

/// What came of asking for the right to refresh.
public enum RefreshLease: Sendable, Equatable {
    /// Ours until `leaseUntil`; the token holds the fence.
    case taken(AccountToken)
    /// Somebody has refreshed since: use what is there.
    case newer(AccountToken)
    /// Another process is at it.
    case held(until: Timestamp)
    /// The last attempts failed, and the next one is not due yet.
    case paused(until: Timestamp)
    /// The account is gone or has no tokens.
    case unknown
}

extension Reader {
    public func accountToken(_ id: AccountID) throws(StoreError) -> AccountToken? {
        try first("SELECT \(AccountToken.columns) FROM account_tokens WHERE account_id = \(id)")
    }

    /// At most 1000, as there are accounts.
    public func accountTokens() throws(StoreError) -> [AccountToken] {
        try all("SELECT \(AccountToken.columns) FROM account_tokens ORDER BY account_id LIMIT \(PageLimits.items)")
    }
}

extension Transaction {
    /// Sets where tokens come from and the refresh token to begin with. An access token that is known already spares the first refresh.
    public func setAccountToken(
        _ source: TokenSource, clientSecretSealed: [UInt8]?, refreshSealed: [UInt8], accessSealed: [UInt8]? = nil,
        expiresAt: Timestamp? = nil, of id: AccountID
    ) throws(StoreError) {
        _ = try nextVersion(of: "accounts")
        try execute(
            """
            INSERT INTO account_tokens (account_id, token_url, client_id, client_secret_sealed, style, scopes, refresh_sealed, access_sealed,
                expires_at, generation, fence, lease_until, failures, next_attempt_at, last_error)
            VALUES (\(id), \(source.tokenURL), \(source.clientID), \(clientSecretSealed), \(source.style), \(source.scopes),
                \(refreshSealed), \(accessSealed), \(expiresAt), 1, 0, 0, 0, 0, '')
            ON CONFLICT (account_id) DO UPDATE SET token_url = excluded.token_url, client_id = excluded.client_id,
                client_secret_sealed = excluded.client_secret_sealed, style = excluded.style, scopes = excluded.scopes,
                refresh_sealed = excluded.refresh_sealed, access_sealed = excluded.access_sealed, expires_at = excluded.expires_at,
                generation = account_tokens.generation + 1, fence = account_tokens.fence + 1, lease_until = 0, failures = 0,
                next_attempt_at = 0, last_error = ''
            """)
    }

    /// Asks for the right to refresh a token of generation `known`.
    /// - Parameter heedsPause: not while the pause after a failure lasts.
    public func takeRefreshLease(
        _ id: AccountID, known: Int64, seconds: Int64, heedsPause: Bool = false
    ) throws(StoreError) -> RefreshLease {
        guard let token = try accountToken(id) else { return .unknown }
        if token.generation > known { return .newer(token) }
        let now = ambient.now()
        if token.leaseUntil > now { return .held(until: token.leaseUntil) }
        if heedsPause, token.nextAttemptAt > now { return .paused(until: token.nextAttemptAt) }
        let taken: AccountToken? = try first(
            """
            UPDATE account_tokens SET fence = fence + 1, lease_until = \(now.adding(seconds: seconds))
            WHERE account_id = \(id) AND fence = \(token.fence) AND generation = \(token.generation) RETURNING \(AccountToken.columns)
            """)
        guard let taken else { return .held(until: now.adding(seconds: 1)) }
        return .taken(taken)
    }

    /// Keeps what a refresh gave, when the lease still stands; false changes nothing.
    /// - Parameter refreshSealed: nil keeps the old one: not every server rotates.
    public func storeRefreshed(
        _ lease: AccountToken, accessSealed: [UInt8], refreshSealed: [UInt8]?, expiresAt: Timestamp?, scopes: String?
    ) throws(StoreError) -> Bool {
        let changed = try execute(
            """
            UPDATE account_tokens SET access_sealed = \(accessSealed), refresh_sealed = COALESCE(\(refreshSealed), refresh_sealed),
                expires_at = \(expiresAt), scopes = COALESCE(\(scopes), scopes), generation = generation + 1, lease_until = 0, failures = 0,
                next_attempt_at = 0, last_error = '', refreshed_at = \(ambient.now())
            WHERE account_id = \(lease.accountID) AND fence = \(lease.fence) AND generation = \(lease.generation)
            """)
        guard changed == 1 else { return false }
        try execute("UPDATE accounts SET version = \(try nextVersion(of: "accounts")) WHERE id = \(lease.accountID)")
        return true
    }

    /// Gives the lease back after a failure; false when it was lost meanwhile.
    public func refreshFailed(_ lease: AccountToken, error: String, nextAttemptAt: Timestamp) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE account_tokens SET lease_until = 0, failures = failures + 1, next_attempt_at = \(nextAttemptAt), last_error = \(error)
            WHERE account_id = \(lease.accountID) AND fence = \(lease.fence) AND generation = \(lease.generation)
            """) == 1
    }

    /// Replaces the sealed values when nothing has changed meanwhile; for the rotation of keys at rest.
    public func resealAccountToken(
        _ old: AccountToken, clientSecretSealed: [UInt8]?, refreshSealed: [UInt8], accessSealed: [UInt8]?
    ) throws(StoreError) -> Bool {
        _ = try nextVersion(of: "accounts")
        return try execute(
            """
            UPDATE account_tokens SET client_secret_sealed = \(clientSecretSealed), refresh_sealed = \(refreshSealed),
                access_sealed = \(accessSealed)
            WHERE account_id = \(old.accountID) AND fence = \(old.fence) AND generation = \(old.generation)
            """) == 1
    }
}
