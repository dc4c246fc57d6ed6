import Domain
@testable import Store
import Testing

@Suite struct SQLTests {
    @Test func `interpolation binds, and parts keep their values in order`() {
        let (id, nothing): (Int64, String?) = (7, nil)
        let condition: SQL = "id = \(id) AND name = \("x")"
        let statement: SQL = "SELECT a FROM t WHERE \(condition) AND b IS NOT \(nothing) LIMIT \(3)"
        #expect(statement.text(mark: "$") == "SELECT a FROM t WHERE id = $1 AND name = $2 AND b IS NOT $3 LIMIT $4")
        #expect(statement.text(mark: "?") == "SELECT a FROM t WHERE id = ?1 AND name = ?2 AND b IS NOT ?3 LIMIT ?4")
        #expect(statement.values == [.integer(7), .text("x"), .null(.text), .integer(3)])
    }

    @Test(arguments: ["", "'", "$1", "?1", "\\(x)", "; DROP TABLE t"])
    func `a value never reaches the text`(value: String) {
        let statement: SQL = "SELECT \(value)"
        #expect(statement.text(mark: "$") == "SELECT $1")
        #expect(statement.values == [.text(value)])
    }

    @Test func `a value of another type is not read`() {
        #expect(Bool(sqlValue: .integer(2)) == nil)
        #expect(Bool(sqlValue: .integer(1)) == true)
        #expect(Int64(sqlValue: .text("1")) == nil)
        #expect(Timestamp(sqlValue: .real(1)) == nil)
        #expect(UserID(sqlValue: .text("key_0193c0de8a7b7f3e9d2c4b5a69788796")) == nil)
        #expect(UserRole(sqlValue: .text("owner")) == nil)
        #expect([UInt8](sqlValue: .text("x")) == nil)
    }

    @Test func `each dialect gets its own words of a migration`() {
        let text = "a @BYTES@\n-- @sqlite\nlite\n-- @end\n-- @postgres\nelephant\n-- @end\nz"
        let migration = Migration(version: 1, name: "m", text: Array(text.utf8))
        #expect(migration.script(for: .sqlite) == "a BLOB\nlite\nz")
        #expect(migration.script(for: .postgres) == "a BYTEA\nelephant\nz")
    }

    @Test func `migrations are numbered without gaps`() {
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
        for migration in Migration.all { #expect(migration.name.hasPrefix("m" + String(10_000 + migration.version).dropFirst())) }
    }

    /// FIPS 180-2's example, so that checksums stay comparable with other programs'.
    @Test func `a checksum is SHA-256`() {
        #expect(Checksum.hex(of: Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
