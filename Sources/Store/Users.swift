public import Domain

public enum UserRole: String, Codable, Sendable, CaseIterable, SQLWord { case admin, support, customer }
public enum UserStatus: String, Codable, Sendable, CaseIterable, SQLWord { case active, blocked }

/// A person who can log in.
public struct User: Sendable, Equatable, RowReadable {
    public let id: UserID
    /// The public integer number older surfaces promise; unique, rising, never used again.
    public let number: Int64
    /// Lowercase; unique.
    public let email: String
    public let name: String
    public private(set) var role: UserRole
    /// As `Secrets` made it; never leaves the server.
    public let passwordHash: String
    public let status: UserStatus
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
    public let lastLoginAt: Timestamp?
    public let limits: UserLimits
    /// Of mails to them.
    public let language: Language
    /// When the address was shown to be theirs.
    public let emailVerifiedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        number = try row["number"]
        email = try row["email"]
        name = try row["name"]
        role = try row["role"]
        passwordHash = try row["password_hash"]
        status = try row["status"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
        lastLoginAt = try row["last_login_at"]
        limits = UserLimits(
            perKey: APIKeyLimits(
                requestsPerMinute: try row["requests_per_minute"], tokensPerDay: try row["tokens_per_day"],
                concurrency: try row["concurrency"], costPerDayMicroUSD: try row["cost_per_day_micro_usd"]),
            maximumKeys: try row["maximum_keys"], maximumServices: try row["maximum_services"])
        language = try row["language"]
        emailVerifiedAt = try row["email_verified_at"]
    }

    /// The same person with what a customer may do: for a credential that holds no more.
    public var asCustomer: User {
        var user = self
        user.role = .customer
        return user
    }

    static let columns: SQL = """
        id, number, email, name, role, password_hash, status, created_at, updated_at, last_login_at, requests_per_minute, tokens_per_day,
        concurrency, cost_per_day_micro_usd, maximum_keys, maximum_services, language, email_verified_at
        """
}

public struct NewUser: Sendable {
    public var email: String
    public var name: String
    public var role: UserRole
    public var passwordHash: String
    public var language: Language
    /// Somebody vouches for the address.
    public var isVerified: Bool

    public init(
        email: String, name: String, role: UserRole, passwordHash: String, language: Language = .english, isVerified: Bool = true
    ) {
        (self.language, self.isVerified) = (language, isVerified)
        self.email = email
        self.name = name
        self.role = role
        self.passwordHash = passwordHash
    }
}

extension Reader {
    public func user(_ id: UserID) throws(StoreError) -> User? { try first("SELECT \(User.columns) FROM users WHERE id = \(id)") }

    /// Case does not matter.
    public func user(email: String) throws(StoreError) -> User? {
        try first("SELECT \(User.columns) FROM users WHERE email = \(email.lowercased())")
    }

    public func user(number: Int64) throws(StoreError) -> User? { try first("SELECT \(User.columns) FROM users WHERE number = \(number)") }

    /// By number, oldest first.
    /// - Parameters:
    ///   - after: the last number of the page before; 0 for the first page.
    ///   - limit: 1 to 1000.
    public func users(after: Int64 = 0, offset: Int = 0, limit: Int, role: UserRole? = nil, status: UserStatus? = nil) throws(StoreError)
        -> Page<User>
    {
        let limit = PageLimits.clamp(limit)
        let rows: [User] = try all(
            """
            SELECT \(User.columns) FROM users WHERE number > \(after) AND role = COALESCE(\(role), role) AND status = COALESCE(\(status), status)
            ORDER BY number LIMIT \(limit + 1) OFFSET \(max(0, offset))
            """)
        return Page(rows, limit: limit)
    }

    public func userCount(role: UserRole? = nil) throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM users WHERE role = COALESCE(\(role), role)") ?? 0
    }

    /// How password hashes of other programs begin, up to what tells their cost: "$2b$12$", "$pbkdf2-sha256$29000$". At most 16.
    public func olderPasswordKinds() throws(StoreError) -> [String] {
        // A number of rounds ends at the next "$", after one to seven digits.
        let found = try rows(
            """
            SELECT DISTINCT CASE
                WHEN SUBSTR(password_hash, 1, 2) = '$2' THEN SUBSTR(password_hash, 1, 7)
                WHEN SUBSTR(password_hash, 17, 1) = '$' THEN SUBSTR(password_hash, 1, 17)
                WHEN SUBSTR(password_hash, 18, 1) = '$' THEN SUBSTR(password_hash, 1, 18)
                WHEN SUBSTR(password_hash, 19, 1) = '$' THEN SUBSTR(password_hash, 1, 19)
                WHEN SUBSTR(password_hash, 20, 1) = '$' THEN SUBSTR(password_hash, 1, 20)
                WHEN SUBSTR(password_hash, 21, 1) = '$' THEN SUBSTR(password_hash, 1, 21)
                WHEN SUBSTR(password_hash, 22, 1) = '$' THEN SUBSTR(password_hash, 1, 22)
                ELSE SUBSTR(password_hash, 1, 23) END AS kind
            FROM users WHERE SUBSTR(password_hash, 1, 2) = '$2' OR SUBSTR(password_hash, 1, 15) = '$pbkdf2-sha256$'
            ORDER BY kind LIMIT 16
            """)
        var kinds: [String] = []
        for row in found { kinds.append(try row["kind"]) }
        return kinds
    }

    public func anyAdminExists() throws(StoreError) -> Bool {
        try !rows("SELECT id FROM users WHERE role = \(UserRole.admin) LIMIT 1").isEmpty
    }
}

extension Transaction {
    /// - Throws: `.conflict(.userEmail)` when the address is taken, in any case of letters.
    public func createUser(_ new: NewUser) throws(StoreError) -> User {
        let now = ambient.now()
        let made: User? = try first(
            """
            INSERT INTO users (id, email, name, role, password_hash, status, language, email_verified_at, created_at, updated_at)
            VALUES (\(UserID(ambient)), \(new.email.lowercased()), \(new.name), \(new.role), \(new.passwordHash), \(UserStatus.active),
                \(new.language), \(new.isVerified ? now : nil), \(now), \(now))
            RETURNING \(User.columns)
            """)
        guard let made else { throw .programming("a new user gave no row") }
        return made
    }

    /// Makes an admin only when there is none; nil when there is one already. Two at the same time make one.
    public func createFirstAdmin(email: String, name: String, passwordHash: String) throws(StoreError) -> User? {
        guard try !anyAdminExists() else { return nil }
        return try createUser(NewUser(email: email, name: name, role: .admin, passwordHash: passwordHash))
    }

    /// Makes this user an admin only when there is none (`PROMOTE_SECRET`). False when there is one already or no such user.
    public func promoteFirstAdmin(_ id: UserID) throws(StoreError) -> Bool {
        guard try !anyAdminExists() else { return false }
        return try setRole(.admin, of: id)
    }

    /// False when there is no such user.
    public func setRole(_ role: UserRole, of id: UserID) throws(StoreError) -> Bool {
        try execute("UPDATE users SET role = \(role), updated_at = \(ambient.now()) WHERE id = \(id)") == 1
    }

    /// Blocking also ends every session and, through `apiKeysChanged`, makes the user's keys stop working. False when there is no such user.
    public func setStatus(_ status: UserStatus, of id: UserID) throws(StoreError) -> Bool {
        let now = ambient.now()
        guard try execute("UPDATE users SET status = \(status), updated_at = \(now) WHERE id = \(id)") == 1 else { return false }
        if status == .blocked { _ = try revokeSessions(of: id) }
        try touchAPIKeys(of: id)
        return true
    }

    /// Sets a new password hash and ends every session except `keeping`; without that one, personal tokens too. False when there is no such user.
    public func setPassword(hash: String, of id: UserID, keeping: SessionID? = nil) throws(StoreError) -> Bool {
        guard try execute("UPDATE users SET password_hash = \(hash), updated_at = \(ambient.now()) WHERE id = \(id)") == 1 else {
            return false
        }
        _ = try revokeSessions(of: id, except: keeping)
        if keeping == nil { try revokePersonalTokens(of: id) }
        return true
    }

    /// Replaces a hash made with older parameters after a good login; sessions stay. False when the hash has changed since it was read.
    public func upgradePasswordHash(from old: String, to new: String, of id: UserID) throws(StoreError) -> Bool {
        try execute("UPDATE users SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)") == 1
    }

    public func recordLogin(of id: UserID) throws(StoreError) {
        try execute("UPDATE users SET last_login_at = \(ambient.now()) WHERE id = \(id)")
    }

    /// The address was shown to be theirs. False when it was before, or there is no such user.
    public func setEmailVerified(_ id: UserID) throws(StoreError) -> Bool {
        try execute(
            "UPDATE users SET email_verified_at = \(ambient.now()), updated_at = \(ambient.now()) WHERE id = \(id) AND email_verified_at IS NULL"
        ) == 1
    }

    /// False when there is no such user.
    public func setLanguage(_ language: Language, of id: UserID) throws(StoreError) -> Bool {
        try execute("UPDATE users SET language = \(language), updated_at = \(ambient.now()) WHERE id = \(id)") == 1
    }

    /// Changes what is not nil; a new address is yet to be shown to be theirs. False when there is no such user.
    /// - Throws: `.conflict(.userEmail)`.
    public func updateUser(_ id: UserID, email: String? = nil, name: String? = nil) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE users SET email_verified_at = CASE WHEN email = COALESCE(\(email?.lowercased()), email) THEN email_verified_at ELSE NULL END,
                email = COALESCE(\(email?.lowercased()), email), name = COALESCE(\(name), name), updated_at = \(ambient.now())
            WHERE id = \(id)
            """) == 1
    }
}
