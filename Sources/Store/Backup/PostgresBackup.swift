internal import Domain
internal import Processes

/// Copies of a PostgreSQL database by its own programs, pg_dump and pg_restore. They learn password, host and user from their
/// environment, never from arguments, which any user of the machine can read.
enum PostgresBackup {
    /// The longest a dump or a restore may take: six hours.
    static let maximumMilliseconds: Int64 = 21_600_000

    /// Dumps the moment that `reader` sees.
    static func dump(_ address: PostgresAddress, _ reader: Reader, to copy: String) throws(StoreError) -> DatabaseContents {
        // The transaction idles while pg_dump works; the usual fence would end it.
        _ = try reader.rows("SELECT set_config('idle_in_transaction_session_timeout', '0', TRUE) AS done")
        _ = try reader.rows("SELECT set_config('statement_timeout', '0', TRUE) AS done")
        guard let snapshot: String = try reader.value("snapshot", "SELECT pg_export_snapshot() AS snapshot") else {
            throw .programming("no snapshot")
        }
        let contents = try reader.contents()
        try run(
            "pg_dump", ["--format=custom", "--no-owner", "--no-privileges", "--snapshot=\(snapshot)", "--file=\(copy)"], address)
        return contents
    }

    static func restore(
        from path: String, to address: PostgresAddress, ambient: Ambient, replace: Bool
    ) throws(StoreError) -> (manifest: BackupManifest, former: String?, left: [String]) {
        let name = address.databaseName
        let suffix = String(ambient.now().milliseconds)
        let (restoring, former) = ("\(name)_restoring_\(suffix)", "\(name)_before_restore_\(suffix)")
        let copy = "\(path).\(Hex.text(ambient.randomBytes(8))).restoring"
        defer { Files.remove(copy) }
        let manifest = try BackupFile.extract(path, to: copy)
        try Store.checkVersion(manifest, .postgres)
        let server = try connect(address.setting("dbname", name == "postgres" ? "template1" : "postgres"), ambient)
        let exists = try !server.run("SELECT datname FROM pg_database WHERE datname = \(name)").rows.isEmpty
        if exists, !replace {
            let there = try Reader(try connect(address, ambient), ambient).contents()
            if !there.rows.isEmpty {
                throw .backup("the database \(name) holds data already; with --replace it is kept under another name")
            }
        }
        let user = quoted(address.parameters["user"] ?? "…")
        try allowed("ALTER ROLE \(user) CREATEDB") { () throws(StoreError) in
            try server.command("CREATE DATABASE \(quoted(restoring)) TEMPLATE template0 ENCODING 'UTF8'")
        }
        var left: [String] = []
        do throws(StoreError) {
            try run(
                "pg_restore", ["--exit-on-error", "--no-owner", "--no-privileges", "--dbname=\(restoring)", copy],
                address.setting("dbname", restoring))
            try Store.check(try contents(address.setting("dbname", restoring), ambient), against: manifest)
            if exists {
                let other = try connect(address.setting("dbname", name == "postgres" ? "template1" : "postgres"), ambient)
                left = try PostgresOwnSettings.copy(from: name, to: restoring, other)
                try allowed("ALTER DATABASE \(quoted(name)) OWNER TO \(user)") { () throws(StoreError) in
                    try rename(name, to: former, server)
                }
            }
            do throws(StoreError) { try rename(restoring, to: name, server) } catch {
                if exists { try rename(former, to: name, server) }
                throw error
            }
        } catch {
            try server.command("DROP DATABASE IF EXISTS \(quoted(restoring))")
            throw error
        }
        return (manifest, exists ? former : nil, left)
    }

    private static func contents(_ address: PostgresAddress, _ ambient: Ambient) throws(StoreError) -> DatabaseContents {
        try Reader(try connect(address, ambient), ambient).contents()
    }

    private static func rename(_ name: String, to other: String, _ server: PostgresConnection) throws(StoreError) {
        do throws(StoreError) { try server.command("ALTER DATABASE \(quoted(name)) RENAME TO \(quoted(other))") } catch {
            // 55006: object_in_use
            guard case .programming(let text) = error, text.contains("55006") else { throw error }
            throw .backup("the database \(name) is in use: stop the server first")
        }
    }

    /// Names the right that the user of DATABASE_URL lacks, and the statement that a superuser gives it with.
    private static func allowed(_ grant: String, _ work: () throws(StoreError) -> Void) throws(StoreError) {
        do throws(StoreError) { try work() } catch {
            // 42501: insufficient_privilege
            guard case .programming(let text) = error, text.contains("42501") else { throw error }
            throw .backup("the user of DATABASE_URL may not do what a restore needs; as a superuser of PostgreSQL run: \(grant)")
        }
    }

    private static func connect(_ address: PostgresAddress, _ ambient: Ambient) throws(StoreError) -> PostgresConnection {
        let deadline = ambient.uptimeNanoseconds() &+ UInt64(maximumMilliseconds) &* 1_000_000
        return try PostgresConnection(
            address, statementMilliseconds: maximumMilliseconds,
            deadline: Deadline(uptimeNanoseconds: deadline, clock: ambient.uptimeNanoseconds))
    }

    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    private static func run(_ program: String, _ arguments: [String], _ address: PostgresAddress) throws(StoreError) {
        var environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "gatehouse"]
        let names = [
            "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "sslmode": "PGSSLMODE",
            "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL", "options": "PGOPTIONS",
            "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE", "target_session_attrs": "PGTARGETSESSIONATTRS",
        ]
        for (name, value) in address.parameters { if let variable = names[name] { environment[variable] = value } }
        address.revealPassword { environment["PGPASSWORD"] = $0 }
        let ended: Program.Ended
        let path = try find(program)
        do throws(Program.Failure) {
            ended = try Program.run(path, arguments, environment: environment, withinMilliseconds: maximumMilliseconds)
        } catch { throw .backup("\(path) could not be started: \(error)") }
        guard ended.status == 0 else { throw .backup("\(program) ended with \(ended.status): \(ended.errorText)") }
    }

    /// The newest of Debian's versioned folders first: a dump program must not be older than its server.
    private static func find(_ program: String) throws(StoreError) -> String {
        let folders = (10...30).reversed().map { "/usr/lib/postgresql/\($0)/bin" } + ["/usr/local/bin", "/usr/bin"]
        for folder in folders where Files.isExecutable("\(folder)/\(program)") { return "\(folder)/\(program)" }
        throw .backup("\(program) is not installed: the Debian package is postgresql-client")
    }
}
