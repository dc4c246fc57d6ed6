public import Domain

/// A message batch at one of our accounts, and the key it belongs to.
public struct MessageBatch: Sendable, Equatable, RowReadable {
    /// The upstream's name for it, as "msgbatch_…".
    public let id: String
    public let apiKeyID: APIKeyID
    /// The key's name at the time.
    public let keyName: String
    public let userID: UserID?
    public let accountID: AccountID
    public let createdAt: Timestamp
    /// Held back of the key's budgets until the results are booked.
    public let reservedTokens: Int64
    public let reservedMicroUSD: Int64
    /// What the upstream said last: a JSON object as text.
    public let state: String
    public let bookedAt: Timestamp?

    public init(
        id: String, apiKeyID: APIKeyID, keyName: String, userID: UserID?, accountID: AccountID, createdAt: Timestamp,
        reservedTokens: Int64, reservedMicroUSD: Int64, state: String
    ) {
        (self.id, self.apiKeyID, self.keyName, self.userID) = (id, apiKeyID, keyName, userID)
        (self.accountID, self.createdAt, self.state) = (accountID, createdAt, state)
        (self.reservedTokens, self.reservedMicroUSD) = (reservedTokens, reservedMicroUSD)
        bookedAt = nil
    }

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        apiKeyID = try row["api_key_id"]
        keyName = try row["key_name"]
        userID = try row["user_id"]
        accountID = try row["account_id"]
        createdAt = try row["created_at"]
        reservedTokens = try row["reserved_tokens"]
        reservedMicroUSD = try row["reserved_micro_usd"]
        state = try row["state"]
        bookedAt = try row["booked_at"]
    }

    static let columns: SQL = """
        id, api_key_id, key_name, user_id, account_id, created_at, reserved_tokens, reserved_micro_usd, state, booked_at
        """
}

extension Reader {
    /// Nil when it is unknown, deleted, or another key's.
    public func batch(_ id: String, apiKeyID: APIKeyID) throws(StoreError) -> MessageBatch? {
        try first(
            "SELECT \(MessageBatch.columns) FROM batches WHERE id = \(id) AND api_key_id = \(apiKeyID) AND deleted_at IS NULL")
    }

    /// A key's batches, newest first.
    /// - Parameters:
    ///   - after: only those behind this one in that order.
    ///   - before: only those in front of this one, the nearest ones.
    public func batches(apiKeyID: APIKeyID, after: String?, before: String?, limit: Int) throws(StoreError) -> Page<MessageBatch> {
        let limit = PageLimits.clamp(limit)
        if let before {
            let rows: [MessageBatch] = try all(
                """
                SELECT \(MessageBatch.columns) FROM batches WHERE api_key_id = \(apiKeyID) AND deleted_at IS NULL
                AND (created_at, id) > (SELECT created_at, id FROM batches WHERE id = \(before))
                ORDER BY created_at, id LIMIT \(limit + 1)
                """)
            return Page(items: rows.prefix(limit).reversed(), hasMore: rows.count > limit)
        }
        let older: SQL = if let after { "AND (created_at, id) < (SELECT created_at, id FROM batches WHERE id = \(after))" } else { "" }
        let rows: [MessageBatch] = try all(
            """
            SELECT \(MessageBatch.columns) FROM batches WHERE api_key_id = \(apiKeyID) AND deleted_at IS NULL \(older)
            ORDER BY created_at DESC, id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }

    /// Batches whose results are not booked and that are due for a look, the longest due first; deleted ones too, as they cost.
    public func batchesToLookAt(limit: Int) throws(StoreError) -> [MessageBatch] {
        try all(
            """
            SELECT \(MessageBatch.columns) FROM batches WHERE booked_at IS NULL AND next_look_at <= \(ambient.now())
            ORDER BY next_look_at, id LIMIT \(PageLimits.clamp(limit))
            """)
    }

    /// Batches made since then whose results are not booked: what their keys have held back. At most 1000.
    public func openBatches(since: Timestamp) throws(StoreError) -> [MessageBatch] {
        try all(
            """
            SELECT \(MessageBatch.columns) FROM batches WHERE booked_at IS NULL AND created_at >= \(since)
            ORDER BY created_at, id LIMIT \(PageLimits.items)
            """)
    }
}

extension Transaction {
    /// A batch that is there already stays as it is: whose it was first, it stays.
    public func createBatch(_ batch: MessageBatch, nextLookAt: Timestamp) throws(StoreError) {
        try execute(
            """
            INSERT INTO batches (id, api_key_id, key_name, user_id, account_id, created_at, reserved_tokens, reserved_micro_usd, state,
                next_look_at)
            VALUES (\(batch.id), \(batch.apiKeyID), \(batch.keyName), \(batch.userID), \(batch.accountID), \(batch.createdAt),
                \(batch.reservedTokens), \(batch.reservedMicroUSD), \(batch.state), \(nextLookAt))
            ON CONFLICT (id) DO NOTHING
            """)
    }

    /// What the upstream said now, and when to ask again (nil: as before).
    public func updateBatch(_ id: String, state: String?, nextLookAt: Timestamp?) throws(StoreError) {
        try execute(
            "UPDATE batches SET state = COALESCE(\(state), state), next_look_at = COALESCE(\(nextLookAt), next_look_at) WHERE id = \(id)")
    }

    /// Marks its results as booked. False when they were before.
    public func markBatchBooked(_ id: String) throws(StoreError) -> Bool {
        try execute("UPDATE batches SET booked_at = \(ambient.now()) WHERE id = \(id) AND booked_at IS NULL") == 1
    }

    /// The key no longer sees it; the row stays until it is booked and as a trace of it.
    public func deleteBatch(_ id: String) throws(StoreError) {
        try execute("UPDATE batches SET deleted_at = \(ambient.now()) WHERE id = \(id) AND deleted_at IS NULL")
    }
}
