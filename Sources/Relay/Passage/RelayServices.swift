internal import Domain
public import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// Limits of the data path, with the settings that change them.
public struct RelayLimits: Sendable {
    /// A Messages body (relay contract, section 4).
    public var bodyBytes = 32 << 20
    /// Bodies in memory of all requests under way together: each is kept until its last attempt.
    public var heldBodyBytes = 256 << 20
    /// Larger bodies wait in files without a name instead (`spillFolder`).
    public var bodyBytesInMemory = 1 << 20
    /// All of these files together.
    public var spilledBodyBytes = 2 << 30
    /// A complete answer that is no stream.
    public var responseBytes = 64 << 20
    /// Requests under way over all keys; nil is no limit (`MAX_CONCURRENT`).
    public var concurrent: Int?
    /// Accounts tried for one request.
    public var attempts = 3
    /// How long a request waits for one of those places.
    public var placeSeconds: UInt64 = 60
    /// Streams that may be read to their end after their client has gone, for accounts that want it; more are cut.
    public var drains = 64
    /// Of one such stream.
    public var drainBytes = 8 << 20
    public var drainSeconds: UInt64 = 120
    /// Whoever leaves before the upstream has answered pays for the input, as an estimate (`BILL_ESTIMATES`).
    public var billsEstimates = true
    /// Error bodies of upstreams that hold one of these, in lower case, are not shown to customers (`UPSTREAM_ERROR_HIDES`).
    public var hiddenErrorWords: [String] = []
    /// `anthropic-version` of requests that are built here, for the OpenAI and chat interfaces (`UPSTREAM_API_VERSION`). What a client
    /// says itself passes as it came.
    public var apiVersion = "2023-06-01"
    /// Silence on a stream after which a ping goes to the client.
    public var pingSeconds: UInt64 = 15
    public var deadlines = UpstreamDeadlines()
    public init() {}
}

/// What every relayed request needs, made once at start.
final class RelayServices: Sendable {
    let keys: KeyDirectory
    let accounts: AccountDirectory
    /// Tells sessions apart, for sticky accounts.
    let sessions: StickyIdentity
    /// Renews the tokens of OAuth accounts.
    let tokens: TokenRefresher
    let mover: JournalMover
    let priceBook: PriceBook
    var prices: PriceTable { priceBook.table }
    /// What operators have said of models.
    let models = ModelBook()
    /// The zone in which days, weeks and months begin.
    let zone: CivilZone
    let keeper: any LimitKeeping
    /// One for each reactor, by its index.
    let pools: [UpstreamPool]
    let limits: RelayLimits
    let durability: JournalMover.Durability
    let ambient: Ambient
    let log: Log
    let meters: RelayMeters
    let notices: RelayNotices
    /// Bodies of keys that have them kept.
    let bodies: BodyKeeper
    /// Requests under way over all keys.
    let slots = FairPlaces()
    /// Streams that are read to their end although their client has gone.
    let drains = Slots()
    private let today = Mutex<(bounds: Range<Timestamp>, text: String)>(
        (Timestamp(milliseconds: 0)..<Timestamp(milliseconds: 0), ""))
    /// Body bytes of requests under way, in memory.
    let bodyBytes = Slots()
    /// The same in files without a name.
    let spilledBytes = Slots()
    /// Where those files are.
    let spillFolder: String
    let isDraining = Atomic<Bool>(false)
    /// Answers while there is no account; nil when demo mode is off.
    let demo: DemoUpstream?
    /// The base of links in answers; nil: as the caller reached us.
    let publicURL: String?

    init(
        keys: KeyDirectory, accounts: AccountDirectory, sessions: StickyIdentity, tokens: TokenRefresher, mover: JournalMover,
        prices: PriceBook, zone: CivilZone, pools: [UpstreamPool], limits: RelayLimits, spillFolder: String,
        durability: JournalMover.Durability,
        ambient: Ambient, log: Log, metrics: Metrics, demo: DemoUpstream?, bodies: BodyKeeper,
        publicURL: String? = nil, notices: RelayNotices = RelayNotices()
    ) {
        self.keys = keys
        self.accounts = accounts
        self.sessions = sessions
        self.tokens = tokens
        self.mover = mover
        priceBook = prices
        self.zone = zone
        keeper = LocalLimits(zone: zone)
        self.pools = pools
        self.limits = limits
        self.spillFolder = spillFolder
        self.durability = durability
        self.ambient = ambient
        self.log = log
        self.demo = demo
        self.notices = notices
        self.bodies = bodies
        self.publicURL = publicURL
        meters = RelayMeters(metrics)
    }

    /// "2026-11-21": the day in the configured zone, worked out once a day.
    func day(_ now: Timestamp) -> String {
        today.withLock { today in
            if !today.bounds.contains(now) { today = (zone.day(around: now), zone.dayText(now)) }
            return today.text
        }
    }

    /// Nobody follows redirects of an API: the account's address is wrong.
    func noteRedirect(_ status: Int, _ account: RelayAccount, _ request: RequestID?) {
        log.error(
            "upstream.redirects",
            [
                "account": LogValue(account.id), "status": LogValue(status), "base_url": LogValue(account.account.details.baseURL),
                "action": "set the account's base URL to where the API is",
            ], request: request)
    }
}

/// The relay's instruments, looked up once. A class, because handing a dozen references around costs more than one.
final class RelayMeters: Sendable {
    let metrics: Metrics
    let inFlight: Gauge
    let overhead: Histogram
    let firstByte: Histogram
    let succeeded: Counter
    let failed: Counter
    let aborted: Counter
    let input: Counter
    let output: Counter
    let cacheWrite: Counter
    let cacheRead: Counter
    let ok: Counter
    let priceMissing: Counter
    let batchDifferences: Counter

    init(_ metrics: Metrics) {
        self.metrics = metrics
        inFlight = metrics.gauge(.relayInFlight)
        overhead = metrics.histogram(.relayOverhead)
        firstByte = metrics.histogram(.relayTimeToFirstByte)
        succeeded = metrics.counter(.relayRequests, "success")
        failed = metrics.counter(.relayRequests, "error")
        aborted = metrics.counter(.relayRequests, "aborted")
        input = metrics.counter(.relayTokens, "input")
        output = metrics.counter(.relayTokens, "output")
        cacheWrite = metrics.counter(.relayTokens, "cache_write")
        cacheRead = metrics.counter(.relayTokens, "cache_read")
        ok = metrics.counter(.relayUpstreamStatus, "200")
        priceMissing = metrics.counter(.relayPriceMissing)
        batchDifferences = metrics.counter(.relayBatchDifferences)
    }

    func count(_ status: RequestStatus, _ tokens: TokenCounts) {
        switch status {
        case .success: succeeded.add()
        case .error: failed.add()
        case .aborted, .pending: aborted.add()
        }
        input.add(UInt64(clamping: tokens.input))
        output.add(UInt64(clamping: tokens.output))
        cacheWrite.add(UInt64(clamping: tokens.cacheWrite5m + tokens.cacheWrite1h))
        cacheRead.add(UInt64(clamping: tokens.cacheRead))
    }

    func upstreamStatus(_ status: Int) {
        if status == 200 { ok.add() } else { metrics.counter(.relayUpstreamStatus, String(status)).add() }
    }
    /// One attempt with an account: looked up once for each account, family and outcome.
    func account(_ account: RelayAccount, _ family: ModelFamily, _ outcome: AccountOutcome) -> Counter {
        account.live.counter(family, outcome) {
            metrics.counter(.relayAccountAttempts, account.id.text, family.name, outcome.name)
        }
    }
    func stickyMoves(_ reason: StickyMove.Reason) -> Counter { metrics.counter(.relayStickyMoves, reason.rawValue) }
    func refused(_ problem: RelayProblem) { metrics.counter(.relayRefusals, problem.code).add() }
}
