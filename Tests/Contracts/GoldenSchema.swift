import Domain
import Foundation
@testable import Store
import TestKit
import Testing

/// The schema as it is after every migration, kept where a reviewer sees it change. `GOLDEN=rewrite swift test --filter GoldenSchema`
/// writes both files again.
@Suite struct GoldenSchema {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden")

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `the schema is the reviewed one`(database: TestDatabase) async throws {
        let found = try await withStore(database) { store in
            try await store.read { reader throws(StoreError) in try database == .sqlite ? Self.sqlite(reader) : Self.postgres(reader) }
        }
        let file = Self.folder.appending(path: "schema.\(database.rawValue).sql")
        if ProcessInfo.processInfo.environment["GOLDEN"] == "rewrite" {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try Data(found.utf8).write(to: file)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(found == golden, "GOLDEN=rewrite swift test --filter GoldenSchema, then review the difference")
    }

    static func sqlite(_ reader: Reader) throws(StoreError) -> String {
        var lines: [String] = []
        for row in try reader.rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, tbl_name, name") {
            let text: String = try row["sql"]
            lines.append(text + ";\n")
        }
        return lines.joined(separator: "\n")
    }

    static func postgres(_ reader: Reader) throws(StoreError) -> String {
        var lines: [String] = []
        func add(_ title: String, _ statement: SQL) throws(StoreError) {
            lines.append("-- \(title)")
            for row in try reader.rows(statement) { lines.append(try row["line"]) }
            lines.append("")
        }
        try add(
            "columns",
            """
            SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
                || COALESCE(' DEFAULT ' || column_default, '') || CASE is_identity WHEN 'YES' THEN ' IDENTITY' ELSE '' END AS line
            FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
            """)
        try add(
            "constraints",
            """
            SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text, conname
            """)
        try add("indexes", "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public' ORDER BY tablename, indexname")
        try add(
            "triggers",
            "SELECT pg_get_triggerdef(oid) AS line FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname")
        return lines.joined(separator: "\n")
    }
}
