public import Domain

/// A message batch at one of our accounts, and the key it belongs to.
public struct MessageBatch: Sendable, Equatable, RowReadable {
    /// The upstream's name for it, as "msgbatch_…"; our own while it is being created.
    public var id: String
    public let apiKeyID: APIKeyID
    /// The key's name at the time.
    public let keyName: String
    public let userID: UserID?
    public var accountID: AccountID
    public let createdAt: Timestamp
    /// Held back of the key's budgets until the results are booked.
    public let reservedTokens: Int64
    public let reservedMicroUSD: Int64
    /// The part of it for models of the opus family.
    public let reservedOpusMicroUSD: Int64
    /// What the upstream said last: a JSON object as text.
    public var state: String
    public let bookedAt: Timestamp?
    /// The upstream is being asked for it; its key does not see it yet.
    public var isCreating: Bool

    public init(
        id: String, apiKeyID: APIKeyID, keyName: String, userID: UserID?, accountID: AccountID, createdAt: Timestamp,
        reservedTokens: Int64, reservedMicroUSD: Int64, reservedOpusMicroUSD: Int64 = 0, state: String, isCreating: Bool = false
    ) {
        (self.id, self.apiKeyID, self.keyName, self.userID) = (id, apiKeyID, keyName, userID)
        (self.accountID, self.createdAt, self.state) = (accountID, createdAt, state)
        (self.reservedTokens, self.reservedMicroUSD) = (reservedTokens, reservedMicroUSD)
        (self.reservedOpusMicroUSD, self.isCreating) = (reservedOpusMicroUSD, isCreating)
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
        reservedOpusMicroUSD = try row["reserved_opus_micro_usd"]
        state = try row["state"]
        bookedAt = try row["booked_at"]
        isCreating = try row["is_creating"]
    }

    static let columns: SQL = """
        id, api_key_id, key_name, user_id, account_id, created_at, reserved_tokens, reserved_micro_usd, reserved_opus_micro_usd, state,
        booked_at, is_creating
        """
}

extension Reader {
    /// Nil when it is unknown, deleted, not created yet, or another key's.
    public func batch(_ id: String, apiKeyID: APIKeyID) throws(StoreError) -> MessageBatch? {
        try first(
            """
            SELECT \(MessageBatch.columns) FROM batches
            WHERE id = \(id) AND api_key_id = \(apiKeyID) AND deleted_at IS NULL AND NOT is_creating
            """)
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
                AND NOT is_creating AND (created_at, id) > (SELECT created_at, id FROM batches WHERE id = \(before))
                ORDER BY created_at, id LIMIT \(limit + 1)
                """)
            return Page(items: rows.prefix(limit).reversed(), hasMore: rows.count > limit)
        }
        let older: SQL = if let after { "AND (created_at, id) < (SELECT created_at, id FROM batches WHERE id = \(after))" } else { "" }
        let rows: [MessageBatch] = try all(
            """
            SELECT \(MessageBatch.columns) FROM batches WHERE api_key_id = \(apiKeyID) AND deleted_at IS NULL
            AND NOT is_creating \(older)
            ORDER BY created_at DESC, id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }

    /// Batches whose results are not booked and that are due for a look, the longest due first; deleted ones too, as they cost. One that is
    /// still being created has waited for its name in vain.
    public func batchesToLookAt(limit: Int) throws(StoreError) -> [MessageBatch] {
        try all(
            """
            SELECT \(MessageBatch.columns) FROM batches WHERE booked_at IS NULL AND next_look_at <= \(ambient.now())
            ORDER BY next_look_at, id LIMIT \(PageLimits.clamp(limit))
            """)
    }

    /// Whether results of an account's batches are to be booked still; older ones than any batch takes never will be.
    func hasOpenBatches(_ account: AccountID) throws(StoreError) -> Bool {
        let since = ambient.now().adding(seconds: -LedgerPlace.longestSeconds)
        return try !rows("SELECT id FROM batches WHERE account_id = \(account) AND booked_at IS NULL AND created_at >= \(since) LIMIT 1")
            .isEmpty
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
            INSERT INTO batches (id, api_key_id, key_name, user_id, account_id, created_at, reserved_tokens, reserved_micro_usd,
                reserved_opus_micro_usd, state, is_creating, next_look_at)
            VALUES (\(batch.id), \(batch.apiKeyID), \(batch.keyName), \(batch.userID), \(batch.accountID), \(batch.createdAt),
                \(batch.reservedTokens), \(batch.reservedMicroUSD), \(batch.reservedOpusMicroUSD), \(batch.state), \(batch.isCreating),
                \(nextLookAt))
            ON CONFLICT (id) DO NOTHING
            """)
    }

    /// Before an account is asked for it, under a name of our own; again when the next account is asked.
    /// - Parameter until: when nobody is to wait for its name any longer.
    public func intendBatch(_ intent: MessageBatch, until: Timestamp) throws(StoreError) {
        try forgetBatch(intent.id)
        try createBatch(intent, nextLookAt: until)
    }

    /// No account has taken it.
    public func forgetBatch(_ intent: String) throws(StoreError) {
        try execute("DELETE FROM batches WHERE id = \(intent) AND is_creating")
    }

    /// An account has taken it, under the name that it has in `batch`. A batch of that name that is there already stays as it is. May be
    /// repeated.
    /// - Returns: false when it is another one, or booked by now.
    public func nameBatch(_ intent: String, as batch: MessageBatch, nextLookAt: Timestamp) throws(StoreError) -> Bool {
        try forgetBatch(intent)
        try createBatch(batch, nextLookAt: nextLookAt)
        let known: MessageBatch? = try first("SELECT \(MessageBatch.columns) FROM batches WHERE id = \(batch.id)")
        guard let known else { return false }
        return known.apiKeyID == batch.apiKeyID && known.createdAt == batch.createdAt && known.bookedAt == nil
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
