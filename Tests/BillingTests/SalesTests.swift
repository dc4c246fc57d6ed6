import Billing
import Domain
import Drivers
import HTTP
import Provisioning
import Secrets
import Store
import Telemetry
import TestKit
import Testing

/// A shop over a real store: relay keys are what it sells.
final class Shop: Sendable {
    let store: Store
    let clock: TestClock
    let workers: Workers
    let sales: Sales
    let expiry: Expiry
    let orders: Orders

    init(_ store: Store, _ clock: TestClock) throws {
        (self.store, self.clock) = (store, clock)
        let password = SecretBytes([UInt8](repeating: 3, count: 32))
        let keyring = try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
            ambient: clock.ambient)
        let drivers = DriverTable([RelayKeyDriver(StoredKeys(store, changed: {})) { Array($0.reversed()) }])
        orders = Orders(drivers: drivers, keys: DataKeys(keyring))
        workers = Workers(store: store, drivers: drivers, keys: DataKeys(keyring), log: .silent, metrics: Metrics())
        expiry = Expiry(store: store, orders: orders, log: .silent) {}
        sales = Sales(store: store, orders: orders, expiry: expiry) {}
    }

    func person(_ name: String = "ada") async throws -> User {
        try await store.transaction { transaction throws(StoreError) in
            let known = try transaction.user(email: "\(name)@example.com")
            if let known { return known }
            return try transaction.createUser(
                NewUser(email: "\(name)@example.com", name: name, role: .customer, passwordHash: "not a real hash"))
        }
    }
    func plan(_ name: String = "Starter", price: Int64 = 1000, days: Int64 = 30, concurrent: Int64 = 2) async throws -> Plan {
        try await store.transaction { transaction throws(StoreError) in
            try transaction.createPlan(
                PlanTerms(
                    kind: .relay, name: name, durationSeconds: days * 86_400, price: Money(minorUnits: price, .usd),
                    limits: ["concurrent": .int(concurrent)]))
        }
    }
    func payment(_ plan: Plan?, amount: Int64? = nil, provider: String = "shop", id: String? = nil, person name: String = "ada")
        async throws
        -> Payment
    {
        try await sales.begin(
            Sales.Wish(
                user: try await person(name).id, plan: plan?.id, amount: amount.map { Money(minorUnits: $0, .usd) }, provider: provider,
                providerPaymentID: id), actor: "test")
    }
    static func event(
        _ payment: Payment, _ status: PaymentEvent.Status = .completed, amount: Int64? = nil, id: String? = "p-1", event: String? = nil
    ) -> PaymentEvent {
        PaymentEvent(
            provider: payment.provider, providerPaymentID: id, paymentNumber: payment.number, status: status,
            amount: amount.map { Money(minorUnits: $0, .usd) } ?? payment.amount, eventID: event)
    }
    func receive(_ event: PaymentEvent) async throws -> Reception { try await sales.receive(event, bodyDigest: [1]) }
    func subscriptions(_ name: String = "ada") async throws -> [Subscription] {
        let id = try await person(name).id
        return try await store.read { reader throws(StoreError) in try reader.subscriptions(of: id) }
    }
    func services() async throws -> [Service] {
        try await workers.drain()
        return try await store.read { reader throws(StoreError) in try reader.services(ServiceFilter(), limit: 100).items }
    }
    func balance(_ name: String = "ada") async throws -> Int64 {
        let id = try await person(name).id
        return try await store.read { reader throws(StoreError) in try reader.balance(of: id, in: .usd).minorUnits }
    }
    func checkBooks() async throws {
        #expect(try await store.read { reader throws(StoreError) in try reader.wrongBalances().isEmpty })
    }
}

func withShop(_ database: TestDatabase = .sqliteInMemory, clock: TestClock = TestClock(), _ test: (Shop) async throws -> Void) async throws
{
    try await withStore(database, clock: clock) { store in
        let shop = try Shop(store, clock)
        try await test(shop)
        try await shop.checkBooks()
    }
}

@Suite struct SalesTests {
    private static let day: Int64 = 86_400_000

    @Test func `a payment is confirmed by one mail, what comes from the balance by none`() async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            let payment = try await shop.payment(plan)
            for _ in 0..<3 { _ = try await shop.receive(Shop.event(payment, event: "e-1")) }
            let credit = try await shop.payment(nil, amount: 5000, id: "p-2")
            _ = try await shop.receive(Shop.event(credit, id: "p-2", event: "e-2"))
            _ = try await shop.payment(plan, provider: "balance")
            let mails = try await shop.store.read { reader throws(StoreError) in try reader.mails(limit: 10).items }
            let told = mails.map { "\($0.facts["plan"].string ?? "-") \($0.facts["amount"].string ?? "-")" }
            #expect(told.sorted() == [" 50.00 USD", "Starter 10.00 USD"])
            #expect(mails.allSatisfy { $0.kind == .paymentReceived && $0.email == "ada@example.com" })
        }
    }

    @Test func `nobody gets more services than their limit, whatever they pay for`() async throws {
        try await withShop { shop in
            let user = try await shop.person()
            try await shop.store.transaction { transaction throws(StoreError) in
                guard try transaction.setLimits(UserLimits(maximumServices: 1), of: user.id) else { throw .refused("gone") }
            }
            for (number, name) in ["One", "Two"].enumerated() {
                let payment = try await shop.payment(try await shop.plan(name), id: "p-\(number)")
                _ = try await shop.receive(Shop.event(payment, id: "p-\(number)", event: "e-\(number)"))
            }
            #expect(try await shop.services().count == 1)
            let refused = try await shop.store.read { reader throws(StoreError) in
                try reader.outbox(limit: 100).items.filter { $0.kind == "service.order_refused" }.count
            }
            let subscriptions = try await shop.subscriptions()
            #expect(refused == 1 && subscriptions.count == 2 && subscriptions.allSatisfy { $0.status == .active })
            for subscription in subscriptions {
                await #expect(throws: StoreError.refused("too_many_services")) {
                    try await shop.sales.addService(to: subscription.id, label: "more", options: [:], actor: "test")
                }
            }
        }
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `messages about different payments at once are all taken, and nobody is told to come again`(database: TestDatabase) async throws {
        try await withShop(database) { shop in
            let plan = try await shop.plan()
            var events: [PaymentEvent] = []
            for index in 0..<60 {
                // Every other one is somebody's first.
                let name = index % 2 == 0 ? "ada" : "bob-\(index)"
                events.append(Shop.event(try await shop.payment(plan, person: name), id: "p-\(index)", event: "e-\(index)"))
            }
            let told = try await withThrowingTaskGroup(of: Reception.self) { group in
                for event in events { group.addTask { try await shop.receive(event) } }
                return try await group.reduce(into: [Reception]()) { $0.append($1) }
            }
            #expect(told.count { if case .done(_, let isDuplicate) = $0 { !isDuplicate } else { false } } == 60)
            let subscriptions = try await shop.subscriptions()
            #expect(subscriptions.count == 1, "one order, and renewals of it")
            #expect(subscriptions[0].endsAt == subscriptions[0].startedAt.adding(seconds: 30 * 30 * 86_400))
            #expect(try await shop.services().count == 31)
            let invoices = try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: nil, limit: 100).items }
            #expect(invoices.map(\.number) == Array(1...60))
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `fifty copies of a message at once grant once`(database: TestDatabase) async throws {
        try await withShop(database) { shop in
            let payment = try await shop.payment(try await shop.plan())
            let event = Shop.event(payment, event: "e-1")
            let receptions = try await withThrowingTaskGroup(of: Reception.self) { group in
                for _ in 0..<50 { group.addTask { try await shop.receive(event) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let firsts = receptions.filter { if case .done(_, let isDuplicate) = $0 { !isDuplicate } else { false } }
            #expect(firsts.count == 1 && receptions.count == 50)
            let subscriptions = try await shop.subscriptions()
            #expect(subscriptions.count == 1)
            #expect(subscriptions[0].endsAt == subscriptions[0].startedAt.adding(seconds: 30 * 86_400))
            let services = try await shop.services()
            #expect(services.count == 1 && services[0].actual == .active && services[0].limits["concurrent"] == 2)
            let (keys, invoices) = try await shop.store.read { reader throws(StoreError) in
                (try reader.apiKeyChanges(since: 0), try reader.invoices(of: payment.id))
            }
            #expect(keys.count == 1 && keys[0].limits.concurrency == 2)
            #expect(invoices.map(\.reference) == ["INV-000001"])
            #expect(try await shop.balance() == 0)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a renewal adds to the end, and after the end it counts from now and brings the same key back`(database: TestDatabase) async throws
    {
        let clock = TestClock()
        try await withShop(database, clock: clock) { shop in
            let plan = try await shop.plan()
            let start = clock.ambient.now()
            for id in ["p-1", "p-2"] { _ = try await shop.receive(Shop.event(try await shop.payment(plan), id: id)) }
            #expect(try await shop.subscriptions().map(\.endsAt) == [start.adding(milliseconds: 60 * Self.day)])
            let before = try await shop.services()
            clock.advance(milliseconds: 70 * Self.day)
            try await shop.expiry.pass()
            #expect(try await shop.services().map(\.actual) == [.suspended])
            _ = try await shop.receive(Shop.event(try await shop.payment(plan), id: "p-3"))
            let after = try await shop.services()
            #expect(after.map(\.actual) == [.active] && after.map(\.choices) == before.map(\.choices))
            #expect(try await shop.subscriptions().map(\.endsAt) == [start.adding(milliseconds: 100 * Self.day)])
        }
    }

    @Test func `what contradicts the payment grants nothing and is kept`() async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            let payment = try await shop.payment(plan, id: "p-1")
            var wrong = [
                Shop.event(payment, amount: 999), Shop.event(payment, id: "p-2"), Shop.event(payment), Shop.event(payment),
                Shop.event(payment),
            ]
            wrong[2].amount = Money(minorUnits: 1000, try Currency(parsing: "EUR"))
            wrong[3].provider = "other"
            wrong[4].userNumber = 99
            for event in wrong { #expect(try await shop.receive(event) == .mismatch) }
            #expect(try await shop.receive(Shop.event(try await shop.payment(plan, person: "bob"), id: "p-1")) == .mismatch)
            #expect(try await shop.subscriptions().isEmpty)
            let good = try await shop.receive(Shop.event(payment))
            #expect(good != .mismatch, "a bad copy does not shut out the good one")
            #expect(try await shop.subscriptions().count == 1)
        }
    }

    @Test func `an unknown payment is kept, and granted when it comes again after it is known`() async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            let event = PaymentEvent(
                provider: "shop", providerPaymentID: "p-9", paymentNumber: nil, status: .completed, amount: plan.terms.price, eventID: "e-9"
            )
            #expect(try await shop.receive(event) == .unknownPayment)
            let kept = try await shop.store.read { reader throws(StoreError) in
                try reader.inboxEvents(outcome: "unknown_payment", limit: 10).items
            }
            #expect(kept.map(\.eventID) == ["e-9"])
            _ = try await shop.payment(plan, id: "p-9")
            guard case .done(let payment, false) = try await shop.receive(event) else {
                Issue.record("not granted")
                return
            }
            #expect(payment.status == .completed)
        }
    }

    @Test func `every order of messages ends in an allowed state`() async throws {
        let table: [([PaymentEvent.Status], PaymentStatus, Int)] = [
            ([.failed], .failed, 0), ([.failed, .completed], .completed, 1), ([.completed, .failed], .completed, 1),
            ([.completed, .refunded], .refunded, 1), ([.completed, .refunded, .completed], .refunded, 1), ([.refunded], .pending, 0),
            ([.failed, .failed, .completed, .failed, .refunded, .refunded], .refunded, 1),
        ]
        for (events, status, subscriptions) in table {
            try await withShop { shop in
                let payment = try await shop.payment(try await shop.plan())
                for (index, event) in events.enumerated() { _ = try await shop.receive(Shop.event(payment, event, event: "e\(index)")) }
                let found = try await shop.store.read { reader throws(StoreError) in try reader.payment(payment.id) }
                #expect(found?.status == status, "\(events)")
                #expect(try await shop.subscriptions().count == subscriptions)
                #expect(try await shop.balance() == 0)
            }
        }
    }

    @Test func `too little is no grant, and stays the payer's money; too much too`() async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            _ = try await shop.receive(Shop.event(try await shop.payment(plan, amount: 999), id: "p-1"))
            #expect(try await shop.subscriptions().isEmpty)
            #expect(try await shop.balance() == 999)
            _ = try await shop.receive(Shop.event(try await shop.payment(plan, amount: 1001), id: "p-2"))
            #expect(try await shop.subscriptions().count == 1)
            #expect(try await shop.balance() == 1000)
            let paid = try await shop.payment(plan, provider: "balance")
            #expect(paid.status == .completed)
            #expect(try await shop.balance() == 0)
            await #expect(throws: StoreError.refused("balance_too_low")) { try await shop.payment(plan, provider: "balance") }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a refund ends its own time only, a part of it only books`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withShop(database, clock: clock) { shop in
            let plan = try await shop.plan()
            let start = clock.ambient.now()
            var payments: [Payment] = []
            for id in ["p-1", "p-2"] {
                guard case .done(let payment, _) = try await shop.receive(Shop.event(try await shop.payment(plan), id: id)) else {
                    Issue.record("the payment was not taken")
                    return
                }
                payments.append(payment)
            }
            clock.advance(milliseconds: 10 * Self.day)
            _ = try await shop.receive(Shop.event(payments[0], .refunded, amount: 300, id: "p-1", event: "r-1"))
            #expect(
                try await shop.receive(Shop.event(payments[0], .refunded, amount: 300, id: "p-1")) == .mismatch,
                "a part needs its own event")
            #expect(try await shop.subscriptions()[0].endsAt == start.adding(milliseconds: 60 * Self.day))
            _ = try await shop.sales.refund(payments[0].id, actor: "test")
            #expect(try await shop.subscriptions()[0].endsAt == start.adding(milliseconds: 40 * Self.day), "20 unused days are gone")
            #expect(try await shop.services().map(\.actual) == [.active])
            _ = try await shop.sales.refund(payments[1].id, actor: "test")
            #expect(try await shop.subscriptions()[0].status == .expired)
            #expect(try await shop.services().map(\.actual) == [.suspended])
            let notes = try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: nil, limit: 100).items }
            #expect(notes.map(\.total.minorUnits) == [1000, 1000, -300, -700, -1000])
            #expect(try await shop.balance() == 0)
            await #expect(throws: StoreError.refused("payment_status")) { try await shop.sales.refund(payments[1].id, actor: "test") }
        }
    }

    @Test func `all of it back after a part is the rest of it`() async throws {
        try await withShop { shop in
            guard case .done(let payment, _) = try await shop.receive(Shop.event(try await shop.payment(try await shop.plan()), id: "p-1"))
            else {
                Issue.record("the payment was not taken")
                return
            }
            _ = try await shop.sales.refund(payment.id, amount: Money(minorUnits: 300, payment.amount.currency), actor: "test")
            guard
                case .done(let back, false) = try await shop.receive(Shop.event(payment, .refunded, amount: 1000, id: "p-1", event: "r-1"))
            else {
                Issue.record("the refund was not taken")
                return
            }
            #expect(back.status == .refunded && back.refunded.minorUnits == 1000)
            #expect(try await shop.subscriptions()[0].status == .expired)
            try await shop.checkBooks()
        }
    }

    @Test func `what costs nothing is not paid for, and not for ever`() async throws {
        try await withShop { shop in
            let ada = try await shop.person()
            let (free, small) = (try await shop.plan("Free", price: 0), try await shop.plan("Small"))
            await #expect(throws: StoreError.refused("plan_is_free")) { try await shop.payment(free, provider: "balance") }
            let taken = try await shop.sales.assign(free.id, to: ada.id, byUser: true, makesService: true, actor: "test")
            await #expect(throws: StoreError.refused("plan_is_the_same")) {
                _ = try await shop.sales.beginUpgrade(taken.id, to: free.id, provider: "shop", actor: "test")
            }
            let lasting = try await shop.store.sale { transaction throws(StoreError) in
                var terms = small.terms
                (terms.name, terms.durationSeconds) = ("Lasting", nil)
                return try transaction.createPlan(terms)
            }
            // Its payment would have no end to keep.
            await #expect(throws: StoreError.refused("duration_differs")) {
                _ = try await shop.sales.quote(taken.id, to: lasting.id)
            }
            _ = try await shop.store.sale { transaction throws(StoreError) in
                try transaction.updatePlan(free.id, free.terms, status: .retired)
            }
            let bob = try await shop.person("bob")
            await #expect(throws: StoreError.refused("plan_retired")) {
                _ = try await shop.sales.assign(free.id, to: bob.id, byUser: true, makesService: true, actor: "test")
            }
            _ = try await shop.sales.assign(free.id, to: bob.id, makesService: true, actor: "test")
        }
    }

    @Test func `who is closed for traffic or by an operator cannot begin anew by giving up`() async throws {
        try await withShop { shop in
            _ = try await shop.receive(Shop.event(try await shop.payment(try await shop.plan())))
            let service = try #require(try await shop.services().first)
            for suspension in [Suspension(.abuse, by: .operator), Suspension(.quota, by: .metering), Suspension(.operator, by: .operator)] {
                _ = try await shop.sales.command(service.id, .suspend(suspension), isOwner: false, actor: "test")
                await #expect(throws: StoreError.refused("service_closed")) {
                    _ = try await shop.sales.command(service.id, .terminate, isOwner: true, actor: "test")
                }
                _ = try await shop.sales.command(service.id, .lift(.operator), isOwner: false, actor: "test")
            }
            _ = try await shop.sales.command(service.id, .suspend(.ownPause), isOwner: true, actor: "test")
            _ = try await shop.sales.command(service.id, .terminate, isOwner: true, actor: "test")
        }
    }

    @Test func `traffic goes with the place, not with the service that is given up`() async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            _ = try await shop.receive(Shop.event(try await shop.payment(plan)))
            let subscription = try await shop.subscriptions()[0].id
            func use(_ service: ServiceID, _ bytes: Int64) async throws {
                try await shop.store.transaction { transaction throws(StoreError) in
                    var meter = try transaction.meter(of: service) ?? ServiceMeter(beginning: service, at: transaction.ambient.now())
                    _ = meter.sample(UsageReading(received: bytes - 1, sent: 1, handshake: nil), at: transaction.ambient.now())
                    try transaction.keepMeter(meter)
                }
            }
            func used(_ service: ServiceID) async throws -> Int64? {
                try await shop.store.read { reader throws(StoreError) in try reader.meter(of: service)?.used }
            }
            func exchange(_ service: ServiceID) async throws -> ServiceID {
                _ = try await shop.sales.command(service, .terminate, isOwner: true, actor: "test")
                return try await shop.sales.addService(to: subscription, label: "next", options: .object([:]), actor: "test").service.id
            }
            let first = try #require(try await shop.services().first).id
            try await use(first, 700)
            let second = try await exchange(first)
            #expect(try await used(second) == 700)
            // The new service's counters begin at zero and come on top; passed on is passed on.
            try await use(second, 50)
            #expect(try await used(second) == 750)
            #expect(try await used(first) == 0)
            let third = try await exchange(second)
            #expect(try await used(third) == 750)
            _ = try await shop.sales.command(third, .terminate, isOwner: true, actor: "test")
            _ = try await shop.receive(Shop.event(try await shop.payment(plan), id: "p-2"))
            for service in try await shop.services() { #expect(try await used(service.id) ?? 0 == 0) }
            #expect(try await used(third) == 0)
        }
    }

    @Test func `an upgrade costs the rest of the time and changes the key that is there`() async throws {
        let clock = TestClock()
        try await withShop(clock: clock) { shop in
            let (small, large) = (try await shop.plan(), try await shop.plan("Large", price: 3000, concurrent: 9))
            _ = try await shop.receive(Shop.event(try await shop.payment(small)))
            _ = try await shop.services()
            clock.advance(milliseconds: 15 * Self.day)
            let subscription = try await shop.subscriptions()[0]
            #expect(try await shop.sales.quote(subscription.id, to: large.id).minorUnits == 1000)
            let payment = try await shop.sales.beginUpgrade(subscription.id, to: large.id, provider: "shop", actor: "test")
            #expect(try await shop.subscriptions()[0].planID == small.id)
            _ = try await shop.receive(Shop.event(payment, id: "p-2"))
            #expect(try await shop.subscriptions()[0].planID == large.id)
            #expect(try await shop.services().map(\.limits) == [["concurrent": 9]])
            let keys = try await shop.store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: 0) }
            #expect(keys.map(\.limits.concurrency) == [9])
            let down = try await shop.sales.beginUpgrade(subscription.id, to: small.id, provider: "shop", actor: "test")
            #expect(down.status == .completed && down.amount.minorUnits == 0)
        }
    }

    @Test func `an invoice is readable and lets nobody write into its page`() async throws {
        try await withShop { shop in
            let payment = try await shop.payment(try await shop.plan("<b>Plan</b>"))
            _ = try await shop.receive(Shop.event(payment))
            let invoice = try #require(
                try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: payment.id).first })
            let (text, html) = (InvoiceText.plain(invoice, issuer: "Example"), InvoiceText.page([invoice], issuer: "A & B"))
            #expect(text.contains("INV-000001") && text.contains("10.00") && text.contains("ada@example.com"))
            #expect(html.contains("&lt;b&gt;Plan&lt;/b&gt;") && !html.contains("<b>") && html.contains("A &amp; B"))
        }
    }
}
