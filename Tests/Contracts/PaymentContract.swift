import Domain
@testable import Store
import TestKit
import Testing

@Suite struct PaymentContract {
    private static func payment(_ transaction: Transaction, _ email: String = "ada@example.com", id: String? = nil) throws(StoreError)
        -> Payment
    {
        let known = try transaction.user(email: email)
        let user = if let known { known } else { try transaction.createUser(.example(email)) }
        return try transaction.createPayment(
            NewPayment(
                userID: user.id, purpose: .credit, planID: nil, amount: Money(minorUnits: 999, .usd), provider: "shop",
                providerPaymentID: id))
    }

    @Test(arguments: TestDatabase.allCases)
    func `a provider's id names one payment`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let made = try await store.transaction { transaction throws(StoreError) in try Self.payment(transaction, id: "p-1") }
            #expect(made.number == 1 && made.status == .pending && made.amount.text == "9.99")
            await #expect(throws: StoreError.conflict(.providerPayment)) {
                try await store.transaction { transaction throws(StoreError) in _ = try Self.payment(transaction, id: "p-1") }
            }
            let second = try await store.transaction { transaction throws(StoreError) in try Self.payment(transaction) }
            let linked = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.linkPayment(second.id, providerPaymentID: "p-2"),
                    try transaction.linkPayment(second.id, providerPaymentID: "p-2"),
                    try transaction.linkPayment(second.id, providerPaymentID: "p-3"),
                ]
            }
            #expect(linked == [true, true, false])
            let found = try await store.read { reader throws(StoreError) in
                try reader.payment(provider: "shop", providerPaymentID: "p-2")?.id
            }
            #expect(found == second.id)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a completed payment can be neither changed nor deleted`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let outcomes = try await store.transaction { transaction throws(StoreError) -> [Bool] in
                let payment = try Self.payment(transaction)
                let before = try transaction.updatePendingPayment(
                    payment.id, amount: Money(minorUnits: 5, .usd), provider: "shop", providerPaymentID: nil)
                try transaction.setPaymentStatus(.completed, of: payment.id)
                return [
                    before,
                    try transaction.updatePendingPayment(
                        payment.id, amount: Money(minorUnits: 6, .usd), provider: "shop", providerPaymentID: nil),
                    try transaction.deletePendingPayment(payment.id), try transaction.payment(payment.id)?.amount.minorUnits == 5,
                ]
            }
            #expect(outcomes == [true, false, false, true])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a balance is the sum of its entries, and a wrong one is found`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let payment = try await store.transaction { transaction throws(StoreError) -> Payment in
                let payment = try Self.payment(transaction)
                for units: Int64 in [999, -500, 1] {
                    try transaction.book(
                        Money(minorUnits: units, .usd), .payment, of: payment.userID, payment: payment.id, note: "test")
                }
                return payment
            }
            let balance = try await store.read { reader throws(StoreError) in try reader.balance(of: payment.userID, in: .usd) }
            #expect(balance.minorUnits == 500)
            #expect(try await store.read { reader throws(StoreError) in try reader.wrongBalances().count } == 0)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.execute("UPDATE balances SET amount_minor = 501")
            }
            #expect(try await store.read { reader throws(StoreError) in try reader.wrongBalances().map(\.user) } == [payment.userID])
            await #expect(throws: StoreError.conflict(Constraint("money_entries_append_only_check"))) {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.execute("UPDATE money_entries SET amount_minor = 0")
                }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `invoices are numbered without gaps, rolled-back ones leaving none`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let payment = try await store.transaction { transaction throws(StoreError) in try Self.payment(transaction) }
            @Sendable func issue(_ transaction: Transaction) throws(StoreError) -> Invoice {
                try transaction.issueInvoice(
                    .invoice, for: payment, recipient: "ada@example.com", lines: [Invoice.Line("Starter", payment.amount)])
            }
            _ = try await store.transaction { transaction throws(StoreError) in try issue(transaction) }
            await #expect(throws: StoreError.refused("no")) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = try issue(transaction)
                    throw .refused("no")
                }
            }
            let second = try await store.transaction { transaction throws(StoreError) in try issue(transaction) }
            #expect(second.number == 2 && second.reference == "INV-000002" && second.total == payment.amount)
            #expect(try await store.read { reader throws(StoreError) in try reader.invoice(number: 2) } == second)
        }
    }

    /// Debian makes databases that sort as the language of the machine does, where "relay.x" comes after "relay.~".
    @Test(arguments: ["en-US", "de-DE-u-ka-shifted"])
    func `promises are found by how their kind begins, however the database sorts`(locale: String) async throws {
        let cluster = PostgresCluster.shared
        let name = try await cluster.createDatabase(sorts: locale)
        let store = try await Store.open(try await cluster.location(of: name), ambient: TestClock().ambient)
        do {
            _ = try await store.migrate()
            let kinds = ["relay.pool_low", "backend.refused", "relay.Zeta", "relay-x", "relay.a", "relayed", "relay"]
            try await store.transaction { transaction throws(StoreError) in
                for kind in kinds { try transaction.promise(kind, subject: "x", body: [:]) }
            }
            for prefix in ["relay.", "relay.p", "backend.", "", "x"] {
                let found = try await store.read { reader throws(StoreError) in try reader.promised(prefix, limit: 100) }
                #expect(Set(found.map(\.kind)) == Set(kinds.filter { $0.hasPrefix(prefix) }), "\(prefix)")
            }
        } catch {
            await store.close()
            try await cluster.dropDatabase(name)
            throw error
        }
        await store.close()
        try await cluster.dropDatabase(name)
    }

    @Test(arguments: TestDatabase.allCases)
    func `a promise is sent until somebody says it is, and can be sent again by hand`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promise("payment.completed", subject: "pay_1", body: ["n": 1])
            }
            func lease() async throws -> [OutboxEvent] {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.leaseOutbox(leaseMilliseconds: 1000, limit: 10)
                }
            }
            let first = try await lease()
            #expect(first.count == 1 && first[0].attempts == 1)
            #expect(try await lease().isEmpty)
            clock.advance(milliseconds: 1000)
            let second = try await lease()
            #expect(second.map(\.id) == first.map(\.id) && second[0].attempts == 2)
            try await store.transaction { transaction throws(StoreError) in try transaction.outboxFailed(first[0].id, "410", next: nil) }
            #expect(try await lease().isEmpty)
            func replay(_ id: EventID) async throws -> OutboxEvent? {
                try await store.transaction { transaction throws(StoreError) in try transaction.replayOutbox(id) }
            }
            #expect(try await replay(first[0].id)?.state == .waiting)
            #expect(try await lease().map(\.attempts) == [1])
            try await store.transaction { transaction throws(StoreError) in try transaction.outboxSent(first[0].id, told: ["ops"]) }
            clock.advance(milliseconds: 10_000)
            #expect(try await lease().isEmpty)
            let again = try #require(try await replay(first[0].id))
            #expect(again.told.isEmpty && again.attempts == 0 && again.nextAt == clock.ambient.now())
            #expect(try await lease().map(\.id) == [first[0].id])
            #expect(try await replay(EventID(store.ambient)) == nil)
        }
    }
}
