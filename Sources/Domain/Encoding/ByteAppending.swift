// Appending to byte buffers in one copy each; `+= text.utf8` and byte loops cost a check for every byte.

extension [UInt8] {
    public mutating func append(utf8 text: String) { append(bytes: text.utf8Span.span) }

    public mutating func append(bytes: Span<UInt8>) { unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) } }

    /// As in "1024".
    public mutating func append(decimal number: UInt64) { append(upTo: 20) { $0.append(decimal: number) } }
}
