internal import Domain
internal import Store

/// Who is limited for the first time with some changed rows, or by a rule that the counters know nothing of, and the counters of those who
/// have none yet.
struct AppearingHolders: Sendable {
    private(set) var keys: [APIKeyID: LimitCounters] = [:]
    private(set) var users: [UserID: LimitCounters] = [:]
    private(set) var teams: [TeamID: LimitCounters] = [:]
    private(set) var targets: [LimitLoading.Target] = []
    private var noted: Set<LimitLoading.Subject> = []

    /// - Parameter before: the key as it was known; nil for a new one and for one that was deleted.
    mutating func add(
        _ key: APIKey, before: RelayKey?, users knownUsers: [UserID: LimitCounters], teams knownTeams: [TeamID: LimitCounters]
    ) {
        if let before {
            note(.key(key.id), .key, key.limits, known: before.counters, before)
        } else if key.lastUsedAt != nil {
            let counters = LimitCounters()
            keys[key.id] = counters
            note(.key(key.id), .key, key.limits, new: counters)
        }
        if let user = key.ownerID, let limits = key.ownerLimits, users[user] == nil {
            if let known = knownUsers[user] {
                if let before, before.key.ownerID == user { note(.user(user), .user, limits, known: known, before) }
            } else {
                let counters = LimitCounters()
                users[user] = counters
                note(.user(user), .user, limits, new: counters)
            }
        }
        if let team = key.teamID, let limits = key.teamLimits, teams[team] == nil {
            if let known = knownTeams[team] {
                if let before, before.key.teamID == team { note(.team(team), .team, limits, known: known, before) }
            } else {
                let counters = LimitCounters()
                teams[team] = counters
                note(.team(team), .team, limits, new: counters)
            }
        }
    }

    private mutating func note(
        _ subject: LimitLoading.Subject, _ scope: LimitScope, _ limits: APIKeyLimits, new counters: LimitCounters
    ) {
        let holder = LimitCounters.Holder(scope: scope, plan: LimitPlan(limits), counters: counters)
        targets.append(LimitLoading.Target(subject: subject, holder: holder))
    }

    /// Days, months and totals are counted for every holder; weeks and windows only from when somebody is limited by them.
    private mutating func note(
        _ subject: LimitLoading.Subject, _ scope: LimitScope, _ limits: APIKeyLimits, known counters: LimitCounters, _ before: RelayKey
    ) {
        let plan = LimitPlan(limits)
        if let old = before.holders.first(where: { $0.scope == scope })?.plan {
            let isSameWeek = old.hasWeek && old.weekStartDay == plan.weekStartDay && old.weekHour == plan.weekHour
            guard plan.hasWeek && !isSameWeek || plan.windowMinutes > 0 && old.windowMinutes == 0 else { return }
        }
        // All keys of a person or a team change together, and one of them speaks for all.
        guard noted.insert(subject).inserted else { return }
        let holder = LimitCounters.Holder(scope: scope, plan: plan, counters: counters)
        targets.append(LimitLoading.Target(subject: subject, holder: holder, isNew: false))
    }
}

/// Counters that are read from the ledger once more: when they were made, requests were under way that they do not count.
struct LaterLooks: Sendable {
    private struct Look: Sendable {
        let targets: [LimitLoading.Target]
        let second: UInt64
    }
    private var looks: [Look] = []
    /// When a clock was last looked at.
    private var seenAt: Timestamp?
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

    /// Whether the clock has been set back so far since the last time that periods begin anew.
    func wentBack(_ now: Timestamp) -> Bool {
        seenAt.map { now.adding(seconds: LimitCounters.Period.stepSeconds) < $0 } ?? false
    }
    mutating func note(_ now: Timestamp) { seenAt = now }
}
