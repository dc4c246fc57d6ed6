/// A JSON value that keeps member order and the spelling of numbers.
enum JSONText: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        let name: String
        let value: JSONText
    }
    struct Malformed: Error { let at: Int }

    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONText])
    case object([Member])

    static func int(_ value: Int) -> JSONText { .number(String(value)) }

    /// The last member of that name, as readers of repeated names do.
    subscript(name: String) -> JSONText? {
        if case .object(let members) = self { return members.last { $0.name == name }?.value }
        return nil
    }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }
    var boolean: Bool? { if case .bool(let value) = self { value } else { nil } }
    var elements: [JSONText]? { if case .array(let values) = self { values } else { nil } }
    var members: [Member]? { if case .object(let members) = self { members } else { nil } }

    /// The same object with that member replaced, or added at the end.
    func setting(_ name: String, _ value: JSONText) -> JSONText {
        guard case .object(var members) = self else { return self }
        if let at = members.firstIndex(where: { $0.name == name }) {
            members[at] = Member(name: name, value: value)
        } else {
            members.append(Member(name: name, value: value))
        }
        return .object(members)
    }

    /// Compact text.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        write(&out)
        return out
    }
    var compact: String { String(decoding: bytes, as: UTF8.self) }

    private func write(_ out: inout [UInt8]) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .number(let text): out += text.utf8
        case .string(let text): Self.quote(text, &out)
        case .array(let values):
            out.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                value.write(&out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                Self.quote(member.name, &out)
                out.append(UInt8(ascii: ":"))
                member.value.write(&out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    private static func quote(_ text: String, _ out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case 0x0a: out += "\\n".utf8
            case 0..<0x20: out += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}

extension JSONText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .int(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONText...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONText)...) { self = .object(elements.map { Member(name: $0.0, value: $0.1) }) }
    init(nilLiteral: ()) { self = .null }
}
