internal import Domain

/// Writes reply heads. Fields that the engine owns are left out of what a handler gives, so that none comes twice.
enum ReplyHead {
    static func append(_ response: Response, id: RequestID, to output: inout [UInt8], date: [UInt8], closes: Bool, omitsBody: Bool) {
        output.append(contentsOf: statusLine(response.status))
        for field in response.headers.fields where !isOwn(field.name) { appendField(field.name, field.value, to: &output) }
        let mayHaveBody = allowsBody(response.status)
        output.append(upTo: commonBytes) { output in
            if mayHaveBody { appendLength(response.body.count, to: &output) }
            appendCommon(id: id, to: &output, date: date, closes: closes)
        }
        if mayHaveBody, !omitsBody { output.append(contentsOf: response.body) }
    }

    static func append(
        status: Int, block: HeaderBlock, framing: ReplyFraming, id: RequestID, to output: inout [UInt8], date: [UInt8], closes: Bool
    ) {
        output.append(upTo: block.bytes.count + commonBytes) { output in
            output.append(statusLine(status))
            output.append(block.bytes)
            if allowsBody(status) {
                switch framing {
                case .chunked: output.append("transfer-encoding: chunked\r\n")
                case .length(let length): appendLength(length, to: &output)
                case .untilClose: break
                }
            }
            appendCommon(id: id, to: &output, date: date, closes: closes)
        }
    }

    /// 1xx, 204 and 304 never have one (RFC 9110 section 6.4.1).
    static func allowsBody(_ status: Int) -> Bool { status >= 200 && status != 204 && status != 304 }

    /// Status line and the engine's own fields are shorter.
    private static let commonBytes = 256

    private static func appendLength(_ length: Int, to output: inout ByteCursor) {
        output.append("content-length: ")
        output.append(decimal: UInt64(clamping: length))
        output.append("\r\n")
    }

    private static func appendCommon(id: RequestID, to output: inout ByteCursor, date: [UInt8], closes: Bool) {
        output.append(date)
        if closes { output.append("connection: close\r\n") }
        output.append("x-request-id: ")
        id.write(to: &output)
        output.append("\r\n\r\n")
    }

    private static func statusLine(_ status: Int) -> [UInt8] {
        let index = status - 100
        return statusLines[statusLines.indices.contains(index) ? index : 400]
    }

    private static func appendField(_ name: String, _ value: String, to output: inout [UInt8]) {
        // A value must not be able to add a line, whatever it was made from.
        output.append(contentsOf: name.utf8)
        output.append(0x3a)
        output.append(0x20)
        for byte in value.utf8 { output.append(byte == 0x0d || byte == 0x0a || byte == 0 ? 0x20 : byte) }
        appendLineEnd(to: &output)
    }

    private static func isOwn(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4, 10, 12, 14, 17: ownNames.contains(name.lowercased())
        default: false
        }
    }
    private static let ownNames: Set<String> = ["date", "connection", "keep-alive", "x-request-id", "content-length", "transfer-encoding"]

    static func appendLineEnd(to output: inout [UInt8]) {
        output.append(0x0d)
        output.append(0x0a)
    }
    /// The size line of a chunk, "1f4\r\n".
    static func appendChunkSize(_ count: Int, to output: inout [UInt8]) {
        var shift = max(0, (Int.bitWidth - 1 - max(1, count).leadingZeroBitCount) / 4 * 4)
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: count >> shift & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
        appendLineEnd(to: &output)
    }

    static let lastChunk = Array("0\r\n\r\n".utf8)
    static let lineEnd = Array("\r\n".utf8)

    /// For 100...599.
    private static let statusLines: [[UInt8]] = (100...599).map { Array("HTTP/1.1 \($0) \(reasons[$0] ?? "Status")\r\n".utf8) }
    private static let reasons: [Int: String] = [
        100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
        302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
        401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
        408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
        415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed", 421: "Misdirected Request",
        422: "Unprocessable Content", 423: "Locked", 424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required",
        428: "Precondition Required", 429: "Too Many Requests", 431: "Request Header Fields Too Large", 499: "Client Closed Request",
        500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported", 507: "Insufficient Storage", 529: "Overloaded",
    ]
}
