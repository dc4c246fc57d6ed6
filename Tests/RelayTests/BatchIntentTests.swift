import Domain
@testable import Store
import TestKit
import Testing

@testable import Relay

/// What is written down of a batch before the upstream is asked for it.
struct BatchIntentTests {
    private static let path = "/v1/messages/batches"
    private static let batch =
        #"{"requests":[{"custom_id":"one","params":{"model":"claude-opus-5-5","max_tokens":64,"messages":[{"role":"user","content":"hé"}]}}]}"#

    private func withFake(_ test: (RelayWorld, FakeUpstream) async throws -> Void) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)]) { world in try await test(world, fake) }
        }
    }
    private func script(_ text: String, _ world: RelayWorld) async throws {
        try await world.store.transaction { transaction throws(StoreError) in try transaction.connection.script(text) }
    }
    private func open(_ world: RelayWorld) async throws -> [MessageBatch] {
        try await world.store.read { reader throws(StoreError) in try reader.openBatches(since: Timestamp(milliseconds: 0)) }
    }
    private func counters(_ world: RelayWorld) throws -> LimitCounters {
        try #require(world.relay.services.keys.find(world.key.id)?.counters)
    }

    @Test func `a batch that was taken while the database took no name of it is named later, kept and billed`() async throws {
        try await withFake { world, fake async throws in
            let counters = try counters(world)
            try await script(
                "CREATE TRIGGER nameless BEFORE INSERT ON batches WHEN NOT NEW.is_creating BEGIN SELECT RAISE(ABORT, 'no'); END", world)
            let made = try await world.send(Self.batch, Self.path)
            let id = try #require(try JSON(parsing: made.body)["id"].string)
            let held = counters.used(.total)
            #expect(made.status == 200 && held.costMicroUSD > 0 && held.opusCostMicroUSD > 0)
            #expect(try await world.get(Self.path + "/" + id).status == 404)
            await world.relay.batches.nameAgain()
            #expect(try await open(world).map(\.isCreating) == [true], "it stays written down")
            try await script("DROP TRIGGER nameless", world)
            await world.relay.batches.nameAgain()
            let named = try await open(world)
            #expect(named.map(\.id) == [id] && named.first?.isCreating == false && counters.used(.total) == held)
            #expect(try await world.get(Self.path + "/" + id + "/results").status == 200)
            #expect(try await fake.requests().allSatisfy { ($0["path"] as? String)?.hasSuffix("/cancel") == false })
            let (history, ledger) = try await world.books()
            #expect(history.count == 1 && ledger.count == 1)
            #expect(counters.used(.total).costMicroUSD == ledger.first?.priceMicroUSD)
        }
    }

    @Test func `a batch that cannot be written down never reaches the upstream`() async throws {
        try await withFake { world, fake async throws in
            try await script("CREATE TRIGGER closed BEFORE INSERT ON batches BEGIN SELECT RAISE(ABORT, 'no'); END", world)
            let reply = try await world.send(Self.batch, Self.path)
            #expect(reply.status == 503 && reply.text.contains("usage_cannot_be_recorded"), "\(reply.text)")
            #expect(try await fake.requests().isEmpty)
            let counters = try counters(world)
            #expect(counters.used(.total).tokens == 0 && counters.reserved(.total).tokens == 0)
        }
    }

    @Test func `of a batch that the upstream refuses nothing is left`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["status=400;type=invalid_request_error;message=not like this"])
            #expect(try await world.send(Self.batch, Self.path).status == 400)
            #expect(try await open(world).isEmpty)
            let counters = try counters(world)
            #expect(counters.used(.total).tokens == 0 && counters.reserved(.total).tokens == 0)
        }
    }

    @Test func `what a process has left without a name holds back for its time, is nobody's to see, and is then given up`() async throws {
        try await withFake { world, _ async throws in
            let now = world.clock.ambient.now()
            let intent = MessageBatch(
                id: "creating:one", apiKeyID: world.key.id, keyName: "a key", userID: nil,
                accountID: try world.account("sk-account-one").id, createdAt: now, reservedTokens: 500, reservedMicroUSD: 70,
                reservedOpusMicroUSD: 20, state: "{}", isCreating: true)
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.intendBatch(intent, until: now.adding(seconds: BatchBooks.creatingSeconds))
            }
            try await world.relay.batches.holdOpen()
            let counters = try counters(world)
            #expect(counters.used(.total) == PeriodAmounts(tokens: 500, costMicroUSD: 70, opusCostMicroUSD: 20))
            #expect(try JSON(parsing: try await world.get(Self.path).body)["data"].array?.isEmpty == true)
            func due() async throws -> [MessageBatch] {
                try await world.store.read { reader throws(StoreError) in try reader.batchesToLookAt(limit: 10) }
            }
            #expect(try await due().isEmpty)
            world.clock.advance(milliseconds: BatchBooks.creatingSeconds * 1000)
            for left in try await due() { await world.relay.batches.abandon(left) }
            #expect(counters.used(.total) == PeriodAmounts())
            #expect(try await due().isEmpty)
        }
    }
}
