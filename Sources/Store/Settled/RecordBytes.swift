// Numbers, ids and texts in flat bytes, as the journal keeps them: whole numbers little-endian, texts with a 16-bit length in front,
// optional values behind a presence byte.
public import Domain

public enum RecordBytes {
    /// Longest text in a record; model names and the like are far shorter.
    public static let maximumTextBytes = 512

    public static func put(_ number: Int64, _ out: inout ByteCursor) { out.append(littleEndian: UInt64(bitPattern: number)) }
    public static func put(_ truth: Bool, _ out: inout ByteCursor) { out.append(truth ? 1 : 0) }
    public static func put<Kind>(_ id: Identifier<Kind>, _ out: inout ByteCursor) {
        out.append(littleEndian: id.high)
        out.append(littleEndian: id.low)
    }
    public static func put(_ text: String, _ out: inout ByteCursor) {
        let count = text.utf8.count
        guard count <= maximumTextBytes else { return putCut(text, &out) }
        out.append(UInt8(truncatingIfNeeded: count))
        out.append(UInt8(truncatingIfNeeded: count >> 8))
        out.append(utf8: text)
    }
    private static func putCut(_ text: String, _ out: inout ByteCursor) {
        var bytes = Array(text.utf8.prefix(maximumTextBytes))
        // A cut must not leave half a character.
        while String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
        put(String(decoding: bytes, as: UTF8.self), &out)
    }
    public static func put(_ number: Int64?, _ out: inout ByteCursor) {
        out.append(number == nil ? 0 : 1)
        if let number { put(number, &out) }
    }
    public static func put(_ text: String?, _ out: inout ByteCursor) {
        out.append(text == nil ? 0 : 1)
        if let text { put(text, &out) }
    }
    public static func put<Kind>(_ id: Identifier<Kind>?, _ out: inout ByteCursor) {
        out.append(id == nil ? 0 : 1)
        if let id { put(id, &out) }
    }
    static func put(_ tokens: TokenCounts, _ out: inout ByteCursor) {
        put(tokens.input, &out)
        put(tokens.output, &out)
        put(tokens.cacheWrite5m, &out)
        put(tokens.cacheWrite1h, &out)
        put(tokens.cacheRead, &out)
    }
}

/// Reads what `RecordBytes` wrote, value after value. Past the first value that cannot be read everything is nothing and `isBroken` is
/// set, so that a whole record is read first and judged once.
public struct RecordReader {
    let bytes: [UInt8]
    private var at: Int
    private let end: Int
    public private(set) var isBroken = false

    /// - Parameter range: where in `bytes` the record lies; nil is all of it.
    public init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
        self.bytes = bytes
        (at, end) = (range?.lowerBound ?? 0, min(range?.upperBound ?? bytes.count, bytes.count))
    }

    /// Every byte was read, and each meant something.
    public var isWhole: Bool { !isBroken && at == end }

    /// A value could be read, and means nothing.
    mutating func breakOff() { isBroken = true }

    public mutating func byte() -> UInt8 {
        guard !isBroken, at < end else {
            isBroken = true
            return 0
        }
        defer { at += 1 }
        return bytes[at]
    }
    private mutating func word() -> UInt64 {
        guard !isBroken, at <= end - 8 else {
            isBroken = true
            return 0
        }
        defer { at += 8 }
        return unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
    }
    public mutating func number() -> Int64 { Int64(bitPattern: word()) }
    public mutating func moment() -> Timestamp { Timestamp(milliseconds: number()) }
    public mutating func flag() -> Bool { byte() == 1 }
    public mutating func id<Kind>() -> Identifier<Kind> {
        let high = word()
        return Identifier(high: high, low: word())
    }

    /// The presence byte before an optional value.
    mutating func isPresent() -> Bool {
        let byte = byte()
        if byte > 1 { isBroken = true }
        return byte == 1
    }
    public mutating func optionalNumber() -> Int64? { isPresent() ? number() : nil }
    public mutating func optionalID<Kind>() -> Identifier<Kind>? { isPresent() ? id() : nil }
    mutating func optionalText() -> String? { isPresent() ? string() : nil }

    /// Where a text lies.
    struct Text {
        let range: Range<Int>
        /// ASCII without NUL: needs no proof and nothing replaced.
        let isPlain: Bool
    }

    mutating func text() -> Text {
        let low = byte()
        let count = Int(low) | Int(byte()) << 8
        guard !isBroken, at <= end - count else {
            isBroken = true
            return Text(range: 0..<0, isPlain: true)
        }
        let range = at..<at + count
        at += count
        if Self.isPlain(bytes.span.extracting(range)) { return Text(range: range, isPlain: true) }
        if String(validating: bytes[range], as: UTF8.self) == nil { isBroken = true }
        return Text(range: range, isPlain: false)
    }
    public mutating func string() -> String {
        let text = text()
        return isBroken
            ? "" : unsafe bytes.span.extracting(text.range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// Eight bytes a step: no byte is 0, none has its highest bit.
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        var at = 0
        while at + 8 <= text.count {
            if !EightBytes(text, at).isPlain { return false }
            at += 8
        }
        while at < text.count {
            if text[at] == 0 || text[at] >= 0x80 { return false }
            at += 1
        }
        return true
    }

    mutating func tokens() -> TokenCounts {
        let (input, output) = (number(), number())
        let (five, hour) = (number(), number())
        return TokenCounts(input: input, output: output, cacheWrite5m: five, cacheWrite1h: hour, cacheRead: number())
    }
}
