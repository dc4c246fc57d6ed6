internal import API
internal import Domain
internal import HTTP
internal import Relay
internal import Secrets
internal import Store
internal import Telemetry
internal import Web

/// Everything the server answers, in one place: what is mounted, and with which ports behind it.
struct Surface {
    let settings: Settings
    let store: Store
    /// Nil when only the document is wanted.
    let relay: Relay?
    let metrics: Metrics
    let startedAt: Timestamp
    let people: People
    let keys: RelayKeys
    /// SECRET_KEY, for logins.
    let tokenKey: SecretBytes
    /// Seals what is kept for idempotent calls, and accounts' secrets.
    let dataKeys: DataKeys
    let parts: SalesParts
    let log: Log
    let isReady: @Sendable () -> Bool

    func router() -> Router {
        Router(
            OpenAPIEndpoint.added(
                to: endpoints, raw: rawRoutes, info: Self.info(server: settings.apiURL ?? "/", version: settings.shownVersion)),
            raw: rawRoutes,
            options: RouterOptions(
                allowedHosts: settings.allowedHosts, crossOrigins: settings.crossOrigins,
                idempotency: .stored(in: store, keys: dataKeys)
            ) { [log] error, request in Problems(log: log).describe(error, request) })
    }

    static func info(server: String = "/", version: String = gatehouseVersion) -> OpenAPIDocument.Info {
        OpenAPIDocument.Info(
            title: "Gatehouse", version: version,
            description: "Sells, provisions, meters and bills access services. Errors carry a stable code and the request's id.",
            server: server,
            sessionCookie: SessionCookie(isPlain: false).name)
    }

    /// The OpenAPI document as a server with these settings would give it; nothing is started for it.
    static func document() async throws -> [UInt8] {
        let settings = try Settings(environment: [:], file: nil, readFile: { _ in nil })
        let store = try await Store.open(.sqliteMemory, ambient: .live)
        _ = try await store.migrate()
        let hasher = RelayKeyHasher(pepper: SecretBytes(store.ambient.randomBytes(32)))
        let password = SecretBytes(store.ambient.randomBytes(32))
        let dataKeys = DataKeys(
            try Keyring.open(
                [try Keyring.makeDataKey(encryptionKey: password, ambient: store.ambient)], encryptionKey: password, legacyKey: nil,
                ambient: store.ambient))
        let surface = Surface(
            settings: settings, store: store, relay: nil, metrics: Metrics(), startedAt: store.ambient.now(),
            people: People(store: store, passwords: PasswordHasher(), rule: PasswordRule(minimumLength: 8)),
            keys: RelayKeys(store: store, hasher: hasher, changed: {}), tokenKey: SecretBytes(store.ambient.randomBytes(32)),
            dataKeys: dataKeys,
            parts: try SalesParts(
                settings: settings, store: store, dataKeys: dataKeys, hasher: hasher, log: .silent, metrics: Metrics(), changed: {}),
            log: .silent, isReady: { false })
        let document = OpenAPIDocument(surface.router().descriptions + Relay.descriptions, info: info()).bytes
        await store.close()
        return document
    }

    private var endpoints: [MountedEndpoint] {
        let (store, relay) = (store, relay)
        let storageName = store.dialect == .sqlite ? "sqlite" : "postgres"
        let monitor = HealthMonitor(
            [HealthProbe(storageName, "redis") { try await store.health() }], ambient: store.ambient)
        let health = Health(
            version: settings.shownVersion, startedAt: startedAt, ambient: store.ambient, monitor: monitor, isReady: isReady,
            stats: {
                guard let relay else { return [:] }
                let accounts = relay.accountCounts
                return [
                    "accounts": .int(Int64(accounts.all)), "usable_accounts": .int(Int64(accounts.usable)),
                    "journal_pending": .int(Int64(relay.pendingRecords)), "demo": .bool(relay.isDemo),
                ]
            })
        return health.endpoints + Probes.endpoints(version: settings.shownVersion)
            + MetricsEndpoint(metrics, token: settings.metricsToken, requiresToken: settings.isProduction).endpoints
            + DocsPage(folder: SharedFiles.folder(settings) + "/swagger-ui").endpoints + signedIn
    }

    private var signedIn: [MountedEndpoint] {
        let limiter = AttemptLimiter(store)
        let factors = SecondFactors(store: store, keys: dataKeys, issuer: settings.invoiceIssuer)
        let signIn = SignIn(
            people: people, algorithm: settings.tokenAlgorithm, key: tokenKey, limiter: limiter,
            registration: SignIn.Registration(rawValue: settings.registration) ?? .off, lifetimeMinutes: settings.tokenMinutes,
            verification: settings.emailVerification, factors: factors,
            log: log, metrics: metrics)
        let door = SessionDoor(signIn, cookie: SessionCookie(isPlain: isPlain))
        let links = AccountLinks(people: people, limiter: limiter, sendsMail: settings.sendsMail, log: log)
        let promotion = Promotion(store: store, secret: settings.promoteSecret, limiter: limiter, log: log)
        return Authentication(door).endpoints + TokenEndpoints(door).endpoints
            + AccountLinkEndpoints(links, people, door).endpoints + AccountPages().endpoints
            + SecondFactorEndpoints(factors, people, door).endpoints
            + PromotionEndpoints(promotion, people, door).endpoints
            + Keys(keys, door).endpoints
            + KeyAdministration(keys, door, explanation: explanation).endpoints + Users(people, keys, door).endpoints
            + ModelAdministration(models, door).endpoints + PriceAdministration(priceRows, door).endpoints
            + TeamAdministration(RelayTeams(store: store, changed: keys.changed), door).endpoints
            + Accounts(accounts, door).endpoints + AccountGroupEndpoints(accounts, door).endpoints
            + Stats(keys, door).endpoints
            + KeptBodies(store, door, keyring: opening).endpoints
            + HistoryCleanup(store, door, retentionMilliseconds: settings.historyMilliseconds).endpoints + older(door)
            + parts.endpoints(people, door, settings)
    }
    /// The data keys that open something, also after `secrets rotate`.
    private var opening: @Sendable ([UInt8]) async throws -> Keyring {
        { [dataKeys, store] sealed in
            try await dataKeys.learn([sealed], in: store)
            return dataKeys.keyring
        }
    }
    private var priceRows: PriceAdministration.Ports {
        PriceAdministration.Ports { [store] in
            try await PriceImport.all(of: store).map(Command.json)
        } add: { [store, relay, log] document, actor, request in
            let outcome = try await PriceImport.add(document, to: store, actor: actor, request: request)
            do { try await relay?.refresh() } catch { log.warning("relay.refresh_failed", ["error": LogValue("\(error)")]) }
            return outcome
        }
    }
    private var models: RelayModels {
        RelayModels(store: store) { [store] in
            try await ModelTable.list(store)
        } changed: { [relay, log] in
            do { try await relay?.refresh() } catch { log.warning("relay.refresh_failed", ["error": LogValue("\(error)")]) }
        }
    }
    /// What stands in a key's way now, as the data path knows it.
    private var explanation: @Sendable (APIKeyID, KeyQuestion) -> JSON? { { [relay] id, question in relay?.explain(id, question) } }

    /// What dashboards of the older relay talk to.
    private func older(_ door: SessionDoor) -> [MountedEndpoint] {
        let pool = PoolView(
            prices: { [relay] in relay?.priceList ?? [] }, inFlight: { [relay] in relay?.inFlight ?? [] },
            usableAccounts: { [relay] in relay?.accountCounts.usable ?? 0 }, clear: { [relay] id in relay?.clearPlaces(of: id) })
        let shares = ShareTokens(key: tokenKey)
        return WebAuth(door, adminEmail: settings.adminEmail, isSecure: !isPlain).endpoints
            + OlderKeys(keys, door, shares).endpoints + OlderStats(keys, shares, explanation: explanation).endpoints
            + OlderPool(store, door, pool, changed: keys.changed).endpoints + OlderAccounts(accounts, door).endpoints
    }
    /// The pool, with the running relay's knowledge of it.
    private var accounts: RelayAccounts {
        let (store, relay, log, loopback, settings) = (store, relay, log, settings.allowsLoopbackUpstream, settings)
        var ports = RelayAccounts.Ports()
        if let relay {
            ports.changed = {
                do { try await relay.refresh() } catch { log.warning("relay.refresh_failed", ["error": LogValue("\(error)")]) }
            }
            ports.refresh = { id, generation in await relay.renewToken(of: id, known: generation) }
            ports.standing = { relay.insight.standing() }
            ports.explain = { model, key in relay.insight.explain(model: model, key: key) }
        }
        let dataKeys = dataKeys
        ports.test = { id, model in
            guard let outcome = try await RelayAccounts.test(id, model, store, dataKeys, settings) else { return nil }
            relay?.tested(id, outcome)
            return (outcome.works, outcome.code, outcome.detail)
        }
        return RelayAccounts(store: store, keyring: { dataKeys.keyring }, allowsLoopback: loopback, ports: ports)
    }

    /// Whether browsers come by plain HTTP, where they drop Secure cookies. Production does not give in to that.
    private var isPlain: Bool {
        !settings.isProduction && (settings.apiURL.map { $0.lowercased().hasPrefix("http://") } ?? (settings.tls == nil))
    }

    private var rawRoutes: [RawRoute] { relay?.routes ?? [] }
}
