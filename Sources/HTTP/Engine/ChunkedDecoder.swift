/// What is wrong with a chunked body. There is no way to find its end after any of these, so the connection closes.
enum ChunkFault: Error, Equatable {
    case size, lineEnding, extensions, trailer
}

/// Takes the chunked coding off a body (RFC 9112 section 7.1), strictly: CR LF everywhere, bounded extensions and trailers, which
/// are checked and dropped.
struct ChunkedDecoder {
    /// Of one chunk; the only ones seen in practice are signatures of some 85 bytes.
    static let extensionBytes = 256
    /// Of all chunks together.
    static let allExtensionBytes = 65_536
    static let trailerBytes = 8192

    enum Step: Equatable {
        /// All input was used and the body goes on.
        case needsMore
        /// Payload, as a range of the input.
        case data(Range<Int>)
        /// The body is over; the rest of the input belongs to what follows.
        case end
    }

    private enum State: UInt8 { case size, extensions, sizeEnd, data, dataReturn, dataEnd, lineStart, name, value, lineEnd, lastEnd, done }
    private var state = State.size
    private var remaining = 0
    private var digits = 0
    private var extensionCount = 0
    private var allExtensionCount = 0
    private var trailerCount = 0

    init() {}
    var isDone: Bool { state == .done }

    /// Goes on at `position`, which it moves past what it used.
    mutating func next(_ input: Span<UInt8>, _ position: inout Int) throws(ChunkFault) -> Step {
        while true {
            if state == .done { return .end }
            guard position < input.count else { return .needsMore }
            if state == .data {
                let count = min(remaining, input.count - position)
                let range = position..<position + count
                position += count
                remaining -= count
                if remaining == 0 { state = .dataReturn }
                return .data(range)
            }
            try step(input[position])
            position += 1
        }
    }

    private mutating func step(_ byte: UInt8) throws(ChunkFault) {
        switch state {
        case .size: try readSize(byte)
        case .extensions:
            if byte == .carriageReturn {
                state = .sizeEnd
                return
            }
            extensionCount += 1
            allExtensionCount += 1
            guard byte.isFieldValue, extensionCount <= Self.extensionBytes, allExtensionCount <= Self.allExtensionBytes else {
                throw .extensions
            }
        case .sizeEnd:
            guard byte == .lineFeed else { throw .lineEnding }
            state = remaining == 0 ? .lineStart : .data
            (digits, extensionCount) = (0, 0)
        case .dataReturn:
            guard byte == .carriageReturn else { throw .lineEnding }
            state = .dataEnd
        case .dataEnd:
            guard byte == .lineFeed else { throw .lineEnding }
            state = .size
        case .lineStart, .name, .value, .lineEnd, .lastEnd: try readTrailer(byte)
        case .data, .done: break  // handled by the caller
        }
    }

    private mutating func readSize(_ byte: UInt8) throws(ChunkFault) {
        if let value = byte.hexValue {
            digits += 1
            // 15 digits always fit in an Int, leading zeros counted.
            guard digits <= 15 else { throw .size }
            remaining = remaining << 4 | Int(value)
            return
        }
        guard digits > 0 else { throw .size }
        switch byte {
        case .carriageReturn: state = .sizeEnd
        case 0x3b: state = .extensions
        default: throw .size
        }
    }

    private mutating func readTrailer(_ byte: UInt8) throws(ChunkFault) {
        trailerCount += 1
        guard trailerCount <= Self.trailerBytes else { throw .trailer }
        switch state {
        case .lineStart:
            if byte == .carriageReturn {
                state = .lastEnd
            } else {
                guard byte.isToken else { throw .trailer }
                state = .name
            }
        case .name:
            if byte == 0x3a { state = .value } else if !byte.isToken { throw .trailer }
        case .value:
            if byte == .carriageReturn { state = .lineEnd } else if !byte.isFieldValue { throw .trailer }
        case .lineEnd:
            guard byte == .lineFeed else { throw .lineEnding }
            state = .lineStart
        default:
            guard byte == .lineFeed else { throw .lineEnding }
            state = .done
        }
    }
}
