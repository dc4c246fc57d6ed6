public import Domain

/// Which keys a list shows, and in what order. Nil means any.
public struct APIKeySearch: Sendable {
    public enum Order: String, Sendable, CaseIterable { case name, createdAt, lastUsedAt, expiresAt, status }
    /// A part of the name or of the shown characters, or a whole id.
    public var text: String?
    public var tag: String?
    public var isActive: Bool?
    public var isDeleted = false
    public var order = Order.createdAt
    public var isAscending = false
    public init() {}

    var condition: SQL {
        var condition: SQL = if isDeleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" }
        if let text {
            // What people type is text, not a pattern.
            let escaped = text.lowercased().replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
            let pattern = "%\(escaped)%"
            condition = """
                \(condition) AND (LOWER(name) LIKE \(pattern) ESCAPE '\\' OR LOWER(shown_prefix) LIKE \(pattern) ESCAPE '\\'
                    OR LOWER(shown_suffix) LIKE \(pattern) ESCAPE '\\' OR id = \(text))
                """
        }
        if let tag {
            condition = """
                \(condition) AND EXISTS (SELECT 1 FROM api_key_tags WHERE api_key_tags.api_key_id = api_keys.id AND api_key_tags.tag = \(tag))
                """
        }
        if let isActive { condition = "\(condition) AND status = \(isActive ? APIKeyStatus.active : .disabled)" }
        return condition
    }

    var ordering: SQL {
        switch (order, isAscending) {
        case (.name, true): "LOWER(name), id"
        case (.name, false): "LOWER(name) DESC, id DESC"
        case (.createdAt, true): "created_at, id"
        case (.createdAt, false): "created_at DESC, id DESC"
        case (.lastUsedAt, true): "COALESCE(last_used_at, 0), id"
        case (.lastUsedAt, false): "COALESCE(last_used_at, 0) DESC, id DESC"
        case (.expiresAt, true): "COALESCE(expires_at, 0), id"
        case (.expiresAt, false): "COALESCE(expires_at, 0) DESC, id DESC"
        case (.status, true): "status, id"
        case (.status, false): "status DESC, id DESC"
        }
    }
}

/// What operators wrote down about a key.
public struct APIKeyNote: Sendable, Equatable {
    public var description = ""
    /// Sorted.
    public var tags: [String] = []
    public init() {}
}

extension Reader {
    /// One page of the keys that are searched for, and how many there are in all.
    public func apiKeys(_ search: APIKeySearch, offset: Int, limit: Int) throws(StoreError) -> (items: [APIKey], total: Int64) {
        let rows: [APIKey] = try all(
            """
            SELECT \(APIKey.columns) FROM api_keys WHERE \(search.condition) ORDER BY \(search.ordering)
            LIMIT \(PageLimits.clamp(limit)) OFFSET \(max(0, offset))
            """)
        return (rows, try value("count", "SELECT COUNT(*) AS count FROM api_keys WHERE \(search.condition)") ?? 0)
    }

    /// The notes of these keys, at most 1000 of them; keys without any are not in it.
    public func apiKeyNotes(_ ids: [APIKeyID]) throws(StoreError) -> [APIKeyID: APIKeyNote] {
        guard !ids.isEmpty else { return [:] }
        var list: SQL = ""
        for (index, id) in ids.prefix(PageLimits.items).enumerated() { list = index == 0 ? "\(id)" : "\(list), \(id)" }
        var notes: [APIKeyID: APIKeyNote] = [:]
        for row in try rows("SELECT api_key_id, description FROM api_key_notes WHERE api_key_id IN (\(list))") {
            notes[try row["api_key_id"], default: APIKeyNote()].description = try row["description"]
        }
        for row in try rows("SELECT api_key_id, tag FROM api_key_tags WHERE api_key_id IN (\(list)) ORDER BY tag") {
            notes[try row["api_key_id"], default: APIKeyNote()].tags.append(try row["tag"])
        }
        return notes
    }

    /// Every tag of keys that are not deleted, sorted; at most 1000.
    public func apiKeyTags() throws(StoreError) -> [String] {
        var tags: [String] = []
        for row in try rows(
            """
            SELECT DISTINCT tag FROM api_key_tags WHERE api_key_id IN (SELECT id FROM api_keys WHERE deleted_at IS NULL)
            ORDER BY tag LIMIT \(PageLimits.items)
            """)
        { tags.append(try row["tag"]) }
        return tags
    }
}

extension Transaction {
    /// Replaces what is given; nil leaves it.
    public func note(_ id: APIKeyID, description: String?, tags: [String]?) throws(StoreError) {
        if let description {
            try execute(
                """
                INSERT INTO api_key_notes (api_key_id, description) VALUES (\(id), \(description))
                ON CONFLICT (api_key_id) DO UPDATE SET description = excluded.description
                """)
        }
        if let tags {
            try execute("DELETE FROM api_key_tags WHERE api_key_id = \(id)")
            for tag in Set(tags).sorted() { try execute("INSERT INTO api_key_tags (api_key_id, tag) VALUES (\(id), \(tag))") }
        }
    }

    /// Takes a soft deletion back. False when the key is unknown or not deleted.
    public func restoreAPIKey(_ id: APIKeyID) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE api_keys SET deleted_at = NULL, version = \(try nextVersion(of: "api_keys"))
            WHERE id = \(id) AND deleted_at IS NOT NULL
            """) == 1
    }

    /// Removes a deleted key's row for good; history and ledger stay. False when it is unknown or not deleted.
    public func purgeAPIKey(_ id: APIKeyID) throws(StoreError) -> Bool {
        try execute("DELETE FROM api_keys WHERE id = \(id) AND deleted_at IS NOT NULL") == 1
    }
}
