internal import Domain
public import Foundation
public import Store

/// The databases every contract test runs on: `@Test(arguments: TestDatabase.allCases)`.
public enum TestDatabase: String, Sendable, CaseIterable { case sqlite, sqliteInMemory, postgres }

/// Runs a test against a fresh, migrated database that nobody else sees, and leaves nothing behind. PostgreSQL is a real server of this
/// test process; when its programs are missing the test fails and says so.
public func withStore<Result>(
    _ database: TestDatabase, clock: TestClock = TestClock(), options: StoreOptions = StoreOptions(), migrated: Bool = true,
    _ test: (Store) async throws -> Result
) async throws -> Result {
    try await withDatabaseLocation(database) { location in
        let store = try await Store.open(location, ambient: clock.ambient, options: options)
        do {
            if migrated { _ = try await store.migrate() }
            let result = try await test(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}

/// The place of a fresh, empty database, for tests that open it themselves.
public func withDatabaseLocation<Result>(_ database: TestDatabase, _ test: (DatabaseLocation) async throws -> Result) async throws -> Result
{
    switch database {
    case .sqliteInMemory: return try await test(.sqliteMemory)
    case .sqlite:
        return try await withTemporaryFolder { folder in try await test(.sqliteFile(path: folder.appending(path: "test.db").path)) }
    case .postgres:
        let cluster = PostgresCluster.shared
        let name = try await cluster.createDatabase()
        do {
            let result = try await test(try await cluster.location(of: name))
            try await cluster.dropDatabase(name)
            return result
        } catch {
            try await cluster.dropDatabase(name)
            throw error
        }
    }
}

/// A folder that is gone after the test.
public func withTemporaryFolder<Result>(_ test: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer {
        do { try FileManager.default.removeItem(at: folder) } catch {
            FileHandle.standardError.write(Data("left behind: \(folder.path): \(error)\n".utf8))
        }
    }
    return try await test(folder)
}
