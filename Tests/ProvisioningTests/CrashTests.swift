import Domain
import Drivers
import Provisioning
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

/// The process stops at every step of every action. Whoever comes after finishes the work: one thing at the backend, one row, nothing twice.
@Suite struct CrashTests {
    enum Action: String, CaseIterable { case create, update, suspend, resume, terminate }

    /// Brings a fresh service to where the action is the next thing to do.
    private static func lead(_ world: World, _ id: ServiceID, to action: Action, limits: JSON = ["size": 7]) async throws {
        let abuse = Suspension(.abuse, by: .operator)
        switch action {
        case .create: return
        case .update:
            try await world.settle()
            try await world.change(id, .limits(limits))
        case .suspend:
            try await world.settle()
            try await world.change(id, .suspend(abuse))
        case .resume:
            try await world.settle()
            try await world.change(id, .suspend(abuse))
            try await world.settle()
            try await world.change(id, .lift(.operator))
        case .terminate:
            try await world.settle()
            try await world.change(id, .terminate)
        }
    }

    @Test(arguments: Action.allCases, ProvisioningStep.allCases)
    func `a stop at any step leaves one thing and one row`(action: Action, step: ProvisioningStep) async throws {
        for database in TestDatabase.allCases {
            try await withWorld(database) { world in
                let service = try await world.order().service
                try await Self.lead(world, service.id, to: action)
                world.stop { reached, _ in reached == step }
                try await world.workers().drain()
                world.stop(nil)
                world.clock.advance(milliseconds: 60_000)
                try await world.settle()
                try await Self.check(world, service.id, action)
                let verb = action.rawValue + " " + service.id.text
                #expect(world.notebook.effects.filter { $0 == verb }.count == 1, "\(action) at \(step) on \(database)")
            }
        }
    }

    @Test(arguments: [Notebook.Fault.cutOffBefore, .cutOffAfter, .unreachable, .full], Action.allCases)
    func `a call that breaks off is resolved by looking`(fault: Notebook.Fault, action: Action) async throws {
        try await withWorld { world in
            let service = try await world.order().service
            try await Self.lead(world, service.id, to: action)
            world.notebook.befall(fault)
            try await world.settle()
            try await Self.check(world, service.id, action)
            let verb = action.rawValue + " " + service.id.text
            #expect(world.notebook.effects.filter { $0 == verb }.count == 1)
        }
    }

    private static func check(_ world: World, _ id: ServiceID, _ action: Action) async throws {
        let kept = try #require(try await world.service(id))
        let things = world.notebook.things(named: id.text)
        #expect(kept.isConverged && kept.failure == nil)
        switch action {
        case .terminate: #expect(things.isEmpty && kept.actual == .gone && kept.endedAt != nil)
        case .suspend: #expect(things.count == 1 && !things[0].isOpen && kept.actual == .suspended)
        case .create, .resume: #expect(things.count == 1 && things[0].isOpen && kept.actual == .active)
        case .update: #expect(things.count == 1 && things[0].size == 7 && kept.appliedRevision == 2)
        }
        #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == 1)
        #expect(try await world.store.read { reader throws(StoreError) in try reader.openJobCount() } == 0)
    }

    @Test(arguments: Action.allCases, ProvisioningStep.allCases)
    func `a stop at any step leaves one relay key, as it shall be`(action: Action, step: ProvisioningStep) async throws {
        for database in [TestDatabase.sqliteInMemory, .postgres] {
            try await withWorld(database) { world in
                let service = try await world.order("laptop", kind: .relay, limits: ["concurrent": 2]).service
                try await Self.lead(world, service.id, to: action, limits: ["concurrent": 7])
                world.stop { reached, _ in reached == step }
                try await world.workers().drain()
                world.stop(nil)
                world.clock.advance(milliseconds: 60_000)
                try await world.settle()
                let keys = try await world.store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: 0) }
                let key = try #require(keys.count == 1 ? keys[0] : nil)
                #expect((key.deletedAt != nil) == (action == .terminate))
                #expect((key.status == .active) == (action != .suspend) || action == .terminate)
                #expect(key.limits.concurrency == (action == .update ? 7 : 2))
                let kept = try #require(try await world.service(service.id))
                #expect(kept.isConverged && kept.details["key_id"] == .string(key.id.text))
                #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == 1)
            }
        }
    }

    /// 1,000 services, random commands repeated at random, stops and broken calls everywhere; then quiet. The seed is fixed: a failure
    /// comes again.
    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `a thousand services end as they shall be through kills and repeats`(database: TestDatabase) async throws {
        let clock = TestClock(seed: 42)
        try await withWorld(database, clock: clock) { world in
            var ids: [ServiceID] = []
            for _ in 0..<10 {
                ids += try await world.store.transaction { [orders = world.orders] transaction throws(StoreError) -> [ServiceID] in
                    var made: [ServiceID] = []
                    for index in 0..<100 {
                        let wish = Orders.Wish(kind: World.kind, label: "s\(index)", limits: ["size": 5], owner: nil)
                        made.append(try orders.order(wish, actor: "system", in: transaction).service.id)
                    }
                    return made
                }
            }
            let dice = Dice(seed: 7)
            world.stop { _, _ in dice.roll(8) == 0 }
            world.notebook.befall { _ in
                switch dice.roll(12) {
                case 0: .cutOffAfter
                case 1: .cutOffBefore
                case 2: .unreachable
                default: nil
                }
            }
            let abuse = Suspension(.abuse, by: .operator)
            for _ in 0..<6 {
                let chosen = (0..<200).map { _ in (ids[dice.roll(ids.count)], dice.roll(8)) }
                try await world.store.transaction { [orders = world.orders] transaction throws(StoreError) in
                    for (id, roll) in chosen {
                        guard let service = try transaction.service(id), service.desired != .terminated else { continue }
                        let change: Orders.Change =
                            switch roll {
                            case 0, 1, 2: .suspend(abuse)
                            case 3, 4: .lift(.operator)
                            case 5, 6: .limits(["size": .int(Int64(roll + 1))])
                            default: .terminate
                            }
                        for _ in 0..<(roll % 2 + 1) { _ = try orders.change(id, change, actor: "system", in: transaction) }
                    }
                }
                try await world.workers().drain()
                clock.advance(milliseconds: 61_000)
            }
            world.stop(nil)
            world.notebook.befall(nil)
            try await world.settle()

            let things = Dictionary(grouping: world.notebook.things, by: \.name)
            var alive = 0
            for id in ids {
                let service = try #require(try await world.service(id))
                let mine = things[id.text] ?? []
                #expect(service.isConverged == true, "\(id) is \(service.actual) and shall be \(service.desired): \(service.failure ?? "")")
                switch service.desired {
                case .active: #expect(mine.count == 1 && mine[0].isOpen && .int(mine[0].size) == service.limits["size"])
                case .suspended: #expect(mine.isEmpty && service.madeAt == nil || mine.count == 1 && !mine[0].isOpen)
                case .terminated: #expect(mine.isEmpty)
                }
                alive += mine.count
            }
            #expect(world.notebook.things.count == alive, "nothing is there that nobody knows")
            let creates = Dictionary(grouping: world.notebook.effects.filter { $0.hasPrefix("create ") }, by: { $0 })
            #expect(creates.allSatisfy { $0.value.count == 1 }, "nothing was made twice")
        }
    }

    /// Two servers on one database, as two sets of connections with a holder each.
    @Test func `two processes on one PostgreSQL never apply twice`() async throws {
        let clock = TestClock()
        try await withDatabaseLocation(.postgres) { location in
            let one = try await Store.open(location, ambient: clock.ambient)
            _ = try await one.migrate()
            let two = try await Store.open(location, ambient: clock.ambient)
            let world = try World(one, clock)
            var ids: [ServiceID] = []
            for _ in 0..<200 { ids.append(try await world.order().service.id) }
            let workers = [one, two].map { store in
                Workers(store: store, drivers: world.drivers, keys: DataKeys(world.keyring), log: .silent, metrics: Metrics())
            }
            for change in [nil, Orders.Change.suspend(Suspension(.abuse, by: .operator)), .lift(.operator), .terminate] {
                if let change { for id in ids { try await world.change(id, change) } }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for workers in workers {
                        group.addTask {
                            while true {
                                do { if try await workers.drain() == 0 { return } } catch StoreError.busy { continue }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let effects = Dictionary(grouping: world.notebook.effects, by: { $0 })
            #expect(effects.count == 800 && effects.allSatisfy { $0.value.count == 1 })
            #expect(world.notebook.things.isEmpty)
            await one.close()
            await two.close()
        }
    }

    final class Dice: Sendable {
        private let state: Mutex<UInt64>
        init(seed: UInt64) { state = Mutex(seed) }
        func roll(_ sides: Int) -> Int {
            state.withLock { state in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % sides
            }
        }
    }
}
