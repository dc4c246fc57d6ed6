/// Reads a request head strictly (RFC 9112). What two programs could read in two ways is refused, because a proxy in front might
/// take the other reading (request smuggling). Works line by line as bytes arrive and looks at no byte twice for line ends.
struct RequestParser {
    /// Offsets of fields are 16 bits wide.
    static let largestHeadBytes = 65_000

    enum Outcome: Equatable {
        case incomplete
        /// The head ends before this offset.
        case complete(length: Int)
    }

    private let headBytes: Int
    private let fieldCount: Int
    private var head: RequestHead
    private var lineStart = 0
    private var searched = 0
    private var hasRequestLine = false
    private var hostCount = 0
    private var codingCount = 0
    private var closes = false
    /// Of an absolute-form target; must equal Host.
    private var authority: Range<Int>?
    private var host: Range<Int> = 0..<0

    /// `reusing` lends its storage; its contents do not matter.
    init(headBytes: Int = 16_384, fieldCount: Int = 100, reusing spare: RequestHead = RequestHead()) {
        self.headBytes = min(headBytes, Self.largestHeadBytes)
        self.fieldCount = fieldCount
        head = spare
        head.reset()
    }

    var isStarted: Bool { searched > 0 }
    /// As far as the request line has been read; for the shape of an error.
    func pathText(_ input: Span<UInt8>) -> String? {
        guard hasRequestLine else { return Self.pathOfUnendedLine(input) }
        guard head.path.upperBound <= input.count else { return nil }
        return String(copying: input, head.path)
    }

    /// Of a request line that became too long before its end; nil when its path has no end either, or is a long one.
    private static func pathOfUnendedLine(_ input: Span<UInt8>) -> String? {
        guard let start = firstPosition(of: .space, in: input, from: 0).map({ $0 + 1 }), start < input.count, input[start] == 0x2f else {
            return nil
        }
        for at in start..<min(input.count, start + longestShownPath) {
            if input[at] == .space || input[at] == 0x3f { return String(copying: input, start..<at) }
            guard (0x21...0x7e).contains(input[at]) else { return nil }
        }
        return nil
    }
    private static let longestShownPath = 256

    /// `input` begins at the head's first byte and has at least the bytes it had at the call before.
    mutating func parse(_ input: Span<UInt8>) throws(RequestFault) -> Outcome {
        while true {
            guard let end = firstPosition(of: .lineFeed, in: input, from: searched) else {
                try checkPartialLine(input)
                if input.count >= headBytes { throw .headTooLarge }
                return .incomplete
            }
            if end >= headBytes { throw .headTooLarge }
            guard end > lineStart, input[end - 1] == .carriageReturn else { throw .lineEnding }
            let line = lineStart..<end - 1
            lineStart = end + 1
            searched = lineStart
            if !hasRequestLine {
                try readRequestLine(input, line)
                hasRequestLine = true
            } else if line.isEmpty {
                try checkTogether(input)
                return .complete(length: lineStart)
            } else {
                try readField(input, line)
            }
        }
    }

    /// The finished head with its own copy of the bytes.
    mutating func take(_ input: Span<UInt8>, length: Int) -> RequestHead {
        head.bytes.append(copying: input, 0..<length)
        return head
    }

    /// A bare CR or a control byte is refused when it comes, not when its line ends.
    private mutating func checkPartialLine(_ input: Span<UInt8>) throws(RequestFault) {
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

    // MARK: Request line

    private mutating func readRequestLine(_ input: Span<UInt8>, _ line: Range<Int>) throws(RequestFault) {
        var position = line.lowerBound
        while position < line.upperBound, input[position].isToken { position += 1 }
        guard position > line.lowerBound, position < line.upperBound, input[position] == .space else { throw .requestLine }
        let methodEnd = position
        position += 1
        let targetStart = position
        while position < line.upperBound, input[position] > .space, input[position] < 0x7f { position += 1 }
        guard position > targetStart else { throw .target }
        guard position < line.upperBound, input[position] == .space else {
            // Without a version this is HTTP/0.9, or the target holds a byte that it must not.
            throw position == line.upperBound ? .requestLine : .target
        }
        try readVersion(input, position + 1..<line.upperBound)
        try readMethod(input, line.lowerBound..<methodEnd)
        try readTarget(input, targetStart..<position)
    }

    private mutating func readVersion(_ input: Span<UInt8>, _ range: Range<Int>) throws(RequestFault) {
        guard range.count == 8, equal(input, range.lowerBound..<range.lowerBound + 5, Self.httpSlash, ignoringCase: false) else {
            throw .requestLine
        }
        let (major, point, minor) = (input[range.lowerBound + 5], input[range.lowerBound + 6], input[range.lowerBound + 7])
        guard point == 0x2e, (0x30...0x39).contains(major), (0x30...0x39).contains(minor) else { throw .requestLine }
        switch (major, minor) {
        case (0x31, 0x31): head.version = .http11
        case (0x31, 0x30): head.version = .http10
        case (0x32, 0x30): throw .http2
        default: throw .version
        }
    }

    private mutating func readMethod(_ input: Span<UInt8>, _ range: Range<Int>) throws(RequestFault) {
        guard range.count <= 7 else { throw .method }
        var word: UInt64 = 0
        for position in range { word = word << 8 | UInt64(input[position]) }
        switch word {
        case 0x474554: head.method = .get
        case 0x48_4541_44: head.method = .head
        case 0x504f_5354: head.method = .post
        case 0x505554: head.method = .put
        case 0x50_4154_4348: head.method = .patch
        case 0x4445_4c45_5445: head.method = .delete
        case 0x4f_5054_494f_4e53: head.method = .options
        case 0x43_4f4e_4e45_4354, 0x54_5241_4345, 0x51_5545_5259: throw .connectOrTrace  // and QUERY
        default: throw .method
        }
    }

    /// origin-form, absolute-form of http and https, and "*" for OPTIONS.
    private mutating func readTarget(_ input: Span<UInt8>, _ range: Range<Int>) throws(RequestFault) {
        var start = range.lowerBound
        var pathStandsIn: Range<Int>?
        if input[start] == 0x2a, range.count == 1 {
            guard head.method == .options else { throw .target }
            (head.path, head.query) = (range, range.upperBound..<range.upperBound)
            return
        }
        if input[start] != 0x2f {
            let scheme = [Self.http, Self.https].first {
                range.count > $0.count && equal(input, start..<start + $0.count, $0, ignoringCase: true)
            }
            guard let scheme else { throw .target }
            start += scheme.count
            let authorityStart = start
            while start < range.upperBound, input[start] != 0x2f, input[start] != 0x3f { start += 1 }
            guard isHost(input, authorityStart..<start) else { throw .target }
            authority = authorityStart..<start
            // "http://example.com" asks for "/": the last slash of "//" stands in for it.
            if start == range.upperBound || input[start] == 0x3f { pathStandsIn = authorityStart - 1..<authorityStart }
        }
        var position = start
        var question: Int?
        while position < range.upperBound {
            switch input[position] {
            case 0x23: throw .target  // a fragment is never sent
            case 0x3f: if question == nil { question = position }
            case 0x25:
                let digits = (position + 1..<position + 3).map { $0 < range.upperBound ? input[$0].hexValue : nil }
                if digits[0] == 0, digits[1] == 0 { throw .target }
                // A query may hold a stray percent sign (old clients), a path may not.
                if question == nil, digits[0] == nil || digits[1] == nil { throw .target }
            default: break
            }
            position += 1
        }
        head.path = pathStandsIn ?? start..<(question ?? range.upperBound)
        head.query = question.map { $0 + 1..<range.upperBound } ?? range.upperBound..<range.upperBound
    }

    // MARK: Fields

    private mutating func readField(_ input: Span<UInt8>, _ line: Range<Int>) throws(RequestFault) {
        if input[line.lowerBound] == .space || input[line.lowerBound] == .tab { throw .folding }
        if head.fields.count >= fieldCount { throw .tooManyFields }
        let position = tokenEnd(in: input, line)
        guard position > line.lowerBound, position < line.upperBound, input[position] == 0x3a else { throw .fieldName }
        let name = line.lowerBound..<position
        var (start, end) = (position + 1, line.upperBound)
        while start < end, input[start] == .space || input[start] == .tab { start += 1 }
        while end > start, input[end - 1] == .space || input[end - 1] == .tab { end -= 1 }
        if let bad = firstBadFieldValue(in: input, start..<end) { throw input[bad] == .carriageReturn ? .lineEnding : .fieldValue }
        head.fields.append(
            RequestHead.Field(
                nameStart: UInt16(truncatingIfNeeded: name.lowerBound), nameEnd: UInt16(truncatingIfNeeded: name.upperBound),
                valueStart: UInt16(truncatingIfNeeded: start), valueEnd: UInt16(truncatingIfNeeded: end)))
        try readMeaning(input, name, start..<end)
    }

    /// Fields that decide where this request ends.
    private mutating func readMeaning(_ input: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>) throws(RequestFault) {
        switch (name.count, input[name.lowerBound].lowercased) {
        case (4, 0x68) where equal(input, name, Self.host, ignoringCase: true):
            hostCount += 1
            host = value
        case (14, 0x63) where equal(input, name, Self.contentLength, ignoringCase: true):
            // A second one is refused even when it says the same.
            guard head.contentLength == nil, let length = number(input, value) else { throw .contentLength }
            head.contentLength = length
        case (17, 0x74) where equal(input, name, Self.transferEncoding, ignoringCase: true):
            codingCount += 1
            guard codingCount == 1, !value.isEmpty else { throw .transferEncoding }
            guard equal(input, value, Self.chunked, ignoringCase: true) else { throw .unknownCoding }
            head.isChunked = true
        case (10, 0x63) where equal(input, name, Self.connection, ignoringCase: true):
            if hasToken(input, value, Self.close) { closes = true }
        case (6, 0x65) where equal(input, name, Self.expect, ignoringCase: true):
            guard head.version == .http11 else { break }  // RFC 9110 section 10.1.1: a 1.0 expectation is ignored
            guard equal(input, value, Self.continues, ignoringCase: true) else { throw .expectation }
            head.expectsContinue = true
        default: break
        }
    }

    private mutating func checkTogether(_ input: Span<UInt8>) throws(RequestFault) {
        if head.version == .http11 ? hostCount != 1 : hostCount > 1 { throw .host }
        if hostCount == 1, !isHost(input, host) { throw .host }
        if let authority, hostCount == 1, !same(input, authority, host) { throw .host }
        if head.isChunked {
            if head.contentLength != nil { throw .bothLengths }
            if head.version == .http10 { throw .transferEncoding }
        }
        head.keepsAlive = head.version == .http11 && !closes
    }

    private func number(_ input: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 18 else { return nil }  // 18 digits always fit
        var value = 0
        for position in range {
            guard (0x30...0x39).contains(input[position]) else { return nil }
            value = value * 10 + Int(input[position] - 0x30)
        }
        return value
    }

    /// uri-host [":" port], without user information.
    private func isHost(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        var position = first
        if input[position] == 0x5b {
            position += 1
            while position < range.upperBound, input[position].hexValue != nil || input[position] == 0x3a || input[position] == 0x2e {
                position += 1
            }
            guard position > first + 2, position < range.upperBound, input[position] == 0x5d else { return false }
            position += 1
        } else {
            while position < range.upperBound {
                let byte = input[position]
                guard
                    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte.lowercased) || byte == 0x2d || byte == 0x2e || byte == 0x5f
                else { break }
                position += 1
            }
            guard position > first else { return false }
        }
        if position == range.upperBound { return true }
        guard input[position] == 0x3a, range.upperBound - position <= 6 else { return false }
        return (position + 1..<range.upperBound).allSatisfy { (0x30...0x39).contains(input[$0]) }
    }

    private func hasToken(_ input: Span<UInt8>, _ range: Range<Int>, _ wanted: [UInt8]) -> Bool {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, input[end] != 0x2c { end += 1 }
            var (first, last) = (start, end)
            while first < last, input[first] == .space || input[first] == .tab { first += 1 }
            while last > first, input[last - 1] == .space || input[last - 1] == .tab { last -= 1 }
            if equal(input, first..<last, wanted, ignoringCase: true) { return true }
            start = end + 1
        }
        return false
    }

    private func equal(_ input: Span<UInt8>, _ range: Range<Int>, _ word: [UInt8], ignoringCase: Bool) -> Bool {
        guard range.count == word.count else { return false }
        for offset in 0..<word.count {
            let byte = input[range.lowerBound + offset]
            guard (ignoringCase ? byte.lowercased : byte) == word[offset] else { return false }
        }
        return true
    }
    private func same(_ input: Span<UInt8>, _ a: Range<Int>, _ b: Range<Int>) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { input[$0].lowercased == input[$1].lowercased }
    }

    private static let httpSlash = Array("HTTP/".utf8)
    private static let http = Array("http://".utf8)
    private static let https = Array("https://".utf8)
    private static let host = Array("host".utf8)
    private static let contentLength = Array("content-length".utf8)
    private static let transferEncoding = Array("transfer-encoding".utf8)
    private static let chunked = Array("chunked".utf8)
    private static let connection = Array("connection".utf8)
    private static let close = Array("close".utf8)
    private static let expect = Array("expect".utf8)
    private static let continues = Array("100-continue".utf8)
}

extension [UInt8] {
    mutating func append(copying span: Span<UInt8>, _ range: Range<Int>) {
        unsafe span.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
    mutating func append(copying span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
extension String {
    init(copying span: Span<UInt8>, _ range: Range<Int>) {
        self = unsafe span.extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
