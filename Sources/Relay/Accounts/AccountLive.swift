internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// The living side of an account; outlives snapshots of its settings.
final class AccountLive: Sendable {
    let slots = Slots()
    /// Where it stands in the order of use: a number that rises with every choice in the pool.
    let lastUsedOrder = Atomic<UInt64>(0)
    /// In milliseconds since 1970; 0 is never.
    let lastUsedAt = Atomic<Int64>(0)
    /// Whether there is anything to look up under the lock: the usual account is at rest and has no caps.
    private let isAtRest = Atomic<Bool>(true)
    private let condition = Mutex(AccountCondition())
    private let use: Mutex<AccountUse>
    /// Something that outlives the process has changed and is not written yet.
    let isDirty = Atomic<Bool>(false)
    /// When the windows were last read, in nanoseconds of the reactor's clock.
    private let windowsReadAt = Atomic<UInt64>(0)
    private let meters = Mutex<[Counter?]>([])
    /// The operator's resets that this process has followed.
    let resets = Atomic<Int64>(0)

    /// Access tokens up to this generation were refused by the upstream.
    private let refusedGeneration = Atomic<Int64>(0)
    /// When its token endpoint is asked again after a failure, in milliseconds since 1970; 0: it has not failed.
    private let renewalAt = Atomic<Int64>(0)

    /// - Parameter zone: where the day of its cost cap begins.
    init(zone: CivilZone) { use = Mutex(AccountUse(zone: zone)) }

    func availability(_ family: ModelFamily, now: Timestamp) -> AccountCondition.Availability {
        if isAtRest.load(ordering: .relaxed) { return .free }
        return condition.withLock { $0.availability(family, now: now) }
    }

    /// Takes the right to use it under its cooldowns: free, or the one probe. Nil: neither. The value says whether it is the probe.
    fileprivate func begin(_ family: ModelFamily, now: Timestamp) -> Bool? {
        if isAtRest.load(ordering: .relaxed) { return false }
        return condition.withLock { condition in
            switch condition.availability(family, now: now) {
            case .free: return false
            case .probe:
                condition.beginProbe(family, now: now)
                return true
            case .resting, .probing: return nil
            }
        }
    }
    fileprivate func endProbe(_ family: ModelFamily) { condition.withLock { $0.endProbe(family) } }

    func succeeded(_ family: ModelFamily, now: Timestamp) {
        if isAtRest.load(ordering: .relaxed) { return }
        change { $0.succeeded(family, now: now) }
    }
    func failed(_ fault: AccountFault, _ family: ModelFamily, now: Timestamp) { change { $0.failed(fault, family, now: now) } }

    private func change(_ body: (inout AccountCondition) -> Bool) {
        condition.withLock { condition in
            let isKept = body(&condition)
            // A count in a row is forgotten by the next success, which therefore has to look.
            isAtRest.store(condition.isQuiet, ordering: .relaxed)
            if isKept { isDirty.store(true, ordering: .relaxed) }
        }
    }

    func reset() {
        change {
            $0.reset()
            return true
        }
    }
    func restore(_ cooldowns: [AccountCooldown], windows: UsageWindows?) {
        change {
            $0.restore(cooldowns)
            if let windows { $0.windows = windows }
            return false
        }
    }
    var snapshot: AccountCondition { condition.withLock { $0 } }

    // MARK: Tokens of an OAuth account

    /// The upstream does not take the access token of that generation.
    func tokenRefused(_ generation: Int64) { _ = refusedGeneration.max(generation, ordering: .relaxed) }
    func isRefused(_ generation: Int64) -> Bool { generation <= refusedGeneration.load(ordering: .relaxed) }
    /// - Parameter moment: when its token endpoint is asked again; nil after a success.
    func noteRenewal(at moment: Timestamp?) { renewalAt.store(moment?.milliseconds ?? 0, ordering: .relaxed) }
    /// Whether its token endpoint is left alone for now.
    func isRenewalPaused(_ now: Timestamp) -> Bool { renewalAt.load(ordering: .relaxed) > now.milliseconds }
    /// When there may be a new token, `soonest` at the earliest; nil: not without somebody's help.
    func renewal(after soonest: Timestamp) -> Timestamp? {
        let at = renewalAt.load(ordering: .relaxed)
        return at == .max ? nil : max(soonest, Timestamp(milliseconds: at))
    }

    // MARK: What the upstream tells

    private static let windowsEveryNanoseconds: UInt64 = 250_000_000

    /// Reads the account's own limits off an answer, not more often than four times a second.
    func note(_ head: UpstreamResponseHead, nanoseconds: UInt64) {
        let last = windowsReadAt.load(ordering: .relaxed)
        guard last == 0 || nanoseconds &- last >= Self.windowsEveryNanoseconds else { return }
        windowsReadAt.store(max(1, nanoseconds), ordering: .relaxed)
        note(UsageWindows(head))
    }
    func note(_ windows: UsageWindows) {
        guard !windows.windows.isEmpty || !windows.remaining.isEmpty else { return }
        condition.withLock { $0.windows = windows }
    }
    func headroom(_ family: ModelFamily, now: Timestamp) -> Double { condition.withLock { $0.windows.headroom(family: family, now: now) } }

    func noteFirstByte(milliseconds: Int64) { condition.withLock { $0.noteFirstByte(milliseconds: milliseconds) } }
    var medianFirstByte: Int64? { condition.withLock(\.medianFirstByte) }

    // MARK: Caps

    /// Counts a request and holds its tokens back; nil when it fits, else when it may.
    fileprivate func take(_ caps: AccountCaps, tokens: Int64, now: Timestamp) -> Timestamp? {
        use.withLock { $0.take(caps, tokens: tokens, now: now) }
    }
    func wait(_ caps: AccountCaps, tokens: Int64, now: Timestamp) -> (until: Timestamp, cap: String)? {
        use.withLock { $0.wait(caps, tokens: tokens, now: now) }
    }
    fileprivate func giveBack(tokens: Int64) { use.withLock { $0.reserved -= tokens } }
    /// Books what a request used.
    func settled(tokens: Int64, costMicroUSD: Int64, now: Timestamp) {
        use.withLock { $0.settle(tokens: tokens, costMicroUSD: costMicroUSD, now: now) }
    }
    func loadCost(_ microUSD: Int64, at moment: Timestamp) { use.withLock { $0.load(costMicroUSD: microUSD, at: moment) } }
    var costToday: Int64 { use.withLock(\.costMicroUSD) }

    // MARK: Metrics

    /// The counter of one family and outcome, looked up once.
    func counter(_ family: ModelFamily, _ outcome: AccountOutcome, make: () -> Counter) -> Counter {
        meters.withLock { meters in
            if meters.isEmpty { meters = Array(repeating: nil, count: ModelFamily.allCases.count * AccountOutcome.allCases.count) }
            let at = family.rawValue * AccountOutcome.allCases.count + outcome.rawValue
            if let known = meters[at] { return known }
            let made = make()
            meters[at] = made
            return made
        }
    }
}

/// What came of one attempt with an account, for metrics: a closed list.
enum AccountOutcome: Int, CaseIterable, Sendable {
    case success, relayed, credential, billing, held, forbidden, window, rateLimited, overloaded, serverError, unavailable, timeout
    case unreachable, cut, aborted

    init(_ fault: AccountFault) {
        switch fault {
        case .credential: self = .credential
        case .billing: self = .billing
        case .held: self = .held
        case .forbidden: self = .forbidden
        case .window: self = .window
        case .limited, .limitedUnknown: self = .rateLimited
        case .overloaded: self = .overloaded
        case .broken: self = .serverError
        case .unavailable: self = .unavailable
        case .timeout: self = .timeout
        }
    }

    var name: String {
        switch self {
        case .success: "success"
        case .relayed: "relayed"
        case .credential: "credential"
        case .billing: "billing"
        case .held: "held"
        case .forbidden: "forbidden"
        case .window: "window"
        case .rateLimited: "rate_limited"
        case .overloaded: "overloaded"
        case .serverError: "server_error"
        case .unavailable: "unavailable"
        case .timeout: "timeout"
        case .unreachable: "unreachable"
        case .cut: "cut"
        case .aborted: "aborted"
        }
    }
}

/// A chosen account, its place under the account's concurrency, the tokens held back, and the right to probe if it is a probe. Given
/// back on every path, because it cannot be copied and its `deinit` does it.
struct AccountLease: ~Copyable {
    let account: RelayAccount
    let family: ModelFamily
    let isProbe: Bool
    private let tokens: Int64
    private let slot: SlotLease

    /// Nil when a cooldown, a cap or the concurrency stands against it: all of it is taken, or nothing.
    init?(taking account: RelayAccount, family: ModelFamily, tokens: Int64, order: UInt64, now: Timestamp) {
        let (live, caps) = (account.live, account.account.details.caps)
        guard let slot = SlotLease(live.slots, limit: caps.concurrency.map { Int(clamping: $0) }) else { return nil }
        guard let isProbe = live.begin(family, now: now) else { return nil }
        let hasCaps = account.hasCaps
        if hasCaps, live.take(caps, tokens: tokens, now: now) != nil {
            if isProbe { live.endProbe(family) }
            return nil
        }
        live.lastUsedOrder.store(order, ordering: .relaxed)
        live.lastUsedAt.store(now.milliseconds, ordering: .relaxed)
        self.account = account
        self.family = family
        self.isProbe = isProbe
        self.tokens = hasCaps ? tokens : 0
        self.slot = slot
    }

    deinit {
        if isProbe { account.live.endProbe(family) }
        if tokens != 0 { account.live.giveBack(tokens: tokens) }
    }
}
