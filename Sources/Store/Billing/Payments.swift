public import Domain

public enum PaymentStatus: String, Sendable, CaseIterable, SQLWord { case pending, completed, failed, refunded }
/// What the money is for.
public enum PaymentPurpose: String, Sendable, CaseIterable, SQLWord {
    /// A plan: a new subscription, or more time for one.
    case purchase
    /// Another plan for a subscription's remaining time.
    case upgrade
    /// The person's balance.
    case credit
}

public struct Payment: Sendable, Equatable, RowReadable {
    public let id: PaymentID
    public let number: Int64
    public let userID: UserID
    public let purpose: PaymentPurpose
    /// What is bought; nil for credit.
    public let planID: PlanID?
    /// What it extended or shall change; nil until then.
    public let subscriptionID: SubscriptionID?
    public let amount: Money
    public let refunded: Money
    public let status: PaymentStatus
    /// As "manual", "stripe", or whatever name a generic provider goes by.
    public let provider: String
    /// Unique within the provider; nil until known.
    public let providerPaymentID: String?
    /// The time that it bought.
    public let grantedFrom: Timestamp?
    public let grantedUntil: Timestamp?
    /// What was charged for it; the rest of the amount is credit.
    public let charged: Money
    /// How the first service shall be called.
    public let label: String
    public let createdAt: Timestamp
    public let completedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        number = try row["number"]
        userID = try row["user_id"]
        purpose = try row["purpose"]
        planID = try row["plan_id"]
        subscriptionID = try row["subscription_id"]
        let currency: Currency = try row["currency"]
        amount = Money(minorUnits: try row["amount_minor"], currency)
        refunded = Money(minorUnits: try row["refunded_minor"], currency)
        status = try row["status"]
        provider = try row["provider"]
        providerPaymentID = try row["provider_payment_id"]
        grantedFrom = try row["granted_from"]
        grantedUntil = try row["granted_until"]
        charged = Money(minorUnits: try row["charged_minor"], currency)
        label = try row["label"]
        createdAt = try row["created_at"]
        completedAt = try row["completed_at"]
    }
    static let columns: SQL = """
        id, number, user_id, purpose, plan_id, subscription_id, amount_minor, refunded_minor, currency, status, provider,
        provider_payment_id, granted_from, granted_until, charged_minor, label, created_at, completed_at
        """
}

public struct NewPayment: Sendable {
    public var userID: UserID
    public var purpose: PaymentPurpose
    public var planID: PlanID?
    public var subscriptionID: SubscriptionID?
    public var amount: Money
    public var provider: String
    public var providerPaymentID: String?
    public var label: String
    public init(
        userID: UserID, purpose: PaymentPurpose = .purchase, planID: PlanID?, subscriptionID: SubscriptionID? = nil, amount: Money,
        provider: String, providerPaymentID: String? = nil, label: String = ""
    ) {
        (self.userID, self.purpose, self.planID, self.subscriptionID) = (userID, purpose, planID, subscriptionID)
        (self.amount, self.provider, self.providerPaymentID, self.label) = (amount, provider, providerPaymentID, label)
    }
}

extension Constraint {
    public static let providerPayment = Constraint("payments_provider_provider_payment_id_unique")
}

extension Reader {
    public func payment(_ id: PaymentID) throws(StoreError) -> Payment? {
        try first("SELECT \(Payment.columns) FROM payments WHERE id = \(id)")
    }
    public func payment(number: Int64) throws(StoreError) -> Payment? {
        try first("SELECT \(Payment.columns) FROM payments WHERE number = \(number)")
    }
    public func payment(provider: String, providerPaymentID: String) throws(StoreError) -> Payment? {
        try first(
            "SELECT \(Payment.columns) FROM payments WHERE provider = \(provider) AND provider_payment_id = \(providerPaymentID)")
    }
    /// The last payment of the subscription that was completed and not taken back.
    public func latestGrant(of subscription: SubscriptionID) throws(StoreError) -> Payment? {
        try first(
            """
            SELECT \(Payment.columns) FROM payments
            WHERE subscription_id = \(subscription) AND status = \(PaymentStatus.completed) AND plan_id IS NOT NULL
            ORDER BY completed_at DESC, number DESC LIMIT 1
            """)
    }
    /// By number. `user` nil lists everybody's.
    public func payments(
        of user: UserID? = nil, status: PaymentStatus? = nil, after: Int64 = 0, offset: Int = 0, limit: Int
    ) throws(StoreError) -> Page<Payment> {
        let limit = PageLimits.clamp(limit)
        let mine: SQL = if let user { "AND user_id = \(user)" } else { "" }
        let rows: [Payment] = try all(
            """
            SELECT \(Payment.columns) FROM payments WHERE number > \(after) AND status = COALESCE(\(status), status) \(mine)
            ORDER BY number LIMIT \(limit + 1) OFFSET \(max(0, offset))
            """)
        return Page(rows, limit: limit)
    }

    /// Everybody's, newest first.
    /// - Parameter before: the last number of the page before.
    public func newestPayments(before: Int64 = .max, status: PaymentStatus? = nil, limit: Int) throws(StoreError) -> Page<Payment> {
        let limit = PageLimits.clamp(limit)
        let rows: [Payment] = try all(
            """
            SELECT \(Payment.columns) FROM payments WHERE number < \(before) AND status = COALESCE(\(status), status)
            ORDER BY number DESC LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
}

extension Transaction {
    /// - Throws: `.conflict(.providerPayment)`, `.conflict(.foreignKey)`.
    public func createPayment(_ new: NewPayment) throws(StoreError) -> Payment {
        let now = ambient.now()
        let made: Payment? = try first(
            """
            INSERT INTO payments (id, user_id, purpose, plan_id, subscription_id, amount_minor, refunded_minor, currency, status, provider,
                provider_payment_id, charged_minor, label, created_at, updated_at)
            VALUES (\(PaymentID(ambient)), \(new.userID), \(new.purpose), \(new.planID), \(new.subscriptionID), \(new.amount.minorUnits), 0,
                \(new.amount.currency), \(PaymentStatus.pending), \(new.provider), \(new.providerPaymentID), 0, \(new.label), \(now), \(now))
            RETURNING \(Payment.columns)
            """)
        guard let made else { throw .programming("a new payment gave no row") }
        return made
    }

    /// The payment's row, taken for change until the transaction ends.
    public func paymentForChange(_ id: PaymentID) throws(StoreError) -> Payment? {
        try first("SELECT \(Payment.columns) FROM payments WHERE id = \(id) \(locking)")
    }

    public func setPaymentStatus(_ status: PaymentStatus, of id: PaymentID) throws(StoreError) {
        let now = ambient.now()
        try execute(
            """
            UPDATE payments SET status = \(status), updated_at = \(now),
                completed_at = CASE WHEN \(status == .completed) THEN COALESCE(completed_at, \(now)) ELSE completed_at END
            WHERE id = \(id)
            """)
    }

    /// What the payment bought.
    public func setPaymentGrant(
        _ id: PaymentID, subscription: SubscriptionID, from: Timestamp?, until: Timestamp?, charged: Money
    ) throws(StoreError) {
        try execute(
            """
            UPDATE payments SET subscription_id = \(subscription), granted_from = \(from), granted_until = \(until),
                charged_minor = \(charged.minorUnits), updated_at = \(ambient.now())
            WHERE id = \(id)
            """)
    }

    public func addRefund(_ amount: Money, to id: PaymentID) throws(StoreError) {
        try execute(
            """
            UPDATE payments SET refunded_minor = refunded_minor + \(amount.minorUnits), updated_at = \(ambient.now()) WHERE id = \(id)
            """)
    }

    /// Links the provider's id, once. False when another is linked already.
    /// - Throws: `.conflict(.providerPayment)`.
    public func linkPayment(_ id: PaymentID, providerPaymentID: String) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE payments SET provider_payment_id = \(providerPaymentID), updated_at = \(ambient.now())
            WHERE id = \(id) AND (provider_payment_id IS NULL OR provider_payment_id = \(providerPaymentID))
            """) == 1
    }

    /// What an operator may correct while nothing was paid. False when it is gone or no longer pending.
    public func updatePendingPayment(_ id: PaymentID, amount: Money, provider: String, providerPaymentID: String?) throws(StoreError)
        -> Bool
    {
        try execute(
            """
            UPDATE payments SET amount_minor = \(amount.minorUnits), currency = \(amount.currency), provider = \(provider),
                provider_payment_id = \(providerPaymentID), updated_at = \(ambient.now())
            WHERE id = \(id) AND status IN (\(PaymentStatus.pending), \(PaymentStatus.failed))
            """) == 1
    }

    /// False when it is gone or was ever completed.
    public func deletePendingPayment(_ id: PaymentID) throws(StoreError) -> Bool {
        try execute("DELETE FROM payments WHERE id = \(id) AND status IN (\(PaymentStatus.pending), \(PaymentStatus.failed))") == 1
    }
}
