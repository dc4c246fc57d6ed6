internal import Domain
internal import Store
internal import Synchronization
internal import Telemetry

/// Looks at accounts, budgets and notices behind the data path, and promises operators in the outbox what they should hear
/// (relay contract, section 14).
final class AlertWatch: Sendable {
    private let services: RelayServices
    private let store: Store
    private let rule: AlertRule
    private let damaged: Counter
    private struct State: Sendable {
        var book = AlertBook()
        var damagedTold: UInt64 = 0
        /// Alerts that the store did not take; told with the next look.
        var unwritten: [Alert] = []
        /// Since when the store takes no writes, and whether that was told.
        var outage: (since: Timestamp, isTold: Bool)?
    }
    private let state = Mutex(State())

    private static let everySeconds = 2
    /// Budgets are looked at with every so many looks: that goes through all keys.
    private static let budgetsEvery = 5
    /// A shorter rest is the pool's daily life.
    static let noteworthySeconds: Int64 = 60
    private static let priceSeconds: Int64 = 86_400
    private static let journalSeconds: Int64 = 3600
    private static let refreshSeconds: Int64 = 3600
    private static let budgetPercents: [Int64] = [100, 80]
    private static let maximumUnwritten = 1000
    /// Events at a start; the store gives no more at once.
    private static let rememberedEvents = 1000
    /// Words at a start: what does not fit is told once by its claim all the same.
    private static let rememberedWords = 50_000
    private static let wordsAtOnce = 1000

    init(_ services: RelayServices, store: Store, rule: AlertRule, metrics: Metrics) {
        (self.services, self.store, self.rule) = (services, store, rule)
        damaged = metrics.counter(.journalDamaged)
    }

    /// Until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watch() }
            // By itself: telling of an outage takes a while, and so does a store that does not answer.
            group.addTask { await self.watchStore() }
        }
    }

    private func watch() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                try await remember()
                break
            } catch { services.log.warning("alerts.not_read", ["error": LogValue("\(error)")]) }
            do { try await services.ambient.sleep(.seconds(Self.everySeconds)) } catch { return }
        }
        var round = 0
        while !Task.isCancelled {
            await pass(looksAtBudgets: round % Self.budgetsEvery == 0)
            round += 1
            do { try await services.ambient.sleep(.seconds(Self.everySeconds)) } catch { return }
        }
    }

    /// What earlier processes told is not told again. Events go when they are old; the last word of each subject stays.
    func remember() async throws(StoreError) {
        let events = try await store.read { reader throws(StoreError) in try reader.promised("relay.", limit: Self.rememberedEvents) }
        let words = try await lastWords()
        state.withLock { state in
            for event in events.reversed() {
                switch event.kind {
                case "relay.budget.reached":
                    let (subject, word) = Self.budgetWord(
                        event.subject, event.body["limit"].string ?? "", event.body["percent"].int ?? 0,
                        event.body["resets_at"].string)
                    state.book.set(subject, word, at: event.createdAt)
                case "relay.price.missing", "relay.journal.flagged", "relay.account.refresh_failing":
                    state.book.set(event.kind + event.subject, event.kind, at: event.createdAt)
                default: state.book.set(event.subject, event.kind, at: event.createdAt)
                }
            }
            for word in words { state.book.set(word.subject, word.word, at: word.toldAt) }
        }
    }

    private func lastWords() async throws(StoreError) -> [AlertWord] {
        var words: [AlertWord] = []
        while words.count < Self.rememberedWords {
            let last = words.last?.subject ?? ""
            let more = try await store.read { reader throws(StoreError) in try reader.alertWords(after: last, limit: Self.wordsAtOnce) }
            words += more
            if more.count < Self.wordsAtOnce { break }
        }
        return words
    }

    /// One look. Called by `run`, and by tests.
    func pass(looksAtBudgets: Bool = true) async {
        let now = services.ambient.now()
        let notices = services.notices.take()
        let alerts = state.withLock { state in
            var found = state.unwritten
            state.unwritten = []
            found += accounts(&state, now)
            if looksAtBudgets { found += budgets(&state, now) }
            found += happened(notices, &state, now)
            return found
        }
        guard !alerts.isEmpty else { return }
        do throws(StoreError) {
            let told = try await store.transaction { transaction throws(StoreError) in
                var told: [Bool] = []
                for alert in alerts {
                    let isOurs =
                        if let claim = alert.claim {
                            try transaction.claimAlert(claim.subject, word: claim.word, pauseSeconds: claim.pauseSeconds)
                        } else { true }
                    if isOurs { try transaction.promise(alert.kind, subject: alert.subject, body: alert.body) }
                    told.append(isOurs)
                }
                return told
            }
            for (alert, isOurs) in zip(alerts, told) {
                services.log.notice(
                    isOurs ? "alert" : "alert.told_by_another", ["kind": .text(alert.kind), "subject": .text(alert.subject)])
            }
        } catch {
            state.withLock { $0.unwritten = alerts.suffix(Self.maximumUnwritten) }
            services.log.error("alerts.not_written", ["error": LogValue("\(error)")])
        }
    }

    // MARK: The store

    private static let storeEverySeconds = 5
    /// A shorter outage is what the journal is for.
    static let outageSeconds: Int64 = 15

    private func watchStore() async {
        while !Task.isCancelled {
            await lookAtStore()
            do { try await services.ambient.sleep(.seconds(Self.storeEverySeconds)) } catch { return }
        }
    }

    /// One look. Called by `run`, and by tests.
    func lookAtStore() async {
        let failure: StoreError?
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in try transaction.tryWriting() }
            failure = nil
        } catch { failure = error }
        let now = services.ambient.now()
        let outage = state.withLock { state -> (since: Timestamp, isTold: Bool)? in
            defer {
                if failure == nil {
                    state.outage = nil
                } else if state.outage == nil {
                    state.outage = (now, false)
                } else if let since = state.outage?.since, now >= since.adding(seconds: Self.outageSeconds) {
                    state.outage?.isTold = true
                }
            }
            return state.outage
        }
        guard let outage else { return }
        if let failure {
            guard !outage.isTold, now >= outage.since.adding(seconds: Self.outageSeconds), rule.isWanted("relay.store.unavailable") else {
                return
            }
            services.log.error("store.unavailable", ["since": LogValue(outage.since.text), "error": LogValue("\(failure)")])
            await rule.tellNow("relay.store.unavailable", ["since": .string(outage.since.text), "reason": .string(Self.word(failure))])
        } else if outage.isTold, rule.isWanted("relay.store.recovered") {
            state.withLock { state in
                state.unwritten.append(
                    Alert(kind: "relay.store.recovered", subject: "store", body: ["since": .string(outage.since.text)]))
            }
        }
    }

    /// A stable word; what the database itself says stays in the log.
    private static func word(_ failure: StoreError) -> String {
        switch failure {
        case .full: "disk_full"
        case .readOnly: "read_only"
        case .corrupt: "corrupt"
        case .busy: "busy"
        default: "unavailable"
        }
    }

    // MARK: Accounts and their pool

    private func accounts(_ state: inout State, _ now: Timestamp) -> [Alert] {
        var alerts: [Alert] = []
        let pool = services.accounts.pool
        var (usable, all) = (0, 0)
        for account in pool.everyone {
            let standing = account.standing(now)
            let isShort = standing.until.map { $0 < now.adding(seconds: Self.noteworthySeconds) } ?? false
            if standing.status != .disabled { all += 1 }
            let isResting = standing.status == .cooling && !isShort
            if standing.status == .active || standing.status == .cooling && isShort {
                if account.account.details.isSchedulable, account.hasCredential { usable += 1 }
            }
            let subject = account.id.text
            let last = state.book.word(subject)
            let kind: String
            switch standing.status {
            case .blocked: kind = "relay.account.blocked"
            case .needsReauth: kind = "relay.account.needs_reauth"
            case .cooling where isResting: kind = "relay.account.cooling"
            // A rest that is nearly over is no news, and neither is it the end.
            case .cooling: continue
            case .disabled:
                state.book.set(subject, "")
                continue
            case .active:
                guard !last.isEmpty, last != "relay.account.recovered" else { continue }
                kind = "relay.account.recovered"
            }
            tell(
                kind, subject, &state, now, &alerts,
                [
                    "account": .string(subject), "name": .string(account.account.details.name), "reason": .string(standing.reason),
                    "until": standing.until.map { .string($0.text) } ?? .null,
                ])
        }
        for (account, why) in pool.unusable {
            all += 1
            tell(
                "relay.account.unusable", account.id.text, &state, now, &alerts,
                [
                    "account": .string(account.id.text), "name": .string(account.details.name), "reason": .string(why), "until": nil,
                ])
        }
        let body: JSON = ["usable": .int(Int64(usable)), "accounts": .int(Int64(all)), "minimum": .int(Int64(rule.poolMinimum))]
        if all > 0, usable == 0 {
            tell("relay.pool.empty", "pool", &state, now, &alerts, body)
        } else if all > 0, usable < rule.poolMinimum {
            tell("relay.pool.low", "pool", &state, now, &alerts, body)
        } else if ["relay.pool.empty", "relay.pool.low"].contains(state.book.word("pool")) {
            tell("relay.pool.recovered", "pool", &state, now, &alerts, body)
        }
        return alerts
    }

    /// Tells a subject's new word. What nobody wants to hear is remembered all the same, so that its end is no news either.
    private func tell(
        _ kind: String, _ subject: String, _ state: inout State, _ now: Timestamp, _ alerts: inout [Alert], _ body: JSON
    ) {
        guard rule.isWanted(kind) else { return state.book.set(subject, kind) }
        if state.book.tells(subject, kind, now: now) {
            alerts.append(Alert(kind: kind, subject: subject, body: body, claim: .init(subject: subject, word: kind)))
        }
    }

    // MARK: Budgets

    private func budgets(_ state: inout State, _ now: Timestamp) -> [Alert] {
        guard rule.isWanted("relay.budget.reached") else { return [] }
        var alerts: [Alert] = []
        let second = services.ambient.uptimeNanoseconds() / 1_000_000_000
        for key in services.keys.all {
            for holder in key.holders where holder.counters.hasSettled.exchange(false, ordering: .relaxed) {
                guard let id = Self.holderID(holder.scope, key) else { continue }
                for standing in holder.counters.standings(holder.scope, holder.plan, now: now, second: second, zone: services.zone) {
                    guard let alert = budget(standing, id, key, &state, now) else { continue }
                    alerts.append(alert)
                }
            }
        }
        return alerts
    }

    private func budget(
        _ standing: LimitCounters.Standing, _ id: String, _ key: RelayKey, _ state: inout State, _ now: Timestamp
    ) -> Alert? {
        guard !standing.name.isShort, standing.limit > 0 else { return nil }
        let reached = standing.used.multipliedReportingOverflow(by: 100)
        let percent = reached.overflow ? 100 : reached.partialValue / standing.limit
        guard let level = Self.budgetPercents.first(where: { percent >= $0 }) else { return nil }
        let resets = standing.resetsAt?.text
        let (subject, word) = Self.budgetWord(id, standing.name.rawValue, level, resets)
        // From 100 % it does not go back to 80 within the same period: a raised limit is no news.
        if level == 80, state.book.word(subject) == Self.budgetWord(id, standing.name.rawValue, 100, resets).word { return nil }
        guard state.book.tells(subject, word, now: now) else {
            // No room now: looked at again although nothing may have been settled meanwhile.
            if state.book.word(subject) != word { holderAgain(key, standing.scope) }
            return nil
        }
        return Alert(
            kind: "relay.budget.reached", subject: id,
            body: [
                "scope": .string(standing.scope.rawValue), "id": .string(id),
                "name": standing.scope == .key ? .string(key.key.name) : .null, "limit": .string(standing.name.rawValue),
                "percent": .int(level), "used": .int(standing.used), "of": .int(standing.limit),
                "resets_at": resets.map { .string($0) } ?? .null,
            ], claim: .init(subject: subject, word: word, pauseSeconds: .max))
    }

    private func holderAgain(_ key: RelayKey, _ scope: LimitScope) {
        key.holders.first { $0.scope == scope }?.counters.hasSettled.store(true, ordering: .relaxed)
    }

    private static func holderID(_ scope: LimitScope, _ key: RelayKey) -> String? {
        switch scope {
        case .key: key.key.id.text
        case .user: key.key.ownerID?.text
        case .team: key.key.teamID?.text
        }
    }

    /// Each level is told once in a period of a limit, which the word names: no pause makes it news again.
    private static func budgetWord(_ id: String, _ limit: String, _ percent: Int64, _ resets: String?) -> (subject: String, word: String) {
        ("\(id) \(limit)", "\(percent) \(resets ?? "")")
    }

    // MARK: What happened

    private func happened(_ notices: RelayNotices.Notices, _ state: inout State, _ now: Timestamp) -> [Alert] {
        var alerts: [Alert] = []
        func event(_ kind: String, _ subject: String, _ pauseSeconds: Int64, _ body: JSON) -> Bool {
            guard rule.isWanted(kind), state.book.tellsAgain(kind + subject, kind, now: now, pauseSeconds: pauseSeconds) else {
                return false
            }
            // Every server has a journal of its own.
            let claim = kind == "relay.journal.flagged" ? nil : Alert.Claim(subject: kind + subject, word: kind, pauseSeconds: pauseSeconds)
            alerts.append(Alert(kind: kind, subject: subject, body: body, claim: claim))
            return true
        }
        for model in notices.unpricedModels.sorted() {
            _ = event("relay.price.missing", model, Self.priceSeconds, ["model": .string(model)])
        }
        for (account, why) in notices.failedRefreshes {
            _ = event(
                "relay.account.refresh_failing", account.text, Self.refreshSeconds,
                ["account": .string(account.text), "reason": .string(why)])
        }
        let count = damaged.value
        if count > state.damagedTold,
            event("relay.journal.flagged", "journal", Self.journalSeconds, ["damaged": .int(Int64(clamping: count - state.damagedTold))])
        {
            state.damagedTold = count
        }
        return alerts
    }
}
