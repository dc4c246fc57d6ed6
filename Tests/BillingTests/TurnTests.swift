import Billing
import Dispatch
import Domain
import Provisioning
@testable import Store
import TestKit
import Testing

/// Sales on PostgreSQL that meet each other and other transactions at a chosen step. Each test holds one transaction open there, on its
/// database thread, until the others have done, or wait for, what they are to.
@Suite struct TurnTests {
    /// A step of a transaction at which it waits; SQLite and PostgreSQL closures block their own thread only.
    private final class Step: Sendable {
        private let (here, onwards) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        func hold() {
            here.signal()
            onwards.wait()
        }
        func reached() async {
            await withCheckedContinuation { caller in
                DispatchQueue.global().async { [here] in
                    here.wait()
                    caller.resume()
                }
            }
        }
        func release() { onwards.signal() }
    }

    /// Each asks the server once; a transaction that comes to its lock has done so long before the last.
    private static let looks = 50_000

    /// Until so many transactions wait for a lock that another one has.
    private func untilWaiting(_ count: Int64, _ store: Store) async throws {
        for _ in 0..<Self.looks {
            let waiting: Int64? = try await store.read { reader throws(StoreError) in
                try reader.value("count", "SELECT COUNT(*) AS count FROM pg_locks WHERE NOT granted")
            }
            if waiting ?? 0 >= count { return }
        }
        Issue.record("nobody waits")
    }

    private func buy(_ shop: Shop, _ plan: Plan, _ id: String, _ name: String) async throws {
        let payment = try await shop.payment(plan, id: id, person: name)
        let told = try await shop.receive(Shop.event(payment, id: id, event: id))
        guard case .done(_, let isDuplicate) = told, !isDuplicate else {
            Issue.record("\(id) was not taken")
            return
        }
    }

    @Test func `a sale that is under way keeps nobody else's waiting, and numbers have no gap`() async throws {
        try await withShop(.postgres) { shop in
            let plan = try await shop.plan()
            for name in ["ada", "bob"] { try await buy(shop, plan, "first-\(name)", name) }
            let ada = try await shop.person()
            let payment = try await shop.payment(plan, id: "held")
            let step = Step()
            async let held: Void = shop.store.sale { transaction throws(StoreError) in
                _ = try transaction.paymentForChange(payment.id)
                try transaction.takeTurn(.money(ada.id))
                try transaction.setPaymentStatus(.completed, of: payment.id)
                try transaction.book(payment.amount, .payment, of: ada.id, payment: payment.id, note: "held")
                transaction.issueInvoiceLastly(.invoice, for: payment, recipient: "ada", lines: [Invoice.Line("held", payment.amount)])
                step.hold()
            }
            await step.reached()
            try await buy(shop, plan, "renewal-bob", "bob")
            try await buy(shop, plan, "first-cid", "cid")
            step.release()
            try await held
            let invoices = try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: nil, limit: 10).items }
            #expect(invoices.map(\.number) == [1, 2, 3, 4, 5])
            #expect(invoices.last?.paymentID == payment.id, "it has its number from the end of its transaction")
        }
    }

    @Test func `what is issued last is not issued when the sale is rolled back`() async throws {
        try await withShop(.postgres) { shop in
            let payment = try await shop.payment(try await shop.plan(), id: "p-1")
            await #expect(throws: StoreError.refused("no")) {
                try await shop.store.sale { transaction throws(StoreError) in
                    transaction.issueInvoiceLastly(.invoice, for: payment, recipient: "ada", lines: [Invoice.Line("x", payment.amount)])
                    throw .refused("no")
                }
            }
            #expect(try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: nil, limit: 10).items.isEmpty })
        }
    }

    @Test func `two sales of one person take turns, so that a balance is not spent twice`() async throws {
        try await withShop(.postgres) { shop in
            let plan = try await shop.plan()
            let ada = try await shop.person()
            let credit = try await shop.payment(nil, amount: 1000, id: "credit")
            _ = try await shop.receive(Shop.event(credit, id: "credit", event: "credit"))
            let step = Step()
            async let first: Void = shop.store.sale { transaction throws(StoreError) in
                try transaction.takeTurn(.money(ada.id))
                step.hold()
                try transaction.book(Money(minorUnits: -1000, .usd), .charge, of: ada.id, payment: nil, note: "spent")
            }
            await step.reached()
            async let second = shop.payment(plan, provider: "balance")
            try await untilWaiting(1, shop.store)
            step.release()
            try await first
            do {
                _ = try await second
                Issue.record("the money was spent twice")
            } catch { #expect(error as? StoreError == .refused("balance_too_low")) }
            #expect(try await shop.balance() == 0)
        }
    }

    @Test func `an end that meets an order of the same subscription closes what was ordered too`() async throws {
        let clock = TestClock()
        try await withShop(.postgres, clock: clock) { shop in
            let plan = try await shop.plan()
            try await buy(shop, plan, "p-1", "ada")
            let subscription = try #require(try await shop.subscriptions().first)
            clock.advance(milliseconds: 31 * 86_400_000)
            let step = Step()
            async let ordered: Void = shop.store.sale { [orders = shop.orders] transaction throws(StoreError) in
                guard try transaction.subscriptionForChange(subscription.id)?.status == .active else { throw .refused("over") }
                step.hold()
                let wish = Orders.Wish(
                    kind: .relay, label: "late", limits: plan.terms.limits, owner: subscription.ownerID, subscription: subscription)
                _ = try orders.order(wish, actor: "test", in: transaction)
            }
            await step.reached()
            async let expired = shop.expiry.pass()
            try await untilWaiting(1, shop.store)
            step.release()
            try await ordered
            #expect(try await expired == 1)
            let services = try await shop.services()
            #expect(services.count == 2 && services.allSatisfy { $0.desired == .suspended })
        }
    }

    @Test func `an order that meets an end is refused`() async throws {
        let clock = TestClock()
        try await withShop(.postgres, clock: clock) { shop in
            try await buy(shop, try await shop.plan(), "p-1", "ada")
            let subscription = try #require(try await shop.subscriptions().first)
            let step = Step()
            async let ended: Void = shop.store.transaction { [expiry = shop.expiry] transaction throws(StoreError) in
                try expiry.expireNow(subscription, in: transaction)
                step.hold()
            }
            await step.reached()
            async let late = shop.sales.addService(to: subscription.id, label: "late", options: [:], actor: "test")
            try await untilWaiting(1, shop.store)
            step.release()
            try await ended
            do {
                _ = try await late
                Issue.record("something was ordered after the end")
            } catch { #expect(error as? StoreError == .refused("no_active_subscription")) }
            #expect(try await shop.services().map(\.desired) == [.suspended])
        }
    }

    @Test func `one id of a provider told of two payments at once pays one of them`() async throws {
        try await withShop(.postgres) { shop in
            let plan = try await shop.plan()
            let (one, other) = (try await shop.payment(plan), try await shop.payment(plan, person: "bob"))
            let step = Step()
            async let first: Void = shop.store.sale { transaction throws(StoreError) in
                guard try transaction.linkPayment(one.id, providerPaymentID: "same") else { throw .refused("linked") }
                step.hold()
            }
            await step.reached()
            async let second = shop.receive(Shop.event(other, id: "same", event: "e-2"))
            try await untilWaiting(1, shop.store)
            step.release()
            try await first
            #expect(try await second == .mismatch)
            #expect(try await shop.subscriptions("bob").isEmpty)
        }
    }
}
