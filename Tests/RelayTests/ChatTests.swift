import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// The simple chat interface through the real server to the fake upstream.
struct ChatTests {
    private func withFake(
        limits: APIKeyLimits = APIKeyLimits(), _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)], limits: limits) { world in
                try await test(world, fake)
            }
        }
    }

    private func ask(_ body: String, _ world: RelayWorld, secret: String = RelayWorld.secret) async throws -> RawReply {
        try await world.send(body, "/api/chat", headers: ["x-api-key: \(secret)"])
    }
    private func events(_ text: String) throws -> [(id: String, data: JSON)] {
        try text.split(separator: "\n\n").filter { $0.contains("data: ") }.map { frame in
            let lines = frame.split(separator: "\n")
            let id = lines.first { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) } ?? ""
            return (id, try JSON(parsing: Array((lines.last ?? "").dropFirst(6).utf8)))
        }
    }

    @Test func `a question is answered, booked, and goes on in its conversation`() async throws {
        try await withFake { world, fake async throws in
            let first = try await ask(#"{"message":"Explain é","system":"Be brief","model":"claude-3-sonnet","max_tokens":20}"#, world)
            let answer = try JSON(parsing: first.body)
            #expect(first.status == 200 && answer["response"] == answer["message"]["content"], "\(first.text)")
            #expect(
                answer["stop_reason"] == "end_turn" && answer["model"] == "claude-sonnet-5-5"
                    && answer["id"].string?.hasPrefix("r_") == true)
            #expect(first.header("cache-control") == "no-store" && first.header("referrer-policy") == "no-referrer")
            let id = try #require(answer["conversation_id"].string)
            let second = try await ask(#"{"message":"And now?","conversation_id":"\#(id)"}"#, world)
            #expect(try JSON(parsing: second.body)["conversation_id"].string == id)
            let kept = try JSON(parsing: try await world.get("/api/conversations/\(id)").body)
            #expect(kept["turns"] == 2 && kept["system"] == "Be brief")
            #expect(kept["messages"].array?.map { $0["role"].string } == ["user", "assistant", "user", "assistant"])
            #expect(kept["messages"].array?[1]["content"] == answer["response"])
            let sizes = try await fake.requests(finished: 2).compactMap { $0["body_bytes"] as? Int }
            #expect(sizes.count == 2 && sizes[1] > sizes[0], "the stored turns go along")
            #expect(try await fake.violations().isEmpty)
            let raw = try await world.store.read { reader throws(StoreError) in try reader.conversation(id, apiKeyID: world.key.id) }
            #expect(raw.map { !String(decoding: $0.content, as: UTF8.self).contains("Explain") } == true, "sealed at rest")
            let (history, ledger) = try await world.books()
            #expect(history.allSatisfy { $0.dialect == "chat" && $0.path == "/api/chat" } && ledger.count == 2)
            #expect(ledger.contains { $0.tokens.output == answer["usage"]["output_tokens"].int })
            #expect(ledger.contains { MicroDollars.text($0.costMicroUSD) == answer["usage"]["cost_usd"].string })
        }
    }

    @Test(arguments: [500_000, 1_000_000, 3_000_000] as [Int64])
    func `an answer names what the customer pays`(millionths: Int64) async throws {
        try await withFake { world, _ async throws in
            try await world.change { transaction throws(StoreError) in
                var change = APIKeyChange(world.key)
                change.access.priceMillionths = millionths
                _ = try transaction.changeAPIKey(world.key.id, to: change)
            }
            let answer = try JSON(parsing: try await ask(#"{"message":"Explain é"}"#, world).body)
            let frames = try events(try await ask(#"{"message":"Explain é","stream":true}"#, world).text)
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && ledger.count == 2 && ledger.allSatisfy { $0.costMicroUSD > 0 })
            let paid = Set(history.map { MicroDollars.text($0.priceMicroUSD) })
            #expect(Set([answer["usage"]["cost_usd"].string, frames.last?.data["usage"]["cost_usd"].string].compactMap(\.self)) == paid)
            for record in history {
                let cost = try #require(ledger.first { $0.requestID == record.id }).costMicroUSD
                #expect(abs(record.priceMicroUSD - cost * millionths / 1_000_000) <= 2)
            }
        }
    }

    @Test func `a conversation is its key's own, is listed, and can be deleted`() async throws {
        try await withFake { world, _ async throws in
            let other = "cr_" + String(repeating: "cd34", count: 16)
            try await world.addKey(other)
            let id = try #require(try JSON(parsing: try await ask(#"{"message":"Hi"}"#, world).body)["conversation_id"].string)
            #expect(try await world.get("/api/conversations/\(id)", headers: ["x-api-key: \(other)"]).status == 404)
            let stolen = try await ask(#"{"message":"Hi","conversation_id":"\#(id)"}"#, world, secret: other)
            #expect(try stolen.status == 404 && JSON(parsing: stolen.body)["error"]["code"] == "conversation_not_found")
            let list = try JSON(parsing: try await world.get("/api/conversations").body)
            #expect(list["conversations"].array?.map { $0["id"].string } == [id] && list["next_cursor"] == .null)
            let none = try JSON(parsing: try await world.get("/api/conversations", headers: ["x-api-key: \(other)"]).body)
            #expect(none["conversations"].array?.isEmpty == true)
            let client = try world.client()
            for expected in [204, 404] {
                try await client.send("DELETE /api/conversations/\(id) HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
                #expect(try await client.reply().status == expected)
            }
            client.close()
            await world.advance(seconds: 1)
            let kept = try JSON(parsing: try await ask(#"{"message":"Hi","store":false}"#, world).body)
            #expect(kept["conversation_id"] == .null && kept["response"].string?.isEmpty == false)
            #expect(try JSON(parsing: try await world.get("/api/conversations").body)["conversations"].array?.isEmpty == true)
        }
    }

    @Test func `a conversation ends after thirty days without use`() async throws {
        try await withFake { world, _ async throws in
            let id = try #require(try JSON(parsing: try await ask(#"{"message":"Hi"}"#, world).body)["conversation_id"].string)
            await world.advance(seconds: 30 * 86_400 + 1)
            #expect(try await world.get("/api/conversations/\(id)").status == 404)
        }
    }

    @Test(arguments: [
        ("{", 400), (#"{"message":""}"#, 400), (#"{"message":"a","max_tokens":0}"#, 400), (#"{"message":"a","stream":"yes"}"#, 400),
        (#"{"message":"a","attachments":[{"type":"audio","media_type":"a","data":"b"}]}"#, 400),
        (#"{"message":"a","model":"\#(String(repeating: "m", count: 257))"}"#, 400),
        (#"{"message":"a","conversation_id":"c_0"}"#, 404),
    ])
    func `what cannot be asked is refused in this surface's shape`(body: String, status: Int) async throws {
        try await withFake { world, fake async throws in
            let reply = try await ask(body, world)
            let error = try JSON(parsing: reply.body)["error"]
            #expect(reply.status == status && error["code"].string != nil && error["request_id"].string?.hasPrefix("req_") == true)
            #expect(try await fake.requests().isEmpty)
        }
    }

    @Test func `an upstream's refusal is a status, and nothing is kept`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["status=400;type=invalid_request_error"])
            for stream in [false, true] {
                let reply = try await ask(#"{"message":"a","stream":\#(stream)}"#, world)
                #expect(try (400...599).contains(reply.status) && JSON(parsing: reply.body)["error"]["code"].string != nil)
                try await fake.script("sk-account-one", ["status=429;type=rate_limit_error"])
            }
            #expect(try JSON(parsing: try await world.get("/api/conversations").body)["conversations"].array?.isEmpty == true)
        }
    }

    // MARK: Streams

    @Test func `a stream is unnamed numbered events from start to done`() async throws {
        try await withFake { world, _ async throws in
            let reply = try await ask(#"{"message":"Hi","stream":true}"#, world)
            #expect(reply.status == 200 && reply.header("content-type") == "text/event-stream; charset=utf-8")
            #expect(reply.text.hasPrefix("retry: 3000\nid: r_") && !reply.text.contains("event:"))
            let frames = try events(reply.text)
            let types = frames.compactMap { $0.data["type"].string }
            #expect(types.first == "start" && types.last == "done" && types.contains("delta"))
            let text = frames.filter { $0.data["type"] == "delta" }.compactMap { $0.data["text"].string }.joined()
            #expect(frames.last?.data["text"].string == text && !text.isEmpty)
            let run = try #require(frames.first?.data["id"].string)
            #expect(frames.first?.id == run + ":0")
            // After done: 204, which stops an EventSource, and no second answer.
            let last = try #require(frames.last?.id)
            let again = try await world.get(
                "/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(last)"])
            #expect(again.status == 204)
            // From the middle: the rest as one piece, then done.
            let rest = try events(
                try await world.get("/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(run):1"])
                    .text)
            let heard = frames.filter { ["\(run):0", "\(run):1"].contains($0.id) }.compactMap { $0.data["text"].string }.joined()
            #expect(heard + rest.filter { $0.data["type"] == "delta" }.compactMap { $0.data["text"].string }.joined() == text)
            #expect(rest.last?.data["type"] == "done")
            // Numbers that no run has.
            for number in ["9223372036854775807", "99999999999999999999"] {
                let beyond = try await world.get(
                    "/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(run):\(number)"])
                #expect(beyond.status == 204)
            }
            await world.advance(seconds: 61)
            let late = try await world.get(
                "/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(run):1"])
            #expect(late.status == 204, "the replay is over")
            let (history, _) = try await world.books()
            #expect(history.count == 1, "one answer was made")
        }
    }

    @Test(arguments: ["ok", "status=400"])
    func `while no first event comes, comments keep the stream open`(answer: String) async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["hang-before-headers=1500|" + answer])
            let client = try world.client()
            try await client.send("GET /api/chat/stream?message=Hi HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            #expect(try await fake.requests(started: 1).count == 1, "the upstream thinks")
            for _ in 1...2 { await world.advance(seconds: 15) }
            let begun = try await client.text(until: "keep-alive\n\n")
            #expect(begun.hasPrefix("HTTP/1.1 200") && begun.contains("\r\nretry: 3000\nid: r_") && begun.contains(":-1\n: keep-alive\n\n"))
            // What ends without a stream is an event now: the status has been sent.
            let rest = try await client.text(until: answer == "ok" ? #""done""# : #""retryable":false"#)
            #expect(!rest.contains("retry: ") && rest.contains(":0\ndata: {"))
            #expect(answer == "ok" || rest.contains(#""type":"error","code":"invalid_request_error""#), "\(rest)")
            client.close()
        }
    }

    @Test func `a reader cut off before the first event comes back to its answer`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["hang-before-headers=1500|ok"])
            let client = try world.client()
            try await client.send("GET /api/chat/stream?message=Hi HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            #expect(try await fake.requests(started: 1).count == 1, "the upstream thinks")
            for _ in 1...2 { await world.advance(seconds: 15) }
            let begun = try await client.text(until: "keep-alive\n\n")
            client.close()
            let id = try #require(begun.split(separator: "\nid: ").last?.split(separator: "\n").first.map(String.init))
            let rest = try await world.get(
                "/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(id)"])
            let frames = try events(rest.text)
            #expect(frames.first?.data["type"] == "start" && frames.last?.data["type"] == "done")
            #expect(try await fake.requests(finished: 1).count == 1)
            let (history, _) = try await world.books()
            #expect(history.count == 1, "one answer was made")
        }
    }

    @Test func `a HEAD for a stream makes no answer`() async throws {
        try await withFake { world, fake async throws in
            let client = try world.client()
            defer { client.close() }
            try await client.send("HEAD /api/chat/stream?message=Hi HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            let reply = try await client.reply(toHead: true)
            #expect(reply.status == 405 && reply.header("allow") == "GET")
            #expect(try await fake.requests().isEmpty)
        }
    }

    @Test func `an EventSource asks with a ticket once, and may come back with it`() async throws {
        try await withFake { world, _ async throws in
            let made = try JSON(parsing: try await world.send("", "/api/chat/tickets").body)
            let ticket = try #require(made["ticket"].string)
            #expect(made["expires_in"] == 60)
            let first = try events(try await world.get("/api/chat/stream?message=Hi&ticket=\(ticket)", headers: []).text)
            #expect(first.last?.data["type"] == "done")
            let again = try events(try await world.get("/api/chat/stream?message=Other&ticket=\(ticket)", headers: []).text)
            #expect(again.last?.data["text"] == first.last?.data["text"], "it reads its own answer again and makes none")
            #expect(try await world.get("/api/chat/stream?message=Hi&ticket=t_0", headers: []).status == 401)
            let keyed = try await world.get("/api/chat/stream?message=Hi&apiKey=\(RelayWorld.secret)", headers: [])
            #expect(keyed.status == 200)
            #expect(try await world.get("/api/chat/stream?message=Hi&apiKey=cr_unknown", headers: []).status == 401)
            #expect(try await world.send(#"{"message":"a"}"#, "/api/chat?apiKey=\(RelayWorld.secret)", headers: []).status == 401)
            let (history, _) = try await world.books()
            #expect(history.count == 2)
        }
    }

    @Test func `a ticket takes one of its key's requests`() async throws {
        try await withFake(limits: APIKeyLimits(requestsPerMinute: 2)) { world, _ async throws in
            for _ in 1...2 { #expect(try await world.send("", "/api/chat/tickets").status == 200) }
            let third = try await world.send("", "/api/chat/tickets")
            #expect(try third.status == 429 && JSON(parsing: third.body)["error"]["code"].string != nil)
        }
    }

    @Test func `a key has so many unused tickets at most, and others theirs`() throws {
        let clock = TestClock()
        let runs = ChatRuns(ambient: clock.ambient)
        let (key, other) = (APIKeyID(clock.ambient), APIKeyID(clock.ambient))
        let first = try runs.ticket(for: key)
        for _ in 1..<ChatRuns.maximumUnusedTickets { _ = try runs.ticket(for: key) }
        #expect(throws: ChatProblem.self) { try runs.ticket(for: key) }
        _ = try runs.ticket(for: other)
        guard case .fresh(key) = runs.use(first, for: "r_1") else {
            Issue.record("the first can be used")
            return
        }
        _ = try runs.ticket(for: key)
        #expect(throws: ChatProblem.self) { try runs.ticket(for: key) }
        clock.advance(milliseconds: (ChatRuns.ticketSeconds + 1) * 1000)
        _ = try runs.ticket(for: key)
    }

    @Test func `a reader that comes back in time reads on, and one answer is made`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["hang-after=content_block_delta:1500"])
            let client = try world.client()
            try await client.send("GET /api/chat/stream?message=Hi HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            let begun = try await client.text(until: "\"delta\"")
            client.close()
            let run = try #require(begun.split(separator: "\"id\":\"").last?.split(separator: "\"").first.map(String.init))
            // Busy while it answers.
            let rest = try events(
                try await world.get("/api/chat/stream?message=Hi", headers: ["x-api-key: \(RelayWorld.secret)", "last-event-id: \(run):0"])
                    .text)
            #expect(rest.last?.data["type"] == "done")
            let (history, _) = try await world.books()
            #expect(history.count == 1 && history.first?.status == .success)
        }
    }

    @Test func `a turn nobody reads any more is cancelled after ten seconds and charged as far as it came`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["hang-after=content_block_delta:60000"])
            let client = try world.client()
            try await client.send("GET /api/chat/stream?message=Hi HTTP/1.1\r\nhost: a\r\nx-api-key: \(RelayWorld.secret)\r\n\r\n")
            _ = try await client.text(until: "\"delta\"")
            client.close()
            for _ in 0..<2000 where try await fake.requests().first?["closed_early"] as? Bool != true {
                await world.advance(seconds: 2)
            }
            #expect(try await fake.requests(finished: 1).first?["closed_early"] as? Bool == true)
            #expect(await world.hasJournalled(2))
            let (history, ledger) = try await world.books()
            #expect(history.first?.status == .aborted && ledger.first?.usageSource == .snapshot)
        }
    }

    @Test func `a conversation answers one question at a time`() async throws {
        try await withFake { world, fake async throws in
            let id = try #require(try JSON(parsing: try await ask(#"{"message":"Hi"}"#, world).body)["conversation_id"].string)
            try await fake.script("sk-account-one", ["hang-after=content_block_delta:1500"])
            let client = try world.client()
            try await client.send(RelayWorld.request(#"{"message":"a","stream":true,"conversation_id":"\#(id)"}"#, "/api/chat"))
            _ = try await client.text(until: "\"delta\"")
            let second = try await ask(#"{"message":"b","conversation_id":"\#(id)"}"#, world)
            #expect(try second.status == 409 && JSON(parsing: second.body)["error"]["code"] == "conversation_busy")
            let other = "cr_" + String(repeating: "cd34", count: 16)
            try await world.addKey(other)
            let stranger = try await ask(#"{"message":"b","conversation_id":"\#(id)"}"#, world, secret: other)
            #expect(stranger.status == 404, "that it answers just now is no stranger's to know")
            _ = try await client.text(until: "\"done\"")
            client.close()
            #expect(try await ask(#"{"message":"b","conversation_id":"\#(id)"}"#, world).status == 200)
        }
    }

    @Test(arguments: [false, true])
    func `a turn that was cut is kept only when that is asked for`(keeps: Bool) async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["cut-after=content_block_delta"])
            let reply = try await ask(#"{"message":"Hi","stream":true,"keep_partial":\#(keeps)}"#, world)
            let last = try #require(try events(reply.text).last).data
            #expect(last["type"] == "error" && last["retryable"] == true && last["code"].string != nil)
            let list = try JSON(parsing: try await world.get("/api/conversations").body)
            #expect(list["conversations"].array?.count == (keeps ? 1 : 0))
        }
    }

    @Test func `an answer without text is told, and the conversation goes on without it`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["refusal", "ok", "refusal", "ok"])
            let refused = try JSON(parsing: try await ask(#"{"message":"a"}"#, world).body)
            #expect(refused["stop_reason"] == "refusal" && refused["response"] == "")
            let id = try #require(refused["conversation_id"].string)
            for (question, reason) in [("b", "end_turn"), ("c", "refusal"), ("d", "end_turn")] {
                let answer = try JSON(parsing: try await ask(#"{"message":"\#(question)","conversation_id":"\#(id)"}"#, world).body)
                #expect(answer["stop_reason"].string == reason)
            }
            let kept = try JSON(parsing: try await world.get("/api/conversations/\(id)").body)
            let questions = kept["messages"].array?.filter { $0["role"] == "user" }.map { $0["content"] }
            #expect(kept["turns"] == 2 && questions == ["b", "d"])
        }
    }

    @Test func `a blank answer that was kept is not sent`() throws {
        var content = ChatContent()
        content.append("one", "first")
        content.append("two", "")
        let sent = try JSON(parsing: content.body(try ChatAsk(["message": "three"], aliases: .standard)))["messages"].array ?? []
        #expect(sent.count == 3 && sent.first?["content"] == "one" && sent.last?["content"] == "three")
        #expect(sent[1]["content"].array?[0]["text"] == "first", "and the one before it is marked for caching")
    }

    @Test func `old turns are dropped in pairs when the context is full`() throws {
        var content = ChatContent()
        for number in 0..<10 { content.append(.string("question \(number) " + String(repeating: "x", count: 350)), "answer \(number)") }
        let ask = try ChatAsk(["message": "now", "context_tokens": 400], aliases: .standard)
        let messages = try JSON(parsing: content.body(ask))["messages"].array ?? []
        #expect(messages.count < 21 && messages.count.isMultiple(of: 2) == false && messages[0]["role"] == "user")
        #expect(messages.last?["content"] == "now")
        let marked = messages[messages.count - 2]["content"].array?[0]["cache_control"]["type"]
        #expect(marked == "ephemeral", "the last stored turn is marked for caching")
    }

    @Test(arguments: [("image", 3), ("document", 2)])
    func `what is attached counts by what it is, not as text`(type: String, turns: Int) throws {
        let data = JSON.string(String(repeating: "A", count: 1_100_000))
        let attached: JSON = ["type": .string(type), "source": ["type": "base64", "data": data]]
        var content = ChatContent()
        for _ in 1...3 { content.append([attached, ["type": "text", "text": "see"]], "seen") }
        // Three quarters of 200,000 tokens: two documents of 55,000 have room, and far more images.
        let sent = try JSON(parsing: content.body(try ChatAsk(["message": "and?"], aliases: .standard)))["messages"].array ?? []
        #expect(sent.count == turns * 2 + 1 && sent.first?["content"].array?.first?["type"].string == type)
    }

    @Test func `a conversation keeps the newest turns that have room, and no attachments that have none`() {
        var content = ChatContent()
        for number in 0..<50 { content.append(.string("question \(number)"), String(repeating: "x", count: 100_000)) }
        #expect(content.messages.count == 82 && content.messages[0]["content"] == "question 9")
        #expect(content.bytes.count <= ChatContent.maximumBytes && content.bytes.count > ChatContent.maximumBytes - 101_000)
        let data = JSON.string(String(repeating: "A", count: ChatContent.maximumBytes))
        content.append([["type": "image", "source": ["type": "base64", "data": data]], ["type": "text", "text": "see"]], "seen")
        #expect(
            content.messages == [
                ["role": "user", "content": "[attachments were too large to keep] see"], ["role": "assistant", "content": "seen"],
            ])
    }
}
