/// Which rule a response head broke. Its end, or the end of the body, cannot be told after any of these.
enum ResponseFault: Error, Equatable, CaseIterable {
    case statusLine, version, status, lineEnding, controlByte, fieldName, fieldValue, folding
    case headTooLarge, tooManyFields, tooManyInterim, upgrade
    case contentLength, transferEncoding, bothLengths

    var message: String {
        switch self {
        case .statusLine: "bad status line"
        case .version: "not HTTP/1.0 or HTTP/1.1"
        case .status: "bad status code"
        case .lineEnding: "a line does not end with CR LF"
        case .controlByte: "control character in the head"
        case .fieldName: "bad header name"
        case .fieldValue: "bad header value"
        case .folding: "folded header line"
        case .headTooLarge: "head too large"
        case .tooManyFields: "too many headers"
        case .tooManyInterim: "too many interim responses"
        case .upgrade: "switched protocols unasked"
        case .contentLength: "bad content-length"
        case .transferEncoding: "unknown transfer-encoding"
        case .bothLengths: "content-length with transfer-encoding"
        }
    }
}

/// Reads one response head strictly (RFC 9112). Works line by line as bytes arrive and looks at no byte twice for line ends.
struct ResponseParser {
    enum Outcome: Equatable {
        case incomplete
        /// The head ends before this offset.
        case complete(length: Int)
    }

    /// Room made at the first field.
    private static let usualFields = 24

    private let headBytes: Int
    private let fieldCount: Int
    private var answersHead: Bool
    private var head = UpstreamResponseHead()
    private var lineStart = 0
    private var searched = 0
    private var isHTTP10 = false
    private var contentLength: Int?
    private var isChunked = false
    private var (closes, keeps) = (false, false)

    /// - Parameter answersHead: the request was HEAD, so there is no body whatever the fields say.
    init(headBytes: Int = 65_536, fieldCount: Int = 256, answersHead: Bool = false) {
        // Offsets of fields are 16 bits wide; the last two bytes of a head belong to none.
        self.headBytes = min(headBytes, 65_536)
        self.fieldCount = fieldCount
        self.answersHead = answersHead
    }

    /// Storage of a head up to this size is used again.
    private static let keptBytes = 4096

    /// Before the next response. The head of the one before is used again when nobody holds it any more.
    mutating func begin(answersHead: Bool) {
        if isKnownUniquelyReferenced(&head), head.bytes.capacity <= Self.keptBytes { head.reset() } else { head = UpstreamResponseHead() }
        self.answersHead = answersHead
        (lineStart, searched) = (0, 0)
        contentLength = nil
        (isHTTP10, isChunked, closes, keeps) = (false, false, false, false)
    }

    /// Gives the head's memory back to whoever else holds it; for bodies that take long.
    mutating func forgetHead() { head = .empty }

    var status: Int { head.status }
    var isStarted: Bool { searched > 0 }

    /// `input` begins at the head's first byte and has at least the bytes it had at the call before.
    mutating func parse(_ input: Span<UInt8>) throws(ResponseFault) -> Outcome {
        while true {
            guard let end = firstPosition(of: .lineFeed, in: input, from: searched) else {
                try checkPartialLine(input)
                if input.count >= headBytes { throw .headTooLarge }
                return .incomplete
            }
            if end >= headBytes { throw .headTooLarge }
            guard end > lineStart, input[end - 1] == .carriageReturn else { throw .lineEnding }
            let line = lineStart..<end - 1
            let isFirst = lineStart == 0
            lineStart = end + 1
            searched = lineStart
            if isFirst {
                try readStatusLine(input, line)
            } else if line.isEmpty {
                try checkTogether()
                return .complete(length: lineStart)
            } else {
                try readField(input, line)
            }
        }
    }

    /// The finished head with its own copy of the bytes.
    func take(_ input: Span<UInt8>, length: Int) -> UpstreamResponseHead {
        head.bytes.append(copying: input, 0..<length)
        return head
    }

    /// What can never become a head is refused when it comes, not when its line ends.
    private mutating func checkPartialLine(_ input: Span<UInt8>) throws(ResponseFault) {
        if lineStart == 0 {
            for position in 0..<min(5, input.count) where input[position] != Self.httpSlash[position] { throw .statusLine }
        }
        var position = searched
        while position < input.count {
            let byte = input[position]
            if byte == .carriageReturn {
                if position + 1 < input.count { throw .lineEnding }
                break
            }
            if !byte.isFieldValue { throw .controlByte }
            position += 1
        }
        searched = position
    }

    /// "HTTP/1.1 200 OK"; the reason may be empty and, as some servers send it, its space missing.
    private mutating func readStatusLine(_ input: Span<UInt8>, _ line: Range<Int>) throws(ResponseFault) {
        guard line.count >= 12, (0..<5).allSatisfy({ input[$0] == Self.httpSlash[$0] }) else { throw .statusLine }
        guard input[5] == 0x31, input[6] == 0x2e, input[7] == 0x31 || input[7] == 0x30 else { throw .version }
        isHTTP10 = input[7] == 0x30
        guard input[8] == .space, line.count == 12 || input[12] == .space else { throw .statusLine }
        guard let status = decimalNumber(input, 9..<12), (100...599).contains(status) else { throw .status }
        for position in 12..<max(12, line.upperBound) where !input[position].isFieldValue {
            throw input[position] == .carriageReturn ? .lineEnding : .controlByte
        }
        head.status = status
    }

    private mutating func readField(_ input: Span<UInt8>, _ line: Range<Int>) throws(ResponseFault) {
        if input[line.lowerBound] == .space || input[line.lowerBound] == .tab { throw .folding }
        if head.fields.count >= fieldCount { throw .tooManyFields }
        let position = tokenEnd(in: input, line)
        guard position > line.lowerBound, position < line.upperBound, input[position] == 0x3a else { throw .fieldName }
        let name = line.lowerBound..<position
        let value = trimmed(input, position + 1..<line.upperBound)
        if let bad = firstBadFieldValue(in: input, value) { throw input[bad] == .carriageReturn ? .lineEnding : .fieldValue }
        if head.fields.isEmpty { head.fields.reserveCapacity(Self.usualFields) }
        head.fields.append(
            RequestHead.Field(
                nameStart: UInt16(truncatingIfNeeded: name.lowerBound), nameEnd: UInt16(truncatingIfNeeded: name.upperBound),
                valueStart: UInt16(truncatingIfNeeded: value.lowerBound), valueEnd: UInt16(truncatingIfNeeded: value.upperBound)))
        try readMeaning(input, name, value)
    }

    /// Fields that decide where the message ends and what becomes of the connection.
    private mutating func readMeaning(_ input: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>) throws(ResponseFault) {
        switch (name.count, input[name.lowerBound].lowercased) {
        case (14, 0x63) where equals(input, name, "content-length"):
            // A repeated one must say the same.
            guard let length = decimalNumber(input, value), contentLength == nil || contentLength == length else { throw .contentLength }
            contentLength = length
        case (17, 0x74) where equals(input, name, "transfer-encoding"):
            guard !isChunked, equals(input, value, "chunked") else { throw .transferEncoding }
            isChunked = true
        case (10, 0x63) where equals(input, name, "connection"):
            if listContains(input, value, "close") { closes = true }
            if listContains(input, value, "keep-alive") { keeps = true }
        case (16, 0x63) where equals(input, name, "content-encoding"):
            let known: UpstreamResponseHead.Coding =
                equals(input, value, "gzip") || equals(input, value, "x-gzip")
                ? .gzip
                : equals(input, value, "deflate") ? .deflate : equals(input, value, "identity") || value.isEmpty ? .identity : .other
            // Two codings on top of each other are more than we take off.
            head.coding = head.coding == .identity ? known : known == .identity ? head.coding : .other
        default: break
        }
    }

    private mutating func checkTogether() throws(ResponseFault) {
        if head.status == 101 { throw .upgrade }
        if isChunked, contentLength != nil { throw .bothLengths }
        if isChunked, isHTTP10 { throw .transferEncoding }
        head.keepsAlive = !closes && (!isHTTP10 || keeps)
        if answersHead || head.status < 200 || head.status == 204 || head.status == 304 {
            head.framing = .none
        } else if isChunked {
            head.framing = .chunked
        } else if let contentLength {
            head.framing = contentLength == 0 ? .none : .length(contentLength)
        } else {
            head.framing = .untilClose
        }
    }

    private static let httpSlash = Array("HTTP/".utf8)
}
