public import Domain

/// What a provider told us, once.
public struct InboxEvent: Sendable, Equatable, RowReadable {
    public let source: String
    public let eventID: String
    public let paymentID: PaymentID?
    /// As "completed".
    public let kind: String
    /// What we did with it, as "granted", "mismatch", "unknown_payment".
    public let outcome: String
    public let receivedAt: Timestamp
    init(row: Row) throws(StoreError) {
        source = try row["source"]
        eventID = try row["event_id"]
        paymentID = try row["payment_id"]
        kind = try row["kind"]
        outcome = try row["outcome"]
        receivedAt = try row["received_at"]
    }
}

extension Reader {
    public func inboxEvent(source: String, eventID: String) throws(StoreError) -> InboxEvent? {
        try first(
            """
            SELECT source, event_id, payment_id, kind, outcome, received_at FROM inbox WHERE source = \(source) AND event_id = \(eventID)
            """)
    }
    /// Newest first.
    /// - Parameters:
    ///   - outcome: nil lists all.
    ///   - before: the last one of the page before.
    public func inboxEvents(
        outcome: String? = nil, before: (at: Timestamp, source: String, eventID: String)? = nil, limit: Int
    ) throws(StoreError) -> Page<InboxEvent> {
        let limit = PageLimits.clamp(limit)
        let older: SQL =
            if let before { "AND (received_at, source, event_id) < (\(before.at), \(before.source), \(before.eventID))" } else { "" }
        let rows: [InboxEvent] = try all(
            """
            SELECT source, event_id, payment_id, kind, outcome, received_at FROM inbox
            WHERE outcome = COALESCE(\(outcome), outcome) \(older) ORDER BY received_at DESC, source DESC, event_id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// Keeps the event with what became of it; a later try at the same event replaces the outcome.
    public func recordInbox(
        source: String, eventID: String, payment: PaymentID?, kind: String, outcome: String, bodyDigest: [UInt8]
    ) throws(StoreError) {
        try execute(
            """
            INSERT INTO inbox (source, event_id, payment_id, kind, outcome, body_digest, received_at)
            VALUES (\(source), \(eventID), \(payment), \(kind), \(outcome), \(bodyDigest), \(ambient.now()))
            ON CONFLICT (source, event_id) DO UPDATE
            SET payment_id = excluded.payment_id, kind = excluded.kind, outcome = excluded.outcome, body_digest = excluded.body_digest
            """)
    }
    /// From before `before`, at most `limit`. How many went.
    public func deleteInbox(receivedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM inbox WHERE (source, event_id) IN
                (SELECT source, event_id FROM inbox WHERE received_at < \(before) ORDER BY received_at LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
