public import Domain

/// A wrapped data key as it is stored: opaque bytes under the name `data_key.<id>`.
public struct WrappedKey: Sendable, Equatable {
    public let id: String
    public let bytes: [UInt8]
    public init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

extension Keyring {
    /// Opens stored data keys with `ENCRYPTION_KEY`.
    /// - Parameters:
    ///   - wrapped: oldest first; at least one.
    ///   - legacyKey: `CONFIG_ENCRYPTION_KEY` when it differs from `ENCRYPTION_KEY`: a Fernet key, decrypt only.
    /// - Throws: `wrongEncryptionKey` when one does not open, `noMemory`.
    public static func open(_ wrapped: [WrappedKey], encryptionKey: SecretBytes, legacyKey: SecretBytes?, ambient: Ambient)
        throws(SecretsError) -> Keyring
    {
        var keys: [DataKey] = []
        for key in wrapped { keys.append(DataKey(id: key.id, bytes: try unwrap(key, encryptionKey))) }
        guard let newest = keys.last else { throw .wrongEncryptionKey }
        return Keyring(keys: keys, newest: newest, legacy: legacyKey.flatMap(FernetKey.init), randomBytes: ambient.randomBytes)
    }

    /// A new random data key, wrapped. Stored, it seals after the next `open`.
    public static func makeDataKey(encryptionKey: SecretBytes, ambient: Ambient) throws(SecretsError) -> WrappedKey {
        try wrap(SecretBytes(ambient.randomBytes(Sodium.keyBytes)), id: Hex.text(ambient.randomBytes(4)), encryptionKey, ambient)
    }

    /// The same data key under another `ENCRYPTION_KEY`.
    public static func rewrap(_ key: WrappedKey, from old: SecretBytes, to new: SecretBytes, ambient: Ambient) throws(SecretsError)
        -> WrappedKey
    {
        try wrap(unwrap(key, old), id: key.id, new, ambient)
    }

    // Any text may be an ENCRYPTION_KEY, so words go through Argon2id, which makes guessing them dear. 32 random bytes, as the product
    // makes them, cannot be guessed at any price and would only make every start slower. Each wrapped key has its own salt.
    private static let derivation = PasswordHasher.Cost(operations: 2, memoryBytes: 16 << 20)
    private static let saltBytes = 16

    private static func wrap(_ bytes: SecretBytes, id: String, _ encryptionKey: SecretBytes, _ ambient: Ambient) throws(SecretsError)
        -> WrappedKey
    {
        let (salt, nonce) = (ambient.randomBytes(saltBytes), ambient.randomBytes(Sodium.nonceBytes))
        let wrapping = try encryptionKey.reveal(isRandom) ? mixed(encryptionKey, salt) : stretched(encryptionKey, salt)
        let sealed = bytes.reveal { bytes in
            wrapping.reveal { Sodium.seal(bytes, associated: Array("data_key|\(id)".utf8), nonce: nonce, key: $0) }
        }
        return WrappedKey(id: id, bytes: salt + nonce + sealed)
    }

    private static func unwrap(_ key: WrappedKey, _ encryptionKey: SecretBytes) throws(SecretsError) -> SecretBytes {
        guard key.bytes.count == saltBytes + Sodium.nonceBytes + Sodium.keyBytes + Sodium.tagBytes else { throw .damaged }
        let salt = Array(key.bytes[..<saltBytes])
        let nonce = Array(key.bytes[saltBytes..<saltBytes + Sodium.nonceBytes])
        let sealed = Array(key.bytes[(saltBytes + Sodium.nonceBytes)...])
        func opened(_ wrapping: SecretBytes) -> [UInt8]? {
            wrapping.reveal { Sodium.open(sealed, associated: Array("data_key|\(key.id)".utf8), nonce: nonce, key: $0) }
        }
        if encryptionKey.reveal(isRandom), let bytes = opened(mixed(encryptionKey, salt)) { return SecretBytes(bytes) }
        // Words; and random keys that an earlier version stretched all the same.
        guard let bytes = opened(try stretched(encryptionKey, salt)) else { throw .wrongEncryptionKey }
        return SecretBytes(bytes)
    }

    /// 64 hex digits that look random: at least ten different ones.
    static func isRandom(_ text: [UInt8]) -> Bool {
        text.count == 64 && text.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } && Set(text).count >= 10
    }

    private static func mixed(_ text: SecretBytes, _ salt: [UInt8]) -> SecretBytes {
        SecretBytes(Hashing.hmacSHA256(key: text, Array("data_key|".utf8) + salt))
    }

    static func stretched(_ text: SecretBytes, _ salt: [UInt8]) throws(SecretsError) -> SecretBytes {
        let derived = text.reveal {
            Sodium.deriveKey($0, salt: salt, operations: derivation.operations, memoryBytes: derivation.memoryBytes)
        }
        guard let derived else { throw .noMemory }
        return SecretBytes(derived)
    }
}
