extension JSON {
    /// Compact UTF-8 text, members in their order.
    public var bytes: [UInt8] {
        var out: [UInt8] = []
        write(to: &out, indent: nil)
        return out
    }
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Two spaces a level, for files that people read.
    public var prettyText: String {
        var out: [UInt8] = []
        write(to: &out, indent: 0)
        return String(decoding: out, as: UTF8.self)
    }

    private func write(to out: inout [UInt8], indent: Int?) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .int(let value): out += String(value).utf8
        case .number(let text): out += text.utf8
        case .string(let text): JSON.quote(text, into: &out)
        case .array(let values):
            JSON.list(values, open: 0x5b, close: 0x5d, to: &out, indent: indent) { value, out, inner in value.write(to: &out, indent: inner)
            }
        case .object(let object):
            JSON.list(object.members, open: 0x7b, close: 0x7d, to: &out, indent: indent) { member, out, inner in
                JSON.quote(member.name, into: &out)
                out.append(0x3a)
                if inner != nil { out.append(0x20) }
                member.value.write(to: &out, indent: inner)
            }
        }
    }

    private static func list<Element>(
        _ elements: [Element], open: UInt8, close: UInt8, to out: inout [UInt8], indent: Int?, each: (Element, inout [UInt8], Int?) -> Void
    ) {
        out.append(open)
        let inner = indent.map { $0 + 1 }
        func newLine(_ level: Int?) {
            guard let level else { return }
            out.append(0x0a)
            out += repeatElement(0x20, count: level * 2)
        }
        for (index, element) in elements.enumerated() {
            if index > 0 { out.append(0x2c) }
            newLine(inner)
            each(element, &out, inner)
        }
        if !elements.isEmpty { newLine(indent) }
        out.append(close)
    }

    /// Appends the text in quotes. Control characters, quote and backslash are escaped; everything else stays UTF-8.
    public static func quote(_ text: String, into out: inout [UInt8]) { out.append(upTo: text.utf8.count + 2) { quote(text, into: &$0) } }

    /// Appends the text in quotes. Control characters, quote and backslash are escaped; everything else stays UTF-8.
    public static func quote(_ text: String, into out: inout ByteCursor) {
        out.append(0x22)
        quote(inside: text.utf8Span.span, into: &out)
        out.append(0x22)
    }

    private static func quote(inside text: Span<UInt8>, into out: inout ByteCursor) {
        // What needs nothing is copied in one piece.
        var done = 0
        for at in text.indices {
            let byte = text[at]
            if byte >= 0x20, byte != 0x22, byte != 0x5c { continue }
            out.append(bytes: text.extracting(done..<at))
            done = at + 1
            out.append(0x5c)
            switch byte {
            case 0x22, 0x5c: out.append(byte)
            case 0x0a: out.append(0x6e)
            case 0x0d: out.append(0x72)
            case 0x09: out.append(0x74)
            default:
                out.append("u00")
                out.append(0x30 + (byte >> 4))
                out.append(hexDigit(byte & 15))
            }
        }
        out.append(bytes: text.extracting(done...))
    }
    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
