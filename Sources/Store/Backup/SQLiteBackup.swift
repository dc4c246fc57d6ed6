internal import Domain

/// Copies of a SQLite database by its own backup calls.
enum SQLiteBackup {
    /// Copies what is committed now into a new file and checks it; writers go on meanwhile.
    static func copy(_ source: String, to copy: String, ambient: Ambient) throws(StoreError) -> DatabaseContents {
        let from = try SQLiteConnection(path: source, for: .read)
        let wanted: DatabaseContents
        try from.run("BEGIN")  // from here on the source shows one moment
        wanted = try Reader(from, ambient).contents()
        do {
            let to = try SQLiteConnection(path: copy, for: .copy)
            try from.copy(into: to) { _, _ in }
            try to.run("PRAGMA journal_mode = DELETE")  // the copy is one file, without a log beside it
        }
        try from.run("COMMIT")
        let found = try check(copy, ambient)
        guard found == wanted else { throw .backup("the copy does not hold what the database held") }
        return found
    }

    static func restore(
        from path: String, to target: String, ambient: Ambient, replace: Bool
    ) throws(StoreError) -> (manifest: BackupManifest, former: String?) {
        let copy = target + ".restoring"
        defer { for ending in ["", "-wal", "-shm", "-journal"] { Files.remove(copy + ending) } }
        let existed = Files.exists(target)
        if !existed {
            try Files.makePrivateFile(target)  // makes the folders
            Files.remove(target)
        }
        let manifest = try BackupFile.extract(path, to: copy)
        try Store.checkVersion(manifest, .sqlite)
        try Store.check(try check(copy, ambient), against: manifest)
        let former = "\(target).before-restore-\(ambient.now().milliseconds)"
        guard existed else {
            try moveLogs(of: target, to: former)
            try Files.publish(copy, as: target)
            return (manifest, nil)
        }
        // Held until the new file has its name, so that no server starts on the old one meanwhile.
        let lock = try exclusive(target, ambient, mayHoldData: replace)
        try Files.move(target, to: former)
        do throws(StoreError) {
            try moveLogs(of: target, to: former)
            try Files.publish(copy, as: target)
        } catch {
            try moveLogs(of: former, to: target)
            try Files.move(former, to: target)
            throw error
        }
        _ = consume lock
        return (manifest, former)
    }

    /// What SQLite keeps beside a database; it would be replayed onto any other file of that name.
    private static func moveLogs(of path: String, to name: String) throws(StoreError) {
        for ending in ["-wal", "-shm", "-journal"] where Files.exists(path + ending) { try Files.move(path + ending, to: name + ending) }
    }

    /// A connection that proves nobody else has the database open: leaving the write-ahead log takes every lock. Nil when the file is too
    /// damaged to ask, which is when a restore is needed most.
    private static func exclusive(_ path: String, _ ambient: Ambient, mayHoldData: Bool) throws(StoreError) -> SQLiteConnection? {
        do throws(StoreError) {
            let connection = try SQLiteConnection(path: path, for: .copy, lockWaitMilliseconds: 200)
            try connection.run("PRAGMA journal_mode = DELETE")
            try connection.run("BEGIN EXCLUSIVE")
            if !mayHoldData, try !Reader(connection, ambient).contents().rows.isEmpty {
                throw .backup("\(path) holds data already; with --replace it is kept under another name")
            }
            return connection
        } catch {
            switch error {
            case .busy: throw .backup("\(path) is in use: stop the server first")
            case .corrupt where mayHoldData: return nil
            case .corrupt(let detail):
                throw .backup("\(path) is damaged, or no database (\(detail)); with --replace it is kept under another name")
            default: throw error
            }
        }
    }

    private static func check(_ path: String, _ ambient: Ambient) throws(StoreError) -> DatabaseContents {
        let connection = try SQLiteConnection(path: path, for: .read)
        let verdict: String? = try connection.run("PRAGMA integrity_check(1)").rows.first?["integrity_check"]
        guard verdict == "ok" else { throw .corrupt("integrity check of \(path): \(verdict ?? "no answer")") }
        return try Reader(connection, ambient).contents()
    }
}
