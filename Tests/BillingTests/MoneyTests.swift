import Billing
import Domain
import Store
import TestKit
import Testing

/// Ways in which money and what it buys could part.
@Suite struct MoneyTests {
    private static let day: Int64 = 86_400_000

    @Test func `an upgrade that was quoted for a day is not granted for a year`() async throws {
        let clock = TestClock()
        try await withShop(clock: clock) { shop in
            let (small, large) = (try await shop.plan(), try await shop.plan("Large", price: 30_000))
            _ = try await shop.receive(Shop.event(try await shop.payment(small)))
            clock.advance(milliseconds: 29 * Self.day)
            let subscription = try await shop.subscriptions()[0]
            let upgrade = try await shop.sales.beginUpgrade(subscription.id, to: large.id, provider: "shop", actor: "test")
            #expect(upgrade.amount.minorUnits == 967)
            _ = try await shop.receive(Shop.event(try await shop.payment(small), id: "p-2"))
            guard case .done(let settled, _) = try await shop.receive(Shop.event(upgrade, id: "p-3")) else {
                Issue.record("the money was not taken")
                return
            }
            #expect(settled.status == .completed && settled.charged.minorUnits == 0)
            #expect(try await shop.subscriptions()[0].planID == small.id)
            #expect(try await shop.balance() == 967, "the money is the payer's credit")
            // Time that passes makes it cheaper: what was paid is enough.
            let late = try await shop.sales.beginUpgrade(subscription.id, to: large.id, provider: "shop", actor: "test")
            clock.advance(milliseconds: Self.day)
            _ = try await shop.receive(Shop.event(late, id: "p-4"))
            #expect(try await shop.subscriptions()[0].planID == large.id)
            #expect(try await shop.balance() == 967)
        }
    }

    @Test func `a refunded upgrade goes back to the plan before, and its key to that plan's limits`() async throws {
        try await withShop { shop in
            let plans = [
                try await shop.plan(), try await shop.plan("Medium", price: 2000, concurrent: 5),
                try await shop.plan("Large", price: 3000, concurrent: 9),
            ]
            _ = try await shop.receive(Shop.event(try await shop.payment(plans[0])))
            _ = try await shop.services()
            let subscription = try await shop.subscriptions()[0]
            var upgrades: [Payment] = []
            for (number, plan) in plans.dropFirst().enumerated() {
                let payment = try await shop.sales.beginUpgrade(subscription.id, to: plan.id, provider: "shop", actor: "test")
                _ = try await shop.receive(Shop.event(payment, id: "u-\(number)"))
                upgrades.append(payment)
            }
            #expect(try await shop.services().map(\.limits) == [["concurrent": 9]])
            // The one in between changes nothing: a later one was paid for.
            _ = try await shop.sales.refund(upgrades[0].id, actor: "test")
            #expect(try await shop.subscriptions()[0].planID == plans[2].id)
            _ = try await shop.sales.refund(upgrades[1].id, actor: "test")
            #expect(try await shop.subscriptions()[0].planID == plans[0].id)
            #expect(try await shop.services().map(\.limits) == [["concurrent": 2]])
            #expect(try await shop.subscriptions()[0].status == .active)
            #expect(try await shop.balance() == 0)
        }
    }

    @Test func `a refund that comes before its payment is refused until it can be taken, and ends without a grant`() async throws {
        try await withShop { shop in
            let payment = try await shop.payment(try await shop.plan())
            let refund = Shop.event(payment, .refunded, event: "r-1")
            #expect(try await shop.receive(refund) == .mismatch)
            _ = try await shop.receive(Shop.event(payment, event: "e-1"))
            #expect(try await shop.services().map(\.desired) == [.active])
            guard case .done(let settled, isDuplicate: let isDuplicate) = try await shop.receive(refund) else {
                Issue.record("the refund was not taken when it came again")
                return
            }
            #expect(settled.status == .refunded && !isDuplicate)
            #expect(try await shop.services().map(\.desired) == [.suspended])
            #expect(try await shop.balance() == 0)
        }
    }

    @Test(arguments: [1, 999, 5000])
    func `from the balance goes what the plan costs, whatever amount was named`(amount: Int64) async throws {
        try await withShop { shop in
            let plan = try await shop.plan()
            let credit = try await shop.payment(nil, amount: 6000, id: "credit")
            _ = try await shop.receive(Shop.event(credit, id: "credit", event: "credit"))
            let paid = try await shop.payment(plan, amount: amount, provider: "balance")
            #expect(paid.amount.minorUnits == 1000 && paid.charged.minorUnits == 1000)
            #expect(try await shop.balance() == 5000)
            let invoices = try await shop.store.read { reader throws(StoreError) in try reader.invoices(of: paid.id) }
            #expect(invoices.map(\.total.minorUnits) == [1000])
            _ = try await shop.sales.refund(paid.id, actor: "test")
            #expect(try await shop.balance() == 6000)
        }
    }
}
