internal import Domain
internal import Store
internal import Synchronization

/// What one request asks of the pool.
struct AccountWish {
    let candidates: Candidates
    var binding: AccountBinding?
    var fallsBack = false
    /// Nil where there is no choice, or nothing tells the session apart.
    var sticky: StickyKey?
    /// Held back from caps on tokens.
    var tokens: Int64 = 0
    var tried: [AccountID] = []
    /// After a 404: only accounts whose operator named the model.
    var onlyListing = false
    /// Set by `choose` when the session has another account now.
    var move: StickyMove?

    init(_ candidates: Candidates) { self.candidates = candidates }
    var family: ModelFamily { candidates.family }
}

/// Why a session moved to another account.
struct StickyMove: Equatable, Sendable {
    enum Reason: String, CaseIterable, Sendable { case gone, out, slow }
    let from: AccountID
    let to: AccountID
    let reason: Reason
}

/// Why no account could be chosen.
enum NoAccount: Error, Equatable {
    /// None is configured that serves the model, in whatever state.
    case none
    /// All that serve it are out; the soonest end, when there is one.
    case out(until: Timestamp?)
}

/// What stands between one account and one request.
enum AccountObstacle: Equatable {
    case tried, model, binding, status(AccountStatus, String), notSchedulable, expired
    /// An OAuth account without an access token that is taken; nil: none comes without somebody's help.
    case noToken(until: Timestamp?)
    case resting(until: Timestamp, isBlock: Bool, reason: String)
    case probing
    case route(until: Timestamp)
    case cap(until: Timestamp, String)
    case full

    /// When it may be over by itself; nil: not without somebody's help.
    func ends(_ now: Timestamp) -> Timestamp? {
        switch self {
        case .resting(let until, _, _): until.milliseconds == .max ? nil : until
        case .route(let until), .cap(let until, _): until
        case .probing, .full: now.adding(seconds: 1)
        case .noToken(let until): until
        case .tried, .model, .binding, .status, .notSchedulable, .expired: nil
        }
    }
}

extension AccountDirectory {
    /// Chooses and takes a place in one step: a valid sticky binding, else the preferred tier by the strategy; a full account is passed
    /// over without delay.
    func choose(_ wish: inout AccountWish, now: Timestamp) throws(NoAccount) -> AccountLease {
        wish.move = nil
        if let lease = attempt(&wish, now) { return lease }
        if wish.binding != nil, wish.fallsBack {
            let binding = wish.binding
            wish.binding = nil
            defer { wish.binding = binding }
            if let lease = attempt(&wish, now) { return lease }
        }
        // Only when no account could ever serve it, whatever its state, is the model unknown here.
        if wish.candidates.pool.unusable.isEmpty, !hasAny(wish) { throw .none }
        throw .out(until: soonest(wish, now: now))
    }

    /// Whether any account could ever serve it.
    func hasAny(_ wish: AccountWish) -> Bool {
        guard let binding = wish.binding, !wish.fallsBack else { return wish.candidates.count > 0 }
        return wish.candidates.tiers.contains { $0.contains { Self.isBound($0, binding, wish.candidates.pool) } }
    }

    /// When the first of the accounts that may serve it is free again; nil: none without an operator.
    func soonest(_ wish: AccountWish, now: Timestamp) -> Timestamp? {
        var wish = wish
        wish.tried = []
        if wish.fallsBack { wish.binding = nil }
        var soonest: Timestamp?
        for tier in wish.candidates.tiers {
            for account in tier {
                let ends: Timestamp? =
                    if let obstacle = obstacle(account, wish, now: now) {
                        obstacle.ends(now)
                    } else if account.awaitsToken {
                        account.live.renewal(after: now.adding(seconds: 1))
                    } else {
                        now.adding(seconds: 1)
                    }
                guard let ends else { continue }
                soonest = min(soonest ?? ends, ends)
            }
        }
        return soonest
    }

    /// What stands against it, nil for nothing. `isFull` and `cap` may have changed a moment later: taking the place decides.
    func obstacle(_ account: RelayAccount, _ wish: AccountWish, now: Timestamp) -> AccountObstacle? {
        if !wish.tried.isEmpty, wish.tried.contains(account.id) { return .tried }
        if let binding = wish.binding, !Self.isBound(account, binding, wish.candidates.pool) { return .binding }
        if wish.onlyListing, !account.lists(wish.candidates.model) { return .model }
        let (row, details) = (account.account, account.account.details)
        guard row.status == .active || row.status == .cooling else { return .status(row.status, row.statusReason) }
        guard details.isSchedulable else { return .notSchedulable }
        if let ends = details.expiresAt, ends <= now { return .expired }
        // Whoever renews tokens ahead of time looks every few seconds.
        guard account.hasCredential else { return .noToken(until: account.live.renewal(after: now.adding(seconds: 5))) }
        // Its token is refused and a new one cannot be had yet: whoever came would be refused, too.
        if account.awaitsToken, account.live.isRenewalPaused(now) { return .noToken(until: account.live.renewal(after: now)) }
        switch account.live.availability(wish.family, now: now) {
        case .free, .probe: break
        case .probing: return .probing
        case .resting(let until, let isBlock, let reason): return .resting(until: until, isBlock: isBlock, reason: reason)
        }
        if let until = account.route.blockedUntil(now) { return .route(until: until) }
        if account.hasCaps, let wait = account.live.wait(details.caps, tokens: wish.tokens, now: now) {
            return .cap(until: wait.until, wait.cap)
        }
        if let limit = details.caps.concurrency, account.live.slots.inFlight >= limit { return .full }
        return nil
    }

    private static func isBound(_ account: RelayAccount, _ binding: AccountBinding, _ pool: AccountPool) -> Bool {
        switch binding {
        case .account(let id): account.id == id
        case .group(let id): pool.groups[id]?.members.contains(account.id) ?? false
        case .unknown: false
        }
    }

    // MARK: One round

    private func attempt(_ wish: inout AccountWish, _ now: Timestamp) -> AccountLease? {
        var leaving: (account: AccountID, reason: StickyMove.Reason?)?
        if let key = wish.sticky, let bound = sticky.account(key, now: now) {
            switch stay(bound, wish, now) {
            case .use(let account):
                if let lease = take(account, wish, now) { return lease }
                leaving = (bound, nil)
            case .borrow: leaving = (bound, nil)
            case .leave(let reason): leaving = (bound, reason)
            }
        }
        let strategy = strategy(wish)
        for tier in wish.candidates.tiers {
            guard let lease = pick(tier, strategy, wish, leaving?.account, now) else { continue }
            if let key = wish.sticky {
                if let leaving {
                    if let reason = leaving.reason {
                        sticky.move(key, from: leaving.account, to: lease.account.id, now: now)
                        wish.move = StickyMove(from: leaving.account, to: lease.account.id, reason: reason)
                    }
                } else {
                    sticky.bind(key, to: lease.account.id, now: now)
                }
            }
            return lease
        }
        // Slow is better than nobody.
        if let leaving, leaving.reason == .slow, let account = wish.candidates.pool.account(leaving.account) {
            return take(account, wish, now)
        }
        return nil
    }

    func strategy(_ wish: AccountWish) -> SchedulingStrategy {
        if case .group(let id) = wish.binding, let own = wish.candidates.pool.groups[id]?.strategy { return own }
        return strategy
    }

    private func take(_ account: RelayAccount, _ wish: AccountWish, _ now: Timestamp) -> AccountLease? {
        let order = turn.wrappingAdd(1, ordering: .relaxed).newValue
        guard let lease = AccountLease(taking: account, family: wish.family, tokens: wish.tokens, order: order, now: now) else {
            return nil
        }
        account.route.begin(now)
        return lease
    }

    /// The best of a tier with a place. One account needs no ranking.
    private func pick(
        _ tier: [RelayAccount], _ strategy: SchedulingStrategy, _ wish: AccountWish, _ left: AccountID?, _ now: Timestamp
    ) -> AccountLease? {
        if tier.count == 1 {
            return tier[0].id != left && obstacle(tier[0], wish, now: now) == nil ? take(tier[0], wish, now) : nil
        }
        var ready = tier.filter { $0.id != left && obstacle($0, wish, now: now) == nil }
        while !ready.isEmpty {
            let at = best(ready, strategy, wish.family, now)
            if let lease = take(ready[at], wish, now) { return lease }
            ready.remove(at: at)
        }
        return nil
    }

    func best(_ ready: [RelayAccount], _ strategy: SchedulingStrategy, _ family: ModelFamily, _ now: Timestamp) -> Int {
        let hand = turn.load(ordering: .relaxed)
        switch strategy {
        case .roundRobin: return Int(hand % UInt64(ready.count))
        case .oldestUsed: return leastRecent(ready)
        case .weighted: return Self.weighted(ready.map { max(1, $0.account.details.weight) }, hand)
        case .leastInFlight: return first(ready) { _ in 0 }
        case .headroom: return first(ready) { -Self.headroom($0, family, now) }
        }
    }

    /// Lowest rank first; then the fewest under way, then the one that has rested longest.
    private func first(_ ready: [RelayAccount], _ rank: (RelayAccount) -> Int) -> Int {
        var best = 0
        var bestKey = (Int.max, Int.max, UInt64.max)
        for (at, account) in ready.enumerated() {
            let key = (rank(account), account.live.slots.inFlight, account.live.lastUsedOrder.load(ordering: .relaxed))
            if key < bestKey { (best, bestKey) = (at, key) }
        }
        return best
    }
    private func leastRecent(_ ready: [RelayAccount]) -> Int {
        ready.indices.min { ready[$0].live.lastUsedOrder.load(ordering: .relaxed) < ready[$1].live.lastUsedOrder.load(ordering: .relaxed) }
            ?? 0
    }

    /// Tenths, begun ones counted: accounts that are as good as equal take turns by what is under way.
    static func headroom(_ account: RelayAccount, _ family: ModelFamily, _ now: Timestamp) -> Int {
        var least = account.live.headroom(family, now: now)
        if let limit = account.account.details.caps.concurrency, limit > 0 {
            least = min(least, 1 - Double(account.live.slots.inFlight) / Double(limit))
        }
        return Int((max(0, least) * 10).rounded(.up))
    }

    /// Shares proportional to the weights, spread evenly: the hand jumps by the golden ratio of the whole each time.
    static func weighted(_ weights: [Int64], _ hand: UInt64) -> Int {
        let total = weights.reduce(0, +)
        let place = Int64((hand &* 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: UInt64(clamping: total)).high)
        var passed: Int64 = 0
        for (at, weight) in weights.enumerated() {
            passed += weight
            if place < passed { return at }
        }
        return 0
    }

    // MARK: Sticky sessions

    private enum Stay {
        case use(RelayAccount)
        /// Another account this once; the session stays where it is.
        case borrow
        case leave(StickyMove.Reason)
    }
    /// A shorter pause is waited out elsewhere (relay contract, section 13).
    private static let longestBorrowMilliseconds: Int64 = 60_000
    private static let slowMilliseconds: Int64 = 10_000

    private func stay(_ id: AccountID, _ wish: AccountWish, _ now: Timestamp) -> Stay {
        guard let account = wish.candidates.pool.account(id) else { return .leave(.gone) }
        guard account.serves(wish.candidates.model) else { return .borrow }
        var alone = wish
        alone.tried = []
        switch obstacle(account, alone, now: now) {
        case nil:
            if wish.tried.contains(id) { return .borrow }
            return isSlow(account, alone, now) ? .leave(.slow) : .use(account)
        case .resting(let until, let isBlock, _): return isBlock ? .leave(.out) : pause(until, now)
        case .noToken(let until): return until.map { pause($0, now) } ?? .leave(.out)
        case .status, .notSchedulable, .expired: return .leave(.out)
        case .binding, .model, .tried, .probing, .route, .cap, .full: return .borrow
        }
    }

    private func pause(_ until: Timestamp, _ now: Timestamp) -> Stay {
        until.milliseconds - now.milliseconds > Self.longestBorrowMilliseconds ? .leave(.out) : .borrow
    }

    /// Three times slower to begin than those of its tier that could serve instead, and slow by itself.
    private func isSlow(_ account: RelayAccount, _ wish: AccountWish, _ now: Timestamp) -> Bool {
        guard let own = account.live.medianFirstByte, own > Self.slowMilliseconds,
            let tier = wish.candidates.tiers.first(where: { $0.contains { $0 === account } })
        else { return false }
        let others = tier.filter { $0 !== account && obstacle($0, wish, now: now) == nil }.compactMap(\.live.medianFirstByte).sorted()
        guard !others.isEmpty else { return false }
        return own > 3 * others[others.count / 2]
    }
}
