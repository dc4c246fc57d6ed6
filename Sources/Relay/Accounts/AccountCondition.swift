internal import Domain
internal import Store

/// What one account may do now, and why not: cooldowns, probes, caps, what the upstream told. A value, so that every rule of the
/// relay contract's section 14 can be tried without a request.
struct AccountCondition: Sendable {
    /// One reason to rest. At most one for each family and one for all.
    struct Rest: Sendable, Equatable {
        /// Nil is every model.
        var family: ModelFamily?
        /// `.max`: until an operator acts.
        var until: Timestamp
        /// The credential or its owner is the reason.
        var isBlock = false
        /// A short wait that is no mark on the account: neither kept nor probed.
        var isSoft = false
        var reason: String
        var steps: Int64 = 1
        var since: Timestamp
        /// One request is finding out whether it is over.
        var isProbed = false
    }
    enum Availability: Equatable {
        case free
        /// A cooldown has ended; one request may try.
        case probe
        /// Not before.
        case resting(until: Timestamp, isBlock: Bool, reason: String)
        /// Another request is trying.
        case probing
    }

    private(set) var rests: [Rest] = []
    /// 529 and 429 without a time, in a row.
    private var overloads: Int64 = 0
    private var unknownLimits: Int64 = 0
    /// When the last server errors were.
    private var brokenAt: [Timestamp] = []
    var windows = UsageWindows()
    private var firstBytes: [Int64] = []

    private static let probeEverySeconds: Int64 = 30 * 60
    private static let forbiddenSeconds: Int64 = 600
    private static let overloadSeconds: [Int64] = [5, 15, 60]
    private static let unknownLimitSeconds: [Int64] = [5, 10, 20, 40, 60]
    private static let brokenCount = 3
    private static let brokenWindowMilliseconds: Int64 = 60_000
    private static let brokenSeconds: Int64 = 60
    private static let unavailableSeconds: Int64 = 15
    private static let timeoutSeconds: Int64 = 30
    /// First bytes whose median is looked at.
    static let firstByteCount = 10

    /// Nothing is held against it, and nothing has to be forgotten by a success.
    var isQuiet: Bool { rests.isEmpty && overloads == 0 && unknownLimits == 0 }

    func availability(_ family: ModelFamily, now: Timestamp) -> Availability {
        var found = Availability.free
        var longest = Timestamp(milliseconds: .min)
        for rest in rests where rest.family == nil || rest.family == family {
            if rest.until > now {
                if rest.until > longest {
                    longest = rest.until
                    found = .resting(until: rest.until, isBlock: rest.isBlock, reason: rest.reason)
                }
            } else if !rest.isSoft, longest.milliseconds == .min {
                if rest.isProbed { found = .probing } else if found == .free { found = .probe }
            }
        }
        return found
    }

    /// Takes the right to probe for a family; the caller has seen `.probe`.
    mutating func beginProbe(_ family: ModelFamily, now: Timestamp) {
        for at in rests.indices where Self.covers(rests[at], family) && rests[at].until <= now { rests[at].isProbed = true }
    }
    /// The probe has ended, whatever came of it.
    mutating func endProbe(_ family: ModelFamily) {
        for at in rests.indices where Self.covers(rests[at], family) { rests[at].isProbed = false }
    }

    /// An answer came: whatever has ended is over, and counts in a row begin anew.
    /// - Returns: whether a kept cooldown has gone.
    mutating func succeeded(_ family: ModelFamily, now: Timestamp) -> Bool {
        (overloads, unknownLimits) = (0, 0)
        guard !rests.isEmpty else { return false }
        let before = rests.count { !$0.isSoft }
        rests.removeAll { Self.covers($0, family) && $0.until <= now }
        return rests.count { !$0.isSoft } != before
    }

    /// - Returns: whether a kept cooldown has changed.
    mutating func failed(_ fault: AccountFault, _ family: ModelFamily, now: Timestamp) -> Bool {
        switch fault {
        case .credential: return rest(nil, Self.probeEverySeconds, now, isBlock: true, "401: the credential is not taken")
        case .billing(let why):
            return rest(nil, until: Self.nextMonth(now), now, isBlock: true, "billing: \(why)")
        case .held(let why): return rest(nil, until: Timestamp(milliseconds: .max), now, isBlock: true, why)
        case .forbidden: return rest(nil, Self.forbiddenSeconds, now, "403")
        case .window(let until, let about, let claim): return rest(about, until: until, now, "429: \(claim) used up")
        case .limited(let until): return rest(nil, until: until, now, "429 with retry-after")
        case .limitedUnknown:
            unknownLimits += 1
            _ = rest(nil, Self.step(Self.unknownLimitSeconds, unknownLimits), now, isSoft: true, "429 without a time")
            return false
        case .overloaded:
            overloads += 1
            return rest(nil, Self.step(Self.overloadSeconds, overloads), now, steps: overloads, "529")
        case .broken:
            brokenAt =
                brokenAt.filter { now.milliseconds - $0.milliseconds < Self.brokenWindowMilliseconds }.suffix(Self.brokenCount - 1) + [now]
            guard brokenAt.count >= Self.brokenCount else { return false }
            brokenAt = []
            return rest(nil, Self.brokenSeconds, now, "three server errors in a minute")
        case .unavailable: return rest(nil, Self.unavailableSeconds, now, "503")
        case .timeout: return rest(nil, Self.timeoutSeconds, now, "no answer in time")
        }
    }

    private mutating func rest(
        _ family: ModelFamily?, _ seconds: Int64, _ now: Timestamp, isBlock: Bool = false, isSoft: Bool = false, steps: Int64 = 1,
        _ reason: String
    ) -> Bool {
        rest(family, until: now.adding(seconds: seconds), now, isBlock: isBlock, isSoft: isSoft, steps: steps, reason)
    }
    private mutating func rest(
        _ family: ModelFamily?, until: Timestamp, _ now: Timestamp, isBlock: Bool = false, isSoft: Bool = false, steps: Int64 = 1,
        _ reason: String
    ) -> Bool {
        let fresh = Rest(family: family, until: until, isBlock: isBlock, isSoft: isSoft, reason: reason, steps: steps, since: now)
        if let at = rests.firstIndex(where: { $0.family == family }) {
            // Answers of requests that were under way together: the longest wait holds, and a soft one never hides a kept one.
            if rests[at].until > until || isSoft && !rests[at].isSoft && rests[at].until > now { return false }
            rests[at] = fresh
        } else {
            rests.append(fresh)
        }
        return !isSoft
    }

    private static func covers(_ rest: Rest, _ family: ModelFamily) -> Bool { rest.family == nil || rest.family == family }
    private static func step(_ seconds: [Int64], _ count: Int64) -> Int64 { seconds[min(Int(clamping: count) - 1, seconds.count - 1)] }

    /// Midnight UTC before the first day of the next month.
    static func nextMonth(_ now: Timestamp) -> Timestamp {
        let (year, month, _) = now.civilDay
        return month == 12 ? Timestamp(year: year + 1, month: 1, day: 1) : Timestamp(year: year, month: month + 1, day: 1)
    }

    // MARK: Over a restart

    func kept(_ id: AccountID) -> [AccountCooldown] {
        rests.filter { !$0.isSoft }.map {
            AccountCooldown(
                accountID: id, family: $0.family?.name ?? "", until: $0.until, isBlock: $0.isBlock, reason: $0.reason, steps: $0.steps,
                since: $0.since)
        }
    }

    mutating func restore(_ cooldowns: [AccountCooldown]) {
        rests = cooldowns.map {
            Rest(
                family: $0.family.isEmpty ? nil : ModelFamily.named($0.family) ?? .other, until: $0.until, isBlock: $0.isBlock,
                reason: $0.reason, steps: $0.steps, since: $0.since)
        }
        overloads = rests.first { $0.reason == "529" }?.steps ?? 0
    }

    /// An operator's word: all is forgiven.
    mutating func reset() {
        rests = []
        (overloads, unknownLimits) = (0, 0)
        brokenAt = []
        firstBytes = []
    }

    // MARK: How quick it is

    mutating func noteFirstByte(milliseconds: Int64) {
        if firstBytes.count >= Self.firstByteCount { firstBytes.removeFirst() }
        firstBytes.append(milliseconds)
    }
    /// The median of the last ten; nil before there are ten.
    var medianFirstByte: Int64? {
        firstBytes.count < Self.firstByteCount ? nil : firstBytes.sorted()[Self.firstByteCount / 2]
    }
}
