/// Written limits of the store's queues and waits.
enum StoreLimits {
    /// Transactions waiting for the writer or for a PostgreSQL connection; one more is `.busy`. Ten full commits.
    static let waitingTransactions = 1000
    /// Reads waiting for a reader.
    static let waitingReads = 1000
    /// How long a health check may take.
    static let healthMilliseconds: Int64 = 2000
    /// How long a health check's write counts for those after it.
    static let healthWriteMilliseconds: Int64 = 5000
    /// How long a migration may take; one that needs longer is a job, not a migration.
    static let migrationMilliseconds: Int64 = 600_000
}
