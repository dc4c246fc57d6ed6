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
    /// Connects; makes the SQLite file and its folder when they are missing. Changes no schema: call `migrate()` next.
    public static func open(
        _ location: DatabaseLocation, ambient: Ambient, options: StoreOptions = StoreOptions()
    ) async throws(StoreError) -> Store {
        let database: any Database
        switch location {
        case .sqliteFile(let path):
            try Files.makePrivateFile(path)
            database = SQLiteDatabase(path: path, ambient: ambient, options: options)
        case .sqliteMemory: database = SQLiteDatabase(path: ":memory:", ambient: ambient, options: options)
        case .postgres(let address): database = PostgresDatabase(address, ambient: ambient, options: options)
        }
        let store = Store(database: database, ambient: ambient, location: location)
        do throws(StoreError) {
            // The first connection is made now, so that a wrong address or a damaged file shows at the start.
            try await database.transaction(within: nil) { transaction throws(StoreError) in _ = try transaction.rows("SELECT 1 AS one") }
        } catch {
            await database.close()
            throw error
        }
        return store
    }

    /// Writes a consistent copy to a new file while others read and write. The file appears under its name only when it is complete and
    /// has been checked; an existing one is not overwritten.
    public func backup(to path: String) async throws(StoreError) -> BackupManifest { throw .unavailable(path) }

    /// Checks a backup and only then puts it in the place of the database, which no process may be using. What was there is kept beside it.
    /// - Parameter replace: false refuses when the database already holds data.
    /// - Returns: the manifest, and where the former database is kept (nil when there was none).
    public static func restore(
        from path: String, to location: DatabaseLocation, ambient: Ambient, replace: Bool
    ) async throws(StoreError) -> (manifest: BackupManifest, former: String?) { throw .unavailable(path) }

    /// Reads a backup and checks its checksum without touching any database.
    public static func verifyBackup(at path: String) async throws(StoreError) -> BackupManifest { throw .unavailable(path) }
}

/// What a backup file says about itself, in its first 4096 bytes.
public struct BackupManifest: Sendable, Equatable {
    public let dialect: Dialect
    public let schemaVersion: Int
    public let madeAt: Timestamp
    /// Of the copy that follows.
    public let bytes: Int64
    /// SHA-256 of it, lowercase hex.
    public let checksum: String
    /// Rows per table at the moment of the copy.
    public let rows: [String: Int64]
}
