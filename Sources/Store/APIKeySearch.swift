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
            let pattern = Self.pattern(text.lowercased())
            condition = """
                \(condition) AND (LOWER(name) LIKE \(pattern) ESCAPE '\\' OR LOWER(shown_prefix) LIKE \(pattern) ESCAPE '\\'
                    OR LOWER(shown_suffix) LIKE \(pattern) ESCAPE '\\' OR id = \(text))
                """
        }
        // Tags are kept as a JSON array, so the quotes tell whole words.
        if let tag { condition = "\(condition) AND tags LIKE \(Self.pattern(JSON.string(tag).text)) ESCAPE '\\'" }
        if let isActive { condition = "\(condition) AND status = \(isActive ? APIKeyStatus.active : .disabled)" }
        return condition
    }

    /// What people type is text, not a pattern.
    private static func pattern(_ text: String) -> String {
        "%" + text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_") + "%"
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

    /// Every tag of keys that are not deleted, sorted; of at most 1000 different sets of tags.
    public func apiKeyTags() throws(StoreError) -> [String] {
        var tags: Set<String> = []
        for row in try rows("SELECT DISTINCT tags FROM api_keys WHERE deleted_at IS NULL LIMIT \(PageLimits.items)") {
            let document: String = try row["tags"]
            for tag in (try? JSON(parsing: document))?.array ?? [] { if let text = tag.string { tags.insert(text) } }
        }
        return tags.sorted()
    }
}

extension Transaction {
    /// Removes a deleted key's row for good; history and ledger stay. False when it is unknown or not deleted.
    public func purgeAPIKey(_ id: APIKeyID) throws(StoreError) -> Bool {
        guard try execute("DELETE FROM api_keys WHERE id = \(id) AND deleted_at IS NOT NULL") == 1 else { return false }
        // The row took the version of its deletion with it: this number tells whoever keeps keys in memory.
        try execute(
            """
            INSERT INTO change_counters (name, value) VALUES ('api_key_purges', 1)
            ON CONFLICT (name) DO UPDATE SET value = change_counters.value + 1
            """)
        return true
    }
}
