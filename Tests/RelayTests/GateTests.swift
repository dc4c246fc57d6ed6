import Domain
import HTTP
import Store
import TestKit
import Testing

@testable import Relay

/// What the relay refuses by itself, and its own read-only answers.
struct GateTests {
    /// Nobody listens on the discard port, and nothing here gets so far.
    private let nowhere = [WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:9")]

    private func check(_ reply: RawReply, _ status: Int, _ type: String, retries: Bool?) {
        #expect(reply.status == status, "\(reply.text)")
        #expect(reply.text.contains("\"type\":\"error\"") && reply.text.contains("\"\(type)\""))
        #expect(reply.header("request-id")?.hasPrefix("req_") == true)
        #expect(reply.text.contains("\"request_id\":\"\(reply.header("request-id") ?? "?")\""))
        switch retries {
        case true?: #expect((Int(reply.header("retry-after") ?? "") ?? 0) >= 1 && reply.header("x-should-retry") == nil)
        case false?: #expect(reply.header("x-should-retry") == "false" && reply.header("retry-after") == nil)
        case nil: #expect(reply.header("retry-after") == nil)
        }
    }

    @Test func `only a known key opens the door`() async throws {
        try await withRelay(nowhere) { world in
            let (good, bad) = (RelayWorld.secret, "cr_" + String(repeating: "0", count: 64))
            for headers in [
                [], ["x-api-key: "], ["x-api-key: \(bad)"], ["authorization: Basic \(good)"], ["x-api-key: short"],
                ["x-api-key: \(good)x"], ["x-api-key: " + String(repeating: "a", count: 600)],
            ] { check(try await world.send(headers: headers), 401, "authentication_error", retries: false) }
            for headers in [
                ["x-api-key: \(good)"], ["authorization: Bearer \(good)"], ["Authorization: bearer  \(good)"], ["x-goog-api-key: \(good)"],
                ["api-key: \(good)"], ["x-api-key: \(bad)", "authorization: Bearer \(good)"], ["x-api-key: \(good)", "api-key: \(good)"],
            ] { #expect(try await world.get("/v1/models", headers: headers).status == 200, "\(headers.map { $0.prefix(20) })") }
        }
    }

    @Test func `a disabled key and an expired one are told so`() async throws {
        try await withRelay(nowhere, expiresAt: Timestamp(seconds: 1_795_219_200 + 60)) { world in
            #expect(try await world.get("/v1/models").status == 200)
            await world.advance(seconds: 60)
            check(try await world.send(), 403, "permission_error", retries: false)
        }
        try await withRelay(nowhere) { world in
            _ = try await world.store.transaction { transaction throws(StoreError) in
                try transaction.setAPIKeyStatus(.disabled, of: world.key.id)
            }
            try await world.relay.refresh()
            check(try await world.send(), 403, "permission_error", retries: false)
            _ = try await world.store.transaction { transaction throws(StoreError) in try transaction.deleteAPIKey(world.key.id) }
            try await world.relay.refresh()
            check(try await world.send(), 401, "authentication_error", retries: false)
        }
    }

    @Test(arguments: ["", "[]", "{", "{\"model\":\"claude-sonnet-5-5\"}", "{\"messages\":[1]}", "{\"model\":1,\"messages\":[1]}"])
    func `a body that cannot be routed is 400 and reaches nobody`(body: String) async throws {
        try await withRelay(nowhere) { world in
            check(try await world.send(body), 400, "invalid_request_error", retries: nil)
            let (history, ledger) = try await world.books()
            #expect(history.isEmpty && ledger.isEmpty)
        }
    }

    @Test func `limits answer with the status and headers of the contract`() async throws {
        try await withRelay(nowhere, limits: APIKeyLimits(requestsPerMinute: 1)) { world in
            #expect(try await world.send().status == 502)
            check(try await world.send(), 429, "rate_limit_error", retries: true)
        }
        try await withRelay(nowhere, limits: APIKeyLimits(concurrency: 0)) { world in
            check(try await world.send(), 429, "rate_limit_error", retries: true)
        }
        try await withRelay(nowhere, limits: APIKeyLimits(tokensPerDay: 0)) { world in
            let reply = try await world.send()
            check(reply, 402, "billing_error", retries: false)
            #expect(reply.text.contains("\"daily_token_limit_exceeded\"") && reply.text.contains("\"resets_at\":\"2026-11-22T"))
        }
        try await withRelay(nowhere, limits: APIKeyLimits(costPerDayMicroUSD: 0)) { world in
            let reply = try await world.send()
            check(reply, 402, "billing_error", retries: false)
            #expect(reply.text.contains("\"daily_cost_limit_exceeded\""))
        }
        try await withRelay(nowhere, allowedModels: "[\"claude-haiku-*\"]") { world in
            check(try await world.send(), 403, "permission_error", retries: false)
            #expect(try await world.get("/v1/models?limit=1000").text.contains("claude-sonnet") == false)
        }
        try await withRelay(nowhere, configure: { $0.limits.concurrent = 0 }) { world in
            check(try await world.send(), 529, "overloaded_error", retries: true)
        }
        try await withRelay(nowhere, configure: { $0.limits.bodyBytes = 16 }) { world in
            check(try await world.send(), 413, "request_too_large", retries: nil)
        }
        try await withRelay(nowhere, configure: { $0.limits.heldBodyBytes = 500 }) { world in
            let large = RelayWorld.body.replacing("hé", with: String(repeating: "a", count: 500))
            check(try await world.send(large), 503, "api_error", retries: true)
            // The first finds nobody there; then the way there is closed for a while.
            for _ in 1...8 { #expect([502, 529].contains(try await world.send().status), "each gives its bytes back") }
        }
    }

    @Test(arguments: [nil, 5]) func `who waits for what others hold of a budget holds nobody up`(concurrency: Int64?) async throws {
        try await withFakeUpstream { fake in
            let account = "sk-account-0001"
            try await withRelay(
                [WorldAccount(secret: account, baseURL: fake.baseURL)], limits: APIKeyLimits(tokensPerDay: 1000, concurrency: concurrency)
            ) { world in
                try await fake.script(account, ["hang-after=content_block_delta#1:60000"])
                func body(_ isStream: Bool) -> String {
                    "{\"model\":\"claude-sonnet-5-5\",\"max_tokens\":600,\"stream\":\(isStream),\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"
                }
                let (first, second) = (try world.client(), try world.client())
                try await first.send(RelayWorld.request(body(true)))
                _ = try await first.text(until: "content_block_delta")
                try await second.send(RelayWorld.request(body(false)))
                let key = try #require(world.relay.services.keys.find(world.key.id))
                for _ in 1...100_000 where key.counters.waiting == 0 { await world.reactor.poke() }
                #expect(key.counters.waiting == 1)
                #expect(try await world.get("/v1/models").status == 200)
                first.close()
                #expect(try await second.reply().status == 200)
                #expect(key.counters.waiting == 0)
            }
        }
    }

    @Test func `a model that no account serves, an encoded body, and the end of the process`() async throws {
        let picky = [WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:9") { $0.modelAllow = "[\"claude-haiku-*\"]" }]
        try await withRelay(picky) { world in
            check(try await world.send(), 404, "not_found_error", retries: false)
            check(
                try await world.send(headers: ["x-api-key: " + RelayWorld.secret, "content-encoding: gzip"]), 400, "invalid_request_error",
                retries: nil)
            world.relay.drain()
            check(try await world.send(), 503, "api_error", retries: true)
        }
    }

    @Test func `history shows a key its own requests and nobody else's`() async throws {
        try await withRelay([], configure: { $0.isDemo = true }) { world in
            for body in [RelayWorld.body, RelayWorld.streamBody] {
                let reply = try await world.send(body)
                #expect(reply.status == 200 && reply.header("x-relay-demo") == "true" && reply.text.contains("demo"))
            }
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && ledger.allSatisfy { $0.priceMicroUSD == 0 && $0.priceFlags == "demo" })
            let page = try await world.get("/api/v1/request-history?limit=1")
            #expect(page.status == 200 && page.text.contains("\"hasMore\":true") && page.text.contains("\"status\":\"success\""))
            let id = try #require(history.first?.id.text)
            #expect(try await world.get("/v1/request-history/\(id)").text.contains(id))
            for path in ["/v1/request-history?limit=0", "/v1/request-history?date=yesterday", "/v1/request-history?status=odd"] {
                let refused = try await world.get(path)
                // These paths are the older relay's, and so are their errors.
                #expect(refused.status == 400 && refused.text.contains(#""error":"Bad request","message""#), "\(refused.text)")
            }
            #expect(try await world.get("/v1/request-history/req_\(String(repeating: "0", count: 32))").status == 404)
            #expect(try await world.get("/v1/request-history", headers: []).status == 401)
            let model = try await world.get("/v1/models/claude-opus-5-5")
            #expect(model.status == 200 && model.text.contains("\"display_name\":\"Claude Opus 5.5\""))
            #expect(try await world.get("/v1/models/unknown").status == 404)
        }
    }

    @Test func `an account that is out for now is 529, not an unknown model, and never the demo`() async throws {
        // A base URL that this relay may not use makes the account unusable here.
        for url in ["http://192.0.2.1", "ftp://example.com"] {
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: url)], configure: { $0.isDemo = true }) { world in
                check(try await world.send(), 529, "overloaded_error", retries: true)
                #expect(!world.relay.isDemo)
            }
        }
        try await withRelay(nowhere, configure: { $0.isDemo = true }) { world in
            _ = try await world.store.transaction { transaction throws(StoreError) in
                for account in try transaction.accounts() {
                    _ = try transaction.setAccountStatus(.disabled, reason: "a test", of: account.id)
                }
            }
            try await world.relay.refresh()
            check(try await world.send(), 529, "overloaded_error", retries: true)
        }
    }
}
