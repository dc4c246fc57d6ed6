internal import Domain
public import HTTP
internal import Store

/// `/api/auth/tokens`: a person's own tokens for programs. Only somebody who has signed in gets here, no token does.
public struct TokenEndpoints: Sendable {
    private let tokens: PersonalTokens
    private let door: SessionDoor

    public init(_ door: SessionDoor) {
        tokens = PersonalTokens(store: door.signIn.store)
        self.door = door
    }

    public var endpoints: [MountedEndpoint] { [create, list, revoke].mounted { try await door.signedIn($0) } }

    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private struct Wish: Sendable { let name: String, scopes: [String], days: Int64 }
    private static let wish = Shape(
        .text("name", "For people to tell tokens apart.", length: 1...100),
        Field<[String]>.texts(
            "scopes", "`read`, `write`; operators also `admin:read`, `admin:write`.", count: 1...TokenScope.allCases.count),
        Field<Int64>.integer("expires_in_days", "Days until it ends.", PersonalTokens.expiryDays).or(PersonalTokens.standardDays),
        make: Wish.init)

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/auth/tokens", "Make a token", tag: "People", audience: .customer, takes: .body(Self.wish),
            replies: .created(Self.madeView), problems: Self.problems + [.csrf, .proofRequired],
            about:
                "For programs, as `Authorization: Bearer pat_…` wherever a session is accepted, except for signing in and tokens themselves. Shown once.",
            bodyExample: ["name": "nightly report", "scopes": ["read"], "expires_in_days": 90]
        ) { input, context in
            let scopes = try Set(
                input.body.scopes.map { word in
                    guard let scope = TokenScope(rawValue: word) else {
                        throw InputErrors(fields: [FieldError("scopes", "must be of read, write, admin:read and admin:write")])
                    }
                    return scope
                })
            // It would outlive the proof that its scopes stand on.
            let isDangerous = scopes.contains(.adminWrite) || scopes.contains(.adminRead)
            if isDangerous, try await !door.signIn.isProven(context.session) { throw Problem(.proofRequired) }
            // And it passes where a session is asked for the second factor.
            try await door.checkFactor(of: context)
            let made = try await tokens.create(
                input.body.name, scopes: scopes, days: input.body.days, of: context.user, actor: context.user.id.text,
                request: input.request.id)
            var members = Self.members(made.token)
            members["token"] = .string(made.secret)
            return .json(.object(members))
        }
    }

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/auth/tokens", "My tokens", tag: "People", audience: .customer, takes: .nothing, replies: .ok(Self.listView),
            problems: Self.problems
        ) { _, context in
            ["tokens": .array(try await tokens.list(of: context.user.id).map { .object(Self.members($0)) })]
        }
    }

    private var revoke: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/auth/tokens/{id}", "Revoke a token", tag: "People", audience: .customer,
            takes: .path(Shape(.text("id", "As tok_…."), make: { $0 })), replies: .noContent, problems: Self.problems + [.csrf, .notFound]
        ) { input, context in
            guard let id = try? PersonalTokenID(parsing: input.path),
                try await tokens.revoke(id, owner: context.user.id, actor: context.user.id.text, request: input.request.id)
            else { throw Problem(.notFound) }
            return .empty()
        }
    }

    private static func members(_ token: PersonalToken) -> JSONObject {
        [
            "id": .string(token.id.text), "name": .string(token.name), "scopes": .array(token.scopes.map { .string($0.rawValue) }),
            "ends_in": .string(token.shownSuffix), "created_at": .string(token.createdAt.text),
            "expires_at": .string(token.expiresAt.text), "last_used_at": token.lastUsedAt.map { .string($0.text) } ?? .null,
        ]
    }
    private static let fields: [FieldDoc] = [
        .always("id", "As tok_….", .text), .always("name", "As given.", .text),
        .always("scopes", "What it may be used for.", .list(of: .text, count: 1...TokenScope.allCases.count)),
        .always("ends_in", "Its last four characters.", .text), .always("created_at", "When.", .time),
        .always("expires_at", "When it stops working.", .time), .always("last_used_at", "To the minute.", .nullable(.time)),
    ]
    private static let example: JSONObject = [
        "id": "tok_0193c0de8a7b7f3e9d2c4b5a69788796", "name": "nightly report", "scopes": ["read"], "ends_in": "5f0c",
        "created_at": "2026-11-21T00:00:00.000Z", "expires_at": "2027-02-19T00:00:00.000Z", "last_used_at": nil,
    ]
    private static var madeExample: JSON {
        var members = example
        members["token"] = "pat_…"
        return .object(members)
    }
    private static let madeView = View("MadeToken", fields + [.always("token", "The secret, shown once.", .text)], example: madeExample)
    private static let listView = View(
        "Tokens", [.always("tokens", "Newest first.", .list(of: .object(fields), count: 0...1000))],
        example: ["tokens": [.object(example)]])
}
