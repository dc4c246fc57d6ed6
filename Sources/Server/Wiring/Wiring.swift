internal import API
internal import Billing
internal import Domain
internal import HTTP
internal import Mail
internal import Relay
internal import Secrets
internal import Store
internal import Synchronization
internal import Telemetry

/// The whole server: starts its parts in order, stops them in reverse.
struct Wiring {
    let settings: Settings
    let log: Log
    let writer: LogWriter
    private let isReady = IsReady()

    private final class IsReady: Sendable {
        let value = Atomic<Bool>(false)
    }

    init(settings: Settings, logging: Logging) {
        self.settings = settings
        log = logging.log
        writer = logging.writer
    }

    /// Runs until a signal has stopped it and everything is drained.
    func serve() async throws {
        let startedAt = Ambient.live.now()
        let signals = Signals.stream()
        // Before anything in it is changed.
        let lock = try ServeLock(try Instance.place(settings))
        let instance = try await Instance.open(settings, schema: .migrate)
        let (store, ambient) = (instance.store, instance.ambient)
        let vault = try await Vault.open(settings, store)
        let people = instance.people()
        let (email, password) = (settings.adminEmail, settings.adminPassword)
        let isPromotedLater = settings.promoteSecret != nil
        if let problem = try await instance.firstAdminProblem() { throw Failure(problem) }
        try await importAccounts(store, vault)

        let metrics = Metrics()
        ProcessMetrics.register(in: metrics, startedAt: startedAt)
        let reactors = try (0..<settings.workers).map { try Reactor(index: $0, ambient: ambient) }
        for reactor in reactors { try reactor.start() }
        let webhooks = try SalesParts.webhooks(settings, store, vault.keyring, log)
        try await webhooks.refresh()
        var configuration = try relayConfiguration(store, webhooks)
        configuration.stickySecret = vault.stickyKey
        let relay = try await Relay.make(
            configuration, store: store, keyring: vault.keyring,
            reloadKeyring: { [settings] in try await Vault.open(settings, store).keyring }, hasher: vault.hasher, reactors: reactors,
            log: log,
            metrics: metrics)
        try await relay.start()
        let keys = RelayKeys(store: store, hasher: vault.hasher, rotated: relay.rotatedKey(from:)) { [log] in
            do { try await relay.refresh() } catch { log.warning("relay.refresh_failed", ["error": LogValue("\(error)")]) }
        }

        let parts = try SalesParts(
            settings: settings, store: store, dataKeys: vault.dataKeys, hasher: vault.hasher, log: log, metrics: metrics,
            webhooks: webhooks, changed: keys.changed)
        try await parts.prepareNodes(settings)
        try await parts.enforceOverdue()

        let mail = try MailParts.sender(settings, store, key: vault.tokenKey, log: log, metrics: metrics)

        let hooks = HTTPHooks(log: log, metrics: metrics)
        let server = try Server(
            serverConfiguration, reactors: reactors, handler: router(store, relay, metrics, startedAt, people, keys, vault, parts),
            hooks: .init(errorResponder: HTTPHooks.refused, onFinished: { hooks.finished($0) }))
        register(metrics, server, relay)
        let port: UInt16
        do { port = try await server.start() } catch {
            throw Failure(error.sentence(listening: "\(settings.host) port \(settings.port)"))
        }
        let background = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await relay.run() }
                group.addTask { await parts.run() }
                if let mail { group.addTask { await mail.run() } }
                group.addTask {
                    await Housekeeping(
                        store: store, log: log, historyMilliseconds: settings.historyMilliseconds,
                        intervalMilliseconds: settings.cleanupMilliseconds
                    ).run()
                }
                // The relay ends when it is stopped and its journal is empty; the rest ends with it.
                await group.next()
                group.cancelAll()
            }
        }
        // After the first accept: hashing the first administrator's password takes longer than everything before.
        let firstAdmin = try await people.ensureFirstAdmin(email: email, password: password, isPromotedLater: isPromotedLater)
        try await announce(port, relay, keys, firstAdmin)
        isReady.value.store(true, ordering: .releasing)
        log.notice("server.started", ["version": LogValue(gatehouseVersion), "host": LogValue(settings.host), "port": LogValue(Int(port))])

        await waitForStop(signals, server)
        isReady.value.store(false, ordering: .releasing)
        log.notice("server.draining", ["seconds": LogValue(settings.drainSeconds)])
        relay.drain()
        let cut = await server.drain(deadline: .seconds(settings.drainSeconds))
        await relay.stop()
        await background.value
        for reactor in reactors { reactor.stop() }
        await store.close()
        _ = consume lock
        log.notice("server.stopped", ["cut_connections": LogValue(cut)])
        writer.flush()
    }

    /// Reloads on SIGHUP, returns on the first SIGTERM or SIGINT; a second one ends the process at once.
    private func waitForStop(_ signals: AsyncStream<ProcessSignal>, _ server: Server) async {
        var iterator = signals.makeAsyncIterator()
        while let signal = await iterator.next() {
            switch signal {
            case .stop:
                Task {
                    for await again in signals where again == .stop { Signals.exitNow() }
                }
                return
            case .reload:
                writer.reopen()
                do throws(TLSError) {
                    try server.reloadTLS()
                    log.notice("server.reloaded")
                } catch {
                    log.error("server.reload_failed", ["error": LogValue(error.sentence), "action": "the old certificate stays in use"])
                }
            }
        }
    }

    // MARK: Parts

    private func relayConfiguration(_ store: Store, _ webhooks: WebhookBook) throws -> RelayConfiguration {
        var configuration = RelayConfiguration(dataDirectory: settings.dataDirectory)
        configuration.limits.concurrent = settings.maxConcurrent
        configuration.limits.deadlines = settings.upstreamDeadlines
        configuration.limits.hiddenErrorWords = settings.hiddenErrorWords
        configuration.limits.billsEstimates = settings.billsEstimates
        configuration.limits.apiVersion = settings.upstreamAPIVersion
        configuration.syncsAlways = settings.syncsAlways
        configuration.allowsLoopback = settings.allowsLoopbackUpstream
        configuration.isDemo = settings.isDemo
        (configuration.program, configuration.programConcurrency, configuration.programSeconds) = settings.claudeCLI
        let direct = DirectWebhook(
            ambient: store.ambient, client: try SalesParts.webhookClient(settings, store), book: webhooks, log: log)
        configuration.alerts = AlertRule(poolMinimum: settings.alertPoolMinimum) { kind in
            webhooks.targets.contains { $0.takes(kind) }
        } tellNow: { kind, body in
            await direct.tell(kind, body)
        }
        configuration.probeSeconds = settings.probeSeconds
        configuration.strategy = settings.accountStrategy
        configuration.publicURL = settings.apiURL
        configuration.openAIQuotaAs429 = settings.openAIQuotaAs429
        configuration.openAICachesFromBytes = settings.openAICacheMarkBytes
        return configuration
    }

    private var serverConfiguration: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.backlog = settings.backlog
        configuration.tls = settings.tls
        configuration.trustedProxies = settings.trustedProxies
        configuration.limits.connectionsPerAddress = settings.connectionsPerAddress
        return configuration
    }

    private func importAccounts(_ store: Store, _ vault: Vault) async throws {
        // Their addresses were checked with the settings.
        let accounts = settings.standardAccounts() + (try settings.listedAccounts())
        try await ImportedAccount.importAll(accounts, into: store, keyring: vault.keyring)
    }

    private func register(_ metrics: Metrics, _ server: Server, _ relay: Relay) {
        let (connections, dropped, pending) = (metrics.gauge(.httpConnections), metrics.gauge(.logDropped), metrics.gauge(.journalPending))
        metrics.beforeExposition { [writer] in
            connections.set(Int64(server.openConnections))
            dropped.set(Int64(clamping: writer.droppedLines))
            pending.set(Int64(relay.pendingRecords))
        }
    }

    private func router(
        _ store: Store, _ relay: Relay, _ metrics: Metrics, _ startedAt: Timestamp, _ people: People, _ keys: RelayKeys, _ vault: Vault,
        _ parts: SalesParts
    ) -> Router {
        Surface(
            settings: settings, store: store, relay: relay, metrics: metrics, startedAt: startedAt, people: people, keys: keys,
            tokenKey: vault.tokenKey, dataKeys: vault.dataKeys, parts: parts,
            log: log, isReady: { [isReady] in isReady.value.load(ordering: .acquiring) }
        ).router()
    }

    // MARK: What a person sees at the start

    private func announce(_ port: UInt16, _ relay: Relay, _ keys: RelayKeys, _ firstAdmin: People.FirstAdmin) async throws {
        let scheme = settings.tls == nil ? "http" : "https"
        let shownHost = ["0.0.0.0", "::"].contains(settings.host) ? "127.0.0.1" : settings.host
        let address = "\(scheme)://\(shownHost.contains(":") ? "[\(shownHost)]" : shownHost):\(port)"
        let url = settings.apiURL ?? address
        var lines = ["gatehouse \(gatehouseVersion) listens on \(address)"]
        lines += settings.warnings.map { "warning: \($0)" }
        if case .made(let user, let password) = firstAdmin {
            lines.append("first admin: \(user.email)" + (password.map { "  password: \($0)  (shown once)" } ?? ""))
        }
        if relay.isDemo {
            lines.append("demo mode: no account is configured, a built-in upstream answers; add one with: gatehouse account add")
            if let secret = try await demoKey(keys) {
                lines.append("try it (the key is shown once):")
                lines.append(
                    "  curl \(url)/v1/messages -H 'x-api-key: \(secret)' -H 'content-type: application/json' -d '{\"model\":\"claude-sonnet-5-5\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'"
                )
            }
        }
        lines.append("docs: \(url)/api/docs")
        Console.print(lines.joined(separator: "\n"))
    }

    /// Made at the first start of a demo; later starts show no secret again.
    private func demoKey(_ keys: RelayKeys) async throws -> String? {
        guard try await keys.list(owner: nil, limit: 1).items.isEmpty else { return nil }
        let made = try await keys.create(RelayKeys.Wish(name: "demo"), owner: nil, actor: "system")
        return made.secret.reveal { $0 }
    }
}
