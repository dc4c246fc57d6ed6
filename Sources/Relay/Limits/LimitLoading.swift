internal import Domain
internal import Store

/// Sets the counters of keys, people and teams from the ledger, at the start.
struct LimitLoading: Sendable {
    let keys: [RelayKey]
    let store: Store
    let zone: CivilZone

    /// The counters of one holder, and the keys whose usage counts.
    private struct Target { let holder: LimitCounters.Holder, keys: [APIKeyID] }

    func run() async throws(StoreError) {
        let now = store.ambient.now()
        var targets: [ObjectIdentifier: Target] = [:]
        for key in keys {
            for holder in key.holders {
                let id = ObjectIdentifier(holder.counters)
                targets[id] = Target(holder: holder, keys: (targets[id]?.keys ?? []) + [key.key.id])
            }
        }
        let day = zone.dayText(now)
        let month = zone.dayText(zone.month(around: now).lowerBound)
        let (today, thisMonth, total) = try await store.read { reader throws(StoreError) in
            (
                try reader.limitUsage(fromDay: day), try reader.limitUsage(fromDay: month), try reader.limitUsage(fromDay: nil)
            )
        }
        for target in targets.values {
            func load(_ period: LimitPeriod, _ usage: [APIKeyID: LimitUsage]) {
                let sums = Self.sum(usage, target.keys)
                guard sums != LimitAmounts() else { return }
                target.holder.counters.load(period, sums, around: now, target.holder.plan, zone)
            }
            load(.day, today)
            load(.month, thisMonth)
            load(.total, total)
        }
        try await loadWeeks(Array(targets.values), now)
        try await loadRecent(Array(targets.values), now)
    }

    private static func sum(_ usage: [APIKeyID: LimitUsage], _ keys: [APIKeyID]) -> LimitAmounts {
        var sums = LimitAmounts()
        for key in keys {
            guard let used = usage[key] else { continue }
            sums.add(used.amounts)
        }
        return sums
    }

    /// A week may begin at any hour, so days do not add up to it: entries themselves do. Only for those who are limited by the week.
    private func loadWeeks(_ targets: [Target], _ now: Timestamp) async throws(StoreError) {
        var byStart: [Timestamp: [Target]] = [:]
        for target in targets where target.holder.plan.rules.contains(where: { $0.name.period == .week }) {
            let plan = target.holder.plan
            byStart[zone.week(around: now, startDay: plan.weekStartDay, hour: plan.weekHour).lowerBound, default: []].append(
                target)
        }
        for (start, targets) in byStart {
            let usage = try await store.read { reader throws(StoreError) in try reader.limitUsage(since: start) }
            for target in targets {
                target.holder.counters.load(.week, Self.sum(usage, target.keys), around: now, target.holder.plan, zone)
            }
        }
    }

    /// The last minute, and windows that may still be open. Windows open with a request: the oldest one that can be in an open window
    /// is taken for the one that opened it.
    private func loadRecent(_ targets: [Target], _ now: Timestamp) async throws(StoreError) {
        let limited = targets.filter { target in target.holder.plan.rules.contains { $0.name.isShort } }
        guard let longest = limited.map({ max(1, $0.holder.plan.windowMinutes) }).max() else { return }
        let since = now.adding(seconds: -longest * 60)
        let entries = try await store.read { reader throws(StoreError) in try reader.recentUsage(since: since) }
        var byKey: [APIKeyID: [Target]] = [:]
        for target in limited { for key in target.keys { byKey[key, default: []].append(target) } }
        let second = store.ambient.uptimeNanoseconds() / 1_000_000_000
        for entry in entries {
            for target in byKey[entry.apiKeyID] ?? [] {
                let plan = target.holder.plan
                guard entry.at > now.adding(seconds: -max(1, plan.windowMinutes) * 60) else { continue }
                target.holder.counters.loadRecent(entry.usage.amounts, at: entry.at, now: now, second: second, plan)
            }
        }
    }
}

extension LimitUsage {
    var amounts: LimitAmounts {
        LimitAmounts(
            requests: requests, tokens: tokens.limited,
            input: LimitAmounts.sum(tokens.input, LimitAmounts.sum(tokens.cacheWrite5m, tokens.cacheWrite1h)), output: tokens.output,
            costMicroUSD: priceMicroUSD, opusCostMicroUSD: opusPriceMicroUSD)
    }
}
