public import Billing
internal import Domain
public import HTTP
internal import Store

/// `/admin/webhook/*`: who is told of events, whether it worked, and a message to try it. Places of the settings (`EVENT_WEBHOOKS`) are
/// shown and cannot be changed here; those that are added here are kept in the database, sealed.
public struct OlderWebhooks: Sendable {
    private let front: Storefront
    private let book: WebhookBook

    public init(_ front: Storefront, _ book: WebhookBook) { (self.front, self.book) = (front, book) }

    public var endpoints: [MountedEndpoint] {
        [
            config, configure, add, change, toggle, delete, history, test("/admin/webhook/test"),
            test("/admin/webhook/test-notification"),
        ].mounted { try await front.door.person($0, roles: [.admin]) }
    }

    // MARK: Places

    private var config: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/webhook/config", "Who is told of events", takes: .nothing,
            about:
                "Those of EVENT_WEBHOOK_URL and EVENT_WEBHOOKS, and those added here. Addresses are shown up to their host, secrets not at all. `disabledReason` and `disabledAt`: it answered so, and is told nothing until it is enabled again, or, of the settings, until a restart."
        ) { _, _ in try await document() }
    }

    private func document() async throws -> JSON {
        let stored = try await book.shown()
        let fixed = book.fixed.map { target in
            let goneAt = book.goneAt(fixed: target.name)
            return Self.json(
                target.name, target.name, WebhookTarget.host(target.address), target.events, isFixed: true, isEnabled: goneAt == nil,
                disabledAt: goneAt, reason: goneAt.map { _ in WebhookBook.goneReason })
        }
        let added = stored.map { Self.json($0.row, $0.host) }
        return ["enabled": .bool(!book.targets.isEmpty), "platforms": .array(fixed + added)]
    }
    private static func json(
        _ id: String, _ name: String, _ host: String, _ events: [String], isFixed: Bool, isEnabled: Bool, disabledAt: Timestamp?,
        reason: String?
    ) -> JSON {
        [
            "id": .string(id), "name": .string(name), "type": "custom", "enabled": .bool(isEnabled), "url": .string(host),
            "events": .array(events.map(JSON.string)), "source": isFixed ? "settings" : "stored",
            "disabledAt": disabledAt.map { .string($0.text) } ?? .null, "disabledReason": reason.map(JSON.string) ?? .null,
        ]
    }
    private static func json(_ row: StoredWebhook, _ host: String) -> JSON {
        json(
            row.id.text, row.name, host, row.events, isFixed: false, isEnabled: row.isEnabled, disabledAt: row.disabledAt,
            reason: row.disabledReason)
    }

    private var configure: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/webhook/config", "Tell all places that were added, or none of them",
            takes: .body(
                Shape(.boolean("enabled", "Whether they are told."), Self.places, make: Switch.init).ignoringUnknownFields),
            about: "Places of the settings are always told; see `source`."
        ) { input, context in
            let (isOn, places, shown) = (input.body.isOn, input.body.places, try await document()["platforms"])
            // Dashboards send the list along. One that differs would not be kept: said, rather than dropped.
            guard [[], [:], shown].contains(places) else {
                throw InputErrors(fields: [FieldError("platforms", Self.elsewhere)])
            }
            for place in try await book.shown() where place.row.isEnabled != isOn {
                _ = try await book.change(
                    place.row.id, WebhookChange(isEnabled: isOn), actor: context.user.id.text, request: input.request.id)
            }
            return try await document()
        }
    }

    private static let elsewhere =
        "must be as it is, or empty: add a place by POST /admin/webhook/platforms, change one by PUT /admin/webhook/platforms/{id}"
    private struct Switch: Sendable { let isOn: Bool, places: JSON }
    private static let places = Field<JSON>(
        "platforms", "As they are, or empty: places are changed at /admin/webhook/platforms.", .anything
    ) { json throws(ParseError) in json }.or([])

    private struct Wish: Sendable { let type: String, change: WebhookChange }
    private static func shape(_ isNew: Bool) -> Shape<Wish> {
        Shape(
            Field<String>.text("type", "Signed JSON of Standard Webhooks, `custom`, is the only sort.", length: 1...32).or("custom"),
            Field<String>.text("name", "a-z, 0-9 and -; once only." + (isNew ? "" : " Left out: as it is."), length: 1...32).optional,
            Field<String>.text("url", "Where to; https.", length: 8...2048).optional,
            Field<String>.text(
                "secret", "What signs. Left out for a new place: one is made and shown once.", length: 16...512, format: "password"
            )
            .optional,
            Field<[String]>.texts("events", "Kinds, as `payment.completed` or `relay.*`; left out: all.", count: 1...100, length: 1...100)
                .optional,
            Field<Bool>.boolean("enabled", "Whether it is told.").optional
        ) { type, name, url, secret, events, isEnabled in
            Wish(type: type, change: WebhookChange(name: name, address: url, secret: secret, events: events, isEnabled: isEnabled))
        }.ignoringUnknownFields
    }

    /// What is said to who asks for the form of a chat: every place gets the same signed JSON.
    private static let chats =
        "must be custom: every place gets the same signed JSON. A chat takes messages of its own form, so add as custom the address of an automation that receives the JSON, checks webhook-signature and posts its type and data to the chat"
    private static func change(_ wish: Wish) throws(InputErrors) -> WebhookChange {
        guard wish.type == "custom" else { throw InputErrors(fields: [FieldError("type", Self.chats)]) }
        return wish.change
    }

    private var add: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/webhook/platforms", "Add a place", takes: .body(Self.shape(true)), problems: [.conflict],
            about: "At most 50. A secret that is made here is `secret` in this answer and shown nowhere again."
        ) { input, context in
            let change = try Self.change(input.body)
            let (row, secret) = try await Self.told {
                try await book.add(change, actor: context.user.id.text, request: input.request.id)
            }
            guard case .object(var members) = Self.json(row, change.address.map(WebhookTarget.host) ?? "") else { return .null }
            if let secret { members["secret"] = .string(secret) }
            return .object(members)
        }
    }

    private var change: Endpoint<CustomerContext> {
        Older.endpoint(
            .put, "/admin/webhook/platforms/{id}", "Change a place", takes: .path(Older.id, body: Self.shape(false)),
            problems: [.notFound, .conflict], about: "What is left out stays. Places of the settings are not found here."
        ) { input, context in
            try await changed(input.path, try Self.change(input.body), context, input.request.id)
        }
    }

    private var toggle: Endpoint<CustomerContext> {
        Older.endpoint(
            .post, "/admin/webhook/platforms/{id}/toggle", "Tell a place, or do not any more", takes: .path(Older.id), problems: [.notFound]
        ) { input, context in
            guard let place = try await book.shown().first(where: { $0.row.id.text == input.path }) else { throw Problem(.notFound) }
            return try await changed(input.path, WebhookChange(isEnabled: !place.row.isEnabled), context, input.request.id)
        }
    }

    private var delete: Endpoint<CustomerContext> {
        Older.endpoint(
            .delete, "/admin/webhook/platforms/{id}", "Remove a place", takes: .path(Older.id), problems: [.notFound]
        ) { input, context in
            guard let id = try? WebhookID(parsing: input.path),
                try await book.delete(id, actor: context.user.id.text, request: input.request.id)
            else { throw Problem(.notFound) }
            return ["id": .string(id.text)]
        }
    }

    private func changed(_ text: String, _ change: WebhookChange, _ context: CustomerContext, _ request: RequestID) async throws -> JSON {
        guard let id = try? WebhookID(parsing: text),
            let row = try await Self.told({ try await book.change(id, change, actor: context.user.id.text, request: request) })
        else { throw Problem(.notFound) }
        let host = try await book.shown().first { $0.row.id == id }?.host
        return Self.json(row, host ?? "")
    }

    /// Refusals in words.
    private static func told<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch StoreError.conflict(.webhookName) {
            throw Problem(.conflict, "A place of that name is there already.")
        } catch StoreError.refused("too_many_webhooks") {
            throw Problem(.conflict, "There are \(StoredWebhook.maximum) places already.")
        }
    }

    // MARK: What was told

    private static let shown: ClosedRange<Int64> = 1...200
    private var history: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/webhook/history", "What was told last",
            takes: .query(
                Shape(Field<Int64>.integer("limit", "How many at most.", Self.shown).or(50), make: { $0 }).ignoringUnknownFields),
            about: "Newest first; kept for 30 days."
        ) { input, _ in
            let limit = Int(input.query)
            let events = try await front.store.read { reader throws(StoreError) in try reader.promised("", limit: limit) }
            return .array(
                events.map { event in
                    [
                        "id": .string(event.id.text), "type": .string(event.kind), "subject": .string(event.subject),
                        "state": .string(event.state.rawValue), "attempts": .int(event.attempts),
                        "told": .array(event.told.map { .string($0) }), "failure": event.failure.map { .string($0) } ?? .null,
                        "nextAt": .string(event.nextAt.text), "createdAt": .string(event.createdAt.text),
                    ]
                })
        }
    }

    private func test(_ path: String) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .post, path, "Tell everybody a message to try it", takes: .nothing, problems: [.conflict],
            about: "Of the kind `webhook.test`; whether it arrived is in the history a moment later."
        ) { input, context in
            let told = book.targets.filter { $0.takes(Self.testKind) }.map { JSON.string($0.name) }
            guard !told.isEmpty else { throw Problem(.conflict, "No place takes \(Self.testKind): add one, or see EVENT_WEBHOOKS.") }
            try await front.store.transaction { transaction throws(StoreError) in
                try transaction.promise(Self.testKind, subject: context.user.id.text, body: ["message": "A test of Gatehouse's webhooks."])
                try transaction.audit(
                    actor: context.user.id.text, action: "webhook.test", subject: context.user.id.text, requestID: input.request.id)
            }
            return ["type": .string(Self.testKind), "platforms": .array(told)]
        }
    }
    private static let testKind = "webhook.test"
}
