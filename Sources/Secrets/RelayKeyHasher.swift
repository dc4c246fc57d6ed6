/// Turns a customer's relay key into what is stored and looked up: HMAC-SHA256 under the server's pepper (relay contract, section 2).
public struct RelayKeyHasher: Sendable {
    private let keyed: KeyedSHA256
    public static let algorithm = "hmac-sha256"

    /// - Parameter pepper: any number of bytes; the server makes 32.
    public init(pepper: SecretBytes) {
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
}
