import Domain
@testable import Store
import TestKit
import Testing

extension PlanTerms {
    static func example(_ name: String = "Starter", price: Int64 = 999, seconds: Int64? = 30 * 86_400) -> PlanTerms {
        PlanTerms(
            kind: .relay, name: name, description: "For one", durationSeconds: seconds, price: Money(minorUnits: price, .usd),
            limits: ["concurrent": 2])
    }
}

extension Transaction {
    func exampleService(_ label: String = "laptop", owner: UserID? = nil) throws(StoreError) -> Service {
        try createService(
            NewService(
                id: ServiceID(ambient), subscriptionID: nil, ownerID: owner, kind: .relay, backendID: nil, label: label, limits: [:],
                options: [:], choices: ["name": .string(label)]))
    }
}

@Suite struct LifecycleContract {
    @Test(arguments: TestDatabase.allCases)
    func `plans and subscriptions come back as they were put in`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (plan, subscription) = try await store.transaction { transaction throws(StoreError) in
                let user = try transaction.createUser(.example("ada@example.com"))
                let plan = try transaction.createPlan(.example())
                let now = transaction.ambient.now()
                let subscription = try transaction.createSubscription(
                    owner: user.id, plan: plan, billing: .own, startedAt: now, endsAt: now.adding(seconds: 60))
                return (plan, subscription)
            }
            #expect(plan.number == 1 && plan.terms == .example() && plan.status == .active)
            let found = try await store.read { reader throws(StoreError) in
                (
                    try reader.plan(number: 1), try reader.subscription(number: subscription.number), try reader.nextEnd(),
                    try reader.planIsUsed(plan.id)
                )
            }
            #expect(found.0 == plan && found.1 == subscription && found.2 == subscription.endsAt && found.3)
            await #expect(throws: StoreError.conflict(.planName)) {
                try await store.transaction { transaction throws(StoreError) in _ = try transaction.createPlan(.example()) }
            }
            await #expect(throws: StoreError.conflict(.foreignKey)) {
                try await store.transaction { transaction throws(StoreError) in _ = try transaction.deletePlan(plan.id) }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an end is overdue at its very moment and not before`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                let user = try transaction.createUser(.example("ada@example.com"))
                let plan = try transaction.createPlan(.example())
                let now = transaction.ambient.now()
                for (offset, billing) in [(Int64(10), BillingParty.own), (10, .whmcs), (20, .own)] {
                    _ = try transaction.createSubscription(
                        owner: user.id, plan: plan, billing: billing, startedAt: now.adding(seconds: offset + (billing == .own ? 0 : 1)),
                        endsAt: now.adding(seconds: offset))
                }
            }
            func overdue(_ milliseconds: Int64) async throws -> Int {
                let moment = clock.ambient.now().adding(milliseconds: milliseconds)
                return try await store.read { reader throws(StoreError) in try reader.overdueSubscriptions(at: moment, limit: 10).count }
            }
            #expect(try await [overdue(9_999), overdue(10_000), overdue(20_000)] == [0, 1, 2])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a hundred services that want an address get a hundred addresses`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let services = try await store.transaction { transaction throws(StoreError) -> [Service] in
                var made: [Service] = []
                for index in 0..<100 { made.append(try transaction.exampleService("s\(index)")) }
                return made
            }
            let values = try await withThrowingTaskGroup(of: String.self) { group in
                for service in services {
                    group.addTask {
                        // A collision of two transactions is told as .busy after many tries; the caller comes again.
                        while true {
                            do {
                                return try await store.transaction { transaction throws(StoreError) -> String in
                                    let taken = try transaction.takenValues(kind: "address", scope: "n", at: transaction.ambient.now())
                                    guard let free = (1...200).map(String.init).first(where: { !taken.contains($0) }) else {
                                        throw .refused("full")
                                    }
                                    let mine = try transaction.claim(
                                        kind: "address", scope: "n", value: free, for: service.id, restSeconds: 0)
                                    guard mine else { throw .busy }
                                    return free
                                }
                            } catch StoreError.busy { continue }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(values).count == 100 && values.count == 100)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a value of an ended service rests before somebody else gets it`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let (one, two) = try await store.transaction { transaction throws(StoreError) in
                (try transaction.exampleService("one"), try transaction.exampleService("two"))
            }
            func claim(_ service: Service) async throws -> Bool {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.claim(kind: "port", scope: "", value: "8080", for: service.id, restSeconds: 600)
                }
            }
            #expect(try await [claim(one), claim(one), claim(two)] == [true, true, false])
            try await store.transaction { transaction throws(StoreError) in
                try transaction.setDesired(.terminated, suspensions: [], of: one)
            }
            #expect(try await claim(two) == false)
            clock.advance(milliseconds: 600_000)
            #expect(try await [claim(two), claim(one)] == [true, false])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a newer job replaces the one that waits, and one of a service runs at a time`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let service = try await store.transaction { transaction throws(StoreError) in try transaction.exampleService() }
            func queue() async throws -> Operation {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.createOperation("x", of: service.id, job: try transaction.queueJob(for: service), actor: "system")
                }
            }
            func lease() async throws -> [LeasedJob] {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.leaseJobs(holder: "a", leaseMilliseconds: 60_000, limit: 10)
                }
            }
            let (first, second) = (try await queue(), try await queue())
            let leased = try await lease()
            #expect(leased.map(\.job.id) == [second.jobID] && leased[0].job.fence == 1 && leased[0].service.actual == .absent)
            let third = try await queue()
            #expect(try await lease().isEmpty, "its service has a job running")
            let outcome = JobOutcome(
                job: leased[0].job, actual: .active, appliedRevision: 1, choices: nil, details: ["a": 1], ending: .done)
            #expect(try await store.transaction { transaction throws(StoreError) in try transaction.record(outcome) })
            #expect(
                try await store.transaction { transaction throws(StoreError) in try transaction.record(outcome) } == false, "only once")
            let states = try await store.read { reader throws(StoreError) -> [OperationState?] in
                [try reader.operation(first.id)?.state, try reader.operation(second.id)?.state, try reader.operation(third.id)?.state]
            }
            #expect(states == [.replaced, .done, .pending])
            #expect(try await lease().map(\.job.id) == [third.jobID])
            let kept = try await store.read { reader throws(StoreError) in try reader.service(service.id) }
            #expect(kept?.details == ["a": 1] && kept?.madeAt != nil && kept?.choices == service.choices)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a lease that ends goes to the next holder and the late outcome counts for nothing`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let service = try await store.transaction { transaction throws(StoreError) -> Service in
                let service = try transaction.exampleService()
                _ = try transaction.queueJob(for: service)
                return service
            }
            func lease(_ holder: String) async throws -> [LeasedJob] {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.leaseJobs(holder: holder, leaseMilliseconds: 1000, limit: 10)
                }
            }
            func record(_ leased: LeasedJob, _ ending: JobOutcome.Ending) async throws -> Bool {
                let outcome = JobOutcome(job: leased.job, actual: .active, appliedRevision: 1, choices: nil, details: nil, ending: ending)
                return try await store.transaction { transaction throws(StoreError) in try transaction.record(outcome) }
            }
            let early = try await lease("a")
            #expect(early.count == 1)
            clock.advance(milliseconds: 999)
            #expect(try await lease("b").isEmpty)
            clock.advance(milliseconds: 1)
            let late = try await lease("b")
            #expect(late.count == 1 && late[0].job.fence == 2 && late[0].service.actual == .unknown, "somebody may have acted")
            #expect(try await record(early[0], .done) == false)
            let again = clock.ambient.now().adding(seconds: 5)
            #expect(try await record(late[0], .retry(at: again, failure: "unreachable")))
            #expect(try await lease("c").isEmpty)
            clock.advance(milliseconds: 5000)
            let third = try await lease("c")
            #expect(third.first?.job.attempts == 3)
            #expect(try await store.read { reader throws(StoreError) in try reader.service(service.id)?.failure } == "unreachable")
        }
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `many holders share the jobs and none gets one twice`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            for _ in 0..<4 {
                try await store.transaction { transaction throws(StoreError) in
                    for index in 0..<50 { _ = try transaction.queueJob(for: try transaction.exampleService("s\(index)")) }
                }
            }
            let taken = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for holder in 0..<8 {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            do {
                                let leased = try await store.transaction { transaction throws(StoreError) in
                                    try transaction.leaseJobs(holder: "h\(holder)", leaseMilliseconds: 60_000, limit: 7)
                                }
                                if leased.isEmpty { return mine }
                                mine += leased.map(\.job.id)
                            } catch StoreError.busy { continue }
                        }
                    }
                }
                return try await group.reduce([], +)
            }
            #expect(taken.count == 200 && Set(taken).count == 200)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `places that are full get nothing, and the backend with most room is chosen`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let names = try await store.transaction { transaction throws(StoreError) -> [String?] in
                let (small, large) = (BackendID(transaction.ambient), BackendID(transaction.ambient))
                for (id, name, capacity) in [(small, "small", Int64(1)), (large, "large", 2)] {
                    _ = try transaction.createBackend(
                        NewBackend(id: id, kind: .vpn, name: name, address: "https://\(name).example.com", capacity: capacity))
                }
                var chosen: [String?] = []
                for _ in 0..<4 {
                    let backend = try transaction.roomiestBackend(kind: .vpn)
                    chosen.append(backend?.name)
                    guard let backend else { continue }
                    let service = try transaction.createService(
                        NewService(
                            id: ServiceID(transaction.ambient), subscriptionID: nil, ownerID: nil, kind: .vpn, backendID: backend.id,
                            label: "p", limits: [:], options: [:]))
                    _ = try transaction.queueJob(for: service)
                }
                return chosen
            }
            #expect(names[0] == "large" && Set(names[1...2]) == ["small", "large"] && names[3] == nil)
            let leased = try await store.transaction { transaction throws(StoreError) -> [String] in
                let full = try transaction.backends(kind: .vpn).filter { $0.name == "large" }.map(\.id.text)
                return try transaction.leaseJobs(holder: "a", leaseMilliseconds: 1000, limit: 10, full: full).map(\.job.place)
            }
            #expect(leased.count == 1)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `of services given up the one that has used most passes it on first, each once`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let passed = try await store.transaction { transaction throws(StoreError) -> [Int64?] in
                let user = try transaction.createUser(.example("ada@example.com"))
                let now = transaction.ambient.now()
                let subscription = try transaction.createSubscription(
                    owner: user.id, plan: try transaction.createPlan(.example()), billing: .own, startedAt: now, endsAt: nil)
                func add() throws(StoreError) -> Service {
                    try transaction.createService(
                        NewService(
                            id: ServiceID(transaction.ambient), subscriptionID: subscription.id, ownerID: user.id, kind: .relay,
                            backendID: nil, label: "p", limits: [:], options: [:]))
                }
                for (bytes, isGivenUp) in [(Int64(10), true), (30, true), (20, true), (99, false), (0, true)] {
                    let service = try add()
                    var meter = ServiceMeter(beginning: service.id, at: now)
                    _ = meter.sample(UsageReading(received: bytes, sent: 0, handshake: nil), at: now)
                    try transaction.keepMeter(meter)
                    if isGivenUp { try transaction.setDesired(.terminated, suspensions: [], of: service) }
                }
                var passed: [Int64?] = []
                for round in 0..<4 {
                    if round == 2 { try transaction.forgetGivenUpUse(of: subscription.id) }
                    let service = try add()
                    try transaction.passOnUse(to: service.id, of: subscription.id)
                    passed.append(try transaction.meter(of: service.id)?.used)
                }
                return passed
            }
            #expect(passed == [30, 20, nil, nil])
        }
    }
}
