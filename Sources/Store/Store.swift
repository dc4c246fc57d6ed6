public import Domain
private import Synchronization

/// The database: SQLite or PostgreSQL behind one face. Closures run on the database's own threads, never on the caller's, and are not
/// `async`, so that nothing can wait for the network while a transaction is open.
public struct Store: Sendable {
    let database: any Database
    public let ambient: Ambient
    public let location: DatabaseLocation
    public var dialect: Dialect { database.dialect }
    private let lastWrite = LastWrite()

    init(database: any Database, ambient: Ambient, location: DatabaseLocation) {
        (self.database, self.ambient, self.location) = (database, ambient, location)
    }

    /// Runs `body` in a transaction of its own. When it throws, everything is rolled back.
    /// - Throws: what `body` throws, `.busy` when the queue is full, and whatever the commit meets.
    @discardableResult
    public func transaction<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws(StoreError)
        -> Value
    {
        try await database.transaction(for: .write, within: nil, body)
    }

    /// The same for what books money. All sales touch the row that invoices are numbered from, so that as one moment each most of them
    /// would only be rolled back: on PostgreSQL every statement sees what others have committed before it. Rows that a decision rests on are
    /// therefore read for change, and what spans rows (a person's money, free addresses) takes a `Turn`.
    public func sale<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws(StoreError)
        -> Value
    {
        try await database.transaction(for: .sell, within: nil, body)
    }

    /// Runs `body` against one consistent moment of the database, without stopping writers.
    public func read<Value: Sendable>(_ body: @escaping @Sendable (Reader) throws(StoreError) -> Value) async throws(StoreError) -> Value {
        try await database.read(within: nil, body)
    }

    /// Whether the database answers and takes writes, for health checks; bounded by `StoreLimits.healthMilliseconds`. A write that went well
    /// is good for `StoreLimits.healthWriteMilliseconds`, however often somebody asks.
    public func health() async throws(StoreError) {
        let now = ambient.uptimeNanoseconds()
        let writes = lastWrite.isDue(now)
        try await database.transaction(for: .write, within: StoreLimits.healthMilliseconds) { transaction throws(StoreError) in
            if writes { try transaction.tryWriting() } else { _ = try transaction.rows("SELECT name FROM change_counters LIMIT 1") }
        }
        if writes { lastWrite.wentWell(now) }
    }

    /// For how long the oldest connection of this program to a PostgreSQL database is open, ours included; nil on SQLite.
    public func oldestConnectionMilliseconds() async throws(StoreError) -> Int64? {
        guard dialect == .postgres else { return nil }
        return try await read { reader throws(StoreError) in
            try reader.value(
                "age",
                """
                SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp() - MIN(backend_start)) * 1000 AS BIGINT) AS age FROM pg_stat_activity
                WHERE datname = current_database() AND usename = current_user AND application_name = current_setting('application_name')
                """)
        }
    }

    /// Closures that wait for the writer or a connection, and for a reader; the limits are 1000 each. For metrics and health.
    public var waiting: (transactions: Int, reads: Int) { database.waiting }

    /// Waits for what is under way, refuses anything new and closes every connection. Commands and tests end with it.
    public func close() async { await database.close() }
}

/// When a health check last wrote.
private final class LastWrite: Sendable {
    private let atNanoseconds = Mutex<UInt64?>(nil)

    func isDue(_ now: UInt64) -> Bool {
        guard let last = atNanoseconds.withLock({ $0 }) else { return true }
        return now &- last >= UInt64(StoreLimits.healthWriteMilliseconds) * 1_000_000
    }
    func wentWell(_ now: UInt64) { atNanoseconds.withLock { $0 = now } }
}

/// What both databases offer; the two implementations are `SQLiteDatabase` and `PostgresDatabase`.
protocol Database: Sendable {
    var dialect: Dialect { get }
    var waiting: (transactions: Int, reads: Int) { get }
    /// - Parameter milliseconds: nil takes the options' deadline.
    func transaction<Value: Sendable>(
        for purpose: Purpose, within milliseconds: Int64?, _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value
    func read<Value: Sendable>(
        within milliseconds: Int64?, _ body: @escaping @Sendable (Reader) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value
    func close() async
}
