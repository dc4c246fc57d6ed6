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

    /// Opens the database. With `migrates` the schema is brought up to date first; without, an old or newer one is refused.
    static func open(_ settings: Settings, ambient: Ambient = .live, migrates: Bool = false) async throws -> Instance {
        var ambient = ambient
        ambient.zone = try TimeZoneFile.zone(settings.timeZone)
        let location = try place(settings)
        if !migrates, case .sqliteFile(let path) = location, unsafe access(path, F_OK) != 0 {
            throw Failure(
                "there is no database at \(location); run this in the folder of gatehouse.env, or make one with: gatehouse migrate")
        }
        let store: Store
        do throws(StoreError) {
            store = try await Store.open(location, ambient: ambient, options: settings.storeOptions)
        } catch {
            throw Failure(error.sentence(opening: location))
        }
        let instance = Instance(settings: settings, store: store, ambient: ambient)
        do {
            if migrates {
                _ = try await store.migrate()
            } else if case let pending = try await store.pendingMigrations(), !pending.isEmpty {
                throw Failure("the database at \(location) needs \(pending.joined(separator: ", ")); run: gatehouse migrate")
            }
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
        do throws(ParseError) { return try settings.databaseLocation() } catch { throw Failure("DATABASE_URL \(error.message)") }
    }

    func people() -> People {
        People(store: store, passwords: PasswordHasher(), rule: PasswordRule(minimumLength: settings.passwordMinimumLength))
    }

    func close() async { await store.close() }
}
