internal import Domain
public import HTTP
internal import Store

/// Making accounts as pages of the older relay do; `/api/admin/accounts` knows everything else about them.
public struct OlderAccounts: Sendable {
    private let accounts: RelayAccounts
    private let door: SessionDoor

    public init(_ accounts: RelayAccounts, _ door: SessionDoor) { (self.accounts, self.door) = (accounts, door) }

    public var endpoints: [MountedEndpoint] {
        [
            create("/admin/claude-console-accounts", "Add an account with an API key", .apiKey, secret: "apiKey"),
            create("/admin/claude-accounts", "Add an account with a token", .bearer, secret: "accessToken"),
        ].mounted { try await door.person($0, roles: [.admin]) }
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
