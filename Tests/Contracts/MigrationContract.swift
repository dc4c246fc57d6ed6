import Domain
@testable import Store
import TestKit
import Testing

@Suite struct MigrationContract {
    private static let last = Migration.all.map(\.version).max() ?? 0
    private static let next = last + 1
    private static let names = Migration.all.map(\.name)
    private static let more = Migration(
        version: next, name: "more", text: Array("CREATE TABLE more (id BIGINT NOT NULL);\nINSERT INTO more (id) VALUES (1);".utf8))
    private static let broken = Migration(
        version: next, name: "broken", text: Array("CREATE TABLE half (id BIGINT NOT NULL);\nINSERT INTO nowhere (id) VALUES (1);".utf8))

    @Test(arguments: TestDatabase.allCases)
    func `migrations run once, in order, and checking changes nothing`(database: TestDatabase) async throws {
        try await withStore(database, migrated: false) { store async throws in
            #expect(try await store.pendingMigrations() == Self.names)
            #expect(try await store.pendingMigrations() == Self.names)
            #expect(try await store.schemaVersion() == 0)
            #expect(try await store.migrate() == Self.names)
            #expect(try await store.migrate() == [])
            #expect(try await store.pendingMigrations(Migration.all + [Self.more]) == ["more"])
            #expect(try await store.migrate(Migration.all + [Self.more]) == ["more"])
            #expect(try await store.schemaVersion() == Self.next)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a newer schema and a changed migration are refused`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            _ = try await store.migrate(Migration.all + [Self.more])
            await #expect(throws: StoreError.newerSchema(found: Self.next, known: Self.last)) { try await store.migrate() }
            await #expect(throws: StoreError.newerSchema(found: Self.next, known: Self.last)) { try await store.pendingMigrations() }
            await #expect(throws: StoreError.changedMigration(version: Self.next)) {
                try await store.migrate(Migration.all + [Self.broken])
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a migration that fails leaves nothing of itself`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let before = try await store.read { reader throws(StoreError) in try reader.contents() }
            await #expect(throws: StoreError.self) { try await store.migrate(Migration.all + [Self.broken]) }
            let after = try await store.read { reader throws(StoreError) in try reader.contents() }
            #expect(after == before)
            #expect(try await store.migrate(Migration.all + [Self.more]) == ["more"])
        }
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `two servers that start at once migrate once`(database: TestDatabase) async throws {
        try await withDatabaseLocation(database) { location in
            let ran = try await withThrowingTaskGroup(of: [String].self) { group in
                for seed in 0..<4 {
                    group.addTask {
                        let store = try await Store.open(location, ambient: TestClock(seed: UInt64(seed)).ambient)
                        let ran: [String]
                        do { ran = try await store.migrate(Migration.all + [Self.more]) } catch {
                            await store.close()
                            throw error
                        }
                        await store.close()
                        return ran
                    }
                }
                return try await group.reduce([], +)
            }
            #expect(ran.sorted() == Self.names + ["more"])
        }
    }
}
