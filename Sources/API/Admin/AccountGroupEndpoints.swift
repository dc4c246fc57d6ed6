internal import Domain
public import HTTP
internal import Store

/// `/api/admin/account-groups`: accounts that keys can be bound to together. Admins only.
public struct AccountGroupEndpoints: Sendable {
    private let accounts: RelayAccounts
    private let door: SessionDoor

    public init(_ accounts: RelayAccounts, _ door: SessionDoor) {
        self.accounts = accounts
        self.door = door
    }

    public var endpoints: [MountedEndpoint] {
        [list, create, show, edit, delete].mounted { try await door.person($0, roles: [.admin]) }
    }

    private static let id = Shape(Field<String>.text("id", "As grp_….", length: 1...64), make: { $0 })
    private static let name = Field<String>.text("name", "Unique, for people.", length: 1...100)
    private static let strategyWords = SchedulingStrategy.allCases.map(\.rawValue) + ["pool"]
    private static let strategy = Field<String>.choice(
        "strategy", "How one of its accounts is chosen; `pool`: as the pool does.", strategyWords)
    private static let notes = Field<String>.text("notes", "For operators.", length: 0...2000)
    private static let members = Field<[String]>.texts("account_ids", "All its members.", count: 0...1000, length: 1...64).map {
        texts throws(ParseError) in
        var ids: [AccountID] = []
        for text in texts { ids.append(try AccountID(parsing: text)) }
        return ids
    }
    private struct Wish: Sendable { let name: String?, strategy: String?, notes: String?, members: [AccountID]? }
    private static let made = Shape(
        name.map { text throws(ParseError) -> String? in text }, strategy.optional, notes.optional, members.optional,
        make: Wish.init(name:strategy:notes:members:))
    private static let changed = Shape(
        name.optional, strategy.optional, notes.optional, members.optional, make: Wish.init(name:strategy:notes:members:))

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/account-groups", "All groups of accounts", tag: "Accounts", audience: Accounts.admins, takes: .nothing,
            replies: .ok(AccountDocuments.groups), problems: Accounts.readProblems
        ) { _, _ in ["groups": .array(try await accounts.groups().map(RelayAccounts.json))] }
    }

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/account-groups", "Make a group of accounts", tag: "Accounts", audience: Accounts.admins,
            takes: .body(Self.made), replies: .created(AccountDocuments.group), problems: Accounts.writeProblems
        ) { input, context in
            let wish = input.body
            let group = try await accounts.createGroup(
                name: wish.name ?? "", strategy: wish.strategy.flatMap(SchedulingStrategy.init(rawValue:)), notes: wish.notes ?? "",
                members: wish.members ?? [], actor: context.user.id.text, request: input.request.id)
            return .json(RelayAccounts.json(group), status: 201)
        }
    }

    private var show: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/account-groups/{id}", "One group of accounts", tag: "Accounts", audience: Accounts.admins,
            takes: .path(Self.id), replies: .ok(AccountDocuments.group), problems: Accounts.readProblems + [.notFound]
        ) { input, _ in .json(RelayAccounts.json(try await found(input.path) { try await accounts.group($0) })) }
    }

    private var edit: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/account-groups/{id}", "Change a group of accounts", tag: "Accounts", audience: Accounts.admins,
            takes: .path(Self.id, body: Self.changed), replies: .ok(AccountDocuments.group), problems: Accounts.writeProblems,
            about: "Fields that are left out stay; `account_ids` replaces all members."
        ) { input, context in
            let wish = input.body
            return .json(
                RelayAccounts.json(
                    try await found(input.path) {
                        try await accounts.editGroup(
                            $0, name: wish.name, strategy: wish.strategy.map(SchedulingStrategy.init(rawValue:)), notes: wish.notes,
                            members: wish.members, actor: context.user.id.text, request: input.request.id)
                    }))
        }
    }

    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/admin/account-groups/{id}", "Delete a group of accounts", tag: "Accounts", audience: Accounts.admins,
            takes: .path(Self.id), replies: .noContent, problems: Accounts.writeProblems,
            about: "Its accounts stay. Keys bound to it are served by nobody until they are bound anew."
        ) { input, context in
            try await found(input.path) {
                guard try await accounts.deleteGroup($0, actor: context.user.id.text, request: input.request.id) else {
                    throw Problem(.notFound)
                }
            }
            return .empty()
        }
    }

    private func found<Value>(_ text: String, _ work: (AccountGroupID) async throws -> Value) async throws -> Value {
        guard let id = try? AccountGroupID(parsing: text) else { throw Problem(.notFound) }
        do { return try await work(id) } catch is RelayAccounts.Refusal { throw Problem(.notFound) }
    }
}
