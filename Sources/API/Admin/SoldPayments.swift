internal import Billing
internal import Domain
public import HTTP
internal import Store

/// `/api/admin/payments`: what came in, what went back. What moves money wants a proof of who has a second factor.
public struct SoldPayments: Sendable {
    private let front: Storefront

    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [payments, inbox].mounted { try await door.person($0, roles: [.admin, .support]) }
            + [confirm, refund].mounted { try await door.guarded($0, roles: [.admin]) }
    }

    static let paymentView = View("Payment", Storefront.paymentFields, example: Storefront.paymentExample)
    private func json(_ payment: Payment) async throws -> JSON {
        let number = try await front.people.find(payment.userID)?.number ?? 0
        var json = Storefront.json(payment, user: number)
        json["refunded"] = .string(payment.refunded.text)
        return .object(json)
    }
    private var payments: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/payments", "All payments", tag: "Sales", audience: Sold.readers, takes: .query(Paging.shape()),
            replies: .ok(View.page("payments", of: Self.paymentView)), problems: Sold.reading
        ) { input, _ in
            let (limit, before) = (input.query.limit, try Sold.number(input.query.cursor))
            let page = try await front.store.read { reader throws(StoreError) in
                try reader.newestPayments(before: before ?? .max, limit: limit)
            }
            var shown: [JSON] = []
            for payment in page.items { shown.append(try await json(payment)) }
            return .page("payments", shown, next: page.hasMore ? page.items.last.map { String($0.number) } : nil)
        }
    }
    private static let eventView = View(
        "PaymentEvent", [.always("source", "The provider.", .text), .always("outcome", "What became of it.", .text)],
        example: ["source": "shop", "outcome": "mismatch"])
    private var inbox: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/payment-events", "What providers told us", tag: "Sales", audience: Sold.readers,
            takes: .query(Paging.shape(limit: 200)), replies: .ok(View.page("events", of: Self.eventView)), problems: Sold.reading
        ) { input, _ in
            let (limit, before) = (input.query.limit, try Self.place(input.query.cursor))
            let page = try await front.store.read { reader throws(StoreError) in try reader.inboxEvents(before: before, limit: limit) }
            return .page(
                "events",
                page.items.map {
                    [
                        "source": .string($0.source), "event_id": .string($0.eventID), "kind": .string($0.kind),
                        "outcome": .string($0.outcome), "received_at": .string($0.receivedAt.text),
                    ]
                },
                next: page.hasMore ? page.items.last.map { "\($0.receivedAt.milliseconds)|\($0.source)|\($0.eventID)" } : nil)
        }
    }
    /// What the cursor of events names.
    private static func place(_ cursor: String?) throws -> (at: Timestamp, source: String, eventID: String)? {
        guard let cursor else { return nil }
        let parts = cursor.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let at = Int64(parts[0]) else { throw Sold.badCursor }
        return (Timestamp(milliseconds: at), String(parts[1]), String(parts[2]))
    }
    private func payment(_ text: String) async throws -> Payment {
        guard let number = Int64(text) else {
            let id = try Sold.id(text, PaymentKind.self)
            return try await front.read { reader throws(StoreError) in try reader.payment(id) }
        }
        return try await front.read { reader throws(StoreError) in try reader.payment(number: number) }
    }
    private var confirm: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/payments/{id}/confirm", "Confirm that a payment came", tag: "Sales", audience: Sold.writers,
            takes: .path(Sold.text), replies: .ok(Self.paymentView), problems: Sold.writing + [.proofRequired]
        ) { input, context in
            let payment = try await payment(input.path)
            return .json(
                try await json(try await front.sales.confirm(payment.id, actor: context.user.id.text, request: input.request.id)))
        }
    }
    private var refund: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/payments/{id}/refund", "Refund a payment", tag: "Sales", audience: Sold.writers,
            takes: .path(Sold.text, body: Shape(Field<String>.amountText("amount", "Left out: all of it.").optional, make: { $0 })),
            replies: .ok(Self.paymentView), problems: Sold.writing + [.proofRequired]
        ) { input, context in
            let payment = try await payment(input.path)
            let amount = try input.body.map { try Money(parsing: $0, payment.amount.currency) }
            return .json(
                try await json(
                    try await front.sales.refund(payment.id, amount: amount, actor: context.user.id.text, request: input.request.id)))
        }
    }
}
