internal import CSodium

/// Every call into libsodium. Sizes are checked here, so the callers above are ordinary Swift.
enum Sodium {
    /// `sodium_init` may be called from anywhere any number of times; a machine without randomness cannot run this server.
    static let isReady: Bool = sodium_init() >= 0

    static func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var state = crypto_auth_hmacsha256_state()
        var out = [UInt8](repeating: 0, count: 32)
        unsafe crypto_auth_hmacsha256_init(&state, key, key.count)
        unsafe crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
        unsafe crypto_auth_hmacsha256_final(&state, &out)
        return out
    }

    static func sha256(_ message: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        unsafe crypto_hash_sha256(&out, message, UInt64(message.count))
        return out
    }

    static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return unsafe sodium_memcmp(a, b, a.count) == 0
    }

    static func wipe(_ memory: UnsafeMutableRawBufferPointer) { unsafe sodium_memzero(memory.baseAddress, memory.count) }

    /// The public key of a private one (X25519, which clamps); nil for another length.
    static func x25519Base(_ key: [UInt8]) -> [UInt8]? {
        guard key.count == 32 else { return nil }
        var out = [UInt8](repeating: 0, count: 32)
        return unsafe crypto_scalarmult_curve25519_base(&out, key) == 0 ? out : nil
    }

    static let nonceBytes = 24
    static let keyBytes = 32
    static let tagBytes = 16

    /// XChaCha20-Poly1305 (IETF); the answer is ciphertext and tag.
    static func seal(_ message: [UInt8], associated: [UInt8], nonce: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(nonce.count == nonceBytes && key.count == keyBytes)
        var out = [UInt8](repeating: 0, count: message.count + tagBytes)
        var length: UInt64 = 0
        unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
            &out, &length, message, UInt64(message.count), associated, UInt64(associated.count), nil, nonce, key)
        return out
    }

    static func open(_ sealed: [UInt8], associated: [UInt8], nonce: [UInt8], key: [UInt8]) -> [UInt8]? {
        guard sealed.count >= tagBytes, nonce.count == nonceBytes, key.count == keyBytes else { return nil }
        var out = [UInt8](repeating: 0, count: sealed.count - tagBytes)
        var length: UInt64 = 0
        let code = unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
            &out, &length, nil, sealed, UInt64(sealed.count), associated, UInt64(associated.count), nonce, key)
        return code == 0 ? out : nil
    }

    /// Argon2id to a key; nil when the memory is not there.
    static func deriveKey(_ text: [UInt8], salt: [UInt8], operations: UInt64, memoryBytes: Int) -> [UInt8]? {
        precondition(salt.count == 16)
        var out = [UInt8](repeating: 0, count: keyBytes)
        let code = unsafe crypto_pwhash(
            &out, UInt64(keyBytes), characters(text), UInt64(text.count), salt, operations, memoryBytes, crypto_pwhash_alg_argon2id13())
        return code == 0 ? out : nil
    }

    /// "$argon2id$v=19$m=…"; nil when the memory is not there.
    static func passwordHash(_ password: [UInt8], operations: UInt64, memoryBytes: Int) -> String? {
        var out = [CChar](repeating: 0, count: Int(crypto_pwhash_strbytes()))
        let code = unsafe crypto_pwhash_str_alg(
            &out, characters(password), UInt64(password.count), operations, memoryBytes, crypto_pwhash_alg_argon2id13())
        guard code == 0 else { return nil }
        return String(decoding: out.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func passwordMatches(_ hash: String, _ password: [UInt8]) -> Bool {
        let text = hashText(hash)
        guard text.count <= Int(crypto_pwhash_strbytes()) else { return false }
        return unsafe crypto_pwhash_str_verify(text, characters(password), UInt64(password.count)) == 0
    }

    static func passwordNeedsRehash(_ hash: String, operations: UInt64, memoryBytes: Int) -> Bool {
        unsafe crypto_pwhash_str_needs_rehash(hashText(hash), operations, memoryBytes) != 0
    }

    private static func hashText(_ hash: String) -> [CChar] { characters(Array(hash.utf8)) + [0] }
    private static func characters(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } }
}
