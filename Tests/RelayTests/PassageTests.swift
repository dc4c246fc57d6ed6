import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// Whole requests through the real server and relay to the fake upstream and back.
struct PassageTests {
    private func withFake(
        accounts: [String] = ["sk-account-one"], limits: APIKeyLimits = APIKeyLimits(),
        _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            let pool = accounts.enumerated().map { index, secret in
                WorldAccount(secret: secret, baseURL: fake.baseURL) { $0.priority = Int64(index + 1) }
            }
            try await withRelay(pool, limits: limits) { world in try await test(world, fake) }
        }
    }

    private func direct(_ fake: FakeUpstream, _ body: String) async throws -> RawReply {
        let client = try RawClient(port: fake.port)
        defer { client.close() }
        try await client.send(
            RelayWorld.request(body, headers: ["x-api-key: sk-direct", "anthropic-version: 2023-06-01"]))
        return try await client.reply()
    }

    @Test(arguments: [
        "/v1/messages", "/api/v1/messages?beta=true", "/claude/v1/messages", "/api/claude/v1/messages", "/claude/claude/v1/messages",
    ])
    func `the same bytes come back as without the relay`(path: String) async throws {
        try await withFake { world, fake in
            for body in [RelayWorld.body, RelayWorld.streamBody] {
                let (plain, relayed) = (try await direct(fake, body), try await world.send(body, path))
                #expect(relayed.status == 200 && relayed.body == plain.body && relayed.text.contains("message"))
                #expect(relayed.header("content-type") == plain.header("content-type"))
                #expect(relayed.header("request-id") != nil && relayed.header("x-relay-attempts") == "1")
                #expect(relayed.header("x-relay-request-id")?.hasPrefix("req_") == true)
                #expect(relayed.header("x-relay-overhead-ms") != nil && relayed.header("server-timing") != nil)
            }
            let seen = try await fake.requests(finished: 4)
            #expect(Set(seen.compactMap { $0["body_sha256"] as? String }).count == 2, "both bodies arrive as they were sent")
            #expect(try await fake.violations().isEmpty)
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && history.allSatisfy { $0.status == .success && $0.usageSource == .final && $0.attempts == 1 })
            let charged = try await fake.ledger(finished: 4)
            #expect(ledger.count == 2 && charged.count == 4, "every answer is booked once")
        }
    }

    @Test(arguments: [
        ("key=cr_1&beta=true", "beta=true"), ("beta=true&api_key=cr_1&apiKey=cr_1&APIKEY=cr_1", "beta=true"), ("key=cr_1&token", ""),
        ("%6bey=cr_1&a&&access_token=cr_1&monkey=1&key2=2&", "a&&monkey=1&key2=2&"), ("beta=true&x=%20+key", "beta=true&x=%20+key"),
    ])
    func `a customer's key in the query stays here`(query: String, passed: String) async throws {
        try await withFake { world, fake in
            for path in ["/v1/messages", "/v1/messages/count_tokens"] {
                #expect(try await world.send(RelayWorld.body, path + "?" + query).status == 200)
            }
            let seen = try await fake.requests(finished: 2)
            #expect(seen.map { $0["query"] as? String } == [passed, passed])
        }
    }

    @Test func `nothing that is the customer's own goes upstream`() async throws {
        try await withFake { world, fake in
            let reply = try await world.send(
                headers: [
                    "Authorization: bearer \(RelayWorld.secret)", "cookie: session=1", "x-forwarded-for: 192.0.2.7", "cf-ray: 1",
                    "sec-fetch-mode: cors", "origin: https://example.com", "referer: https://example.com/", "via: 1.1 proxy",
                    "accept-encoding: gzip, br, zstd", "connection: x-private, keep-alive", "x-private: 1", "te: trailers",
                    "x-relay-debug: 1", "x-goog-api-key: AIza-something", "anthropic-beta: one,two", "x-stainless-lang: python",
                    "user-agent: claude-cli/2.1.0 (external, cli)",
                ])
            #expect(reply.status == 200)
            #expect(try await fake.violations().isEmpty)
            let seen = try #require(try await fake.requests(finished: 1).first)
            let text = "\(seen)"
            #expect(text.contains("one,two") && text.contains("claude-cli/2.1.0") && text.contains("x-stainless-lang"))
            for word in ["x-private", RelayWorld.secret, "AIza", "192.0.2.7"] { #expect(!text.contains(word), "\(word)") }
            for name in ["set-cookie", "anthropic-organization-id", "anthropic-ratelimit-requests-limit", "server", "cf-ray"] {
                #expect(reply.header(name) == nil, "\(name)")
            }
        }
    }

    /// What the only account's answer becomes (relay contract, section 6).
    @Test(arguments: [
        ("status=400", 400, "invalid_request_error"), ("status=401", 529, "overloaded_error"), ("status=402", 529, "overloaded_error"),
        ("status=403", 529, "overloaded_error"), ("status=404", 404, "not_found_error"), ("status=409", 409, "conflict_error"),
        ("status=413", 413, "request_too_large"), ("status=422", 422, "invalid_request_error"),
        ("status=429;retry-after=7", 529, "overloaded_error"), ("status=500", 500, "api_error"), ("status=529", 529, "overloaded_error"),
        ("status=504", 504, "timeout_error"), ("connect-refuse", 502, "api_error"), ("first-event-error", 529, "overloaded_error"),
        ("status=400;message=This organization has been disabled.", 529, "overloaded_error"),
    ]) func `an upstream's refusal reaches the customer as the contract says`(step: String, status: Int, type: String) async throws {
        try await withFake { world, fake in
            try await fake.script("sk-account-one", [], default: step)
            let reply = try await world.send(step == "first-event-error" ? RelayWorld.streamBody : RelayWorld.body)
            #expect(reply.status == status, "\(reply.text)")
            #expect(reply.text.contains("\"\(type)\"") && reply.text.contains("\"type\""))
            #expect(reply.header("x-relay-request-id") != nil)
            #expect(!reply.text.contains("organization has been disabled") && !reply.text.contains("sk-account"))
            let (history, ledger) = try await world.books()
            #expect(ledger.isEmpty, "a refusal costs nothing")
            #expect(history.map(\.status) == [.error] && history.first?.httpStatus == Int64(status))
        }
    }

    @Test(
        arguments: [
            // What is said, what of it is hidden, and whether it is.
            ("status=400;message=Org Example Works has no credits", ["example works"], true),
            ("status=500;message=all of EXAMPLE WORKS", ["example works"], true),
            ("status=404;message=ask far@example.com", ["other"], true), ("status=400;message=something else", ["example works"], false),
            ("status=400;message=Example Works", [], false),
        ] as [(String, [String], Bool)])
    func `words that the operator keeps to themselves reach nobody`(step: String, hidden: [String], isHidden: Bool) async throws {
        try await withFakeUpstream { fake in
            let account = WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.email = "far@example.com" }
            try await withRelay([account], configure: { $0.limits.hiddenErrorWords = hidden }) { world in
                try await fake.script("sk-account-one", [], default: step)
                let reply = try await world.send()
                let answer = try JSON(parsing: reply.body)
                #expect((answer["error"]["message"] == "The upstream refused the request.") == isHidden, "\(reply.text)")
                #expect(answer["request_id"].string == reply.header("request-id") && answer["error"]["type"].string != nil)
                #expect(reply.text.contains("Example") == (!isHidden && step.contains("Example")))
            }
        }
    }

    @Test(arguments: [
        ("error-event-after=content_block_delta;type=api_error", "scripted api_error", true),
        ("error-event-after=content_block_delta;type=api_error|split=1", "scripted api_error", true),
        ("error-event-after=message_start;type=api_error|split=13", "far@example.com scripted", false),
        ("error-event-after=content_block_delta;type=api_error|split=5", "another word", false),
    ]) func `words to be hidden are covered in the middle of a stream as well`(step: String, hidden: String, isHidden: Bool) async throws {
        try await withFakeUpstream { fake in
            let account = WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.email = "far@example.com" }
            try await withRelay([account], configure: { $0.limits.hiddenErrorWords = [hidden] }) { world in
                try await fake.script("sk-account-one", [], default: step)
                let reply = try await world.send(RelayWorld.streamBody)
                #expect(reply.status == 200 && reply.text.hasPrefix("event: message_start\n") && reply.text.hasSuffix("}\n\n"))
                #expect(reply.text.ranges(of: "event: error\ndata: {").count == 1, "one error, whole")
                #expect(reply.text.contains("Scripted api_error") == !isHidden)
                #expect(reply.text.contains("The upstream refused the request.") == isHidden)
                let (history, _) = try await world.books()
                #expect(history.map(\.status) == [.error] && history.first?.errorType == "api_error")
                #expect(history.first?.usageSource == .snapshot)
            }
        }
    }

    @Test(arguments: ["\n", "\r\n"], ["event: error", "event:error", "", "event: message"])
    func `whatever a read cuts, other events pass as they are and a hidden error as a neutral one`(end: String, name: String) throws {
        let hidden = HiddenWords(["example works"])
        func frame(_ name: String, _ data: String) -> String { (name.isEmpty ? "" : name + end) + "data: " + data + end + end }
        let before =
            frame("event: content_block_delta", #"{"type":"content_block_delta","delta":{"text":"Example Works"}}"#)
            + frame("", #"{"type":"content_block_delta","delta":{"text":"example works"}}"#) + frame("event: ping", #"{"type":"ping"}"#)
        for (message, isHidden) in [(#"ask Example\u0020Works"#, true), ("ask EXAMPLE WORKS", true), ("Overloaded", false)] {
            let error = frame(name, #"{"type":"error","error":{"type":"api_error","message":"\#(message)"}}"#)
            let neutral = "event: error\ndata: \(String(decoding: HiddenWords.neutral("api_error", "req_1"), as: UTF8.self))\n\n"
            let bytes = Array((before + error).utf8)
            for size in 1...bytes.count {
                let out = Self.covered(bytes, size, hidden)
                #expect(String(decoding: out, as: UTF8.self) == before + (isHidden ? neutral : error), "reads of \(size)")
            }
        }
    }

    @Test(arguments: ["\n", "\r\n"], ["event: error", ""])
    func `an error whose data stands in several lines is covered by itself, whatever a read cuts`(end: String, name: String) throws {
        let hidden = HiddenWords(["example works"])
        let before =
            "event: content_block_delta\(end)data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"Example Works\"}}\(end)\(end)"
            + "data: {\"type\":\"content_block_delta\",\(end)data: \"delta\":{\"text\":\"example works\"}}\(end)\(end)"
        for (message, isHidden) in [("ask Example Works", true), ("Overloaded", false)] {
            let lines = [
                #"{"#, #""type":"error","#, #""error":{"type":"api_error","#, #""message":"\#(message)"}"#, "}",
            ].map { "data: " + $0 + end }
            let error = (name.isEmpty ? "" : name + end) + lines.joined() + end
            let neutral = "event: error\ndata: \(String(decoding: HiddenWords.neutral("api_error", "req_1"), as: UTF8.self))\n\n"
            let bytes = Array((before + error).utf8)
            for size in 1...bytes.count {
                let out = Self.covered(bytes, size, hidden)
                #expect(String(decoding: out, as: UTF8.self) == before + (isHidden ? neutral : error), "reads of \(size)")
            }
        }
    }

    @Test(arguments: [
        (#"{"type":"error","error":{"type":"api_error","message":"Example Works"#, true),
        (#"{"type":"content_block_delta","delta":{"text":"Example Works"#, false),
    ]) func `what is longer than is held back is covered when it says first that it is an error`(start: String, isHidden: Bool) {
        let data = start + String(repeating: ".", count: 200_000) + #""}}"#
        let bytes = Array("data: \(data)\n\n".utf8)
        let out = String(decoding: Self.covered(bytes, 10_000, HiddenWords(["example works"])), as: UTF8.self)
        #expect(out.contains("Example Works") == !isHidden && out.contains("The upstream refused the request.") == isHidden)
        if !isHidden { #expect(out.utf8.count == bytes.count) }
    }

    /// What a client gets of a stream that comes in reads of that size.
    private static func covered(_ bytes: [UInt8], _ size: Int, _ hidden: HiddenWords) -> [UInt8] {
        var meter = StreamMeter()
        var (cover, out, isLast) = (ErrorCover(hidden, request: "req_1"), [UInt8](), false)
        for start in stride(from: 0, to: bytes.count, by: size) where !isLast {
            let read = Array(bytes[start..<min(start + size, bytes.count)])
            meter.feed(read.span)
            guard cover.concerns(meter) else {
                out += read
                continue
            }
            let passed = cover.pass(read.span, meter)
            out += passed.bytes
            isLast = passed.isLast
        }
        return out
    }

    @Test(arguments: [
        ("status=500;retry-after=3600", "false"), ("status=500;retry-after=3600;hdr=x-should-retry:true", "false"),
        ("status=500;hdr=retry-after-ms:90000", "false"), ("status=500;retry-after=60", nil),
        ("status=500;retry-after=5;hdr=x-should-retry:true", "true"), ("status=429;message=needs extra usage;retry-after=7200", "false"),
    ])
    func `no client is told to wait for hours and try again`(step: String, shouldRetry: String?) async throws {
        try await withFake { world, fake in
            try await fake.script("sk-account-one", [], default: step)
            let reply = try await world.send()
            #expect(reply.status == (step.contains("429") ? 429 : 500) && reply.header("x-should-retry") == shouldRetry, "\(reply.text)")
        }
    }

    @Test(arguments: ["status=401", "status=429", "status=500", "status=529", "html503", "connect-refuse", "first-event-error"])
    func `another account serves when the first one cannot`(step: String) async throws {
        try await withFake(accounts: ["sk-account-one", "sk-account-two"]) { world, fake in
            try await fake.script("sk-account-one", [], default: step)
            let reply = try await world.send(RelayWorld.streamBody)
            #expect(reply.status == 200 && reply.header("x-relay-attempts") == "2")
            #expect(reply.text.components("event: message_start") == 1 && reply.text.components("event: message_stop") == 1)
            let (history, ledger) = try await world.books()
            #expect(ledger.count == 1 && ledger.first?.usageSource == .final && history.first?.status == .success)
        }
    }

    @Test(arguments: ["cut-after=content_block_delta#2", "cut-after=content_block_delta#2:9", "cut-after=content_block_delta#2;rst"])
    func `a stream that is cut ends with an error event and is billed so far`(step: String) async throws {
        try await withFake(accounts: ["sk-account-one", "sk-account-two"]) { world, fake in
            try await fake.script("sk-account-one", [step + "|len=400"])
            let reply = try await world.send(RelayWorld.streamBody)
            #expect(reply.status == 200 && reply.text.components("event: message_start") == 1, "nobody else goes on after the first byte")
            #expect(reply.text.hasSuffix("\n\n") && reply.text.components("event: error\n") == 1)
            let (history, ledger) = try await world.books()
            #expect(history.first?.status == .error && ledger.map(\.usageSource) == [.snapshot])
            #expect((ledger.first?.tokens.input ?? 0) > 0 && (ledger.first?.tokens.output ?? 0) > 0)
        }
    }

    @Test(arguments: ["reset", "close"])
    func `when the client leaves, both connections are closed and the snapshot billed`(way: String) async throws {
        try await withFake { world, fake in
            try await fake.script("sk-account-one", ["hang-after=content_block_delta#2:60000|len=400"])
            let client = try world.client()
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            _ = try await client.text(until: "content_block_delta")
            if way == "reset" { client.reset() } else { client.close() }
            #expect(await world.hasJournalled(2))
            let seen = try await fake.requests(finished: 1)
            #expect(seen.count == 1, "the upstream sees the end long before its pause is over")
            #expect(await world.hasNoConnection())
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.aborted] && ledger.map(\.usageSource) == [.snapshot])
        }
    }

    @Test(arguments: ["no-usage", "usage={\"input_tokens\":9223372036854775807,\"output_tokens\":9223372036854775807}"])
    func `strange usage neither breaks the answer nor the books`(step: String) async throws {
        try await withFake { world, fake in
            for body in [RelayWorld.body, RelayWorld.streamBody] {
                try await fake.script("sk-account-one", [step])
                #expect(try await world.send(body).status == 200)
            }
            let (history, ledger) = try await world.books()
            #expect(history.count == 2 && ledger.count == 2)
        }
    }

    private static let long = String(repeating: "a", count: 10_000)

    /// What an upstream says with 200, and what is booked of it: nil when it is no answer.
    @Test(
        arguments: [
            ("text/html", "<!doctype html><p>\(long)", nil), ("application/json", "", nil), ("application/json", "[1]", nil),
            ("application/json", #"{"type":"message","content":["#, nil),
            ("application/json", #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, nil),
            // Longer than what was asked for, and shorter.
            ("application/json", #"{"type":"message","content":[{"type":"text","text":"\#(long)"}]}"#, 64),
            ("application/json", #"{"type":null,"usage":null}"#, 6), ("text/plain", #"{"type":"message","model":"a"}"#, 7),
            ("application/json", #"{"type":"message","usage":{}}"#, 7),
            ("application/json", #"{"type":"other","usage":{"input_tokens":3,"output_tokens":5}}"#, 5),
        ] as [(String, String, Int64?)])
    func `a 200 without a message is the upstream's fault and costs nothing`(type: String, answer: String, output: Int64?) async throws {
        let listener = try RawListener()
        defer { listener.close() }
        try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:\(listener.port)")]) { world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.body))
            let peer = try await listener.accept()
            defer { peer.close() }
            _ = try await peer.text(until: RelayWorld.body)
            let head = "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\ncontent-length: \(answer.utf8.count)\r\n\r\n"
            try await peer.send(head + answer)
            let reply = try await client.reply()
            #expect(reply.status == (output == nil ? 502 : 200) && (reply.text == answer) == (output != nil), "\(reply.text)")
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [output == nil ? .error : .success])
            #expect(ledger.map(\.tokens.output) == [output].compactMap(\.self))
            #expect(ledger.allSatisfy { $0.usageSource == (output == 5 ? .final : .unparsed) })
        }
    }

    @Test func `mixed traffic is booked exactly once and to the token`() async throws {
        try await withFake { world, fake in
            try await fake.script(
                "sk-account-one",
                ["ok", "tool", "thinking|multi-delta=4", "status=400", "input-late", "cache-null", "split=3", "status=422"])
            for index in 0..<8 { _ = try await world.send(index % 2 == 0 ? RelayWorld.streamBody : RelayWorld.body) }
            let charged = try await fake.ledger(finished: 8)
            let (history, ledger) = try await world.books()
            #expect(history.count == 8 && ledger.count == 6 && charged.count == 6)
            func sum(_ name: String) -> Int64 {
                charged.reduce(0) { $0 + Int64((($1["usage"] as? [String: Any])?[name] as? Int) ?? 0) }
            }
            #expect(ledger.reduce(0) { $0 + $1.tokens.input } == sum("input_tokens"))
            #expect(ledger.reduce(0) { $0 + $1.tokens.output } == sum("output_tokens"))
            #expect(ledger.allSatisfy { $0.costMicroUSD > 0 && $0.priceFlags.isEmpty })
        }
    }

    @Test(arguments: [("ok", 200), ("status=400", 400)])
    func `only keys that look after the pool are told which account served`(step: String, status: Int) async throws {
        try await withFake { world, fake in
            let id = try world.account("sk-account-one").id.text
            for isDebug in [false, true] {
                try await world.change { transaction throws(StoreError) in
                    var change = APIKeyChange(world.key)
                    change.access.isDebug = isDebug
                    _ = try transaction.changeAPIKey(world.key.id, to: change)
                }
                try await fake.script("sk-account-one", [step, step])
                for body in [RelayWorld.body, RelayWorld.streamBody] {
                    let reply = try await world.send(body)
                    #expect(reply.status == status && reply.header("x-relay-account") == (isDebug ? id : nil))
                }
            }
        }
    }

    @Test func `a model map and a bearer credential change those bytes and nothing else`() async throws {
        let listener = try RawListener()
        defer { listener.close() }
        let account = WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:\(listener.port)/up") {
            $0.kind = .bearer
            $0.modelMap = "{\"claude-sonnet-5-5\":\"other/model\"}"
        }
        try await withRelay([account], limits: APIKeyLimits(requestsPerMinute: 9)) { world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.body, "/v1/messages?beta=true"))
            let peer = try await listener.accept()
            defer { peer.close() }
            let mapped = RelayWorld.body.replacing("\"claude-sonnet-5-5\"", with: "\"other/model\"")
            let request = try await peer.text(until: mapped)
            #expect(request.hasPrefix("POST /up/v1/messages?beta=true HTTP/1.1\r\n"))
            #expect(request.contains("authorization: Bearer sk-account-one\r\n") && !request.contains("x-api-key"))
            #expect(request.contains("anthropic-version: 2023-06-01\r\n") && request.contains("content-length: \(mapped.utf8.count)\r\n"))
            try await peer.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nanthropic-ratelimit-requests-limit: 4000\r\n")
            try await peer.send("set-cookie: a=b\r\nanthropic-organization-id: org_1\r\ncontent-length: 2\r\n\r\n{}")
            let reply = try await client.reply()
            #expect(reply.status == 200 && reply.text == "{}")
            #expect(
                reply.header("anthropic-ratelimit-requests-limit") == "9" && reply.header("anthropic-ratelimit-requests-remaining") == "8")
            #expect(reply.header("set-cookie") == nil && reply.header("anthropic-organization-id") == nil)
            let (_, ledger) = try await world.books()
            #expect(ledger.map(\.usageSource) == [.unparsed], "an answer without usage is booked by estimate and says so")
        }
    }
}

extension String {
    /// How often `part` stands in it.
    func components(_ part: String) -> Int { ranges(of: part).count }
}
