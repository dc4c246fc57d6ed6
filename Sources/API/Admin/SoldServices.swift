internal import Billing
internal import Domain
public import HTTP
internal import Provisioning
internal import Store

/// `/api/admin/plans`, `/services`, `/payments`, `/operations`, and what a customer sees of their own under `/api/portal`.
public struct SoldServices: Sendable {
    private let front: Storefront
    private let wake: @Sendable () -> Void

    /// - Parameter wake: tells the workers.
    public init(_ front: Storefront, wake: @escaping @Sendable () -> Void) {
        self.front = front
        self.wake = wake
    }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [plans, services, service, payments, inbox].mounted { try await door.person($0, roles: [.admin, .support]) }
            + [makePlan, retirePlan, command("suspend"), command("resume"), command("terminate"), command("retry"), confirm, refund].mounted
        {
            try await door.person($0, roles: [.admin])
        }
            + [ownServices, ownService, ownSecret, addService, operation, balance, quote, upgrade].mounted { try await door.customer($0) }
    }

    private static let readers = Audience.operators(roles: [UserRole.admin.rawValue, UserRole.support.rawValue])
    private static let writers = Audience.operators(roles: [UserRole.admin.rawValue])
    private static let reading = ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound]
    private static let writing = reading + [.csrf, .conflict]
    private static let text = Shape(Field<String>.text("id", "Its id.", length: 1...64), make: { $0 })

    private func id<Kind>(_ text: String, _ kind: Kind.Type) throws -> Identifier<Kind> {
        guard let id = try? Identifier<Kind>(parsing: text) else { throw Problem(.notFound) }
        return id
    }
    private func read<Value: Sendable>(_ body: @escaping @Sendable (Reader) throws(StoreError) -> Value?) async throws -> Value {
        guard let value = try await front.store.read(body) else { throw Problem(.notFound) }
        return value
    }

    // MARK: Plans

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
            .get, "/api/admin/plans", "All plans", tag: "Sales", audience: Self.readers, takes: .nothing,
            replies: .ok(View.page("plans", of: Self.planView)), problems: Self.reading
        ) { _, _ in
            let page = try await front.store.read { reader throws(StoreError) in try reader.plans(limit: 1000) }
            return .page("plans", page.items.map(Self.json), next: nil)
        }
    }
    private var makePlan: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/plans", "Make a plan", tag: "Sales", audience: Self.writers, takes: .body(Self.planShape),
            replies: .created(Self.planView), problems: Self.writing
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
            .post, "/api/admin/plans/{id}/retire", "Sell a plan no more", tag: "Sales", audience: Self.writers, takes: .path(Self.text),
            replies: .ok(Self.planView), problems: Self.writing
        ) { input, context in
            let id = try id(input.path, PlanKind.self)
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

    // MARK: Services

    private static let serviceView = View(
        "Service",
        [
            .always("id", "As svc_….", .text), .always("kind", "As relay.", .text), .always("label", "Its name.", .text),
            .always("state", "One word for people.", .text), .always("details", "What the owner sees.", .anything),
            .maybe("operation_id", "To poll, in the answer to a command.", .text),
            .maybe(
                "usage", "Of one service whose use is counted: received_bytes, sent_bytes, period_bytes, limit_bytes, handshake_at.",
                .anything),
        ],
        example: [
            "id": "svc_0193c0de8a7b7f3e9d2c4b5a69788796", "kind": "relay", "label": "laptop", "state": "active",
            "details": ["key": "cr_ab12…f9e0"],
        ])
    static func json(_ service: Service, forOperator: Bool, suspensions: Set<Suspension> = []) -> JSONObject {
        var json: JSONObject = [
            "id": .string(service.id.text), "number": .int(service.number), "kind": .string(service.kind.text),
            "label": .string(service.label), "state": .string(service.shownState), "details": service.details,
            "limits": service.limits, "subscription_id": service.subscriptionID.map { .string($0.text) } ?? .null,
            "has_secret": .bool(service.secretSealed != nil), "created_at": .string(service.createdAt.text),
        ]
        json["suspended_for"] = .array(suspensions.map { .string($0.reason.rawValue) }.sorted { $0.text < $1.text })
        guard forOperator else { return json }
        json["owner_id"] = service.ownerID.map { .string($0.text) } ?? .null
        json["desired"] = .string(service.desired.rawValue)
        json["actual"] = .string(service.actual.rawValue)
        json["failure"] = service.failure.map { .string($0) } ?? .null
        return json
    }
    private func shown(_ id: ServiceID, owner: UserID?) async throws -> JSONObject {
        let found = try await read { reader throws(StoreError) -> (Service, Set<Suspension>, JSON?)? in
            guard let service = try reader.service(id), owner == nil || service.ownerID == owner else { return nil }
            return (service, try reader.suspensions(of: id), try Self.usage(of: service, reader))
        }
        var json = Self.json(found.0, forOperator: owner == nil, suspensions: found.1)
        if let usage = found.2 { json["usage"] = usage }
        return json
    }

    private static func usage(of service: Service, _ reader: Reader) throws(StoreError) -> JSON? {
        guard let meter = try reader.meter(of: service.id) else { return nil }
        return [
            "received_bytes": .int(meter.transfer.totalReceived), "sent_bytes": .int(meter.transfer.totalSent),
            "period_bytes": .int(meter.used), "limit_bytes": try reader.trafficLimit(of: service).map { .int($0.bytes) } ?? .null,
            "handshake_at": meter.handshakeAt.map { .string($0.text) } ?? .null,
        ]
    }

    private func list(_ filter: ServiceFilter, after: ServiceID?, limit: Int, forOperator: Bool) async throws -> Answer {
        let (items, next) = try await front.store.read { reader throws(StoreError) -> ([JSON], String?) in
            let page = try reader.services(filter, after: after, limit: limit)
            var items: [JSON] = []
            for service in page.items {
                // Only those that are suspended have a reason to look for.
                let reasons = service.desired == .suspended ? try reader.suspensions(of: service.id) : []
                items.append(.object(Self.json(service, forOperator: forOperator, suspensions: reasons)))
            }
            return (items, page.hasMore ? page.items.last?.id.text : nil)
        }
        return .page("services", items, next: next)
    }

    private struct Selection: Sendable { let paging: Int64, cursor: String?, kind: String?, isBehind: Bool }
    private var services: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/services", "All services", tag: "Sales", audience: Self.readers,
            takes: .query(
                Shape(
                    Paging.limitField(), Paging.cursorField, Field<String>.text("kind", "Only these.", length: 1...32).optional,
                    Field<Bool>.boolean("behind", "Only those with something to do.").or(false), make: Selection.init)),
            replies: .ok(View.page("services", of: Self.serviceView)), problems: Self.reading
        ) { input, _ in
            let wanted = input.query
            let filter = ServiceFilter(kind: try wanted.kind.map { try ServiceKind(parsing: $0) }, isBehind: wanted.isBehind)
            let after = try wanted.cursor.map { try id($0, ServiceIDKind.self) }
            return try await list(filter, after: after, limit: Int(wanted.paging), forOperator: true)
        }
    }
    private var service: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/services/{id}", "One service", tag: "Sales", audience: Self.readers, takes: .path(Self.text),
            replies: .ok(Self.serviceView), problems: Self.reading
        ) { input, _ in .json(.object(try await shown(try id(input.path, ServiceIDKind.self), owner: nil))) }
    }

    /// How long a command waits for its end before it answers 202.
    private static let waitMilliseconds: Int64 = 5000
    private func command(_ verb: String) -> Endpoint<CustomerContext> {
        let reason = Field<String>.choice("reason", "Why: abuse or operator.", ["abuse", "operator"]).or("operator")
        let body: Shape<String> = Shape(reason, make: { $0 })
        return Endpoint(
            .post, "/api/admin/services/{id}/\(verb)", "\(verb.prefix(1).uppercased() + verb.dropFirst()) a service", tag: "Sales",
            audience: Self.writers, takes: .path(Self.text, body: body), replies: .ok(Self.serviceView),
            also: [.accepted(Self.serviceView)], problems: Self.writing
        ) { input, context in
            let service = try id(input.path, ServiceIDKind.self)
            let change: Orders.Change =
                switch verb {
                case "suspend": .suspend(Suspension(input.body == "abuse" ? .abuse : .operator, by: .operator))
                case "resume": .lift(.operator)
                case "terminate": .terminate
                default: .retry
                }
            let (actor, request, orders) = (context.user.id.text, input.request.id, front.sales.orders)
            let operation = try await front.store.transaction { transaction throws(StoreError) in
                try orders.change(service, change, actor: actor, request: request, in: transaction)
            }
            wake()
            return try await answer(operation, service, owner: nil)
        }
    }
    private func answer(_ operation: Operation, _ service: ServiceID, owner: UserID?) async throws -> Answer {
        let ended = try await Waiting(front.store).finish(operation.id, withinMilliseconds: Self.waitMilliseconds)
        var json = try await shown(service, owner: owner)
        json["operation_id"] = .string(operation.id.text)
        return .json(.object(json), status: ended == nil ? 202 : nil)
    }

    // MARK: Payments

    private static let paymentView = View("Payment", Storefront.paymentFields, example: Storefront.paymentExample)
    private func json(_ payment: Payment) async throws -> JSON {
        let number = try await front.people.find(payment.userID)?.number ?? 0
        var json = Storefront.json(payment, user: number)
        json["refunded"] = .string(payment.refunded.text)
        return .object(json)
    }
    private var payments: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/payments", "All payments", tag: "Sales", audience: Self.readers, takes: .query(Storefront.part(50)),
            replies: .ok(View.page("payments", of: Self.paymentView)), problems: Self.reading
        ) { input, _ in
            let part = input.query
            let page = try await front.store.read { reader throws(StoreError) in
                try reader.payments(offset: Int(part.skip), limit: Int(part.limit))
            }
            var shown: [JSON] = []
            for payment in page.items { shown.append(try await json(payment)) }
            return .page("payments", shown, next: nil)
        }
    }
    private static let eventView = View(
        "PaymentEvent", [.always("source", "The provider.", .text), .always("outcome", "What became of it.", .text)],
        example: ["source": "shop", "outcome": "mismatch"])
    private var inbox: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/payment-events", "What providers told us", tag: "Sales", audience: Self.readers, takes: .nothing,
            replies: .ok(View.page("events", of: Self.eventView)), problems: Self.reading
        ) { _, _ in
            let events = try await front.store.read { reader throws(StoreError) in try reader.inboxEvents(limit: 200) }
            return .page(
                "events",
                events.map {
                    [
                        "source": .string($0.source), "event_id": .string($0.eventID), "kind": .string($0.kind),
                        "outcome": .string($0.outcome), "received_at": .string($0.receivedAt.text),
                    ]
                }, next: nil)
        }
    }
    private func payment(_ text: String) async throws -> Payment {
        guard let number = Int64(text) else {
            let id = try id(text, PaymentKind.self)
            return try await read { reader throws(StoreError) in try reader.payment(id) }
        }
        return try await read { reader throws(StoreError) in try reader.payment(number: number) }
    }
    private var confirm: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/payments/{id}/confirm", "Confirm that a payment came", tag: "Sales", audience: Self.writers,
            takes: .path(Self.text), replies: .ok(Self.paymentView), problems: Self.writing
        ) { input, context in
            let payment = try await payment(input.path)
            return .json(
                try await json(try await front.sales.confirm(payment.id, actor: context.user.id.text, request: input.request.id)))
        }
    }
    private var refund: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/admin/payments/{id}/refund", "Refund a payment", tag: "Sales", audience: Self.writers,
            takes: .path(Self.text, body: Shape(Field<String>.amountText("amount", "Left out: all of it.").optional, make: { $0 })),
            replies: .ok(Self.paymentView), problems: Self.writing
        ) { input, context in
            let payment = try await payment(input.path)
            let amount = try input.body.map { try Money(parsing: $0, payment.amount.currency) }
            return .json(
                try await json(
                    try await front.sales.refund(payment.id, amount: amount, actor: context.user.id.text, request: input.request.id)))
        }
    }

    // MARK: One's own

    private var ownServices: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services", "My services", tag: "Portal", audience: .customer, takes: .nothing,
            replies: .ok(View.page("services", of: Self.serviceView)), problems: Self.reading
        ) { _, context in
            let owner = context.user.id
            return try await list(ServiceFilter(owner: owner), after: nil, limit: 1000, forOperator: false)
        }
    }
    private var ownService: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services/{id}", "One of my services", tag: "Portal", audience: .customer, takes: .path(Self.text),
            replies: .ok(Self.serviceView), problems: Self.reading
        ) { input, context in .json(.object(try await shown(try id(input.path, ServiceIDKind.self), owner: context.user.id))) }
    }
    private static let secretView = View("ServiceSecret", [.always("secret", "Shown once.", .text)], example: ["secret": "cr_…"])
    private var ownSecret: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/services/{id}/secret", "Hand over a service's key", tag: "Portal", audience: .customer,
            takes: .path(Self.text), replies: .ok(Self.secretView), problems: Self.writing,
            about: "Once; afterwards nobody has it but you.",
            idempotent: false
        ) { input, context in
            let (service, owner, request) = (try id(input.path, ServiceIDKind.self), context.user.id, input.request.id)
            let found = try await read { reader throws(StoreError) -> Service? in
                guard let found = try reader.service(service), found.ownerID == owner else { return nil }
                return found
            }
            guard !(front.sales.orders.drivers[found.kind] is any ConfigDelivery) else {
                throw Problem(.conflict, "Services of this kind come with a config: ask for that.")
            }
            guard let secret = try front.sales.orders.secret(of: found) else { throw Problem(.conflict, "It was handed over before.") }
            let isFirst = try await front.store.transaction { transaction throws(StoreError) -> Bool in
                try transaction.audit(actor: owner.text, action: "service.secret", subject: service.text, requestID: request)
                return try transaction.dropServiceSecret(service)
            }
            guard isFirst else { throw Problem(.conflict, "It was handed over before.") }
            return ["secret": .string(String(decoding: secret, as: UTF8.self))]
        }
    }
    private struct Adding: Sendable { let subscription: String, label: String, options: JSON }
    private var addService: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/services", "Order one more service of a subscription", tag: "Portal", audience: .customer,
            takes: .body(
                Shape(
                    .text("subscription_id", "As sub_….", length: 1...64), .text("label", "Its name.", length: 1...64),
                    Field<JSON>("options", "What its kind takes.", .anything) { json throws(ParseError) in json }.or([:]), make: Adding.init
                )),
            replies: .created(Self.serviceView), also: [.accepted(Self.serviceView)], problems: Self.writing
        ) { input, context in
            let (subscription, owner) = (try id(input.body.subscription, SubscriptionKind.self), context.user.id)
            _ = try await read { reader throws(StoreError) -> Subscription? in
                try reader.subscription(subscription).flatMap { $0.ownerID == owner ? $0 : nil }
            }
            let made = try await front.sales.addService(
                to: subscription, label: input.body.label, options: input.body.options, actor: owner.text, request: input.request.id)
            return try await answer(made.operation, made.service.id, owner: owner)
        }
    }
    private static let operationView = View(
        "Operation", [.always("id", "As op_….", .text), .always("state", "pending, done, failed or replaced.", .text)],
        example: ["id": "op_0193c0de8a7b7f3e9d2c4b5a69788796", "state": "done"])
    private var operation: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/operations/{id}", "How a command stands", tag: "Portal", audience: .customer, takes: .path(Self.text),
            replies: .ok(Self.operationView), problems: Self.reading
        ) { input, context in
            let (wanted, user) = (try id(input.path, OperationKind.self), context.user)
            let found = try await read { reader throws(StoreError) -> Operation? in
                guard let found = try reader.operation(wanted) else { return nil }
                if user.role != .customer { return found }
                return try reader.service(found.serviceID)?.ownerID == user.id ? found : nil
            }
            return [
                "id": .string(found.id.text), "service_id": .string(found.serviceID.text), "verb": .string(found.verb),
                "state": .string(found.state.rawValue), "failure": found.failure == nil ? .null : "it did not work; it is looked after",
                "created_at": .string(found.createdAt.text), "finished_at": found.finishedAt.map { .string($0.text) } ?? .null,
            ]
        }
    }
    private static let balanceView = View(
        "Balance", [.always("balances", "One a currency.", .list(of: .anything, count: 0...1000))],
        example: ["balances": [["amount": "5.00", "currency": "USD"]]])
    private var balance: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/balance", "My credit", tag: "Portal", audience: .customer, takes: .nothing, replies: .ok(Self.balanceView),
            problems: Self.reading
        ) { _, context in
            let owner = context.user.id
            let balances = try await front.store.read { reader throws(StoreError) in try reader.balances(of: owner) }
            return ["balances": .array(balances.map { ["amount": .string($0.text), "currency": .string($0.currency.code)] })]
        }
    }

    private struct Upgrading: Sendable { let plan: Int64, provider: String }
    private static let upgrading = Shape(
        Field<Int64>.integer("plan", "The plan's number.", 1...Int64.max),
        Field<String>.choice("provider", "How it is paid.", ["manual", "webhook", "telegram", "stripe", "balance"]).or("manual"),
        make: Upgrading.init)
    private func upgradable(_ path: String, _ context: CustomerContext, plan number: Int64) async throws -> (SubscriptionID, PlanID) {
        let (wanted, owner) = (try id(path, SubscriptionKind.self), context.user.id)
        return try await read { reader throws(StoreError) -> (SubscriptionID, PlanID)? in
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
            takes: .path(Self.text, query: Shape(Field<Int64>.integer("plan", "Its number.", 1...Int64.max), make: { $0 })),
            replies: .ok(Self.quoteView), problems: Self.reading + [.conflict]
        ) { input, context in
            let (subscription, plan) = try await upgradable(input.path, context, plan: input.query)
            let due = try await front.sales.quote(subscription, to: plan)
            return ["due": .string(due.text), "currency": .string(due.currency.code)]
        }
    }
    private var upgrade: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/subscriptions/{id}/upgrade", "Take another plan", tag: "Portal", audience: .customer,
            takes: .path(Self.text, body: Self.upgrading), replies: .ok(Self.paymentView), problems: Self.writing
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
