internal import Domain
internal import Glibc
internal import Store
internal import Telemetry

extension Command {
    static let backup = Command(
        name: "backup", usage: "--to FILE",
        about:
            "Writes a consistent copy of the database while the server runs.\nPostgreSQL needs pg_dump (Debian's postgresql-client). Keep ENCRYPTION_KEY with the backup: secrets in it are sealed.",
        valued: ["to"]
    ) { arguments in
        _ = try arguments.operands()
        let instance = try await Instance.open(try Settings.load())
        let path = try arguments.required("to")
        do {
            Console.progress("copying …")
            let manifest = try await instance.store.backup(to: path)
            if Console.isTerminal { Console.progress("") }
            await instance.close()
            Output.show(
                arguments, describe(manifest, path),
                "\(path): \(manifest.bytes) bytes, schema \(manifest.schemaVersion), \(manifest.rows.values.reduce(0, +)) rows")
        } catch {
            await instance.close()
            throw error
        }
    }

    static let restore = Command(
        name: "restore", usage: "--from FILE [--replace]",
        about:
            "Checks a backup, restores it beside the database, and only then puts it in its place.\nStop the server first; on SQLite it is refused while one runs. --replace allows it over a database that holds data; that one is kept beside it.",
        valued: ["from"], flags: ["replace"]
    ) { arguments in
        _ = try arguments.operands()
        let settings = try Settings.load()
        let path = try arguments.required("from")
        guard unsafe access(path, R_OK) == 0 else { throw Failure("\(path) cannot be read: \(unsafe String(cString: strerror(errno)))") }
        let location = try Instance.place(settings)
        let lock = try ServeLock(location)
        let result = try await Store.restore(from: path, to: location, ambient: .live, replace: arguments.has("replace"))
        _ = consume lock
        var json = describe(result.manifest, path).object ?? [:]
        json["former"] = result.former.map { .string($0) } ?? .null
        json["left"] = .array(result.left.map { .string($0) })
        for statement in result.left { Console.error("warning: the former database had more than its user may set: \(statement)") }
        Output.show(
            arguments, .object(json),
            "restored \(path) of \(result.manifest.madeAt.text)" + (result.former.map { "; the former database is kept as \($0)" } ?? ""))
    }

    private static func describe(_ manifest: BackupManifest, _ path: String) -> JSON {
        [
            "file": .string(path), "bytes": .int(manifest.bytes), "schema": .int(Int64(manifest.schemaVersion)),
            "made_at": .string(manifest.madeAt.text), "checksum": .string(manifest.checksum),
            "rows": .object(JSONObject(manifest.rows.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
        ]
    }
}
