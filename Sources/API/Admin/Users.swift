internal import Domain
public import HTTP
internal import Store

/// `/api/admin/users`: who there is, and what they may do. Support reads, admins change.
public struct Users: Sendable {
    private let people: People
    private let keys: RelayKeys
    private let door: SessionDoor

    public init(_ people: People, _ keys: RelayKeys, _ door: SessionDoor) {
        self.people = people
        self.keys = keys
        self.door = door
    }

    public var endpoints: [MountedEndpoint] {
        [list, get].mounted { try await door.person($0, roles: [.admin, .support]) }
            + [setRole.mounted { try await door.proven($0, roles: [.admin]) }]
            + [setLimits.mounted { try await door.person($0, roles: [.admin]) }]
            + [setStatus("block", "Block a user", .blocked), setStatus("unblock", "Let a user in again", .active)]
            .mounted { try await door.guarded($0, roles: [.admin]) }
    }

    private static let readers = Audience.operators(roles: [UserRole.admin.rawValue, UserRole.support.rawValue])
    private static let writers = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let readProblems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static let writeProblems = readProblems + [.csrf, .notFound, .lastAdmin]
    private static let id = Shape(Field<String>.text("id", "As usr_….", length: 1...64), make: { $0 })

    private struct Selection: Sendable { let limit: Int64, cursor: Int64?, role: UserRole?, status: UserStatus? }
    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/users", "All users", tag: "Users", audience: Self.readers,
            takes: .query(
                Shape(
                    Paging.limitField(), Self.cursor,
                    Self.word("role", "Only with this role.", UserRole.self), Self.word("status", "Only these.", UserStatus.self),
                    make: Selection.init)),
            replies: .ok(Self.listView), problems: Self.readProblems
        ) { input, _ in
            let wanted = input.query
            let page = try await people.list(
                after: wanted.cursor ?? 0, limit: Int(wanted.limit), role: wanted.role, status: wanted.status)
            return .page("users", page.items.map(Self.json), next: page.hasMore ? page.items.last.map { String($0.number) } : nil)
        }
    }
    private static let cursor = Field<String>.text("cursor", "Where to go on: `next_cursor` of the part before.", length: 1...20).map {
        text throws(ParseError) in
        guard let number = Int64(text), number >= 0 else { throw ParseError("the `next_cursor` of an answer") }
        return number
    }.optional
    private static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ about: String, _ type: Word.Type
    ) -> Field<Word?> {
        Field<String>.choice(name, about, type.allCases.map(\.rawValue)).map { text throws(ParseError) in
            guard let word = type.init(rawValue: text) else { throw ParseError("one of the known words") }
            return word
        }.optional
    }

    private var get: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/users/{id}", "One user", tag: "Users", audience: Self.readers, takes: .path(Self.id),
            replies: .ok(Self.view), problems: Self.readProblems + [.notFound]
        ) { input, _ in
            guard let id = try? UserID(parsing: input.path), let user = try await people.find(id) else { throw Problem(.notFound) }
            return .json(Self.json(user))
        }
    }

    private var setRole: Endpoint<CustomerContext> {
        let role = Field<String>.choice("role", "What they may do from now on.", UserRole.allCases.map(\.rawValue)).map {
            text throws(ParseError) in
            guard let role = UserRole(rawValue: text) else { throw ParseError("a role") }
            return role
        }
        return Endpoint(
            .put, "/api/admin/users/{id}/role", "Change a user's role", tag: "Users", audience: Self.writers,
            takes: .path(Self.id, body: Shape(role, make: { $0 })), replies: .ok(Self.view), problems: Self.writeProblems + [.proofRequired]
        ) { input, context in
            try await changed(input.path) {
                try await people.setRole(input.body, of: $0, actor: context.user.id.text, request: input.request.id)
            }
        }
    }

    private static let largest: Int64 = 1_000_000_000_000
    private static let limits = Shape(
        Field<Int64>.integer("requests_per_minute", "Requests in any minute.", 1...largest).optional,
        Field<Int64>.integer("tokens_per_day", "Tokens in a day (of TIME_ZONE).", 1...largest).optional,
        Field<Int64>.integer("concurrent", "Requests under way at once.", 1...largest).optional,
        Field<Int64>.dollars("cost_per_day_usd", "US dollars in a day (of TIME_ZONE), to the micro-dollar.").optional,
        Field<Int64>.integer("keys", "Keys at once; left out: \(UserLimits.standardMaximumKeys).", 0...largest).optional,
        Field<Int64>.integer(
            "services", "Services at once, of every kind; left out: \(UserLimits.standardMaximumServices).", 0...largest
        ).optional,
        make: {
            UserLimits(
                perKey: APIKeyLimits(requestsPerMinute: $0, tokensPerDay: $1, concurrency: $2, costPerDayMicroUSD: $3), maximumKeys: $4,
                maximumServices: $5)
        })
    private var setLimits: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/api/admin/users/{id}/limits", "Limit a user's keys and services", tag: "Users", audience: Self.writers,
            takes: .path(Self.id, body: Self.limits), replies: .ok(Self.view), problems: Self.writeProblems,
            about: "The most that each key of the user may have; what is left out is not limited. Keys that have more are lowered."
        ) { input, context in
            try await changed(input.path) {
                try await people.setLimits(input.body, of: $0, actor: context.user.id.text, request: input.request.id)
            }
        }
    }

    private func setStatus(_ verb: String, _ summary: String, _ status: UserStatus) -> Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/users/{id}/\(verb)", summary, tag: "Users", audience: Self.writers, takes: .path(Self.id),
            replies: .ok(Self.view), problems: Self.writeProblems + [.proofRequired],
            about: status == .blocked ? "Ends every session and stops every key." : "Their keys work again; sessions do not come back."
        ) { input, context in
            try await changed(input.path) {
                try await people.setStatus(status, of: $0, actor: context.user.id.text, request: input.request.id)
            }
        }
    }

    /// Runs the change and tells the data path, whose keys depend on their owner.
    private func changed(_ text: String, _ change: (UserID) async throws -> User) async throws -> Answer {
        guard let id = try? UserID(parsing: text) else { throw Problem(.notFound) }
        let user = try await change(id)
        await keys.changed()
        return .json(Self.json(user))
    }

    private static func json(_ user: User) -> JSON {
        func number(_ value: Int64?) -> JSON { value.map(JSON.int) ?? .null }
        let most = user.limits.perKey
        return [
            "id": .string(user.id.text), "number": .int(user.number), "email": .string(user.email), "name": .string(user.name),
            "role": .string(user.role.rawValue), "status": .string(user.status.rawValue),
            "limits": [
                "requests_per_minute": number(most.requestsPerMinute), "tokens_per_day": number(most.tokensPerDay),
                "concurrent": number(most.concurrency),
                "cost_per_day_usd": most.costPerDayMicroUSD.map { .string(Dollars.text($0)) } ?? .null,
                "keys": .int(user.limits.keys), "services": .int(user.limits.services),
            ], "email_verified": .bool(user.emailVerifiedAt != nil), "created_at": .string(user.createdAt.text),
            "last_login_at": user.lastLoginAt.map { .string($0.text) } ?? .null,
        ]
    }

    private static let view = View(
        "User",
        [
            .always("id", "As usr_….", .text), .always("number", "Rising, never used again.", .count),
            .always("email", "In lower case.", .text), .always("name", "Shown name.", .text),
            .always("role", "What they may do.", .choice(UserRole.allCases.map(\.rawValue))),
            .always("status", "Blocked people cannot log in, and their keys do not work.", .choice(UserStatus.allCases.map(\.rawValue))),
            .always(
                "limits", "The most that each of their keys may have; null is not limited.",
                .object([
                    .always("requests_per_minute", "Requests.", .nullable(.count)), .always("tokens_per_day", "Tokens.", .nullable(.count)),
                    .always("concurrent", "Requests.", .nullable(.count)), .always("cost_per_day_usd", "US dollars.", .nullable(.text)),
                    .always("keys", "Keys at once.", .count), .always("services", "Services at once.", .count),
                ])), .always("email_verified", "Whether the address was shown to be theirs.", .boolean),
            .always("created_at", "When they were made.", .time), .always("last_login_at", "null is never.", .nullable(.time)),
        ],
        example: [
            "id": "usr_0193c0de8a7b7f3e9d2c4b5a69788796", "number": 2, "email": "ada@example.com", "name": "Ada", "role": "customer",
            "status": "active",
            "limits": [
                "requests_per_minute": 60, "tokens_per_day": nil, "concurrent": nil, "cost_per_day_usd": "12.500000", "keys": 100,
                "services": 1000,
            ], "email_verified": true, "created_at": "2026-11-21T00:00:00.000Z", "last_login_at": nil,
        ])
    private static let listView = View(
        "Users",
        [
            .always("users", "By number, oldest first.", .list(of: view.schema, count: 0...1000)),
            .always("next_cursor", "For the next part; null at the end.", .nullable(.text)),
        ], example: ["users": [view.example], "next_cursor": nil])
}
