import Domain
@testable import Store
import TestKit
import Synchronization
import Testing

/// Each test has a server of its own, because it breaks it.
@Suite struct PostgresFaultTests {
    private func withServer(
        options: StoreOptions = StoreOptions(), _ test: (Store, PostgresCluster, TestClock) async throws -> Void
    ) async throws {
        let (cluster, clock) = (PostgresCluster(), TestClock())
        do {
            let location = try await cluster.location(of: try await cluster.createDatabase())
            let store = try await Store.open(location, ambient: clock.ambient, options: options)
            do {
                _ = try await store.migrate()
                try await test(store, cluster, clock)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        } catch {
            await cluster.end()
            throw error
        }
        await cluster.end()
    }

    private static func add(_ name: String, to store: Store) async throws(StoreError) {
        try await store.transaction { transaction throws(StoreError) in
            _ = try transaction.createUser(NewUser(email: "\(name)@example.com", name: "", role: .customer, passwordHash: ""))
        }
    }

    private static func isUnavailable(_ work: () async throws(StoreError) -> Void) async -> Bool {
        do throws(StoreError) {
            try await work()
            return false
        } catch {
            if case .unavailable = error { return error.isRetryable } else { return false }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a server that was killed is unavailable, and used again when it is back`() async throws {
        try await withServer { store, cluster, clock in
            try await Self.add("before", to: store)
            try await cluster.kill()
            #expect(await Self.isUnavailable { () throws(StoreError) in try await Self.add("lost", to: store) })
            #expect(await Self.isUnavailable { () throws(StoreError) in _ = try await store.health() })
            try await cluster.start()
            clock.advance(milliseconds: Int64(Reconnection.longestMilliseconds) + 1)
            try await Self.add("after", to: store)
            let users = try await store.read { reader throws(StoreError) in try reader.users(limit: 10).items.map(\.email) }
            #expect(users == ["before@example.com", "after@example.com"])
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a restart between two transactions is not noticed`() async throws {
        try await withServer { store, cluster, _ in
            try await Self.add("before", to: store)
            try await cluster.kill()
            try await cluster.start()
            try await Self.add("after", to: store)
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 2)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a server that hangs is unavailable by the deadline`() async throws {
        var options = StoreOptions()
        options.deadlineMilliseconds = 400
        options.poolSize = 1
        options.maxOverflow = 0
        try await withServer(options: options) { store, cluster, clock in
            try await cluster.freeze()
            #expect(await Self.isUnavailable { () throws(StoreError) in try await Self.add("frozen", to: store) })
            try await cluster.thaw()
            clock.advance(milliseconds: Int64(Reconnection.longestMilliseconds) + 1)
            try await Self.add("after", to: store)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a statement that runs past the deadline is ended on the server too`() async throws {
        var options = StoreOptions()
        options.deadlineMilliseconds = 400
        try await withServer(options: options) { store, _, clock in
            #expect(
                await Self.isUnavailable { () throws(StoreError) in
                    _ = try await store.read { reader throws(StoreError) in try reader.rows("SELECT pg_sleep(600) AS slept").count }
                })
            clock.advance(milliseconds: Int64(Reconnection.longestMilliseconds) + 1)
            // Ends when the server has dropped the statement: the time limit bounds it.
            var sleeping: Int64? = 1
            while sleeping != 0 {
                sleeping = try await store.read { reader throws(StoreError) in
                    try reader.value(
                        "count",
                        "SELECT COUNT(*) AS count FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND state = 'active'"
                    )
                }
            }
            let name: String? = try await store.read { reader throws(StoreError) in
                try reader.value("name", "SELECT current_setting('application_name') AS name")
            }
            #expect(name == "gatehouse")
        }
    }

    @Test(.timeLimit(.minutes(2))) func `a connection lost before the commit repeats the closure, one lost during it is told`() async throws
    {
        try await withStore(.postgres) { store in
            let runs = Atomic(0)
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.createUser(NewUser(email: "a@example.com", name: "", role: .customer, passwordHash: ""))
                if runs.add(1, ordering: .relaxed).newValue == 1 {
                    _ = try transaction.rows("SELECT pg_terminate_backend(pg_backend_pid())")
                }
            }
            #expect(runs.load(ordering: .relaxed) == 2)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.connection.script(
                    """
                    CREATE TABLE fatal (id BIGINT);
                    CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON fatal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()
                    """)
            }
            await #expect(throws: StoreError.outcomeUnknown("postgresql was lost during a commit")) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = runs.add(1, ordering: .relaxed)
                    try transaction.execute("INSERT INTO fatal (id) VALUES (1)")
                }
            }
            #expect(runs.load(ordering: .relaxed) == 3, "it is not repeated")
            #expect(!StoreError.outcomeUnknown("").isRetryable)
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 1)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `the pool never opens more connections than it may`() async throws {
        var options = StoreOptions()
        (options.poolSize, options.maxOverflow) = (2, 1)
        try await withStore(.postgres, options: options) { store in
            let counts = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await store.read { reader throws(StoreError) in
                            try reader.value(
                                "count",
                                """
                                SELECT COUNT(*) AS count FROM pg_stat_activity, pg_sleep(0.01)
                                WHERE datname = current_database() AND backend_type = 'client backend'
                                """)
                        }
                    }
                }
                return try await group.reduce(into: [Int64?]()) { $0.append($1) }
            }
            #expect(counts.count == 40)
            #expect(counts.compactMap(\.self).max() == 3)
        }
    }

    @Test func `the age of the oldest connection tells of another program on the database`() async throws {
        let none = try await withStore(.sqlite) { store async throws in try await store.oldestConnectionMilliseconds() }
        #expect(none == nil)
        try await withDatabaseLocation(.postgres) { location in
            let ambient = TestClock().ambient
            let first = try await Store.open(location, ambient: ambient)
            _ = try await first.read { reader throws(StoreError) in try reader.rows("SELECT pg_sleep(0.2) AS slept").count }
            let second = try await Store.open(location, ambient: ambient)
            let both = try await second.oldestConnectionMilliseconds()
            await second.close()
            await first.close()
            #expect((both ?? 0) >= 200)
        }
    }

    @Test func `a wrong password and a missing database say what is wrong and not the password`() async throws {
        try await withDatabaseLocation(.postgres) { location in
            guard case .postgres(let address) = location else {
                Issue.record("\(location)")
                return
            }
            let secret = "hunter2hunter2"
            let wrong = PostgresAddress(parameters: address.parameters, password: secret)
            for place in [wrong, address.setting("dbname", "nowhere"), address.setting("host", "/nowhere")] {
                do throws(StoreError) {
                    let store = try await Store.open(.postgres(place), ambient: TestClock().ambient)
                    await store.close()
                    Issue.record("it was opened")
                } catch {
                    guard case .unavailable(let text) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect(!text.contains(secret) && !text.isEmpty)
                }
            }
        }
    }
}
