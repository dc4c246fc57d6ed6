internal import Domain
public import HTTP
internal import Store

/// `/api/admin/accounts`: the pool of upstream accounts. Admins only; no answer holds a secret.
public struct Accounts: Sendable {
    private let accounts: RelayAccounts
    private let door: SessionDoor

    public init(_ accounts: RelayAccounts, _ door: SessionDoor) {
        self.accounts = accounts
        self.door = door
    }

    public var endpoints: [MountedEndpoint] {
        [
            list, create, explain, show, edit, delete, set("enable", "Use an account again", .active),
            set("disable", "Stop using an account", .disabled), reset, test, refresh, bind,
        ].mounted { try await door.person($0, roles: [.admin]) }
    }

    static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    static let readProblems = ProblemKind.ofSignIn + ProblemKind.ofStore
    static let writeProblems = readProblems + [.csrf, .notFound, .conflict]
    static let id = Shape(Field<String>.text("id", "As acc_….", length: 1...64), make: { $0 })

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/accounts", "All accounts with their health", tag: "Accounts", audience: Self.admins, takes: .nothing,
            replies: .ok(AccountDocuments.list), problems: Self.readProblems
        ) { _, _ in ["accounts": .array(try await accounts.list())] }
    }

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/accounts", "Add an account", tag: "Accounts", audience: Self.admins, takes: .body(AccountChange.shape),
            replies: .created(AccountDocuments.account), problems: Self.writeProblems,
            about:
                "Needs `name` and `secret`; an oauth account needs `token_url`, `client_id` and `refresh_token` instead of `secret`. What an account may be used for is between the operator and its provider.",
            bodyExample: ["name": "console", "kind": "api_key", "secret": "sk-…"]
        ) { input, context in
            let made = try await accounts.create(input.body, actor: context.user.id.text, request: input.request.id)
            return .json(try await accounts.show(made.id), status: 201)
        }
    }

    private struct Question: Sendable { let model: String, key: APIKeyID? }
    private var explain: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/accounts/explain", "Which account would serve now", tag: "Accounts", audience: Self.admins,
            takes: .query(
                Shape(
                    Field<String>.text("model", "As a customer names it.", length: 1...200),
                    Field<APIKeyID>.keyID("key", "Whose request it would be; left out: a key bound to nothing.").optional,
                    make: Question.init(model:key:))),
            replies: .ok(AccountDocuments.explanation), problems: Self.readProblems + [.notFound],
            about: "Says of every account why it would not serve. Nothing is sent anywhere."
        ) { input, _ in
            do { return .json(try await accounts.explain(model: input.query.model, key: input.query.key)) } catch is RelayAccounts.Refusal {
                throw Problem(.notFound)
            }
        }
    }

    private var show: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/accounts/{id}", "One account", tag: "Accounts", audience: Self.admins, takes: .path(Self.id),
            replies: .ok(AccountDocuments.account), problems: Self.readProblems + [.notFound]
        ) { input, _ in .json(try await found(input.path) { try await accounts.show($0) }) }
    }

    private var edit: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/accounts/{id}", "Change an account", tag: "Accounts", audience: Self.admins,
            takes: .path(Self.id, body: AccountChange.shape), replies: .ok(AccountDocuments.account), problems: Self.writeProblems,
            about: "Fields that are left out stay. A new secret or refresh token also clears what the account rests from."
        ) { input, context in
            .json(
                try await found(input.path) {
                    _ = try await accounts.edit($0, input.body, actor: context.user.id.text, request: input.request.id)
                    return try await accounts.show($0)
                })
        }
    }

    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/admin/accounts/{id}", "Delete an account", tag: "Accounts", audience: Self.admins, takes: .path(Self.id),
            replies: .noContent, problems: Self.writeProblems,
            about: "History and ledger keep its id. Refused while results of its batches are not booked."
        ) { input, context in
            try await found(input.path) {
                do {
                    guard try await accounts.delete($0, actor: context.user.id.text, request: input.request.id) else {
                        throw Problem(.notFound)
                    }
                } catch RelayAccounts.Refusal.hasBatches { throw Problem(.conflict, RelayAccounts.hasBatches) }
            }
            return .empty()
        }
    }

    private func set(_ verb: String, _ summary: String, _ status: AccountStatus) -> Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/accounts/{id}/\(verb)", summary, tag: "Accounts", audience: Self.admins, takes: .path(Self.id),
            replies: .ok(AccountDocuments.account), problems: Self.writeProblems,
            about: status == .active ? "Also clears what it rests from." : "Requests under way are finished; tokens are still renewed."
        ) { input, context in
            .json(
                try await found(input.path) {
                    _ = try await accounts.set(status, of: $0, actor: context.user.id.text, request: input.request.id)
                    return try await accounts.show($0)
                })
        }
    }

    private var reset: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/accounts/{id}/reset", "Clear an account's cooldowns", tag: "Accounts", audience: Self.admins,
            takes: .path(Self.id), replies: .ok(AccountDocuments.account), problems: Self.writeProblems,
            about: "Blocks are lifted too; a disabled account stays disabled."
        ) { input, context in
            .json(
                try await found(input.path) {
                    _ = try await accounts.reset($0, actor: context.user.id.text, request: input.request.id)
                    return try await accounts.show($0)
                })
        }
    }

    private var test: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/accounts/{id}/test", "Try an account", tag: "Accounts", audience: Self.admins,
            takes: .path(
                Self.id, body: Shape(Field<String>.text("model", "Left out: a cheap one.", length: 1...200).optional, make: { $0 })),
            replies: .ok(AccountDocuments.outcome), problems: Self.writeProblems,
            about: "Sends one message of one token to the upstream, which costs what that costs."
        ) { input, _ in
            .json(
                try await found(input.path) {
                    let outcome = try await accounts.test($0, model: input.body)
                    return ["works": .bool(outcome.works), "outcome": .string(outcome.code), "detail": .string(outcome.detail)]
                })
        }
    }

    private var refresh: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/accounts/{id}/refresh", "Renew an account's access token", tag: "Accounts", audience: Self.admins,
            takes: .path(Self.id), replies: .ok(AccountDocuments.account), problems: Self.writeProblems + [.badGateway],
            about: "Of an oauth account, at its token endpoint. One that needed a new login and gets a token serves again."
        ) { input, context in
            .json(
                try await found(input.path) {
                    do {
                        let outcome = try await accounts.refresh($0, actor: context.user.id.text, request: input.request.id)
                        guard outcome.isRenewed else { throw Problem(.badGateway, "The token endpoint gave no new token.") }
                    } catch RelayAccounts.Refusal.notRefreshable {
                        throw Problem(.conflict, "The account has no refresh token: only accounts of the kind oauth have.")
                    }
                    return try await accounts.show($0)
                })
        }
    }

    private struct Binding: Sendable { let binding: String?, fallsBack: Bool }
    private var bind: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/api/admin/keys/{id}/binding", "Bind a key to accounts", tag: "Accounts", audience: Self.admins,
            takes: .path(
                Shape(Field<String>.text("id", "As key_….", length: 1...64), make: { $0 }),
                body: Shape(
                    Field<String>.text("binding", "An account's id, or group: and a group's; null: the whole pool.", length: 1...80)
                        .optional,
                    Field<Bool>.boolean("falls_back", "The whole pool serves while what it is bound to is out.").or(false),
                    make: Binding.init(binding:fallsBack:))), replies: .noContent, problems: Self.writeProblems
        ) { input, context in
            guard let id = try? APIKeyID(parsing: input.path) else { throw Problem(.notFound) }
            do {
                try await accounts.bind(
                    id, to: input.body.binding, fallsBack: input.body.fallsBack, actor: context.user.id.text, request: input.request.id)
            } catch is RelayAccounts.Refusal { throw Problem(.notFound) }
            return .empty()
        }
    }

    private func found<Value>(_ text: String, _ work: (AccountID) async throws -> Value) async throws -> Value {
        guard let id = try? AccountID(parsing: text) else { throw Problem(.notFound) }
        do { return try await work(id) } catch is RelayAccounts.Refusal { throw Problem(.notFound) }
    }
}
