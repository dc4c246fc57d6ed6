import Domain
@testable import Store
import TestKit
import Testing

/// What every database promises to the queries above it; run on each of them.
@Suite struct DatabaseContract {
    @Test(arguments: TestDatabase.allCases)
    func `every kind of value comes back as it went in`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let id = UserID(store.ambient)
            try await store.makeTable("CREATE TABLE kinds (i BIGINT, b BOOLEAN, r DOUBLE PRECISION, t TEXT, y @BYTES@)")
            let texts = ["", "'; DROP TABLE users; --", "naïve 日本 \u{1F512} \\ \" %s $1 ?1", String(repeating: "long", count: 50_000)]
            let bytes: [[UInt8]] = [[], [0], Array(0...255), [0x5c, 0x78, 0x27]]
            for (index, integer) in [Int64.min, -1, 0, Int64.max].enumerated() {
                let (text, blob, truth) = (texts[index], bytes[index], index % 2 == 0)
                let row = try await store.transaction { transaction throws(StoreError) -> Row? in
                    try transaction.execute("DELETE FROM kinds")
                    try transaction.execute("INSERT INTO kinds (i, b, r, t, y) VALUES (\(integer), \(truth), \(-0.125), \(text), \(blob))")
                    return try transaction.rows("SELECT i, b, r, t, y, CAST(\(id) AS TEXT) AS id FROM kinds").first
                }
                let found = try #require(row)
                let i: Int64 = try found["i"]
                #expect(i == integer)
                let b: Bool = try found["b"]
                #expect(b == truth)
                let r: Double = try found["r"]
                #expect(r == -0.125)
                let t: String = try found["t"]
                #expect(t == text)
                let y: [UInt8] = try found["y"]
                #expect(y == blob)
                let sameID: UserID = try found["id"]
                #expect(sameID == id)
            }
            let empty = try await store.transaction { transaction throws(StoreError) -> Row? in
                try transaction.execute("DELETE FROM kinds")
                let (no, none, nothing): (Int64?, String?, [UInt8]?) = (nil, nil, nil)
                try transaction.execute("INSERT INTO kinds (i, t, y) VALUES (\(no), \(none), \(nothing))")
                return try transaction.rows("SELECT i, b, t, y FROM kinds").first
            }
            let row = try #require(empty)
            for column in ["i", "b", "t", "y"] {
                guard case .null = try row.value(column) else {
                    Issue.record("\(column) is not null")
                    continue
                }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a value is never read as SQL`(database: TestDatabase) async throws {
        let attempts = [
            "' OR '1'='1", "\"; DELETE FROM users; --", "x'); DROP TABLE users; --", "$1", "?1", "\\'; SELECT 1", "%' OR 1=1 --", "/**/",
        ]
        try await withStore(database) { store in
            try await store.transaction { transaction throws(StoreError) in
                for (index, attempt) in attempts.enumerated() {
                    let made = try transaction.createUser(.example("user\(index)@example.com", name: attempt))
                    guard made.name == attempt else { throw .refused("changed") }
                    guard try transaction.user(email: attempt) == nil else { throw .refused("matched") }
                }
            }
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == Int64(attempts.count))
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a text with NUL is refused and changes nothing`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            await #expect(throws: StoreError.refused("nul_in_text")) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = try transaction.createUser(.example("a@example.com"))
                    _ = try transaction.createUser(.example("b@example.com", name: "a\0b"))
                }
            }
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 0)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a closure that throws leaves no trace`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            await #expect(throws: StoreError.refused("changed my mind")) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = try transaction.createUser(.example("a@example.com"))
                    throw .refused("changed my mind")
                }
            }
            let user = try await store.read { reader throws(StoreError) in try reader.user(email: "a@example.com") }
            #expect(user == nil)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an error that the closure swallows still rolls everything back`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            await #expect(throws: StoreError.conflict(.userEmail)) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = try transaction.createUser(.example("a@example.com"))
                    do throws(StoreError) { _ = try transaction.createUser(.example("A@example.com")) } catch {}
                }
            }
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 0)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a broken rule is named the same everywhere`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let user = try await store.transaction { transaction throws(StoreError) in try transaction.createUser(.example("a@example.com"))
            }
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.settle([.example(store.ambient, key: APIKeyID(store.ambient))])
                try transaction.audit(actor: "system", action: "test", subject: "none")
                _ = try transaction.claimIdempotencyKey("k", actor: "a", route: "r", bodyDigest: [1])
                _ = try transaction.createAPIKey(.example(owner: user.id, hash: [7]))
            }
            let newUser: SQL = "INSERT INTO users (id, email, name, role, password_hash, status, created_at, updated_at)"
            let newKey: SQL =
                "INSERT INTO api_keys (id, owner_id, name, secret_hash, hash_alg, shown_prefix, shown_suffix, status, created_at, version)"
            let rules: [(Constraint, SQL)] = [
                (.userEmail, "\(newUser) VALUES ('usr_2', 'a@example.com', '', 'admin', '', 'active', 0, 0)"),
                (Constraint("users_id_unique"), "\(newUser) VALUES (\(user.id), 'x', '', 'admin', '', 'active', 0, 0)"),
                (.apiKeySecret, "\(newKey) VALUES ('key_2', NULL, '', \([UInt8]([7])), '', '', '', 'active', 0, 0)"),
                (.foreignKey, "\(newKey) VALUES ('key_2', 'usr_nobody', '', \([UInt8]([8])), '', '', '', 'active', 0, 0)"),
                (
                    .idempotencyKey,
                    "INSERT INTO idempotency_keys (actor, route, key, body_digest, created_at) VALUES ('a', 'r', 'k', \([UInt8]()), 0)"
                ),
                (Constraint("users_role_check"), "UPDATE users SET role = 'owner'"),
                (Constraint("users_email_check"), "UPDATE users SET email = 'Upper@example.com'"),
                (Constraint("ledger_append_only_check"), "UPDATE ledger SET cost_micro_usd = 0"),
                (Constraint("ledger_append_only_check"), "DELETE FROM ledger"),
                (Constraint("events_append_only_check"), "UPDATE events SET actor = 'x'"),
                (Constraint("events_append_only_check"), "DELETE FROM events"),
            ]
            for (constraint, breaking) in rules {
                await #expect(throws: StoreError.conflict(constraint)) {
                    try await store.transaction { transaction throws(StoreError) in try transaction.execute(breaking) }
                }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a mistake in SQL is a programming error and says no value`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let secret = "hunter2hunter2"
            for mistake: SQL in ["SELEC \(secret)", "SELECT nothing FROM nowhere WHERE x = \(secret)", "SELECT missing FROM users"] {
                do throws(StoreError) {
                    _ = try await store.read { reader throws(StoreError) in try reader.rows(mistake).count }
                    Issue.record("\(mistake.parts) ran")
                } catch {
                    guard case .programming(let text) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect(!text.contains(secret))
                }
            }
            let wrongType = try await store.transaction { transaction throws(StoreError) -> Row? in
                try transaction.rows("SELECT 1 AS one").first
            }
            let row = try #require(wrongType)
            #expect(throws: StoreError.programming("column one is no String")) { let _: String = try row["one"] }
            #expect(throws: StoreError.programming("no column two")) { let _: Int64 = try row["two"] }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a hundred transactions at once lose no step`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            try await store.makeTable("CREATE TABLE counter (value BIGINT NOT NULL)")
            try await store.transaction { transaction throws(StoreError) in
                try transaction.execute("INSERT INTO counter (value) VALUES (0)")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await store.transaction { transaction throws(StoreError) in
                            // Read, then write what was read plus one: lost updates would show.
                            let value: Int64 = try transaction.value("value", "SELECT value FROM counter") ?? 0
                            try transaction.execute("UPDATE counter SET value = \(value + 1)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let value: Int64? = try await store.read { reader throws(StoreError) in try reader.value("value", "SELECT value FROM counter") }
            #expect(value == 100)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `one failing among many at once does not take the others along`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let outcomes = await withTaskGroup(of: (Int, StoreError?).self) { group in
                for index in 0..<60 {
                    group.addTask {
                        do throws(StoreError) {
                            try await store.transaction { transaction throws(StoreError) in
                                _ = try transaction.createUser(.example("user\(index)@example.com"))
                                if index % 3 == 1 { throw .refused("not this one") }
                                if index % 3 == 2 { _ = try transaction.createUser(.example("user\(index)@example.com")) }
                            }
                            return (index, nil)
                        } catch { return (index, error) }
                    }
                }
                return await group.reduce(into: [Int: StoreError?]()) { $0[$1.0] = $1.1 }
            }
            for index in 0..<60 {
                let wanted: StoreError? = [nil, .refused("not this one"), .conflict(.userEmail)][index % 3]
                #expect(outcomes[index] == .some(wanted))
                let there = try await store.read { reader throws(StoreError) in try reader.user(email: "user\(index)@example.com") != nil }
                #expect(there == (index % 3 == 0))
            }
        }
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `a read sees one moment while others write`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (started, startedBell) = AsyncStream.makeStream(of: Void.self)
            let gate = Gate()
            async let counts = store.read { reader throws(StoreError) -> (Int64, Int64) in
                let before = try reader.userCount()
                startedBell.finish()
                gate.wait()
                return (before, try reader.userCount())
            }
            for await _ in started {}
            try await store.transaction { transaction throws(StoreError) in _ = try transaction.createUser(.example("late@example.com")) }
            gate.open()
            let (before, after) = try await counts
            #expect(before == 0)
            #expect(after == 0)
            let users = try await store.read { reader throws(StoreError) in try reader.userCount() }
            #expect(users == 1)
        }
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `a read cannot write`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            do throws(StoreError) {
                _ = try await store.read { reader throws(StoreError) in try reader.rows("DELETE FROM users").count }
                Issue.record("the read wrote")
            } catch {
                guard case .readOnly = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a closed store refuses, and closing twice is harmless`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            await store.close()
            await store.close()
            await #expect(throws: StoreError.unavailable("the store is closed")) { try await store.health() }
        }
    }
}
