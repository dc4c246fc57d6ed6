internal import Domain
public import HTTP
internal import Store

/// `/api/admin/teams`, and what all keys of one person may use together.
public struct TeamAdministration: Sendable {
    private let teams: RelayTeams
    private let door: SessionDoor

    public init(_ teams: RelayTeams, _ door: SessionDoor) { (self.teams, self.door) = (teams, door) }

    public var endpoints: [MountedEndpoint] {
        [list, create, edit, delete, move, shared, share].mounted { try await door.person($0, roles: [.admin]) }
    }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    private static let id = Shape(Field<String>.text("id", "Its id.", length: 1...64), make: { $0 })
    private static let about =
        "Limits are those of keys, as `{\"tokens_per_day\":1000000}`, and rules that each key has to keep to besides its own: `allowed_models`, `denied_models`, `allowed_clients`, `ip_allowlist`, `permissions`, `expires_at`, `activation_seconds` (from the first request of any of the keys). null takes one away, what is left out stays."
    private static let view = View(
        "Team",
        [
            .always("id", "As team_….", .text), .always("name", "Unique.", .text),
            .always("limits", "What all its keys may use together, and rules for each of them.", .anything),
            .always("members", "People, as usr_….", .list(of: .text, count: 0...1000)), .always("created_at", "When it was made.", .time),
        ],
        example: [
            "id": "team_0193c0de8a7b7f3e9d2c4b5a69788796", "name": "blue", "limits": ["tokens_per_day": 1_000_000], "members": [],
            "created_at": "2026-11-21T00:00:00.000Z",
        ])
    private static let limitsView = View(
        "SharedLimits", [.always("limits", "What all keys of the person may use together, and rules for each of them.", .anything)],
        example: ["limits": ["tokens_per_day": 1_000_000]])

    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/teams", "All teams", tag: "Teams", audience: Self.admins, takes: .nothing,
            replies: .ok(
                View(
                    "Teams", [.always("teams", "In the order they were made.", .list(of: Self.view.schema, count: 0...1000))],
                    example: ["teams": [Self.view.example]])), problems: Self.problems
        ) { _, _ in ["teams": .array(try await teams.list())] }
    }

    private struct Wish: Sendable { let name: String?, limits: JSON? }
    private static let wish = Shape(
        Field<String>.text("name", "Unique.", length: 1...100).optional, Shape<JSON>.anyObject.field("limits", "As of keys.").optional,
        make: Wish.init)

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/teams", "Make a team", tag: "Teams", audience: Self.admins, takes: .body(Self.wish),
            replies: .created(Self.view), problems: Self.problems + [.csrf, .conflict], about: Self.about,
            bodyExample: ["name": "blue", "limits": ["tokens_per_day": 1_000_000]]
        ) { input, context in
            try await answered {
                try await teams.create(
                    input.body.name ?? "", limits: input.body.limits?.object ?? [:], actor: context.user.id.text, request: input.request.id)
            }
        }
    }

    private var edit: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/teams/{id}", "Change a team", tag: "Teams", audience: Self.admins,
            takes: .path(Self.id, body: Self.wish), replies: .ok(Self.view), problems: Self.problems + [.csrf, .conflict, .notFound],
            about: Self.about, bodyExample: ["limits": ["cost_per_day_micro_usd": 5_000_000]]
        ) { input, context in
            try await answered {
                try await teams.edit(
                    try Self.team(input.path), name: input.body.name, limits: input.body.limits?.object ?? [:],
                    actor: context.user.id.text, request: input.request.id)
            }
        }
    }

    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/admin/teams/{id}", "Delete a team", tag: "Teams", audience: Self.admins, takes: .path(Self.id),
            replies: .noContent, problems: Self.problems + [.csrf, .conflict, .notFound], about: "Once nobody and no key is in it."
        ) { input, context in
            _ = try await answered {
                try await teams.delete(try Self.team(input.path), actor: context.user.id.text, request: input.request.id)
                return .null
            }
            return .empty()
        }
    }

    private var move: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/api/admin/users/{id}/team", "Move a person into a team", tag: "Teams", audience: Self.admins,
            takes: .path(
                Self.id, body: Shape(Field<String>.text("team_id", "As team_…; empty: into none.", length: 0...64), make: { $0 })),
            replies: .noContent, problems: Self.problems + [.csrf, .notFound],
            about: "Their keys share the team's limits, except keys with a team of their own."
        ) { input, context in
            let team = try input.body.isEmpty ? nil : Self.team(input.body)
            _ = try await answered {
                try await teams.move(try Self.user(input.path), to: team, actor: context.user.id.text, request: input.request.id)
                return .null
            }
            return .empty()
        }
    }

    private var shared: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/users/{id}/shared-limits", "What a person's keys may use together", tag: "Teams", audience: Self.admins,
            takes: .path(Self.id), replies: .ok(Self.limitsView), problems: Self.problems + [.notFound]
        ) { input, _ in
            try await answered { ["limits": try await teams.shared(of: try Self.user(input.path))] }
        }
    }

    private var share: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/users/{id}/shared-limits", "Limit what a person's keys use together", tag: "Teams",
            audience: Self.admins, takes: .path(Self.id, body: Shape<JSON>.anyObject), replies: .ok(Self.limitsView),
            problems: Self.problems + [.csrf, .notFound], about: Self.about, bodyExample: ["tokens_per_day": 1_000_000]
        ) { input, context in
            try await answered {
                [
                    "limits": try await teams.share(
                        try Self.user(input.path), limits: input.body.object ?? [:], actor: context.user.id.text, request: input.request.id)
                ]
            }
        }
    }

    private static func team(_ text: String) throws -> TeamID {
        guard let id = try? TeamID(parsing: text) else { throw Problem(.notFound) }
        return id
    }
    private static func user(_ text: String) throws -> UserID {
        guard let id = try? UserID(parsing: text) else { throw Problem(.notFound) }
        return id
    }

    private func answered(_ work: () async throws -> JSON) async throws -> Answer {
        do { return .json(try await work()) } catch let refusal as RelayTeams.Refusal {
            switch refusal {
            case .unknownTeam, .unknownUser: throw Problem(.notFound)
            case .inUse: throw Problem(.conflict, "People or keys are in it; move them first.")
            }
        }
    }
}
