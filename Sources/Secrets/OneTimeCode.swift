/// Time-based one-time codes (RFC 6238): SHA-1, six digits, thirty seconds, which is what every authenticator app does.
public enum OneTimeCode {
    /// Bytes of a secret; RFC 4226 wants 16 at least.
    public static let secretBytes = 20
    static let stepSeconds: Int64 = 30
    /// Steps before and after the present one whose codes are taken: clocks of phones differ.
    static let tolerance: Int64 = 1

    public static func step(atSeconds seconds: Int64) -> Int64 { seconds / stepSeconds }

    /// Six digits.
    public static func code(_ secret: [UInt8], step: Int64) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> Int64(56 - 8 * $0)) }
        let hash = LibCrypto.hmac(.sha1, key: secret, counter)
        guard hash.count == 20, let last = hash.last else { preconditionFailure("HMAC-SHA-1 has 20 bytes") }
        let offset = Int(last & 15)
        let number = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
        let digits = String(number % 1_000_000)
        return String(repeating: "0", count: 6 - digits.utf8.count) + digits
    }

    /// The step whose code that is, or nil. All that could match are looked at, each in constant time.
    /// - Parameter last: steps up to this one were used.
    public static func step(of code: String, secret: [UInt8], atSeconds seconds: Int64, after last: Int64) -> Int64? {
        let now = step(atSeconds: seconds)
        var found: Int64?
        for step in max(0, now - tolerance)...max(0, now + tolerance) where step > last {
            if Hashing.equal(Array(code.utf8), Array(self.code(secret, step: step).utf8)) { found = step }
        }
        return found
    }

    /// RFC 4648 without padding, as apps read it.
    public static func base32(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (out, buffer, bits) = ("", UInt32(0), 0)
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(alphabet[Int(buffer >> UInt32(bits) & 31)])
            }
            buffer &= 0xff
        }
        if bits > 0 { out.append(alphabet[Int(buffer << UInt32(5 - bits) & 31)]) }
        return out
    }
}
