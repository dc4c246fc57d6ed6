internal import Billing
public import Domain
public import HTTP
internal import Provisioning
internal import Store

/// `/tariffs/*`: plans in the words of the older interface.
public struct Tariffs: Sendable {
    private let front: Storefront
    private let currency: Currency

    /// - Parameter currency: of prices that come without one.
    public init(_ front: Storefront, currency: Currency) { (self.front, self.currency) = (front, currency) }

    public var endpoints: [MountedEndpoint] {
        [list("/tariffs"), list("/tariffs/list"), get].mounted { _ in PublicContext() }
            + [create, update, delete].mounted { try await front.olderAdmin($0) }
    }

    private func list(_ template: String) -> Endpoint<PublicContext> {
        Endpoint(
            .get, template, "Tariffs", tag: "Older VPN interface", audience: .anyone, takes: .query(Storefront.part(10)),
            replies: .ok(Storefront.list(Storefront.tariffView)), problems: ProblemKind.ofStore, dialect: .detail
        ) { input, _ in
            let part = input.query
            let page = try await front.store.read { reader throws(StoreError) in
                try reader.plans(offset: Int(part.skip), limit: Int(part.limit), status: .active)
            }
            return .json(.array(page.items.map(Storefront.json)))
        }
    }

    private var get: Endpoint<PublicContext> {
        Endpoint(
            .get, "/tariffs/{id}", "One tariff", tag: "Older VPN interface", audience: .anyone, takes: .path(Storefront.number),
            replies: .ok(Storefront.tariffView), problems: ProblemKind.ofStore + [.notFound], dialect: .detail
        ) { input, _ in .json(Storefront.json(try await front.plan(number: input.path))) }
    }

    private struct Terms: Sendable {
        let name: String?, price: String?, days: Int64?, description: String?, peers: Int64?, traffic: Int64?, kind: ServiceKind?,
            isWithoutPeer: Bool?, currency: Currency?
    }
    private static let terms = Shape(
        Field<String>.text("name", "Unique.", length: 1...100).optional, Field<String>.amountText("price", "As \"9.99\".").optional,
        Field<Int64>.integer("duration_days", "Days.", 1...36_500).optional,
        Field<String>.text("description", "For people.", length: 0...2000).optional,
        Field<Int64>.integer("max_peers", "Services of one subscription.", 0...1000).optional,
        Field<Int64>.integer("traffic_limit_bytes", "Bytes.", 0...Int64.max).optional,
        Field<String>.text("service", "The kind: vpn when left out.", length: 1...32).map { text throws(ParseError) in
            try ServiceKind(parsing: text)
        }.optional,
        Field<Bool>.boolean("no_auto_peer", "Whether a payment makes no service by itself.").optional,
        Field<String>.text("currency", "As USD.", length: 3...3).map { text throws(ParseError) in try Currency(parsing: text) }.optional,
        make: Terms.init
    ).ignoringUnknownFields

    private func merged(_ new: Terms, into old: PlanTerms) throws -> PlanTerms {
        var terms = old
        terms.name = new.name ?? old.name
        let currency = new.currency ?? old.price.currency
        if let price = new.price {
            do throws(ParseError) {
                terms.price = try Money(parsing: price, currency)
                guard terms.price.minorUnits >= 0 else { throw ParseError("0 or more") }
            } catch { throw InputErrors(fields: [FieldError("price", error.message)]) }
        } else if currency != old.price.currency {
            throw InputErrors(fields: [FieldError("price", "is required with another currency")])
        }
        if let days = new.days { terms.durationSeconds = days * 86_400 }
        terms.description = new.description ?? old.description
        terms.maximumServices = new.peers ?? old.maximumServices
        terms.trafficLimitBytes = new.traffic ?? old.trafficLimitBytes
        terms.makesService = new.isWithoutPeer.map { !$0 } ?? old.makesService
        if let driver = front.sales.orders.drivers[terms.kind] { try driver.check(limits: terms.limits) }
        return terms
    }

    private var create: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/tariffs", "Make a tariff", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: .body(Self.terms),
            replies: .ok(Storefront.tariffView), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            guard let name = input.body.name, input.body.price != nil else {
                throw InputErrors(fields: [FieldError(input.body.name == nil ? "name" : "price", "is required")])
            }
            let terms = try merged(
                input.body,
                into: PlanTerms(
                    kind: input.body.kind ?? .vpn, name: name, price: Money(minorUnits: 0, input.body.currency ?? currency)))
            return .json(
                Storefront.json(
                    try await keep(context, input.request) { transaction throws(StoreError) in
                        try transaction.createPlan(terms)
                    }))
        }
    }

    private var update: Endpoint<CustomerContext> {
        Endpoint(
            .put, "/tariffs/{id}", "Change a tariff", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: .path(Storefront.number, body: Self.terms), replies: .ok(Storefront.tariffView), problems: Storefront.writes,
            dialect: .detail
        ) { input, context in
            let plan = try await front.plan(number: input.path)
            let terms = try merged(input.body, into: plan.terms)
            return .json(
                Storefront.json(
                    try await keep(context, input.request) { transaction throws(StoreError) in
                        guard try transaction.updatePlan(plan.id, terms, status: plan.status), let changed = try transaction.plan(plan.id)
                        else {
                            throw .refused(Sales.Refusal.unknownPlan.rawValue)
                        }
                        return changed
                    }))
        }
    }

    private func keep(
        _ context: CustomerContext, _ request: Request, _ change: @escaping @Sendable (Transaction) throws(StoreError) -> Plan
    ) async throws -> Plan {
        do {
            return try await front.older {
                try await front.store.transaction { transaction throws(StoreError) in
                    let plan = try change(transaction)
                    try transaction.audit(
                        actor: context.user.id.text, action: "plan.change", subject: plan.id.text, after: Storefront.json(plan).text,
                        requestID: request.id)
                    return plan
                }
            }
        } catch StoreError.conflict(.planName) { throw Problem(.badRequest, "Tariff already exists") }
    }

    private var delete: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/tariffs/{id}", "Delete a tariff", tag: "Older VPN interface", audience: .operators(roles: ["admin"]),
            takes: .path(Storefront.number), replies: .ok(Storefront.messageView), problems: Storefront.writes, dialect: .detail
        ) { input, context in
            let plan = try await front.plan(number: input.path)
            let request = input.request.id
            let isGone = try await front.store.transaction { transaction throws(StoreError) -> Bool in
                guard try !transaction.planIsUsed(plan.id) else { return false }
                try transaction.audit(
                    actor: context.user.id.text, action: "plan.delete", subject: plan.id.text, before: Storefront.json(plan).text,
                    requestID: request)
                return try transaction.deletePlan(plan.id)
            }
            guard isGone else { throw Problem(.badRequest, "Tariff is assigned to users and cannot be deleted") }
            return ["msg": "tariff deleted", "tariff_id": .int(plan.number)]
        }
    }
}
