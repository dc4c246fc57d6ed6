internal import Domain
public import HTTP
internal import Store

/// Making and changing accounts as pages of the older relay do; `/api/admin/accounts` knows everything else about them.
public struct OlderAccounts: Sendable {
    private let accounts: RelayAccounts
    private let door: SessionDoor

    public init(_ accounts: RelayAccounts, _ door: SessionDoor) { (self.accounts, self.door) = (accounts, door) }

    public var endpoints: [MountedEndpoint] {
        (OlderPool.accountPaths.flatMap {
            [
                update($0.path, $0.kinds), toggleSchedulable($0.path, $0.kinds), toggle($0.path, $0.kinds),
                resetStatus($0.path, $0.kinds),
            ]
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

    // MARK: Making and changing

    private typealias Fields = OlderAccountFields
    private struct Wish: Sendable {
        let name: String?, secret: String?, fields: Fields
        init(
            _ name: String?, _ secret: String?, _ url: String?, _ notes: String?, _ priority: Int64?, _ most: Int64?,
            _ isSchedulable: Bool?, _ isActive: Bool?, _ proxy: String?, _ models: Fields.Models?, _ quota: Int64?,
            _ expiresAt: String?, _ type: String?, _ groups: [String]
        ) {
            (self.name, self.secret) = (name, secret)
            fields = Fields(
                url: url, notes: notes, priority: priority, most: most, isSchedulable: isSchedulable, isActive: isActive, proxy: proxy,
                models: models, quota: quota, expiresAt: expiresAt, place: Fields.Place(type: type, groups: groups))
        }
    }
    private static func shape(_ name: Field<String?>, _ secret: Field<String?>) -> Shape<Wish> {
        Shape(
            name, secret, Fields.url, Fields.notes, Fields.priority, Fields.most, Fields.isSchedulable, Fields.isActive, Fields.proxy,
            Fields.models, Fields.quota, Fields.expiresAt, Fields.type, Fields.groups, make: Wish.init
        ).ignoringUnknownFields
    }
    /// A new account needs it.
    private static func required(_ field: Field<String>) -> Field<String?> { field.map { text throws(ParseError) -> String? in text } }
    private static let name = Field<String>.text("name", "For people.", length: 1...100)

    private func create(_ path: String, _ summary: String, _ kind: CredentialKind, secret: String) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .post, path, summary,
            takes: .body(
                Self.shape(
                    Self.required(Self.name),
                    Self.required(.text(secret, "Its credential; never shown again.", length: 1...8192, format: "password")))),
            about: "What an account may be used for is between the operator and its provider."
        ) { input, context in
            let (body, actor, request) = (input.body, context.user.id.text, input.request.id)
            var wish = try body.fields.change(from: nil)
            (wish.name, wish.kind, wish.secret) = (body.name, kind, body.secret)
            let isActive = body.fields.isActive ?? true
            // One that shall not work is chosen by nobody before it is switched off.
            if !isActive { wish.isSchedulable = false }
            let made: Account
            do { made = try await accounts.create(wish, actor: actor, request: request) } catch let errors as InputErrors {
                throw Fields.renamed(errors, secret: secret)
            }
            if !isActive {
                _ = try await accounts.set(.disabled, of: made.id, actor: actor, request: request)
                var change = AccountChange()
                change.isSchedulable = body.fields.isSchedulable ?? true
                _ = try await accounts.edit(made.id, change, actor: actor, request: request)
            }
            return [
                "id": .string(made.id.text), "name": .string(made.details.name), "kind": .string(kind.rawValue),
                "isActive": .bool(isActive),
            ]
        }
    }

    private func update(_ path: String, _ kinds: Set<CredentialKind>) -> Endpoint<CustomerContext> {
        let secret = kinds == [.apiKey] ? "apiKey" : "accessToken"
        return Older.endpoint(
            .put, path + "/{id}", "Change an account",
            takes: .path(
                Older.id,
                body: Self.shape(
                    Self.name.optional,
                    Field<String>.text(secret, "A new credential; left out or empty: as it was.", length: 0...8192, format: "password")
                        .optional)),
            problems: [.notFound],
            about: "What is left out stays, and so does a proxy: `/api/admin/accounts` takes it away."
        ) { input, context in
            let (body, actor, request) = (input.body, context.user.id.text, input.request.id)
            let account = try await known(input.path, kinds)
            let groups = try await accounts.groups(of: account.id)
            var change = try body.fields.change(from: account.details, groups: Set(groups.map(\.text)))
            (change.name, change.secret) = (body.name, body.secret.flatMap { $0.isEmpty ? nil : $0 })
            do { _ = try await accounts.edit(account.id, change, actor: actor, request: request) } catch let errors as InputErrors {
                throw Fields.renamed(errors, secret: secret)
            }
            if let isActive = body.fields.isActive, isActive != (account.status != .disabled) {
                _ = try await accounts.set(isActive ? .active : .disabled, of: account.id, actor: actor, request: request)
            }
            return ["id": .string(account.id.text)]
        }
    }
}
