internal import Domain
internal import HTTP
internal import Secrets
internal import Store

extension RelayKeys {
    /// The key behind a secret that somebody shows to read statistics, by the checks that the relay makes of every request (relay
    /// contract, sections 2 and 6): that it exists, is active, has not ended, and may be used from there. A rotated secret counts until
    /// its grace is over.
    /// - Parameter address: the caller's, behind trusted proxies.
    /// - Throws: `Problem`: 401 for a secret that is no key's, 403 for the other three.
    func held(secret: String, from address: String) async throws -> APIKey {
        guard (10...512).contains(secret.utf8.count) else { throw Problem.ofKey(.unauthorized) }
        let hashes = [hasher.hash(Array(secret.utf8)), hasher.olderHash(Array(secret.utf8))].compactMap(\.self)
        let found = try await store.read { reader throws(StoreError) -> APIKey? in
            for hash in hashes { if let key = try reader.apiKey(secretHash: hash) { return key } }
            // The row decides: what the data path knows may be some seconds old.
            guard let hash = hashes.first, let id = rotated(hash), let key = try reader.apiKey(id), key.previousHash == hash,
                let until = key.previousUntil, until > store.ambient.now()
            else { return nil }
            return key
        }
        guard let key = found, key.deletedAt == nil else { throw Problem.ofKey(.unauthorized) }
        switch key.standing.refusal(at: store.ambient.now()) {
        case .disabled: throw Problem.ofKey(.keyDisabled)
        case .expired: throw Problem.ofKey(.keyExpired)
        case nil: break
        }
        for list in key.ipAllowlists.compactMap(IPAllowlist.init) {
            // An address that cannot be read is on no list.
            guard let address = IPAddress(address), list.allows(address) else { throw Problem.ofKey(.keyAddress) }
        }
        return key
    }
}

extension Problem {
    /// Clients repeat some refusals of keys for minutes unless they are told not to (relay contract, section 6).
    fileprivate static func ofKey(_ kind: ProblemKind) -> Problem {
        var problem = Problem(kind)
        problem.headers.set("x-should-retry", "false")
        return problem
    }
}

/// Why a relay key is refused; the codes and sentences of the relay's own routes.
extension ProblemKind {
    static let keyDisabled = ProblemKind(403, "key_disabled", "This API key is disabled. Ask its issuer.", mayRepeat: false)
    static let keyExpired = ProblemKind(403, "key_expired", "This API key has expired.", mayRepeat: false)
    static let keyAddress = ProblemKind(403, "ip_not_allowed", "This API key may not be used from this address.", mayRepeat: false)
    static let ofKey: [ProblemKind] = [.keyDisabled, .keyExpired, .keyAddress]
}
