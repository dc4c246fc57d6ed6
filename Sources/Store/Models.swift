public import Domain

public enum ModelLifecycle: String, Sendable, CaseIterable, SQLWord { case active, deprecated, retired }

/// What an operator has said of a model; nil: what its name tells.
public struct ModelEntry: Sendable, Equatable, RowReadable {
    public let id: String
    public var displayName: String?
    /// Tokens it reads at most.
    public var maxInputTokens: Int64?
    /// Tokens it writes at most.
    public var maxOutputTokens: Int64?
    public var lifecycle = ModelLifecycle.active
    public var deprecatedAt: Timestamp?
    public var retiresAt: Timestamp?
    /// Rises with every change of any model.
    public private(set) var version: Int64 = 0

    public init(id: String) { self.id = id }

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        displayName = try row["display_name"]
        maxInputTokens = try row["max_input_tokens"]
        maxOutputTokens = try row["max_output_tokens"]
        lifecycle = try row["lifecycle"]
        deprecatedAt = try row["deprecated_at"]
        retiresAt = try row["retires_at"]
        version = try row["version"]
    }

    static let columns: SQL =
        "id, display_name, max_input_tokens, max_output_tokens, lifecycle, deprecated_at, retires_at, version"
    /// There are never more rows.
    public static let maximum = 1000
}

extension Reader {
    /// Those changed after `version`, in the order of their changes, at most 1000.
    public func models(since version: Int64 = 0) throws(StoreError) -> [ModelEntry] {
        try all("SELECT \(ModelEntry.columns) FROM models WHERE version > \(version) ORDER BY version LIMIT \(ModelEntry.maximum)")
    }
    public func model(_ id: String) throws(StoreError) -> ModelEntry? {
        try first("SELECT \(ModelEntry.columns) FROM models WHERE id = \(id)")
    }
}

extension Transaction {
    /// Adds or replaces what is said of a model.
    /// - Throws: `.refused("too_many_models")`.
    public func setModel(_ entry: ModelEntry) throws(StoreError) {
        let isNew = try model(entry.id) == nil
        let count: Int64 = try value("n", "SELECT COUNT(*) AS n FROM models") ?? 0
        if isNew, count >= Int64(ModelEntry.maximum) { throw .refused("too_many_models") }
        try execute(
            """
            INSERT INTO models (\(ModelEntry.columns), updated_at)
            VALUES (\(entry.id), \(entry.displayName), \(entry.maxInputTokens), \(entry.maxOutputTokens), \(entry.lifecycle),
                \(entry.deprecatedAt), \(entry.retiresAt), \(try nextVersion(of: "models")), \(ambient.now()))
            ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, max_input_tokens = excluded.max_input_tokens,
                max_output_tokens = excluded.max_output_tokens, lifecycle = excluded.lifecycle, deprecated_at = excluded.deprecated_at,
                retires_at = excluded.retires_at, version = excluded.version, updated_at = excluded.updated_at
            """)
    }
}
