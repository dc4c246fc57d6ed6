public import Domain
public import Provisioning
public import Store

/// What people buy and what their money does. Every use case is one transaction; the workers are woken after it. It is a sale (see `Store`):
/// what it decides by it has read for change, or under the person's turn.
public struct Sales: Sendable {
    public let store: Store
    public let orders: Orders
    let expiry: Expiry
    let wake: @Sendable () -> Void

    public init(store: Store, orders: Orders, expiry: Expiry, wake: @escaping @Sendable () -> Void) {
        (self.store, self.orders, self.expiry, self.wake) = (store, orders, expiry, wake)
    }

    /// Why a wish was refused; nothing was changed. Codes of `StoreError.refused`.
    public enum Refusal: String, Sendable, CaseIterable {
        case unknownUser = "user_unknown"
        case unknownPlan = "plan_unknown"
        case unknownPayment = "payment_unknown"
        case unknownSubscription = "subscription_unknown"
        case retiredPlan = "plan_retired"
        case wrongCurrency = "wrong_currency"
        case alreadyActive = "already_has_active_subscription"
        case alreadyAssigned = "tariff_already_assigned"
        case tooLittle = "balance_too_low"
        case wrongStatus = "payment_status"
        case wrongKind = "kind_differs"
        case noSubscription = "no_active_subscription"
        case tooMuch = "refund_exceeds_payment"
        case isFree = "plan_is_free"
        case samePlan = "plan_is_the_same"
        case differentEnd = "duration_differs"
        case closed = "service_closed"
        var error: StoreError { .refused(rawValue) }
    }

    /// Runs the change, then lets the workers see what it queued.
    func changing<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws(StoreError) -> Value
    {
        let value = try await store.sale(body)
        wake()
        return value
    }

    // MARK: Payments begin

    public struct Wish: Sendable {
        public var user: UserID
        /// nil puts the money on the balance.
        public var plan: PlanID?
        /// nil takes the plan's price.
        public var amount: Money?
        public var provider: String
        public var providerPaymentID: String?
        public var label: String
        public init(
            user: UserID, plan: PlanID?, amount: Money? = nil, provider: String, providerPaymentID: String? = nil, label: String = ""
        ) {
            (self.user, self.plan, self.amount, self.provider) = (user, plan, amount, provider)
            (self.providerPaymentID, self.label) = (providerPaymentID, label)
        }
    }

    /// A payment that waits for its provider's word; from the balance it is settled at once.
    public func begin(_ wish: Wish, actor: String, request: RequestID? = nil) async throws(StoreError) -> Payment {
        try await changing { transaction throws(StoreError) in
            if wish.provider == "balance" { try transaction.takeTurn(.money(wish.user)) }
            var amount = wish.amount
            if let id = wish.plan {
                guard let plan = try transaction.plan(id) else { throw Refusal.unknownPlan.error }
                guard plan.status == .active else { throw Refusal.retiredPlan.error }
                if let amount, amount.currency != plan.terms.price.currency { throw Refusal.wrongCurrency.error }
                // From the balance goes what the plan costs; more or less would only be an invoice of money that did not move.
                amount = wish.provider == "balance" ? plan.terms.price : amount ?? plan.terms.price
            }
            guard let amount else { throw Refusal.unknownPlan.error }
            // What costs nothing is taken without a payment, by who may have it: a payment would add time and traffic each time.
            guard wish.plan == nil || amount.minorUnits > 0 else { throw Refusal.isFree.error }
            let payment = try transaction.createPayment(
                NewPayment(
                    userID: wish.user, purpose: wish.plan == nil ? .credit : .purchase, planID: wish.plan, amount: amount,
                    provider: wish.provider, providerPaymentID: wish.providerPaymentID, label: wish.label))
            try transaction.audit(
                actor: actor, action: "payment.create", subject: payment.id.text, after: Self.shown(payment), requestID: request)
            guard wish.provider == "balance" else { return payment }
            return try settleFromBalance(payment, actor, transaction)
        }
    }

    private func settleFromBalance(_ payment: Payment, _ actor: String, _ transaction: Transaction) throws(StoreError) -> Payment {
        let balance = try transaction.balance(of: payment.userID, in: payment.amount.currency)
        guard payment.purpose != .credit, balance.minorUnits >= payment.amount.minorUnits else { throw Refusal.tooLittle.error }
        return try complete(payment, actor: actor, in: transaction)
    }

    // MARK: Subscriptions without a payment

    /// A subscription by an operator's word, or of a free plan.
    /// - Parameter byUser: by the user's own hand: refuses a retired plan, and when there is any running subscription; else only one of
    ///   the same plan.
    public func assign(
        _ planID: PlanID, to user: UserID, byUser: Bool = false, makesService: Bool, actor: String, request: RequestID? = nil
    ) async throws(StoreError) -> Subscription {
        try await changing { transaction throws(StoreError) in
            try transaction.takeTurn(.money(user))
            guard let plan = try transaction.plan(planID) else { throw Refusal.unknownPlan.error }
            // An operator may still give what is not sold any more.
            guard plan.status == .active || !byUser else { throw Refusal.retiredPlan.error }
            guard try transaction.user(user) != nil else { throw Refusal.unknownUser.error }
            let running = try transaction.subscriptions(of: user).filter { $0.status == .active }
            if byUser, !running.isEmpty { throw Refusal.alreadyActive.error }
            if running.contains(where: { $0.planID == planID }) { throw Refusal.alreadyAssigned.error }
            let granted = try grantTime(plan, to: user, extending: nil, transaction)
            if makesService { try makeFirstService(granted.subscription, plan, label: "", actor, transaction) }
            try transaction.audit(
                actor: actor, action: "subscription.assign", subject: granted.subscription.id.text,
                after: JSON.object(["plan_id": .string(planID.text), "user_id": .string(user.text)]).text, requestID: request)
            return granted.subscription
        }
    }

    /// One more service of a subscription, as far as its plan allows.
    public func addService(
        to id: SubscriptionID, label: String, options: JSON, actor: String, request: RequestID? = nil
    ) async throws(StoreError) -> (service: Service, operation: Operation) {
        try await changing { transaction throws(StoreError) in
            guard let owner = try transaction.subscription(id)?.ownerID else { throw Refusal.noSubscription.error }
            try transaction.takeTurn(.money(owner))
            guard let subscription = try transaction.subscriptionForChange(id), subscription.status == .active else {
                throw Refusal.noSubscription.error
            }
            guard let plan = try transaction.plan(subscription.planID) else { throw Refusal.unknownPlan.error }
            // Counted in the transaction of the order: two at once cannot both be the last.
            let live = try transaction.liveServices(of: id)
            guard live.count < Int(clamping: plan.terms.maximumServices) else {
                throw .refused(Orders.Refusal.tooMany.rawValue)
            }
            let ordered = try orders.order(
                Orders.Wish(
                    kind: plan.terms.kind, label: label, limits: plan.terms.limits, options: options, owner: subscription.ownerID,
                    subscription: subscription), actor: actor, request: request, in: transaction)
            // Giving a service up and taking another makes no new traffic.
            try transaction.passOnUse(to: ordered.service.id, of: id)
            return ordered
        }
    }

    /// What the owner, or an admin in the owner's interface, wants of a service.
    /// - Parameter isOwner: refuses to end a service that is closed for its traffic or by an operator's word.
    public func command(
        _ id: ServiceID, _ change: Orders.Change, isOwner: Bool, actor: String, request: RequestID? = nil
    ) async throws(StoreError) -> Operation {
        try await changing { [orders] transaction throws(StoreError) in
            if isOwner, case .terminate = change, try transaction.suspensions(of: id).contains(where: \.bindsOwner) {
                throw Refusal.closed.error
            }
            return try orders.change(id, change, actor: actor, request: request, in: transaction)
        }
    }

    /// Another key, address or the like, as the owner wishes; nil when nothing has to be done for it.
    public func reshape(_ service: Service, to wishes: JSONObject, actor: String, request: RequestID? = nil) async throws(StoreError)
        -> Operation?
    {
        let operation = try await orders.reshape(service, to: wishes, actor: actor, request: request, in: store)
        if operation != nil { wake() }
        return operation
    }

    // MARK: Upgrades

    /// What another plan costs for the rest of the time: its share of the price less the old one's. Never below 0.
    public func quote(_ id: SubscriptionID, to planID: PlanID) async throws(StoreError) -> Money {
        try await store.read { reader throws(StoreError) in try Self.quote(id, planID, reader).due }
    }

    private static func quote(_ id: SubscriptionID, _ planID: PlanID, _ reader: Reader) throws(StoreError) -> (
        subscription: Subscription, plan: Plan, due: Money
    ) {
        guard let subscription = try reader.subscription(id), subscription.status == .active, subscription.billing == .own else {
            throw Refusal.noSubscription.error
        }
        guard let plan = try reader.plan(planID), let old = try reader.plan(subscription.planID) else { throw Refusal.unknownPlan.error }
        guard plan.status == .active else { throw Refusal.retiredPlan.error }
        guard plan.terms.kind == old.terms.kind else { throw Refusal.wrongKind.error }
        guard plan.id != old.id else { throw Refusal.samePlan.error }
        guard hasSameEnd(old, plan) else { throw Refusal.differentEnd.error }
        guard plan.terms.price.currency == old.terms.price.currency else { throw Refusal.wrongCurrency.error }
        return (subscription, plan, due(subscription, from: old, to: plan, at: reader.ambient.now()))
    }
    /// Time is bought or it is not: between the two there is no price for the rest, and no end to keep.
    static func hasSameEnd(_ one: Plan, _ other: Plan) -> Bool {
        (one.terms.durationSeconds == nil) == (other.terms.durationSeconds == nil)
    }
    static func due(_ subscription: Subscription, from old: Plan, to plan: Plan, at now: Timestamp) -> Money {
        var due = plan.terms.price.minorUnits - old.terms.price.minorUnits
        if let end = subscription.endsAt {
            let rest = max(0, end.milliseconds - now.milliseconds) / 1000
            due = part(plan, rest) - part(old, rest)
        }
        return Money(minorUnits: max(0, due), plan.terms.price.currency)
    }
    /// The price of so many seconds of a plan; more than its duration costs more than its price.
    private static func part(_ plan: Plan, _ seconds: Int64) -> Int64 {
        guard let duration = plan.terms.durationSeconds else { return plan.terms.price.minorUnits }
        let (whole, rest) = seconds.quotientAndRemainder(dividingBy: duration)
        let (units, overflow) = plan.terms.price.minorUnits.multipliedReportingOverflow(by: whole)
        return overflow ? Money.largest : min(Money.largest, units &+ plan.terms.price.share(rest, of: duration).minorUnits)
    }

    /// Begins an upgrade; one that costs nothing, or is paid from the balance, holds at once.
    public func beginUpgrade(
        _ id: SubscriptionID, to planID: PlanID, provider: String, actor: String, request: RequestID? = nil
    ) async throws(StoreError) -> Payment {
        try await changing { transaction throws(StoreError) in
            guard let owner = try transaction.subscription(id)?.ownerID else { throw Refusal.noSubscription.error }
            try transaction.takeTurn(.money(owner))
            let (subscription, plan, due) = try Self.quote(id, planID, transaction)
            let isFree = due.minorUnits == 0
            let payment = try transaction.createPayment(
                NewPayment(
                    userID: subscription.ownerID, purpose: .upgrade, planID: plan.id, subscriptionID: id, amount: due,
                    provider: isFree ? "balance" : provider))
            try transaction.audit(
                actor: actor, action: "payment.create", subject: payment.id.text, after: Self.shown(payment), requestID: request)
            guard isFree || provider == "balance" else { return payment }
            return try settleFromBalance(payment, actor, transaction)
        }
    }

    // MARK: By an operator's hand

    /// Confirms a payment that no provider tells of.
    public func confirm(_ id: PaymentID, actor: String, request: RequestID? = nil) async throws(StoreError) -> Payment {
        try await changing { transaction throws(StoreError) in
            guard let payment = try transaction.paymentForChange(id) else { throw Refusal.unknownPayment.error }
            switch payment.status {
            case .completed: return payment
            case .refunded: throw Refusal.wrongStatus.error
            case .pending, .failed:
                try transaction.takeTurn(.money(payment.userID))
                return try complete(payment, actor: actor, request: request, in: transaction)
            }
        }
    }

    /// Sends money back: all that is left of it when `amount` is nil. In part it only books; in whole it ends the time that it bought.
    public func refund(_ id: PaymentID, amount: Money? = nil, actor: String, request: RequestID? = nil) async throws(StoreError) -> Payment
    {
        try await changing { transaction throws(StoreError) in
            guard let payment = try transaction.paymentForChange(id) else { throw Refusal.unknownPayment.error }
            guard payment.status == .completed else { throw Refusal.wrongStatus.error }
            let rest = payment.amount.minorUnits - payment.refunded.minorUnits
            guard amount.map({ $0.currency == payment.amount.currency && (1...max(1, rest)).contains($0.minorUnits) }) ?? true else {
                throw Refusal.tooMuch.error
            }
            try transaction.takeTurn(.money(payment.userID))
            return try refund(payment, amount?.minorUnits ?? rest, actor: actor, request: request, in: transaction)
        }
    }

    static func shown(_ payment: Payment) -> String {
        JSON.object([
            "status": .string(payment.status.rawValue), "amount": .string(payment.amount.text),
            "currency": .string(payment.amount.currency.code), "provider": .string(payment.provider),
        ]).text
    }
}
