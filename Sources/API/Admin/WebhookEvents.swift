internal import Billing
internal import Domain
public import HTTP
internal import Store

/// `/api/admin/webhooks/events`: what was promised to the operator's systems, what became of it, and once more by hand.
public struct WebhookEvents: Sendable {
    private let front: Storefront

    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        [events, replay].mounted { try await front.door.person($0, roles: [.admin]) }
    }

    private static let view = View(
        "WebhookEvent",
        [
            .always("id", "As evt_…; also its `webhook-id`.", .text), .always("kind", "As payment.completed.", .text),
            .always("subject", "The id of what it is about.", .text), .always("state", "waiting, sent, or dead: given up.", .text),
            .always("attempts", "Tries so far.", .integer(0...Int64.max)),
            .always("told", "Names of the places that have it.", .list(of: .text, count: 0...100)),
            .maybe("failure", "Why the last try failed.", .text), .always("next_at", "When it is tried again, while it waits.", .time),
            .always("created_at", "When it happened.", .time),
        ],
        example: [
            "id": "evt_0193c0de8a7b7f3e9d2c4b5a69788796", "kind": "payment.completed",
            "subject": "pay_0193c0de8a7b7f3e9d2c4b5a69788797", "state": "dead", "attempts": 11, "told": ["ops"],
            "failure": "shop: status 500", "next_at": "2026-11-21T10:29:32.375Z", "created_at": "2026-11-16T10:29:32.375Z",
        ])

    private struct Selection: Sendable { let limit: Int64, cursor: String?, state: String? }
    private var events: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/webhooks/events", "Events that others are told of", tag: "Webhooks", audience: Sold.writers,
            takes: .query(
                Shape(
                    Paging.limitField(), Paging.cursorField,
                    Field<String>.choice("state", "Only these.", PromiseState.allCases.map(\.rawValue)).optional, make: Selection.init)),
            replies: .ok(View.page("events", of: Self.view, order: "Newest first.")), problems: Sold.reading,
            about: "Kept for 30 days after they were sent or given up."
        ) { input, _ in
            let (limit, state) = (Int(input.query.limit), input.query.state.flatMap(PromiseState.init(rawValue:)))
            let before = try input.query.cursor.map { cursor in
                guard let id = try? EventID(parsing: cursor) else { throw Sold.badCursor }
                return id
            }
            let page = try await front.store.read { reader throws(StoreError) in
                try reader.outbox(state: state, before: before, limit: limit)
            }
            return .page("events", page.items.map(\.json), next: page.hasMore ? page.items.last?.id.text : nil)
        }
    }

    private var replay: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/webhooks/events/{id}/replay", "Send an event again", tag: "Webhooks", audience: Sold.writers,
            takes: .path(Sold.text), replies: .ok(Self.view), problems: Sold.reading + [.csrf],
            about:
                "With the same id. One that was given up goes to those who do not have it, one that was sent to everybody once more; one that waits is tried at once."
        ) { input, context in
            let id = try Sold.id(input.path, EventKind.self)
            guard let event = try await Outgoing.replay(id, front.store, actor: context.user.id.text, request: input.request.id) else {
                throw Problem(.notFound)
            }
            return .json(event.json)
        }
    }
}
