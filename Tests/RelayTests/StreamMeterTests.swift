import Domain
import Store
import Testing

@testable import Relay

/// What the stream meter reads, however the bytes are cut.
struct StreamMeterTests {
    static let start = """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5","content":[],"usage":{"input_tokens":10,\
        "cache_creation_input_tokens":70,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30},\
        "cache_read_input_tokens":5,"output_tokens":1}}}


        """
    static let block = """
        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

        event: ping
        data: {"type":"ping"}

        : a comment between
        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hé\\u00e9\\n"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}


        """
    static let end = """
        event: message_delta
        data: {"type":"message_delta",
        data: "delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":42,"input_tokens":null}}

        event: message_stop
        data: {"type":"message_stop"}


        """
    static let whole = start + block + end

    static func read(_ text: String, step: Int) -> (usage: MeteredUsage, meter: Facts) {
        let bytes = Array(text.utf8)
        var meter = StreamMeter()
        for begin in stride(from: 0, to: bytes.count, by: step) {
            meter.feed(bytes.span.extracting(begin..<min(bytes.count, begin + step)))
        }
        return (
            meter.usage,
            Facts(
                deltaBytes: meter.deltaBytes, blocks: meter.blocks, hasStopped: meter.hasStopped, isUnparsed: meter.isUnparsed,
                errorType: meter.errorType, stopReason: meter.stopReason, isBetweenFrames: meter.isBetweenFrames,
                snapshot: meter.outputSnapshot)
        )
    }
    struct Facts: Equatable {
        var deltaBytes: Int64 = 0
        var blocks: Int64 = 0
        var hasStopped = false
        var isUnparsed = false
        var errorType: String?
        var stopReason: String?
        var isBetweenFrames = true
        var snapshot: Int64 = 0
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `a stream cut at any place gives the same numbers`(lineEnd: String) {
        let text =
            lineEnd == "\n" ? Self.whole : Self.whole.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: lineEnd)
        for step in 1...text.utf8.count {
            let (usage, facts) = Self.read(text, step: step)
            #expect(usage.tokens == TokenCounts(input: 10, output: 42, cacheWrite5m: 40, cacheWrite1h: 30, cacheRead: 5), "step \(step)")
            #expect(
                facts
                    == Facts(deltaBytes: 6, blocks: 1, hasStopped: true, stopReason: "end_turn", snapshot: 42),
                "step \(step)")
        }
    }

    @Test func `before the end the larger of report and estimate counts`() {
        let (usage, facts) = Self.read(Self.start + Self.block, step: 7)
        #expect(usage.output == 1 && !facts.hasStopped)
        #expect(facts.snapshot == (6 + 3) / 4 + 3)
    }

    @Test func `a later null leaves a number alone and a later number replaces it`() {
        func delta(_ usage: String) -> String { "event: message_delta\ndata: {\"delta\":{},\"usage\":\(usage)}\n\n" }
        let (usage, _) = Self.read(
            Self.start + delta("{\"output_tokens\":9}") + delta("{\"output_tokens\":null,\"input_tokens\":12}"), step: 64)
        #expect(usage.output == 9 && usage.input == 12)
    }

    @Test(arguments: [
        ("event: message_start\ndata: {\"message\":{\"usage\"\n\n", true), ("event: content_block_delta\ndata: nonsense\n\n", true),
        ("event: brand_new\ndata: {\"anything\":[1,2]}\n\n", false), (": only a comment\n\n", false), ("\n\n\n", false),
    ]) func `what cannot be read is marked, what is merely new is not`(text: String, isUnparsed: Bool) {
        #expect(Self.read(text, step: 3).meter.isUnparsed == isUnparsed)
    }

    @Test func `an error event in any frame is seen, with or without a name`() {
        for name in ["event: error\n", "", "event: message\n"] {
            let text = Self.start + name + "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
            #expect(Self.read(text, step: 5).meter.errorType == "overloaded_error")
        }
    }

    @Test(arguments: [
        ("\"input_tokens\"", #""\u0069nput_tokens""#), ("\"output_tokens\"", #""\u006futput_token\u0073""#),
        ("\"cache_creation\"", #""cache\u005fcreation""#), ("\"cache_read_input_tokens\"", #""cache_read_input_toke\u006es""#),
        ("\"usage\"", #""u\u0073age""#), ("\"message_start\"", #""message\u005fstart""#), ("\"type\"", #""t\u0079pe""#),
    ]) func `a name written with escapes is the same name, in frames with a name and without`(plain: String, escaped: String) {
        for names in [true, false] {
            let lines = Self.whole.replacing(plain, with: escaped).split(separator: "\n", omittingEmptySubsequences: false)
            let text = lines.filter { names || !$0.hasPrefix("event:") }.joined(separator: "\n")
            let (usage, facts) = Self.read(text, step: 11)
            #expect(usage.tokens == TokenCounts(input: 10, output: 42, cacheWrite5m: 40, cacheWrite1h: 30, cacheRead: 5))
            #expect(facts == Facts(deltaBytes: 6, blocks: 1, hasStopped: true, stopReason: "end_turn", snapshot: 42))
        }
    }

    @Test(arguments: ["event: message", "event:", "event: brand_new"], [1, 2, 11, 4096])
    func `a frame whose name is not known is what its data says`(name: String, step: Int) {
        let lines = Self.whole.split(separator: "\n", omittingEmptySubsequences: false)
        let (usage, facts) = Self.read(lines.map { $0.hasPrefix("event:") ? name : String($0) }.joined(separator: "\n"), step: step)
        #expect(usage.tokens == TokenCounts(input: 10, output: 42, cacheWrite5m: 40, cacheWrite1h: 30, cacheRead: 5))
        #expect(facts == Facts(deltaBytes: 6, blocks: 1, hasStopped: true, stopReason: "end_turn", snapshot: 42))
    }

    @Test(arguments: [1, 2, 3, 4096]) func `a byte order mark before the stream is passed over`(step: Int) {
        let (usage, facts) = Self.read("\u{feff}" + Self.whole, step: step)
        #expect(usage.tokens == TokenCounts(input: 10, output: 42, cacheWrite5m: 40, cacheWrite1h: 30, cacheRead: 5))
        #expect(facts == Facts(deltaBytes: 6, blocks: 1, hasStopped: true, stopReason: "end_turn", snapshot: 42))
    }

    @Test(
        arguments: [
            "event: message_delta\ndata: {\"delta\":{},\"usage\":{\"output_tokens\":5000}}\n\n",
            "data: {\"type\":\"message_start\",\"message\":{\"model\":\"other\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n",
            "event: content_block_delta\ndata: nonsense\n\n", "data: {\ndata: nonsense\n\n", Self.block,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n",
        ], [1, 13, 4096])
    func `what follows the last event changes nothing`(more: String, step: Int) {
        let (usage, facts) = Self.read(Self.whole + more, step: step)
        #expect(usage.tokens == TokenCounts(input: 10, output: 42, cacheWrite5m: 40, cacheWrite1h: 30, cacheRead: 5))
        #expect(facts == Facts(deltaBytes: 6, blocks: 1, hasStopped: true, stopReason: "end_turn", snapshot: 42))
    }

    @Test func `a ping may be written only where no frame is under way`() {
        let bytes = Array((Self.start + Self.block).utf8)
        for end in 1..<bytes.count {
            var meter = StreamMeter()
            meter.feed(bytes.span.extracting(..<end))
            let isAfterFrame = bytes[end - 1] == 0x0a && end >= 2 && bytes[end - 2] == 0x0a
            #expect(meter.isBetweenFrames == isAfterFrame, "after \(end) bytes")
        }
    }

    @Test func `a frame of several megabytes is read like any other`() {
        let text = String(repeating: "a", count: 3 << 20)
        let frame = "event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"\(text)\"}}\n\n"
        let (_, facts) = Self.read(frame, step: 65_536)
        #expect(facts == Facts(deltaBytes: 3 << 20, snapshot: (3 << 20) / 4))
    }

    @Test func `no number of an upstream stops the process`() {
        let huge = String(MeteredUsage.largestCount)
        let usage = """
            {"input_tokens":\(huge),"output_tokens":\(huge),"cache_read_input_tokens":\(huge),"cache_creation_input_tokens":\(huge),\
            "cache_creation":{"ephemeral_5m_input_tokens":\(huge),"ephemeral_1h_input_tokens":\(huge)},\
            "iterations":[{"input_tokens":\(huge),"output_tokens":\(huge)},{"input_tokens":\(huge),"output_tokens":\(huge)}]}
            """
        let (read, _) = Self.read("event: message_delta\ndata: {\"usage\":\(usage)}\n\n", step: 4096)
        #expect(read.isKnown && read.tokens.cacheWrite5m == MeteredUsage.largestCount)
        #expect(read.iterationTotal.input == 2 * MeteredUsage.largestCount)
        #expect(PriceTable.starting.price(read, tokens: read.tokens, model: "claude-opus-5-5", at: .init(milliseconds: 0)).microUSD > 0)
    }

    @Test(arguments: [
        "100000000000000000000", "9223372036854775807", "1000000000001", "1e13", "-1", "100.9", "\"100\"", "true", "[]",
    ]) func `a count that cannot be one leaves nothing of the usage to believe`(count: String) {
        let body = Array("{\"usage\":{\"input_tokens\":\(count),\"output_tokens\":5}}".utf8)
        let reading = MessageMeter.read(body.span)
        #expect(reading == nil)
        for usage in [
            "{\"output_tokens\":\(count)}", "{\"cache_creation\":{\"ephemeral_5m_input_tokens\":\(count)}}",
            "{\"server_tool_use\":{\"web_search_requests\":\(count)}}",
            "{\"iterations\":[{\"input_tokens\":7},{\"input_tokens\":\(count)}]}",
        ] {
            let delta = "event: message_delta\ndata: {\"delta\":{},\"usage\":\(usage)}\n\n"
            let (read, facts) = Self.read(Self.start + Self.block + delta + Self.end, step: 64)
            #expect(!read.isKnown && read.tokens == TokenCounts() && read.iterations.isEmpty && read.webSearches == 0, "\(usage)")
            #expect(facts.isUnparsed && facts.hasStopped && facts.snapshot == (6 + 3) / 4 + 3, "\(usage)")
        }
    }

    @Test(arguments: [("50", 50), ("5e1", 50), ("50.0", 50), ("0", 0), ("1000000000000", 1_000_000_000_000)] as [(String, Int64)])
    func `a whole number may be written in any way`(written: String, count: Int64) {
        let body = Array("{\"usage\":{\"output_tokens\":\(written),\"input_tokens\":null}}".utf8)
        let reading = MessageMeter.read(body.span)
        #expect(reading?.usage.tokens == TokenCounts(output: count))
    }

    @Test func `what a compaction writes counts like other text`() {
        let frame = """
            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"eight by"}}


            """
        #expect(Self.read(Self.start + frame, step: 7).meter.deltaBytes == 8)
    }
}
