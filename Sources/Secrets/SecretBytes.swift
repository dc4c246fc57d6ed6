/// Key material: not printable, wiped when the last owner lets go.
@safe public final class SecretBytes: Sendable, CustomStringConvertible, CustomReflectable {
    // Immutable after init and freed once in deinit, so sharing it between threads is safe.
    private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer

    public init(_ bytes: some Collection<UInt8>) {
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        unsafe memory.copyBytes(from: bytes)
    }

    deinit {
        unsafe Sodium.wipe(memory)
        unsafe memory.deallocate()
    }

    public var count: Int { unsafe memory.count }
    public var description: String { "«secret»" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The bytes where they are; they must not be kept.
    public func reveal<R>(inPlace use: (Span<UInt8>) -> R) -> R {
        use(unsafe Span(_unsafeElements: UnsafeBufferPointer(memory.assumingMemoryBound(to: UInt8.self))))
    }
    /// The only ways to the bytes; easy to search for.
    public func reveal<R>(_ use: ([UInt8]) throws -> R) rethrows -> R { try use(unsafe [UInt8](memory)) }
}
