public import Domain

public enum MailIDKind: IdentifierKind { public static var prefix: String { "mail" } }
public typealias MailID = Identifier<MailIDKind>

/// What a mail tells; each has its text in every language.
public enum MailKind: String, Sendable, CaseIterable, SQLWord {
    case verifyAddress = "verify_address"
    case resetPassword = "reset_password"
    /// To the address that a person wants to have.
    case changeAddress = "change_address"
    /// To the one that they had.
    case addressChanged = "address_changed"
    case endsSoon = "ends_soon"
    case paymentReceived = "payment_received"
}

/// A mail that is to be sent, or was.
public struct Mail: Sendable, Equatable, RowReadable {
    public let id: MailID
    public let kind: MailKind
    /// Lowercase.
    public let email: String
    /// nil while only the address is known.
    public let userID: UserID?
    /// nil: the person's.
    public let language: Language?
    /// What the text fills in.
    public let facts: JSON
    public let linkID: MailLinkID?
    public let state: PromiseState
    /// Tries so far.
    public let attempts: Int64
    public let nextAt: Timestamp
    public let failure: String?
    public let createdAt: Timestamp
    /// Afterwards it says nothing any more and is not sent.
    public let expiresAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        kind = try row["kind"]
        email = try row["email"]
        userID = try row["user_id"]
        language = try row["language"]
        facts = try row["facts"]
        linkID = try row["link_id"]
        state = try row["state"]
        attempts = try row["attempts"]
        nextAt = try row["next_at"]
        failure = try row["failure"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
    }
    static let columns: SQL = """
        id, kind, email, user_id, language, facts, link_id, state, attempts, next_at, failure, created_at, expires_at
        """
}

extension Reader {
    /// Newest first.
    public func mails(state: PromiseState? = nil, before: MailID? = nil, limit: Int) throws(StoreError) -> Page<Mail> {
        let limit = PageLimits.clamp(limit)
        let older: SQL = if let before { "AND id < \(before)" } else { "" }
        let rows: [Mail] = try all(
            """
            SELECT \(Mail.columns) FROM mails WHERE state = COALESCE(\(state), state) \(older) ORDER BY id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// Promises a mail; it is sent after the commit, when there is a mail server.
    /// - Parameters:
    ///   - user: nil when it is yet to be seen whether anybody has the address.
    ///   - end: not sent afterwards.
    public func promiseMail(
        _ kind: MailKind, to email: String, user: UserID? = nil, language: Language? = nil, facts: JSON = [:], until end: Timestamp
    ) throws(StoreError) {
        let now = ambient.now()
        try execute(
            """
            INSERT INTO mails (id, kind, email, user_id, language, facts, state, attempts, next_at, created_at, expires_at)
            VALUES (\(MailID(ambient)), \(kind), \(email.lowercased()), \(user), \(language), \(facts), \(PromiseState.waiting), 0, \(now), \(now),
                \(end))
            """)
    }

    /// Takes due mails for a while; whoever stops before telling the outcome loses them to the next.
    public func leaseMails(leaseMilliseconds: Int64, limit: Int) throws(StoreError) -> [Mail] {
        try lease(.mails, Mail.columns, leaseMilliseconds: leaseMilliseconds, limit: limit)
    }

    public func mailSent(_ id: MailID) throws(StoreError) { try kept(id, in: .mails) }

    /// - Parameters:
    ///   - failure: without address and secret.
    ///   - next: nil gives up.
    public func mailFailed(_ id: MailID, _ failure: String, next: Timestamp?) throws(StoreError) {
        try failed(id, in: .mails, failure, next: next)
    }

    /// Sends a given-up one again, unless its time is over. False when there is no such.
    public func mailRetry(_ id: MailID) throws(StoreError) -> Bool {
        try retry(id, in: .mails, only: "AND expires_at > \(ambient.now())")
    }

    /// Those whose time was over before `before`, at most `limit`. How many went.
    public func deleteMails(expiredBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE expires_at < \(before) LIMIT \(PageLimits.clamp(limit)))")
    }
}
