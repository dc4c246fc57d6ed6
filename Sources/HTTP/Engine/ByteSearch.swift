internal import Domain
internal import Glibc

/// The position of the first such byte at or after `start`; nil when there is none.
@inline(__always) func firstPosition(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
    unsafe bytes.withUnsafeBufferPointer { buffer in
        guard start < buffer.count, let base = buffer.baseAddress, let hit = unsafe memchr(base + start, Int32(byte), buffer.count - start)
        else { return nil }
        return unsafe UnsafeRawPointer(base).distance(to: UnsafeRawPointer(hit))
    }
}

/// The first position in the range whose byte no field value may hold; nil when there is none.
func firstBadFieldValue(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var at = range.lowerBound
    while at < range.upperBound {
        // Eight bytes a step, while none of them is a control character or DEL.
        if range.upperBound - at >= 8, !mayHoldControl(EightBytes(bytes, at)) {
            at += 8
            continue
        }
        let end = min(range.upperBound, at + 8)
        while at < end {
            if !bytes[at].isFieldValue { return at }
            at += 1
        }
    }
    return nil
}
@inline(__always) private func mayHoldControl(_ eight: EightBytes) -> Bool {
    eight.mask(below: 0x20) | eight.mask(equal: 0x7f) != 0
}

extension UInt8 {
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09

    /// ASCII upper case becomes lower case.
    @inline(__always) var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// tchar of RFC 9110 section 5.6.2: ! # $ % & ' * + - . ^ _ ` | ~, digits, letters.
    @inline(__always) var isToken: Bool {
        if self < 64 { return 0x03ff_6cfa_0000_0000 >> UInt64(self) & 1 == 1 }
        if self < 128 { return 0x57ff_ffff_c7ff_fffe >> UInt64(self - 64) & 1 == 1 }
        return false
    }
    /// What a field value may hold: tab, visible ASCII, space, and bytes past ASCII.
    @inline(__always) var isFieldValue: Bool { self >= 0x20 && self != 0x7f || self == .tab }

    @inline(__always) var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x37
        case 0x61...0x66: self - 0x57
        default: nil
        }
    }
}
