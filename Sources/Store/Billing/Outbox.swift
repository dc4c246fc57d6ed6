public import Domain

/// Something we promised to tell others.
public struct OutboxEvent: Sendable, Equatable, RowReadable {
    /// Also the `webhook-id`: it stays the same over all tries.
    public let id: EventID
    /// As "payment.completed".
    public let kind: String
    /// The id of what it is about.
    public let subject: String
    public let body: JSON
    public let state: PromiseState
    /// Tries so far.
    public let attempts: Int64
    public let nextAt: Timestamp
    public let failure: String?
    /// Names of the places that have it.
    public let told: [String]
    public let createdAt: Timestamp
    init(row: Row) throws(StoreError) {
        id = try row["id"]
        kind = try row["kind"]
        subject = try row["subject"]
        body = try row["body"]
        state = try row["state"]
        attempts = try row["attempts"]
        nextAt = try row["next_at"]
        failure = try row["failure"]
        let told: JSON = try row["told"]
        self.told = (told.array ?? []).compactMap(\.string)
        createdAt = try row["created_at"]
    }
    static let columns: SQL = "id, kind, subject, body, state, attempts, next_at, failure, told, created_at"
}

extension Reader {
    /// Newest first.
    public func outbox(state: PromiseState? = nil, before: EventID? = nil, limit: Int) throws(StoreError) -> Page<OutboxEvent> {
        let limit = PageLimits.clamp(limit)
        let older: SQL = if let before { "AND id < \(before)" } else { "" }
        let rows: [OutboxEvent] = try all(
            """
            SELECT \(OutboxEvent.columns) FROM outbox WHERE state = COALESCE(\(state), state) \(older) ORDER BY id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
}

/// What was told last of a subject.
public struct AlertWord: Sendable, Equatable, RowReadable {
    public let subject: String
    public let word: String
    public let toldAt: Timestamp
    init(row: Row) throws(StoreError) {
        subject = try row["subject"]
        word = try row["word"]
        toldAt = try row["told_at"]
    }
}

extension Reader {
    /// By subject, behind one; at most `PageLimits` allows.
    public func alertWords(after subject: String = "", limit: Int) throws(StoreError) -> [AlertWord] {
        try all(
            """
            SELECT subject, word, told_at FROM alert_words WHERE subject > \(subject) ORDER BY subject LIMIT \(PageLimits.clamp(limit))
            """)
    }

    /// Whether a word about the subject was told and has not ended.
    public func isAlerted(_ subject: String) throws(StoreError) -> Bool {
        try !rows("SELECT subject FROM alert_words WHERE subject = \(subject)").isEmpty
    }

    /// What was promised last about things whose kind begins so, newest first; at most `PageLimits` allows.
    public func promised(_ prefix: String, limit: Int) throws(StoreError) -> [OutboxEvent] {
        // No range: where texts sort as in a language, "relay.x" does not stand between "relay." and "relay.~".
        try all(
            """
            SELECT \(OutboxEvent.columns) FROM outbox WHERE SUBSTR(kind, 1, LENGTH(\(prefix))) = \(prefix) ORDER BY id DESC
            LIMIT \(PageLimits.clamp(limit))
            """)
    }
}

extension Transaction {
    /// Writes a row that says nothing, and fails as any write would. A statement that changes nothing would not do: SQLite runs it on a
    /// file that cannot be written.
    public func tryWriting() throws(StoreError) {
        try execute(
            """
            INSERT INTO alert_words (subject, word, told_at) VALUES ('', '', \(ambient.now()))
            ON CONFLICT (subject) DO UPDATE SET told_at = EXCLUDED.told_at
            """)
    }

    /// Promises to tell others; delivery follows after the commit.
    public func promise(_ kind: String, subject: String, body: JSON) throws(StoreError) {
        let (id, now) = (EventID(ambient), ambient.now())
        try execute(
            """
            INSERT INTO outbox (id, kind, subject, body, state, attempts, next_at, created_at)
            VALUES (\(id), \(kind), \(subject), \(body), \(PromiseState.waiting), 0, \(now), \(now))
            """)
    }

    /// Takes the right to tell a subject's new word; of several servers that see the same, one gets it.
    /// - Parameter pauseSeconds: the same word is not told again within it.
    public func claimAlert(_ subject: String, word: String, pauseSeconds: Int64) throws(StoreError) -> Bool {
        let now = ambient.now()
        return try execute(
            """
            INSERT INTO alert_words (subject, word, told_at) VALUES (\(subject), \(word), \(now))
            ON CONFLICT (subject) DO UPDATE SET word = EXCLUDED.word, told_at = EXCLUDED.told_at
            WHERE alert_words.word <> EXCLUDED.word OR alert_words.told_at <= \(now.adding(seconds: -pauseSeconds))
            """) == 1
    }

    /// Ends what `claimAlert` has told; of several servers one does. False when there is nothing to end.
    public func endAlert(_ subject: String) throws(StoreError) -> Bool {
        try execute("DELETE FROM alert_words WHERE subject = \(subject)") == 1
    }

    /// Takes due events for a while; whoever stops before telling the outcome loses them to the next.
    public func leaseOutbox(leaseMilliseconds: Int64, limit: Int) throws(StoreError) -> [OutboxEvent] {
        try lease(.outbox, OutboxEvent.columns, leaseMilliseconds: leaseMilliseconds, limit: limit)
    }

    /// - Parameter told: everybody who has it.
    public func outboxSent(_ id: EventID, told: [String] = []) throws(StoreError) {
        try kept(id, in: .outbox, besides: Self.told(told))
    }

    /// - Parameters:
    ///   - told: those who have it all the same.
    ///   - next: nil gives up.
    public func outboxFailed(_ id: EventID, _ failure: String, told: [String] = [], next: Timestamp?) throws(StoreError) {
        try failed(id, in: .outbox, failure, next: next, besides: Self.told(told))
    }
    private static func told(_ names: [String]) -> SQL { ", told = \(JSON.array(names.map(JSON.string)))" }

    /// Has one tried again from the beginning, now. One that was sent goes to everybody anew, others to those who do not have it.
    /// - Returns: as it is then; nil when there is no such.
    public func replayOutbox(_ id: EventID) throws(StoreError) -> OutboxEvent? {
        try first(
            """
            UPDATE outbox SET told = CASE WHEN state = \(PromiseState.sent) THEN '[]' ELSE told END, state = \(PromiseState.waiting),
                attempts = 0, next_at = \(ambient.now()), finished_at = NULL
            WHERE id = \(id) RETURNING \(OutboxEvent.columns)
            """)
    }

    /// Sent ones from before `before`, at most `limit`. How many went.
    public func deleteOutbox(finishedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM outbox WHERE id IN
                (SELECT id FROM outbox WHERE finished_at IS NOT NULL AND finished_at < \(before) LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
