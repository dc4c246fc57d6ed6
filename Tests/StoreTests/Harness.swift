import Domain
@testable import Store
import TestKit
import Testing

@Suite struct HarnessTests {
    @Test(arguments: [TestDatabase.sqlite, .sqliteInMemory])
    func `a fresh database answers and takes writes`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            try await store.health()
            #expect(try await store.pendingMigrations().isEmpty)
        }
    }
}
