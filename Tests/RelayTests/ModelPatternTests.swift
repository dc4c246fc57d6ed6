import Testing

@testable import Relay

struct ModelPatternTests {
    @Test(arguments: [
        ("claude-*", "claude-opus-5-5", true), ("claude-*", "gpt", false), ("*", "", true), ("*opus*", "claude-opus-5", true),
        ("claude-opus-5", "claude-opus-5", true), ("claude-opus-5", "claude-opus-5-5", false), ("a*b*c", "aXbYc", true),
        ("a*b*c", "acb", false), ("ab*ba", "aba", false), ("", "x", false),
    ]) func `a model pattern matches whole names`(pattern: String, model: String, matches: Bool) {
        #expect(ModelPattern(pattern).matches(model) == matches)
    }

    @Test func `an allow list that cannot be read allows nothing`() {
        #expect(ModelPattern.list("not json").isEmpty)
        #expect(ModelPattern.list("[\"a\",1,\"b*\"]") == [ModelPattern("a"), ModelPattern("b*")])
    }
}
