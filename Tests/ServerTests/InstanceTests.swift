import Domain
import Foundation
import Telemetry
import TestKit
import Testing

@testable import Server
@testable import Store

/// Who may change the schema: a server, `migrate`, and the first command in a new folder. Commands of a newer program do not, because the
/// server of the older one may be running.
struct InstanceTests {
    private func settings(_ folder: URL) throws -> Settings {
        let environment = [
            "DATA_DIR": folder.appending(path: "data").path, "DATABASE_URL": "sqlite:///\(folder.appending(path: "x.db").path)",
        ]
        return try Settings(environment: environment, file: nil, readFile: { _ in nil })
    }

    @Test func `the first command makes the database, and a later one leaves an older schema alone`() async throws {
        try await withTemporaryFolder { folder in
            let settings = try settings(folder)
            let first = try await Instance.open(settings, schema: .make)
            #expect(try await first.store.pendingMigrations().isEmpty)
            await first.close()
        }
        try await withTemporaryFolder { folder in
            let settings = try settings(folder)
            let older = try await Store.open(.sqliteFile(path: folder.appending(path: "x.db").path), ambient: .live)
            _ = try await older.migrate(Array(Migration.all.dropLast()))
            let version = try await older.schemaVersion()
            for schema in [Instance.SchemaRule.make, .keep] {
                do {
                    let opened = try await Instance.open(settings, schema: schema)
                    await opened.close()
                    Issue.record("opened")
                } catch let failure as Failure {
                    let name = try #require(Migration.all.last?.name)
                    for word in [name, "gatehouse migrate", "backup"] { #expect(failure.description.contains(word)) }
                }
            }
            #expect(try await older.schemaVersion() == version)
            await older.close()
            let server = try await Instance.open(settings, schema: .migrate)
            #expect(try await server.store.pendingMigrations().isEmpty)
            await server.close()
        }
    }

    @Test func `a key that opens nothing of this database is known before anything needs it`() async throws {
        try await withTemporaryFolder { folder in
            let settings = try settings(folder)
            let instance = try await Instance.open(settings, schema: .make)
            try await Vault.check(settings, instance.store)
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data/encryption_key").path), "nothing is made")
            _ = try await Vault.open(settings, instance.store)
            try await Vault.check(settings, instance.store)
            let other = try Settings(
                environment: ["DATA_DIR": folder.appending(path: "data").path, "ENCRYPTION_KEY": "another key than the one before"],
                file: nil, readFile: { _ in nil })
            await #expect(throws: Failure.self) { try await Vault.check(other, instance.store) }
            await instance.close()
        }
    }

    @Test func `what needs a database does not make one`() async throws {
        try await withTemporaryFolder { folder in
            let settings = try settings(folder)
            await #expect(throws: Failure.self) { _ = try await Instance.open(settings) }
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "x.db").path))
        }
    }
}
