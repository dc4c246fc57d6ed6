/// A header name, lowercase ASCII, made once (`static let`) and compared without case.
public struct HeaderName: Sendable, ExpressibleByStringLiteral {
    let bytes: [UInt8]
    public init(stringLiteral text: StaticString) { self.init("\(text)") }
    public init(_ text: String) { bytes = text.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 } }
}

/// A checked request head: one byte buffer and offsets into it. No `String` is made unless asked for.
public struct RequestHead: Sendable {
    public enum Version: UInt8, Sendable { case http10, http11 }
    /// Byte ranges of one field line in `bytes`; the value is trimmed.
    public struct Field: Sendable {
        var nameStart: UInt16, nameEnd: UInt16, valueStart: UInt16, valueEnd: UInt16
        public var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        public var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
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

    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
    public var pathText: String { text(path) }
    public var queryText: String { text(query) }

    /// Empty again, with its storage kept for the next request.
    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        (method, version) = (.get, .http11)
        (path, query) = (0..<0, 0..<0)
        contentLength = nil
        (isChunked, expectsContinue, keepsAlive) = (false, false, true)
    }

    /// The value of the first field of that name, as a range of `bytes`.
    public func range(of name: HeaderName) -> Range<Int>? {
        for field in fields where matches(field, name) { return field.value }
        return nil
    }
    /// How often a field of that name came.
    public func count(of name: HeaderName) -> Int { fields.reduce(0) { $0 + (matches($1, name) ? 1 : 0) } }
    public func value(of name: HeaderName) -> String? { range(of: name).map(text) }
    /// Runs the closure with the value's bytes; nil when there is no such field.
    public func withValue<Result>(of name: HeaderName, _ use: (Span<UInt8>) -> Result) -> Result? {
        guard let range = range(of: name) else { return nil }
        return use(bytes.span.extracting(range))
    }
    public func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    public func matches(_ field: Field, _ name: HeaderName) -> Bool {
        let length = Int(field.nameEnd - field.nameStart)
        guard length == name.bytes.count else { return false }
        let start = Int(field.nameStart)
        for offset in 0..<length {
            let byte = bytes[start + offset]
            guard ((0x41...0x5a).contains(byte) ? byte | 0x20 : byte) == name.bytes[offset] else { return false }
        }
        return true
    }
    /// All fields as text, for control requests.
    public var headers: Headers {
        var headers = Headers()
        for field in fields { headers.add(text(field.name).lowercased(), text(field.value)) }
        return headers
    }
}
