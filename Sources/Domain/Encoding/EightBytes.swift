/// Eight bytes read as one word and judged at once, so that a search through text takes a step for eight of them.
///
/// An answer is a mask: the highest bit of a byte is set where the question is true of it. Bits above the lowest one that is set may be
/// set wrongly, as a borrow runs upwards; whether any is set, and which is the lowest, is exact.
@frozen public struct EightBytes: Sendable {
    @usableFromInline let word: UInt64

    /// - Parameter at: where they begin; `at + 8` is at most the span's length, which is not looked at in a release build.
    @inlinable @inline(__always) public init(_ bytes: Span<UInt8>, _ at: Int) {
        assert(at >= 0 && at <= bytes.count - 8)
        word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
    }

    /// Where a byte is this one.
    @inlinable @inline(__always) public func mask(equal byte: UInt8) -> UInt64 {
        let others = word ^ Self.ones &* UInt64(byte)
        return (others &- Self.ones) & ~others & Self.highest
    }

    /// Where a byte is less than this one, which is at most 0x80.
    @inlinable @inline(__always) public func mask(below byte: UInt8) -> UInt64 {
        (word &- Self.ones &* UInt64(byte)) & ~word & Self.highest
    }

    /// Where a byte is neither an ASCII letter nor "-". Every bit of this mask is exact.
    @inlinable @inline(__always) public var maskOfOthersThanLettersAndHyphens: UInt64 {
        // Without its highest bit no byte's sum runs into the next one.
        let lower = (word | Self.ones &* 0x20) & ~Self.highest
        let letters = (lower &+ Self.ones &* (0x80 - 0x61)) & ~(lower &+ Self.ones &* (0x80 - 0x7b)) & ~word
        let hyphens = ~(((word ^ Self.ones &* 0x2d) & ~Self.highest) &+ ~Self.highest) & ~word
        return ~(letters | hyphens) & Self.highest
    }

    /// Whether all are ASCII and none is NUL.
    @inlinable @inline(__always) public var isPlain: Bool { (word | (word &- Self.ones)) & Self.highest == 0 }

    @inlinable static var ones: UInt64 { 0x0101_0101_0101_0101 }
    @inlinable static var highest: UInt64 { 0x8080_8080_8080_8080 }
}

extension UInt64 {
    /// Which of the eight bytes (0 to 7) is the first in a mask of `EightBytes`; 8 when it is empty.
    @inlinable @inline(__always) public var firstByte: Int { trailingZeroBitCount >> 3 }
}
