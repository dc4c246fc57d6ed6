import Domain
import Provisioning
import Store
import Telemetry
import TestKit
import Testing

@Suite struct TimeTests {
    private struct Sold { let subscription: Subscription, service: Service }
    private static func sell(_ world: World, seconds: Int64, billing: BillingParty = .own, of duration: Int64? = nil) async throws -> Sold {
        let subscription = try await world.store.transaction { transaction throws(StoreError) -> Subscription in
            let known = try transaction.user(email: "ada@example.com")
            let user =
                if let known { known } else {
                    try transaction.createUser(NewUser(email: "ada@example.com", name: "Ada", role: .customer, passwordHash: "x"))
                }
            let now = transaction.ambient.now()
            let plan = try transaction.createPlan(
                PlanTerms(
                    kind: World.kind, name: "p\(seconds)\(billing)", durationSeconds: duration, price: Money(minorUnits: 1, .usd)))
            return try transaction.createSubscription(
                owner: user.id, plan: plan, billing: billing, startedAt: now, endsAt: now.adding(seconds: seconds))
        }
        let service = try await world.order("sold", subscription: subscription).service
        try await world.settle()
        return Sold(subscription: subscription, service: service)
    }
    private static func expiry(_ world: World, _ workers: Workers? = nil) -> Expiry {
        Expiry(store: world.store, orders: world.orders, log: .silent) { workers?.wake() }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a service is closed at its end, and not a millisecond before`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withWorld(database, clock: clock) { world in
            let own = try await Self.sell(world, seconds: 1000)
            let whmcs = try await Self.sell(world, seconds: 1001, billing: .whmcs)
            let end = try #require(own.subscription.endsAt)
            clock.advance(milliseconds: end.milliseconds - clock.ambient.now().milliseconds - 1)
            #expect(try await Self.expiry(world).pass() == 0)
            clock.advance(milliseconds: 1)
            #expect(try await Self.expiry(world).pass() == 1)
            try await world.workers().drain()
            #expect(world.notebook.things(named: own.service.id.text).first?.isOpen == false)
            clock.advance(milliseconds: 5000)
            #expect(try await Self.expiry(world).pass() == 0, "WHMCS decides about its own")
            #expect(world.notebook.things(named: whmcs.service.id.text).first?.isOpen == true)
        }
    }

    @Test func `a clock that jumps back revives nothing`() async throws {
        let clock = TestClock()
        try await withWorld(clock: clock) { world in
            let sold = try await Self.sell(world, seconds: 10)
            clock.advance(milliseconds: 10_000)
            try await Self.expiry(world).pass()
            clock.advance(milliseconds: -3_600_000)
            try await Self.expiry(world).pass()
            try await world.workers().drain()
            clock.advance(milliseconds: 3_600_000)
            try await world.settle()
            #expect(try await world.service(sold.service.id)?.actual == .suspended)
        }
    }

    @Test func `after the retention an expired service is ended`() async throws {
        let clock = TestClock()
        try await withWorld(clock: clock) { world in
            let sold = try await Self.sell(world, seconds: 10)
            clock.advance(milliseconds: 10_000)
            try await Self.expiry(world).pass()
            clock.advance(milliseconds: 30 * 86_400_000 - 1)
            #expect(try await Self.expiry(world).pass() == 0)
            clock.advance(milliseconds: 1)
            #expect(try await Self.expiry(world).pass() == 1)
            try await world.settle()
            #expect(try await world.service(sold.service.id)?.endedAt != nil)
            #expect(world.notebook.things.isEmpty)
        }
    }

    @Test func `the owner hears three days and one day before the end, once each`() async throws {
        let clock = TestClock()
        try await withWorld(clock: clock) { world in
            _ = try await Self.sell(world, seconds: 5 * 86_400)
            func reminders() async throws -> Int {
                try await Self.expiry(world).pass()
                return try await world.store.read { reader throws(StoreError) in
                    try reader.outbox(limit: 100).items.filter { $0.kind == "subscription.ends_soon" }.count
                }
            }
            #expect(try await reminders() == 0)
            clock.advance(milliseconds: 2 * 86_400_000)
            #expect(try await [reminders(), reminders()] == [1, 1])
            clock.advance(milliseconds: 2 * 86_400_000)
            #expect(try await [reminders(), reminders()] == [2, 2])
            let mails = try await world.store.read { reader throws(StoreError) in try reader.mails(limit: 10).items }
            #expect(
                mails.map { $0.facts["days"].int } == [1, 3] && mails.allSatisfy { $0.kind == .endsSoon && $0.email == "ada@example.com" })
        }
    }

    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2)] as [(Int64, Int)])
    func `a plan shorter than the notice is not announced by mail`(days: Int64, mails: Int) async throws {
        let clock = TestClock()
        try await withWorld(clock: clock) { world in
            _ = try await Self.sell(world, seconds: days * 86_400, of: days * 86_400)
            for _ in 0..<days * 4 - 1 {
                clock.advance(milliseconds: 21_600_000)
                try await Self.expiry(world).pass()
            }
            let count = try await world.store.read { reader throws(StoreError) in try reader.mails(limit: 10).items.count }
            #expect(count == mails)
        }
    }

    /// The real loop beside the workers, on a clock that pauses; the end comes when the test moves it.
    @Test func `the timer enforces an end by itself`() async throws {
        let clock = TestClock(sleeping: .pauses)
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let world = try World(store, clock)
            let workers = world.workers()
            let sold = try await Self.sell(world, seconds: 100)
            let expiry = Self.expiry(world, workers)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await workers.run() }
                group.addTask { await expiry.run() }
                clock.advance(milliseconds: 100_000)
                while world.notebook.things(named: sold.service.id.text).first?.isOpen == true {
                    do { try await clock.ambient.sleep(.milliseconds(5)) } catch { break }
                }
                group.cancelAll()
            }
            #expect(world.notebook.things(named: sold.service.id.text).first?.isOpen == false)
        }
    }

    private static func reconcile(_ world: World) -> Reconcile {
        Reconcile(store: world.store, orders: world.orders, log: .silent, metrics: world.metrics, wake: {})
    }

    @Test(arguments: TestDatabase.allCases)
    func `what is lost is made again, as long as it is little`(database: TestDatabase) async throws {
        try await withWorld(database) { world in
            for _ in 0..<60 { _ = try await world.order() }
            try await world.settle()
            world.notebook.lose(6)
            let first = try await Self.reconcile(world).pass()
            #expect(first.first { $0.services == 60 }?.drifted.count == 6)
            try await world.settle()
            #expect(world.notebook.things.count == 60)

            world.notebook.lose(7)
            let braked = try await Self.reconcile(world).pass()
            #expect(braked.contains { $0.isBraked && $0.drifted.count == 7 })
            try await world.settle()
            #expect(world.notebook.things.count == 53, "seven of sixty is more than a tenth: an operator is asked")
            #expect(try await Self.reconcile(world).pass(isForced: true).contains { $0.drifted.count == 7 && !$0.isBraked })
            try await world.settle()
            #expect(world.notebook.things.count == 60)
        }
    }

    @Test func `a backend that says nothing is there changes nothing`() async throws {
        try await withWorld { world in
            for _ in 0..<20 { _ = try await world.order() }
            try await world.settle()
            world.notebook.lie(true)
            #expect(try await Self.reconcile(world).pass().contains { $0.isBraked })
            world.notebook.lie(false)
            try await world.settle()
            #expect(world.notebook.effects.count == 20 && world.notebook.things.count == 20)
            #expect(try await Self.reconcile(world).pass().allSatisfy { $0.drifted.isEmpty })
        }
    }

    @Test func `what was given up is taken up again after a rest`() async throws {
        try await withWorld { world in
            world.notebook.befall(.refused)
            let service = try await world.order().service
            try await world.settle()
            _ = try await Self.reconcile(world).pass()
            #expect(try await world.store.read { reader throws(StoreError) in try reader.openJobCount() } == 0)
            world.clock.advance(milliseconds: RetryPolicy.restSeconds * 1000)
            _ = try await Self.reconcile(world).pass()
            try await world.settle()
            #expect(try await world.service(service.id)?.actual == .active)
        }
    }
}
