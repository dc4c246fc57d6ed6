internal import Billing
internal import Domain
public import HTTP
internal import Provisioning
internal import Store

/// `/api/portal`: what a customer sees and orders of their own.
public struct OwnServices: Sendable {
    private let front: Storefront
    private let views: ServiceViews

    public init(_ front: Storefront) {
        self.front = front
        views = ServiceViews(front: front)
    }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [ownServices, ownService, ownSecret, addService, operation, balance].mounted { try await door.customer($0) }
    }

    private var ownServices: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services", "My services", tag: "Portal", audience: .customer, takes: .query(Paging.shape(limit: 500)),
            replies: .ok(View.page("services", of: ServiceViews.one, order: "Oldest first.")), problems: Sold.reading
        ) { input, context in
            let after = try input.query.cursor.map { try Sold.id($0, ServiceIDKind.self) }
            return try await views.list(
                ServiceFilter(owner: context.user.id), after: after, limit: input.query.limit, forOperator: false)
        }
    }
    private var ownService: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/services/{id}", "One of my services", tag: "Portal", audience: .customer, takes: .path(Sold.text),
            replies: .ok(ServiceViews.one), problems: Sold.reading
        ) { input, context in .json(.object(try await views.shown(try Sold.id(input.path, ServiceIDKind.self), owner: context.user.id))) }
    }
    private static let secretView = View("ServiceSecret", [.always("secret", "Shown once.", .text)], example: ["secret": "cr_…"])
    private var ownSecret: Endpoint<CustomerContext> {
        Endpoint(
            .post, "/api/portal/services/{id}/secret", "Hand over a service's key", tag: "Portal", audience: .customer,
            takes: .path(Sold.text), replies: .ok(Self.secretView), problems: Sold.writing,
            about: "Once; afterwards nobody has it but you.",
            idempotent: false
        ) { input, context in
            let (service, owner, request) = (try Sold.id(input.path, ServiceIDKind.self), context.user.id, input.request.id)
            let found = try await front.read { reader throws(StoreError) -> Service? in
                guard let found = try reader.service(service), found.ownerID == owner else { return nil }
                return found
            }
            guard !(front.sales.orders.drivers[found.kind] is any ConfigDelivery) else {
                throw Problem(.conflict, "Services of this kind come with a config: ask for that.")
            }
            guard let secret = try await front.sales.orders.secret(of: found, in: front.store) else {
                throw Problem(.conflict, "It was handed over before.")
            }
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
            replies: .created(ServiceViews.one), also: [.accepted(ServiceViews.one)], problems: Sold.writing
        ) { input, context in
            let (subscription, owner) = (try Sold.id(input.body.subscription, SubscriptionKind.self), context.user.id)
            _ = try await front.read { reader throws(StoreError) -> Subscription? in
                try reader.subscription(subscription).flatMap { $0.ownerID == owner ? $0 : nil }
            }
            let made = try await front.sales.addService(
                to: subscription, label: input.body.label, options: input.body.options, actor: owner.text, request: input.request.id)
            return try await views.answer(made.operation, made.service.id, owner: owner)
        }
    }
    private static let operationView = View(
        "Operation", [.always("id", "As op_….", .text), .always("state", "pending, done, failed or replaced.", .text)],
        example: ["id": "op_0193c0de8a7b7f3e9d2c4b5a69788796", "state": "done"])
    private var operation: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/portal/operations/{id}", "How a command stands", tag: "Portal", audience: .customer, takes: .path(Sold.text),
            replies: .ok(Self.operationView), problems: Sold.reading
        ) { input, context in
            let (wanted, user) = (try Sold.id(input.path, OperationKind.self), context.user)
            let found = try await front.read { reader throws(StoreError) -> Operation? in
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
            problems: Sold.reading
        ) { _, context in
            let owner = context.user.id
            let balances = try await front.store.read { reader throws(StoreError) in try reader.balances(of: owner) }
            return ["balances": .array(balances.map { ["amount": .string($0.text), "currency": .string($0.currency.code)] })]
        }
    }
}
