public import Domain

/// A row of the price list and where it came from.
public struct StoredPrice: Sendable, Equatable, RowReadable {
    public let row: PriceRow
    /// Rises with every row; of rows for the same model, time and size the last one counts.
    public let version: Int64
    /// As in "starting", "import" or "operator".
    public let source: String
    public let createdAt: Timestamp

    init(row: Row) throws(StoreError) {
        self.row = PriceRow(
            model: try row["model"], effectiveFrom: try row["effective_from"], promptOver: try row["prompt_over"], input: try row["input"],
            output: try row["output"], cacheWrite5m: try row["cache_write_5m"], cacheWrite1h: try row["cache_write_1h"],
            cacheRead: try row["cache_read"])
        version = try row["version"]
        source = try row["source"]
        createdAt = try row["created_at"]
    }

    static let columns: SQL = """
        version, model, effective_from, prompt_over, input, output, cache_write_5m, cache_write_1h, cache_read, source, created_at
        """
}

extension Reader {
    /// Rows added after `version`, in the order they were added, at most 1000: read on from the last one's version until none comes.
    public func prices(since version: Int64) throws(StoreError) -> [StoredPrice] {
        try all("SELECT \(StoredPrice.columns) FROM prices WHERE version > \(version) ORDER BY version LIMIT \(PageLimits.items)")
    }
}

extension Transaction {
    /// Adds rows; none is ever changed.
    /// - Returns: how many were new: a row equal to the one that counts already is left out, so an import may be repeated.
    public func addPrices(_ rows: [PriceRow], source: String) throws(StoreError) -> Int {
        var added = 0
        for row in rows {
            let known: StoredPrice? = try first(
                """
                SELECT \(StoredPrice.columns) FROM prices WHERE model = \(row.model) AND effective_from = \(row.effectiveFrom)
                    AND prompt_over = \(row.promptOver) ORDER BY version DESC LIMIT 1
                """)
            guard known?.row != row else { continue }
            try execute(
                """
                INSERT INTO prices (\(StoredPrice.columns)) VALUES (\(try nextVersion(of: "prices")), \(row.model), \(row.effectiveFrom),
                    \(row.promptOver), \(row.input), \(row.output), \(row.cacheWrite5m), \(row.cacheWrite1h), \(row.cacheRead),
                    \(source), \(ambient.now()))
                """)
            added += 1
        }
        return added
    }
}
