internal import COpenSSL

/// SHA-256 as lowercase hex.
func sha256Hex(_ bytes: [UInt8]) -> String {
    let digest = sha256(bytes)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 32
    _ = unsafe bytes.withUnsafeBytes { source in
        unsafe digest.withUnsafeMutableBufferPointer {
            unsafe EVP_Digest(source.baseAddress, source.count, $0.baseAddress, &length, EVP_sha256(), nil)
        }
    }
    return digest
}

/// A new X25519 pair; the private key clamped, as WireGuard stores it.
func x25519KeyPair() -> (privateKey: [UInt8], publicKey: [UInt8]) {
    var seed = (0..<32).map { _ in UInt8.random(in: 0...255) }
    seed[0] &= 248
    seed[31] = seed[31] & 127 | 64
    var (derived, count) = ([UInt8](repeating: 0, count: 32), 32)
    guard let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, seed, 32) else { return (seed, derived) }
    defer { unsafe EVP_PKEY_free(key) }
    _ = unsafe EVP_PKEY_get_raw_public_key(key, &derived, &count)
    return (seed, derived)
}

/// Certificate and key for all connections. Never freed: it lives as long as the process.
@safe final class TLSServer: @unchecked Sendable {
    private let context: OpaquePointer

    init(certificateFile: String, keyFile: String) throws(SocketFailure) {
        guard let made = unsafe SSL_CTX_new(TLS_server_method()) else { throw SocketFailure(description: "SSL_CTX_new") }
        unsafe context = made
        guard unsafe SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1,
            unsafe SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1
        else { throw SocketFailure(description: "cannot use \(certificateFile) with \(keyFile)") }
    }

    /// Shakes hands on a blocking descriptor; nil when that fails.
    func accept(_ descriptor: Int32) -> TLSConnection? {
        guard let made = unsafe SSL_new(context) else { return nil }
        let connection = unsafe TLSConnection(made)
        return connection.shakeHands(descriptor) ? connection : nil
    }
}

/// One TLS connection, used by one thread.
@safe final class TLSConnection {
    private let connection: OpaquePointer
    fileprivate init(_ connection: OpaquePointer) { unsafe self.connection = connection }
    deinit { unsafe SSL_free(connection) }

    fileprivate func shakeHands(_ descriptor: Int32) -> Bool {
        ERR_clear_error()
        return unsafe SSL_set_fd(connection, descriptor) == 1 && SSL_accept(connection) == 1
    }

    func read(_ buffer: inout [UInt8]) -> [UInt8] {
        ERR_clear_error()
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe SSL_read(connection, $0.baseAddress, Int32($0.count)) }
        return count > 0 ? Array(buffer[..<Int(count)]) : []
    }

    func write(_ bytes: [UInt8]) -> Bool {
        if bytes.isEmpty { return true }
        ERR_clear_error()
        return unsafe bytes.withUnsafeBytes { unsafe SSL_write(connection, $0.baseAddress, Int32(clamping: $0.count)) }
            == Int32(clamping: bytes.count)
    }

    func end() {
        ERR_clear_error()
        _ = unsafe SSL_shutdown(connection)
    }
}
