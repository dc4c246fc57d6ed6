public import Domain
public import Secrets

/// Lets one mail address register while REGISTRATION is `invite`. It carries its own proof, so nothing is stored; since an address
/// registers once, it works once. As text: `inv_<end in Unix seconds>_<64 hex digits>`.
public struct Invitations: Sendable {
    private let key: SecretBytes
    public static let lifetimeSeconds: Int64 = 7 * 86_400

    /// - Parameter key: the one that signs tokens; what is signed here starts with a word that no token starts with.
    public init(key: SecretBytes) { self.key = key }

    public func text(for email: EmailAddress, endsAt end: Timestamp) -> String {
        let seconds = end.milliseconds / 1000
        return "inv_\(seconds)_\(Hex.text(proof(email, seconds)))"
    }

    /// False for every text that is not this address's invitation, or has ended.
    public func accepts(_ text: String, for email: EmailAddress, now: Timestamp) -> Bool {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "inv", let seconds = Int64(parts[1]), let given = Hex.bytes(String(parts[2])) else {
            return false
        }
        return Hashing.equal(given, proof(email, seconds)) && now.milliseconds / 1000 < seconds
    }

    private func proof(_ email: EmailAddress, _ seconds: Int64) -> [UInt8] {
        Hashing.hmacSHA256(key: key, Array("invitation|\(seconds)|\(email.text)".utf8))
    }
}
