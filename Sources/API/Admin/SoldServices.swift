internal import Billing
internal import Domain
public import HTTP
internal import Provisioning
internal import Store

/// `/api/admin/services`: everything that was sold, and what an operator does with it.
public struct SoldServices: Sendable {
    private let front: Storefront
    private let views: ServiceViews
    private let wake: @Sendable () -> Void

    /// - Parameter wake: tells the workers.
    public init(_ front: Storefront, wake: @escaping @Sendable () -> Void) {
        (self.front, self.wake) = (front, wake)
        views = ServiceViews(front: front)
    }

    public var endpoints: [MountedEndpoint] {
        let door = front.door
        return [services, service].mounted { try await door.person($0, roles: [.admin, .support]) }
            + [command("suspend"), command("resume"), command("terminate"), command("retry")].mounted {
                try await door.person($0, roles: [.admin])
            }
    }

    private struct Selection: Sendable { let paging: Int64, cursor: String?, kind: String?, isBehind: Bool }
    private var services: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/services", "All services", tag: "Sales", audience: Sold.readers,
            takes: .query(
                Shape(
                    Paging.limitField(), Paging.cursorField, Field<String>.text("kind", "Only these.", length: 1...32).optional,
                    Field<Bool>.boolean("behind", "Only those with something to do.").or(false), make: Selection.init)),
            replies: .ok(View.page("services", of: ServiceViews.one, order: "Oldest first.")), problems: Sold.reading
        ) { input, _ in
            let wanted = input.query
            let filter = ServiceFilter(kind: try wanted.kind.map { try ServiceKind(parsing: $0) }, isBehind: wanted.isBehind)
            let after = try wanted.cursor.map { try Sold.id($0, ServiceIDKind.self) }
            return try await views.list(filter, after: after, limit: Int(wanted.paging), forOperator: true)
        }
    }
    private var service: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/services/{id}", "One service", tag: "Sales", audience: Sold.readers, takes: .path(Sold.text),
            replies: .ok(ServiceViews.one), problems: Sold.reading
        ) { input, _ in .json(.object(try await views.shown(try Sold.id(input.path, ServiceIDKind.self), owner: nil))) }
    }

    private func command(_ verb: String) -> Endpoint<CustomerContext> {
        let reason = Field<String>.choice("reason", "Why: abuse or operator.", ["abuse", "operator"]).or("operator")
        let body: Shape<String> = Shape(reason, make: { $0 })
        return Endpoint(
            .post, "/api/admin/services/{id}/\(verb)", "\(verb.prefix(1).uppercased() + verb.dropFirst()) a service", tag: "Sales",
            audience: Sold.writers, takes: .path(Sold.text, body: body), replies: .ok(ServiceViews.one),
            also: [.accepted(ServiceViews.one)], problems: Sold.writing
        ) { input, context in
            let service = try Sold.id(input.path, ServiceIDKind.self)
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
            return try await views.answer(operation, service, owner: nil)
        }
    }
}
