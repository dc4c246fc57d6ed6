/// A public or preshared key as WireGuard writes it: 32 bytes in base64, always 44 characters, the last one "=".
public struct WireGuardKey: Hashable, Sendable, CustomStringConvertible {
    /// 32 of them, never all zero.
    public let bytes: [UInt8]

    /// Reads the one text a key has: the 43rd character carries four bits, and its two others must be zero.
    /// - Throws: also for 32 zeros, which stand for "no key". Never quotes the text, which may be a secret.
    public init(parsing text: String) throws(ParseError) {
        guard text.utf8.count == 44, let bytes = Base64.bytes(text.utf8) else {
            throw ParseError("a WireGuard key: 32 bytes in base64, 44 characters")
        }
        try self.init(bytes)
    }
    public init(_ bytes: [UInt8]) throws(ParseError) {
        guard bytes.count == 32 else { throw ParseError("a WireGuard key of 32 bytes") }
        guard bytes.contains(where: { $0 != 0 }) else { throw ParseError("a WireGuard key other than zero") }
        self.bytes = bytes
    }

    public var text: String { Base64.text(bytes) }
    /// As the socket of userspace WireGuard writes it.
    public var hex: String { Hex.text(bytes) }
    /// Shortened, so that a preshared key does not reach a log by being printed.
    public var description: String { "\(text.prefix(6))…" }
}
