/// Turns a customer's relay key into what is stored and looked up: HMAC-SHA256 under the server's pepper (relay contract, section 2).
public struct RelayKeyHasher: Sendable {
    private let keyed: KeyedSHA256
    private let olderSalt: SecretBytes?
    public static let algorithm = "hmac-sha256"
    /// Of keys that were taken over from the older relay and not used since: SHA-256 of the key and that relay's ENCRYPTION_KEY.
    public static let olderAlgorithm = "sha256-salted"

    /// - Parameters:
    ///   - pepper: any number of bytes; the server makes 32.
    ///   - olderSalt: the older relay's ENCRYPTION_KEY as text; nil when no keys were taken over.
    public init(pepper: SecretBytes, olderSalt: SecretBytes? = nil) {
        self.olderSalt = olderSalt
        keyed =
            pepper.count <= 64
            ? pepper.reveal(inPlace: { KeyedSHA256(key: $0) }) : pepper.reveal { KeyedSHA256(key: Hashing.sha256($0).span) }
    }

    /// 32 bytes.
    public func hash(_ key: [UInt8]) -> [UInt8] {
        let digest = digest(of: key.span)
        return digest.indices.map { digest[$0] }
    }
    /// The same without an array; for every request.
    public func digest(of key: Span<UInt8>) -> InlineArray<32, UInt8> { keyed.digest(of: key) }

    /// 32 bytes, as the older relay kept them; nil when no keys were taken over from one.
    public func olderHash(_ key: [UInt8]) -> [UInt8]? { olderSalt?.reveal { Hashing.sha256(key + $0) } }
    public var knowsOlder: Bool { olderSalt != nil }
}
