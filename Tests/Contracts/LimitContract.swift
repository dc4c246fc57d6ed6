import Domain
@testable import Store
import TestKit
import Testing

@Suite struct LimitContract {
    @Test func `limits and access read what they write, and name what they do not know`() throws {
        var limits = APIKeyLimits(requestsPerMinute: 1, concurrency: 2)
        for (index, member) in APIKeyLimits.members.enumerated() {
            limits[keyPath: member.path] = min(Int64(index), member.range.upperBound)
        }
        var read = APIKeyLimits()
        try read.read(document: limits.wholeDocument)
        #expect(read == limits)
        #expect(throws: InputErrors.self) { try read.apply(["tokens_per_dya": 1]) }
        #expect(throws: InputErrors.self) { try read.apply(["week_reset_day": 8]) }
        #expect(throws: InputErrors.self) { try read.apply(["concurrent": "3"]) }
        try read.apply(["concurrent": nil, "hard_stop": true])
        #expect(read.concurrency == nil && read.hardStop == 1)
        var window = APIKeyLimits()
        let fault = #expect(throws: InputErrors.self) { try window.apply(["window_requests": 5, "window_tokens": nil]) }
        #expect(fault?.fields.map(\.field) == ["limits.window_requests"], "a window without a length limits nothing")
        window = APIKeyLimits()
        try window.apply(["window_minutes": 60])
        try window.apply(["window_tokens": 5])
        #expect(window.windowMinutes == 60 && window.windowTokens == 5)
        #expect(throws: InputErrors.self) { try window.apply(["window_minutes": nil]) }
        // As an older dashboard leaves it.
        (window.windowMinutes, window.windowRequests, window.windowTokens) = (nil, 5, nil)
        try window.apply(["tokens_per_day": 7])
        try window.apply(["window_requests": nil, "window_minutes": nil])
        #expect(window == APIKeyLimits(tokensPerDay: 7))
        var access = APIKeyAccess()
        try access.apply([
            "denied_models": ["a*"], "allowed_clients": ["claude-code"], "ip_allowlist": ["192.0.2.0/24"], "permissions": ["messages"],
            "activation_seconds": 3600, "price_millionths": 1_500_000, "debug": true,
        ])
        #expect(try APIKeyAccess(document: access.json.text) == access)
        #expect(throws: InputErrors.self) { try access.apply(["permissions": ["everything"]]) }
        #expect(throws: InputErrors.self) { try access.apply(["price_millionths": -1]) }
        #expect(throws: InputErrors(fields: [FieldError("store_bodies", "must be true or false")])) {
            try access.apply(["store_bodies": "yes"])
        }
        #expect(throws: InputErrors(fields: [FieldError("debug", "must be true or false")])) { try access.apply(["debug": 1]) }
        #expect(throws: StoreError.self) { try APIKeyAccess(document: "{\"unknown\":1}") }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a key keeps all that is said of it, and an old secret for a while`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = try await store.transaction { transaction throws(StoreError) in
                try transaction.createAPIKey(.example(owner: nil, hash: [1]))
            }
            var change = APIKeyChange(key)
            change.name = "renamed"
            change.tags = ["red", "blue_2"]
            change.limits.tokensTotal = 5
            change.limits.requestsPerMinute = 9
            change.access.deniedModels = ["x"]
            change.status = .disabled
            let wanted = change
            let grace = store.ambient.now().adding(seconds: 60)
            let done = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.changeAPIKey(key.id, to: wanted),
                    try transaction.rotateAPIKey(
                        key.id, secretHash: [2], hashAlgorithm: "hmac-sha256", shownPrefix: "cr_cd34", shownSuffix: "cd34", until: grace),
                    try transaction.activateAPIKey(key.id, at: grace), try transaction.activateAPIKey(key.id, at: grace),
                    try transaction.changeAPIKey(APIKeyID(transaction.ambient), to: wanted),
                ]
            }
            #expect(done == [true, true, true, false, false])
            let (after, red, part) = try await store.read { reader throws(StoreError) in
                (
                    try reader.apiKey(key.id), try reader.apiKeys(tag: "red", limit: 10).items.map(\.id),
                    try reader.apiKeys(tag: "re", limit: 10).items.map(\.id)
                )
            }
            #expect(after.map(APIKeyChange.init) == wanted && after?.activatedAt == grace)
            #expect(after?.secretHash == [2] && after?.previousHash == [1] && after?.previousUntil == grace)
            #expect(red == [key.id] && part.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a team's and a person's limits reach their keys, which are read again`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (team, ada, key) = try await store.transaction { transaction throws(StoreError) in
                let ada = try transaction.createUser(.example("a@x.example"))
                return (try transaction.createTeam(name: "blue"), ada, try transaction.createAPIKey(.example(owner: ada.id, hash: [1])))
            }
            #expect(key.teamID == nil && key.ownerLimits == nil)
            var limits = APIKeyLimits()
            limits.costPerMonthMicroUSD = 7
            let given = limits
            var wanted = SharedAccess()
            try wanted.apply(["allowed_models": ["claude-*"], "ip_allowlist": ["192.0.2.0/24"], "activation_seconds": 60])
            let rules = wanted
            let done = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.setTeam(team.id, of: ada.id), try transaction.setSharedLimits(given, rules, of: ada.id),
                    try transaction.updateTeam(team.id, name: "green", limits: given, access: rules), try transaction.deleteTeam(team.id),
                ]
            }
            #expect(done == [true, true, true, false])
            let changed = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: key.version) }
            #expect(changed.map(\.id) == [key.id])
            #expect(changed.first?.teamID == team.id && changed.first?.ownTeamID == nil)
            #expect(changed.first?.ownerLimits == given && changed.first?.teamLimits == given)
            #expect(changed.first?.ownerAccess == rules && changed.first?.teamAccess == rules && changed.first?.awaitsFirstUse == true)
            let first = store.ambient.now()
            let begun = try await store.transaction { transaction throws(StoreError) in
                [try transaction.activateAPIKey(key.id, at: first), try transaction.activateAPIKey(key.id, at: first.adding(seconds: 9))]
            }
            #expect(begun == [true, false], "a lifetime begins once")
            let used = try await store.read { reader throws(StoreError) in try reader.apiKey(key.id) }
            #expect(used?.ends == first.adding(seconds: 60) && used?.activatedAt == first && used?.awaitsFirstUse == false)
            var without = try #require(used?.ownerAccess)
            try without.apply(["activation_seconds": nil])
            try without.apply(["activation_seconds": 60])
            #expect(without.awaitsFirstUse, "what is taken away and set again begins anew")
            await #expect(throws: StoreError.conflict(.teamName)) {
                try await store.transaction { transaction throws(StoreError) in _ = try transaction.createTeam(name: "green") }
            }
            let empty = try await store.transaction { transaction throws(StoreError) in
                [try transaction.setTeam(nil, of: ada.id), try transaction.deleteTeam(team.id)]
            }
            #expect(empty == [true, true])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `use is read in parts of any size, and nothing is left out`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let (begun, today) = (store.ambient.now(), store.ambient.now().dayText)
            let keys = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.createAPIKey(.example(owner: nil, hash: [1])).id,
                    try transaction.createAPIKey(.example(owner: nil, hash: [2])).id,
                ].sorted()
            }
            for number in 0..<5 {
                let settled = SettledRequest.example(store.ambient, key: keys[number % 2])
                _ = try await store.transaction { transaction throws(StoreError) in try transaction.settle([settled]) }
                clock.advance(milliseconds: 1000)
            }
            func recent(since moment: Timestamp, _ entries: Int) async throws -> [APIKeyID: Int64] {
                var (sums, place): ([APIKeyID: Int64], LedgerPlace?) = ([:], nil)
                repeat {
                    let found = try await store.read { [place] reader throws(StoreError) in
                        try reader.recentUsage(since: moment, after: place, entries: entries)
                    }
                    for step in found.steps { sums[step.apiKeyID, default: 0] += step.usage.requests }
                    place = found.end
                } while place != nil
                return sums
            }
            func days(_ rows: Int, today: String) async throws -> [LimitPart] {
                var (parts, last): ([LimitPart], APIKeyID?) = ([], nil)
                repeat {
                    let found = try await store.read { [last] reader throws(StoreError) in
                        try reader.limitUsage(after: last, today: today, month: "2026-11-01", rows: rows)
                    }
                    parts += found.parts
                    last = found.end
                } while last != nil
                return parts
            }
            for size in [1, 2, 5, 100] {
                #expect(try await recent(since: begun, size) == [keys[0]: 3, keys[1]: 2])
                #expect(try await recent(since: begun.adding(milliseconds: 2500), size) == [keys[0]: 1, keys[1]: 1])
                let parts = try await days(size, today: today)
                #expect(Dictionary(uniqueKeysWithValues: parts.map { ($0.apiKeyID, $0.usage.requests) }) == [keys[0]: 3, keys[1]: 2])
                #expect(parts.allSatisfy { $0.span == .today })
            }
            #expect(try await days(1, today: "2026-12-01").allSatisfy { $0.span == .month })
            let owners = try await store.read { reader throws(StoreError) in try reader.keyOwners(after: keys[0]) }
            #expect(owners.map(\.apiKeyID) == [keys[1]])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `price rows are added and never changed`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let row = PriceRow(model: "m", input: 1, output: 2, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5)
            var dearer = row
            dearer.input = 10
            let (first, second) = (row, dearer)
            let added = try await store.transaction { transaction throws(StoreError) in
                [
                    try transaction.addPrices([first], source: "starting"), try transaction.addPrices([first, second], source: "operator"),
                    try transaction.addPrices([second], source: "operator"),
                ]
            }
            #expect(added == [1, 1, 0])
            let rows = try await store.read { reader throws(StoreError) in try reader.prices(since: 0) }
            #expect(rows.map(\.row) == [first, second] && rows.map(\.source) == ["starting", "operator"])
            for text: SQL in ["UPDATE prices SET input = 0", "DELETE FROM prices"] {
                await #expect(throws: StoreError.self) {
                    try await store.transaction { transaction throws(StoreError) in try transaction.execute(text) }
                }
            }
        }
    }
}
