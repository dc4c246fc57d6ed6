internal import API
internal import Domain
internal import Glibc
internal import Secrets
internal import Store
internal import Telemetry

/// The parts that `serve` and the other commands share: settings, database, secrets, use cases.
struct Instance: Sendable {
    let settings: Settings
    let store: Store
    let ambient: Ambient

    /// What may be done to the schema before anything else. A newer one than this program's is always refused.
    enum SchemaRule {
        /// Brought up to date.
        case migrate
        /// Made where there is none yet. An older one is refused: the server that uses it may be running.
        case make
        /// Has to be there and up to date.
        case keep
    }

    /// Opens the database.
    static func open(_ settings: Settings, ambient: Ambient = .live, schema: SchemaRule = .keep) async throws -> Instance {
        var ambient = ambient
        ambient.zone = try TimeZoneFile.zone(settings.timeZone)
        // Before any folder is made: a command in the wrong place leaves nothing behind.
        let location = try location(settings)
        if schema == .keep, case .sqliteFile(let path) = location, unsafe access(path, F_OK) != 0 {
            throw Failure(
                "there is no database at \(location); run this in the folder of gatehouse.env, or make one with: gatehouse migrate")
        }
        _ = try place(settings)
        let store: Store
        do throws(StoreError) {
            store = try await Store.open(location, ambient: ambient, options: settings.storeOptions)
        } catch {
            throw Failure(error.sentence(opening: location))
        }
        let instance = Instance(settings: settings, store: store, ambient: ambient)
        do {
            try await instance.prepare(schema, location)
        } catch StoreError.newerSchema(let found, let known) {
            await store.close()
            throw Failure("the database has schema \(found), this program knows \(known); use a newer gatehouse or restore an older backup")
        } catch {
            await store.close()
            throw error
        }
        return instance
    }

    /// Where the database is, and DATA_DIR, which is made when it is not there.
    static func place(_ settings: Settings) throws(Failure) -> DatabaseLocation {
        guard TextFile.createFolder(settings.dataDirectory) else {
            throw Failure(
                "DATA_DIR \(settings.dataDirectory) is no folder and cannot be made one; check the permissions of the folder above it")
        }
        return try location(settings)
    }
    private static func location(_ settings: Settings) throws(Failure) -> DatabaseLocation {
        do throws(ParseError) { return try settings.databaseLocation() } catch { throw Failure("DATABASE_URL \(error.message)") }
    }

    private func prepare(_ schema: SchemaRule, _ location: DatabaseLocation) async throws {
        switch schema {
        case .migrate: _ = try await store.migrate()
        case .make where try await store.schemaVersion() == 0: _ = try await store.migrate()
        case .make, .keep:
            let pending = try await store.pendingMigrations()
            guard pending.isEmpty else {
                throw Failure(
                    "the database at \(location) needs \(pending.joined(separator: ", ")); take a backup with the program that runs now, then run: gatehouse migrate"
                )
            }
        }
    }

    func people() -> People {
        People(store: store, passwords: PasswordHasher(), rule: PasswordRule(minimumLength: settings.passwordMinimumLength))
    }

    /// Why the first administrator could not be made; nil when all is well or there is one.
    func firstAdminProblem() async throws -> String? {
        guard let problem = settings.firstAdminProblem() else { return nil }
        return try await store.read { reader throws(StoreError) in try reader.anyAdminExists() } ? nil : problem
    }

    func close() async { await store.close() }
}
