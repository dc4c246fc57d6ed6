import Domain
import Store
import TestKit
import Testing

/// Message batches, from before the upstream is asked for them, on every database.
@Suite struct BatchContract {
    private static func intent(_ clock: TestClock, _ id: String, _ key: APIKeyID) -> MessageBatch {
        MessageBatch(
            id: id, apiKeyID: key, keyName: "a key", userID: nil, accountID: AccountID(clock.ambient), createdAt: clock.ambient.now(),
            reservedTokens: 500, reservedMicroUSD: 70, reservedOpusMicroUSD: 20, state: "{}", isCreating: true)
    }
    private static func name(_ intent: MessageBatch, _ id: String, _ store: Store) async throws -> Bool {
        try await store.transaction { transaction throws(StoreError) in
            var batch = intent
            (batch.id, batch.isCreating) = (id, false)
            return try transaction.nameBatch(intent.id, as: batch, nextLookAt: transaction.ambient.now())
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a batch is its key's to see once it has a name, which it may be given twice`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let key = APIKeyID(clock.ambient)
            let intent = Self.intent(clock, "creating:1", key)
            let until = clock.ambient.now().adding(seconds: 60)
            for _ in 1...2 {
                try await store.transaction { transaction throws(StoreError) in try transaction.intendBatch(intent, until: until) }
            }
            func seen() async throws -> [MessageBatch] {
                try await store.read { reader throws(StoreError) in
                    try reader.batches(apiKeyID: key, after: nil, before: nil, limit: 10).items
                }
            }
            func open() async throws -> [MessageBatch] {
                try await store.read { reader throws(StoreError) in try reader.openBatches(since: Timestamp(milliseconds: 0)) }
            }
            #expect(try await open() == [intent])
            #expect(try await seen().isEmpty)
            #expect(try await store.read { reader throws(StoreError) in try reader.batch("creating:1", apiKeyID: key) } == nil)
            for _ in 1...2 { #expect(try await Self.name(intent, "msgbatch_1", store)) }
            let named = try await seen()
            #expect(named.map(\.id) == ["msgbatch_1"] && named.first?.reservedOpusMicroUSD == 20 && named.first?.isCreating == false)
            #expect(try await open() == named)
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `a repeat is told of the batch that there is, and what nobody took is forgotten`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let key = APIKeyID(clock.ambient)
            let first = Self.intent(clock, "creating:1", key)
            clock.advance(milliseconds: 1)
            let (second, third) = (Self.intent(clock, "creating:2", key), Self.intent(clock, "creating:3", key))
            let until = clock.ambient.now().adding(seconds: 60)
            for intent in [first, second, third] {
                try await store.transaction { transaction throws(StoreError) in try transaction.intendBatch(intent, until: until) }
            }
            #expect(try await Self.name(first, "msgbatch_1", store))
            #expect(try await !Self.name(second, "msgbatch_1", store))
            // A named batch is not forgotten by mistake.
            try await store.transaction { transaction throws(StoreError) in
                for id in ["creating:3", "msgbatch_1"] { try transaction.forgetBatch(id) }
            }
            let open = try await store.read { reader throws(StoreError) in try reader.openBatches(since: Timestamp(milliseconds: 0)) }
            #expect(open.map(\.id) == ["msgbatch_1"] && open.first?.createdAt == first.createdAt)
        }
    }
}
