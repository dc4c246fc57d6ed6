public import Domain
public import Secrets

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, as `v1,<base64>`. Both directions use it.
public enum WebhookSignature {
    /// A secret beginning `whsec_` is base64 behind that; any other is its UTF-8 bytes.
    static func key(_ secret: SecretBytes) -> SecretBytes {
        secret.reveal { bytes in
            let prefix = Array("whsec_".utf8)
            guard bytes.starts(with: prefix), let decoded = Base64.bytes(bytes.dropFirst(prefix.count)) else { return SecretBytes(bytes) }
            return SecretBytes(decoded)
        }
    }

    /// The value of `webhook-signature` for one secret.
    public static func sign(id: String, at time: Timestamp, body: [UInt8], secret: SecretBytes) -> String {
        let signed = Array("\(id).\(time.milliseconds / 1000).".utf8) + body
        return "v1," + Base64.text(Hashing.hmacSHA256(key: key(secret), signed))
    }
}
