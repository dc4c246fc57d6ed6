internal import Billing
internal import Domain
public import HTTP
internal import Store

/// `/api/admin/plans`: what is sold.
public struct SoldPlans: Sendable {
    private let front: Storefront

    public init(_ front: Storefront) { self.front = front }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [plans.mounted { try await door.person($0, roles: [.admin, .support]) }]
            + [makePlan, retirePlan].mounted { try await door.person($0, roles: [.admin]) }
    }

    private struct NewPlan: Sendable {
        let kind: ServiceKind, name: String, description: String, days: Int64?, price: String, currency: Currency, limits: JSON,
            most: Int64,
            makesService: Bool
    }
    private static let planShape = Shape(
        Field<String>.text("kind", "As relay.", length: 1...32).map { text throws(ParseError) in try ServiceKind(parsing: text) },
        .text("name", "Unique.", length: 1...100), Field<String>.text("description", "For people.", length: 0...2000).or(""),
        Field<Int64>.integer("duration_days", "Left out: never ends.", 1...36_500).optional,
        Field<String>.amountText("price", "As \"9.99\"."),
        Field<String>.text("currency", "As USD.", length: 3...3).map { text throws(ParseError) in try Currency(parsing: text) }.or(.usd),
        Field<JSON>("limits", "What the kind's driver takes.", .anything) { json throws(ParseError) in json }.or([:]),
        Field<Int64>.integer("max_services", "Services of one subscription.", 0...1000).or(1),
        Field<Bool>.boolean("makes_service", "Whether a payment makes the first service.").or(true), make: NewPlan.init)

    private static let planView = View(
        "Plan", .object([.always("id", "As pln_….", .text), .always("number", "Rising.", .count), .always("name", "Unique.", .text)]),
        example: ["id": "pln_0193c0de8a7b7f3e9d2c4b5a69788796", "number": 1, "name": "Starter"])
    static func json(_ plan: Plan) -> JSON {
        var json = Storefront.json(plan).object ?? [:]
        json["id"] = .string(plan.id.text)
        json["number"] = .int(plan.number)
        json["limits"] = plan.terms.limits
        json["status"] = .string(plan.status.rawValue)
        return .object(json)
    }

    private var plans: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/plans", "All plans", tag: "Sales", audience: Sold.readers, takes: .query(Paging.shape(limit: 500)),
            replies: .ok(View.page("plans", of: Self.planView, order: "Oldest first.")), problems: Sold.reading
        ) { input, _ in
            let (limit, after) = (input.query.limit, try Sold.number(input.query.cursor) ?? 0)
            let page = try await front.store.read { reader throws(StoreError) in try reader.plans(after: after, limit: limit) }
            return .page("plans", page.items.map(Self.json), next: page.hasMore ? page.items.last.map { String($0.number) } : nil)
        }
    }
    private var makePlan: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/plans", "Make a plan", tag: "Sales", audience: Sold.writers, takes: .body(Self.planShape),
            replies: .created(Self.planView), problems: Sold.writing
        ) { input, context in
            let body = input.body
            let plan = try await PlanMaking(front.sales).make(
                kind: body.kind, name: body.name, description: body.description, days: body.days, price: body.price,
                currency: body.currency, limits: body.limits, most: body.most, makesService: body.makesService,
                actor: context.user.id.text, request: input.request.id)
            return .json(Self.json(plan))
        }
    }
    private var retirePlan: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/plans/{id}/retire", "Sell a plan no more", tag: "Sales", audience: Sold.writers, takes: .path(Sold.text),
            replies: .ok(Self.planView), problems: Sold.writing
        ) { input, context in
            let id = try Sold.id(input.path, PlanKind.self)
            let (actor, request) = (context.user.id.text, input.request.id)
            let plan = try await front.store.transaction { transaction throws(StoreError) -> Plan? in
                guard let plan = try transaction.plan(id) else { return nil }
                _ = try transaction.updatePlan(id, plan.terms, status: .retired)
                try transaction.audit(actor: actor, action: "plan.retire", subject: id.text, requestID: request)
                return try transaction.plan(id)
            }
            guard let plan else { throw Problem(.notFound) }
            return .json(Self.json(plan))
        }
    }
}
