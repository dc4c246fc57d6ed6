internal import COpenSSL

/// HMAC-SHA256 for one key and many messages: half of the work is done once, and libcrypto uses the processor's own SHA instructions.
@safe final class KeyedSHA256: Sendable {
    // Immutable after init and freed once in deinit.
    private nonisolated(unsafe) let state: UnsafeMutablePointer<gh_hmac_sha256>

    /// - Parameter key: at most 64 bytes.
    init(key: Span<UInt8>) {
        precondition(key.count <= 64, "a longer key is hashed first")
        unsafe state = .allocate(capacity: 1)
        unsafe key.withUnsafeBufferPointer { unsafe gh_hmac_sha256_prepare(state, $0.baseAddress, $0.count) }
    }
    deinit {
        unsafe OPENSSL_cleanse(state, MemoryLayout<gh_hmac_sha256>.size)
        unsafe state.deallocate()
    }

    func digest(of message: Span<UInt8>) -> InlineArray<32, UInt8> {
        var out = InlineArray<32, UInt8>(repeating: 0)
        var span = out.mutableSpan
        unsafe span.withUnsafeMutableBufferPointer { out in
            unsafe message.withUnsafeBufferPointer { unsafe gh_hmac_sha256_of(state, $0.baseAddress, $0.count, out.baseAddress) }
        }
        return out
    }
}

/// The little of OpenSSL's libcrypto that libsodium does not have: HMAC with SHA-1, SHA-384 and SHA-512, AES-128-CBC for old tokens, PBKDF2 for
/// old passwords.
enum LibCrypto {
    enum Digest: Sendable { case sha1, sha256, sha384, sha512 }

    static func hmac(_ digest: Digest, key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 64)
        var length: UInt32 = 0
        let kind =
            switch digest {
            case .sha1: unsafe EVP_sha1()
            case .sha256: unsafe EVP_sha256()
            case .sha384: unsafe EVP_sha384()
            case .sha512: unsafe EVP_sha512()
            }
        unsafe HMAC(kind, key, Int32(clamping: key.count), message, message.count, &out, &length)
        return Array(out.prefix(Int(length)))
    }

    /// - Parameter count: bytes to derive.
    static func pbkdf2SHA256(_ password: [UInt8], salt: [UInt8], rounds: Int, count: Int) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: count)
        let phrase = password.map { CChar(bitPattern: $0) }
        unsafe PKCS5_PBKDF2_HMAC(
            phrase, Int32(clamping: phrase.count), salt, Int32(clamping: salt.count), Int32(clamping: rounds), EVP_sha256(),
            Int32(clamping: count), &out)
        return out
    }

    /// With PKCS #7 padding; nil when the padding is wrong.
    static func decryptAES128CBC(_ ciphertext: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? {
        guard key.count == 16, vector.count == 16, !ciphertext.isEmpty, ciphertext.count.isMultiple(of: 16), ciphertext.count < 1 << 24,
            let context = unsafe EVP_CIPHER_CTX_new()
        else { return nil }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var out = [UInt8](repeating: 0, count: ciphertext.count + 16)
        var (first, last): (Int32, Int32) = (0, 0)
        guard unsafe EVP_DecryptInit_ex(context, EVP_aes_128_cbc(), nil, key, vector) == 1,
            unsafe EVP_DecryptUpdate(context, &out, &first, ciphertext, Int32(ciphertext.count)) == 1
        else { return nil }
        var tail = [UInt8](repeating: 0, count: 32)
        guard unsafe EVP_DecryptFinal_ex(context, &tail, &last) == 1 else { return nil }
        return Array(out.prefix(Int(first))) + tail.prefix(Int(last))
    }
}
