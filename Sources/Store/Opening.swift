public import Domain

/// How large and how patient the store is.
public struct StoreOptions: Sendable {
    /// PostgreSQL connections that are kept (`DB_POOL_SIZE`), 1 or more.
    public var poolSize = 5
    /// Further ones under load, closed when idle (`DB_MAX_OVERFLOW`), 0 or more.
    public var maxOverflow = 10
    /// SQLite reader threads.
    public var readers = 2
    /// The longest a transaction or a read may take, waiting in the queue included.
    public var deadlineMilliseconds: Int64 = 10_000
    public init() {}
}

extension Store {
    /// Connects; makes the SQLite file and its folder when they are missing, unless a log of that file is there. Changes no schema: call `migrate()` next.
    public static func open(
        _ location: DatabaseLocation, ambient: Ambient, options: StoreOptions = StoreOptions()
    ) async throws(StoreError) -> Store {
        let database: any Database
        switch location {
        case .sqliteFile(let path):
            // SQLite would throw the log of a lost file away, and with it what was committed last.
            if !Files.exists(path), Files.exists(path + "-wal") { throw .corrupt("\(path) is gone, and its log \(path)-wal is left") }
            try Files.makePrivateFile(path)
            database = SQLiteDatabase(path: path, ambient: ambient, options: options)
        case .sqliteMemory: database = SQLiteDatabase(path: ":memory:", ambient: ambient, options: options)
        case .postgres(let address): database = PostgresDatabase(address, ambient: ambient, options: options)
        }
        let store = Store(database: database, ambient: ambient, location: location)
        do throws(StoreError) {
            // The first connection is made now, so that a wrong address or a damaged file shows at the start.
            try await database.transaction(for: .write, within: nil) { transaction throws(StoreError) in
                _ = try transaction.rows("SELECT 1 AS one")
            }
        } catch {
            await database.close()
            throw error
        }
        return store
    }
}
