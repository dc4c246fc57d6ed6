internal import Domain
internal import Provisioning
internal import Store

// What a payment does, inside the transaction that settles it.
extension Sales {
    /// Books the money and gives what it is for. The caller has seen that the payment is neither completed nor refunded.
    func complete(
        _ payment: Payment, actor: String, request: RequestID? = nil, in transaction: Transaction
    ) throws(StoreError) -> Payment {
        try transaction.setPaymentStatus(.completed, of: payment.id)
        // What is paid from the balance is in it already.
        if payment.provider != "balance" {
            try transaction.book(payment.amount, .payment, of: payment.userID, payment: payment.id, note: "payment \(payment.number)")
        }
        let parties = try Parties(payment, transaction)
        let (isGranted, bought) = try grant(payment, parties.plan, actor, transaction)
        try promiseReceipt(payment, parties, transaction)
        try transaction.audit(
            actor: actor, action: "payment.complete", subject: payment.id.text, before: Self.shown(payment),
            after: JSON.object(["granted": .bool(isGranted)]).text, requestID: request)
        let settled = try told(
            isGranted || payment.purpose == .credit ? "payment.completed" : "payment.underpaid", payment.id, transaction)
        // Late: from the choice of its place until the commit nobody else is given one.
        if let bought, let plan = parties.plan { try makeFirstService(bought, plan, label: payment.label, actor, transaction) }
        invoice(.invoice, payment, payment.amount, parties, transaction)
        return settled
    }

    /// Who pays, and what for.
    private struct Parties {
        let user: User?
        let plan: Plan?
        init(_ payment: Payment, _ reader: Reader) throws(StoreError) {
            user = try reader.user(payment.userID)
            plan = if let id = payment.planID { try reader.plan(id) } else { nil }
        }
    }

    /// What a mail tells of a payment is old news after this long.
    private static let receiptSeconds: Int64 = 7 * 86_400

    /// Of money that came in; what is paid from the balance came before.
    private func promiseReceipt(_ payment: Payment, _ parties: Parties, _ transaction: Transaction) throws(StoreError) {
        guard payment.provider != "balance", payment.amount.minorUnits > 0, let user = parties.user else { return }
        try transaction.promiseMail(
            .paymentReceived, to: user.email, user: user.id,
            facts: [
                "amount": .string("\(payment.amount.text) \(payment.amount.currency.code)"), "number": .string(String(payment.number)),
                "plan": .string(parties.plan?.terms.name ?? ""),
            ], until: transaction.ambient.now().adding(seconds: Self.receiptSeconds))
    }

    /// Not granted when the amount is below the price: the money stays on the balance.
    /// - Returns: `bought` when it bought a plan's time.
    private func grant(_ payment: Payment, _ plan: Plan?, _ actor: String, _ transaction: Transaction) throws(StoreError) -> (
        isGranted: Bool, bought: Subscription?
    ) {
        guard payment.purpose != .credit, let plan else { return (false, nil) }
        let price = payment.purpose == .upgrade ? payment.amount : plan.terms.price
        guard payment.amount.currency == price.currency, payment.amount.minorUnits >= price.minorUnits else { return (false, nil) }
        var bought: Subscription?
        if payment.purpose == .upgrade {
            guard let id = payment.subscriptionID, let subscription = try transaction.subscriptionForChange(id),
                subscription.status != .ended, let old = try transaction.plan(subscription.planID), old.terms.kind == plan.terms.kind,
                Self.hasSameEnd(old, plan)
            else { return (false, nil) }
            // What it costs may be more by now, as when time was bought after it was quoted.
            let due = Self.due(subscription, from: old, to: plan, at: transaction.ambient.now())
            guard payment.amount.currency == due.currency, payment.amount.minorUnits >= due.minorUnits else { return (false, nil) }
            try change(subscription, to: plan, actor, transaction)
            try transaction.setPaymentGrant(payment.id, subscription: id, from: nil, until: nil, charged: price)
        } else {
            let granted = try grantTime(plan, to: payment.userID, extending: payment.subscriptionID, transaction)
            try transaction.setPaymentGrant(
                payment.id, subscription: granted.subscription.id, from: granted.from, until: granted.subscription.endsAt, charged: price)
            bought = granted.subscription
        }
        if price.minorUnits > 0 {
            try transaction.book(
                Money(minorUnits: -price.minorUnits, price.currency), .charge, of: payment.userID, payment: payment.id,
                note: plan.terms.name)
        }
        return (true, bought)
    }

    /// A new subscription, or more time for one: from its end or from now, whichever is later. Keys, addresses and ports stay.
    func grantTime(
        _ plan: Plan, to user: UserID, extending id: SubscriptionID?, _ transaction: Transaction
    ) throws(StoreError) -> (subscription: Subscription, from: Timestamp) {
        let now = transaction.ambient.now()
        var known: Subscription?
        if let id { known = try transaction.subscriptionForChange(id) }
        if known == nil || known?.status == .ended {
            known = nil
            if let id = try transaction.renewableSubscription(of: user, plan: plan.id)?.id {
                known = try transaction.subscriptionForChange(id)
            }
        }
        // Its retention may have ended while it was waited for.
        guard let old = known, old.status != .ended else {
            let end = plan.terms.durationSeconds.map { now.adding(seconds: $0) }
            return (
                try transaction.createSubscription(owner: user, plan: plan, billing: .own, startedAt: now, endsAt: end), now
            )
        }
        let from = max(now, old.endsAt ?? now)
        let end = plan.terms.durationSeconds.map { from.adding(seconds: $0) }
        let renewed = try transaction.setSubscription(old.id, status: .active, endsAt: end)
        for service in try transaction.liveServices(of: old.id) {
            _ = try orders.change(service.id, .lift(.payment), actor: "system", in: transaction)
            // What was paid for anew may be used anew.
            if try transaction.beginMeterPeriod(of: service.id) {
                _ = try orders.change(service.id, .lift(.quotaReset), actor: "system", in: transaction)
            }
        }
        try transaction.forgetGivenUpUse(of: old.id)
        guard let renewed else { throw .programming("a renewed subscription gave no row") }
        try transaction.promise(
            "subscription.renewed", subject: old.id.text,
            body: ["subscription_id": .string(old.id.text), "ends_at": end.map { .string($0.text) } ?? .null])
        return (renewed, from)
    }

    /// The plan's first service, when it makes one by itself and there is none. What stands in the way does not stop the payment: it is
    /// told to the operator, and the customer can order as soon as there is room.
    func makeFirstService(
        _ subscription: Subscription, _ plan: Plan, label: String, _ actor: String, _ transaction: Transaction
    ) throws(StoreError) {
        guard plan.terms.makesService, plan.terms.maximumServices > 0, orders.drivers[plan.terms.kind] != nil,
            try transaction.liveServices(of: subscription.id).isEmpty
        else { return }
        do throws(StoreError) {
            _ = try orders.order(
                Orders.Wish(
                    kind: plan.terms.kind, label: label.isEmpty ? plan.terms.name : label, limits: plan.terms.limits,
                    owner: subscription.ownerID, subscription: subscription), actor: actor, in: transaction)
        } catch {
            guard case .refused(let code) = error else { throw error }
            let note = JSON.object(["reason": .string(code), "subscription_id": .string(subscription.id.text)])
            try transaction.audit(actor: actor, action: "service.order_refused", subject: subscription.id.text, after: note.text)
            try transaction.promise("service.order_refused", subject: subscription.id.text, body: note)
        }
    }

    private func change(
        _ subscription: Subscription, to plan: Plan, _ actor: String, _ transaction: Transaction
    ) throws(StoreError) {
        try transaction.setSubscriptionPlan(subscription.id, plan.id)
        for service in try transaction.liveServices(of: subscription.id) {
            _ = try orders.change(service.id, .limits(plan.terms.limits), actor: actor, in: transaction)
            guard let changed = try transaction.service(service.id) else { continue }
            // Closed for its traffic it stays when it has used up the new plan's too.
            if let limit = try transaction.trafficLimit(of: changed), let meter = try transaction.meter(of: changed.id),
                meter.used >= limit.bytes
            {
                continue
            }
            _ = try orders.change(service.id, .lift(.quotaReset), actor: actor, in: transaction)
        }
    }

    /// - Parameter units: of what is left, more than 0 unless the payment was free.
    func refund(
        _ payment: Payment, _ units: Int64, actor: String, request: RequestID? = nil, in transaction: Transaction
    ) throws(StoreError) -> Payment {
        let currency = payment.amount.currency
        let isWhole = payment.refunded.minorUnits + units >= payment.amount.minorUnits
        let back = Money(minorUnits: units, currency)
        try transaction.addRefund(back, to: payment.id)
        // What was bought with it is given back first, then the money leaves; from the balance it came and there it stays.
        let charged = payment.charged.minorUnits
        let before = min(charged, payment.refunded.minorUnits)
        let reversed = min(charged, payment.refunded.minorUnits + units) - before
        if reversed > 0 {
            try transaction.book(
                Money(minorUnits: reversed, currency), .reversal, of: payment.userID, payment: payment.id, note: "refund")
        }
        if payment.provider != "balance" {
            try transaction.book(
                Money(minorUnits: -units, currency), .refund, of: payment.userID, payment: payment.id, note: "refund")
        }
        invoice(.creditNote, payment, Money(minorUnits: -units, currency), try Parties(payment, transaction), transaction)
        if isWhole {
            try transaction.setPaymentStatus(.refunded, of: payment.id)
            if payment.purpose == .upgrade {
                try undoUpgrade(payment, actor, transaction)
            } else {
                try endGrantedTime(payment, transaction)
            }
        }
        try transaction.audit(
            actor: actor, action: "payment.refund", subject: payment.id.text, before: Self.shown(payment),
            after: JSON.object(["refunded": .string(back.text), "whole": .bool(isWhole)]).text, requestID: request)
        return try told(isWhole ? "payment.refunded" : "payment.partly_refunded", payment.id, transaction)
    }

    /// Back to the plan of the payment before, unless another one has changed it since. A subscription that was never paid for stays: the
    /// operator who assigned it decides.
    private func undoUpgrade(_ payment: Payment, _ actor: String, _ transaction: Transaction) throws(StoreError) {
        guard let id = payment.subscriptionID, let subscription = try transaction.subscriptionForChange(id), subscription.status != .ended,
            subscription.planID == payment.planID, let former = try transaction.latestGrant(of: id)?.planID, former != payment.planID,
            let plan = try transaction.plan(former)
        else { return }
        try change(subscription, to: plan, actor, transaction)
    }

    /// Takes back what is left of the time that the payment bought, and no other payment's.
    private func endGrantedTime(_ payment: Payment, _ transaction: Transaction) throws(StoreError) {
        guard let id = payment.subscriptionID, let from = payment.grantedFrom,
            let subscription = try transaction.subscriptionForChange(id), subscription.status == .active, subscription.billing == .own
        else { return }
        let now = transaction.ambient.now()
        guard let until = payment.grantedUntil, let end = subscription.endsAt else {
            // Time without an end: nothing of it is left.
            return try expiry.expireNow(subscription, in: transaction)
        }
        let unused = max(0, until.milliseconds - max(from, now).milliseconds)
        let newEnd = end.adding(milliseconds: -unused)
        if newEnd <= now {
            try expiry.expireNow(subscription, in: transaction)
        } else {
            try transaction.setSubscription(id, status: .active, endsAt: newEnd)
        }
    }

    private func invoice(_ kind: InvoiceKindWord, _ payment: Payment, _ amount: Money, _ parties: Parties, _ transaction: Transaction) {
        guard amount.minorUnits != 0, let user = parties.user else { return }
        var text = parties.plan?.terms.name ?? (payment.purpose == .credit ? "Credit" : "Payment")
        if payment.purpose == .upgrade { text += " (upgrade)" }
        if kind == .creditNote { text = "Refund: " + text }
        transaction.issueInvoiceLastly(
            kind, for: payment, recipient: user.name.isEmpty ? user.email : "\(user.name)\n\(user.email)",
            lines: [Invoice.Line(text, amount)])
    }

    private func told(_ kind: String, _ id: PaymentID, _ transaction: Transaction) throws(StoreError) -> Payment {
        guard let payment = try transaction.payment(id) else { throw .programming("a payment is gone") }
        try transaction.promise(
            kind, subject: id.text,
            body: [
                "payment_id": .int(payment.number), "id": .string(id.text), "user_id": .string(payment.userID.text),
                "amount": .string(payment.amount.text), "refunded": .string(payment.refunded.text),
                "currency": .string(payment.amount.currency.code), "provider": .string(payment.provider),
                "subscription_id": payment.subscriptionID.map { .string($0.text) } ?? .null,
            ])
        return payment
    }
}
