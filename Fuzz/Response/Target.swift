// Any bytes, cut at any place, are an incomplete response, a fault, or a head whose ranges lie inside it and the same payload.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzResponse(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let whole = read(input, cuts: [])
    let cuts = input.last.map { [count / 3, count * Int($0) / 256] } ?? []
    guard whole == read(input, cuts: cuts.sorted()) else { fatalError("cutting the input changes the outcome") }
    return 0
}

private enum Outcome: Equatable {
    case incompleteHead
    /// Which fault is named first may depend on the cuts; that there is one must not.
    case badHead
    /// Payload, where the message ended, and whether its framing broke.
    case message(Int, [Range<Int>], [UInt8], Int?, Bool)
}

private func read(_ input: [UInt8], cuts: [Int]) -> Outcome {
    var parser = ResponseParser(headBytes: 2048, fieldCount: 20)
    for (step, end) in (cuts + [input.count]).enumerated() {
        do throws(ResponseFault) {
            guard case .complete(let length) = try parser.parse(input.span.extracting(..<end)) else { continue }
            let head = parser.take(input.span.extracting(..<end), length: length)
            check(head, length)
            return readBody(input, head, from: length, ends: [end] + (cuts + [input.count]).dropFirst(step + 1))
        } catch { return .badHead }
    }
    return .incompleteHead
}

private func check(_ head: UpstreamResponseHead, _ length: Int) {
    guard head.bytes.count == length, length <= 2048, head.fields.count <= 20 else { fatalError("limits") }
    guard (100...599).contains(head.status), head.status != 101 else { fatalError("status") }
    for range in head.fields.flatMap({ [$0.name, $0.value] }) where range.upperBound > length { fatalError("range") }
    guard head.bytes.suffix(4).elementsEqual([13, 10, 13, 10]) else { fatalError("end") }
    for (index, byte) in head.bytes.enumerated() {
        if byte == 10, index == 0 || head.bytes[index - 1] != 13 { fatalError("bare LF") }
        if byte == 0 || byte == 13 && head.bytes[index + 1] != 10 { fatalError("NUL or bare CR") }
    }
    if head.framing == .chunked, head.value(of: "content-length") != nil { fatalError("two ends of one body") }
    if case .length(let count) = head.framing, count <= 0 { fatalError("length") }
    _ = head.headers
}

private func readBody(_ input: [UInt8], _ head: UpstreamResponseHead, from start: Int, ends: [Int]) -> Outcome {
    var body = MessageBody(head.framing)
    var (payload, place): ([UInt8], Int) = ([], start)
    let ranges = head.fields.flatMap { [$0.name, $0.value] }
    for end in ends where end > place || end == ends.last {
        var piece = Array(input[place..<max(place, end)])
        var span = piece.mutableSpan
        let portion = body.take(&span, from: 0)
        guard portion.payload.upperBound <= piece.count, (portion.end ?? 0) <= piece.count else { fatalError("range") }
        payload += piece[portion.payload]
        if portion.fault != nil { return .message(start, ranges, payload, nil, true) }
        if let last = portion.end { return .message(start, ranges, payload, place + last, false) }
        place = max(place, end)
    }
    return .message(start, ranges, payload, nil, false)
}
