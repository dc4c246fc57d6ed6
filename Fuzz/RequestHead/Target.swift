// Any bytes, cut at any place, are an incomplete head, a fault, or a head whose ranges lie inside it; where they were cut changes nothing.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzRequestHead(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let whole = read(input, cuts: [])
    let cuts = input.first.map { [count / 3, count * Int($0) / 256] } ?? []
    guard whole == read(input, cuts: cuts.sorted()) else { fatalError("cutting the input changes the outcome") }
    return 0
}

private enum Outcome: Equatable {
    case incomplete
    /// Which fault is named first may depend on the cuts; that there is one must not.
    case fault
    case head(Int, [Range<Int>], Int?, Bool, Bool)
}

private func read(_ input: [UInt8], cuts: [Int]) -> Outcome {
    var parser = RequestParser(headBytes: 2048, fieldCount: 20)
    for end in cuts + [input.count] {
        do throws(RequestFault) {
            guard case .complete(let length) = try parser.parse(input.span.extracting(..<end)) else { continue }
            let head = parser.take(input.span.extracting(..<end), length: length)
            check(head, length)
            return .head(
                length, [head.path, head.query] + head.fields.flatMap { [$0.name, $0.value] }, head.contentLength, head.isChunked,
                head.keepsAlive)
        } catch { return .fault }
    }
    return .incomplete
}

private func check(_ head: RequestHead, _ length: Int) {
    guard head.bytes.count == length, length <= 2048, head.fields.count <= 20 else { fatalError("limits") }
    for range in [head.path, head.query] + head.fields.flatMap({ [$0.name, $0.value] }) where range.upperBound > length {
        fatalError("range")
    }
    guard head.bytes.suffix(4).elementsEqual([13, 10, 13, 10]) else { fatalError("end") }
    for (index, byte) in head.bytes.enumerated() {
        if byte == 10, index == 0 || head.bytes[index - 1] != 13 { fatalError("bare LF") }
        if byte == 0 || byte == 13 && head.bytes[index + 1] != 10 { fatalError("NUL or bare CR") }
    }
    if head.isChunked, head.contentLength != nil { fatalError("two ends of one body") }
    if let number = head.contentLength, number < 0 { fatalError("negative length") }
    if head.version == .http11, head.count(of: "host") != 1 { fatalError("hosts") }
    if head.count(of: "content-length") > 1 || head.count(of: "transfer-encoding") > 1 { fatalError("doubled") }
    _ = (head.pathText, head.queryText, head.headers)
}
