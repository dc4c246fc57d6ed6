import Domain
@testable import Store
import TestKit
import Testing

@Suite struct KeyContract {
    @Test(arguments: TestDatabase.allCases)
    func `a key is kept whole and found by its hash`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            var new = NewAPIKey.example(owner: nil, hash: Array(0..<32), name: "relay")
            new.limits = APIKeyLimits(requestsPerMinute: 60, tokensPerDay: .max, concurrency: 0, costPerDayMicroUSD: 1)
            new.allowedModels = #"["claude-*"]"#
            new.expiresAt = clock.ambient.now().adding(seconds: 60)
            let (wanted, later) = (new, clock.ambient.now().adding(seconds: 60))
            let made = try await store.transaction { transaction throws(StoreError) in try transaction.createAPIKey(wanted) }
            #expect(made.limits == wanted.limits && made.allowedModels == wanted.allowedModels && made.ownerStatus == nil)
            #expect(made.works(at: clock.ambient.now()) && !made.works(at: later), "the end is exclusive")
            let found = try await store.read { reader throws(StoreError) in try reader.apiKey(secretHash: Array(0..<32)) }
            #expect(found == made)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `owners see and delete only their own keys, and deletion is soft`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            try await store.transaction { transaction throws(StoreError) in
                let (ada, bob) = (try transaction.createUser(.example("a@x.example")), try transaction.createUser(.example("b@x.example")))
                let key = try transaction.createAPIKey(.example(owner: ada.id, hash: [1]))
                _ = try transaction.createAPIKey(.example(owner: bob.id, hash: [2]))
                _ = try transaction.createAPIKey(.example(owner: nil, hash: [3]))
                let outcomes = [
                    try transaction.apiKeys(owner: ada.id, limit: 10).items.map(\.id) == [key.id],
                    try transaction.apiKeys(limit: 10).items.count == 3,
                    try !transaction.deleteAPIKey(key.id, owner: bob.id),
                    try transaction.deleteAPIKey(key.id, owner: ada.id),
                    try !transaction.deleteAPIKey(key.id, owner: ada.id),
                    try transaction.apiKeys(owner: ada.id, limit: 10).items.isEmpty,
                    try transaction.apiKey(key.id)?.deletedAt == transaction.ambient.now(),
                    try transaction.apiKey(key.id)?.works(at: transaction.ambient.now()) == false,
                    try !transaction.setAPIKeyStatus(.disabled, of: key.id),
                ]
                guard outcomes.allSatisfy({ $0 }) else { throw .refused("\(outcomes)") }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `every change of a key reaches whoever polls, once and in order`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let user = try await store.transaction { transaction throws(StoreError) in try transaction.createUser(.example("a@x.example")) }
            var seen: Int64 = 0
            func poll() async throws -> [APIKey] {
                let since = seen
                let changes = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: since) }
                #expect(changes.map(\.version) == changes.map(\.version).sorted())
                seen = changes.last?.version ?? seen
                return changes
            }
            #expect(try await poll().isEmpty)
            let keys = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.createAPIKey(.example(owner: user.id, hash: [1])),
                    try transaction.createAPIKey(.example(owner: nil, hash: [2])),
                ]
            }
            #expect(try await poll().map(\.id) == keys.map(\.id))
            #expect(try await poll().isEmpty)
            for change in 0..<5 {
                let done = try await store.transaction { transaction throws(StoreError) -> Bool in
                    switch change {
                    case 0: try transaction.setAPIKeyStatus(.disabled, of: keys[0].id)
                    case 1:
                        try transaction.updateAPIKey(
                            keys[0].id, name: "n", limits: APIKeyLimits(concurrency: 3), allowedModels: nil, expiresAt: nil)
                    case 2: try transaction.setStatus(.blocked, of: user.id)
                    case 3: try transaction.setStatus(.active, of: user.id)
                    default: try transaction.deleteAPIKey(keys[0].id)
                    }
                }
                #expect(done)
                #expect(try await poll().map(\.id) == [keys[0].id])
            }
            try await store.transaction { transaction throws(StoreError) in
                try transaction.recordUse(of: keys[1].id, at: Timestamp(milliseconds: 20))
                try transaction.recordUse(of: keys[1].id, at: Timestamp(milliseconds: 10))
            }
            #expect(try await poll().isEmpty, "use is not a change")
            let used = try await store.read { reader throws(StoreError) in try reader.apiKey(keys[1].id)?.lastUsedAt }
            #expect(used == Timestamp(milliseconds: 20), "last use never goes back")
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an account from the environment is made once and updated after`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let first = try await store.transaction { transaction throws(StoreError) in
                try transaction.importAccount(.example(), sourceKey: "env:a@example.com") { id throws(StoreError) in
                    Array("sealed for \(id)".utf8)
                }
            }
            #expect(first.secretSealed == Array("sealed for \(first.id)".utf8) && first.source == .environment && first.status == .active)
            let blocked = try await store.transaction { transaction throws(StoreError) in
                try transaction.setAccountStatus(.blocked, reason: "401", of: first.id)
            }
            #expect(blocked)
            let versionBefore = try await store.read { reader throws(StoreError) in try reader.accountsVersion() }
            var details = AccountDetails.example("renamed")
            (details.priority, details.maxConcurrency, details.modelAllow) = (1, 4, "[]")
            let changed = details
            let second = try await store.transaction { transaction throws(StoreError) in
                try transaction.importAccount(changed, sourceKey: "env:a@example.com") { _ throws(StoreError) in [9] }
            }
            #expect(second.id == first.id && second.details == changed && second.secretSealed == [9])
            #expect(second.status == .blocked, "starting again does not unblock an account")
            let (all, version) = try await store.read { reader throws(StoreError) in (try reader.accounts(), try reader.accountsVersion()) }
            #expect(all == [second])
            #expect(version > versionBefore && version == second.version)
            let outcomes = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.resealAccount(first.id, from: [8], to: [7]),
                    try transaction.resealAccount(first.id, from: [9], to: [7]),
                    try transaction.deleteAccount(first.id), try transaction.deleteAccount(first.id),
                ]
            }
            #expect(outcomes == [false, true, true, false])
        }
    }

    @Test(arguments: [0, 101])
    func `a priority outside 1 to 100 is refused`(priority: Int64) async throws {
        for database in TestDatabase.allCases {
            try await withStore(database) { store in
                var details = AccountDetails.example()
                details.priority = priority
                let wrong = details
                await #expect(throws: StoreError.conflict(Constraint("accounts_priority_check"))) {
                    try await store.transaction { transaction throws(StoreError) in
                        try transaction.createAccount(wrong) { _ throws(StoreError) in [1] }
                    }
                }
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `the first sealed secret stays`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let kept = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.sealedSecret("pepper", orInsert: [1], keyID: "k1"),
                    try transaction.sealedSecret("pepper", orInsert: [2], keyID: "k2"),
                ]
            }
            #expect(kept.map(\.value) == [[1], [1]] && kept.map(\.keyID) == ["k1", "k1"])
            let resealed = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.resealSecret("pepper", from: [3], to: [4], keyID: "k3"),
                    try transaction.resealSecret("pepper", from: [1], to: [4], keyID: "k3"),
                ]
            }
            #expect(resealed == [false, true])
            let all = try await store.read { reader throws(StoreError) in try reader.sealedSecrets() }
            #expect(all.map(\.value) == [[4]])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an idempotency key answers the repeat and refuses another body`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            func claim(_ digest: [UInt8]) async throws -> IdempotencyClaim {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.claimIdempotencyKey("k", actor: "usr_1", route: "POST /api/keys", bodyDigest: digest)
                }
            }
            #expect(try await claim([1]) == .new)
            #expect(try await claim([1]) == .underWay)
            #expect(try await claim([2]) == .mismatch)
            clock.advance(milliseconds: 120_001)
            #expect(try await claim([1]) == .new, "its process has died")
            try await store.transaction { transaction throws(StoreError) in
                try transaction.completeIdempotencyKey("k", actor: "usr_1", route: "POST /api/keys", status: 201, response: [0x7b, 0x7d])
            }
            #expect(try await claim([1]) == .done(status: 201, response: [0x7b, 0x7d]))
            let deleted = try await store.transaction { transaction throws(StoreError) in
                try transaction.deleteIdempotencyKeys(madeBefore: Timestamp(milliseconds: .max))
            }
            #expect(deleted == 1)
            #expect(try await claim([2]) == .new)
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.releaseIdempotencyKey("k", actor: "usr_1", route: "POST /api/keys")
            }
            #expect(try await claim([3]) == .new)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a call whose process died is done again only when it had done nothing`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            func claim(_ key: String, _ request: RequestID) async throws -> IdempotencyClaim {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.claimIdempotencyKey(key, actor: "usr_1", route: "POST /x", bodyDigest: [1], request: request)
                }
            }
            let (first, second, third) = (RequestID(clock.ambient), RequestID(clock.ambient), RequestID(clock.ambient))
            for key in ["did", "did not"] { #expect(try await claim(key, key == "did" ? first : second) == .new) }
            try await store.transaction { transaction throws(StoreError) in
                for subject in ["svc_2", "svc_1"] {
                    try transaction.audit(actor: "usr_1", action: "service.order", subject: subject, requestID: first)
                }
            }
            #expect(try await claim("did", third) == .underWay)
            clock.advance(milliseconds: 120_001)
            #expect(try await claim("did not", third) == .new)
            for _ in 0..<2 { #expect(try await claim("did", third) == .interrupted(["svc_1", "svc_2"])) }
        }
    }

    /// As when the money went back and the payment could not be read for the answer.
    @Test(arguments: TestDatabase.allCases)
    func `a key is not released after a call that has done something`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let (first, second) = (RequestID(clock.ambient), RequestID(clock.ambient))
            func claim(_ request: RequestID) async throws -> IdempotencyClaim {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.claimIdempotencyKey("k", actor: "usr_1", route: "POST /x", bodyDigest: [1], request: request)
                }
            }
            func release() async throws -> [String] {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.releaseIdempotencyKey("k", actor: "usr_1", route: "POST /x")
                }
            }
            #expect(try await claim(first) == .new)
            #expect(try await release() == [])
            #expect(try await claim(first) == .new)
            clock.advance(milliseconds: 20)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.audit(actor: "usr_1", action: "payment.refund", subject: "pay_1", requestID: first)
            }
            #expect(try await release() == ["pay_1"])
            for _ in 0..<2 { #expect(try await claim(second) == .interrupted(["pay_1"]), "at once, and again") }
            #expect(try await release() == ["pay_1"])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `the audit comes newest first, in pages`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            for index in 0..<5 {
                clock.advance(milliseconds: 1)
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.audit(
                        actor: index == 4 ? "system" : "usr_1", action: "user.promote", subject: "usr_2", before: "{}",
                        after: #"{"n":\#(index)}"#)
                }
            }
            let first = try await store.read { reader throws(StoreError) in try reader.auditEvents(actor: "usr_1", limit: 3) }
            #expect(first.items.map(\.after) == [#"{"n":3}"#, #"{"n":2}"#, #"{"n":1}"#] && first.hasMore)
            let second = try await store.read { reader throws(StoreError) in
                try reader.auditEvents(before: first.items.last?.id, actor: "usr_1", limit: 3)
            }
            #expect(second.items.map(\.after) == [#"{"n":0}"#] && !second.hasMore)
        }
    }
}
