import FoundationEssentials
import Store
import TestKit
import Testing

@testable import Server

/// One server on an SQLite database.
struct ServeLockTests {
    /// Whether one is got; it is given back at once.
    private func isHeld(_ location: DatabaseLocation) throws(Failure) -> Bool {
        let lock = try ServeLock(location)
        return lock != nil
    }

    @Test func `a second server is kept off the database, and told where and what to do`() async throws {
        try await withTemporaryFolder { folder in
            let location = DatabaseLocation.sqliteFile(path: folder.path + "/gatehouse.db")
            let first = try ServeLock(location)
            let refusal = #expect(throws: Failure.self) { _ = try isHeld(location) }
            let said = refusal?.description ?? ""
            #expect(
                said.contains(folder.path + "/gatehouse.db.lock") && said.contains("stop that one") && said.contains("PostgreSQL"),
                "\(said)")
            #expect(try isHeld(.sqliteFile(path: folder.path + "/other.db")), "another database is another matter")
            _ = consume first
            #expect(try isHeld(location), "the file that stays behind holds nobody up")
        }
    }

    @Test func `a link to the database is the same database`() async throws {
        try await withTemporaryFolder { folder in
            let (database, link) = (folder.path + "/gatehouse.db", folder.path + "/link.db")
            #expect(FileManager.default.createFile(atPath: database, contents: nil))
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: database)
            let first = try ServeLock(.sqliteFile(path: database))
            #expect(throws: Failure.self) { _ = try isHeld(.sqliteFile(path: link)) }
            _ = consume first
            #expect(try isHeld(.sqliteFile(path: link)))
        }
    }

    @Test func `a lock that cannot be opened stops the server, and says which file it is`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.path + "/gatehouse.db"
            try FileManager.default.createDirectory(atPath: path + ".lock", withIntermediateDirectories: false)
            let refusal = #expect(throws: Failure.self) { _ = try isHeld(.sqliteFile(path: path)) }
            #expect(refusal?.description.contains(path + ".lock cannot be opened") == true)
        }
    }

    @Test func `several servers may work on PostgreSQL, and what cannot be locked is left to the database to tell`() throws {
        for text in ["postgresql://ann@192.0.2.1/shop", "sqlite://:memory:", "sqlite:////nowhere/gatehouse.db"] {
            #expect(try !isHeld(try DatabaseLocation(parsing: text)))
        }
    }
}
