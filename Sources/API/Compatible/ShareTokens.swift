internal import Domain
public import Secrets

/// Lets somebody read one key's statistics for a while without the key itself: `<end in Unix seconds>.<64 hex digits>`, bound to the key.
public struct ShareTokens: Sendable {
    private let key: SecretBytes

    /// - Parameter key: the one that signs logins; what is signed here starts with a word that no login starts with.
    public init(key: SecretBytes) { self.key = key }

    func token(for id: APIKeyID, endsAt end: Timestamp) -> String {
        let seconds = end.milliseconds / 1000
        return "\(seconds).\(Hex.text(proof(id, seconds)))"
    }

    func accepts(_ text: String, for id: APIKeyID, now: Timestamp) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = Int64(parts[0]), let given = Hex.bytes(String(parts[1])) else { return false }
        return Hashing.equal(given, proof(id, seconds)) && now.milliseconds / 1000 < seconds
    }

    private func proof(_ id: APIKeyID, _ seconds: Int64) -> [UInt8] {
        Hashing.hmacSHA256(key: key, Array("share|\(seconds)|\(id.text)".utf8))
    }
}
