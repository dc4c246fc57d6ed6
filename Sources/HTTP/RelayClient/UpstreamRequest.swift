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
    ///   - headers: neither `host` nor `content-length` nor `transfer-encoding` nor `connection`.
    ///   - body: sent with content-length; without one only GET, HEAD and OPTIONS go without a length.
    public init(_ method: Method, _ path: Span<UInt8>, to target: UpstreamTarget, headers: HeaderBlock, body: UpstreamBody) {
        var head: [UInt8] = []
        head.reserveCapacity(path.count + headers.bytes.count + target.host.utf8.count + 96)
        head.append(utf8: method.rawValue)
        head.append(.space)
        head.append(utf8: target.basePath)
        for index in path.indices {
            let byte = path[index]
            if byte > .space, byte < 0x7f, byte != 0x23 {
                head.append(byte)
            } else {
                head.append(contentsOf: [0x25, Self.hex[Int(byte >> 4)], Self.hex[Int(byte & 15)]])
            }
        }
        head.append(contentsOf: target.hostLine)
        head.append(contentsOf: headers.bytes)
        let hasLength = !body.isEmpty || method != .get && method != .head && method != .options
        if hasLength {
            head.append(utf8: "content-length: ")
            head.append(decimal: UInt64(body.count))
            head.append(utf8: "\r\n")
        }
        head.append(utf8: "\r\n")
        self.head = head
        self.body = body
        isHead = method == .head
    }
    public init(_ method: Method, _ path: String, to target: UpstreamTarget, headers: HeaderBlock = HeaderBlock(), body: [UInt8] = []) {
        self.init(method, Array(path.utf8).span, to: target, headers: headers, body: .bytes(body))
    }

    private init(isHead: Bool) { (head, body, self.isHead) = ([], .bytes([]), isHead) }
    /// What is left to know when it has been sent.
    var withoutBytes: UpstreamRequest { UpstreamRequest(isHead: isHead) }

    private static let hex = Array("0123456789ABCDEF".utf8)
}
