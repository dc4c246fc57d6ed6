public import Domain

public enum PlanStatus: String, Sendable, CaseIterable, SQLWord {
    case active
    /// Keeps its subscriptions and sells no new ones.
    case retired
}

/// What can be bought: a kind of service with limits, for a time, at a price.
public struct Plan: Sendable, Equatable, RowReadable {
    public let id: PlanID
    /// The public integer number older surfaces promise.
    public let number: Int64
    public let terms: PlanTerms
    public let status: PlanStatus
    public let createdAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        number = try row["number"]
        terms = PlanTerms(
            kind: try row["kind"], name: try row["name"], description: try row["description"],
            durationSeconds: try row["duration_seconds"], price: Money(minorUnits: try row["price_minor"], try row["currency"]),
            limits: try row["limits"], maximumServices: try row["max_services"], trafficLimitBytes: try row["traffic_limit_bytes"],
            makesService: try row["makes_service"])
        status = try row["status"]
        createdAt = try row["created_at"]
    }
    static let columns: SQL = """
        id, number, kind, name, description, duration_seconds, price_minor, currency, limits, max_services, traffic_limit_bytes,
        makes_service, status, created_at
        """
}

public struct PlanTerms: Sendable, Equatable {
    public var kind: ServiceKind
    /// Unique.
    public var name: String
    public var description: String
    /// nil never ends.
    public var durationSeconds: Int64?
    public var price: Money
    /// In the shape of the kind's driver.
    public var limits: JSON
    /// How many services a subscription may have.
    public var maximumServices: Int64
    public var trafficLimitBytes: Int64?
    /// Whether a payment makes the first service by itself.
    public var makesService: Bool

    public init(
        kind: ServiceKind, name: String, description: String = "", durationSeconds: Int64? = 30 * 86_400, price: Money,
        limits: JSON = [:], maximumServices: Int64 = 1, trafficLimitBytes: Int64? = nil, makesService: Bool = true
    ) {
        (self.kind, self.name, self.description, self.durationSeconds, self.price) = (kind, name, description, durationSeconds, price)
        (self.limits, self.maximumServices, self.trafficLimitBytes) = (limits, maximumServices, trafficLimitBytes)
        self.makesService = makesService
    }
}

extension Constraint {
    public static let planName = Constraint("plans_name_unique")
}

extension Reader {
    public func plan(_ id: PlanID) throws(StoreError) -> Plan? { try first("SELECT \(Plan.columns) FROM plans WHERE id = \(id)") }
    public func plan(number: Int64) throws(StoreError) -> Plan? {
        try first("SELECT \(Plan.columns) FROM plans WHERE number = \(number)")
    }
    public func plan(name: String) throws(StoreError) -> Plan? { try first("SELECT \(Plan.columns) FROM plans WHERE name = \(name)") }

    /// By number. `status` nil lists all.
    public func plans(after: Int64 = 0, offset: Int = 0, limit: Int, status: PlanStatus? = nil) throws(StoreError) -> Page<Plan> {
        let limit = PageLimits.clamp(limit)
        let rows: [Plan] = try all(
            """
            SELECT \(Plan.columns) FROM plans WHERE number > \(after) AND status = COALESCE(\(status), status)
            ORDER BY number LIMIT \(limit + 1) OFFSET \(max(0, offset))
            """)
        return Page(rows, limit: limit)
    }

    /// Whether anybody has, or had, a subscription or payment of it.
    public func planIsUsed(_ id: PlanID) throws(StoreError) -> Bool {
        let subscriptions = try rows("SELECT id FROM subscriptions WHERE plan_id = \(id) LIMIT 1")
        let payments = try rows("SELECT id FROM payments WHERE plan_id = \(id) LIMIT 1")
        return !subscriptions.isEmpty || !payments.isEmpty
    }
}

extension Transaction {
    /// - Throws: `.conflict(.planName)`.
    public func createPlan(_ terms: PlanTerms) throws(StoreError) -> Plan {
        let now = ambient.now()
        let made: Plan? = try first(
            """
            INSERT INTO plans (id, kind, name, description, duration_seconds, price_minor, currency, limits, max_services,
                traffic_limit_bytes, makes_service, status, created_at, updated_at)
            VALUES (\(PlanID(ambient)), \(terms.kind), \(terms.name), \(terms.description), \(terms.durationSeconds),
                \(terms.price.minorUnits), \(terms.price.currency), \(terms.limits), \(terms.maximumServices), \(terms.trafficLimitBytes),
                \(terms.makesService), \(PlanStatus.active), \(now), \(now))
            RETURNING \(Plan.columns)
            """)
        guard let made else { throw .programming("a new plan gave no row") }
        return made
    }

    /// Everything but the kind. False when there is no such plan.
    /// - Throws: `.conflict(.planName)`.
    public func updatePlan(_ id: PlanID, _ terms: PlanTerms, status: PlanStatus) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE plans SET name = \(terms.name), description = \(terms.description), duration_seconds = \(terms.durationSeconds),
                price_minor = \(terms.price.minorUnits), currency = \(terms.price.currency), limits = \(terms.limits),
                max_services = \(terms.maximumServices), traffic_limit_bytes = \(terms.trafficLimitBytes),
                makes_service = \(terms.makesService), status = \(status), updated_at = \(ambient.now())
            WHERE id = \(id)
            """) == 1
    }

    /// - Throws: `.conflict(.foreignKey)` while anything refers to it.
    public func deletePlan(_ id: PlanID) throws(StoreError) -> Bool { try execute("DELETE FROM plans WHERE id = \(id)") == 1 }
}
