// Any bytes, cut at any place: the payload and the outcome are the same as uncut, and no range leaves the input.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzChunkedBody(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let step = Int(input.first ?? 0) % 17 + 1
    guard decode(input, step: max(1, count)) == decode(input, step: step) else { fatalError("cutting the input changes the outcome") }
    return 0
}

private struct Outcome: Equatable {
    var payload: [UInt8] = []
    var fault: ChunkFault?
    var used = 0
    var isDone = false
}

private func decode(_ input: [UInt8], step: Int) -> Outcome {
    var decoder = ChunkedDecoder()
    var outcome = Outcome()
    var start = 0
    while start < input.count, !outcome.isDone, outcome.fault == nil {
        let piece = Array(input[start..<min(input.count, start + step)])
        var position = 0
        pieces: while true {
            do throws(ChunkFault) {
                switch try decoder.next(piece.span, &position) {
                case .data(let range):
                    guard range.upperBound <= piece.count, range.upperBound == position, !range.isEmpty else { fatalError("range") }
                    outcome.payload += piece[range]
                case .needsMore:
                    guard position == piece.count else { fatalError("input left over") }
                    break pieces
                case .end:
                    outcome.isDone = true
                    break pieces
                }
            } catch {
                outcome.fault = error
                break pieces
            }
        }
        outcome.used = outcome.fault == nil ? start + position : 0
        start += step
    }
    return outcome
}
