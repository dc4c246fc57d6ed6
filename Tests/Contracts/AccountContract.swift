import Domain
@testable import Store
import TestKit
import Testing

/// Accounts, their groups, cooldowns and tokens, on every database.
@Suite struct AccountContract {
    private func account(_ store: Store, _ name: String = "one") async throws -> Account {
        try await store.transaction { transaction throws(StoreError) in
            var details = AccountDetails(name: name, kind: .oauth, baseURL: "https://up.example.com", maxConcurrency: 3)
            details.caps.requestsPerMinute = 60
            details.caps.tokensPerMinute = 9_000
            details.caps.costPerDayMicroUSD = 5_000_000
            details.isSchedulable = false
            details.notes = "für Notizen"
            details.expiresAt = Timestamp(seconds: 1_900_000_000)
            details.abortPolicy = .drain
            details.withholdsClientFields = true
            details.billsTopLevel = true
            return try transaction.createAccount(details) { _ in [1, 2, 3] }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an account is kept whole, and its proxy apart`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let made = try await account(store)
            let found = try await store.read { reader throws(StoreError) in try reader.account(made.id) }
            #expect(found == made && made.details.caps.tokensPerMinute == 9_000 && made.details.abortPolicy == .drain)
            #expect(made.details.notes == "für Notizen" && !made.details.isSchedulable && made.proxySealed == nil)
            var changed = made.details
            (changed.notes, changed.isSchedulable, changed.caps.requestsPerMinute) = ("", true, nil)
            let details = changed
            try await store.transaction { transaction throws(StoreError) in
                guard try transaction.updateAccount(made.id, details), try transaction.setAccountProxy([9], of: made.id),
                    try transaction.resealAccountProxy(made.id, from: [9], to: [8]),
                    try !transaction.resealAccountProxy(made.id, from: [9], to: [7])
                else { throw .refused("not changed") }
            }
            let after = try await store.read { reader throws(StoreError) in try reader.account(made.id) }
            #expect(after?.details == details && after?.proxySealed == [8] && after?.secretSealed == [1, 2, 3])
            #expect((after?.version ?? 0) > made.version)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `groups hold members, and a deleted account leaves them`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (one, two) = (try await account(store), try await account(store, "two"))
            let group = try await store.transaction { transaction throws(StoreError) in
                let group = try transaction.createAccountGroup(name: "fast", strategy: .weighted, notes: "")
                try transaction.setMembers([one.id, two.id, one.id], of: group.id)
                try transaction.addMember(two.id, to: group.id)
                return group
            }
            func members() async throws -> [AccountID] {
                try await store.read { reader throws(StoreError) in try reader.accountGroupMembers(of: group.id) }
            }
            #expect(try await members() == [one.id, two.id].sorted())
            #expect(try await store.read { reader throws(StoreError) in try reader.accountGroup(named: "fast") } == group)
            await #expect(throws: StoreError.conflict(.accountGroupName)) {
                try await store.transaction { transaction throws(StoreError) in
                    _ = try transaction.createAccountGroup(name: "fast", strategy: nil, notes: "")
                }
            }
            let all = try await store.transaction { transaction throws(StoreError) in
                guard try transaction.deleteAccount(one.id) else { throw .refused("not deleted") }
                return try transaction.accountGroupMembers()
            }
            #expect(all == [group.id: [two.id]])
            try await store.transaction { transaction throws(StoreError) in
                try transaction.removeMember(two.id, from: group.id)
                guard try transaction.updateAccountGroup(group.id, name: "slow", strategy: nil, notes: "n"),
                    try transaction.deleteAccountGroup(group.id), try !transaction.deleteAccountGroup(group.id)
                else { throw .refused("not deleted") }
            }
            #expect(try await store.read { reader throws(StoreError) in try reader.accountGroups() }.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `cooldowns are replaced as a whole, and a reset clears them and lifts a block`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let made = try await account(store)
            let now = store.ambient.now()
            let (all, opus) = (
                AccountCooldown(accountID: made.id, until: now.adding(seconds: 60), reason: "529", steps: 2, since: now),
                AccountCooldown(
                    accountID: made.id, family: "opus", until: now.adding(seconds: 600), isBlock: true, reason: "429 seven_day_opus",
                    since: now)
            )
            try await store.transaction { transaction throws(StoreError) in
                try transaction.recordCooldowns([all], of: made.id)
                try transaction.recordCooldowns([all, opus], of: made.id)
                try transaction.recordCooldowns([all], of: AccountID(transaction.ambient))
                _ = try transaction.setAccountStatus(.blocked, reason: "held", of: made.id)
            }
            #expect(try await store.read { reader throws(StoreError) in try reader.accountCooldowns() } == [all, opus])
            #expect(try await store.transaction { transaction throws(StoreError) in try transaction.resetAccount(made.id) })
            let after = try await store.read { reader throws(StoreError) in (try reader.accountCooldowns(), try reader.account(made.id)) }
            #expect(after.0.isEmpty && after.1?.resets == 1 && after.1?.status == .active && after.1?.statusReason == "")
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.setAccountStatus(.disabled, reason: "", of: made.id)
                _ = try transaction.resetAccount(made.id)
            }
            #expect(
                try await store.read { reader throws(StoreError) in try reader.account(made.id)?.status } == .disabled,
                "who disabled it enables it")
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a test and the last use are remembered side by side`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let made = try await account(store)
            let now = clock.ambient.now()
            try await store.transaction { transaction throws(StoreError) in
                try transaction.recordTest(of: made.id, outcome: "works", detail: "200")
                try transaction.recordUse(of: made.id, at: now.adding(seconds: 5), windows: #"{"5h":{}}"#)
                try transaction.recordTest(of: AccountID(transaction.ambient), outcome: "works", detail: "")
            }
            let health = try await store.read { reader throws(StoreError) in try reader.accountHealth() }
            #expect(health.count == 1 && health[made.id]?.testedAt == now && health[made.id]?.testOutcome == "works")
            #expect(health[made.id]?.lastUsedAt == now.adding(seconds: 5) && health[made.id]?.windows == #"{"5h":{}}"#)
        }
    }

    /// Two refreshers of one token: whoever comes late changes nothing.
    @Test(arguments: TestDatabase.allCases)
    func `a lease is one's own, and a stale write is refused`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let made = try await account(store)
            let source = TokenSource(tokenURL: "https://login.example.com/token", clientID: "client", scopes: "a b")
            try await store.transaction { transaction throws(StoreError) in
                try transaction.setAccountToken(source, clientSecretSealed: [7], refreshSealed: [1], of: made.id)
            }
            func lease(_ known: Int64 = 1) async throws -> RefreshLease {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.takeRefreshLease(made.id, known: known, seconds: 60)
                }
            }
            guard case .taken(let first) = try await lease() else { return #expect(Bool(false), "the first one gets it") }
            #expect(try await lease() == .held(until: clock.ambient.now().adding(seconds: 60)))
            clock.advance(milliseconds: 60_001)
            guard case .taken(let second) = try await lease() else { return #expect(Bool(false), "its time is over") }
            #expect(second.fence == first.fence + 1)
            let ends = clock.ambient.now().adding(seconds: 3600)
            func keep(_ lease: AccountToken, _ access: [UInt8], _ refresh: [UInt8]?) async throws -> Bool {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.storeRefreshed(lease, accessSealed: access, refreshSealed: refresh, expiresAt: ends, scopes: nil)
                }
            }
            #expect(try await !keep(first, [66], [66]), "the fence has moved on")
            #expect(try await keep(second, [2], [3]))
            #expect(try await !keep(second, [67], [67]), "once")
            let kept = try await store.read { reader throws(StoreError) in try reader.accountToken(made.id) }
            #expect(kept?.accessSealed == [2] && kept?.refreshSealed == [3] && kept?.generation == 2 && kept?.expiresAt == ends)
            #expect(kept?.source == source && kept?.clientSecretSealed == [7])
            guard case .newer(let newer) = try await lease() else { return #expect(Bool(false), "somebody has refreshed since") }
            #expect(newer == kept)
            guard case .taken(let third) = try await lease(2) else { return #expect(Bool(false), "free again") }
            let failed = try await store.transaction { transaction throws(StoreError) in
                try transaction.refreshFailed(third, error: "500", nextAttemptAt: ends)
            }
            let after = try await store.read { reader throws(StoreError) in try reader.accountTokens() }
            #expect(failed && after.map(\.failures) == [1] && after.first?.nextAttemptAt == ends && after.first?.accessSealed == [2])
            let nobody = try await store.transaction { transaction throws(StoreError) in
                try transaction.takeRefreshLease(AccountID(transaction.ambient), known: 0, seconds: 1)
            }
            #expect(nobody == .unknown)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a key is bound to an account or a group`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = try await store.transaction { transaction throws(StoreError) in
                let key = try transaction.createAPIKey(.example(owner: nil, hash: [1]))
                guard key.accountBinding == nil, !key.bindingFallsBack,
                    try transaction.bindAPIKey(key.id, to: "group:grp_1", fallsBack: true)
                else { throw .refused("not bound") }
                return key
            }
            let found = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: key.version) }
            #expect(found.map(\.accountBinding) == ["group:grp_1"] && found.first?.bindingFallsBack == true)
        }
    }
}
