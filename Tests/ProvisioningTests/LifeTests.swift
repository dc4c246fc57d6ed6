import Domain
import Drivers
import Provisioning
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

@Suite struct LifeTests {
    private static let abuse = Suspension(.abuse, by: .operator)

    @Test(arguments: TestDatabase.allCases)
    func `an order is made, suspended, resumed and ended`(database: TestDatabase) async throws {
        try await withWorld(database) { world in
            let (service, operation) = try await world.order()
            #expect(operation.state == .pending && service.actual == .absent && service.choices["page"] == "1")
            try await world.settle()
            #expect(try await world.operation(operation.id)?.state == .done)
            #expect(try await world.service(service.id)?.details == ["lines": 5])
            for (change, actual) in [
                (Orders.Change.suspend(Self.abuse), ActualState.suspended), (.lift(.operator), .active), (.limits(["size": 9]), .active),
                (.terminate, .gone),
            ] {
                let operation = try await world.change(service.id, change)
                try await world.settle()
                let kept = try await world.service(service.id)
                #expect(kept?.actual == actual && kept?.isConverged == true)
                #expect(try await world.operation(operation.id)?.state == .done)
            }
            #expect(world.notebook.things.isEmpty)
            let audit = try await world.store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: service.id.text, limit: 100).items.map(\.action)
            }
            #expect(audit.sorted() == ["service.change", "service.order", "service.resume", "service.suspend", "service.terminate"])
        }
    }

    @Test func `terminate is final and a repeat of it is done at once`() async throws {
        try await withWorld { world in
            let service = try await world.order().service
            try await world.settle()
            try await world.change(service.id, .terminate)
            for change in [Orders.Change.lift(.operator), .suspend(Self.abuse), .limits([:])] {
                await #expect(throws: StoreError.refused("service_terminated")) { try await world.change(service.id, change) }
            }
            try await world.settle()
            #expect(try await world.change(service.id, .terminate).state == .done)
            await #expect(throws: StoreError.refused("service_unknown")) {
                try await world.change(ServiceID(world.clock.ambient), .terminate)
            }
        }
    }

    @Test func `a newer wish replaces one that waits, and only the last is carried out`() async throws {
        try await withWorld { world in
            let (service, first) = try await world.order()
            let second = try await world.change(service.id, .suspend(Self.abuse))
            let third = try await world.change(service.id, .lift(.operator))
            try await world.settle()
            #expect(try await world.operation(first.id)?.state == .replaced)
            #expect(second.state == .done, "nothing had been made, so there was nothing to suspend")
            #expect(try await world.operation(third.id)?.state == .done)
            #expect(world.notebook.effects == ["create \(service.id.text)"])
        }
    }

    @Test func `a payment does not lift what an operator said`() async throws {
        try await withWorld { world in
            let service = try await world.order().service
            try await world.change(service.id, .suspend(Self.abuse))
            try await world.change(service.id, .suspend(Suspension(.payment, by: .billing)))
            try await world.change(service.id, .lift(.payment))
            try await world.settle()
            #expect(try await world.service(service.id)?.desired == .suspended)
            #expect(try await world.store.read { reader throws(StoreError) in try reader.suspensions(of: service.id) } == [Self.abuse])
            try await world.change(service.id, .lift(.operator))
            try await world.settle()
            #expect(try await world.service(service.id)?.actual == .active)
        }
    }

    @Test func `what the backend refuses is shown and not tried for ever`() async throws {
        try await withWorld { world in
            world.notebook.befall(.refused)
            let (service, operation) = try await world.order()
            try await world.settle()
            let kept = try await world.service(service.id)
            #expect(kept?.failure == "refused: the notebook says no" && kept?.isConverged == false)
            #expect(try await world.operation(operation.id)?.state == .failed)
            try await world.change(service.id, .retry)
            try await world.settle()
            #expect(try await world.service(service.id)?.actual == .active)
        }
    }

    @Test func `tries have a written limit`() async throws {
        try await withWorld { world in
            world.notebook.befall { _ in .unreachable }
            let service = try await world.order().service
            for _ in 0..<7 { try await world.settle() }
            let job = try await world.store.read { reader throws(StoreError) in try reader.jobs(of: service.id).first }
            #expect(job?.state == .failed && job?.attempts == RetryPolicy.attempts)
        }
    }

    @Test func `a caller waits for the outcome, and is let go when it takes too long`() async throws {
        try await withWorld { world in
            let (service, operation) = try await world.order()
            let waiting = Waiting(world.store)
            #expect(try await waiting.finish(operation.id, withinMilliseconds: 1000) == nil)
            try await world.settle()
            #expect(try await waiting.finish(operation.id, withinMilliseconds: 0)?.serviceID == service.id)
        }
    }

    /// Running workers, with a real pause instead of a jump of the clock.
    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `running workers hear the bell, and one place that hangs leaves the others their share`(database: TestDatabase) async throws {
        let (opening, opener) = AsyncStream<Void>.makeStream()
        let hanging = try ServiceKind(parsing: "hanging")
        let slow = Notebook()
        try await withStore(database, clock: TestClock(sleeping: .pauses)) { store in
            let clock = TestClock(seed: 5, sleeping: .pauses)
            let world = try World(store, clock, more: [NotebookDriver(slow, kind: hanging) { for await _ in opening { return } }])
            var limits = WorkerLimits()
            (limits.jobs, limits.jobsPerPlace) = (8, 3)
            let workers = world.workers(limits: limits)
            for _ in 0..<10 { _ = try await world.order(kind: hanging) }
            let running = Task { await workers.run() }
            var quick: [Operation] = []
            for _ in 0..<20 { quick.append(try await world.order().operation) }
            workers.wake()
            for operation in quick {
                var state = OperationState.pending
                while state == .pending {
                    try await store.ambient.sleep(.milliseconds(5))
                    state = try await world.operation(operation.id)?.state ?? .failed
                }
                #expect(state == .done)
            }
            #expect(slow.things.isEmpty)
            opener.finish()
            var open: Int64 = 1
            while open > 0 {
                try await store.ambient.sleep(.milliseconds(5))
                open = try await store.read { reader throws(StoreError) in try reader.openJobCount() }
            }
            #expect(slow.things.count == 10)
            running.cancel()
            await running.value
        }
    }

    /// A kind is one folder and one line: this driver is all there is of it, and everything works.
    struct EchoDriver: ServiceDriver {
        let kind: ServiceKind
        let shouting = Mutexed()
        final class Mutexed: Sendable { let names = Mutex<[String: Bool]>([:]) }
        static let plan = Shape(Field<Bool>.boolean("loud", "Whether it shouts.").or(false), make: { $0 })
        var limits: [FieldDoc] { Self.plan.docs }
        let options: [FieldDoc] = []
        let usesBackends = false
        func check(limits: JSON) throws(InputErrors) { try Self.plan.check(limits) }
        func check(options: JSON) throws(InputErrors) {}
        func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation { Preparation() }
        private func set(_ service: ServiceOrder, _ isOpen: Bool?) -> Sight {
            shouting.names.withLock { $0[service.id.text] = isOpen }
            return Sight(isOpen.map { $0 ? .active : .suspended } ?? .absent)
        }
        func create(_ service: ServiceOrder) async throws(DriverError) -> Sight { set(service, true) }
        func update(_ service: ServiceOrder) async throws(DriverError) -> Sight { try await look(service) }
        func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight { set(service, false) }
        func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight { set(service, true) }
        func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight { set(service, nil) }
        func look(_ service: ServiceOrder) async throws(DriverError) -> Sight {
            Sight(shouting.names.withLock { $0[service.id.text] }.map { $0 ? .active : .suspended } ?? .absent)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a new kind of service is one driver and one line`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let kind = try ServiceKind(parsing: "echo")
            let world = try World(store, TestClock(), more: [EchoDriver(kind: kind)])
            let service = try await world.order(kind: kind, limits: ["loud": true]).service
            for (change, actual) in [
                (nil, ActualState.active), (Orders.Change.suspend(Self.abuse), .suspended), (.lift(.operator), .active),
                (.terminate, .gone),
            ] {
                if let change { try await world.change(service.id, change) }
                try await world.settle()
                #expect(try await world.service(service.id)?.actual == actual)
            }
        }
    }

    @Test func `an unknown kind and a full backend are refused before anything is written`() async throws {
        try await withWorld { world in
            let unknown = try ServiceKind(parsing: "nothing")
            await #expect(throws: StoreError.refused("kind_unknown")) { try await world.order(kind: unknown) }
            let crowded = try ServiceKind(parsing: "crowded")
            let more = try World(world.store, world.clock, more: [NotebookDriver(Notebook(), kind: crowded, usesBackends: true)])
            await #expect(throws: StoreError.refused("no_capacity")) { try await more.order(kind: crowded) }
            #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == 0)
        }
    }
}
