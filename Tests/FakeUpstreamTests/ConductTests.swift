import Testing

@testable import FakeUpstreamParts

struct ConductTests {
    @Test(arguments: [
        "ok", "status=429;type=rate_limit_error;code=ramp_limit_exceeded;retry-after=3;hdr=x-should-retry: false", "html503",
        "connect-refuse", "tls-fail", "hang-before-headers=5", "hang-after=message_start:20", "cut-after=content_block_delta#2:10;rst",
        "error-event-after=content_block_delta;type=api_error", "first-event-error", "first-event-error;type=api_error", "split=1",
        "frames=1MiB", "gzip", "close-delimited", "no-usage", "usage={\"input_tokens\": 7}", "multi-delta=3", "input-late", "cache-null",
        "iterations=[{\"type\":\"message\",\"input_tokens\":1}]", "fallback-model=claude-opus-5", "tool", "thinking", "refusal",
        "pause_turn", "max_tokens", "rate=50", "ttft=5", "len=3", "unified=5h:0.93:1790000000,7d:0.2:1790400000", "rotate-refresh",
        "refresh-fail=invalid_grant", "refresh-fail=500", "clock-skew", "clock-skew=-60", "tool | split=3 | rate=1000",
    ])
    func `every step of the contract is understood`(step: String) throws {
        _ = try Conduct(step)
    }

    @Test(arguments: [
        "nonsense", "status=abc", "status=99", "status=429;what=1", "hang-after=message_start", "split=0", "split=-1", "len=x",
        "refresh-fail=other", "usage={", "frames=5GiB", "cut-after=message_start:x",
    ])
    func `a step that is misspelled is refused`(step: String) {
        #expect(throws: Conduct.BadStep.self) { _ = try Conduct(step) }
    }

    @Test func `a refusal carries its parts`() throws {
        let refusal = try #require(try Conduct("status=529;code=c1;message=No; retry-after=2;hdr=a:b").refusal)
        #expect(refusal.status == 529 && refusal.code == "c1" && refusal.message == "No" && refusal.type == nil)
        #expect(refusal.headers == [.init(name: "retry-after", value: "2"), .init(name: "a", value: "b")])
    }

    @Test func `a cut names the frame, the bytes beyond it and its kind`() throws {
        let cut = try #require(try Conduct("cut-after=content_block_delta#3:17;rst").cut)
        #expect(cut == .init(after: .init(event: "content_block_delta", occurrence: 3), bytes: 17, isReset: true))
    }

    @Test(arguments: [
        ("{\"a\":[1,2.50,-0,1e400,true,null],\"a\":\"\\u00e9\\ud83c\\udf0d\\n\"}", "é🌍\n"), ("{\"a\":\"plain\"}", "plain"),
    ])
    func `JSON keeps numbers as written and takes the last of equal names`(text: String, expected: String) throws {
        let value = try JSONText(reading: Array(text.utf8))
        #expect(value["a"]?.text == expected)
        #expect(try JSONText(reading: value.bytes) == value)
    }

    @Test(arguments: ["", "{", "[1,]", "{\"a\"}", "01", "\"\u{1}\"", "tru", "[1] 2", "\"\\x\""])
    func `broken JSON is refused`(text: String) {
        #expect(throws: JSONText.Malformed.self) { _ = try JSONText(reading: Array(text.utf8)) }
    }

    @Test func `nesting beyond the limit is refused, not followed`() {
        #expect(throws: JSONText.Malformed.self) { _ = try JSONText(reading: Array(repeating: UInt8(ascii: "["), count: 100_000)) }
    }

    @Test(arguments: [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 GMT")])
    func `dates are spelled as HTTP wants them`(seconds: Int, expected: String) {
        #expect(Calendar.httpDate(seconds) == expected)
    }

    @Test func `the digest is SHA-256`() {
        #expect(sha256Hex(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
