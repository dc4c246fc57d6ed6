import Domain
import Testing

struct JSONTests {
    static let good: [(String, JSON)] = [
        ("null", .null), (" true ", .bool(true)), ("-0", .number("-0")), ("9223372036854775807", .int(.max)),
        ("9223372036854775808", .number("9223372036854775808")), ("1.50", .number("1.50")), ("1e5", .number("1e5")), ("[]", .array([])),
        ("{}", .object([:])), ("[1,\"a\",{\"b\":null}]", .array([1, "a", ["b": nil]])),
        (#""\u00e9\ud83d\ude00\n\/""#, .string("é😀\n/")), ("\"é😀\"", .string("é😀")),
    ]

    @Test(arguments: good) func `good text becomes its value`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "01", "-", "1.", ".5", "1e", "+1", "[1,]", "[1 2]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "\"", "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"a\nb\"", "1 2", "[", "{", "{\"a\":", "NaN", "'a'", "\u{feff}1", "[1]]",
    ])
    func `bad text is refused`(text: String) {
        #expect(throws: ParseError.self) { try JSON(parsing: text) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: ParseError.self) { try JSON(parsing: [0x22, 0xff, 0x22]) }
    }

    @Test func `nesting stops at the limit and not before`() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(throws: Never.self) { try JSON(parsing: nested(JSON.maximumDepth + 1)) }
        #expect(throws: ParseError.self) { try JSON(parsing: nested(JSON.maximumDepth + 2)) }
        #expect(throws: ParseError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `an object keeps its order, and the later of two equal names wins`() throws {
        let names = (0..<40).map { "n\($0)" }
        let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + ",\"n0\":2}"
        let object = try #require(try JSON(parsing: text).object)
        #expect(object.members.map(\.name) == names)
        #expect(object["n0"] == 2 && object["n39"] == 1 && object["n40"] == nil)
    }

    @Test func `removing members keeps look-ups right`() {
        var object = JSONObject((0..<20).map { ("n\($0)", JSON.int(Int64($0))) })
        for name in ["n0", "n7", "n19"] { object[name] = nil }
        #expect(object.count == 17 && object["n8"] == 8 && object["n7"] == nil)
        object["n7"] = 1
        #expect(object["n7"] == 1 && object.members.last?.name == "n7")
    }

    @Test(arguments: ["{\"a\":[1,2.50,\"\\u0001\\\"\\\\é\"],\"b\":{},\"c\":[]}", "[true,false,null]"])
    func `writing and reading again gives the same`(text: String) throws {
        let value = try JSON(parsing: text)
        #expect(value.text == text)
        #expect(try JSON(parsing: value.prettyText) == value)
    }
}
