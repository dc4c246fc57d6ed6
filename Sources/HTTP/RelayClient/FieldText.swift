// Reading single words and numbers out of field values, on bytes.

/// Equal without case; `word` is lower case.
func equals(_ input: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { word in
        for offset in 0..<range.count where unsafe input[range.lowerBound + offset].lowercased != word[offset] { return false }
        return true
    }
}

/// 1 to 18 decimal digits, which always fit.
func decimalNumber(_ input: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard (1...18).contains(range.count) else { return nil }
    var value = 0
    for position in range {
        guard (0x30...0x39).contains(input[position]) else { return nil }
        value = value * 10 + Int(input[position] - 0x30)
    }
    return value
}

/// Whether a comma separated list has that word, without case.
func listContains(_ input: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
        var end = start
        while end < range.upperBound, input[end] != 0x2c { end += 1 }
        if equals(input, trimmed(input, start..<end), word) { return true }
        start = end + 1
    }
    return false
}

/// Without spaces and tabs at both ends.
func trimmed(_ input: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, input[start] == .space || input[start] == .tab { start += 1 }
    while end > start, input[end - 1] == .space || input[end - 1] == .tab { end -= 1 }
    return start..<end
}
