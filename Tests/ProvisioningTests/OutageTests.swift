import Domain
import Provisioning
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

/// What happens around the workers while they are at it: the database goes, the clock jumps.
@Suite struct OutageTests {
    /// What a test does in the middle of a call to the backend, once.
    private final class Mishap: Sendable {
        private let state = Mutex<(left: Int, act: (@Sendable () async -> Void)?)>((0, nil))
        func set(after calls: Int, _ act: @escaping @Sendable () async -> Void) { state.withLock { $0 = (calls, act) } }
        func call() async {
            let act = state.withLock { state -> (@Sendable () async -> Void)? in
                state.left -= 1
                return state.left == 0 ? state.act : nil
            }
            await act?()
        }
    }

    private static func check(_ world: World, _ ids: [ServiceID]) async throws {
        for id in ids {
            let service = try #require(try await world.service(id))
            #expect(service.actual == .active && service.failure == nil)
            #expect(world.notebook.things(named: id.text).count == 1)
        }
        let creates = world.notebook.effects.filter { $0.hasPrefix("create ") }
        #expect(creates.count == ids.count && Set(creates).count == ids.count, "each was made once")
        #expect(try await world.store.read { reader throws(StoreError) in try reader.serviceCount(ServiceFilter()) } == Int64(ids.count))
    }

    @Test(.timeLimit(.minutes(4))) func `a database that is gone for a minute in the middle of jobs loses nothing and doubles nothing`()
        async throws
    {
        let (cluster, clock, mishap) = (PostgresCluster(), TestClock(), Mishap())
        do {
            let location = try await cluster.location(of: try await cluster.createDatabase())
            let store = try await Store.open(location, ambient: clock.ambient)
            _ = try await store.migrate()
            let world = try World(store, clock) { await mishap.call() }
            var ids: [ServiceID] = []
            for _ in 0..<40 { ids.append(try await world.order().service.id) }
            let gone = Mutex<Timestamp?>(nil)
            mishap.set(after: 10) {
                do { try await cluster.kill() } catch { Issue.record("the database cannot be killed: \(error)") }
                gone.withLock { $0 = clock.ambient.now() }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Outcomes are tried to be kept meanwhile, which moves the clock; what cannot be kept in time is looked at again.
                    do throws(StoreError) { try await world.workers().drain() } catch { #expect(error.isRetryable, "\(error)") }
                }
                while (gone.withLock { $0 }) == nil { await Task.yield() }
                let back = gone.withLock { $0 }?.adding(seconds: 60) ?? clock.ambient.now()
                while clock.ambient.now() < back {
                    clock.advance(milliseconds: 100)
                    await Task.yield()
                }
                try await cluster.start()
                try await group.waitForAll()
            }
            for _ in 0..<100 {
                clock.advance(milliseconds: 400_000)
                do throws(StoreError) {
                    try await world.workers().drain()
                    if try await store.read({ reader throws(StoreError) in try reader.openJobCount() }) == 0 { break }
                } catch { #expect(error.isRetryable, "\(error)") }
            }
            try await Self.check(world, ids)
            await store.close()
        } catch {
            await cluster.end()
            throw error
        }
        await cluster.end()
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `a clock that jumps a day ahead in the middle of jobs doubles nothing, though others take them over`(
        database: TestDatabase
    ) async throws {
        let mishap = Mishap()
        try await withWorld(database, before: { await mishap.call() }) { world in
            var ids: [ServiceID] = []
            for _ in 0..<40 { ids.append(try await world.order().service.id) }
            let others = world.workers()
            let tries = Mutex(0)
            mishap.set(after: 10) {
                world.clock.advance(milliseconds: 86_400_000)
                do throws(StoreError) {
                    let count = try await others.drain()
                    tries.withLock { $0 = count }
                } catch { #expect(error.isRetryable, "\(error)") }
            }
            try await world.workers().drain()
            #expect(tries.withLock { $0 } > 0, "the leases had ended, so that others took over")
            try await world.settle()
            try await Self.check(world, ids)
            // Back to the right time: nothing is undone.
            world.clock.advance(milliseconds: -86_400_000)
            try await world.settle()
            try await Self.check(world, ids)
        }
    }
}
