internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

extension Command {
    static let serve = Command(
        name: "serve", usage: "",
        about: "Runs the server.\nMigrates the database first. SIGTERM drains and stops, SIGHUP reloads certificate and log files."
    ) { arguments in
        _ = try arguments.operands()
        let settings = try Settings.load()
        try await Wiring(settings: settings, logging: try Logging(settings)).serve()
    }

    static let migrate = Command(
        name: "migrate", usage: "[--check]",
        about: "Brings the database's schema up to date.\n--check changes nothing and fails when something is to be done.", flags: ["check"]
    ) { arguments in
        _ = try arguments.operands()
        let settings = try Settings.load()
        var location = try settings.databaseLocation()
        if arguments.has("check") {
            // Looking must not make one: an empty one in memory has as much to be done.
            if case .sqliteFile(let path) = location, !TextFile.exists(path) {
                if !arguments.wantsJSON { Console.print("there is no database at \(location) yet") }
                location = .sqliteMemory
            }
        } else {
            guard TextFile.createFolder(settings.dataDirectory) else {
                throw Failure("DATA_DIR \(settings.dataDirectory) is no folder and cannot be made one")
            }
        }
        let store = try await Store.open(location, ambient: .live, options: settings.storeOptions)
        do {
            if arguments.has("check") {
                let pending = try await store.pendingMigrations()
                Output.show(
                    arguments, ["pending": .array(pending.map { .string($0) })],
                    pending.isEmpty ? "up to date" : "to be done: \(pending.joined(separator: ", "))")
                if !pending.isEmpty { throw Failure("the schema is not up to date; run: gatehouse migrate") }
            } else {
                let done = try await store.migrate()
                Output.show(
                    arguments, ["done": .array(done.map { .string($0) })],
                    done.isEmpty ? "up to date" : "done: \(done.joined(separator: ", "))")
            }
            await store.close()
        } catch {
            await store.close()
            throw error
        }
    }

    static let version = Command(name: "version", usage: "", about: "Prints the version.") { arguments in
        _ = try arguments.operands()
        Output.show(arguments, ["version": .string(gatehouseVersion)], "gatehouse \(gatehouseVersion)")
    }

    static let openapi = Command(name: "openapi", usage: "", about: "Prints the OpenAPI 3.1 document of the HTTP interface.") { arguments in
        _ = try arguments.operands()
        Console.print(String(decoding: try await Surface.document(), as: UTF8.self))
    }

    static let historyCleanup = Command(
        name: "history cleanup", usage: "[--dry-run]",
        about: "Deletes request history older than HISTORY_RETENTION_DAYS, a few rows at a time. The ledger stays.\n--dry-run only counts.",
        flags: ["dry-run"]
    ) { arguments in
        _ = try arguments.operands()
        let settings = try Settings.load()
        let instance = try await Instance.open(settings)
        let housekeeping = Housekeeping(
            store: instance.store, log: .silent, historyMilliseconds: settings.historyMilliseconds,
            intervalMilliseconds: settings.cleanupMilliseconds)
        let isDry = arguments.has("dry-run")
        let count: Int64
        if isDry {
            count = try await housekeeping.count()
        } else {
            count = Int64(try await housekeeping.clean { Console.progress("\($0) requests deleted") })
            if Console.isTerminal { Console.progress("") }
        }
        await instance.close()
        Output.show(
            arguments, ["requests": .int(count), "dry_run": .bool(isDry)],
            isDry ? "\(count) requests would be deleted" : "\(count) requests deleted")
    }
}
