internal import Domain

extension Store {
    /// Brings the schema up to date, each migration in a transaction of its own under a lock that only one process holds.
    /// - Returns: the names of those that ran, as in "m0001_foundation"; empty when it was up to date.
    /// - Throws: `.newerSchema`, `.changedMigration`; then nothing was changed.
    public func migrate() async throws(StoreError) -> [String] { try await migrate(Migration.all) }

    /// The names of migrations that have not run; changes nothing (`gatehouse migrate --check`).
    public func pendingMigrations() async throws(StoreError) -> [String] { try await pendingMigrations(Migration.all) }

    /// The version of the last migration that ran; 0 for an empty database.
    public func schemaVersion() async throws(StoreError) -> Int {
        try await read { reader throws(StoreError) in try reader.appliedMigrations().last?.version ?? 0 }
    }

    func migrate(_ migrations: [Migration]) async throws(StoreError) -> [String] {
        var ran: [String] = []
        // One transaction each: what was applied is looked up again under the lock (SQLite's write lock, an advisory lock of PostgreSQL),
        // so two processes never run the same one.
        while true {
            let name = try await database.transaction(for: .migrate, within: StoreLimits.migrationMilliseconds) {
                transaction throws(StoreError) -> String? in
                guard let next = try transaction.pending(migrations).first else { return nil }
                try transaction.apply(next)
                return next.name
            }
            guard let name else { return ran }
            ran.append(name)
        }
    }

    func pendingMigrations(_ migrations: [Migration]) async throws(StoreError) -> [String] {
        try await read { reader throws(StoreError) in try reader.pending(migrations).map(\.name) }
    }
}

struct AppliedMigration: RowReadable, Equatable {
    let version: Int
    let checksum: String

    init(row: Row) throws(StoreError) {
        version = try row["version"]
        checksum = try row["checksum"]
    }
}

extension Reader {
    func appliedMigrations() throws(StoreError) -> [AppliedMigration] {
        let table: [Row] =
            switch connection.dialect {
            case .sqlite: try rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'")
            case .postgres:
                try rows("SELECT tablename FROM pg_tables WHERE tablename = 'schema_migrations' AND schemaname = current_schema()")
            }
        guard !table.isEmpty else { return [] }
        return try all("SELECT version, checksum FROM schema_migrations ORDER BY version")
    }

    /// Those of `migrations` that have not run.
    func pending(_ migrations: [Migration]) throws(StoreError) -> [Migration] {
        let applied = try appliedMigrations()
        let known = migrations.last?.version ?? 0
        if let last = applied.last, last.version > known { throw .newerSchema(found: last.version, known: known) }
        for one in applied {
            guard migrations.first(where: { $0.version == one.version })?.checksum == one.checksum else {
                throw .changedMigration(version: one.version)
            }
        }
        return migrations.filter { migration in !applied.contains { $0.version == migration.version } }
    }
}

extension Transaction {
    fileprivate func apply(_ migration: Migration) throws(StoreError) {
        try execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version BIGINT NOT NULL CONSTRAINT schema_migrations_version_unique PRIMARY KEY,
                name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL
            )
            """)
        try connection.script(migration.script(for: connection.dialect))
        try execute(
            """
            INSERT INTO schema_migrations (version, name, checksum, applied_at)
            VALUES (\(migration.version), \(migration.name), \(migration.checksum), \(ambient.now()))
            """)
    }
}
