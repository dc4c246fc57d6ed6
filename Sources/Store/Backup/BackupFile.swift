public import Domain

/// What a backup file says about itself, in its first 4096 bytes.
public struct BackupManifest: Sendable, Equatable {
    public let dialect: Dialect
    public let schemaVersion: Int
    public let madeAt: Timestamp
    /// Of the copy that follows the manifest.
    public let bytes: Int64
    /// Of the copy: SHA-256 of the SHA-256s of its mebibytes, lowercase hex.
    public let checksum: String
    /// Rows per table at the moment of the copy.
    public let rows: [String: Int64]

    static let bytes = 4096
    private static let firstLine = "GATEHOUSE-BACKUP 1"

    init(dialect: Dialect, contents: DatabaseContents, madeAt: Timestamp, bytes: Int64, checksum: String) {
        self.dialect = dialect
        (schemaVersion, rows) = (contents.schemaVersion, contents.rows)
        (self.madeAt, self.bytes, self.checksum) = (madeAt, bytes, checksum)
    }

    var contents: DatabaseContents { DatabaseContents(schemaVersion: schemaVersion, rows: rows) }

    /// Lines of text, filled up with line ends.
    func encoded() throws(StoreError) -> [UInt8] {
        var lines = [
            Self.firstLine, "dialect \(dialect.rawValue)", "schema \(schemaVersion)", "made \(madeAt.milliseconds)", "bytes \(bytes)",
            "checksum \(checksum)",
        ]
        for (table, count) in rows.sorted(by: { $0.key < $1.key }) { lines.append("rows \(table) \(count)") }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        guard text.count <= Self.bytes else { throw .backup("too many tables for the manifest") }
        return text + [UInt8](repeating: 0x0a, count: Self.bytes - text.count)
    }

    init(decoding block: [UInt8]) throws(StoreError) {
        let lines = String(decoding: block, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard block.count == Self.bytes, lines.first?.joined(separator: " ") == Self.firstLine else {
            throw .backup("this is not a backup that this program can read")
        }
        var (fields, rows): ([String: String], [String: Int64]) = ([:], [:])
        for line in lines.dropFirst() {
            if line.count == 3, line[0] == "rows", let count = Int64(line[2]) {
                rows[line[1]] = count
            } else if line.count == 2 {
                fields[line[0]] = line[1]
            }
        }
        guard let dialect = fields["dialect"].flatMap(Dialect.init(rawValue:)), let version = fields["schema"].flatMap({ Int($0) }),
            let made = fields["made"].flatMap({ Int64($0) }), let bytes = fields["bytes"].flatMap({ Int64($0) }), bytes >= 0,
            let checksum = fields["checksum"]
        else { throw .backup("the backup's manifest is damaged") }
        self.init(
            dialect: dialect, contents: DatabaseContents(schemaVersion: version, rows: rows), madeAt: Timestamp(milliseconds: made),
            bytes: bytes,
            checksum: checksum)
    }
}

/// What is compared between a database and its copy.
struct DatabaseContents: Sendable, Equatable {
    let schemaVersion: Int
    let rows: [String: Int64]
}

extension Reader {
    func contents() throws(StoreError) -> DatabaseContents {
        let names: [Row] =
            switch connection.dialect {
            case .sqlite: try rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
            case .postgres: try rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()")
            }
        var counts: [String: Int64] = [:]
        for row in names {
            let name: String = try row["name"]
            // A name from the catalog, not from outside; a table's name cannot be bound.
            let count = try connection.run(SQL(stringLiteral: "SELECT COUNT(*) AS count FROM \"\(name)\"")).rows.first
            counts[name] = try count?["count"] ?? 0
        }
        return DatabaseContents(schemaVersion: try appliedMigrations().last?.version ?? 0, rows: counts)
    }
}

enum BackupFile {
    /// A new file for this user alone.
    /// - Throws: `.backup` with its name where it cannot be made.
    static func make(_ path: String) throws(StoreError) -> OpenFile {
        do throws(StoreError) { return try OpenFile(path, .create) } catch {
            guard case .unavailable(let detail) = error else { throw error }
            throw .backup("\(detail); it has to be in a folder that the user who runs gatehouse may write in")
        }
    }

    /// Puts manifest and copy into one new file, and takes the copy away.
    static func assemble(
        copy: String, to path: String, dialect: Dialect, contents: DatabaseContents, madeAt: Timestamp
    ) throws(StoreError) -> BackupManifest {
        let partial = copy + ".partial"
        let source = try OpenFile(copy, .read)
        let target = try make(partial)
        defer { Files.remove(partial) }
        var (checksum, offset) = (Checksum.Pieces(), Int64(0))
        while true {
            let piece = try source.read(Checksum.Pieces.pieceBytes, at: offset)
            if piece.isEmpty { break }
            checksum.add(piece)
            try target.write(piece, at: Int64(BackupManifest.bytes) + offset)
            offset += Int64(piece.count)
        }
        let manifest = BackupManifest(dialect: dialect, contents: contents, madeAt: madeAt, bytes: offset, checksum: checksum.hex())
        try target.write(try manifest.encoded(), at: 0)
        try target.synchronize()
        try Files.publish(partial, as: path)
        return manifest
    }

    /// Checks length and checksum; `each` is handed the copy piece by piece, before the checksum is known.
    static func read(_ path: String, each: (_ piece: [UInt8], _ offset: Int64) throws(StoreError) -> Void) throws(StoreError)
        -> BackupManifest
    {
        let file = try OpenFile(path, .read)
        let manifest = try BackupManifest(decoding: try file.read(BackupManifest.bytes, at: 0))
        var (checksum, offset) = (Checksum.Pieces(), Int64(0))
        while true {
            let piece = try file.read(Checksum.Pieces.pieceBytes, at: Int64(BackupManifest.bytes) + offset)
            if piece.isEmpty { break }
            checksum.add(piece)
            try each(piece, offset)
            offset += Int64(piece.count)
        }
        guard offset == manifest.bytes else { throw .backup("the backup has \(offset) bytes of \(manifest.bytes): it was cut or added to") }
        guard checksum.hex() == manifest.checksum else { throw .backup("the backup's checksum is wrong: it was damaged") }
        return manifest
    }

    /// Writes the checked copy to a new file.
    static func extract(_ path: String, to copy: String) throws(StoreError) -> BackupManifest {
        Files.remove(copy)
        let target = try make(copy)
        let manifest = try read(path) { piece, offset throws(StoreError) in try target.write(piece, at: offset) }
        try target.synchronize()
        return manifest
    }
}
