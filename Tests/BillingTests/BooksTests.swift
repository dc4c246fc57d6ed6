import Domain
@testable import Store
import Telemetry
import TestKit
import Testing

@testable import Billing

@Suite struct BooksTests {
    private static let day: Int64 = 86_400_000

    private func settled(_ ambient: Ambient, _ key: APIKeyID, _ model: String) -> SettledRequest {
        let tokens = TokenCounts(input: 10, output: 20, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5)
        let request = RequestRecord(
            id: RequestID(ambient), apiKeyID: key, keyName: "a key", model: model, path: "/v1/messages", stream: true, status: .success,
            httpStatus: 200, startedAt: ambient.now(), durationMilliseconds: 1200, ttftMilliseconds: 300, attempts: 1, tokens: tokens,
            costMicroUSD: 700, priceMicroUSD: 900, usageSource: .final, upstreamRequestID: "req_011")
        let entry = LedgerEntry(
            requestID: request.id, attempt: 1, apiKeyID: key, model: model, tokens: tokens, costMicroUSD: 700, priceMicroUSD: 900,
            usageSource: .final, at: request.startedAt)
        return SettledRequest(request: request, entries: [entry])
    }

    /// So many requests of yesterday and of today, over three keys and two models.
    private func fill(_ store: Store, _ clock: TestClock, _ count: Int) async throws {
        let keys = (0..<3).map { _ in APIKeyID(store.ambient) }
        for _ in 0..<2 {
            var batch: [SettledRequest] = []
            for number in 0..<count {
                batch.append(settled(store.ambient, keys[number % 3], number % 2 == 0 ? "a" : "b"))
            }
            _ = try await store.transaction { [batch] transaction throws(StoreError) in try transaction.settle(batch) }
            clock.advance(milliseconds: Self.day)
        }
        clock.advance(milliseconds: -Self.day)
    }
    private func told(_ store: Store) async throws -> [OutboxEvent] {
        try await store.read { reader throws(StoreError) in try reader.promised("books.", limit: 10) }
    }

    @Test(arguments: TestDatabase.allCases)
    func `books that balance are told to nobody, and parts add up to the whole`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            try await fill(store, clock, 50)
            let today = store.ambient.zone.dayText(store.ambient.now())
            for entries in [1, 7, 50, 1000] {
                let sums = try await store.read { reader throws(StoreError) in
                    var (sums, place): ([UsageDayKey: Usage], LedgerPlace?) = ([:], nil)
                    repeat {
                        let (part, end) = try reader.ledgerSums(after: place, before: today, entries: entries)
                        for (key, usage) in part { sums[key, default: Usage()].add(usage) }
                        place = end
                    } while place != nil
                    return sums
                }
                let totals = try await store.read { reader throws(StoreError) in
                    try reader.dayTotals(after: nil, before: today, limit: 100)
                }
                #expect(totals.count == 6 && sums == Dictionary(uniqueKeysWithValues: totals.map { ($0.key, $0.usage) }))
            }
            let books = Books(store: store, log: .silent, metrics: Metrics())
            #expect(try await books.pass().isBalanced)
            #expect(try await told(store).isEmpty)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a daily total that is not the sum of its entries is told once a night, and its end too`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            try await fill(store, clock, 12)
            let today = store.ambient.zone.dayText(store.ambient.now())
            let first = try #require(
                try await store.read { reader throws(StoreError) in try reader.dayTotals(after: nil, before: today, limit: 1) }.first)
            func tamper(_ by: Int64) async throws {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.execute(
                        """
                        UPDATE usage_days SET price_micro_usd = price_micro_usd + \(by)
                        WHERE api_key_id = \(first.key.apiKeyID) AND day = \(first.key.day) AND model = \(first.key.model)
                        """)
                }
            }
            try await tamper(-1)
            let books = Books(store: store, log: .silent, metrics: Metrics())
            for _ in 0..<2 { #expect(try await books.pass().days == [first.key]) }
            #expect(try await told(store).map(\.kind) == ["books.differ"])
            #expect(try await told(store).first?.body["usage_days"] == 1)
            clock.advance(milliseconds: Self.day)
            #expect(try await !books.pass().isBalanced)
            #expect(try await told(store).count == 2)
            try await tamper(1)
            for _ in 0..<2 { #expect(try await books.pass().isBalanced) }
            #expect(try await told(store).map(\.kind) == ["books.balanced", "books.differ", "books.differ"])
        }
    }

    @Test func `entries that no total has, and totals that no entry has, differ`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            try await fill(store, clock, 6)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.execute("DELETE FROM usage_days WHERE model = 'a'")
                try transaction.execute("UPDATE usage_days SET model = 'c' WHERE model = 'b'")
            }
            let report = try await Books(store: store, log: .silent, metrics: Metrics()).pass()
            #expect(Set(report.days.map(\.model)) == ["a", "b", "c"] && report.days.count == 9)
        }
    }

    @Test func `a balance that is not the sum of its entries is told`() async throws {
        try await withShop { shop in
            let ada = try await shop.person()
            let credit = try await shop.payment(nil, amount: 1000, id: "credit")
            _ = try await shop.receive(Shop.event(credit, id: "credit", event: "credit"))
            let books = Books(store: shop.store, log: .silent, metrics: Metrics())
            func change(_ by: Int64) async throws {
                try await shop.store.transaction { transaction throws(StoreError) in
                    try transaction.execute("UPDATE balances SET amount_minor = amount_minor + \(by)")
                }
            }
            try await change(1)
            #expect(try await books.pass().balances == ["\(ada.id.text) USD"])
            try await change(-1)
            #expect(try await books.pass().isBalanced)
        }
    }

    @Test func `the next night is the next three in the morning of the zone`() {
        let midnight = Timestamp(year: 2026, month: 11, day: 21)
        for (now, next): (Int64, Int64) in [(0, 3), (2, 3), (3, 27), (4, 27), (23, 27)] {
            #expect(Books.night(after: midnight.adding(seconds: now * 3600), in: .utc) == midnight.adding(seconds: next * 3600), "\(now)")
        }
    }

    @Test func `it is done at three in the morning`() async throws {
        let clock = TestClock(sleeping: .pauses)
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let credit = try await store.transaction { transaction throws(StoreError) in
                try transaction.createUser(
                    NewUser(email: "ada@example.com", name: "ada", role: .customer, passwordHash: "not a real hash"))
            }
            try await store.transaction { transaction throws(StoreError) in
                try transaction.execute(
                    "INSERT INTO balances (user_id, currency, amount_minor) VALUES (\(credit.id), \(Currency.usd), \(Int64(5)))")
            }
            let books = Task { await Books(store: store, log: .silent, metrics: Metrics()).run() }
            defer { books.cancel() }
            // The clock begins at midnight and stands still at three of one day after the other, so the event tells when it was done.
            var days = 0
            clock.advance(milliseconds: 3 * 3_600_000)
            while try await told(store).isEmpty, days < 1000 {
                for _ in 0..<200 where try await told(store).isEmpty { await Task.yield() }
                clock.advance(milliseconds: 86_400_000)
                days += 1
            }
            let event = try #require(try await told(store).first)
            #expect((event.createdAt.milliseconds / 1000) % 86_400 == 3 * 3600, "\(event.createdAt.text)")
        }
    }
}
