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

/// The first position in the range whose byte no token, and so no field name, may hold; the range's end when there is none.
func tokenEnd(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
    var at = range.lowerBound
    // Most names are letters and hyphens: eight of them a step.
    while range.upperBound - at >= 8 {
        let others = EightBytes(bytes, at).maskOfOthersThanLettersAndHyphens
        at += others.firstByte
        if others != 0 { break }
    }
    while at < range.upperBound, bytes[at].isToken { at += 1 }
    return at
}

/// The first position in the range whose byte no field value may hold; nil when there is none.
func firstBadFieldValue(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var at = range.lowerBound
    // Eight bytes a step, while none of them is a control character or DEL. The last step may see bytes behind the range, and forgets them.
    while at < range.upperBound, at + 8 <= bytes.count {
        let eight = EightBytes(bytes, at)
        var controls = eight.mask(below: 0x20) | eight.mask(equal: 0x7f)
        if range.upperBound - at < 8 { controls &= 1 << UInt64((range.upperBound - at) * 8) - 1 }
        guard controls == 0 else { break }
        at += 8
    }
    while at < range.upperBound {
        if !bytes[at].isFieldValue { return at }
        at += 1
    }
    return nil
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
