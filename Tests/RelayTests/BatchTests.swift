import Domain
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Relay

/// Token counts and batches through the real server to the fake upstream.
struct BatchTests {
    private static let batch =
        #"{"requests":[{"custom_id":"one","params":{"model":"claude-sonnet-5-5","max_tokens":64,"messages":[{"role":"user","content":"hé"}]}},"#
        + #"{"custom_id":"two","params":{"model":"claude-haiku-5-5","max_tokens":32,"messages":[{"role":"user","content":"Hi"}]}}]}"#

    private func withFake(
        limits: APIKeyLimits = APIKeyLimits(), allowedModels: String? = nil, map: String = "{}",
        _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            try await withRelay(
                [WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.modelMap = map }], limits: limits,
                allowedModels: allowedModels
            ) { world in try await test(world, fake) }
        }
    }

    private static func limits(_ change: (inout APIKeyLimits) -> Void) -> APIKeyLimits {
        var limits = APIKeyLimits()
        change(&limits)
        return limits
    }

    private func send(_ method: String, _ path: String, _ world: RelayWorld, secret: String = RelayWorld.secret) async throws -> RawReply {
        let client = try world.client()
        defer { client.close() }
        try await client.send("\(method) \(path) HTTP/1.1\r\nhost: relay.example.com\r\nx-api-key: \(secret)\r\ncontent-length: 0\r\n\r\n")
        return try await client.reply()
    }

    @Test(arguments: ["", "/api", "/claude", "/api/claude"])
    func `tokens are counted upstream, and nothing is billed`(prefix: String) async throws {
        try await withFake { world, fake async throws in
            let reply = try await world.send(RelayWorld.body, prefix + "/v1/messages/count_tokens?beta=true")
            #expect(try reply.status == 200 && JSON(parsing: reply.body)["input_tokens"].int ?? 0 > 3)
            let seen = try await fake.requests(finished: 1)
            #expect(seen.first?["path"] as? String == "/v1/messages/count_tokens" && seen.first?["query"] as? String == "beta=true")
            let (history, ledger) = try await world.books()
            #expect(history.isEmpty && ledger.isEmpty)
        }
    }

    @Test func `a count takes of the request rate, and not of budgets or concurrency`() async throws {
        try await withFake(limits: APIKeyLimits(requestsPerMinute: 1, tokensPerDay: 0, concurrency: 0)) { world, _ async throws in
            #expect(try await world.send(RelayWorld.body, "/v1/messages/count_tokens").status == 200)
            let second = try await world.send(RelayWorld.body, "/v1/messages/count_tokens")
            #expect(second.status == 429 && second.header("retry-after") != nil)
        }
    }

    @Test func `an account that cannot count is passed over, and without another the client gets its 404`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["status=404;type=not_found_error"])
            #expect(try await world.send(RelayWorld.body, "/v1/messages/count_tokens").status == 404)
        }
    }

    @Test func `a batch's results are booked once, at half the price, whoever fetches them how often`() async throws {
        try await withFake { world, fake async throws in
            let made = try JSON(parsing: try await world.send(Self.batch, "/api/v1/messages/batches").body)
            let id = try #require(made["id"].string)
            #expect(made["results_url"].string == "http://relay.example.com/api/v1/messages/batches/\(id)/results")
            let sent = try await fake.requests(finished: 1)
            #expect(sent.first?["body_bytes"] as? Int == Self.batch.utf8.count, "the batch goes up as it came")
            let results = try await world.get("/v1/messages/batches/\(id)/results")
            #expect(results.status == 200 && results.text.split(separator: "\n").count == 2)
            #expect(try await world.get("/v1/messages/batches/\(id)/results").body == results.body)
            #expect(try await send("DELETE", "/v1/messages/batches/\(id)", world).status == 200)
            #expect(try await world.get("/v1/messages/batches/\(id)").status == 404)
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && ledger.count == 2 && ledger.allSatisfy { $0.priceFlags.contains("batch") })
            for line in results.text.split(separator: "\n") {
                let message = try JSON(parsing: Array(line.utf8))["result"]["message"]
                let entry = try #require(ledger.first { $0.model == message["model"].string })
                #expect(entry.tokens.output == message["usage"]["output_tokens"].int && entry.usageSource == .final)
                let whole = PriceTable.starting.price(MeteredUsage(), tokens: entry.tokens, model: entry.model, at: entry.at).microUSD
                #expect(abs(entry.costMicroUSD * 2 - whole) <= 1)
            }
            #expect(try await fake.violations().isEmpty)
        }
    }

    @Test func `a batch belongs to its key, and for every other it does not exist`() async throws {
        try await withFake { world, _ async throws in
            let other = "cr_" + String(repeating: "cd34", count: 16)
            try await world.addKey(other)
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            #expect(try await world.get("/v1/messages/batches/\(id)").status == 200)
            for (method, rest) in [("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")] {
                #expect(try await send(method, "/v1/messages/batches/\(id)" + rest, world, secret: other).status == 404)
            }
            let mine = try JSON(parsing: try await world.get("/v1/messages/batches").body)
            #expect(mine["data"].array?.count == 1 && mine["has_more"] == false && mine["first_id"].string == id)
            let theirs = try JSON(parsing: try await world.get("/v1/messages/batches", headers: ["x-api-key: \(other)"]).body)
            #expect(theirs["data"].array?.isEmpty == true)
            let cancelled = try JSON(parsing: try await send("POST", "/v1/messages/batches/\(id)/cancel", world).body)
            #expect(cancelled["processing_status"].string == "canceling")
        }
    }

    @Test func `a batch that may cost more than the budget is refused, and what runs is held back`() async throws {
        try await withFake(limits: APIKeyLimits(tokensPerDay: 300)) { world, _ async throws in
            let big = Self.batch.replacing("\"max_tokens\":64", with: "\"max_tokens\":1000")
            let refused = try await world.send(big, "/v1/messages/batches")
            #expect(refused.status == 402 && refused.text.contains("daily_token_limit_exceeded"))
            #expect(try await world.send(Self.batch, "/v1/messages/batches").status == 200)
            let second = try await world.send(Self.batch.replacing("two", with: "three"), "/v1/messages/batches")
            #expect(second.status == 402, "the first one's tokens are held back")
        }
    }

    @Test(arguments: [
        (Self.limits { ($0.tokensPerDay, $0.costPerMonthMicroUSD) = (1_000_000, 200) }, "monthly_cost_limit_exceeded", 402),
        (Self.limits { ($0.costPerDayMicroUSD, $0.tokensTotal) = (1_000_000, 300) }, "total_token_limit_exceeded", 402),
        (Self.limits { ($0.tokensPerDay, $0.windowMinutes, $0.windowTokens) = (1_000_000, 60, 300) }, "window_token_limit_exceeded", 429),
    ]) func `a batch hears of the limit that it does not fit under`(limits: APIKeyLimits, code: String, status: Int) async throws {
        try await withFake(limits: limits) { world, _ async throws in
            let refused = try await world.send(
                Self.batch.replacing("\"max_tokens\":64", with: "\"max_tokens\":1000"), "/v1/messages/batches")
            let error = try JSON(parsing: refused.body)["error"]
            #expect(refused.status == status && error["details"]["error_code"].string == code, "\(refused.text)")
            #expect(error["message"].string.map { $0.contains("suffice") && !$0.contains("used up") } == true, "\(refused.text)")
        }
    }

    @Test func `what a batch holds back outlives a restart, and is free when the upstream knows nothing of it`() async throws {
        try await withFake(limits: APIKeyLimits(tokensPerDay: 300)) { world, fake async throws in
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            let counters = try #require(world.relay.services.keys.find(world.key.id)?.counters)
            let held = counters.used(.day).tokens
            #expect(held > 96 && counters.used(.total).tokens == held)
            // As after a start, a day later: nothing of today, and still a part of what is allowed in all.
            world.clock.advance(milliseconds: 86_400_000)
            counters.counts.withLock { $0 = LimitCounters.Counts() }
            for period in [LimitPeriod.day, .total] {
                counters.raise(period, to: LimitAmounts(), around: world.clock.ambient.now(), .none, .utc)
            }
            try await world.relay.batches.holdOpen()
            #expect(counters.used(.day).tokens == 0 && counters.used(.total).tokens == held)
            try await fake.script("sk-account-one", ["status=404;type=not_found_error"])
            #expect(try await world.get("/v1/messages/batches/\(id)").status == 404)
            #expect(counters.used(.total).tokens == 0)
        }
    }

    @Test func `results that were booked before a restart are not counted again after it`() async throws {
        try await withFake { world, _ async throws in
            let (key, now) = (world.key.id, world.clock.ambient.now())
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            let found = try await world.store.read { reader throws(StoreError) in try reader.batch(id, apiKeyID: key) }
            // The first of its two results, booked by a process that has ended since.
            let (batch, tokens) = (try #require(found), TokenCounts(input: 10, output: 20))
            let request = BatchResults.requestID(batch, "one")
            let record = RequestRecord(
                id: request, apiKeyID: key, keyName: "a key", model: "claude-sonnet-5-5", path: "/v1/messages/batches", stream: false,
                status: .success, startedAt: batch.createdAt, attempts: 1, tokens: tokens)
            let entry = LedgerEntry(
                requestID: request, attempt: 1, apiKeyID: key, model: "claude-sonnet-5-5", tokens: tokens, costMicroUSD: 300,
                priceMicroUSD: 300, usageSource: .final, at: now)
            let settled = SettledRequest(request: record, entries: [entry])
            _ = try await world.store.transaction { transaction throws(StoreError) in try transaction.settle([settled]) }
            world.clock.advance(milliseconds: 1000)
            let counters = try #require(world.relay.services.keys.find(key)?.counters)
            let known = LimitAmounts(tokens: tokens.limited, costMicroUSD: 300)
            counters.counts.withLock { $0 = LimitCounters.Counts() }
            counters.raise(.total, to: known, around: world.clock.ambient.now(), .none, .utc)
            try await world.relay.batches.holdOpen()
            #expect(try await world.get("/v1/messages/batches/\(id)/results").status == 200)
            let ledger = try await world.books().ledger
            #expect(ledger.count == 2 && ledger.contains { $0.requestID == request && $0.priceMicroUSD == 300 })
            #expect(counters.used(.total).costMicroUSD == ledger.reduce(0) { $0 + $1.priceMicroUSD })
            #expect(counters.used(.total).tokens == ledger.reduce(0) { $0 + $1.tokens.limited })
        }
    }

    @Test func `a batch with fewer results than requests is counted and booked only when all are there, or none will come`() async throws {
        try await withFake { world, _ async throws in
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            let (key, path) = (world.key.id, "/v1/messages/batches/\(id)/results")
            func booked() async throws -> Timestamp? {
                try await world.store.read { reader throws(StoreError) in try reader.batch(id, apiKeyID: key) }?.bookedAt
            }
            func say(_ counts: String) async throws {
                try await world.store.transaction { transaction throws(StoreError) in
                    try transaction.updateBatch(id, state: #"{"request_counts":{\#(counts)}}"#, nextLookAt: nil)
                }
            }
            let differences = world.metrics.counter(.relayBatchDifferences)
            try await say(#""processing":0,"succeeded":2,"errored":1"#)
            #expect(try await world.get(path).status == 200)
            #expect(try await booked() == nil)
            #expect(differences.value == 1)
            let counters = try #require(world.relay.services.keys.find(key)?.counters)
            let held = counters.used(.total)
            try await say(#""succeeded":1,"expired":1"#)
            #expect(try await world.get(path).status == 200)
            #expect(try await booked() != nil)
            #expect(differences.value == 1 && counters.used(.total) != held)
        }
    }

    @Test func `what came of a batch is booked in the end, however many results the upstream owes`() async throws {
        try await withFake { world, _ async throws in
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            let key = world.key.id
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.updateBatch(id, state: #"{"request_counts":{"succeeded":3}}"#, nextLookAt: nil)
            }
            world.clock.advance(milliseconds: (BatchBooks.heldSeconds + 1) * 1000)
            #expect(try await world.get("/v1/messages/batches/\(id)/results").status == 200)
            let batch = try await world.store.read { reader throws(StoreError) in try reader.batch(id, apiKeyID: key) }
            #expect(batch?.bookedAt != nil && world.metrics.counter(.relayBatchDifferences).value == 1)
        }
    }

    @Test(arguments: [401, 402, 403, 429], ["", "/results", "/cancel", "delete"])
    func `what is wrong with a batch's account is not the customer's to see`(status: Int, call: String) async throws {
        try await withFake { world, fake async throws in
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            // Asked for twice where the upstream is first asked how far it is.
            let step = "status=\(status);retry-after=7;message=the organisation of far@example.com"
            try await fake.script("sk-account-one", [step, step])
            let path = "/v1/messages/batches/\(id)"
            let reply =
                switch call {
                case "/cancel": try await send("POST", path + call, world)
                case "delete": try await send("DELETE", path, world)
                default: try await world.get(path + call)
                }
            #expect(reply.status == 529 && !reply.text.contains("far@example.com"), "\(reply.text)")
            let wait = try #require(reply.header("retry-after").flatMap { Int($0) })
            #expect(status == 429 ? wait == 7 : (1...60).contains(wait))
            // It rests for what stops messages too; a rate or a right of these calls alone is none of that.
            let isFree = try world.account("sk-account-one").live.availability(.other, now: world.clock.ambient.now()) == .free
            #expect(isFree == [403, 429].contains(status))
        }
    }

    @Test func `every model of a batch has to be allowed, and a model map rewrites only the names`() async throws {
        try await withFake(allowedModels: #"["claude-sonnet-*"]"#) { world, fake async throws in
            #expect(try await world.send(Self.batch, "/v1/messages/batches").status == 403)
            #expect(try await fake.requests().isEmpty)
        }
        try await withFake(map: #"{"claude-haiku-5-5":"claude-haiku-4-5"}"#) { world, fake async throws in
            #expect(try await world.send(Self.batch, "/v1/messages/batches").status == 200)
            #expect(try await fake.requests(finished: 1).first?["body_bytes"] as? Int == Self.batch.utf8.count)
        }
    }

    @Test(arguments: ["", "[]", "{}", #"{"requests":[]}"#, #"{"requests":[{"custom_id":"a","params":{}}]}"#])
    func `a batch that names no work is refused here`(body: String) async throws {
        try await withFake { world, fake async throws in
            #expect(try await world.send(body, "/v1/messages/batches").status == 400)
            #expect(try await fake.requests().isEmpty)
        }
    }

    @Test func `a batch counts once in all limits, of opus too, and of its account's cost of the day`() async throws {
        try await withFakeUpstream { fake in
            let account = WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.caps.costPerDayMicroUSD = 1_000_000_000 }
            try await withRelay([account], limits: APIKeyLimits(costPerDayMicroUSD: 1_000_000_000)) { world in
                let body = Self.batch.replacing("claude-sonnet-5-5", with: "claude-opus-5-5")
                let made = try JSON(parsing: try await world.send(body, "/v1/messages/batches?beta=true").body)
                let id = try #require(made["id"].string)
                #expect(try await fake.requests(finished: 1).first?["query"] as? String == "beta=true")
                let counters = try #require(world.relay.services.keys.find(world.key.id)?.counters)
                let held = counters.used(.total)
                #expect(held.opusCostMicroUSD > 0 && held.opusCostMicroUSD < held.costMicroUSD)
                let key = world.key.id
                let known = try await world.store.read { reader throws(StoreError) in try reader.batch(id, apiKeyID: key) }
                world.relay.batches.hold(try #require(known))
                #expect(counters.used(.total) == held, "a batch holds once")
                for _ in 1...2 { #expect(try await world.get("/v1/messages/batches/\(id)/results").status == 200) }
                let used = counters.used(.total)
                let cost = try world.account("sk-account-one").live.costToday
                let ledger = try await world.books().ledger
                #expect(used.costMicroUSD == ledger.reduce(0) { $0 + $1.priceMicroUSD } && used.costMicroUSD > 0)
                #expect(used.opusCostMicroUSD == ledger.first { $0.model == "claude-opus-5-5" }?.priceMicroUSD)
                #expect(cost == ledger.reduce(0) { $0 + $1.costMicroUSD })
            }
        }
    }

    @Test func `a customer's key in a batch's query stays here`() async throws {
        try await withFake { world, fake async throws in
            let made = try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches?key=cr_1&beta=true").body)
            let id = try #require(made["id"].string)
            #expect(try await world.get("/v1/messages/batches/\(id)?beta=true&api_key=cr_1").status == 200)
            #expect(try await fake.requests(finished: 2).map { $0["query"] as? String } == ["beta=true", "beta=true"])
        }
    }

    @Test(arguments: [400, 422]) func `what the upstream says instead of a batch is passed on as it is`(status: Int) async throws {
        try await withFake { world, fake async throws in
            let id = try #require(try JSON(parsing: try await world.send(Self.batch, "/v1/messages/batches").body)["id"].string)
            try await fake.script("sk-account-one", ["status=\(status);type=invalid_request_error;message=not like this"])
            let reply = try await world.get("/v1/messages/batches/\(id)?beta=true")
            #expect(reply.status == status && reply.text.contains("not like this"), "\(reply.text)")
        }
    }
}
