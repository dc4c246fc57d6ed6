/// Turns a customer's relay key into what is stored and looked up: HMAC-SHA256 under the server's pepper (relay contract, section 2).
public struct RelayKeyHasher: Sendable {
    private let pepper: SecretBytes
    public static let algorithm = "hmac-sha256"

    public init(pepper: SecretBytes) { self.pepper = pepper }

    /// 32 bytes.
    public func hash(_ key: [UInt8]) -> [UInt8] { Hashing.hmacSHA256(key: pepper, key) }
}
