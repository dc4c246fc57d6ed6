public enum TLSError: Error, Equatable, Sendable {
    /// A certificate, key or CA file cannot be used; the text names the file and OpenSSL's reason, never its contents.
    case badFile(String)
    /// The peer's certificate is not to be trusted for that name.
    case untrusted(String)
    case handshake(String)
    case failed(String)
}

public enum TLSProgress: Equatable, Sendable {
    case done(Int)
    case wantsRead
    case wantsWrite
    /// The peer ended the stream properly.
    case ended
    case failed(TLSError)
}

/// Client side settings and session cache; one per upstream trust, shared by connections of any reactor.
public final class TLSClientContext: Sendable {
    /// nil uses the system's certificates.
    public init(certificateAuthorityFile: String? = nil) throws(TLSError) { preconditionFailure("under construction") }
}

/// TLS over a connected non-blocking descriptor that it does not own. One thread at a time.
public final class TLSStream: @unchecked Sendable {
    /// Verifies the chain and that it names `host`; sends SNI unless `host` is an address; resumes a session of the same `host:port` when it has one.
    public init(client: TLSClientContext, host: String, port: UInt16, descriptor: Int32) throws(TLSError) {
        preconditionFailure("under construction")
    }
    /// `.done(0)` when the handshake is over.
    public func handshake() -> TLSProgress { preconditionFailure("under construction") }
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSProgress { preconditionFailure("under construction") }
    public func write(_ bytes: Span<UInt8>) -> TLSProgress { preconditionFailure("under construction") }
    /// Bytes already decrypted and waiting, which epoll does not know of.
    public var pendingBytes: Int { preconditionFailure("under construction") }
    public func shutdown() { preconditionFailure("under construction") }
    public var wasResumed: Bool { preconditionFailure("under construction") }
}
