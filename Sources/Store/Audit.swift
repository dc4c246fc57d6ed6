public import Domain

/// Who did what to what. Append only.
public struct AuditEvent: Sendable, Equatable, RowReadable {
    public let id: EventID
    public let at: Timestamp
    /// "usr_…", "key_…", "system" or "command".
    public let actor: String
    /// As in "user.promote".
    public let action: String
    /// The id of what was changed.
    public let subject: String
    /// JSON objects as text, without secrets; nil when there is nothing before or after.
    public let before: String?
    public let after: String?
    public let requestID: RequestID?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        at = try row["at"]
        actor = try row["actor"]
        action = try row["action"]
        subject = try row["subject"]
        before = try row["before"]
        after = try row["after"]
        requestID = try row["request_id"]
    }

    static let columns: SQL = "id, at, actor, action, subject, before, after, request_id"
}

extension Reader {
    /// Newest first. `before` is the last id of the page before.
    public func auditEvents(before: EventID? = nil, actor: String? = nil, subject: String? = nil, limit: Int) throws(StoreError) -> Page<
        AuditEvent
    > {
        let limit = PageLimits.clamp(limit)
        var condition: SQL = "1 = 1"
        if let before { condition = "\(condition) AND id < \(before)" }
        if let actor { condition = "\(condition) AND actor = \(actor)" }
        if let subject { condition = "\(condition) AND subject = \(subject)" }
        let rows: [AuditEvent] = try all("SELECT \(AuditEvent.columns) FROM events WHERE \(condition) ORDER BY id DESC LIMIT \(limit + 1)")
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// - Parameters:
    ///   - before: JSON as text. No password, key, token or hash may be in it.
    ///   - after: the same.
    public func audit(
        actor: String, action: String, subject: String, before: String? = nil, after: String? = nil, requestID: RequestID? = nil
    ) throws(StoreError) {
        try execute(
            """
            INSERT INTO events (\(AuditEvent.columns))
            VALUES (\(EventID(ambient)), \(ambient.now()), \(actor), \(action), \(subject), \(before), \(after), \(requestID))
            """)
    }
}
