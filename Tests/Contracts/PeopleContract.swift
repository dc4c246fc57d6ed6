import Domain
@testable import Store
import TestKit
import Testing

@Suite struct PeopleContract {
    @Test(arguments: TestDatabase.allCases)
    func `a user is found by id, number and e-mail in any case`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let made = try await store.transaction { transaction throws(StoreError) in
                try transaction.createUser(.example("Ada@Example.com", name: "Ada", role: .support))
            }
            #expect(made.email == "ada@example.com" && made.role == .support && made.status == .active)
            #expect(made.createdAt == clock.ambient.now() && made.lastLoginAt == nil)
            let found = try await store.read { reader throws(StoreError) in
                [try reader.user(made.id), try reader.user(number: made.number), try reader.user(email: "ADA@example.COM")]
            }
            #expect(found == [made, made, made])
            clock.advance(milliseconds: 5)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.recordLogin(of: made.id)
                guard try transaction.updateUser(made.id, name: "Ada L.") else { throw .refused("gone") }
            }
            let changed = try await store.read { reader throws(StoreError) in try reader.user(made.id) }
            #expect(changed?.name == "Ada L." && changed?.email == made.email && changed?.lastLoginAt == clock.ambient.now())
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `public numbers rise and are not used again`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            var numbers: [Int64] = []
            for name in ["a", "b"] {
                let user = try await store.transaction { transaction throws(StoreError) in
                    try transaction.createUser(.example("\(name)@x.example"))
                }
                numbers.append(user.number)
            }
            try await store.transaction { transaction throws(StoreError) in try transaction.execute("DELETE FROM users WHERE number > 1") }
            let next = try await store.transaction { transaction throws(StoreError) in try transaction.createUser(.example("c@x.example")) }
            #expect(numbers == [1, 2])
            #expect(next.number == 3)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `many at once make one first admin`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        try await store.transaction { transaction throws(StoreError) in
                            try transaction.createFirstAdmin(email: "admin\(index)@example.com", name: "", passwordHash: "h") != nil
                        }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            let admins = try await store.read { reader throws(StoreError) in try reader.userCount(role: .admin) }
            #expect(made == 1)
            #expect(admins == 1)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `promotion works once and only for somebody who exists`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let outcomes = try await store.transaction { transaction throws(StoreError) -> [Bool] in
                let (one, two) = (try transaction.createUser(.example("1@x.example")), try transaction.createUser(.example("2@x.example")))
                return [
                    try transaction.promoteFirstAdmin(UserID(transaction.ambient)), try transaction.promoteFirstAdmin(one.id),
                    try transaction.promoteFirstAdmin(two.id), try transaction.user(one.id)?.role == .admin,
                ]
            }
            #expect(outcomes == [false, true, false, true])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a session works until it ends, is revoked, or its user is blocked`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let ambient = store.ambient
            let user = try await store.transaction { transaction throws(StoreError) in try transaction.createUser(.example("a@x.example")) }
            let sessions = (0..<4).map { _ in SessionID(ambient) }
            try await store.transaction { transaction throws(StoreError) in
                for (index, session) in sessions.enumerated() {
                    try transaction.createSession(
                        session, user: user.id, kind: .bearer, expiresAt: ambient.now().adding(seconds: index == 0 ? 10 : 100),
                        userAgent: String(repeating: "x", count: 500))
                }
            }
            func active() async throws -> [Bool] {
                try await store.read { reader throws(StoreError) in
                    var active: [Bool] = []
                    for session in sessions { active.append(try reader.activeUser(session: session, user: user.id) != nil) }
                    return active
                }
            }
            #expect(try await active() == [true, true, true, true])
            let another = try await store.read { reader throws(StoreError) in
                try reader.activeUser(session: sessions[1], user: UserID(ambient))
            }
            #expect(another == nil, "a session of one user is not another's")
            clock.advance(milliseconds: 10_000)
            #expect(try await active() == [false, true, true, true])
            let revoked = try await store.transaction { transaction throws(StoreError) in
                [try transaction.revokeSession(sessions[1]), try transaction.revokeSession(sessions[1])]
            }
            #expect(revoked == [true, false])
            #expect(try await active() == [false, false, true, true])
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.setPassword(hash: "new", of: user.id, keeping: sessions[3])
            }
            #expect(try await active() == [false, false, false, true])
            let kept = try await store.read { reader throws(StoreError) in try reader.activeSessions(of: user.id) }
            #expect(kept.map(\.id) == [sessions[3]] && kept.first?.userAgent.count == 200)
            try await store.transaction { transaction throws(StoreError) in _ = try transaction.setStatus(.blocked, of: user.id) }
            #expect(try await active() == [false, false, false, false])
            clock.advance(milliseconds: 1_000_000)
            let deleted = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.deleteSessions(endedBefore: ambient.now(), limit: 3),
                    try transaction.deleteSessions(endedBefore: ambient.now()),
                ]
            }
            #expect(deleted == [3, 1])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a list of users comes in pages that miss nobody`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            try await store.transaction { transaction throws(StoreError) in
                for index in 0..<7 {
                    _ = try transaction.createUser(.example("u\(index)@x.example", role: index == 3 ? .support : .customer))
                }
            }
            var (seen, last): ([String], Int64) = ([], 0)
            var sizes: [Int] = []
            while true {
                let after = last
                let page = try await store.read { reader throws(StoreError) in try reader.users(after: after, limit: 3, role: .customer) }
                seen += page.items.map(\.email)
                sizes.append(page.items.count)
                guard page.hasMore, let end = page.items.last else { break }
                last = end.number
            }
            #expect(seen == [0, 1, 2, 4, 5, 6].map { "u\($0)@x.example" })
            #expect(sizes == [3, 3], "a full last page does not promise more")
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `hashes of other programs are listed by their kind and cost, each once`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let hashes = [
                "$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA", "$2b$12$abcdefghijklmnopqrstuu", "$2b$12$bbcdefghijklmnopqrstuu",
                "$2a$04$abcdefghijklmnopqrstuu", "$pbkdf2-sha256$29000$MDEy$MDEy", "$pbkdf2-sha256$29000$NDEy$MDEy",
                "$pbkdf2-sha256$9$MDEy$MDEy", "$pbkdf2-sha256$1000000$MDEy$MDEy", "plain",
            ]
            let kinds = try await store.transaction { transaction throws(StoreError) -> [String] in
                for (number, hash) in hashes.enumerated() {
                    let user = try transaction.createUser(.example("u\(number)@x.example"))
                    _ = try transaction.upgradePasswordHash(from: user.passwordHash, to: hash, of: user.id)
                }
                return try transaction.olderPasswordKinds()
            }
            let expected = ["$2a$04$", "$2b$12$", "$pbkdf2-sha256$9$", "$pbkdf2-sha256$29000$", "$pbkdf2-sha256$1000000$"]
            #expect(kinds.sorted() == expected.sorted())
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a password hash is replaced only while it is the one that was checked`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let outcomes = try await store.transaction { transaction throws(StoreError) -> [Bool] in
                let user = try transaction.createUser(.example("a@x.example"))
                return [
                    try transaction.upgradePasswordHash(from: "another", to: "new", of: user.id),
                    try transaction.upgradePasswordHash(from: user.passwordHash, to: "new", of: user.id),
                    try transaction.user(user.id)?.passwordHash == "new",
                ]
            }
            #expect(outcomes == [false, true, true])
        }
    }
}
