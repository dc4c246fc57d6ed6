internal import Domain
internal import Glibc
internal import HTTP
internal import Relay
internal import Provisioning
internal import Secrets
internal import Store
internal import Telemetry

extension Command {
    static let check = Command(
        name: "check", usage: "",
        about:
            "Tests settings, folders, database, accounts, clock and the listen address, and says how to mend what it finds.\nChanges nothing."
    ) { arguments in
        _ = try arguments.operands()
        let results = await SystemCheck().run()
        let bad = results.count { $0.state == .failed }
        Output.show(
            arguments,
            .array(results.map { ["name": .string($0.name), "state": .string($0.state.rawValue), "detail": .string($0.detail)] }),
            results.map { "\($0.state.mark)  \($0.name): \($0.detail)" }.joined(separator: "\n"))
        if bad > 0 { throw Failure("\(bad) of \(results.count) checks failed") }
    }
}

/// What `gatehouse check` looks at, in order; later checks that need a failed one are left out.
struct SystemCheck {
    enum State: String {
        case good, warning, failed
        var mark: String {
            switch self {
            case .good: "ok  "
            case .warning: "note"
            case .failed: "FAIL"
            }
        }
    }
    struct Result {
        let name: String
        let state: State
        let detail: String
    }

    /// Below this much free space the database may stop soon.
    private static let freeBytesWanted: UInt64 = 256 << 20

    func run() async -> [Result] {
        let settings: Settings
        do throws(SettingsErrors) { settings = try Settings.load() } catch {
            return error.problems.map { Result(name: "settings", state: .failed, detail: $0) }
        }
        var results = [Result(name: "settings", state: .good, detail: settings.isProduction ? "production" : "development")]
        results += settings.warnings.map { Result(name: "settings", state: .warning, detail: $0) }
        results += zone(settings) + folders(settings) + logFolder(settings) + [clock(), address(settings)] + certificate(settings)
        return results + (await mail(settings)) + (await database(settings))
    }

    func folders(_ settings: Settings) -> [Result] {
        let folder = settings.dataDirectory
        guard TextFile.couldBeFolder(folder) else {
            return [
                Result(
                    name: "data folder", state: .failed,
                    detail: "DATA_DIR \(folder) is no folder and cannot be made one; check the permissions of the folder above it")
            ]
        }
        var status = stat()
        guard unsafe stat(folder, &status) == 0 else {
            return [Result(name: "data folder", state: .warning, detail: "\(folder) is not there yet; the first start makes it")]
        }
        var results: [Result] = []
        if unsafe access(folder, R_OK | W_OK | X_OK) != 0 {
            results.append(
                Result(name: "data folder", state: .failed, detail: "\(folder) cannot be written; give it to the user that runs gatehouse"))
        } else if status.st_mode & 0o007 != 0 {
            results.append(
                Result(
                    name: "data folder", state: .warning, detail: "\(folder) is open to every user of the machine; run: chmod o= \(folder)")
            )
        } else {
            results.append(Result(name: "data folder", state: .good, detail: folder))
        }
        for name in ["secret_key", "encryption_key"] {
            let path = folder + "/" + name
            guard unsafe stat(path, &status) == 0 else { continue }
            if status.st_mode & 0o077 != 0 {
                results.append(Result(name: "secrets", state: .failed, detail: "\(path) can be read by others; run: chmod 600 \(path)"))
            }
        }
        var space = statvfs()
        if unsafe statvfs(folder, &space) == 0 {
            let free = UInt64(space.f_bavail) * UInt64(space.f_frsize)
            let text = "\(free >> 20) MiB free"
            results.append(
                free < Self.freeBytesWanted
                    ? Result(name: "disk", state: .failed, detail: "\(text); make room, usage cannot be recorded on a full disk")
                    : Result(name: "disk", state: .good, detail: text))
        }
        return results
    }

    func logFolder(_ settings: Settings) -> [Result] {
        guard let folder = settings.logDirectory else { return [] }
        guard TextFile.couldBeFolder(folder) else {
            return [Result(name: "log folder", state: .failed, detail: "LOG_DIR \(folder) cannot be made; check its permissions")]
        }
        if TextFile.exists(folder), unsafe access(folder, W_OK | X_OK) != 0 {
            return [
                Result(
                    name: "log folder", state: .failed,
                    detail: "LOG_DIR \(folder) cannot be written; give it to the user that runs gatehouse")
            ]
        }
        return [Result(name: "log folder", state: .good, detail: folder)]
    }

    private func zone(_ settings: Settings) -> [Result] {
        do {
            _ = try TimeZoneFile.zone(settings.timeZone)
            return []
        } catch { return [Result(name: "time zone", state: .failed, detail: "\(error)")] }
    }

    private func clock() -> Result {
        let now = Ambient.live.now()
        // Tokens and day limits depend on the date; a machine that lost its clock starts at its epoch.
        guard now > Timestamp(year: 2026, month: 1, day: 1) else {
            return Result(name: "clock", state: .failed, detail: "the clock says \(now.text); set it, best with an NTP service")
        }
        return Result(name: "clock", state: .good, detail: now.text)
    }

    private func address(_ settings: Settings) -> Result {
        let isFree = ListenProbe.isFree(settings.host, settings.port)
        let place = "\(settings.host) port \(settings.port)"
        switch isFree {
        case .free: return Result(name: "listen address", state: .good, detail: place)
        case .taken: return Result(name: "listen address", state: .warning, detail: "\(place) is in use; fine when that is this server")
        case .refused(let why): return Result(name: "listen address", state: .failed, detail: "\(place) cannot be used: \(why)")
        }
    }

    private func certificate(_ settings: Settings) -> [Result] {
        guard let tls = settings.tls else { return [] }
        for file in [tls.certificateFile, tls.keyFile] where unsafe access(file, R_OK) != 0 {
            return [Result(name: "TLS", state: .failed, detail: "\(file) cannot be read")]
        }
        do {
            try ListenProbe.checkCertificate(tls)
            return [Result(name: "TLS", state: .good, detail: tls.certificateFile)]
        } catch let error as ServerError {
            return [Result(name: "TLS", state: .failed, detail: error.sentence(listening: "\(settings.host) port \(settings.port)"))]
        } catch {
            return [Result(name: "TLS", state: .failed, detail: "\(error)")]
        }
    }

    /// Asks every VPN node in use.
    private func nodes(_ settings: Settings, _ store: Store) async -> [Result] {
        do {
            let backends = try await store.read { reader throws(StoreError) in try reader.backends(kind: .vpn) }
                .filter { $0.status != .disabled }
            guard !backends.isEmpty else { return [] }
            let vault = try await Vault.open(settings, store)
            let parts = try SalesParts(
                settings: settings, store: store, dataKeys: vault.dataKeys, hasher: vault.hasher, log: .silent, metrics: Metrics(),
                changed: {})
            var results: [Result] = []
            for backend in backends {
                do {
                    results.append(Result(name: "node \(backend.name)", state: .good, detail: try await parts.nodes.test(backend)))
                } catch let error as DriverError {
                    results.append(Result(name: "node \(backend.name)", state: .failed, detail: error.description))
                }
            }
            return results
        } catch { return [Result(name: "nodes", state: .failed, detail: "\(error)")] }
    }

    private func mail(_ settings: Settings) async -> [Result] {
        if settings.mailIsDry {
            return [Result(name: "mail", state: .warning, detail: "dry run: mails are kept in \(settings.dataDirectory)/mail and not sent")]
        }
        guard let server = settings.mailServer else { return [] }
        func failed(_ why: String) -> [Result] {
            // What could not be reached names itself.
            [Result(name: "mail", state: .failed, detail: why.hasPrefix("\(server): ") ? why : "\(server): \(why)")]
        }
        do {
            try await MailParts.client(settings, .live).probe(server)
            return [Result(name: "mail", state: .good, detail: "\(server)\(server.security == .plain ? ", not encrypted" : ", TLS")")]
        } catch let error as MailError {
            switch error {
            case .loginDenied: return failed("it does not take SMTP_USER and SMTP_PASSWORD")
            case .refused(let code), .deferred(let code): return failed("it refuses us with \(code)")
            case .failed(.tls(let why)):
                return failed("\(why); check SMTP_USE_SSL, SMTP_STARTTLS and SMTP_CA_FILE")
            case .failed(let why): return failed("\(why); check SMTP_HOST, SMTP_PORT and the firewall")
            }
        } catch { return failed("\(error)") }
    }

    private func database(_ settings: Settings) async -> [Result] {
        let location: DatabaseLocation
        do throws(ParseError) { location = try settings.databaseLocation() } catch {
            return [Result(name: "database", state: .failed, detail: "DATABASE_URL \(error.message)")]
        }
        // Looking must not make a database.
        if case .sqliteFile(let path) = location, unsafe access(path, F_OK) != 0 {
            return [Result(name: "database", state: .warning, detail: "\(location) is not there yet; the first start makes it")]
                + firstAdmin(settings.firstAdminProblem())
        }
        do {
            let store = try await Store.open(location, ambient: .live, options: settings.storeOptions)
            let pending = try await store.pendingMigrations()
            var results = [
                pending.isEmpty
                    ? Result(name: "database", state: .good, detail: "\(location), schema up to date")
                    : Result(
                        name: "database", state: .warning,
                        detail: "\(location) needs \(pending.joined(separator: ", ")); the next start does it")
            ]
            let isNew = try await store.schemaVersion() == 0
            if isNew { results += firstAdmin(settings.firstAdminProblem()) }
            if pending.isEmpty {
                results += firstAdmin(try await Instance(settings: settings, store: store, ambient: .live).firstAdminProblem())
                let secrets = await secrets(settings, store)
                // Without the key nothing else opens.
                results += try secrets.isEmpty ? await accounts(settings, store) + (await nodes(settings, store)) : secrets
            }
            await store.close()
            return results
        } catch let error as StoreError {
            return [Result(name: "database", state: .failed, detail: error.sentence(opening: location))]
        } catch {
            return [Result(name: "database", state: .failed, detail: "\(location): \(error)")]
        }
    }

    private func firstAdmin(_ problem: String?) -> [Result] {
        problem.map { [Result(name: "first admin", state: .failed, detail: $0)] } ?? []
    }

    private func secrets(_ settings: Settings, _ store: Store) async -> [Result] {
        do {
            try await Vault.check(settings, store)
            return []
        } catch { return [Result(name: "secrets", state: .failed, detail: "\(error)")] }
    }

    private func accounts(_ settings: Settings, _ store: Store) async throws -> [Result] {
        let accounts = try await store.read { reader throws(StoreError) in try reader.accounts() }
        guard !accounts.isEmpty else {
            return [
                Result(
                    name: "accounts", state: settings.isProduction ? .failed : .warning,
                    detail: settings.isDemo
                        ? "none: demo mode answers; add one with: gatehouse account add" : "none; add one with: gatehouse account add")
            ]
        }
        let vault = try await Vault.open(settings, store)
        var results: [Result] = []
        for account in accounts {
            let name = "account \(account.details.name)"
            guard account.status != .disabled else {
                results.append(Result(name: name, state: .warning, detail: "disabled"))
                continue
            }
            let outcome = await AccountProbe(settings).ask(account, vault.keyring)
            results.append(
                Result(
                    name: name, state: outcome.works ? .good : .failed,
                    detail: outcome.detail + (outcome.works ? "" : "; \(outcome.advice)")))
        }
        return results
    }
}

/// Tries the listen address and the certificate without serving anything.
enum ListenProbe {
    enum Answer { case free, taken, refused(String) }

    static func isFree(_ host: String, _ port: UInt16) -> Answer {
        guard let address = IPAddress(host) else { return .refused("it is no address") }
        let descriptor = socket(address.isIPv4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return .refused(unsafe String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let code: Int32
        if address.isIPv4 {
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_port = port.bigEndian
            unsafe inet_pton(AF_INET, host, &place.sin_addr)
            code = unsafe withUnsafePointer(to: &place) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            var place = sockaddr_in6()
            place.sin6_family = sa_family_t(AF_INET6)
            place.sin6_port = port.bigEndian
            unsafe inet_pton(AF_INET6, host, &place.sin6_addr)
            code = unsafe withUnsafePointer(to: &place) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        if code == 0 { return .free }
        return errno == EADDRINUSE ? .taken : .refused(unsafe String(cString: strerror(errno)))
    }

    /// Makes a server that never listens: it reads the files as a real one would.
    static func checkCertificate(_ files: TLSFiles) throws {
        var configuration = ServerConfiguration()
        configuration.tls = files
        _ = try Server(configuration, reactors: [try Reactor(index: 0, ambient: .live)], handler: Refusing())
    }

    private struct Refusing: TaskHandler {
        func handle(_ exchange: Exchange) async { exchange.abort() }
    }
}
