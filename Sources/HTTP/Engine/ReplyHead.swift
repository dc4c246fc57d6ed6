internal import Domain

/// Writes reply heads. Fields that the engine owns are left out of what a handler gives, so that none comes twice.
enum ReplyHead {
    static func append(_ response: Response, id: RequestID, to output: inout [UInt8], dates: DateText, closes: Bool, omitsBody: Bool) {
        appendStatus(response.status, to: &output)
        for field in response.headers.fields where !isOwn(field.name) { appendField(field.name, field.value, to: &output) }
        let mayHaveBody = allowsBody(response.status)
        if mayHaveBody {
            output.append(contentsOf: contentLengthName)
            appendDecimal(response.body.count, to: &output)
            appendLineEnd(to: &output)
        }
        appendCommon(id: id, to: &output, dates: dates, closes: closes)
        if mayHaveBody, !omitsBody { output.append(contentsOf: response.body) }
    }

    static func append(
        status: Int, block: HeaderBlock, framing: ReplyFraming, id: RequestID, to output: inout [UInt8], dates: DateText, closes: Bool
    ) {
        appendStatus(status, to: &output)
        output.append(contentsOf: block.bytes)
        if allowsBody(status) {
            switch framing {
            case .chunked: output.append(contentsOf: chunkedLine)
            case .length(let length):
                output.append(contentsOf: contentLengthName)
                appendDecimal(length, to: &output)
                appendLineEnd(to: &output)
            case .untilClose: break
            }
        }
        appendCommon(id: id, to: &output, dates: dates, closes: closes)
    }

    /// 1xx, 204 and 304 never have one (RFC 9110 section 6.4.1).
    static func allowsBody(_ status: Int) -> Bool { status >= 200 && status != 204 && status != 304 }

    private static func appendCommon(id: RequestID, to output: inout [UInt8], dates: DateText, closes: Bool) {
        output.append(contentsOf: dates.fieldLine)
        if closes { output.append(contentsOf: closeLine) }
        output.append(contentsOf: requestIDName)
        appendHex(id.high, to: &output)
        appendHex(id.low, to: &output)
        output.append(contentsOf: headEnd)
    }

    private static func appendStatus(_ status: Int, to output: inout [UInt8]) {
        let index = status - 100
        output.append(contentsOf: statusLines[statusLines.indices.contains(index) ? index : 400])
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
    static func appendDecimal(_ number: Int, to output: inout [UInt8]) {
        if number >= 10 { appendDecimal(number / 10, to: &output) }
        output.append(0x30 + UInt8(truncatingIfNeeded: number % 10))
    }
    private static func appendHex(_ value: UInt64, to output: inout [UInt8]) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
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

    private static let contentLengthName = Array("content-length: ".utf8)
    private static let chunkedLine = Array("transfer-encoding: chunked\r\n".utf8)
    private static let closeLine = Array("connection: close\r\n".utf8)
    private static let requestIDName = Array("x-request-id: \(RequestKind.prefix)_".utf8)
    private static let headEnd = Array("\r\n\r\n".utf8)
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
