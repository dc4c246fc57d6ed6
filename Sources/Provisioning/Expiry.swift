internal import Domain
public import Store
public import Telemetry

/// Ends what is over, to the second: sleeps until the next end, and looks every second for ends that others have set meanwhile. Acts on
/// our own billing only; for WHMCS only WHMCS decides.
public struct Expiry: Sendable {
    let store: Store
    let orders: Orders
    let log: Log
    /// How long an expired subscription can still be renewed, with the same key, address and port.
    let retentionSeconds: Int64
    let wake: @Sendable () -> Void

    /// - Parameter wake: tells the workers.
    public init(store: Store, orders: Orders, log: Log, retentionSeconds: Int64 = 30 * 86_400, wake: @escaping @Sendable () -> Void) {
        (self.store, self.orders, self.log, self.retentionSeconds, self.wake) = (store, orders, log, retentionSeconds, wake)
    }

    private static let longestSleepMilliseconds: Int64 = 1000
    /// Subscriptions of one transaction.
    private static let batch = 100
    /// Days before the end at which the owner hears of it, each once.
    private static let reminders: [Int64] = [1, 3]

    /// Until the task is cancelled.
    public func run() async {
        let failure = LastingFailure()
        while !Task.isCancelled {
            var isBroken = false
            do throws(StoreError) { try await pass() } catch {
                isBroken = true
                failure.failed(error, "expiry.failed", log, store.ambient.now())
            }
            var sleep = Self.longestSleepMilliseconds
            do throws(StoreError) {
                if let next = try await store.read({ reader throws(StoreError) in try reader.nextEnd() }) {
                    sleep = min(sleep, max(1, next.milliseconds - store.ambient.now().milliseconds))
                }
                if !isBroken { failure.worked("expiry.recovered", log) }
            } catch { failure.failed(error, "expiry.failed", log, store.ambient.now()) }
            do { try await store.ambient.sleep(.milliseconds(sleep)) } catch { return }
        }
    }

    /// Everything that is due now. How many subscriptions changed. The clock is read once, so that a decision is of one moment; what has
    /// expired stays so whatever the clock does later.
    @discardableResult
    public func pass() async throws(StoreError) -> Int {
        let now = store.ambient.now()
        var changed = 0
        while true {
            let count = try await store.transaction { [orders] transaction throws(StoreError) -> Int in
                let overdue = try transaction.overdueSubscriptions(at: now, limit: Self.batch)
                for subscription in overdue { try Self.expire(subscription, orders, transaction) }
                return overdue.count
            }
            changed += count
            if count > 0 { wake() }
            if count < Self.batch { break }
        }
        while true {
            let before = now.adding(seconds: -retentionSeconds)
            let count = try await store.transaction { [orders] transaction throws(StoreError) -> Int in
                let over = try transaction.expiredSubscriptions(endedBefore: before, limit: Self.batch)
                for subscription in over { try Self.end(subscription, orders, transaction) }
                return over.count
            }
            changed += count
            if count > 0 { wake() }
            if count < Self.batch { break }
        }
        try await remind(now)
        return changed
    }

    static func expire(_ subscription: Subscription, _ orders: Orders, _ transaction: Transaction) throws(StoreError) {
        try transaction.setSubscription(subscription.id, status: .expired, endsAt: subscription.endsAt)
        for service in try transaction.liveServices(of: subscription.id) {
            _ = try orders.change(service.id, .suspend(Suspension(.expired, by: .billing)), actor: "system", in: transaction)
        }
        try tell("subscription.expired", subscription, transaction)
    }

    private static func end(_ subscription: Subscription, _ orders: Orders, _ transaction: Transaction) throws(StoreError) {
        try transaction.setSubscription(subscription.id, status: .ended, endsAt: subscription.endsAt)
        for service in try transaction.liveServices(of: subscription.id) {
            _ = try orders.change(service.id, .terminate, actor: "system", in: transaction)
        }
        try tell("subscription.ended", subscription, transaction)
    }

    private func remind(_ now: Timestamp) async throws(StoreError) {
        for days in Self.reminders {
            let end = now.adding(seconds: days * 86_400)
            while true {
                let count = try await store.transaction { transaction throws(StoreError) -> Int in
                    let soon = try transaction.subscriptionsToRemind(days: days, endingBefore: end, limit: Self.batch)
                    for subscription in soon {
                        try transaction.setSubscriptionReminded(subscription.id, days: days)
                        try Self.tell("subscription.ends_soon", subscription, transaction)
                        try Self.promiseReminder(subscription, days: days, transaction)
                    }
                    return soon.count
                }
                if count < Self.batch { break }
            }
        }
    }

    /// A plan that is shorter than the notice ends soon from its first day; nobody needs a mail for that.
    private static func promiseReminder(_ subscription: Subscription, days: Int64, _ transaction: Transaction) throws(StoreError) {
        guard let end = subscription.endsAt, let user = try transaction.user(subscription.ownerID),
            let plan = try transaction.plan(subscription.planID), plan.terms.durationSeconds ?? .max > days * 86_400
        else { return }
        try transaction.promiseMail(
            .endsSoon, to: user.email, user: user.id,
            facts: [
                "plan": .string(plan.terms.name), "days": .int(days),
                "end": .string(end.minuteText),
            ], until: end)
    }

    private static func tell(_ kind: String, _ subscription: Subscription, _ transaction: Transaction) throws(StoreError) {
        try transaction.audit(actor: "system", action: kind, subject: subscription.id.text)
        try transaction.promise(
            kind, subject: subscription.id.text,
            body: [
                "subscription_id": .string(subscription.id.text), "owner_id": .string(subscription.ownerID.text),
                "plan_id": .string(subscription.planID.text), "ends_at": subscription.endsAt.map { .string($0.text) } ?? .null,
            ])
    }

    /// Ends a subscription's time now, as after a refund.
    public func expireNow(_ subscription: Subscription, in transaction: Transaction) throws(StoreError) {
        try transaction.setSubscription(subscription.id, status: .active, endsAt: transaction.ambient.now())
        guard let now = try transaction.subscription(subscription.id) else { return }
        try Self.expire(now, orders, transaction)
    }
}
