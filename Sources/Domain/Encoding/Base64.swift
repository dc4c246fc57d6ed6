/// Base64 (RFC 4648). Reading is strict: one alphabet, exact padding rule, and the unused bits must be zero, so that a text has one
/// meaning and a value one text.
public enum Base64 {
    public enum Alphabet: Sendable {
        /// "+" and "/", padded with "=".
        case standard
        /// "-" and "_", without padding (JWT).
        case url
        /// "-" and "_", padded (Fernet).
        case urlPadded

        fileprivate var isPadded: Bool { self != .url }
        fileprivate var last: (UInt8, UInt8) { self == .standard ? (0x2b, 0x2f) : (0x2d, 0x5f) }
    }

    public static func text(_ bytes: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var (buffer, bits): (UInt32, Int) = (0, 0)
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(character(UInt8(buffer >> UInt32(bits) & 63), alphabet))
            }
        }
        if bits > 0 { out.append(character(UInt8(buffer << UInt32(6 - bits) & 63), alphabet)) }
        if alphabet.isPadded { while !out.count.isMultiple(of: 4) { out.append(0x3d) } }
        return String(decoding: out, as: UTF8.self)
    }

    public static func bytes(_ text: some Collection<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        var digits = Array(text)
        if alphabet.isPadded {
            guard digits.count.isMultiple(of: 4) else { return nil }
            for _ in 0..<2 where digits.last == 0x3d { digits.removeLast() }
        }
        guard digits.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(digits.count * 3 / 4)
        var (buffer, bits): (UInt32, Int) = (0, 0)
        for digit in digits {
            guard let value = value(digit, alphabet) else { return nil }
            buffer = (buffer << 6 | UInt32(value)) & 0xffff
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(buffer >> UInt32(bits) & 255))
            }
        }
        guard buffer & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return out
    }

    private static func character(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x61 + value - 26
        case 52..<62: 0x30 + value - 52
        case 62: alphabet.last.0
        default: alphabet.last.1
        }
    }
    private static func value(_ byte: UInt8, _ alphabet: Alphabet) -> UInt8? {
        switch byte {
        case 0x41...0x5a: byte - 0x41
        case 0x61...0x7a: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case alphabet.last.0: 62
        case alphabet.last.1: 63
        default: nil
        }
    }
}
