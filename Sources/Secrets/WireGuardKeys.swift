public import Domain

/// X25519 keys of WireGuard peers.
public enum WireGuardKeys {
    /// A new private key, 32 bytes, clamped (RFC 7748 section 5).
    public static func makePrivate(_ ambient: Ambient) -> [UInt8] { clamped(ambient.randomBytes(32)) }

    /// A new preshared key, 32 bytes.
    public static func makePreshared(_ ambient: Ambient) -> [UInt8] { ambient.randomBytes(32) }

    /// The form to store; `wg pubkey` clamps silently, so both have one public key.
    public static func clamped(_ key: [UInt8]) -> [UInt8] {
        guard key.count == 32 else { return key }
        var key = key
        key[0] &= 248
        key[31] = key[31] & 127 | 64
        return key
    }

    /// What the other side knows us by; nil unless there are 32 bytes.
    public static func publicKey(ofPrivate key: [UInt8]) -> [UInt8]? { Sodium.x25519Base(key) }
}
