internal import Domain
internal import Glibc

/// Walks over JSON bytes without building anything: where a value ends, what an object's members are, what a number is.
///
/// It follows structure (strings, brackets) and does not check every rule of the grammar: bodies are opaque to the relay, which reads
/// a few fields and leaves judgement to the upstream. Positions are offsets into the span; `nil` means "this is not JSON here".
enum JSONSkim {
    /// Nesting past this is refused (relay contract, section 18).
    static let maximumDepth = 512

    @inline(__always)  // mostly there is none
    static func skipSpace(_ bytes: Span<UInt8>, _ from: Int) -> Int {
        var at = from
        if at < bytes.count, bytes[at] > 0x20 { return at }
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { break }
            at += 1
        }
        return at
    }

    /// The offset after the string that begins at `from` (its opening quote).
    static func skipString(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        var isEscaped = false
        return skipString(bytes, from, &isEscaped)
    }

    /// - Parameter isEscaped: becomes true when something in it is written as an escape.
    private static func skipString(_ bytes: Span<UInt8>, _ from: Int, _ isEscaped: inout Bool) -> Int? {
        var at = from + 1
        // Names and most values end soon: eight bytes a step.
        let near = min(bytes.count - 8, at + 24)
        while at <= near {
            let ends = textEnds(bytes, at)
            guard ends != 0 else {
                at += 8
                continue
            }
            at += ends.firstByte
            if bytes[at] == 0x22 { return at + 1 }
            isEscaped = true
            at += 2
        }
        // What is longer is a prompt or an answer, which the C library searches several times as fast. The quote found stays until the
        // escapes before it are passed, so no byte is searched twice for the same thing.
        while let quote = position(of: 0x22, in: bytes, at) {
            while at <= quote {
                guard let escape = position(of: 0x5c, in: bytes, at, before: quote) else { return quote + 1 }
                isEscaped = true
                at = escape + 2
            }
        }
        return nil
    }

    private static func position(of byte: UInt8, in bytes: Span<UInt8>, _ from: Int, before end: Int? = nil) -> Int? {
        let end = end ?? bytes.count
        guard from < end else { return nil }
        return unsafe bytes.extracting(from..<end).withUnsafeBufferPointer { part in
            guard let base = part.baseAddress, let hit = unsafe memchr(base, Int32(byte), part.count) else { return nil }
            return unsafe from + UnsafeRawPointer(base).distance(to: UnsafeRawPointer(hit))
        }
    }

    /// The highest bit of the first of the eight bytes that is a quote or a backslash; bits above it mean nothing. They are in the span.
    private static func textEnds(_ bytes: Span<UInt8>, _ at: Int) -> UInt64 {
        let eight = EightBytes(bytes, at)
        return eight.mask(equal: 0x22) | eight.mask(equal: 0x5c)
    }

    /// The offset after the value that begins at `from`.
    static func skipValue(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        guard from < bytes.count else { return nil }
        switch bytes[from] {
        case 0x22: return skipString(bytes, from)
        case 0x7b, 0x5b: return skipNested(bytes, from)
        case 0x2d, 0x30...0x39, 0x61...0x7a:  // a number, true, false, null
            var at = from + 1
            while at < bytes.count, isScalarByte(bytes[at]) { at += 1 }
            return at
        default: return nil
        }
    }

    @inline(__always)
    private static func isScalarByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2e || byte == 0x2b || byte == 0x2d || byte == 0x45
    }

    private static func skipNested(_ bytes: Span<UInt8>, _ from: Int) -> Int? {
        // The kinds of the open brackets, a bit each: 1 is an object.
        var kinds = InlineArray<8, UInt64>(repeating: 0)
        var depth = 0
        var at = from
        while at < bytes.count {
            let byte = bytes[at]
            switch byte {
            case 0x22:
                guard let after = skipString(bytes, at) else { return nil }
                at = after
                continue
            case 0x7b, 0x5b:
                guard depth < maximumDepth else { return nil }
                let bit = UInt64(1) << UInt64(depth & 63)
                if byte == 0x7b { kinds[depth >> 6] |= bit } else { kinds[depth >> 6] &= ~bit }
                depth += 1
            case 0x7d, 0x5d:
                depth -= 1
                let isObject = kinds[depth >> 6] >> UInt64(depth & 63) & 1 == 1
                guard isObject == (byte == 0x7d) else { return nil }
                if depth == 0 { return at + 1 }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// A member's name: its offsets, without quotes.
    struct Name {
        let range: Range<Int>
        /// Letters of it are written as escapes.
        let isEscaped: Bool
        var count: Int { range.count }
    }

    /// Calls `each` with every member's name and the offsets of its value, in order, until it answers false.
    /// - Returns: the offset after the closing brace, `from` when `each` stopped the walk, nil when this is no object.
    static func members(
        _ bytes: Span<UInt8>, _ from: Int, _ each: (_ bytes: Span<UInt8>, _ name: Name, _ value: Range<Int>) -> Bool
    ) -> Int? {
        var isStopped = false
        let end = walk(bytes, from) { bytes, name, at in
            guard let end = skipValue(bytes, at) else { return nil }
            if each(bytes, name, at..<end) { return end }
            isStopped = true
            return nil
        }
        return isStopped ? from : end
    }

    /// Calls `each` with every member's name and where its value begins, in order. It answers where the value ends, so that what it reads
    /// itself is walked over once; nil ends the walk.
    /// - Returns: the offset after the closing brace, nil when this is no object.
    static func walk(_ bytes: Span<UInt8>, _ from: Int, _ each: (_ bytes: Span<UInt8>, _ name: Name, _ value: Int) -> Int?) -> Int? {
        var at = skipSpace(bytes, from)
        guard at < bytes.count, bytes[at] == 0x7b else { return nil }
        at = skipSpace(bytes, at + 1)
        if at < bytes.count, bytes[at] == 0x7d { return at + 1 }
        while at < bytes.count {
            var isEscaped = false
            guard bytes[at] == 0x22, let nameEnd = skipString(bytes, at, &isEscaped) else { return nil }
            let range = at + 1..<nameEnd - 1
            at = skipSpace(bytes, nameEnd)
            guard at < bytes.count, bytes[at] == 0x3a else { return nil }
            at = skipSpace(bytes, at + 1)
            guard at < bytes.count, let end = each(bytes, Name(range: range, isEscaped: isEscaped), at) else { return nil }
            at = skipSpace(bytes, end)
            guard at < bytes.count else { return nil }
            if bytes[at] == 0x7d { return at + 1 }
            guard bytes[at] == 0x2c else { return nil }
            at = skipSpace(bytes, at + 1)
        }
        return nil
    }

    /// Calls `each` with the offsets of every element, until it answers false. False when this is no array.
    static func elements(_ bytes: Span<UInt8>, _ from: Int, _ each: (_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool) -> Bool {
        var at = skipSpace(bytes, from)
        guard at < bytes.count, bytes[at] == 0x5b else { return false }
        at = skipSpace(bytes, at + 1)
        if at < bytes.count, bytes[at] == 0x5d { return true }
        while at < bytes.count {
            guard let end = skipValue(bytes, at) else { return false }
            guard each(bytes, at..<end) else { return true }
            at = skipSpace(bytes, end)
            guard at < bytes.count else { return false }
            if bytes[at] == 0x5d { return true }
            guard bytes[at] == 0x2c else { return false }
            at = skipSpace(bytes, at + 1)
        }
        return false
    }

    /// Whether a member's name is this word. A name written with escapes is decoded first: `"mod\u0065l"` is "model".
    @inline(__always)
    static func matches(_ bytes: Span<UInt8>, _ name: Name, _ word: StaticString) -> Bool {
        isWord(bytes, name.range, word) || name.isEscaped && decodes(bytes, name.range, to: word)
    }

    /// Whether these bytes are that word.
    @inline(__always)  // with the word known, little is left of the comparison
    static func isWord(_ bytes: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard range.count == count else { return false }
        return unsafe bytes.extracting(range).withUnsafeBytes { part in
            guard let start = part.baseAddress else { return true }
            return unsafe memcmp(start, word.utf8Start, count) == 0
        }
    }

    private static func decodes(_ bytes: Span<UInt8>, _ name: Range<Int>, to word: StaticString) -> Bool {
        string(bytes, name.lowerBound - 1..<name.upperBound + 1) == word.description
    }

    /// A text written with escapes as the bytes it stands for; nil when nothing in it is one, as in nearly all.
    /// - Parameter text: without its quotes.
    static func unescaped(_ bytes: Span<UInt8>, _ text: Range<Int>) -> [UInt8]? {
        guard position(of: 0x5c, in: bytes, text.lowerBound, before: text.upperBound) != nil else { return nil }
        return string(bytes, text.lowerBound - 1..<text.upperBound + 1).map { Array($0.utf8) }
    }

    /// The string of a value's range (quotes included), escapes decoded; nil when it is no string.
    static func string(_ bytes: Span<UInt8>, _ value: Range<Int>) -> String? {
        guard value.count >= 2, bytes[value.lowerBound] == 0x22 else { return nil }
        // Model names and the like: plain ASCII needs no parser.
        let inner = value.lowerBound + 1..<value.upperBound - 1
        if isPlain(bytes, inner) {
            return unsafe bytes.extracting(inner).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }
        if case .string(let text)? = try? JSON(parsing: array(bytes, value)) { return text }
        return nil
    }

    private static func isPlain(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        for at in range {
            let byte = bytes[at]
            if byte &- 0x20 > 0x7e - 0x20 || byte == 0x5c { return false }
        }
        return true
    }

    static func array(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var out: [UInt8] = []
        out.append(bytes: bytes.extracting(range))
        return out
    }

    /// A whole number of 0 or more; a fraction is cut off; nil for null, negatives, and what does not fit 63 bits.
    static func count(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        guard !value.isEmpty else { return nil }
        var result: Int64 = 0
        var at = value.lowerBound
        while at < value.upperBound, (0x30...0x39).contains(bytes[at]) {
            let (product, over) = result.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = product.addingReportingOverflow(Int64(bytes[at] - 0x30))
            guard !over, !overSum else { return nil }
            result = sum
            at += 1
        }
        guard at > value.lowerBound else { return nil }
        if at == value.upperBound { return result }
        for place in at..<value.upperBound where bytes[place] | 0x20 == 0x65 { return powered(bytes, value) }
        return bytes[at] == 0x2e ? result : nil
    }

    /// A whole number of 0 or more, also written as in 5e1 or 5.0; nil for everything else.
    static func wholeCount(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        guard let digits = digits(bytes, value) else { return wholeFraction(bytes, value) }
        return digits
    }

    /// One to eighteen digits, which always fit, as nearly all numbers are.
    private static func digits(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        guard 1...18 ~= value.count else { return nil }
        var number: Int64 = 0
        for at in value {
            let digit = bytes[at] &- 0x30
            guard digit <= 9 else { return nil }
            number = number &* 10 &+ Int64(digit)
        }
        return number
    }

    private static func wholeFraction(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        guard let count = count(bytes, value) else { return nil }
        for at in value where !(0x30...0x39).contains(bytes[at]) {
            return Double(String(decoding: array(bytes, value), as: UTF8.self)) == Double(count) ? count : nil
        }
        return count
    }

    /// Of a number with an exponent, as in 6.4e4.
    private static func powered(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int64? {
        guard let number = Double(String(decoding: array(bytes, value), as: UTF8.self)), number.isFinite else { return nil }
        return Int64(exactly: number.rounded(.down))
    }

    static func isTrue(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool { value.count == 4 && bytes[value.lowerBound] == 0x74 }
    static func isNull(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool { value.count == 4 && bytes[value.lowerBound] == 0x6e }

    /// How many bytes of UTF-8 a string value stands for once its escapes are decoded; 0 when it is no string.
    static func decodedLength(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int {
        guard value.count >= 2, bytes[value.lowerBound] == 0x22 else { return 0 }
        var length = 0
        var at = value.lowerBound + 1
        let end = value.upperBound - 1
        while at < end {
            guard bytes[at] == 0x5c, at + 1 < end else {
                length += 1
                at += 1
                continue
            }
            guard bytes[at + 1] == 0x75, at + 6 <= end else {
                length += 1
                at += 2
                continue
            }
            let code = hex4(bytes, at + 2)
            switch code {
            case ..<0x80: length += 1
            case ..<0x800: length += 2
            case 0xd800..<0xe000: length += 2  // half of a pair, which is four bytes together
            default: length += 3
            }
            at += 6
        }
        return length
    }

    private static func hex4(_ bytes: Span<UInt8>, _ from: Int) -> Int {
        var value = 0
        for at in from..<from + 4 {
            let byte = bytes[at]
            let digit: UInt8 =
                switch byte {
                case 0x30...0x39: byte - 0x30
                case 0x61...0x66: byte - 0x57
                case 0x41...0x46: byte - 0x37
                default: 0
                }
            value = value << 4 | Int(digit)
        }
        return value
    }
}
