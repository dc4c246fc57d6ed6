// Appending to byte buffers in one copy each; `+= text.utf8` and byte loops cost a check for every byte.

extension [UInt8] {
    public mutating func append(utf8 text: String) { append(bytes: text.utf8Span.span) }

    public mutating func append(bytes: Span<UInt8>) { unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) } }

    /// Eight bytes, least significant first.
    public mutating func append(littleEndian word: UInt64) {
        unsafe Swift.withUnsafeBytes(of: word.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// As in "1024".
    public mutating func append(decimal number: UInt64) {
        if number >= 10 { append(decimal: number / 10) }
        append(0x30 + UInt8(truncatingIfNeeded: number % 10))
    }
}
