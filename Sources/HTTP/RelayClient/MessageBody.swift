internal import Glibc

/// Finds the payload of a response body in what was read, and its end.
struct MessageBody {
    struct Portion: Equatable {
        /// Payload, as a range of the buffer.
        var payload: Range<Int>
        /// The message is over before this offset; what follows does not belong to it. nil while it goes on.
        var end: Int?
        /// Found after the payload.
        var fault: ChunkFault?
    }

    private let framing: UpstreamResponseHead.Framing
    private var remaining: Int
    private var chunks = ChunkedDecoder()

    init(_ framing: UpstreamResponseHead.Framing) {
        self.framing = framing
        if case .length(let length) = framing { remaining = length } else { remaining = 0 }
    }

    /// The connection's end is the proper end of this message.
    var endsWithConnection: Bool { framing == .untilClose }

    /// Takes all of `buffer[start...]`. Payload of several chunks is moved together, so that one read gives one piece.
    mutating func take(_ buffer: inout MutableSpan<UInt8>, from start: Int) -> Portion {
        switch framing {
        case .none: return Portion(payload: start..<start, end: start)
        case .untilClose: return Portion(payload: start..<buffer.count)
        case .length:
            let count = min(remaining, buffer.count - start)
            remaining -= count
            return Portion(payload: start..<start + count, end: remaining == 0 ? start + count : nil)
        case .chunked: return takeChunks(&buffer, from: start)
        }
    }

    private mutating func takeChunks(_ buffer: inout MutableSpan<UInt8>, from start: Int) -> Portion {
        var position = start
        var payload: Range<Int>?
        do throws(ChunkFault) {
            while true {
                switch try chunks.next(buffer.span, &position) {
                case .needsMore: return Portion(payload: payload ?? start..<start)
                case .end: return Portion(payload: payload ?? start..<start, end: position)
                case .data(let piece):
                    guard let before = payload else {
                        payload = piece
                        continue
                    }
                    if piece.lowerBound != before.upperBound { Self.move(&buffer, piece, to: before.upperBound) }
                    payload = before.lowerBound..<before.upperBound + piece.count
                }
            }
        } catch {
            return Portion(payload: payload ?? start..<start, fault: error)
        }
    }

    /// Both ranges are inside the buffer: the target lies before a piece that the decoder found there.
    private static func move(_ buffer: inout MutableSpan<UInt8>, _ piece: Range<Int>, to target: Int) {
        precondition(piece.upperBound <= buffer.count && target >= 0 && target < piece.lowerBound, "payload moves towards the front")
        unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe memmove(base + target, base + piece.lowerBound, piece.count)
        }
    }
}
