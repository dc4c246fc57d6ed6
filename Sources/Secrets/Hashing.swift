/// HMAC-SHA256, SHA-256 and comparison in constant time, for the modules above.
public enum Hashing {
    /// 32 bytes.
    public static func hmacSHA256(key: SecretBytes, _ message: [UInt8]) -> [UInt8] { key.reveal { Sodium.hmacSHA256(key: $0, message) } }
    /// 32 bytes.
    public static func sha256(_ message: [UInt8]) -> [UInt8] { Sodium.sha256(message) }
    /// Takes the same time wherever the difference is; the length is no secret.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { Sodium.equal(a, b) }
}
