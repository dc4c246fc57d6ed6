public import Domain
public import HTTP
public import Store

/// What the data path knows that the store does not, for dashboards.
public struct PoolView: Sendable {
    /// The price list, a row an entry.
    let prices: @Sendable () -> [JSON]
    /// Requests under way by key.
    let inFlight: @Sendable () -> [(key: APIKeyID, count: Int64)]
    /// Accounts that could serve something now.
    let usableAccounts: @Sendable () -> Int
    /// Takes the places of a key's requests away from them; nil for an unknown key.
    let clear: @Sendable (APIKeyID) -> Int64?

    public init(
        prices: @escaping @Sendable () -> [JSON], inFlight: @escaping @Sendable () -> [(key: APIKeyID, count: Int64)],
        usableAccounts: @escaping @Sendable () -> Int, clear: @escaping @Sendable (APIKeyID) -> Int64? = { _ in nil }
    ) { (self.prices, self.inFlight, self.usableAccounts, self.clear) = (prices, inFlight, usableAccounts, clear) }
}

/// `/admin/claude-accounts`, `/admin/account-groups`, `/admin/dashboard` and the other read-outs of older dashboards.
public struct OlderPool: Sendable {
    private let store: Store
    private let door: SessionDoor
    private let pool: PoolView
    private let changed: @Sendable () async -> Void

    /// - Parameter changed: tells the data path that accounts have changed.
    public init(_ store: Store, _ door: SessionDoor, _ pool: PoolView, changed: @escaping @Sendable () async -> Void) {
        (self.store, self.door, self.pool, self.changed) = (store, door, pool, changed)
    }

    public var endpoints: [MountedEndpoint] {
        let accounts = Self.accountPaths.flatMap { [list($0.path, $0.kinds), delete($0.path, $0.kinds)] }
        return
            (accounts + [
                groups, createGroup, updateGroup, deleteGroup, dashboard, trend, costs, accountHistory, pricing, concurrency,
                oneConcurrency, clearConcurrency, clearAllConcurrency,
            ]).mounted { try await door.person($0, roles: [.admin]) }
    }

    // MARK: Accounts

    /// What the older relay kept apart from console keys.
    static let tokenKinds = Set(CredentialKind.allCases).subtracting([.apiKey])
    static let accountPaths: [(path: String, kinds: Set<CredentialKind>)] = [
        ("/admin/claude-accounts", tokenKinds), ("/admin/claude-console-accounts", [.apiKey]),
    ]

    private struct Selection: Sendable { let platform: String?, group: String? }
    private static let selection = Shape(
        Field<String>.text("platform", "Only of this one; empty or all: any.", length: 0...64).optional.map { text throws(ParseError) in
            ["", "all"].contains(text ?? "") ? nil : text
        },
        Field<String>.text("groupId", "Only of this group; empty or all: any. ungrouped: of none.", length: 0...64).optional.map {
            text throws(ParseError) in ["", "all"].contains(text ?? "") ? nil : text
        }, make: Selection.init
    ).ignoringUnknownFields

    private func list(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        Older.endpoint(.get, path, "Accounts", takes: .query(Self.selection), about: "Their secrets are never shown.") { input, _ in
            let (platform, wanted) = (input.query.platform, input.query.group)
            let today = store.ambient.today
            let found = try await store.read { reader throws(StoreError) in
                (try reader.accounts(), try reader.costByAccount(day: today), try reader.accountHealth(), try reader.accountGroupMembers())
            }
            return .array(
                found.0.filter { kinds.contains($0.details.kind) }.compactMap { account in
                    let groups = found.3.filter { $0.value.contains(account.id) }.keys.sorted().map(\.text)
                    guard platform == nil || platform == Self.platform(account) else { return nil }
                    guard wanted.map({ $0 == "ungrouped" ? groups.isEmpty : groups.contains($0) }) ?? true else { return nil }
                    return Self.json(
                        account, cost: found.1[account.id] ?? 0, health: found.2[account.id], groups: groups.map(JSON.string))
                })
        }
    }

    private static func platform(_ account: Account) -> String { account.details.kind == .apiKey ? "claude-console" : "claude" }
    private static func json(_ account: Account, cost: Int64, health: AccountHealth?, groups: [JSON]) -> JSON {
        let details = account.details
        return [
            "id": .string(account.id.text), "name": .string(details.name), "description": .string(details.notes),
            "email": .string(details.email), "platform": .string(platform(account)),
            "accountType": .string(groups.isEmpty ? "shared" : "group"), "kind": .string(details.kind.rawValue),
            "apiUrl": .string(details.baseURL), "priority": .int(details.priority), "weight": .int(details.weight),
            "maxConcurrency": details.maxConcurrency.map(JSON.int) ?? 0, "maxConcurrentTasks": details.maxConcurrency.map(JSON.int) ?? 0,
            "supportedModels": OlderAccountFields.json(OlderAccountFields.shown(details)), "hasProxy": .bool(account.proxySealed != nil),
            "dailyQuota": .number(Dollars.text(details.caps.costPerDayMicroUSD ?? 0)), "schedulable": .bool(details.isSchedulable),
            "isActive": .bool(account.status != .disabled), "status": .string(account.status.rawValue),
            "errorMessage": .string(account.statusReason), "groupIds": .array(groups),
            "createdAt": .string(account.createdAt.text), "lastUsedAt": health?.lastUsedAt.map { .string($0.text) } ?? .null,
            "expiresAt": details.expiresAt.map { .string($0.text) } ?? .null,
            "usage": ["daily": ["costMicroUsd": .int(cost), "cost": .number(Dollars.text(cost))]],
        ]
    }

    private func delete(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        Older.endpoint(.delete, path + "/{id}", "Delete an account", takes: .path(Older.id), problems: [.notFound, .conflict]) {
            input, context in
            let id = try Self.account(input.path)
            let isDone: Bool
            do {
                isDone = try await store.transaction { transaction throws(StoreError) in
                    guard let account = try transaction.account(id), kinds.contains(account.details.kind), try transaction.deleteAccount(id)
                    else {
                        return false
                    }
                    try transaction.record(
                        actor: context.user.id.text, "account.delete", subject: id.text, before: ["name": .string(account.details.name)],
                        after: nil, input.request.id)
                    return true
                }
            } catch StoreError.refused("account_has_batches") { throw Problem(.conflict, RelayAccounts.hasBatches) }
            guard isDone else { throw Problem(.notFound) }
            await changed()
            return ["id": .string(id.text)]
        }
    }

    private static func account(_ text: String) throws -> AccountID {
        guard let id = try? AccountID(parsing: text) else { throw Problem(.notFound) }
        return id
    }

    // MARK: Groups

    private struct Group: Sendable { let name: String, notes: String?, members: [String]? }
    private static let group = Shape(
        .text("name", "For people; once only.", length: 1...100), Field<String>.text("description", "Notes.", length: 0...1000).optional,
        Field<[String]>.texts("memberIds", "Accounts.", count: 0...1000, length: 1...64).optional, make: Group.init
    ).ignoringUnknownFields

    private var groups: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/account-groups", "Groups of accounts", takes: .nothing) { _, _ in
            let (groups, members) = try await store.read { reader throws(StoreError) in
                (try reader.accountGroups(), try reader.accountGroupMembers())
            }
            return .array(groups.map { Self.json($0, members[$0.id] ?? []) })
        }
    }
    private static func json(_ group: AccountGroup, _ members: [AccountID]) -> JSON {
        [
            "id": .string(group.id.text), "name": .string(group.name), "description": .string(group.notes), "platform": "claude",
            "memberCount": .int(Int64(members.count)), "memberIds": .array(members.map { .string($0.text) }),
            "createdAt": .string(group.createdAt.text), "updatedAt": .string(group.updatedAt.text),
        ]
    }

    private var createGroup: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/account-groups", "Make a group", takes: .body(Self.group), problems: [.conflict]
        ) { input, context in
            let members = try (input.body.members ?? []).map(Self.account)
            let group = try await store.transaction { transaction throws(StoreError) in
                let group = try transaction.createAccountGroup(name: input.body.name, strategy: nil, notes: input.body.notes ?? "")
                try transaction.setMembers(members, of: group.id)
                try transaction.record(
                    actor: context.user.id.text, "group.create", subject: group.id.text, before: nil, after: ["name": .string(group.name)],
                    input.request.id)
                return group
            }
            await changed()
            return Self.json(group, members)
        }
    }
    private var updateGroup: Endpoint<CustomerContext> {
        Older.endpoint(
            .put, "/admin/account-groups/{id}", "Change a group", takes: .path(Older.id, body: Self.group),
            problems: [.notFound, .conflict]
        ) { input, context in
            guard let id = try? AccountGroupID(parsing: input.path) else { throw Problem(.notFound) }
            let body = input.body
            let members = try body.members?.map(Self.account)
            let isDone = try await store.transaction { transaction throws(StoreError) in
                guard let old = try transaction.accountGroup(id) else { return false }
                _ = try transaction.updateAccountGroup(id, name: body.name, strategy: old.strategy, notes: body.notes ?? old.notes)
                if let members { try transaction.setMembers(members, of: id) }
                try transaction.record(
                    actor: context.user.id.text, "group.update", subject: id.text, before: ["name": .string(old.name)],
                    after: ["name": .string(body.name)], input.request.id)
                return true
            }
            guard isDone else { throw Problem(.notFound) }
            await changed()
            return ["id": .string(id.text)]
        }
    }
    private var deleteGroup: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/account-groups/{id}", "Delete a group", takes: .path(Older.id), problems: [.notFound, .conflict]
        ) { input, context in
            guard let id = try? AccountGroupID(parsing: input.path) else { throw Problem(.notFound) }
            let isDone = try await store.transaction { transaction throws(StoreError) in
                guard try transaction.deleteAccountGroup(id) else { return false }
                try transaction.record(
                    actor: context.user.id.text, "group.delete", subject: id.text, before: nil, after: nil, input.request.id)
                return true
            }
            guard isDone else { throw Problem(.notFound) }
            await changed()
            return ["id": .string(id.text)]
        }
    }

    // MARK: Read-outs

    private var dashboard: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/dashboard", "The whole at a glance", takes: .nothing) { _, _ in
            let ambient = store.ambient
            let (today, month, total, keys, active, accounts) = try await store.read { reader throws(StoreError) in
                var running = APIKeySearch()
                running.isActive = true
                return (
                    try reader.usage(UsageFilter(fromDay: ambient.today)),
                    try reader.usage(UsageFilter(fromDay: Older.firstDay("monthly", ambient))), try reader.usage(UsageFilter()),
                    try reader.apiKeys(APIKeySearch(), offset: 0, limit: 1).total, try reader.apiKeys(running, offset: 0, limit: 1).total,
                    try reader.accounts()
                )
            }
            return [
                "overview": [
                    "totalApiKeys": .int(keys), "activeApiKeys": .int(active), "totalAccounts": .int(Int64(accounts.count)),
                    "activeAccounts": .int(Int64(accounts.count { $0.status == .active })),
                    "usableAccounts": .int(Int64(pool.usableAccounts())), "totalTokensUsed": .int(total.tokens.total),
                    "totalRequestsUsed": .int(total.requests),
                ],
                "recentActivity": [
                    "tokensToday": .int(today.tokens.total), "requestsToday": .int(today.requests),
                    "costToday": .number(Dollars.text(today.priceMicroUSD)), "costMonth": .number(Dollars.text(month.priceMicroUSD)),
                ], "systemHealth": ["concurrent": .int(pool.inFlight().reduce(0) { $0 + $1.count })],
                "timestamp": .string(ambient.now().text),
            ]
        }
    }

    private static let days = Shape(Field<Int64>.integer("days", "How many, today included.", 1...366).or(7), make: { $0 })
        .ignoringUnknownFields

    private var trend: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/usage-trend", "Usage by day", takes: .query(Self.days)) { input, _ in
            let first = Older.firstDay(of: input.query, store.ambient)
            let series = try await store.read { reader throws(StoreError) in
                try reader.usageSeries(UsageFilter(fromDay: first), by: .day)
            }
            return Self.series(series, "date")
        }
    }

    private var costs: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/usage-costs", "Costs by model",
            takes: .query(
                Shape(Field<String>.choice("period", "Which days.", Older.ranges).or("all"), make: { $0 }).ignoringUnknownFields)
        ) { input, _ in
            let first = Older.firstDay(input.query, store.ambient)
            let (total, series) = try await store.read { reader throws(StoreError) in
                (try reader.usage(UsageFilter(fromDay: first)), try reader.usageSeries(UsageFilter(fromDay: first), by: .model))
            }
            return [
                "period": .string(input.query), "totalCosts": .object(Older.usage(total)), "modelCosts": Self.series(series, "model"),
            ]
        }
    }

    private static func series(_ series: [(bucket: String, usage: Usage)], _ name: String) -> JSON {
        .array(
            series.map { bucket in
                var members = Older.usage(bucket.usage)
                members[name] = .string(bucket.bucket)
                return .object(members)
            })
    }

    private var accountHistory: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/accounts/{id}/usage-history", "An account's usage by day", takes: .path(Older.id, query: Self.days),
            problems: [.notFound]
        ) { input, _ in
            let id = try Self.account(input.path)
            let first = Older.firstDay(of: input.query, store.ambient)
            let series = try await store.read { reader throws(StoreError) -> [(bucket: String, usage: Usage)]? in
                try reader.account(id) == nil ? nil : try reader.usageByDay(of: id, fromDay: first)
            }
            guard let series else { throw Problem(.notFound) }
            return ["history": Self.series(series, "date")]
        }
    }

    private var pricing: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/models/pricing", "The price list", takes: .nothing) { _, _ in .array(pool.prices()) }
    }

    private var concurrency: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/concurrency", "Requests under way, by key", takes: .nothing,
            about:
                "Of this process. A place is given back by the request itself on every way it can end, so there is seldom anything to clear."
        ) { _, _ in
            let running = pool.inFlight().filter { $0.count > 0 }
            return [
                "summary": [
                    "totalKeys": .int(Int64(running.count)), "totalConcurrent": .int(running.reduce(0) { $0 + $1.count }),
                ],
                "concurrency": .array(running.map { ["apiKeyId": .string($0.key.text), "activeCount": .int($0.count)] }),
            ]
        }
    }
    private var oneConcurrency: Endpoint<CustomerContext> {
        Older.endpoint(.get, "/admin/concurrency/{id}", "A key's requests under way", takes: .path(Older.id)) { input, _ in
            let count = pool.inFlight().first { $0.key.text == input.path }?.count ?? 0
            return ["apiKeyId": .string(input.path), "activeCount": .int(count)]
        }
    }

    private static let aboutClearing = "In this process. They go on, and those that wait are let in."
    private var clearConcurrency: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/concurrency/{id}", "Take a key's places away from its requests", takes: .path(Older.id), problems: [.notFound],
            about: Self.aboutClearing
        ) { input, context in
            guard let id = try? APIKeyID(parsing: input.path), let cleared = pool.clear(id) else { throw Problem(.notFound) }
            try await note(cleared, id.text, context.user.id.text, input.request.id)
            return ["apiKeyId": .string(id.text), "cleared": .int(cleared)]
        }
    }
    private var clearAllConcurrency: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/concurrency", "Take all keys' places away from their requests", takes: .nothing, about: Self.aboutClearing
        ) { input, context in
            let running = pool.inFlight()
            let cleared = running.reduce(0) { $0 + (pool.clear($1.key) ?? 0) }
            try await note(cleared, "all", context.user.id.text, input.request.id)
            return ["keys": .int(Int64(running.count)), "cleared": .int(cleared)]
        }
    }
    private func note(_ cleared: Int64, _ subject: String, _ actor: String, _ request: RequestID) async throws(StoreError) {
        try await store.transaction { transaction throws(StoreError) in
            try transaction.record(
                actor: actor, "concurrency.clear", subject: subject, before: nil, after: ["cleared": .int(cleared)], request)
        }
    }
}
