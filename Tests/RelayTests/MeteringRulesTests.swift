import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// The rules of metering (relay contract, section 15), those that no other suite names, line by line.
struct MeteringRulesTests {
    private static let account = "sk-account-one"

    private static func usage(_ json: String...) -> MeteredUsage {
        var usage = MeteredUsage()
        for text in json { usage.overlay(Array(text.utf8).span, 0) }
        return usage
    }

    @Test(arguments: [
        // cache_creation null or absent: all are writes of five minutes.
        ([#"{"cache_creation_input_tokens":70,"cache_creation":null}"#], TokenCounts(cacheWrite5m: 70)),
        ([#"{"cache_creation_input_tokens":70}"#], TokenCounts(cacheWrite5m: 70)),
        // Its parts, and what is beyond them.
        (
            [#"{"cache_creation_input_tokens":70,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}"#],
            TokenCounts(cacheWrite5m: 40, cacheWrite1h: 30)
        ),
        (
            [#"{"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}"#],
            TokenCounts(cacheWrite5m: 20, cacheWrite1h: 30)
        ),
        // Parts of the start outlive a null of the end; a raised sum goes to five minutes.
        (
            [
                #"{"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}"#,
                #"{"cache_creation_input_tokens":60,"cache_creation":null,"output_tokens":4}"#,
            ], TokenCounts(output: 4, cacheWrite5m: 30, cacheWrite1h: 30)
        ),
        // A placeholder is replaced by what comes later, and a null replaces nothing.
        ([#"{"input_tokens":1,"output_tokens":1}"#, #"{"input_tokens":500,"output_tokens":8}"#], TokenCounts(input: 500, output: 8)),
        ([#"{"input_tokens":500}"#, #"{"input_tokens":null,"output_tokens":8}"#], TokenCounts(input: 500, output: 8)),
        // Cumulative: replaced, never added.
        ([#"{"output_tokens":5}"#, #"{"output_tokens":9}"#, #"{"output_tokens":12}"#], TokenCounts(output: 12)),
        // Output includes what was thought.
        ([#"{"output_tokens":30,"output_tokens_details":{"thinking_tokens":20}}"#], TokenCounts(output: 30)),
    ]) func `usage is overlaid field by field`(json: [String], tokens: TokenCounts) {
        var usage = MeteredUsage()
        for text in json { usage.overlay(Array(text.utf8).span, 0) }
        #expect(usage.tokens == tokens)
    }

    @Test func `every sort of pass counts, an empty list is none, and a later list replaces an earlier one`() {
        let passes =
            ["message", "compaction", "advisor_message", "fallback_message", "another_one"]
            .map { #"{"type":"\#($0)","input_tokens":10,"output_tokens":1,"cache_read_input_tokens":2,"cache_creation_input_tokens":3}"# }
            .joined(separator: ",")
        let read = Self.usage(#"{"input_tokens":7,"iterations":[\#(passes)]}"#)
        #expect(read.iterationTotal == TokenCounts(input: 50, output: 5, cacheWrite5m: 15, cacheRead: 10))
        #expect(Self.usage(#"{"input_tokens":7,"iterations":[]}"#).iterations.isEmpty)
        #expect(Self.usage(#"{"input_tokens":7,"iterations":null}"#).iterations.isEmpty)
        let replaced = Self.usage(#"{"iterations":[\#(passes)]}"#, #"{"iterations":[{"type":"message","input_tokens":4}]}"#)
        #expect(replaced.iterationTotal == TokenCounts(input: 4))
    }

    @Test(arguments: ["[null]", "[{}]", #"[{"type":"message"},7]"#, #"[{"input_tokens":null}]"#])
    func `an entry without counts is no pass, and a list of such none`(list: String) {
        let read = Self.usage(#"{"input_tokens":100,"output_tokens":50,"iterations":\#(list)}"#)
        #expect(read.iterations.isEmpty && read.tokens == TokenCounts(input: 100, output: 50))
        let mixed = Self.usage(#"{"input_tokens":7,"iterations":[{"input_tokens":4},\#(list.dropFirst())}"#)
        #expect(mixed.iterationTotal == TokenCounts(input: 4))
    }

    @Test func `every pass of a long list is billed at its model, past those that are kept one by one in sums`() {
        func passes(_ model: String, _ count: Int) -> [String] {
            Array(repeating: #"{"model":"\#(model)","input_tokens":10,"output_tokens":5}"#, count: count)
        }
        let list = (passes("a", 200) + passes("b", 100) + passes("a", 30) + passes("c", 20)).joined(separator: ",")
        let read = Self.usage(#"{"input_tokens":7,"iterations":[\#(list)]}"#)
        #expect(read.iterations.count == 256 && read.iterationTotal == TokenCounts(input: 3500, output: 1750))
        let sum = read.iterations.filter { $0.model == "a" }.reduce(0) { $0 + $1.tokens.input }
        #expect(sum == 2300, "the two hundred and the thirty")
    }

    @Test func `what the top level says later than the list of passes and beyond it is the last one's`() {
        let start = #"{"input_tokens":100,"output_tokens":1,"iterations":[{"input_tokens":60},{"input_tokens":40,"output_tokens":1}]}"#
        let read = Self.usage(start, #"{"output_tokens":50}"#, #"{"output_tokens":777,"iterations":null}"#)
        #expect(read.iterations.map(\.tokens) == [TokenCounts(input: 60), TokenCounts(input: 40, output: 777)])
        // What has not risen since says nothing new, nor what is no more than the passes say.
        let same = #"{"input_tokens":500,"output_tokens":1,"iterations":[{"input_tokens":40,"output_tokens":30}]}"#
        #expect(Self.usage(same, #"{"input_tokens":500,"output_tokens":9}"#).iterationTotal == TokenCounts(input: 40, output: 30))
        // A list that comes with it says all.
        let later = #"{"output_tokens":50,"iterations":[{"input_tokens":40,"output_tokens":30}]}"#
        #expect(Self.usage(start, later).iterationTotal == TokenCounts(input: 40, output: 30))
    }

    @Test func `an empty name of a model is none`() {
        let read = Self.usage(#"{"iterations":[{"model":"","input_tokens":4},{"model":"a","input_tokens":4}]}"#)
        #expect(read.iterations.map(\.model) == [nil, "a"])
        let body = Array(#"{"model":"","usage":{"input_tokens":4}}"#.utf8)
        let reading = MessageMeter.read(body.span)
        #expect(reading != nil && reading?.model == nil)
        var meter = StreamMeter()
        meter.feed(Array(#"data: {"type":"message_start","message":{"model":"","usage":{"input_tokens":4}}}"#.utf8).span)
        meter.feed(Array("\n\n".utf8).span)
        #expect(meter.model == nil && meter.usage.input == 4)
    }

    @Test(arguments: [RelayWorld.body, RelayWorld.streamBody])
    func `the model that answered is billed, and history shows what was asked for`(body: String) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: Self.account, baseURL: fake.baseURL)]) { world in
                try await fake.script(Self.account, [], default: "fallback-model=claude-opus-5")
                #expect(try await world.send(body).status == 200)
                let (history, ledger) = try await world.books()
                #expect(ledger.map(\.model) == ["claude-opus-5"] && history.map(\.model) == ["claude-sonnet-5-5"])
                let entry = try #require(ledger.first)
                let price = PriceTable.starting.price(MeteredUsage(), tokens: entry.tokens, model: "claude-opus-5", at: entry.at)
                #expect(entry.costMicroUSD == price.microUSD && entry.costMicroUSD > 0)
            }
        }
    }

    @Test(arguments: [RelayWorld.body, RelayWorld.streamBody])
    func `an answer that leaves its model empty is billed as the one that was asked for`(body: String) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: Self.account, baseURL: fake.baseURL)]) { world in
                try await fake.script(Self.account, [], default: "fallback-model=")
                #expect(try await world.send(body).status == 200)
                let (_, ledger) = try await world.books()
                #expect(ledger.map(\.model) == ["claude-sonnet-5-5"] && ledger.map(\.priceFlags) == [""])
            }
        }
    }

    @Test(
        arguments: [
            (#""speed":"fast","inference_geo":"us","#, #""speed":"standard","inference_geo":"global""#, "", 140),
            ("", #""speed":"fast","inference_geo":"us""#, "geo_us fast", 308),
        ] as [(String, String, String, Int64)])
    func `speed and place are billed as the answer tells them, not as they were asked for`(
        wish: String, answer: String, flags: String, cost: Int64
    ) async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: Self.account, baseURL: fake.baseURL)]) { world in
                let none = #""cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":null"#
                try await fake.script(Self.account, [#"usage={"input_tokens":10,"output_tokens":5,\#(none),\#(answer)}"#])
                let body = #"{\#(wish)"model":"claude-opus-5-5","max_tokens":64,"messages":[{"role":"user","content":"a"}]}"#
                #expect(try await world.send(body).status == 200)
                let (_, ledger) = try await world.books()
                #expect(ledger.map(\.priceFlags) == [flags] && ledger.map(\.costMicroUSD) == [cost])
            }
        }
    }

    @Test(arguments: [("", 20), (#""speed":"fast","#, 40), (#""inference_geo":"us","#, 22)] as [(String, Int64)])
    func `what is held back is the price as it is asked for, at the dearest model that an account may make of the name`(
        wish: String, rate: Int64
    ) async throws {
        let accounts = ["claude-haiku-4-5", "claude-opus-5-5"].map { model in
            WorldAccount(secret: "sk-" + model, baseURL: "http://127.0.0.1:9") { $0.modelMap = #"{"small":"\#(model)"}"# }
        }
        try await withRelay(accounts, limits: APIKeyLimits(costPerDayMicroUSD: 1_000_000)) { world in
            let key = try #require(world.relay.services.keys.find(world.key.id))
            let body = #"{\#(wish)"model":"small","max_tokens":1000,"messages":[{"role":"user","content":"a"}]}"#
            let request = try MessagesRequest(scanning: Array(body.utf8).span)
            let moment = RelayGate.Moment(now: world.clock.ambient.now(), second: 1000)
            let held = RelayGate.reservation(key, request, 0, world.relay.services, moment).amounts.period
            #expect(held.costMicroUSD == rate * 1000 && held.opusCostMicroUSD == rate * 1000 && held.requests == 1)
        }
    }

    @Test(
        arguments: [
            (99_999, "claude-opus-5-5", 99_999), (1_904_823, "claude-opus-5-5", 200_000), (1_904_823, "claude-opus-5-5[1m]", 1_000_000),
            (150_000, "claude-opus-5-5", 150_000),
        ] as [(Int64, String, Int64)])
    func `a prompt that nobody has counted is billed as no more than its model reads`(estimate: Int64, model: String, billed: Int64) {
        #expect(MessagesHandler.billed(estimate, ModelTraits(model)) == billed)
    }

    @Test(arguments: [(1_000_000, 15), (1_500_000, 23), (0, 0), (333_333, 5)] as [(Int64, Int64)])
    func `the customer pays the cost times the key's multiplier, and both are kept`(millionths: Int64, pays: Int64) {
        let clock = TestClock()
        var admission = Admission.example(clock.ambient, key: APIKeyID(clock.ambient))
        (admission.priceMillionths, admission.startedAt) = (millionths, clock.ambient.now())
        var settlement = Settlement(status: .success, attempts: 1)
        // Three tokens of 5 micro-USD.
        settlement.usage = .init(tokens: TokenCounts(input: 3), metered: MeteredUsage(), model: "claude-opus-5", source: .final)
        let settled = settlement.settled(admission, prices: .starting, at: clock.ambient.now())
        #expect(settled.entries.map(\.costMicroUSD) == [15] && settled.entries.map(\.priceMicroUSD) == [pays])
        #expect(settled.request.costMicroUSD == 15 && settled.request.priceMicroUSD == pays)
    }

    // MARK: An account's switch: passes, or the top level

    private static let passes =
        #"[{"type":"message","input_tokens":100,"output_tokens":7},{"type":"compaction","input_tokens":50,"output_tokens":3}]"#

    private static func frame(_ name: String, _ data: String) -> String {
        let text = "event: \(name)\ndata: \(data)\n\n"
        return String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n"
    }

    @Test(arguments: [true, false])
    func `the switch holds for a stream whose numbers come only at its end, and for what a crash leaves of it`(isTopLevel: Bool)
        async throws
    {
        let listener = try RawListener()
        defer { listener.close() }
        let account = WorldAccount(secret: Self.account, baseURL: "http://127.0.0.1:\(listener.port)") { $0.billsTopLevel = isTopLevel }
        let billed = isTopLevel ? TokenCounts(input: 20, output: 9) : TokenCounts(input: 150, output: 10)
        try await withRelay([account]) { world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            let peer = try await listener.accept()
            defer { peer.close() }
            _ = try await peer.text(until: RelayWorld.streamBody)
            try await peer.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    + Self.frame(
                        "message_delta",
                        #"{"type":"message_delta","delta":{},"usage":{"input_tokens":20,"output_tokens":9,"iterations":\#(Self.passes)}}"#))
            let head = try await client.text(until: "message_delta")
            let id = try #require(head.split(separator: "x-relay-request-id: ").dropFirst().first?.prefix(36))
            // What another process would find of it now.
            let slot = try #require(try Self.slot(of: try RequestID(parsing: String(id)), in: world))
            #expect(slot.tokens == billed && slot.flags.contains(.known) && !slot.flags.contains(.complete))
            #expect(slot.passes.map(\.tokens.input) == (isTopLevel ? [] : [100, 50]))
            try await peer.send(Self.frame("message_stop", #"{"type":"message_stop"}"#) + "0\r\n\r\n")
            _ = try await client.text(until: "0\r\n\r\n")
            let (_, ledger) = try await world.books()
            #expect(ledger.map(\.tokens) == [billed] && ledger.map(\.usageSource) == [.final])
        }
    }

    @Test func `what is streamed beyond the passes of the start is billed when the stream is cut`() async throws {
        let listener = try RawListener()
        defer { listener.close() }
        try await withRelay([WorldAccount(secret: Self.account, baseURL: "http://127.0.0.1:\(listener.port)")]) { world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            let peer = try await listener.accept()
            _ = try await peer.text(until: RelayWorld.streamBody)
            let usage = #"{"input_tokens":20,"output_tokens":1,"iterations":\#(Self.passes)}"#
            let text = String(repeating: "a", count: 400)
            try await peer.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    + Self.frame(
                        "message_start",
                        #"{"type":"message_start","message":{"model":"claude-opus-5-5","content":[],"usage":\#(usage)}}"#)
                    + Self.frame(
                        "content_block_start",
                        #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
                    + Self.frame(
                        "content_block_delta",
                        #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(text)"}}"#))
            _ = try await client.text(until: text)
            peer.close()
            _ = try await client.text(until: "event: error")
            let (_, ledger) = try await world.books()
            // A token for four bytes and three for the block, where the passes told of ten.
            #expect(ledger.map(\.tokens) == [TokenCounts(input: 150, output: 103)] && ledger.map(\.usageSource) == [.snapshot])
            #expect(ledger.map(\.costMicroUSD) == [2660])
        }
    }

    struct Untold: Sendable {
        /// The start's usage; nil: no start comes.
        var start: String? = #"{"input_tokens":20,"output_tokens":1}"#
        /// The data of `message_delta`.
        var end = #"{"type":"message_delta","delta":{},"usage":{"output_tokens":9}}"#
        /// Nil: an estimate.
        var input: Int64? = 20
        /// A token for four bytes and three for the block, unless told.
        var output: Int64 = 103
        var source = UsageSource.unparsed
    }

    @Test(arguments: [
        Untold(output: 9, source: .final), Untold(end: #"{"type":"message_delta","delta":{}}"#),
        Untold(end: #"{"type":"message_delta","delta":{},"usage":null}"#), Untold(end: #"{"type":"message_delta","delta":{},"usage":{}}"#),
        Untold(end: #"{"type":"message_delta","usage":{"output_tokens":null}}"#), Untold(end: #"{"type":"message_delta","#),
        Untold(start: nil, input: nil, output: 9), Untold(start: "null", input: nil, output: 9),
        Untold(start: #"{"input_tokens":null}"#, input: nil, output: 9),
        Untold(start: "null", end: #"{"type":"message_delta","usage":{"input_tokens":20,"output_tokens":9}}"#, output: 9, source: .final),
    ])
    func `what a stream has not told in the end is billed by what was sent and streamed`(untold: Untold) async throws {
        let listener = try RawListener()
        defer { listener.close() }
        try await withRelay([WorldAccount(secret: Self.account, baseURL: "http://127.0.0.1:\(listener.port)")]) { world in
            let client = try world.client()
            defer { client.close() }
            try await client.send(RelayWorld.request(RelayWorld.streamBody))
            let peer = try await listener.accept()
            defer { peer.close() }
            _ = try await peer.text(until: RelayWorld.streamBody)
            let text = String(repeating: "a", count: 400)
            var answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            if let usage = untold.start {
                let start = #"{"type":"message_start","message":{"model":"claude-opus-5-5","content":[],"usage":\#(usage)}}"#
                answer += Self.frame("message_start", start)
            }
            answer += Self.frame(
                "content_block_start", #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
            answer += Self.frame(
                "content_block_delta", #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(text)"}}"#)
            answer += Self.frame("content_block_stop", #"{"type":"content_block_stop","index":0}"#)
            answer += Self.frame("message_delta", untold.end) + Self.frame("message_stop", #"{"type":"message_stop"}"#) + "0\r\n\r\n"
            try await peer.send(answer)
            _ = try await client.text(until: "0\r\n\r\n")
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.success] && ledger.map(\.usageSource) == [untold.source])
            let tokens = try #require(ledger.first?.tokens)
            #expect(tokens.output == untold.output && (untold.input.map { $0 == tokens.input } ?? (tokens.input > 20)))
        }
    }

    private static func slot(of id: RequestID, in world: RelayWorld) throws -> InFlightSlots.Reading? {
        let folder = world.relay.services.spillFolder
        for name in try JournalFolder.names(folder) where name.hasSuffix(".slots") {
            let file = try MappedFile.open(existing: "\(folder)/\(name)", largest: InFlightSlots.fileBytes)
            for number in 0..<UInt32(8) {
                if let reading = InFlightSlots.read(file, number, id: (id.high, id.low)) { return reading }
            }
        }
        return nil
    }

    @Test(arguments: [true, false]) func `the switch holds for results of batches, which cost half`(isTopLevel: Bool) async throws {
        let usage = #"{"input_tokens":20,"output_tokens":9,"iterations":\#(Self.passes)}"#
        let ledger = try await Self.results(
            [#"{"custom_id":"one","result":{"type":"succeeded","message":{"model":"claude-opus-5-5","usage":\#(usage)}}}"#],
            isTopLevel: isTopLevel)
        #expect(ledger.map(\.tokens) == [isTopLevel ? TokenCounts(input: 20, output: 9) : TokenCounts(input: 150, output: 10)])
        #expect(ledger.map(\.costMicroUSD) == [isTopLevel ? 130 : 400] && ledger.map(\.priceFlags) == ["batch"])
    }

    @Test func `of a batch's results those that were made are billed, without numbers by their size`() async throws {
        let ledger = try await Self.results([
            #"{"custom_id":"a","result":{"type":"errored","error":{"type":"error","error":{"type":"api_error"}}}}"#,
            #"{"custom_id":"b","result":{"type":"canceled"}}"#, #"{"custom_id":"c","result":{"type":"expired"}}"#,
            #"{"custom_id":"d","result":{"type":"succeeded","message":{"model":"claude-opus-5-5","content":[]}}}"#, "nonsense",
        ])
        #expect(ledger.map(\.usageSource) == [.unparsed])
        #expect(ledger.map(\.tokens.output) == [Int64(#"{"model":"claude-opus-5-5","content":[]}"#.utf8.count / 4)])
    }

    @Test func `a batch's model without a price is billed as the dearest of its family and named`() async throws {
        let (clock, usage) = (TestClock(), #"{"input_tokens":1000,"output_tokens":0}"#)
        var results = Self.reader(clock, isTopLevel: false)
        for (id, model) in [("a", "claude-opus-9"), ("b", "claude-opus-9"), ("c", "claude-opus-5-5")] {
            let line = #"{"custom_id":"\#(id)","result":{"type":"succeeded","message":{"model":"\#(model)","usage":\#(usage)}}}"# + "\n"
            results.feed(Array(line.utf8).span)
        }
        #expect(results.unpriced == ["claude-opus-9"] && results.lines == 3)
        #expect(results.microUSD == 7500 + 7500 + 2000)
    }

    private static func reader(_ clock: TestClock, isTopLevel: Bool) -> BatchResults {
        let ambient = clock.ambient
        let batch = MessageBatch(
            id: "msgbatch_1", apiKeyID: APIKeyID(ambient), keyName: "a key", userID: nil, accountID: AccountID(ambient),
            createdAt: ambient.now(), reservedTokens: 0, reservedMicroUSD: 0, state: "{}")
        return BatchResults(
            batch, prices: .starting, millionths: 1_000_000, now: ambient.now(), day: ambient.today, billsTopLevel: isTopLevel)
    }

    private static func results(_ lines: [String], isTopLevel: Bool = false) async throws -> [LedgerEntry] {
        var results = reader(TestClock(), isTopLevel: isTopLevel)
        results.feed(Array(lines.map { $0 + "\n" }.joined().utf8).span)
        results.end()
        return try results.takeWaiting().flatMap { record -> [LedgerEntry] in
            guard case .settled(let settled)? = JournalCoder.decode(record) else { throw ParseError("a settled record") }
            return settled.entries
        }
    }
}
