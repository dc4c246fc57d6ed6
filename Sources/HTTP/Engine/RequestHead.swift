/// A header name that the program knows, compared without case. Of the characters a name may have (`UInt8.isToken`) only letters become
/// each other by the bit that tells lower case from upper, and "^" becomes "~"; no known name has either.
public struct HeaderName: Sendable, ExpressibleByStringLiteral {
    private let text: StaticString
    public init(stringLiteral text: StaticString) { self.text = text }

    public var length: Int { text.utf8CodeUnitCount }

    /// Whether the bytes there are this name. They are a checked field's.
    public func isAll(of bytes: Span<UInt8>, _ range: Range<Int>) -> Bool { range.count == length && begins(bytes, range.lowerBound) }

    /// Whether the name there begins with this one.
    public func begins(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool { name.count >= length && begins(bytes, name.lowerBound) }

    /// The first eight bytes of the name there, or all of a shorter one, with the bit set that letters of either case differ in: enough to
    /// tell most names from this one (`beginning`).
    public static func beginning(_ bytes: Span<UInt8>, _ name: Range<Int>) -> UInt64 {
        var word: UInt64 = 0
        if name.lowerBound + 8 <= bytes.count {
            word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: name.lowerBound, as: UInt64.self).littleEndian
        } else {
            for (place, at) in name.prefix(8).enumerated() { word |= UInt64(bytes[at]) << UInt64(place * 8) }
        }
        if name.count < 8 { word &= 1 << UInt64(name.count * 8) - 1 }
        return word | 0x2020_2020_2020_2020
    }
    public var beginning: UInt64 {
        let name = unsafe Span(_unsafeStart: text.utf8Start, count: length)
        return Self.beginning(name, 0..<length)
    }

    private func begins(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        let name = unsafe Span(_unsafeStart: text.utf8Start, count: length)
        guard length >= 8 else {
            for offset in 0..<length where (bytes[start + offset] ^ name[offset]) & ~0x20 != 0 { return false }
            return true
        }
        // Eight bytes a step; the last step reaches back over some that were compared.
        var offset = 0
        while offset < length {
            let at = min(offset, length - 8)
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: start + at, as: UInt64.self)
            let wanted = unsafe name.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)
            guard (word ^ wanted) & ~0x2020_2020_2020_2020 == 0 else { return false }
            offset += 8
        }
        return true
    }
}

/// A checked request head: one byte buffer and offsets into it. No `String` is made unless asked for.
///
/// A class, because a request hands it around. Its parser alone writes it, before anybody else sees it.
public final class RequestHead: @unchecked Sendable {
    public enum Version: UInt8, Sendable { case http10, http11 }
    /// Byte ranges of one field line in `bytes`; the value is trimmed.
    public struct Field: Sendable {
        var nameStart: UInt16, nameEnd: UInt16, valueStart: UInt16, valueEnd: UInt16
        public var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        public var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
        /// From the name's first byte to the value's last.
        public var line: Range<Int> { Int(nameStart)..<Int(valueEnd) }
    }

    /// The head as received, request line first. Its offsets are the ones of every range here.
    public internal(set) var bytes: [UInt8] = []
    public internal(set) var fields: [Field] = []
    public internal(set) var method: Method = .get
    public internal(set) var version: Version = .http11
    /// As sent, still percent-encoded; "*" for `OPTIONS *`. Of an absolute-form target only the path.
    public internal(set) var path: Range<Int> = 0..<0
    /// Without "?"; empty when there is none. Never to be logged.
    public internal(set) var query: Range<Int> = 0..<0
    /// nil when there is no body or it is chunked.
    public internal(set) var contentLength: Int?
    public internal(set) var isChunked = false
    public internal(set) var expectsContinue = false
    public internal(set) var keepsAlive = true

    /// What stands in for a head that is not needed any more.
    static let empty = RequestHead()

    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
    public var pathText: String { text(path) }
    public var queryText: String { text(query) }

    /// Empty again, with its storage kept for the next request.
    func reset() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        (method, version) = (.get, .http11)
        (path, query) = (0..<0, 0..<0)
        contentLength = nil
        (isChunked, expectsContinue, keepsAlive) = (false, false, true)
    }

    /// The value of the first field of that name, as a range of `bytes`.
    public func range(of name: HeaderName) -> Range<Int>? {
        let bytes = bytes
        for field in fields where name.isAll(of: bytes.span, field.name) { return field.value }
        return nil
    }
    /// How often a field of that name came.
    public func count(of name: HeaderName) -> Int { fields.reduce(0) { $0 + (matches($1, name) ? 1 : 0) } }
    public func value(of name: HeaderName) -> String? { range(of: name).map(text) }
    /// Runs the closure with the value's bytes; nil when there is no such field.
    public func withValue<Result>(of name: HeaderName, _ use: (Span<UInt8>) -> Result) -> Result? {
        guard let range = range(of: name) else { return nil }
        let bytes = bytes
        return use(bytes.span.extracting(range))
    }
    public func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    public func matches(_ field: Field, _ name: HeaderName) -> Bool {
        let bytes = bytes
        return name.isAll(of: bytes.span, field.name)
    }
    /// All fields as text, for control requests.
    public var headers: Headers {
        var headers = Headers()
        for field in fields { headers.add(text(field.name).lowercased(), text(field.value)) }
        return headers
    }
}
