public import Domain
public import HTTP
internal import Store

/// `/api/admin/keys`: changing everybody's relay keys, one or many; a new secret with a grace for the old one; why a key is refused.
public struct KeyAdministration: Sendable {
    private let keys: RelayKeys
    private let door: SessionDoor
    private let explanation: @Sendable (APIKeyID, KeyQuestion) -> JSON?

    /// - Parameter explanation: what stands in a key's way now, as the data path knows it; nil for a key it does not know.
    public init(
        _ keys: RelayKeys, _ door: SessionDoor, explanation: @escaping @Sendable (_ key: APIKeyID, _ question: KeyQuestion) -> JSON?
    ) {
        (self.keys, self.door, self.explanation) = (keys, door, explanation)
    }

    public var endpoints: [MountedEndpoint] {
        [edit, editMany, rotate, explain].mounted { try await door.person($0, roles: [.admin]) }
    }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    static let id = Shape(Field<String>.text("id", "As key_….", length: 1...64), make: { $0 })
    private static let fields =
        "`name`, `description`, `tags`, `limits` (an object; null takes one away), `allowed_models`, `expires_at`, `status`, `team_id`, `denied_models`, `ip_allowlist`, `allowed_clients`, `permissions`, `activation_seconds`, `price_millionths`, `debug` (answers name the account), `store_bodies`, `body_retention_days`, `body_bytes`. What is left out stays."

    /// - Throws: `.notFound` for a text that cannot be an id, as for a key that is not there.
    static func parse(_ text: String) throws -> APIKeyID {
        guard let id = try? APIKeyID(parsing: text) else { throw Problem(.notFound) }
        return id
    }

    private var edit: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/keys/{id}", "Change a key", tag: "Keys", audience: Self.admins,
            takes: .path(Self.id, body: Shape<JSON>.anyObject),
            replies: .ok(KeyDocument.view), problems: Self.problems + [.csrf, .notFound], about: Self.fields
        ) { input, context in
            let change = input.body.object ?? [:]
            guard
                let key = try await keys.edit(
                    try Self.parse(input.path), change, actor: context.user.id.text, request: input.request.id)
            else { throw Problem(.notFound) }
            return .json(.object(KeyDocument.json(key)))
        }
    }

    private struct Many: Sendable { let ids: [String], change: JSON }
    private var editMany: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/admin/keys", "Change many keys alike", tag: "Keys", audience: Self.admins,
            takes: .body(
                Shape(
                    .texts("ids", "Keys.", count: 1...RelayKeys.maximumBatch, length: 1...64),
                    Shape<JSON>.anyObject.field("change", "As for one key."), make: Many.init)),
            replies: .ok(
                View(
                    "ChangedKeys",
                    [
                        .always("changed", "Keys.", .count),
                        .always("missing", "Ids that are no key's.", .list(of: .text, count: 0...RelayKeys.maximumBatch)),
                    ], example: ["changed": 2, "missing": []])),
            problems: Self.problems + [.csrf], about: Self.fields + " Each key is changed by itself; a change that fits none changes none.",
            bodyExample: ["ids": ["key_0193c0de8a7b7f3e9d2c4b5a69788796"], "change": ["status": "disabled"]]
        ) { input, context in
            var ids: [APIKeyID] = []
            var missing: [String] = []
            var seen: Set<String> = []
            for text in input.body.ids where seen.insert(text).inserted {
                if let id = try? APIKeyID(parsing: text) { ids.append(id) } else { missing.append(text) }
            }
            missing += try await keys.edit(ids, input.body.change.object ?? [:], actor: context.user.id.text).map(\.text)
            return ["changed": .int(Int64(seen.count - missing.count)), "missing": .array(missing.map { .string($0) })]
        }
    }

    private var rotate: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/keys/{id}/rotate", "Give a key a new secret", tag: "Keys", audience: Self.admins,
            takes: .path(Self.id, body: KeyDocument.grace), replies: .ok(KeyDocument.madeView),
            problems: Self.problems + [.csrf, .notFound], about: KeyDocument.aboutRotation
        ) { input, context in
            let made = try await keys.rotate(
                try Self.parse(input.path), graceSeconds: input.body, actor: context.user.id.text, request: input.request.id)
            guard let made else { throw Problem(.notFound) }
            return .json(.object(KeyDocument.json(made)))
        }
    }

    private var explain: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/keys/{id}/explain", "Why a key is refused", tag: "Keys", audience: Self.admins,
            takes: .path(
                Self.id,
                query: Shape(
                    Field<String>.text("model", "Asked for; left out: any.", length: 1...200).optional,
                    Field<String>.text("address", "Where the request comes from, as 192.0.2.7.", length: 2...45).map {
                        text throws(ParseError) in
                        guard IPAddress(text) != nil else { throw ParseError("an address as 192.0.2.7") }
                        return text
                    }.optional,
                    Field<String>.choice("service", "What is used.", APIKeyAccess.services).optional,
                    Field<String>.text("client", "Its user agent, or claude-code.", length: 1...200).optional,
                    make: KeyQuestion.init(model:address:service:client:))),
            replies: .ok(
                View(
                    "KeyExplanation",
                    [
                        .always("id", "As key_….", .text), .always("admitted", "Whether a request would be let in now.", .boolean),
                        .always("refused_by", "The first check that fails, by the code customers see; null: none.", .nullable(.text)),
                        .always("checks", "Every check in its order.", .list(of: .anything, count: 0...1000)),
                        .always("limits", "Every limit with its use and its reset.", .list(of: .anything, count: 0...1000)),
                    ],
                    example: [
                        "id": "key_0193c0de8a7b7f3e9d2c4b5a69788796", "admitted": false, "refused_by": "daily_cost_limit_exceeded",
                        "checks": [["code": "daily_cost_limit_exceeded", "passes": false]],
                        "limits": [
                            [
                                "scope": "key", "code": "daily_cost_limit_exceeded", "limit": 1_000_000, "used": 1_000_400, "reserved": 0,
                                "remaining": 0, "resets_at": "2026-11-22T00:00:00.000Z",
                            ]
                        ],
                    ])), problems: Self.problems + [.notFound],
            about:
                "Of a request that has what is named; what is left out is not looked at. With what requests under way hold in this process."
        ) { input, _ in
            guard let found = explanation(try Self.parse(input.path), input.query) else { throw Problem(.notFound) }
            return .json(found)
        }
    }
}
