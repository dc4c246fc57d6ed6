public import Domain
public import Secrets

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, as `v1,<base64>`. Both directions use it.
public enum WebhookSignature {
    private static let prefix = "whsec_"
    private static let leastKeyBytes = 16

    /// Why a secret cannot be taken; nil: it can.
    static func fault(ofSecret secret: String) -> String? {
        guard secret.hasPrefix(prefix) else { return secret.isEmpty ? "must not be empty" : nil }
        if let key = Base64.bytes(secret.utf8.dropFirst(prefix.utf8.count)), key.count >= leastKeyBytes { return nil }
        return "must have base64, padded with =, of at least \(leastKeyBytes) bytes behind \(prefix)"
    }

    /// A secret beginning `whsec_` is base64 behind that; any other is its UTF-8 bytes, and so is an older row's that is no base64.
    static func key(_ secret: SecretBytes) -> SecretBytes {
        secret.reveal { bytes in
            guard bytes.starts(with: prefix.utf8), let decoded = Base64.bytes(bytes.dropFirst(prefix.utf8.count)) else {
                return SecretBytes(bytes)
            }
            return SecretBytes(decoded)
        }
    }

    /// The value of `webhook-signature` for one secret.
    public static func sign(id: String, at time: Timestamp, body: [UInt8], secret: SecretBytes) -> String {
        let signed = Array("\(id).\(time.milliseconds / 1000).".utf8) + body
        return "v1," + Base64.text(Hashing.hmacSHA256(key: key(secret), signed))
    }
}
