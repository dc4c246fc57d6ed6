extension JSONText {
    /// Reads one value that fills the bytes. Nesting deeper than `depthLimit` is refused.
    init(reading bytes: [UInt8]) throws(Malformed) {
        var reader = Reader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.at < bytes.count { throw Malformed(at: reader.at) }
    }

    private struct Reader {
        /// Deeper than any real request, shallower than the stack of a connection's thread.
        static let depthLimit = 600
        let bytes: [UInt8]
        var at = 0

        mutating func skipSpace() {
            while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
        }

        mutating func value(depth: Int) throws(Malformed) -> JSONText {
            skipSpace()
            guard at < bytes.count, depth < Self.depthLimit else { throw Malformed(at: at) }
            switch bytes[at] {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try word("true", .bool(true))
            case UInt8(ascii: "f"): return try word("false", .bool(false))
            case UInt8(ascii: "n"): return try word("null", .null)
            default: return try number()
            }
        }

        private mutating func word(_ text: String, _ value: JSONText) throws(Malformed) -> JSONText {
            guard bytes[at...].starts(with: text.utf8) else { throw Malformed(at: at) }
            at += text.utf8.count
            return value
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        private mutating func object(depth: Int) throws(Malformed) -> JSONText {
            at += 1
            var members: [Member] = []
            if take(UInt8(ascii: "}")) { return .object(members) }
            repeat {
                skipSpace()
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw Malformed(at: at) }
                let name = try string()
                guard take(UInt8(ascii: ":")) else { throw Malformed(at: at) }
                members.append(Member(name: name, value: try value(depth: depth + 1)))
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw Malformed(at: at) }
            return .object(members)
        }

        private mutating func array(depth: Int) throws(Malformed) -> JSONText {
            at += 1
            var values: [JSONText] = []
            if take(UInt8(ascii: "]")) { return .array(values) }
            repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw Malformed(at: at) }
            return .array(values)
        }

        private mutating func number() throws(Malformed) -> JSONText {
            let start = at
            let allowed = Array("+-0123456789.eE".utf8)
            while at < bytes.count, allowed.contains(bytes[at]) { at += 1 }
            let text = String(decoding: bytes[start..<at], as: UTF8.self)
            guard text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil else { throw Malformed(at: start) }
            return .number(text)
        }

        private mutating func string() throws(Malformed) -> String {
            at += 1
            var out: [UInt8] = []
            while at < bytes.count {
                let byte = bytes[at]
                at += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
                case 0..<0x20: throw Malformed(at: at - 1)
                case UInt8(ascii: "\\"): try escape(&out)
                default: out.append(byte)
                }
            }
            throw Malformed(at: at)
        }

        private mutating func escape(_ out: inout [UInt8]) throws(Malformed) {
            guard at < bytes.count else { throw Malformed(at: at) }
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "n"): out.append(0x0a)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0d)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0c)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
            case UInt8(ascii: "u"):
                var code = try unit()
                if (0xd800..<0xdc00).contains(code), bytes[at...].starts(with: "\\u".utf8) {
                    let before = at
                    at += 2
                    let low = try unit()
                    if (0xdc00..<0xe000).contains(low) {
                        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                    } else {
                        at = before
                    }
                }
                out += String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8
            default: throw Malformed(at: at - 1)
            }
        }

        private mutating func unit() throws(Malformed) -> UInt32 {
            guard at + 4 <= bytes.count, let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16) else {
                throw Malformed(at: at)
            }
            at += 4
            return code
        }
    }
}
