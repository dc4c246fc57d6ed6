import Domain
@testable import Store
import TestKit
import Testing

@Suite struct LedgerContract {
    @Test(arguments: TestDatabase.allCases)
    func `a batch that comes again books nothing twice`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let (key, other, user) = (APIKeyID(store.ambient), APIKeyID(store.ambient), UserID(store.ambient))
            let batch = [
                SettledRequest.example(store.ambient, key: key, user: user),
                SettledRequest.example(store.ambient, key: key, user: user, model: "claude-opus-5"),
                SettledRequest.example(store.ambient, key: other),
            ]
            var booked: [Int] = []
            for part in [Array(batch[..<2]), batch, batch] {
                booked.append(try await store.transaction { transaction throws(StoreError) in try transaction.settle(part) })
            }
            #expect(booked == [2, 1, 0])
            let day = store.ambient.now().dayText
            let (usage, byKey, mismatches) = try await store.read { reader throws(StoreError) in
                (
                    try reader.usage(UsageFilter(apiKeyID: key, fromDay: day, toDay: day)), try reader.usageByKey(owner: user, day: day),
                    try reader.usageMismatches()
                )
            }
            #expect(
                usage.requests == 2 && usage.tokens == TokenCounts(input: 20, output: 40, cacheWrite5m: 6, cacheWrite1h: 8, cacheRead: 10))
            #expect(usage.costMicroUSD == 1400 && usage.priceMicroUSD == 1800)
            #expect(byKey == [key: usage])
            #expect(mismatches.isEmpty)
            let entries = try await store.read { reader throws(StoreError) in try reader.ledger(limit: 2) }
            let rest = try await store.read { reader throws(StoreError) in try reader.ledger(after: entries.items.last, limit: 2) }
            #expect(entries.hasMore && !rest.hasMore)
            #expect(entries.items + rest.items == batch.flatMap(\.entries).sorted { $0.requestID < $1.requestID })
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a failed attempt is booked to the operator and not to the customer`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            var settled = SettledRequest.example(store.ambient, key: key)
            settled.entries[0].attempt = 2
            var failed = settled.entries[0]
            (failed.attempt, failed.charged, failed.priceMicroUSD) = (1, false, 0)
            var third = settled.entries[0]
            third.attempt = 3
            settled.entries = [failed, settled.entries[0], third]
            let request = settled
            let booked = try await store.transaction { transaction throws(StoreError) in try transaction.settle([request]) }
            #expect(booked == 3)
            let (usage, entries, mismatches) = try await store.read { reader throws(StoreError) in
                (
                    try reader.usage(UsageFilter(apiKeyID: key)), try reader.ledgerEntries(of: request.request.id),
                    try reader.usageMismatches()
                )
            }
            #expect(usage.requests == 1, "one request, however many attempts were charged")
            #expect(usage.costMicroUSD == 1400)
            #expect(entries == request.entries)
            #expect(mismatches.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `the same batch from many at once is booked once`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            let batch = (0..<20).map { _ in SettledRequest.example(store.ambient, key: key) }
            let booked = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await store.transaction { transaction throws(StoreError) in try transaction.settle(batch) } }
                }
                return try await group.reduce(0, +)
            }
            let (usage, mismatches) = try await store.read { reader throws(StoreError) in
                (try reader.usage(UsageFilter(apiKeyID: key)), try reader.usageMismatches())
            }
            #expect(booked == 20)
            #expect(usage.requests == 20)
            #expect(mismatches.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `of many rows at once only the new ones count, wherever they stand`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            // More than are written at once, with known ones between new ones, in the order of their ids too, and new ones that come twice.
            var (known, mixed): ([SettledRequest], [SettledRequest]) = ([], [])
            for place in 0..<100 {
                let (old, new) = (SettledRequest.example(store.ambient, key: key), SettledRequest.example(store.ambient, key: key))
                known.append(old)
                mixed += place.isMultiple(of: 3) ? [new, old, new] : [old, new]
            }
            let (first, second) = (known, mixed)
            let booked = try await store.transaction { transaction throws(StoreError) in
                [try transaction.settle(first), try transaction.settle(second), try transaction.settle(second)]
            }
            let (usage, mismatches) = try await store.read { reader throws(StoreError) in
                (try reader.usage(UsageFilter(apiKeyID: key)), try reader.usageMismatches())
            }
            #expect(booked == [100, 100, 0])
            #expect(usage.requests == 200 && usage.tokens.output == 200 * 20)
            #expect(mismatches.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `garbage from upstream is booked within bounds and flagged, and stops nothing`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            var batch = (0..<3).map { _ in SettledRequest.example(store.ambient, key: key, model: "m\0odel") }
            for index in 0..<2 {
                batch[index].entries[0].tokens = TokenCounts(input: .max, output: .min, cacheWrite5m: -1, cacheWrite1h: 1, cacheRead: .max)
                batch[index].entries[0].costMicroUSD = .max
                batch[index].entries[0].priceFlags = "geo_us"
                batch[index].request.tokens = batch[index].entries[0].tokens
                batch[index].request.errorType = "a\0b"
            }
            let all = batch
            let booked = try await store.transaction { transaction throws(StoreError) in try transaction.settle(all) }
            #expect(booked == 3)
            let (entries, mismatches, record) = try await store.read { reader throws(StoreError) in
                (
                    try reader.ledgerEntries(of: all[0].request.id) + reader.ledgerEntries(of: all[2].request.id),
                    try reader.usageMismatches(), try reader.request(all[0].request.id)
                )
            }
            #expect(entries.map(\.priceFlags) == ["geo_us clamped", ""])
            #expect(entries.map(\.tokens.input) == [1_000_000_000_000, 10] && entries.map(\.tokens.output) == [0, 20])
            #expect(entries.map(\.model) == ["m\u{fffd}odel", "m\u{fffd}odel"] && record?.errorType == "a\u{fffd}b")
            #expect(mismatches.isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a wrong daily total is found, and made right from the ledger`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            let settled = SettledRequest.example(store.ambient, key: key)
            try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.settle([settled])
                try transaction.execute("UPDATE usage_days SET output_tokens = output_tokens + 1")
                try transaction.execute(
                    """
                    INSERT INTO usage_days (api_key_id, day, model, requests, input_tokens, output_tokens, cache_write_5m_tokens,
                        cache_write_1h_tokens, cache_read_tokens, web_search_requests, cost_micro_usd, price_micro_usd)
                    VALUES ('key_ghost', '2026-01-01', 'm', 1, 0, 0, 0, 0, 0, 0, 0, 0)
                    """)
            }
            let mismatches = try await store.read { reader throws(StoreError) in try reader.usageMismatches() }
            #expect(mismatches.map(\.apiKeyID) == ["key_ghost", key.text])
            try await store.transaction { transaction throws(StoreError) in try transaction.rebuildUsageDays() }
            let (after, usage) = try await store.read { reader throws(StoreError) in
                (try reader.usageMismatches(), try reader.usage(UsageFilter(apiKeyID: key)))
            }
            #expect(after.isEmpty)
            #expect(usage.tokens == settled.request.tokens)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `usage comes by day, model and key`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let (key, other) = (APIKeyID(store.ambient), APIKeyID(store.ambient))
            var batch: [SettledRequest] = []
            for (day, key, model) in [(0, key, "a"), (0, key, "b"), (1, key, "a"), (1, other, "a")] {
                if day == 1, batch.count == 2 { clock.advance(milliseconds: 86_400_000) }
                batch.append(.example(store.ambient, key: key, model: model))
            }
            let all = batch
            try await store.transaction { transaction throws(StoreError) in _ = try transaction.settle(all) }
            var series: [UsageGrouping: [String: Int64]] = [:]
            for grouping in UsageGrouping.allCases {
                let found = try await store.read { reader throws(StoreError) -> [String: Int64] in
                    Dictionary(
                        uniqueKeysWithValues: try reader.usageSeries(UsageFilter(apiKeyID: key), by: grouping).map {
                            ($0.bucket, $0.usage.requests)
                        })
                }
                series[grouping] = found
            }
            #expect(series[.day] == ["2026-11-21": 2, "2026-11-22": 1])
            #expect(series[.model] == ["a": 2, "b": 1])
            #expect(series[.apiKey] == [key.text: 3])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a pending request is completed, and a finished one never changes`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let pending = RequestRecord.example(store.ambient, key: APIKeyID(store.ambient), status: .pending)
            var finished = pending
            (finished.status, finished.httpStatus, finished.tokens.output) = (.aborted, 499, 77)
            var late = finished
            (late.status, late.tokens.output) = (.success, 1)
            var states: [RequestRecord?] = []
            for record in [pending, finished, late, pending] {
                states.append(
                    try await store.transaction { transaction throws(StoreError) in
                        try transaction.recordRequest(record)
                        return try transaction.request(record.id, apiKeyID: record.apiKeyID)
                    })
            }
            #expect(states == [pending, finished, finished, finished])
            let another = try await store.read { reader throws(StoreError) in
                try reader.request(pending.id, apiKeyID: APIKeyID(reader.ambient))
            }
            #expect(another == nil, "another key's request is not there")
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `history is newest first, filtered, and its pages miss nothing while rows arrive`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let (key, other) = (APIKeyID(store.ambient), APIKeyID(store.ambient))
            let start = store.ambient.now()
            var records: [RequestRecord] = []
            for index in 0..<12 {
                if index % 2 == 0 { clock.advance(milliseconds: 10) }  // pairs share a moment: the id decides
                records.append(
                    .example(
                        store.ambient, key: index == 11 ? other : key, model: index % 3 == 0 ? "a" : "b",
                        status: index % 4 == 0 ? .error : .success))
            }
            let all = records
            try await store.transaction { transaction throws(StoreError) in for record in all { try transaction.recordRequest(record) } }
            func list(_ filter: HistoryFilter, cursor: HistoryCursor? = nil, offset: Int = 0, limit: Int) async throws -> Page<
                RequestRecord
            > {
                try await store.read { reader throws(StoreError) in try reader.history(filter, cursor: cursor, offset: offset, limit: limit)
                }
            }
            let newestFirst = all.sorted { ($0.startedAt, $0.id) > ($1.startedAt, $1.id) }
            let mine = newestFirst.filter { $0.apiKeyID == key }
            var (seen, cursor): ([RequestRecord], HistoryCursor?) = ([], nil)
            while true {
                let page = try await list(HistoryFilter(apiKeyID: key), cursor: cursor, limit: 4)
                seen += page.items
                let new = RequestRecord.example(store.ambient, key: key)
                try await store.transaction { transaction throws(StoreError) in try transaction.recordRequest(new) }
                guard page.hasMore, let last = page.items.last else { break }
                cursor = try HistoryCursor(parsing: HistoryCursor(after: last).text)
            }
            #expect(seen == mine)
            clock.advance(milliseconds: 1)
            let cases: [(HistoryFilter, (RequestRecord) -> Bool)] = [
                (HistoryFilter(apiKeyID: key, model: "a", to: store.ambient.now()), { $0.apiKeyID == key && $0.model == "a" }),
                (HistoryFilter(apiKeyID: other), { $0.apiKeyID == other }),
                (HistoryFilter(status: .error), { $0.status == .error }),
                (HistoryFilter(model: "b", status: .success), { $0.model == "b" && $0.status == .success }),
                (
                    HistoryFilter(apiKeyID: key, model: "b", status: .success),
                    { $0.apiKeyID == key && $0.model == "b" && $0.status == .success }
                ),
                (
                    HistoryFilter(apiKeyID: key, from: start.adding(milliseconds: 20), to: start.adding(milliseconds: 40)),
                    { $0.apiKeyID == key && (start.adding(milliseconds: 20)..<start.adding(milliseconds: 40)).contains($0.startedAt) }
                ),
            ]
            for (filter, belongs) in cases {
                let found = try await list(filter, limit: 100).items.filter { all.contains($0) }
                #expect(found == newestFirst.filter(belongs))
                #expect(!found.isEmpty)
            }
            let offset = try await list(HistoryFilter(apiKeyID: other), offset: 1, limit: 1)
            #expect(offset.items.isEmpty && !offset.hasMore)
        }
    }

    /// A key's page is made of the newest of each model, up to a number of models; beyond it another way is taken.
    @Test(arguments: TestDatabase.allCases, [3, 105])
    func `pages are the same however many models a key has used`(database: TestDatabase, models: Int) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let key = APIKeyID(store.ambient)
            var records: [RequestRecord] = []
            for index in 0..<210 {
                if index % 3 == 0 { clock.advance(milliseconds: 10) }
                records.append(
                    .example(store.ambient, key: key, model: "model \(index * 7 % models)", status: index % 5 == 0 ? .error : .success))
            }
            let all = records
            try await store.transaction { transaction throws(StoreError) in for record in all { try transaction.recordRequest(record) } }
            let newestFirst = all.sorted { ($0.startedAt, $0.id) > ($1.startedAt, $1.id) }
            let failed = newestFirst.filter { $0.status == .error }
            let from = newestFirst[99].startedAt
            let (offset, errors, after, statistics) = try await store.read { reader throws(StoreError) in
                (
                    try reader.history(HistoryFilter(apiKeyID: key), offset: 50, limit: 60),
                    try reader.history(HistoryFilter(apiKeyID: key, status: .error), offset: 2, limit: 10),
                    try reader.history(HistoryFilter(apiKeyID: key), cursor: HistoryCursor(after: newestFirst[149]), limit: 100),
                    try reader.requestStatistics(HistoryFilter(apiKeyID: key, from: from))
                )
            }
            #expect(offset.items == Array(newestFirst[50..<110]) && offset.hasMore)
            #expect(errors.items == Array(failed[2..<12]) && errors.hasMore)
            #expect(after.items == Array(newestFirst[150...]) && !after.hasMore)
            let since = all.filter { $0.startedAt >= from }
            #expect(statistics.requests == Int64(since.count) && statistics.models.count == Set(since.map(\.model)).count)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `cleanup goes in batches and leaves ledger and totals alone`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let key = APIKeyID(store.ambient)
            let old = (0..<7).map { _ in SettledRequest.example(store.ambient, key: key) }
            clock.advance(milliseconds: 1000)
            let limit = store.ambient.now()
            let new = SettledRequest.example(store.ambient, key: key)
            try await store.transaction { transaction throws(StoreError) in _ = try transaction.settle(old + [new]) }
            let would = try await store.read { reader throws(StoreError) in try reader.requestCount(startedBefore: limit) }
            #expect(would == 7)
            var deleted: [Int] = []
            repeat {
                deleted.append(
                    try await store.transaction { transaction throws(StoreError) in
                        try transaction.deleteRequests(startedBefore: limit, limit: 3)
                    })
            } while deleted.last == 3
            #expect(deleted == [3, 3, 1])
            let (statistics, usage, entries) = try await store.read { reader throws(StoreError) in
                (
                    try reader.requestStatistics(HistoryFilter(apiKeyID: key)), try reader.usage(UsageFilter(apiKeyID: key)),
                    try reader.ledger(limit: 100).items.count
                )
            }
            #expect(statistics.requests == 1 && usage.requests == 8 && entries == 8)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `statistics add up`(database: TestDatabase) async throws {
        try await withStore(database) { store in
            let key = APIKeyID(store.ambient)
            var records = ["a", "a", "b"].map { RequestRecord.example(store.ambient, key: key, model: $0) }
            (records[0].durationMilliseconds, records[1].durationMilliseconds, records[2].durationMilliseconds) = (100, 200, nil)
            (records[2].status, records[2].tokens) = (.error, TokenCounts())
            let all = records
            try await store.transaction { transaction throws(StoreError) in for record in all { try transaction.recordRequest(record) } }
            let (found, none) = try await store.read { reader throws(StoreError) in
                (try reader.requestStatistics(HistoryFilter(apiKeyID: key)), try reader.requestStatistics(HistoryFilter(model: "c")))
            }
            #expect(found.requests == 3 && found.tokens.total == 84 && found.averageDurationMilliseconds == 150)
            #expect(found.models == [.init(name: "a", requests: 2, tokens: 84), .init(name: "b", requests: 1, tokens: 0)])
            #expect(found.statuses.map(\.name) == ["success", "error"])
            #expect(none == RequestStatistics())
        }
    }
}
