public import Domain

public enum SubscriptionStatus: String, Sendable, CaseIterable, SQLWord {
    case active
    /// Past its end; a renewal brings it back until the retention time is over.
    case expired
    /// Over for good.
    case ended
}
/// Who decides about its end.
public enum BillingParty: String, Sendable, CaseIterable, SQLWord { case own, whmcs }

/// What was bought; it owns services.
public struct Subscription: Sendable, Equatable, RowReadable {
    public let id: SubscriptionID
    public let number: Int64
    public let ownerID: UserID
    public let planID: PlanID
    public let status: SubscriptionStatus
    public let billing: BillingParty
    public let currency: Currency
    public let startedAt: Timestamp
    /// nil never ends.
    public let endsAt: Timestamp?
    /// The last reminder that went out: so many days before the end.
    public let remindedDays: Int64?
    public let createdAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        number = try row["number"]
        ownerID = try row["owner_id"]
        planID = try row["plan_id"]
        status = try row["status"]
        billing = try row["billing"]
        currency = try row["currency"]
        startedAt = try row["started_at"]
        endsAt = try row["ends_at"]
        remindedDays = try row["reminded_days"]
        createdAt = try row["created_at"]
    }
    static let columns: SQL = "id, number, owner_id, plan_id, status, billing, currency, started_at, ends_at, reminded_days, created_at"
}

extension Reader {
    public func subscription(_ id: SubscriptionID) throws(StoreError) -> Subscription? {
        try first("SELECT \(Subscription.columns) FROM subscriptions WHERE id = \(id)")
    }
    public func subscription(number: Int64) throws(StoreError) -> Subscription? {
        try first("SELECT \(Subscription.columns) FROM subscriptions WHERE number = \(number)")
    }

    public func subscription(of owner: UserID, plan: PlanID, startedAt: Timestamp) throws(StoreError) -> Subscription? {
        try first(
            """
            SELECT \(Subscription.columns) FROM subscriptions
            WHERE owner_id = \(owner) AND plan_id = \(plan) AND started_at = \(startedAt)
            """)
    }

    /// The user's, newest first.
    public func subscriptions(of user: UserID, limit: Int = 100) throws(StoreError) -> [Subscription] {
        try all(
            """
            SELECT \(Subscription.columns) FROM subscriptions WHERE owner_id = \(user) ORDER BY number DESC LIMIT \(PageLimits.clamp(limit))
            """)
    }

    /// The user's subscription of that plan that a payment would extend: running or expired, of our own billing.
    public func renewableSubscription(of user: UserID, plan: PlanID) throws(StoreError) -> Subscription? {
        try first(
            """
            SELECT \(Subscription.columns) FROM subscriptions
            WHERE owner_id = \(user) AND plan_id = \(plan) AND billing = \(BillingParty.own) AND status <> \(SubscriptionStatus.ended)
            ORDER BY number DESC LIMIT 1
            """)
    }

    /// The earliest end that nobody has acted on yet.
    public func nextEnd() throws(StoreError) -> Timestamp? {
        try value(
            "ends_at",
            """
            SELECT ends_at FROM subscriptions
            WHERE status = \(SubscriptionStatus.active) AND billing = \(BillingParty.own) AND ends_at IS NOT NULL
            ORDER BY ends_at LIMIT 1
            """)
    }

    /// Running ones of our own billing that are over at `now`, at most `limit`.
    public func overdueSubscriptions(at now: Timestamp, limit: Int) throws(StoreError) -> [Subscription] {
        try ending(.active, before: now, limit)
    }
    /// Expired ones whose retention is over.
    public func expiredSubscriptions(endedBefore: Timestamp, limit: Int) throws(StoreError) -> [Subscription] {
        try ending(.expired, before: endedBefore, limit)
    }
    /// Running ones that end before `end` and have had no reminder for `days` or fewer days.
    public func subscriptionsToRemind(days: Int64, endingBefore end: Timestamp, limit: Int) throws(StoreError) -> [Subscription] {
        try all(
            """
            SELECT \(Subscription.columns) FROM subscriptions
            WHERE status = \(SubscriptionStatus.active) AND ends_at IS NOT NULL AND ends_at <= \(end) AND billing = \(BillingParty.own)
                AND COALESCE(reminded_days, \(Int64.max)) > \(days)
            ORDER BY ends_at LIMIT \(PageLimits.clamp(limit))
            """)
    }
    private func ending(_ status: SubscriptionStatus, before: Timestamp, _ limit: Int) throws(StoreError) -> [Subscription] {
        try all(
            """
            SELECT \(Subscription.columns) FROM subscriptions
            WHERE status = \(status) AND ends_at IS NOT NULL AND ends_at <= \(before) AND billing = \(BillingParty.own)
            ORDER BY ends_at LIMIT \(PageLimits.clamp(limit))
            """)
    }
}

extension Transaction {
    /// - Throws: `.conflict(subscriptions_owner_id_plan_id_started_at_unique)`, `.conflict(.foreignKey)`.
    public func createSubscription(
        owner: UserID, plan: Plan, billing: BillingParty, startedAt: Timestamp, endsAt: Timestamp?
    ) throws(StoreError) -> Subscription {
        let now = ambient.now()
        let made: Subscription? = try first(
            """
            INSERT INTO subscriptions (id, owner_id, plan_id, status, billing, currency, started_at, ends_at, created_at, updated_at)
            VALUES (\(SubscriptionID(ambient)), \(owner), \(plan.id), \(SubscriptionStatus.active), \(billing), \(plan.terms.price.currency),
                \(startedAt), \(endsAt), \(now), \(now))
            RETURNING \(Subscription.columns)
            """)
        guard let made else { throw .programming("a new subscription gave no row") }
        return made
    }

    /// The row, taken until the transaction ends. It is written to, so that whoever decides about the subscription from an older view of it
    /// (an expiry, say) is repeated.
    public func subscriptionForChange(_ id: SubscriptionID) throws(StoreError) -> Subscription? {
        try first("UPDATE subscriptions SET updated_at = \(ambient.now()) WHERE id = \(id) RETURNING \(Subscription.columns)")
    }

    /// A new end makes earlier reminders count no longer. What it is then; nil when it is gone.
    @discardableResult
    public func setSubscription(_ id: SubscriptionID, status: SubscriptionStatus, endsAt: Timestamp?) throws(StoreError) -> Subscription? {
        try first(
            """
            UPDATE subscriptions SET status = \(status), ends_at = \(endsAt), reminded_days = NULL, updated_at = \(ambient.now())
            WHERE id = \(id) RETURNING \(Subscription.columns)
            """)
    }
    public func setSubscriptionPlan(_ id: SubscriptionID, _ plan: PlanID) throws(StoreError) {
        try execute("UPDATE subscriptions SET plan_id = \(plan), updated_at = \(ambient.now()) WHERE id = \(id)")
    }
    public func setSubscriptionReminded(_ id: SubscriptionID, days: Int64) throws(StoreError) {
        try execute("UPDATE subscriptions SET reminded_days = \(days) WHERE id = \(id)")
    }
}
