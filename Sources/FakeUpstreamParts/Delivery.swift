/// Writes one response, in the framing and the pieces that a conduct asks for. Every call answers false once the client is gone.
struct Delivery {
    enum Framing: Sendable { case length, chunked, close }
    private let wire: Wire
    private let split: Int?
    private let framing: Framing
    private var gzip: StoredGzip?

    init(_ wire: Wire, framing: Framing, conduct: Conduct) {
        self.wire = wire
        self.framing = framing
        split = conduct.splitBytes
        gzip = conduct.isGzip ? StoredGzip() : nil
    }

    func head(_ status: Int, _ headers: [(String, String)]) -> Bool {
        let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        return write(Array("HTTP/1.1 \(status) \(Self.reasons[status] ?? "Status")\r\n\(lines)\r\n".utf8))
    }

    mutating func body(_ bytes: [UInt8]) -> Bool { framed(gzip?.add(bytes) ?? bytes) }

    mutating func end() -> Bool {
        if let tail = gzip?.end(), !framed(tail) { return false }
        return framing == .chunked ? write(Array("0\r\n\r\n".utf8)) : true
    }

    private func framed(_ bytes: [UInt8]) -> Bool {
        if bytes.isEmpty { return true }
        guard framing == .chunked else { return write(bytes) }
        return write(Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [13, 10])
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        guard let split else { return wire.write(bytes[...]) }
        for start in stride(from: 0, to: bytes.count, by: split) where !wire.write(bytes[start..<min(start + split, bytes.count)]) {
            return false
        }
        return true
    }

    static let reasons = [
        200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 413: "Content Too Large", 422: "Unprocessable Content",
        429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        529: "Overloaded",
    ]
}

/// A gzip stream (RFC 1952) of stored blocks: valid for every decoder, readable at once by an incremental one.
struct StoredGzip {
    private var checksum: UInt32 = 0xffff_ffff
    private var count: UInt32 = 0
    private var hasStarted = false
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    mutating func add(_ bytes: [UInt8]) -> [UInt8] {
        for byte in bytes { checksum = Self.table[Int((checksum ^ UInt32(byte)) & 255)] ^ (checksum >> 8) }
        count &+= UInt32(truncatingIfNeeded: bytes.count)
        var out = start()
        for begin in stride(from: 0, to: bytes.count, by: 65_535) {
            let piece = bytes[begin..<min(begin + 65_535, bytes.count)]
            out += Self.blockHead(piece.count, isLast: false) + piece
        }
        return out
    }

    mutating func end() -> [UInt8] {
        start() + Self.blockHead(0, isLast: true) + Self.little(checksum ^ 0xffff_ffff) + Self.little(count)
    }

    private mutating func start() -> [UInt8] {
        defer { hasStarted = true }
        return hasStarted ? [] : [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    }
    private static func blockHead(_ count: Int, isLast: Bool) -> [UInt8] {
        let length = UInt16(count)
        let parts = [length, ~length].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        return [isLast ? 1 : 0] + parts
    }
    private static func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
}
