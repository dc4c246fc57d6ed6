public import Domain
public import HTTP
public import Secrets
public import Store
internal import Synchronization
public import Telemetry

/// What the relay needs to know at start; `Server` fills it from the settings.
public struct RelayConfiguration: Sendable {
    /// Holds the folder `journal`.
    public var dataDirectory: String
    public var limits = RelayLimits()
    /// `JOURNAL_FSYNC=always`: the last byte of a reply waits for the disk.
    public var syncsAlways = false
    /// Upstream URLs on this machine are allowed, with plain http.
    public var allowsLoopback = false
    /// Answers without an account.
    public var isDemo = false
    /// What an empty price list begins with.
    public var prices = PriceTable.starting
    /// `API_URL`, for links in answers; nil: as the caller reached us.
    public var publicURL: String?
    /// Names that older clients ask for, on the surfaces that are not Messages.
    public var aliases = ModelAliases.standard
    /// `OPENAI_QUOTA_AS_429`: used-up budgets are told as 429 in the OpenAI dialect.
    public var openAIQuotaAs429 = false
    /// `OPENAI_CACHE_MARK_BYTES`: requests of more bytes in the OpenAI dialect get cache marks; nil: none do.
    public var openAICachesFromBytes: Int? = 16_384
    /// How one of several equally preferred accounts is chosen, unless a group says otherwise.
    public var strategy = SchedulingStrategy.headroom
    /// The operator's own command line client for accounts of the kind `cli` (`CLAUDE_CLI`): an absolute path; nil: such accounts rest.
    public var program: String?
    /// Children of it at once.
    public var programConcurrency = 2
    /// Of one child, from start to end.
    public var programSeconds: Int64 = 300
    /// Accounts that were idle for so long are asked whether they work; nil: never.
    public var probeSeconds: Int64?
    /// Nil: nobody is told of anything.
    public var alerts: AlertRule?
    /// Keys the hash of sessions; nil makes one for this process, so that its sessions are forgotten with it.
    public var stickySecret: SecretBytes?
    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    var journalFolder: String { dataDirectory + "/journal" }
}

/// The LLM data path. `start` before the server listens, `run` beside it, `drain` before the server drains, `stop` after.
public final class Relay: Sendable {
    let services: RelayServices
    private let store: Store
    private let reader: PoolReader
    let health: HealthKeeper
    private let queries: RelayQueries
    private let outputs: OutputLoading
    let batches: BatchBooks
    private let hasher: RelayKeyHasher
    private let chatRuns: ChatRuns
    private let chatBook: ChatBook
    private let worker: CLIWorker?
    let alerts: AlertWatch?
    let probe: IdleProbe?
    private let configuration: RelayConfiguration

    /// How long another node's change of a key or account may go unnoticed (relay contract, section 2).
    private static let refreshSeconds = 3

    /// - Parameter reloadKeyring: reads the data keys again, after another process has made one.
    public init(
        _ configuration: RelayConfiguration, store: Store, keyring: Keyring, reloadKeyring: @escaping @Sendable () async throws -> Keyring,
        hasher: RelayKeyHasher, reactors: [Reactor], log: Log, metrics: Metrics
    ) throws {
        self.store = store
        self.hasher = hasher
        self.configuration = configuration
        chatRuns = ChatRuns(ambient: store.ambient)
        worker = configuration.program.map { program in
            var own = CLIWorker.Configuration(program: program, folder: configuration.dataDirectory + "/cli")
            (own.concurrency, own.timeoutSeconds) = (configuration.programConcurrency, configuration.programSeconds)
            return CLIWorker(own)
        }
        let rule = AddressRule(allowsLoopback: configuration.allowsLoopback)
        let ambient = store.ambient
        let (resolver, trust) = (Resolver(ambient: ambient), UpstreamTrust())
        let accounts = AccountDirectory(strategy: configuration.strategy)
        let reader = PoolReader(accounts: accounts, store: store, keyring: keyring, reloadKeyring: reloadKeyring, rule: rule, log: log)
        self.reader = reader
        chatBook = ChatBook(store: store, keyring: { reader.keyring }, reload: reloadKeyring)
        health = HealthKeeper(accounts: accounts, store: store, log: log)
        let notices = RelayNotices()
        let outgoing = OutgoingClient(ambient: ambient, rule: rule)
        let tokens = TokenRefresher(
            store: store, keyring: { reader.keyring }, client: { () throws(ClientError) in try outgoing.client() }, log: log,
            metrics: metrics, notices: notices, waits: { accounts.pool.account($0)?.live.noteRenewal(at: $1) }
        ) {
            do { try await reader.refresh() } catch { log.warning("relay.refresh_failed", ["error": LogValue("\(error)")]) }
        }
        let prices = PriceBook(configuration.prices)
        services = RelayServices(
            keys: KeyDirectory(hasher: hasher), accounts: accounts,
            sessions: StickyIdentity(secret: configuration.stickySecret ?? SecretBytes(ambient.randomBytes(32))), tokens: tokens,
            mover: try JournalMover(
                folder: configuration.journalFolder, count: reactors.count, store: store, prices: prices,
                ambient: ambient, log: log, metrics: metrics, billsEstimates: configuration.limits.billsEstimates),
            prices: prices, zone: ambient.zone,
            pools: reactors.map { UpstreamPool(reactor: $0, resolver: resolver, trust: trust) }, limits: configuration.limits,
            spillFolder: configuration.journalFolder,
            durability: configuration.syncsAlways ? .always : .interval, ambient: ambient, log: log, metrics: metrics,
            demo: configuration.isDemo ? DemoUpstream() : nil,
            bodies: BodyKeeper(store: store, keyring: { reader.keyring }, reload: reloadKeyring, log: log, metrics: metrics),
            publicURL: configuration.publicURL,
            notices: notices)
        alerts = configuration.alerts.map { [services] in AlertWatch(services, store: store, rule: $0, metrics: metrics) }
        probe = configuration.probeSeconds.map { [services] seconds in
            IdleProbe(
                services: services, store: store,
                tester: { AccountTester(store, keyring: reader.keyring, allowsLoopback: configuration.allowsLoopback) },
                idleSeconds: seconds)
        }
        outputs = OutputLoading(keys: services.keys, store: store, log: log, before: RequestID(ambient))
        batches = BatchBooks(services: services, store: store)
        queries = RelayQueries(
            services: services, models: ModelList(prices: prices, models: services.models),
            history: RequestHistory(store: store, ambient: ambient, zone: ambient.zone, bodies: services.bodies))
        AccountGauges.register(in: metrics, accounts, ambient)
    }

    /// As `init`. Where the disk has no room for new journals, what earlier processes left is booked first: their files go with it.
    public static func make(
        _ configuration: RelayConfiguration, store: Store, keyring: Keyring, reloadKeyring: @escaping @Sendable () async throws -> Keyring,
        hasher: RelayKeyHasher, reactors: [Reactor], log: Log, metrics: Metrics
    ) async throws -> Relay {
        func made() throws -> Relay {
            try Relay(
                configuration, store: store, keyring: keyring, reloadKeyring: reloadKeyring, hasher: hasher, reactors: reactors, log: log,
                metrics: metrics)
        }
        do { return try made() } catch let error as JournalError {
            guard error.isWantOfRoom else { throw error }
            let prices = PriceBook(configuration.prices)
            try await prices.fill(store)
            let booking = JournalBooking(
                folder: configuration.journalFolder, store: store, prices: prices, billsEstimates: configuration.limits.billsEstimates,
                ambient: store.ambient, log: log, metrics: metrics)
            _ = try await booking.adopt(besides: "")
            return try made()
        }
    }

    /// Settles what earlier processes left, then loads keys, accounts and today's counters.
    public func start() async throws {
        // First the prices: what a dead process left is booked by them.
        try await services.priceBook.fill(store)
        try await services.mover.adopt()
        try await refresh(loading: nil)
        try await loading.run(LimitLoading.targets(services.keys.all), .start)
        try await batches.holdOpen()
    }

    /// Reads changed keys and accounts. Called at once after a local change, and every few seconds for changes elsewhere.
    public func refresh() async throws { try await refresh(loading: loading) }

    private var loading: LimitLoading { LimitLoading(store: store, zone: services.zone) }

    private func refresh(loading: LimitLoading?) async throws {
        try await services.keys.writeActivations(to: store)
        for refused in try await services.keys.writeRehashes(to: store) {
            services.log.error(
                "key.not_rehashed",
                ["key": LogValue(refused.id), "why": .text(refused.why), "action": "look at both keys: gatehouse key list"])
        }
        try await services.keys.refresh(from: store, loading: loading)
        try await services.priceBook.refresh(store)
        try await services.models.refresh(store)
        try await reader.refresh()
    }

    /// Moves the journal to the ledger and keeps keys and accounts fresh, until `stop`.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.services.mover.syncEverySecond() }
            group.addTask { await self.refreshRegularly() }
            group.addTask { await self.batches.run() }
            group.addTask { await self.health.run() }
            group.addTask { await self.services.bodies.run() }
            group.addTask { await self.outputs.run() }
            if let probe = self.probe { group.addTask { await probe.run() } }
            if let alerts = self.alerts { group.addTask { await alerts.run() } }
            group.addTask { await self.services.tokens.run() }
            await services.mover.run()
            group.cancelAll()
        }
    }

    private func refreshRegularly() async {
        while !Task.isCancelled {
            do { try await services.ambient.sleep(.seconds(Self.refreshSeconds)) } catch { return }
            do { try await refresh() } catch {
                services.log.warning("relay.refresh_failed", ["error": LogValue("\(error)")])
            }
        }
    }

    /// New requests get 503 from here on; those under way go on.
    public func drain() {
        services.isDraining.store(true, ordering: .relaxed)
        services.slots.endWaiting()
        services.keys.endWaiting()
    }
    /// After the last exchange: waits until every request is settled and every program has ended, moves what is left to the ledger, then lets `run` end.
    public func stop() async {
        // A cut connection settles its request in the next turns of its reactor.
        for _ in 0..<Self.settleLooks where services.slots.inFlight > 0 {
            do { try await services.ambient.sleep(.milliseconds(5)) } catch { break }
        }
        // Nothing of a program may outlive the server: its processes and its folder, which holds words of a customer.
        if let worker {
            for _ in 0..<Self.programLooks where worker.running > 0 {
                worker.stop()
                do { try await services.ambient.sleep(.milliseconds(5)) } catch { break }
            }
        }
        services.mover.stop()
    }
    /// Times 5 ms; a killed process is gone long before.
    private static let programLooks = 200
    /// Times 5 ms; requests that are still open then stay in the journal for the next start.
    private static let settleLooks = 1000

    /// Accounts that could serve now, and all of them.
    public var accountCounts: (usable: Int, all: Int) {
        (services.accounts.usableCount(at: services.ambient.now()), services.accounts.pool.everyone.count)
    }
    /// Requests under way in this process, for each key that has any.
    public var inFlight: [(key: APIKeyID, count: Int64)] {
        services.keys.all.map { (key: $0.key.id, count: $0.counters.concurrent) }.filter { $0.count > 0 }.sorted { $0.key < $1.key }
    }
    /// Takes the places of a key's requests in this process away from them; they themselves go on. How many; nil for an unknown key.
    public func clearPlaces(of id: APIKeyID) -> Int64? { services.keys.find(id).map { LimitCounters.clearPlaces($0.holders) } }
    /// The key whose secret had that hash before it was rotated, its grace over or not.
    @Sendable public func rotatedKey(from hash: [UInt8]) -> APIKeyID? { services.keys.rotated(from: hash) }
    /// Renews an OAuth account's access token, unless there is one newer than generation `known`. Whether there is one now.
    public func renewToken(of id: AccountID, known: Int64) async -> Bool { await services.tokens.renew(id, known: known) }
    /// An account was tried beside the data path: what that used counts against its caps here.
    public func tested(_ id: AccountID, _ outcome: AccountTester.Outcome) {
        if let account = services.accounts.pool.account(id) { outcome.count(account, now: services.ambient.now()) }
    }
    /// The price list in nano-USD a token, a row an entry, by model and date.
    public var priceList: [JSON] { services.prices.list }
    public var isDemo: Bool { services.demo != nil && services.accounts.isEmpty }
    /// Journal records that the ledger does not have yet.
    public var pendingRecords: Int { services.mover.journals.reduce(0) { $0 + $1.pendingRecords } }

    /// The prefixes under which the Messages surface answers (relay contract, section 1).
    public static let prefixes = ["", "/api", "/claude"]
    /// Where clients of the OpenAI dialect are pointed to as well.
    static let openAIPrefixes = prefixes + ["/openai", "/openai/claude"]
    static let messagePrefixes = prefixes + ["/api/claude", "/claude/claude"]
    /// Every base address has its list of models.
    static let modelPrefixes = openAIPrefixes + ["/api/claude", "/claude/claude"]

    /// The data path's, for the router.
    public var routes: [RawRoute] {
        let (messages, queries) = (MessagesHandler(services: services), queries)
        let (counting, batches) = (
            TokenCounting(services: services), BatchesHandler(services: services, books: batches, store: store)
        )
        let openAI = OpenAIHandler(
            messages: messages, aliases: configuration.aliases, hasher: hasher, quotaAs429: configuration.openAIQuotaAs429,
            cachesFromBytes: configuration.openAICachesFromBytes)
        let programs: [any TurnSource] = worker.map { [ProgramTurns(messages: messages, worker: $0)] } ?? []
        let chat = ChatHandler(
            services: services, runs: chatRuns, book: chatBook, aliases: configuration.aliases,
            sources: programs + [RelayedTurns(messages: messages)])
        func plain(_ description: EndpointDescription, _ handle: @escaping @Sendable (Exchange) async -> Void) -> RawRoute {
            RawRoute(description) { exchange, _ in await handle(exchange) }
        }
        func ofBatch(_ description: EndpointDescription, _ handle: @escaping @Sendable (Exchange, _ id: String) async -> Void) -> RawRoute {
            RawRoute(description, prefixes: Self.prefixes) { exchange, _ in
                await handle(exchange, PathParts.after("batches", exchange.head.pathText))
            }
        }
        func query(_ description: EndpointDescription, _ handle: @escaping @Sendable (Exchange) async -> Void) -> RawRoute {
            RawRoute(description, prefixes: Self.prefixes) { exchange, _ in await handle(exchange) }
        }
        return [
            RawRoute(RouteDescriptions.messages, prefixes: Self.messagePrefixes, begin: messages.begin),
            RawRoute(RouteDescriptions.models, prefixes: Self.modelPrefixes) { exchange, _ in await queries.models(exchange) },
            RawRoute(RouteDescriptions.model, prefixes: Self.modelPrefixes) { exchange, _ in await queries.model(exchange) },
            RawRoute(RouteDescriptions.completions, prefixes: Self.openAIPrefixes) { exchange, _ in await openAI.handle(exchange) },
            query(RouteDescriptions.history) { await queries.history($0) }, query(RouteDescriptions.request) { await queries.request($0) },
            query(RouteDescriptions.export) { await queries.export($0) }, query(RouteDescriptions.keyInfo) { await queries.keyInfo($0) },
            query(RouteDescriptions.keyUsage) { await queries.usage($0) }, query(RouteDescriptions.me) { await queries.me($0) },
            query(RouteDescriptions.balance) { await queries.balance($0) },
            query(RouteDescriptions.statistics) { await queries.statistics($0) },
            RawRoute(RouteDescriptions.countTokens, prefixes: Self.messagePrefixes) { exchange, _ in await counting.handle(exchange) },
            query(RouteDescriptions.createBatch) { await batches.create($0) }, query(RouteDescriptions.batches) { await batches.list($0) },
            ofBatch(RouteDescriptions.batch) { await batches.one($0, id: $1) },
            ofBatch(RouteDescriptions.cancelBatch) { await batches.cancel($0, id: $1) },
            ofBatch(RouteDescriptions.batchResults) { await batches.results($0, id: $1) },
            ofBatch(RouteDescriptions.deleteBatch) { await batches.delete($0, id: $1) },
            plain(RouteDescriptions.chat) { await chat.ask($0) }, plain(RouteDescriptions.chatStream) { await chat.stream($0) },
            plain(RouteDescriptions.chatTicket) { await chat.ticket($0) },
            plain(RouteDescriptions.conversations) { await chat.conversations($0) },
            plain(RouteDescriptions.conversation) { await chat.conversation($0) },
            plain(RouteDescriptions.deleteConversation) { await chat.delete($0) },
        ]
    }
}

/// The relay's read-only answers, all for the calling key.
struct RelayQueries: Sendable {
    let services: RelayServices
    let models: ModelList
    let history: RequestHistory

    func models(_ exchange: Exchange) async {
        // Clients of the OpenAI dialect know no paging; those that do name the version of their interface.
        let standard = exchange.head.value(of: "anthropic-version") == nil ? 1000 : 20
        await answer(exchange) { key, query, _ in try models.list(key, query: query, standard: standard) }
    }
    func model(_ exchange: Exchange) async {
        await answer(exchange) { key, _, last in try models.one(key, id: last) }
    }
    func history(_ exchange: Exchange) async {
        await answer(exchange, .olderRelay) { key, query, _ in try await history.list(key, query: query) }
    }
    func export(_ exchange: Exchange) async {
        await refusing(exchange, .olderRelay) { try await HistoryExport(services: services, history: history).handle(exchange) }
    }
    func keyInfo(_ exchange: Exchange) async { await answer(exchange, .olderRelay) { key, _, _ in try await own.info(key) } }
    func usage(_ exchange: Exchange) async { await answer(exchange, .olderRelay) { key, _, _ in try await own.usage(key) } }
    func me(_ exchange: Exchange) async { await answer(exchange, .olderRelay) { key, _, _ in own.me(key) } }
    func balance(_ exchange: Exchange) async { await answer(exchange, .olderRelay) { key, _, _ in try await own.balance(key) } }
    func statistics(_ exchange: Exchange) async {
        await answer(exchange, .olderRelay) { key, query, _ in try await own.statistics(key, query: query) }
    }
    private var own: KeySelfService { KeySelfService(store: history.store, ambient: history.ambient, zone: services.zone) }

    func request(_ exchange: Exchange) async {
        await answer(exchange, .olderRelay) { key, _, last in try await history.one(key, id: last) }
    }

    private func answer(
        _ exchange: Exchange, _ dialect: ErrorDialect? = nil,
        _ make: (_ key: RelayKey, _ query: [(name: String, value: String)], _ last: String) async throws -> JSON
    ) async {
        let (path, query) = (exchange.head.pathText, exchange.head.queryText)
        await refusing(exchange, dialect) {
            let key = try RelayGate.key(exchange, services)
            let last = path.split(separator: "/").last.flatMap(QueryText.decode) ?? ""
            let json = try await make(key, QueryText.parse(query), last)
            exchange.respond(
                Response(
                    status: 200,
                    headers: [
                        "content-type": "application/json", "cache-control": "no-store", "x-relay-request-id": exchange.id.text,
                        "request-id": exchange.id.text,
                    ], body: json.bytes))
        }
    }

    private func refusing(_ exchange: Exchange, _ dialect: ErrorDialect?, _ work: () async throws -> Void) async {
        do { try await work() } catch let problem as RelayProblem {
            services.meters.refused(problem)
            exchange.respond(refusal(problem, dialect, exchange))
        } catch {
            services.log.error("relay.query_failed", ["error": LogValue("\(error)")], request: exchange.id)
            exchange.respond(refusal(.cannotRead, dialect, exchange))
        }
    }

    private func refusal(_ problem: RelayProblem, _ dialect: ErrorDialect?, _ exchange: Exchange) -> Response {
        let plain = problem.response(request: exchange.id)
        if let dialect {
            var told = dialect.response(Problem(problem.kind, problem.message), id: exchange.id)
            for field in plain.headers.fields where told.headers[field.name] == nil { told.headers.add(field.name, field.value) }
            return told
        }
        guard exchange.head.pathText.hasPrefix("/openai") else { return plain }
        let told = OpenAIProblem(status: plain.status, messagesBody: (try? JSON(parsing: plain.body)) ?? .null, quotaAs429: false)
        return Response(status: told.status, headers: plain.headers, body: told.json.bytes)
    }
}
