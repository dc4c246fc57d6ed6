internal import COpenSSL

/// The little of OpenSSL's libcrypto that libsodium does not have: HMAC with SHA-1, SHA-384 and SHA-512, and AES-128-CBC for old tokens.
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
