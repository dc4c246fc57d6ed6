internal import Domain
public import HTTP
internal import Store

/// `/api/keys`: a person's own relay keys.
public struct Keys: Sendable {
    private let keys: RelayKeys
    private let door: SessionDoor

    public init(_ keys: RelayKeys, _ door: SessionDoor) {
        self.keys = keys
        self.door = door
    }

    public var endpoints: [MountedEndpoint] { [create, list, edit, rotate, revoke].mounted { try await door.customer($0) } }

    private static let problems = ProblemKind.ofSignIn + ProblemKind.ofStore
    /// Far above any use, and sums of many of them still fit.
    private static let largest: Int64 = 1_000_000_000_000

    private static let limits = Shape(
        Field<Int64>.integer("requests_per_minute", "Requests in any minute.", 1...largest).optional,
        Field<Int64>.integer("tokens_per_day", "Tokens in a day (of TIME_ZONE).", 1...largest).optional,
        Field<Int64>.integer("concurrent", "Requests under way at once.", 1...largest).optional,
        Field<Int64>.dollars("cost_per_day_usd", "US dollars in a day (of TIME_ZONE), to the micro-dollar.").optional,
        make: { APIKeyLimits(requestsPerMinute: $0, tokensPerDay: $1, concurrency: $2, costPerDayMicroUSD: $3) })

    private static let wish = Shape(
        .text("name", "For people to tell keys apart.", length: 1...100),
        limits.field("limits", "What the key may use; what is left out is as the account has it.").or(APIKeyLimits()),
        Field<[String]>.texts("allowed_models", "Models or globs it may use; left out: all.", count: 1...64).optional,
        Field<Timestamp>.time("expires_at", "When it stops working; left out: never.").optional,
        make: { RelayKeys.Wish(name: $0, limits: $1, allowedModels: $2, expiresAt: $3) })

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/keys", "Make a key", tag: "Keys", audience: .customer, takes: .body(Self.wish),
            replies: .created(Self.madeView), problems: Self.problems + [.csrf, .emailUnverified],
            about:
                "The key itself is shown here once and never again. No limit can exceed the account's; one that is left out is the account's."
        ) { input, context in
            if door.signIn.isPending(context.user) { throw Problem(.emailUnverified) }
            if let end = input.body.expiresAt, end <= keys.store.ambient.now() {
                throw InputErrors(fields: [FieldError("expires_at", "must be in the future")])
            }
            let made = try await keys.create(
                input.body, owner: context.user.id, actor: context.user.id.text, request: input.request.id)
            var members = Self.members(made.key)
            members["key"] = .string(made.secret.reveal { $0 })
            return .json(.object(members))
        }
    }

    private struct Paging: Sendable { let after: APIKeyID?, limit: Int64 }
    private var list: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/keys", "My keys", tag: "Keys", audience: .customer,
            takes: .query(
                Shape(
                    Field<APIKeyID>.keyID("after", "The last id of the page before.").optional,
                    Field<Int64>.integer("limit", "Keys on a page.", 1...1000).or(100), make: Paging.init)),
            replies: .ok(Self.listView), problems: Self.problems
        ) { input, context in
            let page = try await keys.list(owner: context.user.id, after: input.query.after, limit: Int(input.query.limit))
            let usage = try await keys.usageToday(owner: context.user.id)
            return [
                "keys": .array(
                    page.items.map { key in
                        var members = Self.members(key)
                        members["last_used_at"] = key.lastUsedAt.map { .string($0.text) } ?? .null
                        members["usage_today"] = Self.json(usage[key.id] ?? Usage())
                        return .object(members)
                    }), "next": page.hasMore ? page.items.last.map { .string($0.id.text) } ?? .null : .null,
            ]
        }
    }

    private struct Words: Sendable { let name: String?, description: String?, tags: [String]? }
    private var edit: Endpoint<CustomerContext> {
        Endpoint(
            .patch, "/api/keys/{id}", "Rename a key", tag: "Keys", audience: .customer,
            takes: .path(
                KeyAdministration.id,
                body: Shape(
                    Field<String>.text("name", "For people to tell keys apart.", length: 1...100).optional,
                    Field<String>.text("description", "For people.", length: 0...1000).optional,
                    Field<[String]>.texts("tags", "Words to find it by.", count: 0...32, length: 1...64).optional, make: Words.init)),
            replies: .ok(KeyDocument.view), problems: Self.problems + [.csrf, .notFound],
            about: "What is left out stays. Limits are the operator's; a key with others is a new key."
        ) { input, context in
            var change = JSONObject()
            if let name = input.body.name { change["name"] = .string(name) }
            if let description = input.body.description { change["description"] = .string(description) }
            if let tags = input.body.tags { change["tags"] = .array(tags.map { .string($0) }) }
            let key = try await keys.edit(
                try KeyAdministration.parse(input.path), change, owner: context.user.id, actor: context.user.id.text,
                request: input.request.id)
            guard let key else { throw Problem(.notFound) }
            return .json(.object(KeyDocument.json(key)))
        }
    }

    private var rotate: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/keys/{id}/rotate", "Give a key a new secret", tag: "Keys", audience: .customer,
            takes: .path(KeyAdministration.id, body: KeyDocument.grace), replies: .ok(KeyDocument.madeView),
            problems: Self.problems + [.csrf, .notFound], about: KeyDocument.aboutRotation
        ) { input, context in
            let made = try await keys.rotate(
                try KeyAdministration.parse(input.path), graceSeconds: input.body, owner: context.user.id, actor: context.user.id.text,
                request: input.request.id)
            guard let made else { throw Problem(.notFound) }
            return .json(.object(KeyDocument.json(made)))
        }
    }

    private var revoke: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/keys/{id}", "Delete a key", tag: "Keys", audience: .customer,
            takes: .path(Shape(.text("id", "As key_….", length: 1...64), make: { $0 })), replies: .noContent,
            problems: Self.problems + [.csrf, .notFound], about: "It stops working at once; its history stays."
        ) { input, context in
            // A text that cannot be an id is nobody's key, as is another's.
            guard let id = try? APIKeyID(parsing: input.path),
                try await keys.revoke(id, owner: context.user.id, actor: context.user.id.text, request: input.request.id)
            else { throw Problem(.notFound) }
            return .empty()
        }
    }

    private static func members(_ key: APIKey) -> JSONObject {
        func number(_ value: Int64?) -> JSON { value.map(JSON.int) ?? .null }
        return [
            "id": .string(key.id.text), "name": .string(key.name), "prefix": .string("\(key.shownPrefix)…\(key.shownSuffix)"),
            "limits": [
                "requests_per_minute": number(key.limits.requestsPerMinute), "tokens_per_day": number(key.limits.tokensPerDay),
                "concurrent": number(key.limits.concurrency),
                "cost_per_day_usd": key.limits.costPerDayMicroUSD.map { .string(Dollars.text($0)) } ?? .null,
            ],
            "allowed_models": key.allowedModels.flatMap { try? JSON(parsing: Array($0.utf8)) } ?? .null,
            "status": .string(key.status.rawValue), "expires_at": key.expiresAt.map { .string($0.text) } ?? .null,
            "created_at": .string(key.createdAt.text),
        ]
    }
    private static func json(_ usage: Usage) -> JSON {
        [
            "requests": .int(usage.requests), "tokens": .int(usage.tokens.limited), "cost_usd": .string(Dollars.text(usage.priceMicroUSD)),
        ]
    }

    private static let fields: [FieldDoc] = [
        .always("id", "As key_….", .text), .always("name", "For people.", .text),
        .always("prefix", "First and last characters of the key.", .text),
        .always(
            "limits", "null is no limit of its own.",
            .object([
                .always("requests_per_minute", "Requests.", .nullable(.count)), .always("tokens_per_day", "Tokens.", .nullable(.count)),
                .always("concurrent", "Requests.", .nullable(.count)), .always("cost_per_day_usd", "US dollars.", .nullable(.text)),
            ])),
        .always("allowed_models", "null is all.", .nullable(.list(of: .text, count: 0...64))),
        .always("status", "Whether the operator lets it work.", .choice(["active", "disabled"])),
        .always("expires_at", "null is never.", .nullable(.time)), .always("created_at", "When it was made.", .time),
    ]
    private static let example: JSONObject = [
        "id": "key_0193c0de8a7b7f3e9d2c4b5a69788796", "name": "laptop", "prefix": "cr_ab12…f9e0",
        "limits": ["requests_per_minute": 60, "tokens_per_day": nil, "concurrent": 4, "cost_per_day_usd": "12.500000"],
        "allowed_models": ["claude-sonnet-*"], "status": "active", "expires_at": nil, "created_at": "2026-11-21T00:00:00.000Z",
    ]
    private static func example(with more: KeyValuePairs<String, JSON>) -> JSON {
        var example = example
        for (name, value) in more { example[name] = value }
        return .object(example)
    }
    private static let madeView = View(
        "NewKey", fields + [.always("key", "Shown once.", .text)], example: example(with: ["key": "cr_…"]))
    private static let listView = View(
        "Keys",
        [
            .always(
                "keys", "In the order they were made.",
                .list(
                    of: .object(
                        fields + [
                            .always("last_used_at", "null is never.", .nullable(.time)),
                            .always(
                                "usage_today", "Since midnight in TIME_ZONE.",
                                .object([
                                    .always("requests", "Requests.", .count), .always("tokens", "Tokens.", .count),
                                    .always("cost_usd", "US dollars.", .text),
                                ])),
                        ]), count: 0...1000)), .always("next", "For `after`; null on the last page.", .nullable(.text)),
        ],
        example: [
            "keys": [
                example(with: ["last_used_at": nil, "usage_today": ["requests": 3, "tokens": 1200, "cost_usd": "0.000123"]])
            ], "next": nil,
        ])
}

extension Field where Value == APIKeyID {
    static func keyID(_ name: String, _ about: String) -> Field {
        Field<String>.text(name, about, length: 1...64).map { text throws(ParseError) in try APIKeyID(parsing: text) }
    }
}
