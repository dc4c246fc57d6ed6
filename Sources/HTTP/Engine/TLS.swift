// The one file of this module that calls OpenSSL.
internal import COpenSSL
internal import Synchronization

public enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A certificate, key or CA file cannot be used; the text names the file and OpenSSL's reason, never its contents.
    case badFile(String)
    /// The peer's certificate is not to be trusted for that name.
    case untrusted(String)
    case handshake(String)
    case failed(String)

    /// For the operator.
    public var description: String {
        switch self {
        case .badFile(let detail), .untrusted(let detail), .handshake(let detail), .failed(let detail): detail
        }
    }
}

/// The reason of the last OpenSSL failure on this thread, and nothing left of it behind.
func takeTLSReason() -> String {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let text = unsafe ERR_reason_error_string(code) else { return "no reason given" }
    return unsafe String(cString: text)
}

/// Before each call, because what an earlier one left behind would be taken for its own. Mostly there is nothing, and clearing goes over all
/// sixteen places of the queue.
private func forgetTLSReasons() {
    if ERR_peek_error() != 0 { ERR_clear_error() }
}

/// An SSL_CTX with one owner; OpenSSL counts references, so streams made from it outlive it.
@safe private struct RawContext: ~Copyable, @unchecked Sendable {
    let raw: OpaquePointer
    init(_ method: OpaquePointer?) throws(TLSError) {
        guard let made = unsafe SSL_CTX_new(method) else { throw .failed(takeTLSReason()) }
        guard unsafe gh_ssl_minimum_tls12(made) == 1 else {
            unsafe SSL_CTX_free(made)
            throw .failed(takeTLSReason())
        }
        unsafe gh_ssl_modes(made)
        unsafe raw = made
    }
    deinit { unsafe SSL_CTX_free(raw) }
}

/// OpenSSL asks this for the password of a key; -1 says that there is none.
private func refusePassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isForWriting: Int32, _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// Certificate and key of the server, in regular files and without a password. TLS 1.2 and later, ALPN "http/1.1", session tickets.
@safe final class TLSServerContext: Sendable {
    private let context: RawContext

    init(_ files: TLSFiles) throws(TLSError) {
        ERR_clear_error()
        context = unsafe try RawContext(TLS_server_method())
        for file in [files.certificateFile, files.keyFile] where SystemCalls.isNoRegularFile(file) {
            throw .badFile("\(file) is no regular file")
        }
        // Without this OpenSSL asks the terminal for the password of an encrypted key and waits.
        unsafe SSL_CTX_set_default_passwd_cb(context.raw, refusePassword)
        guard unsafe SSL_CTX_use_certificate_chain_file(context.raw, files.certificateFile) == 1 else {
            throw .badFile("\(files.certificateFile) holds no certificate that can be read: \(takeTLSReason())")
        }
        guard unsafe SSL_CTX_use_PrivateKey_file(context.raw, files.keyFile, SSL_FILETYPE_PEM) == 1 else {
            let reason = takeTLSReason()
            throw .badFile(
                reason == "key values mismatch"
                    ? "\(files.keyFile) does not belong to \(files.certificateFile)"
                    : "\(files.keyFile) holds no private key that can be read: \(reason)")
        }
        guard unsafe SSL_CTX_check_private_key(context.raw) == 1 else {
            throw .badFile("\(files.keyFile) does not belong to \(files.certificateFile)")
        }
        let identity: [UInt8] = Array("gatehouse".utf8)
        _ = unsafe identity.withUnsafeBufferPointer { unsafe SSL_CTX_set_session_id_context(context.raw, $0.baseAddress, UInt32($0.count)) }
        unsafe gh_ssl_offer_choice(context.raw)
    }

    func makeConnection() -> OpaquePointer? { unsafe SSL_new(context.raw) }
}

/// Client side settings and session cache; one for each set of trusted certificates, shared by connections of any reactor.
@safe public final class TLSClientContext: Sendable {
    /// Sessions kept; past it all are forgotten, which costs a full handshake each and nothing else.
    static let sessionLimit = 512
    private let context: RawContext
    private let sessions = Mutex<[String: TLSSession]>([:])

    /// nil uses the system's certificates.
    public init(certificateAuthorityFile: String? = nil) throws(TLSError) {
        ERR_clear_error()
        context = unsafe try RawContext(TLS_client_method())
        if let file = certificateAuthorityFile {
            guard unsafe SSL_CTX_load_verify_locations(context.raw, file, nil) == 1 else { throw .badFile("\(file): \(takeTLSReason())") }
        } else {
            guard unsafe SSL_CTX_set_default_verify_paths(context.raw) == 1 else { throw .failed(takeTLSReason()) }
        }
        unsafe SSL_CTX_set_verify(context.raw, SSL_VERIFY_PEER, nil)
        unsafe gh_ssl_offer_http11(context.raw)
        unsafe gh_ssl_client_cache(context.raw)
        unsafe SSL_CTX_sess_set_new_cb(context.raw, keepSession)
    }

    func makeConnection() -> OpaquePointer? { unsafe SSL_new(context.raw) }

    func session(for name: String) -> TLSSession? { sessions.withLock { $0[name] } }
    fileprivate func keep(_ session: TLSSession, for name: String) {
        sessions.withLock { kept in
            if kept.count >= Self.sessionLimit, kept[name] == nil { kept.removeAll() }
            kept[name] = session
        }
    }
}

/// A session that can be resumed; OpenSSL counts its references atomically.
@safe final class TLSSession: @unchecked Sendable {
    let raw: OpaquePointer
    init(_ raw: OpaquePointer) { unsafe self.raw = raw }
    deinit { unsafe SSL_SESSION_free(raw) }
}

/// OpenSSL calls this when the server has sent a ticket (TLS 1.3: after the handshake). 1 means that the reference is ours now.
private func keepSession(_ connection: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
    guard let session = unsafe session, let owner = unsafe SSL_get_ex_data(connection, 0) else { return 0 }
    let stream = unsafe Unmanaged<TLSStream>.fromOpaque(owner).takeUnretainedValue()
    guard let (context, name) = stream.sessionPlace else { return 0 }
    context.keep(unsafe TLSSession(session), for: name)
    return 1
}

public enum TLSProgress: Equatable, Sendable {
    /// That many bytes; 0 for a handshake that is over.
    case done(Int)
    case wantsRead
    case wantsWrite
    /// The peer ended the stream properly. A connection that just stops is `.failed`, so that nobody can cut a body unseen.
    case ended
    case failed(TLSError)
}

/// TLS over a connected non-blocking descriptor that it does not own. One thread at a time.
@safe public final class TLSStream: @unchecked Sendable {
    private let connection: OpaquePointer
    /// Where new sessions go; nil on the server's side.
    let sessionPlace: (TLSClientContext, String)?
    private let isServer: Bool
    private var hasFailed = false
    /// Found by `fill` behind bytes.
    private var heldEnd: TLSProgress?

    /// Whether its two buffers of 17 KB stay between two calls. To make them anew costs as much as the cipher does for a short record; a
    /// stream that says little for minutes is better off without.
    var keepsBuffers = false {
        didSet { if keepsBuffers != oldValue { unsafe gh_ssl_keep_buffers(connection, keepsBuffers ? 1 : 0) } }
    }

    init(server: TLSServerContext, descriptor: Int32) throws(TLSError) {
        forgetTLSReasons()
        guard let made = unsafe server.makeConnection() else { throw .failed(takeTLSReason()) }
        unsafe connection = made
        sessionPlace = nil
        isServer = true
        guard unsafe SSL_set_fd(connection, descriptor) == 1 else { throw .failed(takeTLSReason()) }
        unsafe SSL_set_accept_state(connection)
    }

    /// Verifies the chain and that it names `host`; sends SNI unless `host` is an address; resumes a session of the same
    /// `host:port` when there is one.
    public init(client: TLSClientContext, host: String, port: UInt16, descriptor: Int32) throws(TLSError) {
        forgetTLSReasons()
        guard let made = unsafe client.makeConnection() else { throw .failed(takeTLSReason()) }
        unsafe connection = made
        let name = "\(host):\(port)"
        sessionPlace = (client, name)
        isServer = false
        let isNamed: Bool
        if IPAddress(host) != nil {
            isNamed = unsafe gh_ssl_verify_address(connection, host) == 1
        } else {
            isNamed = unsafe gh_ssl_server_name(connection, host) == 1 && SSL_set1_host(connection, host) == 1
        }
        guard isNamed, unsafe SSL_set_fd(connection, descriptor) == 1 else { throw .failed(takeTLSReason()) }
        unsafe SSL_set_connect_state(connection)
        // Head and body of a record in one read; what it brings too much is looked for by `fill` and `pendingBytes`.
        unsafe SSL_set_read_ahead(connection, 1)
        unsafe SSL_set_ex_data(connection, 0, Unmanaged.passUnretained(self).toOpaque())
        if let session = client.session(for: name) { unsafe SSL_set_session(connection, session.raw) }
    }

    deinit {
        // A connection that ends without goodbye would take its session out of use, and pooled ones often end so.
        if !hasFailed { unsafe SSL_set_shutdown(connection, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        unsafe SSL_free(connection)
    }

    /// `.done(0)` when the handshake is over.
    public func handshake() -> TLSProgress {
        forgetTLSReasons()
        let result = unsafe SSL_do_handshake(connection)
        if result == 1 { return .done(0) }
        let progress = explain(result)
        guard case .failed(let error) = progress, case .failed(let reason) = error else {
            return progress == .ended ? .failed(.handshake("closed")) : progress
        }
        let verdict = unsafe SSL_get_verify_result(connection)
        if !isServer, verdict != Int(X509_V_OK) {
            return .failed(.untrusted(unsafe String(cString: X509_verify_cert_error_string(verdict))))
        }
        return .failed(.handshake(reason))
    }

    /// One record at most.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSProgress {
        guard buffer.count > 0 else { return .done(0) }
        forgetTLSReasons()
        let count = unsafe SSL_read(connection, buffer.baseAddress, Int32(clamping: buffer.count))
        return count > 0 ? .done(Int(count)) : explain(count)
    }

    /// Reads until the buffer is full, or the socket is empty as far as one can tell without asking it once more: epoll reports what
    /// was left. An end that follows bytes is reported by the next call.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) -> TLSProgress {
        if let end = heldEnd {
            heldEnd = nil
            return end
        }
        var filled = 0
        while filled < buffer.count {
            let progress = unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            switch progress {
            case .done(let count):
                filled += count
                // After a full record more is likely to be there.
                if filled < Self.recordBytes, unsafe SSL_has_pending(connection) == 0 { return .done(filled) }
            case .wantsRead, .wantsWrite: return filled > 0 ? .done(filled) : progress
            case .ended, .failed:
                guard filled > 0 else { return progress }
                heldEnd = progress
                return .done(filled)
            }
        }
        return .done(filled)
    }

    /// May take fewer bytes than given.
    public func write(_ bytes: Span<UInt8>) -> TLSProgress {
        guard bytes.count > 0 else { return .done(0) }
        forgetTLSReasons()
        let count = unsafe bytes.withUnsafeBufferPointer { unsafe SSL_write(connection, $0.baseAddress, Int32(clamping: $0.count)) }
        return count > 0 ? .done(Int(count)) : explain(count)
    }

    /// Decrypted bytes that wait here; epoll does not know of them.
    /// An end of the stream that was read together with bytes counts as one.
    /// So does a record that has come in part.
    public var pendingBytes: Int {
        if heldEnd != nil { return 1 }
        return unsafe max(Int(SSL_pending(connection)), Int(SSL_has_pending(connection)))
    }
    private static let recordBytes = 16_384

    /// Says goodbye if the socket takes it; waits for nothing.
    public func shutdown() {
        guard !hasFailed, unsafe SSL_is_init_finished(connection) == 1 else { return }
        forgetTLSReasons()
        _ = unsafe SSL_shutdown(connection)
        forgetTLSReasons()
    }

    public var wasResumed: Bool { unsafe SSL_session_reused(connection) == 1 }
    /// "TLSv1.3".
    public var protocolVersion: String { unsafe String(cString: SSL_get_version(connection)) }

    private func explain(_ result: Int32) -> TLSProgress {
        switch unsafe SSL_get_error(connection, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .ended
        default:
            hasFailed = true
            return .failed(.failed(takeTLSReason()))
        }
    }
}
