import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// What models can do: what their names tell, and what operators say.
struct ModelTableTests {
    @Test(arguments: [
        ("claude-sonnet-5-5", 200_000, 64_000), ("claude-sonnet-5-5[1m]", 1_000_000, 64_000), ("claude-sonnet-4-5[1m]", 200_000, 64_000),
        ("claude-3-haiku-20240307", 200_000, 4096), ("claude-3-opus-20240229", 200_000, 4096),
        ("claude-3-5-haiku-20241022", 200_000, 8192), ("claude-opus-4-20250514", 200_000, 32_000),
        ("claude-opus-4-1", 200_000, 32_000), ("claude-opus-4-1-20250805", 200_000, 32_000),
        ("claude-opus-4-5-20251101", 200_000, 64_000), ("claude-sonnet-4-20250514", 200_000, 64_000), ("unknown", 200_000, 8192),
    ])
    func `a name tells what a model reads and writes`(name: String, reads: Int64, writes: Int64) {
        let traits = ModelTraits(name)
        #expect(traits.window == reads && traits.maximumOutput == writes)
    }

    @Test func `an operator's word goes before the name, in lists, conversations and completions`() async throws {
        try await withRelay([], allowedModels: #"["claude-*"]"#) { world async throws in
            func shown(_ id: String) async throws -> JSON { try JSON(parsing: try await world.get("/v1/models/" + id).body) }
            let before = try await shown("claude-opus-5-5")
            #expect(before["max_input_tokens"] == 200_000 && before["max_tokens"] == 64_000 && before["lifecycle"] == "active")
            #expect(try await world.get("/v1/models/claude-next-7").status == 404)
            let retires = try Timestamp(parsing: "2027-03-01T00:00:00Z")
            try await world.change { transaction throws(StoreError) in
                var entry = ModelEntry(id: "claude-opus-5-5")
                (entry.maxInputTokens, entry.maxOutputTokens, entry.displayName) = (1_000_000, 128_000, "Opus, large")
                (entry.lifecycle, entry.retiresAt) = (.deprecated, retires)
                try transaction.setModel(entry)
                try transaction.setModel(ModelEntry(id: "claude-next-7"))
                try transaction.setModel(ModelEntry(id: "other-model"))
            }
            let after = try await shown("claude-opus-5-5")
            #expect(after["max_input_tokens"] == 1_000_000 && after["max_tokens"] == 128_000 && after["display_name"] == "Opus, large")
            #expect(after["lifecycle"] == "deprecated" && after["retires_at"].string == retires.text && after["deprecated_at"] == .null)
            let list = try JSON(parsing: try await world.get("/v1/models?limit=1000").body)["data"].array ?? []
            let ids = list.compactMap { $0["id"].string }
            #expect(ids.contains("claude-next-7") && !ids.contains("other-model") && ids == ids.sorted(), "as far as the key may use them")

            let models = world.relay.services.models
            var rules = OpenAIRequest.Rules(digest: { $0 })
            rules.traits = { models.traits($0) }
            let question: JSON = ["model": "claude-opus-5-5", "messages": [["role": "user", "content": "hi"]]]
            let request = try OpenAIRequest(question, bytes: 10, rules: rules)
            #expect(try JSON(parsing: request.body)["max_tokens"] == 128_000)

            // Half a million tokens of turns fit into a million, and not into 200,000.
            let ask = try ChatAsk(["message": "hi", "model": "claude-opus-5-5"], aliases: .standard)
            var content = ChatContent()
            for _ in 0..<8 {
                content.messages += [
                    ["role": "user", "content": .string(String(repeating: "a ", count: 100_000))], ["role": "assistant", "content": "b"],
                ]
            }
            func turns(_ traits: ModelTraits?) throws -> Int { try JSON(parsing: content.body(ask, traits))["messages"].array?.count ?? 0 }
            #expect(try turns(models.traits(ask.model)) == 17 && turns(nil) < 10)
        }
    }

    @Test func `a page before a model is the one that ends at it`() async throws {
        try await withRelay([]) { world async throws in
            func page(_ query: String) async throws -> (ids: [String], hasMore: Bool?) {
                let page = try JSON(parsing: try await world.get("/v1/models?" + query).body)
                return ((page["data"].array ?? []).compactMap { $0["id"].string }, page["has_more"].bool)
            }
            let all = try await page("limit=1000").ids
            try #require(all.count > 8)
            let before = try await page("limit=3&before_id=\(all[7])")
            #expect(before.ids == Array(all[4..<7]) && before.hasMore == true)
            let first = try await page("limit=3&before_id=\(all[3])")
            #expect(first.ids == Array(all[..<3]) && first.hasMore == false)
            let after = try await page("limit=3&after_id=\(all[3])")
            #expect(after.ids == Array(all[4..<7]) && after.hasMore == true)
        }
    }
}
