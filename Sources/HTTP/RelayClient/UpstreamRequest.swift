internal import Domain

/// A request in wire form: the caller decides on every field, this writes the request line, `host` and `content-length`.
public struct UpstreamRequest: Sendable {
    /// Up to and with the empty line.
    public let head: [UInt8]
    public let body: UpstreamBody
    /// A response to HEAD has no body whatever it says.
    public let isHead: Bool

    /// - Parameters:
    ///   - path: begins with "/", percent-encoded, with the query if there is one. It follows the target's base path. Bytes that
    ///     cannot stand in a request line are percent-encoded.
    ///   - body: sent with content-length; without one only GET, HEAD and OPTIONS go without a length.
    ///   - room: bytes that the fields take or a few more, so that the head is written into one piece of memory.
    ///   - fields: adds the fields, neither `host` nor `content-length` nor `transfer-encoding` nor `connection`.
    public init(
        _ method: Method, _ path: Span<UInt8>, to target: UpstreamTarget, body: UpstreamBody, room: Int, fields: (inout HeaderBlock) -> Void
    ) {
        let hasLength = !body.isEmpty || method != .get && method != .head && method != .options
        let length = body.count
        let beginning = path.count + target.hostLine.count + target.basePath.utf8.count + 16
        var block = HeaderBlock(reserving: beginning + room + Self.endBytes)
        block.add(upTo: beginning) { head in
            head.append(utf8: method.rawValue)
            head.append(.space)
            head.append(utf8: target.basePath)
            for index in path.indices {
                let byte = path[index]
                if byte > .space, byte < 0x7f, byte != 0x23 {
                    head.append(byte)
                } else {
                    head.append(0x25)
                    head.append(Self.hex[Int(byte >> 4)])
                    head.append(Self.hex[Int(byte & 15)])
                }
            }
            head.append(target.hostLine)
        }
        fields(&block)
        block.add(upTo: Self.endBytes) { head in
            if hasLength {
                head.append("content-length: ")
                head.append(decimal: UInt64(length))
                head.append("\r\n")
            }
            head.append("\r\n")
        }
        head = block.bytes
        self.body = body
        isHead = method == .head
    }
    /// Without fields of the caller's.
    public init(_ method: Method, _ path: String, to target: UpstreamTarget, body: [UInt8] = []) {
        self.init(method, Array(path.utf8).span, to: target, body: .bytes(body), room: 0) { _ in }
    }
    /// The length with its name, and the empty line.
    private static let endBytes = 48

    private init(isHead: Bool) { (head, body, self.isHead) = ([], .bytes([]), isHead) }
    /// What is left to know when it has been sent.
    var withoutBytes: UpstreamRequest { UpstreamRequest(isHead: isHead) }

    private static let hex = Array("0123456789ABCDEF".utf8)
}
