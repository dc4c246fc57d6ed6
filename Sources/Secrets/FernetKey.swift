internal import Domain

/// Opens Fernet tokens (version 0x80: time, AES-128-CBC, HMAC-SHA256) that older deployments stored. Never makes one.
struct FernetKey: Sendable {
    private let signing: SecretBytes
    private let encryption: SecretBytes
    /// Every token begins with "gAAAA", since version and the high bytes of the time are fixed.
    static let firstCharacter: UInt8 = 0x67

    /// - Parameter text: 44 characters of base64url, as `CONFIG_ENCRYPTION_KEY` holds; nil when it is no such key.
    init?(_ text: SecretBytes) {
        guard let bytes = text.reveal({ Base64.bytes($0, .urlPadded) }), bytes.count == 32 else { return nil }
        signing = SecretBytes(bytes[..<16])
        encryption = SecretBytes(bytes[16...])
    }

    func open(_ token: [UInt8]) -> [UInt8]? {
        guard let bytes = Base64.bytes(token, .urlPadded), bytes.count >= 1 + 8 + 16 + 16 + 32, bytes[0] == 0x80 else { return nil }
        let signed = Array(bytes[..<(bytes.count - 32)])
        let tag = signing.reveal { Sodium.hmacSHA256(key: $0, signed) }
        guard Sodium.equal(tag, Array(bytes[(bytes.count - 32)...])) else { return nil }
        return encryption.reveal { LibCrypto.decryptAES128CBC(Array(signed[25...]), key: $0, vector: Array(signed[9..<25])) }
    }
}
