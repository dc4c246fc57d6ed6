public import Domain
internal import Provisioning
public import Store

/// Plans as operators write them, checked by the kind's own driver.
public struct PlanMaking: Sendable {
    private let sales: Sales
    public init(_ sales: Sales) { self.sales = sales }

    /// - Throws: `InputErrors` for a bad price or limits that the kind does not know, `.conflict(.planName)`.
    public func make(
        kind: ServiceKind, name: String, description: String, days: Int64?, price: String, currency: Currency, limits: JSON,
        most: Int64, makesService: Bool, actor: String, request: RequestID? = nil
    ) async throws -> Plan {
        let money: Money
        do throws(ParseError) {
            money = try Money(parsing: price, currency)
            guard money.minorUnits >= 0 else { throw ParseError("0 or more") }
        } catch { throw InputErrors(fields: [FieldError("price", error.message)]) }
        guard let driver = sales.orders.drivers[kind] else {
            throw InputErrors(fields: [
                FieldError("kind", "is none of \(sales.orders.drivers.all.map(\.kind.text).joined(separator: ", "))")
            ])
        }
        try driver.check(limits: limits)
        let terms = PlanTerms(
            kind: kind, name: name, description: description, durationSeconds: days.map { $0 * 86_400 }, price: money, limits: limits,
            maximumServices: most, makesService: makesService)
        return try await sales.store.transaction { transaction throws(StoreError) in
            let plan = try transaction.createPlan(terms)
            try transaction.audit(
                actor: actor, action: "plan.create", subject: plan.id.text,
                after: JSON.object(["name": .string(name), "price": .string(money.text)]).text, requestID: request)
            return plan
        }
    }
}
