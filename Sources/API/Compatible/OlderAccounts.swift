internal import Domain
public import HTTP
internal import Store

/// Making accounts as pages of the older relay do; `/api/admin/accounts` knows everything else about them.
public struct OlderAccounts: Sendable {
    private let accounts: RelayAccounts
    private let door: SessionDoor

    public init(_ accounts: RelayAccounts, _ door: SessionDoor) { (self.accounts, self.door) = (accounts, door) }

    public var endpoints: [MountedEndpoint] {
        (OlderPool.accountPaths.flatMap {
            [toggleSchedulable($0.path, $0.kinds), toggle($0.path, $0.kinds), resetStatus($0.path, $0.kinds)]
        } + [
            refresh, create("/admin/claude-console-accounts", "Add an account with an API key", .apiKey, secret: "apiKey"),
            create("/admin/claude-accounts", "Add an account with a token", .bearer, secret: "accessToken"),
        ]).mounted { try await door.person($0, roles: [.admin]) }
    }

    // MARK: Switches

    /// The account, if it is one of those under that address.
    private func known(_ text: String, _ kinds: Set<CredentialKind>) async throws -> Account {
        guard let id = try? AccountID(parsing: text), let account = try await accounts.find(id), kinds.contains(account.details.kind) else {
            throw Problem(.notFound)
        }
        return account
    }

    private func toggleSchedulable(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .put, path + "/{id}/toggle-schedulable", "Choose an account, or do not any more", takes: .path(Older.id), problems: [.notFound]
        ) { input, context in
            let account = try await known(input.path, kinds)
            var change = AccountChange()
            change.isSchedulable = !account.details.isSchedulable
            let changed = try await accounts.edit(account.id, change, actor: context.user.id.text, request: input.request.id)
            return ["id": .string(changed.id.text), "schedulable": .bool(changed.details.isSchedulable)]
        }
    }

    private func toggle(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .put, path + "/{id}/toggle", "Switch an account off or on", takes: .path(Older.id), problems: [.notFound],
            about: "Switching it on also forgets what it rested from."
        ) { input, context in
            let account = try await known(input.path, kinds)
            let changed = try await accounts.set(
                account.status == .disabled ? .active : .disabled, of: account.id, actor: context.user.id.text, request: input.request.id)
            return ["id": .string(changed.id.text), "isActive": .bool(changed.status != .disabled)]
        }
    }

    private func resetStatus(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .post, path + "/{id}/reset-status", "Forget what an account rests from", takes: .path(Older.id), problems: [.notFound],
            about: "Blocks are lifted too; a disabled account stays disabled."
        ) { input, context in
            let account = try await known(input.path, kinds)
            let changed = try await accounts.reset(account.id, actor: context.user.id.text, request: input.request.id)
            return ["id": .string(changed.id.text), "status": .string(changed.status.rawValue)]
        }
    }

    private var refresh: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/claude-accounts/{id}/refresh", "Renew an account's access token", takes: .path(Older.id),
            problems: [.notFound, .conflict, .badGateway],
            about: "Of an OAuth account, at its token endpoint. One that needed a new login and gets a token serves again."
        ) { input, context in
            let account = try await known(input.path, OlderPool.tokenKinds)
            do {
                let (isRenewed, after, token) = try await accounts.refresh(
                    account.id, actor: context.user.id.text, request: input.request.id)
                guard isRenewed else { throw Problem(.badGateway, "The token endpoint gave no new token.") }
                return [
                    "id": .string(after.id.text), "status": .string(after.status.rawValue),
                    "expiresAt": token.expiresAt.map { .string($0.text) } ?? .null,
                ]
            } catch RelayAccounts.Refusal.notRefreshable {
                throw Problem(.conflict, "The account has no refresh token: only accounts of the kind oauth have.")
            }
        }
    }

    private struct Wish: Sendable { let name: String, secret: String, url: String?, notes: String?, priority: Int64?, most: Int64? }

    private func create(_ path: String, _ summary: String, _ kind: CredentialKind, secret: String) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .post, path, summary,
            takes: .body(
                Shape(
                    .text("name", "For people.", length: 1...100),
                    Field<String>.text(secret, "Its credential; never shown again.", length: 1...8192, format: "password"),
                    Field<String>.text("apiUrl", "Where its API is; left out: the maker's own.", length: 8...2048).optional,
                    Field<String>.text("description", "Notes.", length: 0...1000).optional,
                    Field<Int64>.integer("priority", "Lower goes first.", 1...100).optional,
                    Field<Int64>.integer("maxConcurrentTasks", "Requests under way at once; 0: no cap.", 0...1_000_000).optional,
                    make: Wish.init
                ).ignoringUnknownFields), about: "What an account may be used for is between the operator and its provider."
        ) { input, context in
            let body = input.body
            var wish = AccountChange()
            (wish.name, wish.kind, wish.secret, wish.baseURL) = (body.name, kind, body.secret, body.url)
            (wish.notes, wish.priority, wish.maxConcurrency) = (body.notes, body.priority, body.most)
            let made = try await accounts.create(wish, actor: context.user.id.text, request: input.request.id)
            return ["id": .string(made.id.text), "name": .string(made.details.name), "kind": .string(kind.rawValue)]
        }
    }
}
