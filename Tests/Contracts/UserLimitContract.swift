import Domain
@testable import Store
import TestKit
import Testing

@Suite struct UserLimitContract {
    @Test(arguments: TestDatabase.allCases)
    func `a user's limits lower every key that has more and raise none`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (ada, other) = try await store.transaction { transaction throws(StoreError) in
                (try transaction.createUser(.example("a@x.example")), try transaction.createUser(.example("o@x.example")))
            }
            #expect(ada.limits == UserLimits() && ada.limits.keys == UserLimits.standardMaximumKeys)
            let given = [
                APIKeyLimits(), APIKeyLimits(requestsPerMinute: 5, tokensPerDay: 2000), APIKeyLimits(requestsPerMinute: 50, concurrency: 3),
            ]
            let keys = try await store.transaction { transaction throws(StoreError) in
                var keys: [APIKey] = []
                for (index, limits) in given.enumerated() {
                    var new = NewAPIKey.example(owner: ada.id, hash: [UInt8(index)])
                    new.limits = limits
                    keys.append(try transaction.createAPIKey(new))
                }
                keys.append(try transaction.createAPIKey(.example(owner: other.id, hash: [9])))
                return keys
            }
            let most = UserLimits(perKey: APIKeyLimits(requestsPerMinute: 10, tokensPerDay: 1000), maximumKeys: 3)
            let found = try await store.transaction { transaction throws(StoreError) in
                [try transaction.setLimits(most, of: ada.id), try transaction.setLimits(most, of: UserID(transaction.ambient))]
            }
            #expect(found == [true, false])
            let (user, after, count) = try await store.read { reader throws(StoreError) in
                var after: [APIKeyLimits?] = []
                for key in keys { after.append(try reader.apiKey(key.id)?.limits) }
                return (try reader.user(ada.id), after, try reader.apiKeyCount(owner: ada.id))
            }
            #expect(user?.limits == most && count == 3)
            #expect(
                after == [
                    APIKeyLimits(requestsPerMinute: 10, tokensPerDay: 1000), APIKeyLimits(requestsPerMinute: 5, tokensPerDay: 1000),
                    APIKeyLimits(requestsPerMinute: 10, tokensPerDay: 1000, concurrency: 3), APIKeyLimits(),
                ])
            let version = keys.map(\.version).max() ?? 0
            let changed = try await store.read { reader throws(StoreError) in Set(try reader.apiKeyChanges(since: version).map(\.id)) }
            #expect(changed == Set(keys.prefix(3).map(\.id)), "the data path reads the lowered keys again")
            _ = try await store.transaction { transaction throws(StoreError) in try transaction.setLimits(UserLimits(), of: ada.id) }
            let lifted = try await store.read { reader throws(StoreError) in try reader.apiKey(keys[0].id)?.limits }
            #expect(lifted?.requestsPerMinute == 10)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `only another active admin counts as another admin`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let seen = try await store.transaction { transaction throws(StoreError) -> [Bool] in
                let one = try transaction.createUser(.example("1@x.example", role: .admin))
                var seen = [try transaction.anotherAdminExists(besides: one.id)]
                let two = try transaction.createUser(.example("2@x.example", role: .admin))
                seen.append(try transaction.anotherAdminExists(besides: one.id))
                _ = try transaction.setStatus(.blocked, of: two.id)
                seen.append(try transaction.anotherAdminExists(besides: one.id))
                return seen
            }
            #expect(seen == [false, true, false])
        }
    }
}
