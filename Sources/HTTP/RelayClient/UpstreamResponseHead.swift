/// A checked response head: one byte buffer and offsets into it.
public final class UpstreamResponseHead: @unchecked Sendable {
    public typealias Field = RequestHead.Field
    public enum Framing: Equatable, Sendable {
        /// No body: 204, 304, an answer to HEAD, or length 0.
        case none
        case length(Int)
        case chunked
        case untilClose
    }
    public enum Coding: Equatable, Sendable { case identity, gzip, deflate, other }

    /// Status line and fields as received, up to and with the empty line; the offsets of every range here are its.
    public internal(set) var bytes: [UInt8] = []
    public internal(set) var fields: [Field] = []
    /// 200...599 (interim ones are not shown).
    public internal(set) var status = 0
    public internal(set) var framing = Framing.none
    /// Of content-encoding. The pump takes gzip and deflate off when asked to.
    public internal(set) var coding = Coding.identity
    var keepsAlive = true

    /// What stands in for a head that is not needed any more.
    static let empty = UpstreamResponseHead()

    /// Empty again, with its storage kept for the next response.
    func reset() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        (status, framing, coding, keepsAlive) = (0, .none, .identity, true)
    }

    /// The value of the first field of that name.
    public func range(of name: HeaderName) -> Range<Int>? {
        let bytes = bytes
        for field in fields where name.isAll(of: bytes.span, field.name) { return field.value }
        return nil
    }
    public func value(of name: HeaderName) -> String? { range(of: name).map(text) }
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
    /// All fields as text, names in lower case.
    public var headers: Headers {
        var headers = Headers()
        for field in fields { headers.add(text(field.name).lowercased(), text(field.value)) }
        return headers
    }
}
