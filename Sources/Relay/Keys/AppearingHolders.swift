internal import Domain
internal import Store

/// Who is limited for the first time with some changed rows, or by a rule that the counters know nothing of, or has other keys than
/// before, and the counters of those who have none yet.
struct AppearingHolders: Sendable {
    private(set) var keys: [APIKeyID: LimitCounters] = [:]
    /// Of people and teams.
    private(set) var shared: [LimitLoading.Subject: LimitCounters] = [:]
    private(set) var targets: [LimitLoading.Target] = []
    /// Where among the targets those are who have counters.
    private var places: [LimitLoading.Subject: Int] = [:]

    /// - Parameters:
    ///   - before: the key as it was known; nil for a new one and for one that was deleted.
    ///   - known: the counters of people and teams.
    mutating func add(_ key: APIKey, before: RelayKey?, known: [LimitLoading.Subject: LimitCounters]) {
        if let before {
            noteRules(.key(key.id), .key, key.limits, before.counters, before)
        } else if key.lastUsedAt != nil {
            keys[key.id] = made(.key(key.id), .key, key.limits)
        }
        for scope in LimitScope.shared {
            let (subject, former) = (LimitLoading.Subject(key, scope), before.flatMap { LimitLoading.Subject($0.key, scope) })
            if let former, former != subject, let counters = known[former] {
                note(former, scope, before?.key.limits(of: scope) ?? APIKeyLimits(), counters, isLeft: true)
            }
            guard let subject, let limits = key.limits(of: scope), shared[subject] == nil else { continue }
            if let counters = known[subject] {
                guard let before else { continue }
                if former == subject { noteRules(subject, scope, limits, counters, before) } else { note(subject, scope, limits, counters) }
            } else {
                shared[subject] = made(subject, scope, limits)
            }
        }
    }

    private mutating func made(_ subject: LimitLoading.Subject, _ scope: LimitScope, _ limits: APIKeyLimits) -> LimitCounters {
        let counters = LimitCounters()
        let holder = LimitCounters.Holder(scope: scope, plan: LimitPlan(limits), counters: counters)
        targets.append(LimitLoading.Target(subject: subject, holder: holder))
        return counters
    }

    /// Days, months and totals are counted for every holder; weeks and windows only from when somebody is limited by them.
    private mutating func noteRules(
        _ subject: LimitLoading.Subject, _ scope: LimitScope, _ limits: APIKeyLimits, _ counters: LimitCounters, _ before: RelayKey
    ) {
        let plan = LimitPlan(limits)
        if let old = before.holders.first(where: { $0.scope == scope })?.plan {
            let isSameWeek = old.hasWeek && old.weekStartDay == plan.weekStartDay && old.weekHour == plan.weekHour
            guard plan.hasWeek && !isSameWeek || plan.windowMinutes > 0 && old.windowMinutes == 0 else { return }
        }
        note(subject, scope, limits, counters)
    }

    /// All keys of a person or a team change together, and one of them speaks for all.
    private mutating func note(
        _ subject: LimitLoading.Subject, _ scope: LimitScope, _ limits: APIKeyLimits, _ counters: LimitCounters, isLeft: Bool = false
    ) {
        let holder = LimitCounters.Holder(scope: scope, plan: LimitPlan(limits), counters: counters)
        guard let place = places[subject] else {
            places[subject] = targets.count
            targets.append(LimitLoading.Target(subject: subject, holder: holder, isNew: false, isLeft: isLeft))
            return
        }
        if isLeft { targets[place].isLeft = true } else { targets[place].holder = holder }
    }
}

/// Counters that are read from the ledger once more: when they were made, requests were under way that they do not count.
struct LaterLooks: Sendable {
    private struct Look: Sendable {
        let targets: [LimitLoading.Target]
        let second: UInt64
    }
    private var looks: [Look] = []
    /// How far the wall clock was from the monotonic one at the last look, in milliseconds.
    private var seenApart: Int64?
    /// After the journal has been moved, and after most answers and long ones have ended.
    private static let afterSeconds: [UInt64] = [5, 60, 600]
    /// More are not worth a read of the database each.
    private static let maximum = 10_000

    mutating func add(_ targets: [LimitLoading.Target], second: UInt64) {
        guard !targets.isEmpty, looks.count < Self.maximum else { return }
        looks += Self.afterSeconds.map { Look(targets: targets, second: second + $0) }
    }
    func due(_ second: UInt64) -> [LimitLoading.Target] { looks.filter { $0.second <= second }.flatMap(\.targets) }
    mutating func done(_ second: UInt64) { looks.removeAll { $0.second <= second } }

    /// Whether the wall clock has been set, forward or back, since the last look: periods have begun that know nothing of what the ledger
    /// has of them.
    func wasSet(_ now: Timestamp, uptime: UInt64) -> Bool {
        seenApart.map { abs(Self.apart(now, uptime) - $0) > Self.stepMilliseconds } ?? false
    }
    mutating func note(_ now: Timestamp, uptime: UInt64) { seenApart = Self.apart(now, uptime) }
    private static func apart(_ now: Timestamp, _ uptime: UInt64) -> Int64 { now.milliseconds - Int64(uptime / 1_000_000) }
    /// Clocks that are kept right are moved by less.
    private static let stepMilliseconds: Int64 = 60_000
}
