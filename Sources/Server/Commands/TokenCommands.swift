internal import API
internal import Domain
internal import Store

extension Command {
    static let userTokenCreate = Command(
        name: "user token create", usage: "EMAIL --name NAME --scopes read[,write,admin:read,admin:write] [--expires-in-days N]",
        about:
            "Makes a token for a user's programs and shows it once. It ends after 90 days unless said otherwise, at most 3650.\nThe admin scopes are for users who are operators.",
        valued: ["name", "scopes", "expires-in-days"]
    ) { arguments in
        let email = try arguments.operands("email")[0]
        let name = try arguments.required("name")
        guard (1...100).contains(name.unicodeScalars.count) else { throw Failure("--name must have 1 to 100 characters", exitCode: 2) }
        var scopes: Set<TokenScope> = []
        for word in try arguments.required("scopes").split(separator: ",") {
            guard let scope = TokenScope(rawValue: String(word)) else {
                throw Failure("--scopes must be of read, write, admin:read, admin:write", exitCode: 2)
            }
            scopes.insert(scope)
        }
        let days = try arguments.number("expires-in-days", PersonalTokens.expiryDays) ?? PersonalTokens.standardDays
        let chosen = scopes
        try await withInstance { instance in
            let user = try await find(email, instance)
            let made: PersonalTokens.Made
            do {
                made = try await PersonalTokens(store: instance.store).create(name, scopes: chosen, days: days, of: user, actor: "command")
            } catch let error as InputErrors {
                throw Failure(error.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
            }
            var members = json(made.token).object ?? [:]
            members["token"] = .string(made.secret)
            Output.show(
                arguments, .object(members), "\(made.secret)\n\(made.token.id.text), until \(made.token.expiresAt.text); shown once")
        }
    }

    static let userTokenList = Command(name: "user token list", usage: "EMAIL", about: "Lists the tokens of a user.") { arguments in
        let email = try arguments.operands("email")[0]
        try await withInstance { instance in
            let user = try await find(email, instance)
            let tokens = try await PersonalTokens(store: instance.store).list(of: user.id)
            Output.show(
                arguments, .array(tokens.map(json)),
                Output.table(
                    ["ID", "NAME", "SCOPES", "ENDS IN", "EXPIRES", "LAST USED"],
                    tokens.map {
                        [
                            $0.id.text, $0.name, $0.scopes.map(\.rawValue).joined(separator: ","), $0.shownSuffix, $0.expiresAt.text,
                            $0.lastUsedAt?.text ?? "-",
                        ]
                    }))
        }
    }

    static let userTokenRevoke = Command(
        name: "user token revoke", usage: "ID", about: "Ends a token at once."
    ) { arguments in
        let text = try arguments.operands("id")[0]
        guard let id = try? PersonalTokenID(parsing: text) else { throw Failure("a token's id looks like tok_…", exitCode: 2) }
        try await withInstance { instance in
            guard try await PersonalTokens(store: instance.store).revoke(id, actor: "command") else {
                throw Failure("there is no token \(text) to revoke")
            }
            Output.show(arguments, ["id": .string(id.text), "revoked": true], "\(id.text) is revoked")
        }
    }

    private static func json(_ token: PersonalToken) -> JSON {
        [
            "id": .string(token.id.text), "name": .string(token.name), "scopes": .array(token.scopes.map { .string($0.rawValue) }),
            "ends_in": .string(token.shownSuffix), "created_at": .string(token.createdAt.text),
            "expires_at": .string(token.expiresAt.text), "last_used_at": token.lastUsedAt.map { .string($0.text) } ?? .null,
        ]
    }
}
