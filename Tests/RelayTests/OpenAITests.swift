import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// The OpenAI dialect: the translation as a table, and whole requests through the real server to the fake upstream.
struct OpenAITests {
    private static let rules = OpenAIRequest.Rules(cachesFromBytes: 16_384, digest: { "digest-of-" + $0 })

    private static func body(_ text: String, bytes: Int = 0, rules: OpenAIRequest.Rules = OpenAITests.rules) throws -> JSON {
        let request = try OpenAIRequest(try JSON(parsing: Array(text.utf8)), bytes: bytes, rules: rules)
        return try JSON(parsing: request.body)
    }

    @Test(arguments: [
        (
            #"{"model":"claude-sonnet-4-6","messages":[{"role":"system","content":"A"},{"role":"user","content":"hé"},{"role":"developer","content":[{"type":"text","text":"B"}]}],"temperature":1.5,"top_p":0.25,"stop":[" ","END"],"max_tokens":7}"#,
            #"{"model":"claude-sonnet-4-6","max_tokens":7,"system":"A\nB","messages":[{"role":"user","content":"hé"}],"temperature":1,"top_p":0.25,"stop_sequences":["END"]}"#
        ),
        (
            #"{"model":"claude-3-haiku","messages":[{"role":"user","content":"1"},{"role":"user","content":"2"}],"user":"u","reasoning_effort":"low"}"#,
            #"{"model":"claude-3-haiku-20240307","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}],"metadata":{"user_id":"digest-of-u"}}"#
        ),
        (
            #"{"model":"claude-opus-5-5","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"id":"t1","function":{"name":"f","arguments":"{\"x\":1.50}"}},{"id":"t2","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"t1","content":"one"},{"role":"tool","tool_call_id":"t2","content":"two"},{"role":"user","content":"and?"}],"temperature":0.5,"reasoning_effort":"minimal"}"#,
            #"{"model":"claude-opus-5-5","max_tokens":64000,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"x":1.50}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},{"type":"tool_result","tool_use_id":"t2","content":"two"},{"type":"text","text":"and?"}]}],"output_config":{"effort":"low"}}"#
        ),
        (
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,QUJD"}}]}],"max_completion_tokens":1,"max_tokens":9}"#,
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"}}]}]}"#
        ),
        (
            #"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"maximum":1e3}}}}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"g"}},"parallel_tool_calls":false,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}},"stream":true}"#,
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"maximum":1e3}}}},{"name":"g","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"g","disable_parallel_tool_use":true},"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"stream":true}"#
        ),
        (
            #"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1,"functions":[{"name":"f"}],"function_call":"auto","tool_choice":"required"}"#,
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"any"}}"#
        ),
        (
            #"{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":""}]},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"a"}]},{"role":"assistant","tool_calls":[{"id":"t","function":{"name":"f","arguments":{"a":1.50}}}]},{"role":"tool","tool_call_id":"t","content":[{"type":"text","text":"one"},{"type":"text","text":""}]}],"max_tokens":10.0,"stream":false}"#,
            #"{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1.50}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"one"}]}]}"#
        ),
    ])
    func `a chat completion becomes this message`(asked: String, expected: String) throws {
        #expect(try Self.body(asked) == JSON(parsing: Array(expected.utf8)))
    }

    @Test(
        arguments: [
            (#"[]"#, nil), (#"{"messages":[]}"#, "model"), (#"{"model":"m","messages":[]}"#, "messages"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"n":2}"#, "n"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"logprobs":true}"#, "logprobs"),
            (#"{"model":"m","messages":[{"role":"judge","content":"a"}]}"#, "messages[0].role"),
            (#"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio"}]}]}"#, "messages[0].content"),
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}]}"#,
                "messages[0].content"
            ),
            (
                #"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}]}"#,
                "messages[0].tool_calls[0].function.arguments"
            ),
            (#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":3}"#, "temperature"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"reasoning_effort":"huge"}"#, "reasoning_effort"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":0}"#, "max_tokens"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":"10"}"#, "max_tokens"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1.5}"#, "max_tokens"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":"10"}"#, "max_completion_tokens"),
            (#"{"model":"m","messages":[{"role":"user","content":"a"}],"stream":"true"}"#, "stream"),
            (#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":""}]}]}"#, "messages[0].content"),
            (
                #"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":[1]}}]}]}"#,
                "messages[0].tool_calls[0].function.arguments"
            ),
        ] as [(String, String?)])
    func `what cannot be translated is refused and named`(asked: String, param: String?) throws {
        let problem = #expect(throws: OpenAIProblem.self) { try Self.body(asked) }
        #expect(problem?.status == 400 && problem?.param == param)
    }

    @Test(arguments: [(256, true), (257, false)])
    func `a model's name has a length`(bytes: Int, isTaken: Bool) throws {
        let name = String(repeating: "m", count: bytes)
        let asked = #"{"model":"\#(name)","messages":[{"role":"user","content":"a"}]}"#
        if isTaken {
            #expect(try Self.body(asked)["model"].string == name)
        } else {
            let problem = #expect(throws: OpenAIProblem.self) { try Self.body(asked) }
            #expect(problem?.status == 400 && problem?.param == "model")
        }
    }

    @Test func `a large prompt gets cache marks on the last tool and the system text`() throws {
        let asked =
            #"{"model":"m","messages":[{"role":"system","content":"A"},{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}"#
        let large = try Self.body(asked, bytes: 20_000)
        #expect(large["system"].array?[0]["cache_control"]["type"] == "ephemeral")
        #expect(large["tools"].array?[0]["cache_control"] == .null && large["tools"].array?[1]["cache_control"]["type"] == "ephemeral")
        #expect(try Self.body(asked, bytes: 100)["system"] == "A")
        var plain = Self.rules
        plain.cachesFromBytes = nil
        #expect(try Self.body(asked, bytes: 20_000, rules: plain)["system"] == "A")
    }

    // MARK: Streams

    private static let events = """
        event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}\n
        event: ping\r\ndata: {"type": "ping"}\r\n\r
        event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}\n
        event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}\n
        event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\n
        event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"h\\u00e9 \\"🌍\\"\\n"}}\n
        event: content_block_start\ndata: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}\n
        event: content_block_delta\ndata: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":"}}\n
        event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}\n
        event: message_stop\ndata: {"type":"message_stop"}\n\n
        """

    private static func translated(_ text: String, split: Int, usage: Bool) -> String {
        let stream = OpenAIStream(model: "asked", created: 5, includesUsage: usage)
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: split) {
            stream.translate(bytes.span.extracting(start..<min(bytes.count, start + split)), into: &out)
        }
        return String(decoding: out, as: UTF8.self)
    }

    @Test func `a stream becomes chunks, however its bytes are cut`() throws {
        let whole = Self.translated(Self.events, split: 1_000_000, usage: true)
        for split in 1...64 { #expect(Self.translated(Self.events, split: split, usage: true) == whole) }
        let frames = whole.split(separator: "\n\n").map(String.init)
        #expect(frames.last == "data: [DONE]" && frames.contains(": ping"))
        let chunks = try frames.filter { $0.hasPrefix("data: {") }.map { try JSON(parsing: Array($0.dropFirst(6).utf8)) }
        #expect(chunks.allSatisfy { $0["id"] == "chatcmpl-msg_1" && $0["created"] == 5 && $0["model"] == "asked" })
        let deltas = chunks.compactMap { $0["choices"].array?.first?["delta"] }
        #expect(
            deltas == [
                ["role": "assistant", "content": ""], ["reasoning_content": "hm"], ["content": "hé \"🌍\"\n"],
                ["tool_calls": [["index": 0, "id": "toolu_1", "type": "function", "function": ["name": "f", "arguments": ""]]]],
                ["tool_calls": [["index": 0, "function": ["arguments": "{\"a\":"]]]], [:],
            ])
        #expect(chunks.compactMap { $0["choices"].array?.first?["finish_reason"].string } == ["tool_calls"])
        let usage = try #require(chunks.last?["usage"])
        #expect(chunks.last?["choices"].array?.isEmpty == true && chunks.dropLast().allSatisfy { $0["usage"] == .null })
        #expect(usage["prompt_tokens"] == 15 && usage["completion_tokens"] == 7 && usage["total_tokens"] == 22)
        #expect(usage["prompt_tokens_details"]["cached_tokens"] == 5 && usage["completion_tokens_details"]["reasoning_tokens"] == 2)
        #expect(!Self.translated(Self.events, split: 7, usage: false).contains("usage"))
    }

    @Test func `pieces of several tools go to their own calls, and those of no call to none`() throws {
        func event(_ type: String, _ rest: String) -> String { "event: \(type)\ndata: {\"type\":\"\(type)\",\(rest)}\n\n" }
        func piece(_ block: Int, _ text: String) -> String {
            event(
                "content_block_delta", #""index":\#(block),"delta":{"type":"input_json_delta","partial_json":\#(JSON.string(text).text)}"#)
        }
        let text =
            event("content_block_start", #""index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#)
            + event("content_block_start", #""index":4,"content_block":{"type":"server_tool_use","id":"srv_1","name":"web_search"}"#)
            + event("content_block_start", #""index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}"#)
            + piece(5, "g1") + piece(3, "f1") + piece(4, "s1") + piece(3, "f2")
        let frames = Self.translated(text, split: 1_000_000, usage: false).split(separator: "\n\n")
        let calls = try frames.compactMap {
            try JSON(parsing: Array($0.dropFirst(6).utf8))["choices"].array?[0]["delta"]["tool_calls"].array
        }
        #expect(calls.map { $0[0]["index"] } == [0, 1, 1, 0, 0])
        #expect(calls.map { $0[0]["function"]["arguments"] } == ["", "", "g1", "f1", "f2"])
    }

    @Test func `an error in the stream ends it without DONE`() {
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
        let text = Self.translated(String(Self.events.prefix(400)) + "\n\n" + error, split: 50, usage: false)
        #expect(text.contains(#"data: {"error":{"message":"Overloaded""#) && !text.contains("[DONE]"))
    }

    // MARK: Through the relay

    private func withFake(limits: APIKeyLimits = APIKeyLimits(), _ test: (RelayWorld, FakeUpstream) async throws -> Void) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)], limits: limits) { world in
                try await test(world, fake)
            }
        }
    }
    private static let asked =
        #"{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"hé"}],"max_tokens":64,"seed":1,"service_tier":"auto"}"#

    @Test(arguments: ["", "/api", "/claude", "/openai", "/openai/claude"])
    func `a completion is answered, metered and booked as a message is`(prefix: String) async throws {
        try await withFake { world, fake async throws in
            let reply = try await world.send(
                Self.asked, prefix + "/v1/chat/completions?x=1",
                headers: ["authorization: Bearer \(RelayWorld.secret)", "openai-organization: org-x", "x-forwarded-for: 192.0.2.7"])
            let json = try JSON(parsing: reply.body)
            #expect(reply.status == 200 && json["object"] == "chat.completion" && reply.header("x-relay-ignored") == "seed, service_tier")
            #expect(json["choices"].array?[0]["message"]["content"].string?.isEmpty == false)
            let seen = try await fake.requests(finished: 1)
            #expect(seen[0]["path"] as? String == "/v1/messages" && seen[0]["query"] as? String == "")
            let names = (seen[0]["headers"] as? [[String]] ?? []).map { $0[0].lowercased() }
            #expect(!names.contains { $0.hasPrefix("openai-") || $0 == "x-forwarded-for" })
            #expect(try await fake.violations().isEmpty)
            let (history, ledger) = try await world.books()
            #expect(history.first?.dialect == "openai" && history.first?.path == "/v1/chat/completions")
            #expect(ledger.first?.tokens.output == json["usage"]["completion_tokens"].int && ledger.first?.usageSource == .final)
        }
    }

    @Test func `a streamed completion ends with usage and DONE, and is booked`() async throws {
        try await withFake { world, fake async throws in
            let asked = Self.asked.replacing("\"seed\":1", with: #""stream":true,"stream_options":{"include_usage":true}"#)
            let reply = try await world.send(asked, "/v1/chat/completions")
            #expect(reply.status == 200 && reply.header("content-type") == "text/event-stream; charset=utf-8")
            let frames = reply.text.split(separator: "\n\n").map(String.init)
            #expect(frames.last == "data: [DONE]" && frames.first?.contains(#""role":"assistant""#) == true)
            let (history, ledger) = try await world.books()
            #expect(history.first?.status == .success && history.first?.stream == true && ledger.count == 1)
            let usage = try JSON(parsing: Array(frames[frames.count - 2].dropFirst(6).utf8))["usage"]
            #expect(usage["completion_tokens"].int == ledger.first?.tokens.output)
        }
    }

    @Test(
        arguments: [
            ("status=401", 529, "server_error"), ("status=404;type=not_found_error", 404, "model_not_found"),
            ("status=400;type=invalid_request_error", 400, nil), ("status=429;type=rate_limit_error", 529, "server_error"),
        ] as [(String, Int, String?)])
    func `the upstream's errors come in the dialect of the caller`(step: String, status: Int, code: String?) async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", [step])
            let reply = try await world.send(Self.asked, "/v1/chat/completions")
            let error = try JSON(parsing: reply.body)["error"]
            #expect(reply.status == status && error["code"].string == code && error["message"].string != nil, "\(reply.text)")
            #expect(error.object?["param"] == .null)
        }
    }

    @Test func `what is no message is told as the upstream's fault and costs nothing`() async throws {
        try await withFake { world, fake async throws in
            try await fake.script("sk-account-one", ["status=200"])
            let reply = try await world.send(Self.asked, "/v1/chat/completions")
            #expect(try reply.status == 502 && JSON(parsing: reply.body)["error"]["code"] == "server_error")
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.error] && ledger.isEmpty)
        }
    }

    @Test func `keys and budgets are refused in the dialect of the caller`() async throws {
        try await withFake(limits: APIKeyLimits(tokensPerDay: 0)) { world, fake async throws in
            let budget = try await world.send(Self.asked, "/openai/v1/chat/completions")
            #expect(try budget.status == 402 && JSON(parsing: budget.body)["error"]["code"] == "insufficient_quota")
            #expect(budget.header("x-should-retry") == "false")
            let stranger = try await world.send(Self.asked, "/v1/chat/completions", headers: [])
            #expect(try stranger.status == 401 && JSON(parsing: stranger.body)["error"]["code"] == "invalid_api_key")
            let bad = try await world.send("{", "/v1/chat/completions")
            #expect(try bad.status == 400 && JSON(parsing: bad.body)["error"]["type"] == "invalid_request_error")
            let listed = try await world.get("/openai/v1/models")
            #expect(listed.text.contains("claude-sonnet-5-5") && listed.text.contains("claude-3-haiku"), "its clients know no paging")
            let models = try await world.get("/openai/v1/models", headers: [])
            #expect(try JSON(parsing: models.body)["error"]["code"] == "invalid_api_key")
            #expect(try await fake.requests().isEmpty)
        }
    }
}
