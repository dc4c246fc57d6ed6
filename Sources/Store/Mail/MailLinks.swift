public import Domain

public enum MailLinkIDKind: IdentifierKind { public static var prefix: String { "lnk" } }
public typealias MailLinkID = Identifier<MailLinkIDKind>

/// A link of a mail: one use, one purpose, one person, one address.
public struct MailLink: Sendable, Equatable, RowReadable {
    public enum Purpose: String, Sendable, CaseIterable, SQLWord {
        case verifyAddress = "verify_address"
        case resetPassword = "reset_password"
        /// Of the address that the person is to have next.
        case changeAddress = "change_address"
    }
    public let id: MailLinkID
    public let userID: UserID
    public let purpose: Purpose
    /// Where it was sent: the person's address, without which it opens nothing, or the one they are to have.
    public let email: String
    public let expiresAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        userID = try row["user_id"]
        purpose = try row["purpose"]
        email = try row["email"]
        expiresAt = try row["expires_at"]
    }
    static let columns: SQL = "id, user_id, purpose, email, expires_at"
}

extension Reader {
    /// The link with that hash, when it is not used, has not ended, and its person is active and still has the address
    /// (or is to have it).
    public func openMailLink(_ hash: [UInt8], _ purpose: MailLink.Purpose) throws(StoreError) -> (link: MailLink, user: User)? {
        let found: MailLink? = try first(
            """
            SELECT \(MailLink.columns) FROM mail_links WHERE secret_hash = \(hash) AND purpose = \(purpose) AND used_at IS NULL
                AND expires_at > \(ambient.now())
            """)
        guard let found, let user = try user(found.userID), user.status == .active, purpose == .changeAddress || user.email == found.email
        else { return nil }
        return (found, user)
    }

    public func mailLink(_ id: MailLinkID) throws(StoreError) -> MailLink? {
        try first("SELECT \(MailLink.columns) FROM mail_links WHERE id = \(id)")
    }
}

extension Transaction {
    /// - Parameters:
    ///   - email: where the link goes.
    ///   - hash: SHA-256 of the secret, which is 256 bits.
    public func createMailLink(
        _ id: MailLinkID, _ purpose: MailLink.Purpose, of user: UserID, at email: String, hash: [UInt8], for mail: MailID,
        expiresAt end: Timestamp
    ) throws(StoreError) {
        try execute(
            """
            INSERT INTO mail_links (id, user_id, purpose, email, secret_hash, created_at, expires_at)
            VALUES (\(id), \(user), \(purpose), \(email.lowercased()), \(hash), \(ambient.now()), \(end))
            """)
        try execute("UPDATE mails SET link_id = \(id), user_id = \(user) WHERE id = \(mail)")
    }

    /// Uses up a link, and with it every other of the same purpose and person. False when somebody was quicker.
    public func useMailLink(_ link: MailLink) throws(StoreError) -> Bool {
        let now = ambient.now()
        guard try execute("UPDATE mail_links SET used_at = \(now) WHERE id = \(link.id) AND used_at IS NULL") == 1 else { return false }
        try execute(
            "UPDATE mail_links SET used_at = \(now) WHERE user_id = \(link.userID) AND purpose = \(link.purpose) AND used_at IS NULL")
        return true
    }

    /// Deletes those that ended before `before`; at most `limit` a call. How many went.
    public func deleteMailLinks(expiredBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            "DELETE FROM mail_links WHERE id IN (SELECT id FROM mail_links WHERE expires_at < \(before) LIMIT \(PageLimits.clamp(limit)))")
    }
}
