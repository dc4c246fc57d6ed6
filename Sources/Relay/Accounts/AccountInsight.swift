public import Domain
internal import HTTP
public import Secrets
public import Store
internal import Synchronization
internal import Telemetry

/// What operators may know of the pool: how each account stands, and which one would serve a model and key now, with the reason why
/// each other would not. Never a secret.
public struct AccountInsight: Sendable {
    let accounts: AccountDirectory
    let ambient: Ambient

    /// The pool as the database knows it, for a process that relays nothing: cooldowns are there, requests under way are not.
    /// - Throws: `StoreError`; an account whose secret does not open is shown as unusable.
    public static func load(
        _ store: Store, keyring: Keyring, allowsLoopback: Bool, strategy: SchedulingStrategy
    ) async throws(StoreError) -> AccountInsight {
        let accounts = AccountDirectory(strategy: strategy)
        _ = try await accounts.refresh(from: store, keyring: keyring, rule: AddressRule(allowsLoopback: allowsLoopback)) { _, _ in }
        return AccountInsight(accounts: accounts, ambient: store.ambient)
    }

    /// Renews an OAuth account's access token from a process that relays nothing, under the same lease as servers do. Whether there is one
    /// newer than generation `known` now; `lastError` of its row says why not.
    public static func renewToken(
        of id: AccountID, known: Int64, store: Store, keyring: Keyring, allowsLoopback: Bool
    ) async -> Bool {
        let outgoing = OutgoingClient(ambient: store.ambient, rule: AddressRule(allowsLoopback: allowsLoopback))
        let tokens = TokenRefresher(
            store: store, keyring: { keyring }, client: { () throws(ClientError) in try outgoing.client() }, log: .silent,
            metrics: Metrics(), changed: {})
        return await tokens.renew(id, known: known)
    }

    /// Status, reason, end, requests under way and the upstream's own windows of each account that can be used.
    public func standing() -> [AccountID: JSON] {
        let now = ambient.now()
        let pool = accounts.pool
        var found: [AccountID: JSON] = [:]
        for account in pool.everyone { found[account.id] = Self.json(account, now) }
        for row in pool.unusable {
            found[row.account.id] = [
                "status": .string(row.account.status.rawValue), "status_reason": .string(row.why), "until": nil, "in_flight": 0,
                "last_used_at": nil, "cost_today_micro_usd": 0, "windows": [:],
            ]
        }
        return found
    }

    private static func json(_ account: RelayAccount, _ now: Timestamp) -> JSON {
        let standing = account.standing(now)
        let used = account.live.lastUsedAt.load(ordering: .relaxed)
        return [
            "status": .string(standing.status.rawValue), "status_reason": .string(standing.reason),
            "until": standing.until.map { .string($0.text) } ?? .null, "in_flight": .int(Int64(account.live.slots.inFlight)),
            "last_used_at": used == 0 ? .null : .string(Timestamp(milliseconds: used).text),
            "cost_today_micro_usd": .int(account.live.costToday), "windows": account.live.snapshot.windows.json,
        ]
    }

    /// Which account would serve the model now, and why each other would not.
    /// - Parameter key: nil for a key that is bound to nothing.
    public func explain(model: String, key: APIKey?) -> JSON {
        let now = ambient.now()
        let pool = accounts.pool
        let candidates = pool.candidates(model)
        var wish = AccountWish(candidates)
        wish.binding = key?.accountBinding.map(AccountBinding.init)
        wish.fallsBack = key?.bindingFallsBack ?? false
        let chosen = accounts.preview(wish, now: now)
        let rows = pool.accounts.map { account -> JSON in
            let why =
                account.serves(model) ? accounts.obstacle(account, wish, now: now).map { Self.words($0) } : "it does not serve this model"
            let isChosen = account.id == chosen?.id
            return [
                "id": .string(account.id.text), "name": .string(account.account.details.name),
                "priority": .int(account.account.details.priority), "would_serve": .bool(isChosen),
                "why_not": isChosen ? .null : .string(why ?? Self.outranked(account, chosen)),
            ]
        }
        let programs = pool.programs.map { account -> JSON in
            [
                "id": .string(account.id.text), "name": .string(account.account.details.name),
                "priority": .int(account.account.details.priority), "would_serve": false,
                "why_not": "it runs a program, which serves /api/chat only",
            ]
        }
        let lost = pool.unusable.map { row -> JSON in
            [
                "id": .string(row.account.id.text), "name": .string(row.account.details.name),
                "priority": .int(row.account.details.priority), "would_serve": false, "why_not": .string("it cannot be used: " + row.why),
            ]
        }
        let until = chosen == nil ? accounts.soonest(wish, now: now) : nil
        return [
            "model": .string(model), "family": .string(candidates.family.name), "key": key.map { .string($0.id.text) } ?? .null,
            "binding": key?.accountBinding.map { .string($0) } ?? .null,
            "account": chosen.map { .string($0.id.text) } ?? .null,
            "free_at": until.map { .string($0.text) } ?? .null, "accounts": .array(rows + programs + lost),
        ]
    }

    private static func outranked(_ account: RelayAccount, _ chosen: RelayAccount?) -> String {
        guard let chosen, chosen.account.details.priority < account.account.details.priority else {
            return "it could serve; the strategy prefers another one of the same priority now"
        }
        return "it could serve; an account of priority \(chosen.account.details.priority) is preferred"
    }

    private static func words(_ obstacle: AccountObstacle) -> String {
        switch obstacle {
        case .tried: "it was tried already"
        case .model: "its operator does not name this model"
        case .binding: "the key is bound to another account or group"
        case .status(let status, let reason): "it is \(status.rawValue)" + (reason.isEmpty ? "" : ": \(reason)")
        case .notSchedulable: "it is taken out of scheduling"
        case .expired: "its time is over"
        case .noToken: "it has no access token yet"
        case .resting(let until, let isBlock, let reason):
            (isBlock ? "it is blocked" : "it is cooling")
                + (until.milliseconds == .max ? " until an operator resets it" : " until \(until.text)") + " (\(reason))"
        case .probing: "one request is trying it after a cooldown"
        case .route(let until): "its host or proxy could not be reached; tried again at \(until.text)"
        case .cap(let until, let cap): "its cap on \(cap) is used up until \(until.text)"
        case .full: "as many requests as it may have are under way"
        }
    }
}

extension AccountDirectory {
    /// Whom `choose` would take, with nothing taken. Rotating strategies have moved on by the next request.
    func preview(_ wish: AccountWish, now: Timestamp) -> RelayAccount? {
        for round in wish.fallsBack && wish.binding != nil ? [wish, wish.unbound] : [wish] {
            for tier in round.candidates.tiers {
                let ready = tier.filter { obstacle($0, round, now: now) == nil }
                if !ready.isEmpty { return ready[best(ready, strategy(round), round.family, now)] }
            }
        }
        return nil
    }
}

extension AccountWish {
    fileprivate var unbound: AccountWish {
        var wish = self
        wish.binding = nil
        return wish
    }
}

extension Relay {
    /// Of the running pool, with everything that is under way.
    public var insight: AccountInsight { AccountInsight(accounts: services.accounts, ambient: services.ambient) }
    /// Renews an OAuth account's token now, whatever is left of its life. False when that did not work.
    public func renewToken(_ id: AccountID) async -> Bool {
        await services.tokens.renew(id, known: services.accounts.pool.account(id)?.generation ?? 0)
    }
}
