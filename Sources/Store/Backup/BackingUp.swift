private import Dispatch
public import Domain

extension Store {
    /// Writes a consistent copy to a new file while others read and write. The file appears under its name only when it is complete and
    /// has been checked; an existing one is not overwritten. Needs room for two copies while it works.
    /// - Throws: `.backup` for an existing file or a copy that does not hold what the database held, `.full`, `.unavailable`.
    public func backup(to path: String) async throws(StoreError) -> BackupManifest {
        if Files.exists(path) { throw .backup("\(path) exists already") }
        // A name that is nobody's: a file of the operator's is never in its way. It is made first, for this user alone.
        let copy = "\(path).\(Hex.text(ambient.randomBytes(8))).copy"
        _ = try BackupFile.make(copy)
        defer { for ending in ["", "-wal", "-shm", "-journal"] { Files.remove(copy + ending) } }
        let contents: DatabaseContents
        switch location {
        case .sqliteMemory: throw .backup("a database in memory cannot be backed up")
        case .sqliteFile(let source):
            let ambient = ambient
            contents = try await blocking { () throws(StoreError) in try SQLiteBackup.copy(source, to: copy, ambient: ambient) }
        case .postgres(let address):
            // Inside a read, so that the dump and the counts are of the same moment.
            contents = try await database.read(within: PostgresBackup.maximumMilliseconds) { reader throws(StoreError) in
                try PostgresBackup.dump(address, reader, to: copy)
            }
        }
        let (dialect, madeAt) = (dialect, ambient.now())
        return try await blocking { () throws(StoreError) in
            try BackupFile.assemble(copy: copy, to: path, dialect: dialect, contents: contents, madeAt: madeAt)
        }
    }

    /// Reads a backup and checks its checksum without touching any database.
    public static func verifyBackup(at path: String) async throws(StoreError) -> BackupManifest {
        try await blocking { () throws(StoreError) in try BackupFile.read(path) { _, _ in } }
    }

    /// Checks a backup and only then puts it in the place of the database, which no process may be using. It is restored beside the
    /// database, read again and compared with its manifest before anything is replaced; the former database is kept.
    /// - Parameter replace: false refuses when the database already holds data.
    /// - Returns: the manifest, where the former database is kept (nil when there was none), and statements for what it had beside its
    ///   contents and this user may not set.
    public static func restore(
        from path: String, to location: DatabaseLocation, ambient: Ambient, replace: Bool
    ) async throws(StoreError) -> (manifest: BackupManifest, former: String?, left: [String]) {
        switch location {
        case .sqliteMemory: throw .backup("a database in memory cannot be restored")
        case .sqliteFile(let target):
            return try await blocking { () throws(StoreError) in
                let restored = try SQLiteBackup.restore(from: path, to: target, ambient: ambient, replace: replace)
                return (restored.manifest, restored.former, [])
            }
        case .postgres(let address):
            return try await blocking { () throws(StoreError) in
                try PostgresBackup.restore(from: path, to: address, ambient: ambient, replace: replace)
            }
        }
    }

    /// What every restored copy must pass before it may replace anything.
    static func check(_ found: DatabaseContents, against manifest: BackupManifest) throws(StoreError) {
        guard found == manifest.contents else {
            let tables = Set(found.rows.keys).union(manifest.rows.keys).filter { found.rows[$0] != manifest.rows[$0] }.sorted()
            throw .backup(
                "the copy does not hold what its manifest says: \(tables.isEmpty ? "schema version" : tables.joined(separator: ", "))")
        }
    }

    static func checkVersion(_ manifest: BackupManifest, _ dialect: Dialect) throws(StoreError) {
        guard manifest.dialect == dialect else {
            throw .backup("the backup is of \(manifest.dialect.rawValue), the database is \(dialect.rawValue)")
        }
        let known = Migration.all.last?.version ?? 0
        if manifest.schemaVersion > known { throw .newerSchema(found: manifest.schemaVersion, known: known) }
    }
}

/// Runs long file work on a thread of its own, never on the caller's.
private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws(StoreError) -> Value) async throws(StoreError) -> Value {
    let result: Result<Value, StoreError> = await withCheckedContinuation { caller in
        DispatchQueue(label: "store files").async {
            do throws(StoreError) { caller.resume(returning: .success(try work())) } catch { caller.resume(returning: .failure(error)) }
        }
    }
    return try result.get()
}
