import Domain
import Foundation
@testable import Store
import TestKit
import Testing

@Suite struct BackupContract {
    static let databases = [TestDatabase.sqlite, .postgres]

    /// Opens, migrates, runs, closes.
    private func open<Value>(_ location: DatabaseLocation, _ clock: TestClock, _ work: (Store) async throws -> Value) async throws -> Value
    {
        let store = try await Store.open(location, ambient: clock.ambient)
        do {
            _ = try await store.migrate()
            let value = try await work(store)
            await store.close()
            return value
        } catch {
            await store.close()
            throw error
        }
    }

    /// One user and one audit event in one transaction: a copy of one moment has as many of each.
    private static func addPair(_ store: Store, _ name: String) async throws {
        try await store.transaction { transaction throws(StoreError) in
            _ = try transaction.createUser(.example("\(name)@example.com"))
            try transaction.audit(actor: "system", action: "user.create", subject: name)
        }
    }

    @Test(arguments: databases)
    func `a backup made while others write holds one moment, and comes back whole`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            try await withDatabaseLocation(database) { location in
                let path = folder.appending(path: "backup").path
                let manifest = try await open(location, clock) { store in
                    let batch = (0..<30).map { _ in SettledRequest.example(store.ambient, key: APIKeyID(store.ambient)) }
                    try await store.transaction { transaction throws(StoreError) in
                        _ = try transaction.settle(batch)
                        _ = try transaction.sealedSecret("pepper", orInsert: Array(0...255), keyID: "k1")
                    }
                    try await Self.addPair(store, "first")
                    let manifest = try await withThrowingTaskGroup(of: Void.self) { writers in
                        for writer in 0..<3 {
                            writers.addTask {
                                var count = 0
                                while !Task.isCancelled {
                                    try await Self.addPair(store, "w\(writer).\(count)")
                                    count += 1
                                }
                            }
                        }
                        let manifest = try await store.backup(to: path)
                        writers.cancelAll()
                        try await writers.waitForAll()
                        return manifest
                    }
                    try await Self.addPair(store, "after")
                    return manifest
                }
                #expect(manifest.rows["ledger"] == 30 && manifest.schemaVersion == (Migration.all.last?.version ?? 0))
                #expect(manifest.rows["users"] == manifest.rows["events"])
                #expect(try await Store.verifyBackup(at: path) == manifest)
                let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(left == ["backup"], "no partial files stay behind")

                let restored = try await Store.restore(from: path, to: location, ambient: clock.ambient, replace: true)
                #expect(restored.manifest == manifest)
                #expect(restored.former != nil)
                try await open(location, clock) { store in
                    let (contents, after, mismatches, secret) = try await store.read { reader throws(StoreError) in
                        (
                            try reader.contents(), try reader.user(email: "after@example.com"), try reader.usageMismatches(),
                            try reader.sealedSecret("pepper")
                        )
                    }
                    #expect(contents == manifest.contents)
                    #expect(after == nil)
                    #expect(mismatches.isEmpty)
                    #expect(secret?.value == Array(0...255))
                    try await Self.addPair(store, "new")
                    await #expect(throws: StoreError.conflict(Constraint("ledger_append_only_check"))) {
                        try await store.transaction { transaction throws(StoreError) in try transaction.execute("DELETE FROM ledger") }
                    }
                }
            }
        }
    }

    @Test(arguments: databases)
    func `a database that was lost comes back from its backup`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            let path = folder.appending(path: "backup").path
            let manifest = try await withDatabaseLocation(database) { location in
                try await open(location, clock) { store in
                    try await Self.addPair(store, "kept")
                    return try await store.backup(to: path)
                }
            }
            try await withDatabaseLocation(database) { location in  // another, empty place
                let restored = try await Store.restore(from: path, to: location, ambient: clock.ambient, replace: false)
                #expect(restored.manifest == manifest)
                let kept = try await open(location, clock) { store in
                    try await store.read { reader throws(StoreError) in try reader.user(email: "kept@example.com") }
                }
                #expect(kept != nil)
            }
        }
    }

    @Test(arguments: databases)
    func `what cannot be trusted replaces nothing`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            try await withDatabaseLocation(database) { location in
                let good = folder.appending(path: "good").path
                try await open(location, clock) { store in
                    try await Self.addPair(store, "one")
                    _ = try await store.backup(to: good)
                    await #expect(throws: StoreError.backup("\(good) exists already")) { _ = try await store.backup(to: good) }
                    try await Self.addPair(store, "two")
                }
                let bytes = try Data(contentsOf: URL(filePath: good))
                var flipped = bytes
                flipped[bytes.count - 100] ^= 1
                let header = String(decoding: bytes.prefix(4096), as: UTF8.self)
                func with(_ line: String, _ other: String) -> Data {
                    let text = header.replacing(line, with: other)
                    return Data(text.utf8.prefix(4095)) + Data(repeating: 0x0a, count: max(1, 4096 - text.utf8.count))
                        + bytes.dropFirst(4096)
                }
                let other = database == .sqlite ? "postgres" : "sqlite"
                let cases: [(String, Data, (StoreError) -> Bool)] = [
                    ("empty", Data(), Self.isBackupError), ("text", Data(repeating: 0x61, count: 10_000), Self.isBackupError),
                    ("cut", bytes.dropLast(1), Self.isBackupError), ("longer", bytes + [0], Self.isBackupError),
                    ("flipped", flipped, Self.isBackupError),
                    ("dialect", with("dialect \(location.dialectName)", "dialect \(other)"), Self.isBackupError),
                    (
                        "newer", with("schema \((Migration.all.last?.version ?? 0))\n", "schema 99\n"),
                        { $0 == .newerSchema(found: 99, known: (Migration.all.last?.version ?? 0)) }
                    ),
                    ("rows", with("rows users 1", "rows users 7"), Self.isBackupError),
                ]
                for (name, data, isExpected) in cases {
                    let file = folder.appending(path: name)
                    try data.write(to: file)
                    do throws(StoreError) {
                        _ = try await Store.restore(from: file.path, to: location, ambient: clock.ambient, replace: true)
                        Issue.record("\(name) was restored")
                    } catch {
                        #expect(isExpected(error), "\(name): \(error)")
                    }
                }
                await #expect(throws: StoreError.self) {
                    try await Store.restore(from: good, to: location, ambient: clock.ambient, replace: false)
                }
                try await open(location, clock) { store in
                    do throws(StoreError) {
                        _ = try await Store.restore(from: good, to: location, ambient: clock.ambient, replace: true)
                        Issue.record("restored under a running server")
                    } catch {
                        guard case .backup(let text) = error, text.contains("stop the server") else {
                            Issue.record("\(error)")
                            return
                        }
                    }
                    let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
                    #expect(users == 2)
                }
            }
        }
    }

    @Test(arguments: databases)
    func `a backup leaves the files beside it alone, and names what it cannot make`(database: TestDatabase) async throws {
        try await withTemporaryFolder { folder in
            try await withDatabaseLocation(database) { location in
                let beside = ["backup.copy", "backup.partial"].map { folder.appending(path: $0) }
                for file in beside { try Data("mine".utf8).write(to: file) }
                try await open(location, TestClock()) { store in
                    _ = try await store.backup(to: folder.appending(path: "backup").path)
                    let nowhere = folder.appending(path: "nowhere/backup").path
                    let refusal = await #expect(throws: StoreError.self) { _ = try await store.backup(to: nowhere) }
                    #expect(refusal?.description.hasPrefix("cannot make \(nowhere)") == true)
                }
                for file in beside { #expect(try Data(contentsOf: file) == Data("mine".utf8)) }
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == beside.count + 1)
            }
        }
    }

    @Test func `a PostgreSQL user who may make no database is told what a restore needs`() async throws {
        let cluster = PostgresCluster.shared
        try await withTemporaryFolder { folder in
            try await withDatabaseLocation(.postgres) { location in
                let path = folder.appending(path: "backup").path
                _ = try await open(location, TestClock()) { store in try await store.backup(to: path) }
                guard case .postgres(let address) = location else { return }
                try await cluster.sql("CREATE ROLE modest LOGIN PASSWORD 'modest'")
                let modest = PostgresAddress(parameters: address.setting("user", "modest").parameters, password: "modest")
                let refusal = await #expect(throws: StoreError.self) {
                    _ = try await Store.restore(
                        from: path, to: .postgres(modest.setting("dbname", "elsewhere")), ambient: TestClock().ambient, replace: false)
                }
                try await cluster.sql("DROP ROLE modest")
                #expect(refusal?.description.contains("ALTER ROLE \"modest\" CREATEDB") == true)
            }
        }
    }

    @Test func `a PostgreSQL database keeps its own settings and grants`() async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            try await withDatabaseLocation(.postgres) { location in
                guard case .postgres(let address) = location else { return }
                let path = folder.appending(path: "backup").path
                _ = try await open(location, clock) { store in try await store.backup(to: path) }
                let name = address.databaseName
                for statement in [
                    "ALTER DATABASE \(name) SET search_path = \"$user\", public, \"two words\"",
                    "ALTER DATABASE \(name) SET app.word = 'it''s'", "ALTER DATABASE \(name) CONNECTION LIMIT 50",
                    "REVOKE TEMPORARY ON DATABASE \(name) FROM PUBLIC",
                    "GRANT CREATE ON DATABASE \(name) TO PUBLIC",
                ] { try await PostgresCluster.shared.sql(statement) }
                let restored = try await Store.restore(from: path, to: location, ambient: clock.ambient, replace: true)
                #expect(restored.former != nil && restored.left.isEmpty)
                let kept: String? = try await open(location, clock) { store in
                    try await store.read { reader throws(StoreError) in
                        try reader.value(
                            "kept",
                            """
                            SELECT current_setting('search_path') || '; ' || current_setting('app.word') || '; ' || CAST(datconnlimit AS TEXT)
                                || '; ' || (SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM aclexplode(datacl) WHERE grantee = 0) AS kept
                            FROM pg_database WHERE datname = current_database()
                            """)
                    }
                }
                #expect(kept == "\"$user\", public, \"two words\"; it's; 50; CONNECT, CREATE")
            }
        }
    }

    @Test func `the log that a lost SQLite file has left is put aside, not replayed onto its backup`() async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            let (database, backup) = (folder.appending(path: "test.db"), folder.appending(path: "backup").path)
            let (location, log) = (DatabaseLocation.sqliteFile(path: database.path), URL(filePath: database.path + "-wal"))
            let (manifest, left) = try await open(location, clock) { store in
                try await Self.addPair(store, "kept")
                let manifest = try await store.backup(to: backup)
                try await Self.addPair(store, "after")
                return (manifest, try Data(contentsOf: log))
            }
            try FileManager.default.removeItem(at: database)
            try left.write(to: log)
            let restored = try await Store.restore(from: backup, to: location, ambient: clock.ambient, replace: false)
            #expect(restored.manifest == manifest && restored.former == nil)
            let aside = "test.db.before-restore-\(clock.ambient.now().milliseconds)-wal"
            #expect(try Data(contentsOf: folder.appending(path: aside)) == left)
            try await open(location, clock) { store in
                let (contents, verdict) = try await store.read { reader throws(StoreError) in
                    let verdict: String? = try reader.value("integrity_check", "PRAGMA integrity_check")
                    return (try reader.contents(), verdict)
                }
                #expect(contents == manifest.contents && verdict == "ok")
            }
        }
    }

    @Test func `a damaged SQLite file is kept and replaced when that is asked for, and a refusal says how`() async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            let (database, backup) = (folder.appending(path: "test.db"), folder.appending(path: "backup").path)
            let location = DatabaseLocation.sqliteFile(path: database.path)
            let manifest = try await open(location, clock) { store in try await store.backup(to: backup) }
            let damaged = Data(repeating: 0x61, count: 8192)
            try damaged.write(to: database)
            let refusal = await #expect(throws: StoreError.self) {
                _ = try await Store.restore(from: backup, to: location, ambient: clock.ambient, replace: false)
            }
            #expect(refusal?.description.contains("--replace") == true)
            #expect(try Data(contentsOf: database) == damaged)
            let restored = try await Store.restore(from: backup, to: location, ambient: clock.ambient, replace: true)
            #expect(restored.manifest == manifest)
            #expect(try Data(contentsOf: URL(filePath: try #require(restored.former))) == damaged)
        }
    }

    private static func isBackupError(_ error: StoreError) -> Bool {
        if case .backup = error { true } else { false }
    }
}

extension DatabaseLocation {
    var dialectName: String {
        switch self {
        case .postgres: "postgres"
        case .sqliteFile, .sqliteMemory: "sqlite"
        }
    }
}
