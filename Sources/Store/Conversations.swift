public import Domain

/// A conversation of the simple chat interface. Its texts are sealed by the caller.
public struct Conversation: Sendable, Equatable, RowReadable {
    /// As "c_…".
    public let id: String
    public let apiKeyID: APIKeyID
    /// Of the last turn.
    public let model: String
    /// Questions answered so far.
    public let turns: Int64
    /// System text and turns, sealed for this row.
    public let content: [UInt8]
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
    public let expiresAt: Timestamp

    public init(
        id: String, apiKeyID: APIKeyID, model: String, turns: Int64, content: [UInt8], createdAt: Timestamp, updatedAt: Timestamp,
        expiresAt: Timestamp
    ) {
        (self.id, self.apiKeyID, self.model, self.turns, self.content) = (id, apiKeyID, model, turns, content)
        (self.createdAt, self.updatedAt, self.expiresAt) = (createdAt, updatedAt, expiresAt)
    }

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        apiKeyID = try row["api_key_id"]
        model = try row["model"]
        turns = try row["turns"]
        content = try row["content_sealed"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
        expiresAt = try row["expires_at"]
    }

    static let columns: SQL = "id, api_key_id, model, turns, content_sealed, created_at, updated_at, expires_at"
}

extension Reader {
    /// Nil when it is unknown, over, or another key's.
    public func conversation(_ id: String, apiKeyID: APIKeyID) throws(StoreError) -> Conversation? {
        try first(
            """
            SELECT \(Conversation.columns) FROM conversations
            WHERE id = \(id) AND api_key_id = \(apiKeyID) AND expires_at > \(ambient.now())
            """)
    }

    /// A key's conversations, the last used first.
    /// - Parameter after: only those behind this one in that order.
    public func conversations(apiKeyID: APIKeyID, after: String?, limit: Int) throws(StoreError) -> Page<Conversation> {
        let limit = PageLimits.clamp(limit)
        let older: SQL =
            if let after {
                "AND (updated_at, id) < (SELECT updated_at, id FROM conversations WHERE id = \(after) AND api_key_id = \(apiKeyID))"
            } else { "" }
        let rows: [Conversation] = try all(
            """
            SELECT \(Conversation.columns) FROM conversations WHERE api_key_id = \(apiKeyID) AND expires_at > \(ambient.now()) \(older)
            ORDER BY updated_at DESC, id DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// Makes it, or replaces content, model, turns and end of the one that is there and is the same key's.
    /// - Parameter isNew: false leaves one that has been deleted meanwhile deleted.
    public func keepConversation(_ conversation: Conversation, isNew: Bool) throws(StoreError) {
        if isNew {
            try execute(
                """
                INSERT INTO conversations (\(Conversation.columns))
                VALUES (\(conversation.id), \(conversation.apiKeyID), \(conversation.model), \(conversation.turns), \(conversation.content),
                    \(conversation.createdAt), \(conversation.updatedAt), \(conversation.expiresAt))
                """)
        } else {
            try execute(
                """
                UPDATE conversations SET model = \(conversation.model), turns = \(conversation.turns),
                    content_sealed = \(conversation.content), updated_at = \(conversation.updatedAt), expires_at = \(conversation.expiresAt)
                WHERE id = \(conversation.id) AND api_key_id = \(conversation.apiKeyID)
                """)
        }
    }

    /// False when it is unknown, over, or another key's.
    public func deleteConversation(_ id: String, apiKeyID: APIKeyID) throws(StoreError) -> Bool {
        try execute(
            "DELETE FROM conversations WHERE id = \(id) AND api_key_id = \(apiKeyID) AND expires_at > \(ambient.now())") == 1
    }

    /// Deletes conversations that are over, at most `limit` a call. How many went.
    public func deleteConversations(endedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM conversations WHERE id IN
                (SELECT id FROM conversations WHERE expires_at < \(before) ORDER BY expires_at LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
