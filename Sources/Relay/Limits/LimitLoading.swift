internal import Domain
internal import Store

/// Sets the counters of keys, people and teams from the ledger: of all at the start, of some when they appear or are limited anew. What
/// counters know already is never counted twice: a period is raised to what the ledger says.
struct LimitLoading: Sendable {
    let store: Store
    let zone: CivilZone

    /// Whose usage counts: a key's own, or that of all keys a person or a team has or had.
    enum Subject: Hashable, Sendable {
        case key(APIKeyID)
        case user(UserID)
        case team(TeamID)
    }
    struct Target: Sendable {
        let subject: Subject
        var holder: LimitCounters.Holder
        /// Its counters have counted nothing yet, so that the last minute can be added.
        var isNew = true
        /// A key went to somebody else and took its use along, so that what is left may be less than what was counted.
        var isLeft = false
    }
    enum Extent: Sendable {
        /// Everything but what open batches hold: `BatchBooks.holdOpen` follows.
        case start
        /// Everything, with what open batches hold.
        case whole
        /// Days and longer, for what was under way when they were read before.
        case again
    }

    /// Daily totals and ledger entries read at once: each read takes some hundred milliseconds at most.
    private static let part = 20_000
    /// More keys than this are read with all others.
    private static let singleKeys = 200

    private struct Sums {
        var today = LimitAmounts()
        var week = LimitAmounts()
        var month = LimitAmounts()
        var total = LimitAmounts()
        var window = LimitAmounts()
        /// When the window opened that counters have: with a request of the keys that were there.
        var openedAt: Timestamp?
        /// Of the oldest request that can be in an open window: it is taken for the one that opened it.
        var windowStart: Timestamp?
    }

    /// Counters of all these keys, their owners and teams.
    static func targets(_ keys: [RelayKey]) -> [Target] {
        var targets: [Subject: Target] = [:]
        for key in keys {
            for holder in key.holders {
                guard let subject = Subject(key.key, holder.scope) else { continue }
                targets[subject] = Target(subject: subject, holder: holder)
            }
        }
        return Array(targets.values)
    }

    func run(_ targets: [Target], _ extent: Extent) async throws(StoreError) {
        guard !targets.isEmpty else { return }
        let now = store.ambient.now()
        let byKey = try await keys(of: targets)
        var sums = [Sums](repeating: Sums(), count: targets.count)
        for (place, target) in targets.enumerated() where !target.isNew && extent != .again {
            sums[place].openedAt = target.holder.counters.open(.window, at: now)?.start
        }
        try await addDays(&sums, byKey, now)
        try await addRecent(&sums, targets, byKey, now, extent)
        if extent != .start { try await addBatches(&sums, targets, byKey, now) }
        for (target, sums) in zip(targets, sums) {
            let (plan, counters) = (target.holder.plan, target.holder.counters)
            var known: [(LimitPeriod, LimitAmounts)] = [(.day, sums.today), (.month, sums.month), (.total, sums.total)]
            if plan.hasWeek { known.append((.week, sums.week)) }
            if sums.openedAt != nil { known.append((.window, sums.window)) }
            let lowers = target.isLeft && extent != .again
            // Most keys sleep, and take no memory.
            for (period, used) in known where lowers || used != LimitAmounts() {
                counters.raise(period, to: used, around: now, plan, zone, lowers: lowers)
            }
            if sums.openedAt == nil, let start = sums.windowStart { counters.loadWindow(sums.window, from: start, now: now, plan) }
        }
    }

    /// The places of targets by the keys whose usage is theirs; a deleted key's stays its owner's.
    private func keys(of targets: [Target]) async throws(StoreError) -> [APIKeyID: [Int]] {
        var bySubject: [Subject: Int] = [:]
        var byKey: [APIKeyID: [Int]] = [:]
        for (place, target) in targets.enumerated() {
            if case .key(let id) = target.subject { byKey[id] = [place] } else { bySubject[target.subject] = place }
        }
        var last: APIKeyID?
        while !bySubject.isEmpty {
            let owners = try await store.read { [last] reader throws(StoreError) in try reader.keyOwners(after: last) }
            guard let end = owners.last else { break }
            last = end.apiKeyID
            for key in owners {
                if let user = key.ownerID, let place = bySubject[.user(user)] { byKey[key.apiKeyID, default: []].append(place) }
                if let team = key.teamID, let place = bySubject[.team(team)] { byKey[key.apiKeyID, default: []].append(place) }
            }
        }
        return byKey
    }

    private func addDays(_ sums: inout [Sums], _ byKey: [APIKeyID: [Int]], _ now: Timestamp) async throws(StoreError) {
        let (today, month) = (zone.dayText(now), zone.dayText(zone.month(around: now).lowerBound))
        func add(_ parts: [LimitPart]) {
            for part in parts {
                for place in byKey[part.apiKeyID] ?? [] {
                    sums[place].total.add(part.usage.amounts)
                    if part.span != .earlier { sums[place].month.add(part.usage.amounts) }
                    if part.span == .today { sums[place].today.add(part.usage.amounts) }
                }
            }
        }
        if byKey.count <= Self.singleKeys {
            let keys = Array(byKey.keys)
            add(try await store.read { reader throws(StoreError) in try reader.limitUsage(of: keys, today: today, month: month) })
            return
        }
        var last: APIKeyID?
        repeat {
            let found = try await store.read { [last] reader throws(StoreError) in
                try reader.limitUsage(after: last, today: today, month: month, rows: Self.part)
            }
            add(found.parts)
            last = found.end
        } while last != nil
    }

    /// Weeks, windows and the last minute, only for those who are limited by them: a week may begin at any hour, so days do not add up to
    /// it, entries themselves do.
    private func addRecent(
        _ sums: inout [Sums], _ targets: [Target], _ byKey: [APIKeyID: [Int]], _ now: Timestamp, _ extent: Extent
    ) async throws(StoreError) {
        let minute = now.adding(seconds: -Int64(SlidingMinute.seconds))
        let second = store.ambient.uptimeNanoseconds() / 1_000_000_000
        let starts = zip(targets, sums).map { target, sums in
            let plan = target.holder.plan
            // Who has never used anything is not worth a look at the ledger.
            let isUsed = sums.total != LimitAmounts()
            let isShort = isUsed && extent != .again && plan.rules.contains { $0.name.isShort }
            let window = sums.openedAt?.adding(milliseconds: -1) ?? now.adding(seconds: -plan.windowMinutes * 60)
            return (
                week: isUsed && plan.hasWeek ? zone.week(around: now, startDay: plan.weekStartDay, hour: plan.weekHour).lowerBound : nil,
                window: isShort && plan.windowMinutes > 0 ? window : nil,
                minute: isShort && target.isNew ? minute : nil
            )
        }
        guard let since = starts.flatMap({ [$0.week, $0.window, $0.minute].compactMap { $0 } }).min() else { return }
        var last: LedgerPlace?
        repeat {
            let found = try await store.read { [last] reader throws(StoreError) in
                try reader.recentUsage(since: since, after: last, entries: Self.part)
            }
            for step in found.steps {
                let used = step.usage.amounts
                for place in byKey[step.apiKeyID] ?? [] {
                    let start = starts[place]
                    if let week = start.week, step.at >= week { sums[place].week.add(used) }
                    if let window = start.window, step.at > window {
                        sums[place].window.add(used)
                        sums[place].windowStart = min(sums[place].windowStart ?? step.at, step.at)
                    }
                    if let minute = start.minute, step.at > minute {
                        targets[place].holder.counters.loadMinute(used, at: step.at, now: now, second: second)
                    }
                }
            }
            last = found.end
        } while last != nil
    }

    /// What open batches hold of periods that have not ended; the ledger does not know it.
    private func addBatches(
        _ sums: inout [Sums], _ targets: [Target], _ byKey: [APIKeyID: [Int]], _ now: Timestamp
    ) async throws(StoreError) {
        let open = try await store.read { reader throws(StoreError) in
            try reader.openBatches(since: now.adding(seconds: -BatchBooks.heldSeconds))
        }
        for batch in open {
            let held = batch.held
            for place in byKey[batch.apiKeyID] ?? [] {
                let plan = targets[place].holder.plan
                sums[place].total.add(held)
                if zone.month(around: now).contains(batch.createdAt) { sums[place].month.add(held) }
                if zone.day(around: now).contains(batch.createdAt) { sums[place].today.add(held) }
                if zone.week(around: now, startDay: plan.weekStartDay, hour: plan.weekHour).contains(batch.createdAt) {
                    sums[place].week.add(held)
                }
            }
        }
    }
}

extension LimitLoading.Subject {
    /// Nil for an owner or a team that the key does not have.
    init?(_ key: APIKey, _ scope: LimitScope) {
        switch scope {
        case .key: self = .key(key.id)
        case .user:
            guard let user = key.ownerID else { return nil }
            self = .user(user)
        case .team:
            guard let team = key.teamID else { return nil }
            self = .team(team)
        }
    }
}

extension APIKey {
    /// Its own, its owner's or its team's; nil for what limits nothing.
    func limits(of scope: LimitScope) -> APIKeyLimits? {
        switch scope {
        case .key: limits
        case .user: ownerLimits
        case .team: teamLimits
        }
    }
}

extension LimitPlan {
    var hasWeek: Bool { rules.contains { $0.period == .week } }
}

extension LimitUsage {
    var amounts: LimitAmounts {
        LimitAmounts(
            requests: requests, tokens: tokens.limited,
            input: LimitAmounts.sum(tokens.input, LimitAmounts.sum(tokens.cacheWrite5m, tokens.cacheWrite1h)), output: tokens.output,
            costMicroUSD: priceMicroUSD, opusCostMicroUSD: opusPriceMicroUSD)
    }
}

extension MessageBatch {
    /// What it takes of its key's budgets until its results are booked.
    var held: LimitAmounts {
        LimitAmounts(tokens: reservedTokens, costMicroUSD: reservedMicroUSD, opusCostMicroUSD: reservedOpusMicroUSD)
    }
}
