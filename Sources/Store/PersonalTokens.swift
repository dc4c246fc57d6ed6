public import Domain

public enum PersonalTokenKind: IdentifierKind { public static var prefix: String { "tok" } }
public typealias PersonalTokenID = Identifier<PersonalTokenKind>

/// What a personal token may be used for, within what its person may do.
public enum TokenScope: String, Sendable, CaseIterable, SQLWord {
    /// Looking at what is one's own.
    case read
    /// Changing what is one's own.
    case write
    /// Looking as operator.
    case adminRead = "admin:read"
    /// Changing as operator.
    case adminWrite = "admin:write"
}

/// A credential for programs that its person has made. The secret itself is nowhere; its hash finds the row.
public struct PersonalToken: Sendable, Equatable, RowReadable {
    public let id: PersonalTokenID
    public let userID: UserID
    public let name: String
    /// In the order of `TokenScope.allCases`; never empty.
    public let scopes: [TokenScope]
    /// The secret's last four characters, to tell tokens apart.
    public let shownSuffix: String
    public let createdAt: Timestamp
    public let expiresAt: Timestamp
    /// To the minute.
    public let lastUsedAt: Timestamp?
    public let revokedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        userID = try row["user_id"]
        name = try row["name"]
        let words: String = try row["scopes"]
        scopes = words.split(separator: " ").compactMap { TokenScope(rawValue: String($0)) }
        shownSuffix = try row["shown_suffix"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        lastUsedAt = try row["last_used_at"]
        revokedAt = try row["revoked_at"]
    }

    static let columns: SQL = "id, user_id, name, scopes, shown_suffix, created_at, expires_at, last_used_at, revoked_at"
    /// Uses nearer together than this are written once: a use would otherwise cost a write.
    static let useGrainMilliseconds: Int64 = 60_000
}

public struct NewPersonalToken: Sendable {
    public var name: String
    public var scopes: Set<TokenScope>
    /// SHA-256 of the secret, which is 256 random bits.
    public var secretHash: [UInt8]
    public var shownSuffix: String
    public var expiresAt: Timestamp

    public init(name: String, scopes: Set<TokenScope>, secretHash: [UInt8], shownSuffix: String, expiresAt: Timestamp) {
        (self.name, self.scopes, self.secretHash) = (name, scopes, secretHash)
        (self.shownSuffix, self.expiresAt) = (shownSuffix, expiresAt)
    }
}

extension Reader {
    /// The token with that hash and its person, when it is not revoked, has not ended and the person is active.
    public func activeUser(personalToken hash: [UInt8]) throws(StoreError) -> (user: User, token: PersonalToken)? {
        let found: PersonalToken? = try first(
            """
            SELECT \(PersonalToken.columns) FROM personal_tokens WHERE secret_hash = \(hash) AND revoked_at IS NULL
                AND expires_at > \(ambient.now())
            """)
        guard let found, let user = try user(found.userID), user.status == .active else { return nil }
        return (user, found)
    }

    /// Those that are not revoked, ended ones too, newest first; at most 1000.
    public func personalTokens(of user: UserID) throws(StoreError) -> [PersonalToken] {
        try all(
            """
            SELECT \(PersonalToken.columns) FROM personal_tokens WHERE user_id = \(user) AND revoked_at IS NULL
            ORDER BY id DESC LIMIT \(PageLimits.items)
            """)
    }

    public func personalToken(_ id: PersonalTokenID) throws(StoreError) -> PersonalToken? {
        try first("SELECT \(PersonalToken.columns) FROM personal_tokens WHERE id = \(id)")
    }
}

extension Transaction {
    /// - Throws: `.conflict(.foreignKey)` when there is no such user.
    public func createPersonalToken(_ new: NewPersonalToken, of user: UserID) throws(StoreError) -> PersonalToken {
        let words = TokenScope.allCases.filter(new.scopes.contains).map(\.rawValue).joined(separator: " ")
        let made: PersonalToken? = try first(
            """
            INSERT INTO personal_tokens (id, user_id, name, scopes, secret_hash, shown_suffix, created_at, expires_at)
            VALUES (\(PersonalTokenID(ambient)), \(user), \(new.name), \(words), \(new.secretHash), \(new.shownSuffix), \(ambient.now()),
                \(new.expiresAt))
            RETURNING \(PersonalToken.columns)
            """)
        guard let made else { throw .programming("a new token gave no row") }
        return made
    }

    /// False when it is unknown, was revoked before, or belongs to somebody else than `owner`.
    public func revokePersonalToken(_ id: PersonalTokenID, owner: UserID? = nil) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE personal_tokens SET revoked_at = \(ambient.now())
            WHERE id = \(id) AND revoked_at IS NULL AND user_id = COALESCE(\(owner), user_id)
            """) == 1
    }

    /// How many ended.
    @discardableResult
    public func revokePersonalTokens(of user: UserID) throws(StoreError) -> Int {
        try execute("UPDATE personal_tokens SET revoked_at = \(ambient.now()) WHERE user_id = \(user) AND revoked_at IS NULL")
    }

    /// Deletes those that ended or were revoked before `before`; at most `limit` a call. How many went.
    public func deletePersonalTokens(endedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM personal_tokens WHERE id IN
                (SELECT id FROM personal_tokens WHERE expires_at < \(before) OR COALESCE(revoked_at, expires_at) < \(before)
                 LIMIT \(PageLimits.clamp(limit)))
            """)
    }

    public func recordUse(of id: PersonalTokenID) throws(StoreError) {
        let now = ambient.now()
        try execute(
            """
            UPDATE personal_tokens SET last_used_at = \(now)
            WHERE id = \(id) AND COALESCE(last_used_at, 0) <= \(now.adding(milliseconds: -PersonalToken.useGrainMilliseconds))
            """)
    }
}

extension PersonalToken {
    /// Whether a use at this moment is to be written down.
    public func isUseNews(at now: Timestamp) -> Bool {
        guard let lastUsedAt else { return true }
        return now.milliseconds - lastUsedAt.milliseconds >= Self.useGrainMilliseconds
    }
}
