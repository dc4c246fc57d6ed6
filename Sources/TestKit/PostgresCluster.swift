internal import Foundation
public import Store

/// A real PostgreSQL server for tests: its own data folder and socket, nothing flushed to the disk, no network port. A supervising shell owns it and
/// ends it when this process ends, however it ends, because then the shell's standard input closes.
public actor PostgresCluster {
    /// The one that ordinary tests share; each gets a database of its own.
    public static let shared = PostgresCluster()

    private struct Running {
        let process: Process
        let commands: FileHandle
        let answers: FileHandle
        let folder: String
        let programs: String
    }
    public enum Failure: Error { case missing(String), refused(String) }

    private var running: Running?
    private var databases = 0
    private static let (user, password) = ("gatehouse", "test/pass:word@1")

    public init() {}

    /// Ends every server process at once, as a power cut would.
    public func kill() throws { try command("kill") }
    /// Starts it again after `kill`.
    public func start() throws { try command("start") }
    /// Stops every process of the server without closing its connections: the server hangs.
    public func freeze() throws { try command("freeze") }
    public func thaw() throws { try command("thaw") }

    /// Ends the server and removes its files.
    public func end() {
        guard let server = running else { return }
        running = nil
        do { try server.commands.close() } catch { FileHandle.standardError.write(Data("closing the supervisor: \(error)\n".utf8)) }
        server.process.waitUntilExit()
    }

    /// - Parameter sorts: an ICU locale by which texts sort, as "en-US"; nil sorts by bytes.
    public func createDatabase(sorts: String? = nil) throws -> String {
        databases += 1
        let name = "test_\(databases)"
        let rule = sorts.map { " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '\($0)'" } ?? ""
        try sql("CREATE DATABASE \(name)\(rule)")
        return name
    }

    public func location(of database: String) throws -> DatabaseLocation {
        let server = try server()
        let password = Self.password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try DatabaseLocation(parsing: "postgresql://\(Self.user):\(password)@/\(database)?host=\(server.folder)")
    }

    public func dropDatabase(_ name: String) throws { try sql("DROP DATABASE IF EXISTS \(name) WITH (FORCE)") }

    /// Runs statements as the superuser.
    public func sql(_ statement: String, in database: String = "postgres") throws {
        let server = try server()
        let process = Process()
        process.executableURL = URL(filePath: server.programs + "/psql")
        process.arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", server.folder, "-U", Self.user, "-d", database, "-c", statement]
        process.environment = ["PGPASSWORD": Self.password]
        let errors = Pipe()
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure.refused(text) }
    }

    private func command(_ word: String) throws {
        let server = try server()
        try server.commands.write(contentsOf: Data((word + "\n").utf8))
        let answer = Self.line(server.answers)
        guard answer == "done" else { throw Failure.refused("\(word): \(answer)") }
    }

    private func server() throws -> Running {
        if let running { return running }
        let made = try Self.launch()
        running = made
        return made
    }

    private static func launch() throws -> Running {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init).sorted()
        guard let version = versions.last(where: { FileManager.default.isExecutableFile(atPath: "\(root)/\($0)/bin/initdb") })
        else { throw Failure.missing("no PostgreSQL server under \(root): install the Debian package \"postgresql\"") }
        let programs = "\(root)/\(version)/bin"
        let folder = "/tmp/gatehouse-pg-\(UUID().uuidString.prefix(8))"  // short: a socket's path has at most 107 bytes
        let process = Process()
        let shell = ["/bin/sh", "-c", script, "sh", programs, folder, user, password]
        // initdb refuses to run as root.
        let command = geteuid() == 0 ? ["/usr/sbin/runuser", "-u", "postgres", "--"] + shell : shell
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(filePath: "/tmp")
        let (commands, answers) = (Pipe(), Pipe())
        process.standardInput = commands
        process.standardOutput = answers
        process.standardError = FileHandle.standardError
        try process.run()
        let answer = line(answers.fileHandleForReading)
        guard answer == "done" else { throw Failure.refused("PostgreSQL did not start: \(answer)") }
        return Running(
            process: process, commands: commands.fileHandleForWriting, answers: answers.fileHandleForReading, folder: folder,
            programs: programs)
    }

    private static func line(_ handle: FileHandle) -> String {
        var bytes: [UInt8] = []
        while let byte = handle.readData(ofLength: 1).first, byte != 0x0a { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// $1 programs, $2 folder, $3 user, $4 password. Answers "done" after each command; ends at the end of its input.
    private static let script = #"""
        exec 3>&1 1>&2
        trap '' INT TERM HUP PIPE
        umask 077
        mkdir "$2" || exit 1
        finish() {
            postmaster=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null)
            [ -n "$postmaster" ] && everyone CONT
            "$1/pg_ctl" -D "$2/data" -m immediate -s stop >/dev/null 2>&1
            rm -rf "$2"
        }
        everyone() {
            for status in /proc/[0-9]*/stat; do
                read -r pid name state parent rest <"$status" 2>/dev/null || continue
                [ "$parent" = "$postmaster" ] && kill -"$1" "$pid" 2>/dev/null
            done
            kill -"$1" "$postmaster"
        }
        start() {
            "$1/pg_ctl" -D "$2/data" -w -t 60 -s -l "$2/log" start >/dev/null </dev/null 3>&- || { cat "$2/log"; return 1; }
        }
        printf '%s' "$4" >"$2/password"
        "$1/initdb" -D "$2/data" -U "$3" --pwfile="$2/password" --auth=scram-sha-256 -E UTF8 --locale=C --no-sync >"$2/log" 2>&1 </dev/null \
            || { cat "$2/log"; finish "$1" "$2"; exit 1; }
        cat >>"$2/data/postgresql.conf" <<END
        listen_addresses = ''
        unix_socket_directories = '$2'
        fsync = off
        full_page_writes = off
        max_connections = 200
        shared_buffers = 64MB
        END
        start "$1" "$2" || { finish "$1" "$2"; exit 1; }
        echo done >&3
        while read -r word; do
            postmaster=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null)
            case "$word" in
                kill) "$1/pg_ctl" -D "$2/data" -m immediate -w -s stop >/dev/null ;;
                start) start "$1" "$2" ;;
                freeze) everyone STOP ;;
                thaw) everyone CONT ;;
                *) false ;;
            esac && echo done >&3 || echo "failed: $word" >&3
        done
        finish "$1" "$2"
        """#
}
