internal import Secrets

/// Tells an edited migration or a damaged backup.
enum Checksum {
    /// SHA-256 as lowercase hex.
    static func hex(of bytes: [UInt8]) -> String { hexText(Hashing.sha256(bytes)) }

    /// A long file's checksum, fed in order: the SHA-256 of the SHA-256s of its pieces of `pieceBytes` (the last may be shorter).
    struct Pieces {
        static let pieceBytes = 1 << 20
        private var digests: [UInt8] = []
        mutating func add(_ piece: [UInt8]) { digests += Hashing.sha256(piece) }
        func hex() -> String { Checksum.hex(of: digests) }
    }

    private static func hexText(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
