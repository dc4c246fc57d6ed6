internal import Domain
internal import Secrets
internal import Store

// What becomes of people, tariffs, running times and payments.
extension TakeoverRun {
    /// Nobody's password: such a person sets one by mail.
    private static let noPassword = "taken over without a password"

    mutating func user(_ row: ForeignRow) throws(StoreError) -> End {
        guard let text = row.text("email"), let email = try? EmailAddress(parsing: text) else { return .skipped("no mail address") }
        if let known = try transaction.user(email: email.text) {
            users[row.id] = known
            report.note("users \(row.id): \(email.text) is here already and stays as they are")
            return .known(known.id.text)
        }
        let given = row.text("hashed_password", "password_hash", "password") ?? ""
        let isUsable = PasswordHasher.knows(given)
        if !isUsable { report.note("users \(row.id): the password cannot be taken, \(email.text) has to set a new one by mail") }
        let isAdmin = row.flag("is_admin") == true
        if isAdmin { report.note("users \(row.id): \(email.text) is an administrator here too") }
        let state = row.text("status") ?? "active"
        let user = try transaction.takeOverUser(
            NewUser(
                email: email.text, name: row.line("name", "full_name", most: 100), role: isAdmin ? .admin : .customer,
                passwordHash: isUsable ? given : Self.noPassword, isVerified: state == "active"),
            status: state == "blocked" ? .blocked : .active, since: row.time("created_at") ?? now)
        users[row.id] = user
        return .taken(user.id.text)
    }

    mutating func tariff(_ row: ForeignRow) throws(StoreError) -> End {
        let name = row.line("name", most: 100)
        guard !name.isEmpty else { return .skipped("no name") }
        guard let price = row.money("price", takeover.currency) else { return .skipped("its price is no amount in \(takeover.currency)") }
        var terms = PlanTerms(kind: .vpn, name: name, description: row.line("description", most: 1000), price: price)
        guard let days = row.number("duration_days"), (1...36_500).contains(days) else { return .skipped("it has no duration in days") }
        terms.durationSeconds = days * 86_400
        if let most = row.number("max_peers"), (1...1000).contains(most) { terms.maximumServices = most }
        if let bytes = row.number("traffic_limit_bytes"), bytes > 0 { terms.trafficLimitBytes = bytes }
        if let known = try transaction.plan(name: name) {
            guard known.terms.kind == .vpn else { return .skipped("there is a plan \(name) of another kind") }
            plans[row.id] = known
            let isSame = known.terms.price == price && known.terms.durationSeconds == terms.durationSeconds
            if !isSame { report.note("tariffs \(row.id): the plan \(name) is here with another price or duration, and stays as it is") }
            return .known(known.id.text)
        }
        let plan = try transaction.createPlan(terms)
        plans[row.id] = plan
        return .taken(plan.id.text)
    }

    mutating func subscription(_ row: ForeignRow) throws(StoreError) -> End {
        guard let owner = row.number("user_id"), let user = users[owner] else { return .skipped("its owner was not taken") }
        guard let tariff = row.number("tariff_id"), let plan = plans[tariff] else { return .skipped("its tariff was not taken") }
        let start = row.time("started_at") ?? row.time("created_at") ?? now
        var end = row.time("ended_at") ?? row.time("ends_at")
        let isCancelled = ["cancelled", "canceled", "refunded"].contains(row.text("status") ?? "")
        if isCancelled { end = min(end ?? now, now) }
        if let known = try transaction.subscription(of: user.id, plan: plan.id, startedAt: start) {
            subscriptions[owner, default: []].append(known)
            return .known(known.id.text)
        }
        if end == nil { report.note("user_tariffs \(row.id) of \(user.email) has no end and stays without one") }
        let made = try transaction.createSubscription(owner: user.id, plan: plan, billing: .own, startedAt: start, endsAt: end)
        if let end, end <= now {
            try transaction.setSubscription(made.id, status: .expired, endsAt: end)
            if end.adding(seconds: takeover.retentionSeconds) <= now {
                report.note("user_tariffs \(row.id) of \(user.email) ended so long ago that its peers are deleted from the node")
            }
        }
        if let kept = try transaction.subscription(made.id) { subscriptions[owner, default: []].append(kept) }
        return .taken(made.id.text)
    }

    mutating func payment(_ row: ForeignRow) throws(StoreError) -> End {
        guard let owner = row.number("user_id"), let user = users[owner] else { return .skipped("its payer was not taken") }
        guard let currency = try? Currency(parsing: row.text("currency") ?? takeover.currency.code),
            let amount = row.money("amount", currency)
        else { return .skipped("its amount is none") }
        guard let status = PaymentStatus(rawValue: row.text("status") ?? "pending") else { return .skipped("its status is unknown") }
        let provider = row.line("provider", most: 64).isEmpty ? "manual" : row.line("provider", most: 64)
        let reference = row.text("provider_payment_id")
        if let reference, let known = try transaction.payment(provider: provider, providerPaymentID: reference) {
            return .known(known.id.text)
        }
        let plan = row.number("tariff_id").flatMap { plans[$0] }
        let bought = subscriptions[owner]?.first { plan == nil || $0.planID == plan?.id }
        let payment = try transaction.takeOverPayment(
            NewPayment(
                userID: user.id, purpose: plan == nil ? .credit : .purchase, planID: plan?.id, amount: amount, provider: provider,
                providerPaymentID: reference), status: status, subscription: status == .completed ? bought?.id : nil,
            at: row.time("created_at") ?? now)
        if status == .completed {
            // The time that it bought is taken over with it: nothing of the money is left.
            _ = try transaction.book(amount, .payment, of: user.id, payment: payment.id, note: "taken over from \(source)")
            _ = try transaction.book(
                Money(minorUnits: -amount.minorUnits, currency), .charge, of: user.id, payment: payment.id,
                note: "taken over from \(source)")
        }
        return .taken(payment.id.text)
    }
}
