internal import Synchronization

/// TLS settings by certificate authority file, made once and shared by the pools of all reactors, sessions included.
public final class UpstreamTrust: Sendable {
    /// Different authority files; operators have one or two.
    static let contextCount = 64
    private let contexts = Mutex<[String: TLSClientContext]>([:])
    public init() {}

    /// Reads the file now, which blocks: for the start, or a change of settings, and never on a reactor. nil is the system's.
    public func prepare(certificateAuthorityFile file: String? = nil) throws(TLSError) { _ = try context(file) }

    /// nil is the system's certificates.
    func context(_ file: String?) throws(TLSError) -> TLSClientContext {
        if let known = contexts.withLock({ $0[file ?? ""] }) { return known }
        let made = try TLSClientContext(certificateAuthorityFile: file)
        return contexts.withLock { contexts in
            if let known = contexts[file ?? ""] { return known }
            if contexts.count >= Self.contextCount { contexts.removeAll() }
            contexts[file ?? ""] = made
            return made
        }
    }
}
