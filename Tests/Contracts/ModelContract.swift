import Domain
import Store
import TestKit
import Testing

/// What operators say of models, on both databases.
struct ModelContract {
    @Test(arguments: TestDatabase.allCases)
    func `what is said of a model is kept, replaced, and read by who has read before`(database: TestDatabase) async throws {
        try await withStore(database, clock: TestClock()) { store in
            var entry = ModelEntry(id: "claude-sonnet-5-5")
            (entry.maxInputTokens, entry.displayName) = (1_000_000, "Sonnet")
            entry.retiresAt = Timestamp(milliseconds: 1_900_000_000_000)
            var (first, second) = (entry, ModelEntry(id: "claude-opus-5-5"))
            second.lifecycle = .deprecated
            let (one, two) = (first, second)
            try await store.transaction { transaction throws(StoreError) in
                try transaction.setModel(one)
                try transaction.setModel(two)
            }
            let all = try await store.read { reader throws(StoreError) in try reader.models() }
            #expect(all.map(\.id) == ["claude-sonnet-5-5", "claude-opus-5-5"] && all.map(\.lifecycle) == [.active, .deprecated])
            #expect(all[0].maxInputTokens == 1_000_000 && all[0].maxOutputTokens == nil && all[0].retiresAt == entry.retiresAt)
            first.maxInputTokens = nil
            first.maxOutputTokens = 9
            let changed = first
            try await store.transaction { transaction throws(StoreError) in try transaction.setModel(changed) }
            let last = try #require(all.last).version
            let news = try await store.read { reader throws(StoreError) in try reader.models(since: last) }
            #expect(news.map(\.id) == ["claude-sonnet-5-5"] && news[0].maxInputTokens == nil && news[0].maxOutputTokens == 9)
        }
    }

    @Test func `there is a most, and what is there can still be changed`() async throws {
        try await withStore(.sqliteInMemory, clock: TestClock()) { store in
            try await store.transaction { transaction throws(StoreError) in
                for number in 0..<ModelEntry.maximum { try transaction.setModel(ModelEntry(id: "model-\(number)")) }
            }
            await #expect(throws: StoreError.refused("too_many_models")) {
                try await store.transaction { transaction throws(StoreError) in try transaction.setModel(ModelEntry(id: "one-more")) }
            }
            try await store.transaction { transaction throws(StoreError) in try transaction.setModel(ModelEntry(id: "model-0")) }
        }
    }
}
