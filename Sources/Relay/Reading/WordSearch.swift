extension String {
    /// Whether the bytes of `word` stand in it. For short texts on the data path: `contains` of the standard library prepares a search
    /// first, which takes microseconds.
    func has(_ word: StaticString) -> Bool {
        let bytes = utf8Span.span
        let count = word.utf8CodeUnitCount
        guard count > 0, bytes.count >= count else { return count == 0 }
        let first = unsafe word.utf8Start.pointee
        // Most places are told by their first byte.
        for start in 0...bytes.count - count where bytes[start] == first {
            if JSONSkim.isWord(bytes, start..<start + count, word) { return true }
        }
        return false
    }
}
