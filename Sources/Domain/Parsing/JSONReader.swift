extension JSON {
    /// Deepest nesting that is read (contracts: depth <= 512).
    public static let maximumDepth = 512

    /// Reads one JSON text (RFC 8259), UTF-8, nothing after it but white space.
    /// - Throws: `ParseError` naming the byte offset; never quotes the text, which may hold a secret.
    public init(parsing bytes: [UInt8]) throws(ParseError) {
        var reader = JSONReader(bytes: bytes)
        self = try reader.document()
    }
    public init(parsing text: String) throws(ParseError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONReader {
    let bytes: [UInt8]
    var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(ParseError) -> JSON {
        let value = try self.value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw failure("nothing after the value") }
        return value
    }

    private func failure(_ expected: String) -> ParseError { ParseError("JSON with \(expected) at byte \(at)") }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    private mutating func value(depth: Int) throws(ParseError) -> JSON {
        guard depth <= JSON.maximumDepth else { throw failure("at most \(JSON.maximumDepth) levels") }
        skipSpace()
        switch peek() {
        case 0x7b: return try object(depth: depth)
        case 0x5b: return try array(depth: depth)
        case 0x22: return .string(try string())
        case 0x74: return try word("true", .bool(true))
        case 0x66: return try word("false", .bool(false))
        case 0x6e: return try word("null", .null)
        case 0x2d, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39: return try number()
        default: throw failure("a value")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(ParseError) -> JSON {
        let wanted = Array(text.description.utf8)
        guard at + wanted.count <= bytes.count, bytes[at..<at + wanted.count].elementsEqual(wanted) else { throw failure("a value") }
        at += wanted.count
        return value
    }

    private mutating func object(depth: Int) throws(ParseError) -> JSON {
        at += 1
        var object = JSONObject()
        skipSpace()
        if peek() == 0x7d {
            at += 1
            return .object(object)
        }
        while true {
            skipSpace()
            guard peek() == 0x22 else { throw failure("a member name") }
            let name = try string()
            skipSpace()
            guard peek() == 0x3a else { throw failure("a colon") }
            at += 1
            object[name] = try value(depth: depth + 1)
            skipSpace()
            guard let next = peek() else { throw failure("a closing brace") }
            at += 1
            if next == 0x7d { return .object(object) }
            guard next == 0x2c else {
                at -= 1
                throw failure("a comma or a closing brace")
            }
        }
    }

    private mutating func array(depth: Int) throws(ParseError) -> JSON {
        at += 1
        var values: [JSON] = []
        skipSpace()
        if peek() == 0x5d {
            at += 1
            return .array(values)
        }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            guard let next = peek() else { throw failure("a closing bracket") }
            at += 1
            if next == 0x5d { return .array(values) }
            guard next == 0x2c else {
                at -= 1
                throw failure("a comma or a closing bracket")
            }
        }
    }

    private mutating func number() throws(ParseError) -> JSON {
        let start = at
        if peek() == 0x2d { at += 1 }
        if peek() == 0x30 { at += 1 } else { guard digits() > 0 else { throw failure("a digit") } }
        var whole = true
        if peek() == 0x2e {
            at += 1
            whole = false
            guard digits() > 0 else { throw failure("a digit") }
        }
        if peek() == 0x65 || peek() == 0x45 {
            at += 1
            whole = false
            if peek() == 0x2b || peek() == 0x2d { at += 1 }
            guard digits() > 0 else { throw failure("a digit") }
        }
        if let next = peek(), (0x30...0x39).contains(next) { throw failure("no digit after a leading zero") }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if whole, let value = Int64(text), text != "-0" { return .int(value) }
        return .number(text)
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = peek(), (0x30...0x39).contains(byte) { at += 1 }
        return at - start
    }

    private mutating func string() throws(ParseError) -> String {
        at += 1
        var text: [UInt8] = []
        var start = at
        while let byte = peek() {
            switch byte {
            case 0x22:
                text += bytes[start..<at]
                guard let string = String(validating: text, as: UTF8.self) else { throw failure("valid UTF-8 before") }
                at += 1
                return string
            case 0x5c:
                text += bytes[start..<at]
                at += 1
                try escape(into: &text)
                start = at
            case 0..<0x20: throw failure("no raw control character")
            default: at += 1
            }
        }
        throw failure("a closing quote")
    }

    private mutating func escape(into text: inout [UInt8]) throws(ParseError) {
        guard let byte = peek() else { throw failure("an escape") }
        at += 1
        switch byte {
        case 0x22, 0x5c, 0x2f: text.append(byte)
        case 0x62: text.append(0x08)
        case 0x66: text.append(0x0c)
        case 0x6e: text.append(0x0a)
        case 0x72: text.append(0x0d)
        case 0x74: text.append(0x09)
        case 0x75:
            let first = try hex4()
            var code = UInt32(first)
            if (0xd800..<0xdc00).contains(first) {
                guard peek() == 0x5c, at + 1 < bytes.count, bytes[at + 1] == 0x75 else {
                    throw failure("the second half of a surrogate pair")
                }
                at += 2
                let second = try hex4()
                guard (0xdc00..<0xe000).contains(second) else { throw failure("the second half of a surrogate pair") }
                code = 0x10000 + (UInt32(first) - 0xd800) << 10 + (UInt32(second) - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("a whole surrogate pair") }
            text += Array(String(Character(scalar)).utf8)
        default:
            at -= 1
            throw failure("a known escape")
        }
    }

    private mutating func hex4() throws(ParseError) -> UInt16 {
        guard at + 4 <= bytes.count else { throw failure("four hex digits") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = bytes[at]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x57
            case 0x41...0x46: digit = byte - 0x37
            default: throw failure("four hex digits")
            }
            value = value << 4 | UInt16(digit)
            at += 1
        }
        return value
    }
}
