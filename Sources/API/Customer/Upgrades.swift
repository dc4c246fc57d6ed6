internal import Billing
internal import Domain
public import HTTP
internal import Store

/// `/api/portal/subscriptions`: another plan for the rest of the time.
public struct Upgrades: Sendable {
    private let front: Storefront

    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [quote, upgrade].mounted { try await door.customer($0) }
    }

    private struct Upgrading: Sendable { let plan: Int64, provider: String }
    private static let upgrading = Shape(
        Field<Int64>.integer("plan", "The plan's number.", 1...Int64.max),
        Field<String>.choice("provider", "How it is paid.", ["manual", "webhook", "telegram", "stripe", "balance"]).or("manual"),
        make: Upgrading.init)
    private func upgradable(_ path: String, _ context: CustomerContext, plan number: Int64) async throws -> (SubscriptionID, PlanID) {
        let (wanted, owner) = (try Sold.id(path, SubscriptionKind.self), context.user.id)
        return try await front.read { reader throws(StoreError) -> (SubscriptionID, PlanID)? in
            guard let found = try reader.subscription(wanted), found.ownerID == owner, let plan = try reader.plan(number: number) else {
                return nil
            }
            return (found.id, plan.id)
        }
    }
    private static let quoteView = View("Quote", [.always("due", "As 9.99.", .text)], example: ["due": "9.99", "currency": "USD"])
    private var quote: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/subscriptions/{id}/quote", "What another plan costs for the rest of the time", tag: "Portal",
            audience: .customer,
            takes: .path(Sold.text, query: Shape(Field<Int64>.integer("plan", "Its number.", 1...Int64.max), make: { $0 })),
            replies: .ok(Self.quoteView), problems: Sold.reading + [.conflict]
        ) { input, context in
            let (subscription, plan) = try await upgradable(input.path, context, plan: input.query)
            let due = try await front.sales.quote(subscription, to: plan)
            return ["due": .string(due.text), "currency": .string(due.currency.code)]
        }
    }
    private var upgrade: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/subscriptions/{id}/upgrade", "Take another plan", tag: "Portal", audience: .customer,
            takes: .path(Sold.text, body: Self.upgrading), replies: .ok(SoldPayments.paymentView), problems: Sold.writing
        ) { input, context in
            try front.checkMayBuy(context.user)
            let (subscription, plan) = try await upgradable(input.path, context, plan: input.body.plan)
            let payment = try await front.sales.beginUpgrade(
                subscription, to: plan, provider: input.body.provider, actor: context.user.id.text, request: input.request.id)
            var shown = Storefront.json(payment, user: context.user.number)
            shown["instructions"] = front.doors.instructions(for: payment)
            return .json(.object(shown))
        }
    }
}
