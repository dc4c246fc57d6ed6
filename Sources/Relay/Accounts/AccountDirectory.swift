internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Synchronization

/// The pool as it was read last: immutable but for a cache.
final class AccountPool: Sendable {
    struct Group: Sendable {
        let name: String
        let strategy: SchedulingStrategy?
        let members: Set<AccountID>
    }
    /// By priority, then age; without the kind `cli`, which serves no Messages.
    let accounts: [RelayAccount]
    /// Those of the kind `cli`, by priority, then age: for `/api/chat` only, and never among `candidates`.
    let programs: [RelayAccount]
    let groups: [AccountGroupID: Group]
    let version: Int64
    /// Accounts in the store, those included that cannot be used here.
    let rowCount: Int
    /// Why a row cannot be used.
    let unusable: [(account: Account, why: String)]
    private let byID: [AccountID: RelayAccount]
    private let cache = Mutex<[String: Candidates]>([:])
    /// Names come from customers, so their number is bounded.
    private static let maximumCached = 512

    init(
        accounts all: [RelayAccount], groups: [AccountGroupID: Group], version: Int64, rowCount: Int, unusable: [(Account, String)]
    ) {
        accounts = all.filter { $0.account.details.kind != .cli }
        programs = all.filter { $0.account.details.kind == .cli }
        self.groups = groups
        self.version = version
        self.rowCount = rowCount
        self.unusable = unusable.map { (account: $0.0, why: $0.1) }
        byID = Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }
    static let empty = AccountPool(accounts: [], groups: [:], version: -1, rowCount: 0, unusable: [])

    /// Of every kind.
    var everyone: [RelayAccount] { accounts + programs }

    /// Who runs the operator's program for a model, whatever their condition.
    func programs(_ model: String) -> Candidates { Candidates(model: model, of: self, from: programs) }

    func account(_ id: AccountID) -> RelayAccount? { byID[id] }

    /// Who serves a model, whatever their condition; found once for each name.
    func candidates(_ model: String) -> Candidates {
        cache.withLock { cache in
            if let known = cache[model] { return known }
            let made = Candidates(model: model, of: self, from: accounts)
            if cache.count >= Self.maximumCached { cache.removeAll(keepingCapacity: true) }
            cache[model] = made
            return made
        }
    }
}

/// The accounts that serve one model, in tiers of equal priority.
final class Candidates: Sendable {
    let pool: AccountPool
    let model: String
    let family: ModelFamily
    /// The preferred tier first; none is empty.
    let tiers: [[RelayAccount]]
    let count: Int
    /// What the accounts make of the model's name, each once; the name itself when nobody serves it.
    let targets: [String]

    fileprivate init(model: String, of pool: AccountPool, from accounts: [RelayAccount]) {
        self.pool = pool
        self.model = model
        family = ModelFamily(model: model)
        let serving = accounts.filter { $0.serves(model) }
        count = serving.count
        let targets = Set(serving.map { $0.modelMap[model] ?? model })
        self.targets = targets.isEmpty ? [model] : targets.sorted()
        var tiers: [[RelayAccount]] = []
        for account in serving {
            if tiers.last?.first?.account.details.priority == account.account.details.priority {
                tiers[tiers.count - 1].append(account)
            } else {
                tiers.append([account])
            }
        }
        self.tiers = tiers
    }
}

/// The pool of accounts. A changed account is read again from the store; what it is doing now stays.
final class AccountDirectory: Sendable {
    let sticky: StickySessions
    /// For keys that are bound to no group, or to one that names none.
    let strategy: SchedulingStrategy
    /// Rises with every choice: the order of use, and the hand of the rotating strategies.
    let turn = Atomic<UInt64>(0)
    private let snapshot = Mutex(AccountPool.empty)
    private let routes = Mutex<[RouteName: Route]>([:])

    init(strategy: SchedulingStrategy = .headroom, sticky: StickySessions = StickySessions()) {
        self.strategy = strategy
        self.sticky = sticky
    }

    var pool: AccountPool { snapshot.withLock { $0 } }
    var accounts: [RelayAccount] { pool.accounts }
    /// Nobody has made an account. One that cannot be used is one all the same: its customers must not get answers of the demo.
    var isEmpty: Bool { pool.rowCount == 0 }
    /// Accounts that could serve something now.
    func usableCount(at now: Timestamp) -> Int {
        pool.everyone.count { account in
            account.account.status == .active && account.account.details.isSchedulable && account.hasCredential
                && account.live.snapshot.rests.allSatisfy { $0.family != nil || $0.until <= now }
        }
    }

    /// Reads all accounts again when any has changed. An account whose row cannot be used is left out and reported.
    /// - Returns: false, with nothing changed, when a secret was sealed by a data key that this keyring does not have yet.
    func refresh(
        from store: Store, keyring: Keyring, rule: AddressRule, report: @Sendable (AccountID, _ why: String) -> Void
    ) async throws(StoreError) -> Bool {
        let known = pool
        guard let rows = try await AccountRows.read(store, unless: known.version) else { return true }
        for row in rows.accounts {
            let sealed = [row.secretSealed, row.proxySealed, rows.tokens[row.id]?.accessSealed].compactMap { $0 }
            for value in sealed { if let id = Keyring.keyID(of: value), !keyring.knows(id) { return false } }
        }
        var accounts: [RelayAccount] = []
        var unusable: [(Account, String)] = []
        var used: [RouteName: Route] = [:]
        let standing = routes.withLock { $0 }
        for row in rows.accounts {
            do {
                let live = known.account(row.id)?.live ?? rows.live(row)
                // Others use the account too: tests by a command, other servers. What the ledger has is the least.
                if let cost = rows.costs[row.id] { live.loadCost(cost, at: rows.readAt) }
                if live.resets.exchange(row.resets, ordering: .relaxed) < row.resets { live.reset() }
                accounts.append(
                    try RelayAccount(row, token: rows.tokens[row.id], keyring: keyring, rule: rule, live: live) { name in
                        let route = used[name] ?? standing[name] ?? Route()
                        used[name] = route
                        return route
                    })
            } catch let error as SecretsError {
                unusable.append((row, "its secret does not open: \(error)"))
                report(row.id, "its secret does not open: \(error)")
            } catch {
                unusable.append((row, "\(error)"))
                report(row.id, "\(error)")
            }
        }
        let pool = AccountPool(
            accounts: accounts, groups: rows.groups, version: rows.version, rowCount: rows.accounts.count, unusable: unusable)
        // Another refresh may have been quicker: older rows never replace newer ones.
        let isNewest = snapshot.withLock { snapshot in
            guard snapshot.version < pool.version else { return false }
            snapshot = pool
            return true
        }
        if isNewest { routes.withLock { $0 = used } }
        return true
    }
}

/// Everything of the pool that the store knows, of one moment.
private struct AccountRows: Sendable {
    let version: Int64
    let accounts: [Account]
    let tokens: [AccountID: AccountToken]
    let groups: [AccountGroupID: AccountPool.Group]
    let cooldowns: [AccountID: [AccountCooldown]]
    let health: [AccountID: AccountHealth]
    /// Of the day around `readAt`.
    let costs: [AccountID: Int64]
    let readAt: Timestamp
    let zone: CivilZone

    /// Nil when nothing has changed since `version`: one look-up.
    static func read(_ store: Store, unless version: Int64) async throws(StoreError) -> AccountRows? {
        try await store.read { reader throws(StoreError) in
            let current = try reader.accountsVersion()
            guard current != version else { return nil }
            let accounts = try reader.accounts()
            let (members, now, zone) = (try reader.accountGroupMembers(), reader.ambient.now(), reader.ambient.zone)
            let capped = accounts.contains { $0.details.caps.costPerDayMicroUSD != nil }
            var groups: [AccountGroupID: AccountPool.Group] = [:]
            for group in try reader.accountGroups() {
                groups[group.id] = .init(name: group.name, strategy: group.strategy, members: Set(members[group.id] ?? []))
            }
            return AccountRows(
                version: current, accounts: accounts,
                tokens: Dictionary(try reader.accountTokens().map { ($0.accountID, $0) }, uniquingKeysWith: { $1 }), groups: groups,
                cooldowns: Dictionary(grouping: try reader.accountCooldowns(), by: \.accountID), health: try reader.accountHealth(),
                // Reads the day's ledger, so only where somebody asked for it.
                costs: capped ? try reader.costByAccount(day: zone.dayText(now)) : [:], readAt: now, zone: zone)
        }
    }

    /// The living side of an account that this process sees for the first time: it goes on where the last process was.
    func live(_ row: Account) -> AccountLive {
        let live = AccountLive(zone: zone)
        live.resets.store(row.resets, ordering: .relaxed)
        let known = health[row.id]
        let windows = known.flatMap { try? JSON(parsing: $0.windows) }.map(UsageWindows.init(restoring:))
        live.restore(cooldowns[row.id] ?? [], windows: windows)
        if let used = known?.lastUsedAt { live.lastUsedAt.store(used.milliseconds, ordering: .relaxed) }
        return live
    }
}
