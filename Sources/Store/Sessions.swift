public import Domain

/// How a session's token travels.
public enum SessionCarrier: String, Codable, Sendable, CaseIterable, SQLWord { case bearer, cookie }

/// A login; its id is the `jti` of the token.
public struct Session: Sendable, Equatable, RowReadable {
    public let id: SessionID
    public let userID: UserID
    public let kind: SessionCarrier
    public let createdAt: Timestamp
    public let expiresAt: Timestamp
    public let revokedAt: Timestamp?
    /// At most 200 characters.
    public let userAgent: String
    /// When its person last showed who they are.
    public let provenAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        userID = try row["user_id"]
        kind = try row["kind"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
        userAgent = try row["user_agent"]
        provenAt = try row["proven_at"]
    }

    static let columns: SQL = "id, user_id, kind, created_at, expires_at, revoked_at, user_agent, proven_at"
    /// Characters of a user agent that are kept.
    static let userAgentCharacters = 200
}

extension Reader {
    /// The user behind a token, when the session exists, is not revoked, has not ended, belongs to that user, and the user is active.
    public func activeUser(session: SessionID, user: UserID) throws(StoreError) -> User? {
        try first(
            """
            SELECT \(User.columns) FROM users WHERE status = \(UserStatus.active) AND id =
                (SELECT sessions.user_id FROM sessions WHERE sessions.id = \(session) AND sessions.user_id = \(user)
                    AND sessions.revoked_at IS NULL AND sessions.expires_at > \(ambient.now()))
            """)
    }

    public func session(_ id: SessionID) throws(StoreError) -> Session? {
        try first("SELECT \(Session.columns) FROM sessions WHERE id = \(id)")
    }

    /// Those that still work, newest first; at most 1000.
    public func activeSessions(of user: UserID) throws(StoreError) -> [Session] {
        try all(
            """
            SELECT \(Session.columns) FROM sessions WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > \(ambient.now())
            ORDER BY created_at DESC, id DESC LIMIT \(PageLimits.items)
            """)
    }
}

extension Transaction {
    /// - Parameter provenAt: nil is now.
    /// - Throws: `.conflict(.foreignKey)` when there is no such user.
    public func createSession(
        _ id: SessionID, user: UserID, kind: SessionCarrier, expiresAt: Timestamp, userAgent: String, provenAt: Timestamp? = nil
    ) throws(StoreError) {
        try execute(
            """
            INSERT INTO sessions (id, user_id, kind, created_at, expires_at, user_agent, proven_at)
            VALUES (\(id), \(user), \(kind), \(ambient.now()), \(expiresAt), \(String(userAgent.prefix(Session.userAgentCharacters))),
                \(provenAt ?? ambient.now()))
            """)
    }

    /// False when it is unknown or was revoked before.
    public func revokeSession(_ id: SessionID) throws(StoreError) -> Bool {
        try execute("UPDATE sessions SET revoked_at = \(ambient.now()) WHERE id = \(id) AND revoked_at IS NULL") == 1
    }

    /// How many ended.
    public func revokeSessions(of user: UserID, except kept: SessionID? = nil) throws(StoreError) -> Int {
        try execute(
            """
            UPDATE sessions SET revoked_at = \(ambient.now())
            WHERE user_id = \(user) AND revoked_at IS NULL AND id <> COALESCE(\(kept), '')
            """)
    }

    /// Deletes sessions that ended before `before`; at most `limit` a call, so that the writer is never held long. How many went.
    public func deleteSessions(endedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < \(before) ORDER BY expires_at LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
