/// Where a sealed value stands. It is bound to that place: moved to another row or column it does not open.
public struct SealedPlace: Sendable, Equatable {
    let associated: [UInt8]
    public init(table: String, row: String, column: String) { associated = Array("\(table)|\(row)|\(column)".utf8) }
}

/// Seals columns with XChaCha20-Poly1305. A sealed value is `1 | id length | key id | nonce (24) | ciphertext and tag`.
///
/// Data keys are random, stored wrapped by a key derived from `ENCRYPTION_KEY`; several may exist, the newest seals. Changing
/// `ENCRYPTION_KEY` re-wraps data keys; `gatehouse secrets rotate` makes a new data key and seals everything again.
public struct Keyring: Sendable {
    public struct DataKey: Sendable {
        /// Eight hex digits.
        public let id: String
        let bytes: SecretBytes
    }
    private let newest: DataKey
    private let byID: [String: DataKey]
    private let legacy: FernetKey?
    private let randomBytes: @Sendable (Int) -> [UInt8]

    /// - Parameters:
    ///   - keys: at least one, oldest first.
    ///   - legacy: opens values of an older deployment (`CONFIG_ENCRYPTION_KEY`), never seals.
    init(keys: [DataKey], newest: DataKey, legacy: FernetKey?, randomBytes: @escaping @Sendable (Int) -> [UInt8]) {
        self.newest = newest
        byID = Dictionary(keys.map { ($0.id, $0) }, uniquingKeysWith: { $1 }).merging([newest.id: newest], uniquingKeysWith: { $1 })
        self.legacy = legacy
        self.randomBytes = randomBytes
    }

    /// The key that seals now.
    public var keyID: String { newest.id }

    public func seal(_ value: [UInt8], for place: SealedPlace) -> [UInt8] {
        let nonce = randomBytes(Sodium.nonceBytes)
        let sealed = newest.bytes.reveal { Sodium.seal(value, associated: place.associated, nonce: nonce, key: $0) }
        return [Self.version, UInt8(newest.id.utf8.count)] + Array(newest.id.utf8) + nonce + sealed
    }

    public func open(_ sealed: [UInt8], for place: SealedPlace) throws(SecretsError) -> [UInt8] {
        if let legacy, sealed.first == FernetKey.firstCharacter, let value = legacy.open(sealed) { return value }
        guard let id = Self.keyID(of: sealed) else { throw .damaged }
        guard let key = byID[id] else { throw .unknownKey(id: id) }
        let start = 2 + id.utf8.count
        guard sealed.count >= start + Sodium.nonceBytes + Sodium.tagBytes else { throw .damaged }
        let nonce = Array(sealed[start..<start + Sodium.nonceBytes])
        let opened = key.bytes.reveal {
            Sodium.open(Array(sealed[(start + Sodium.nonceBytes)...]), associated: place.associated, nonce: nonce, key: $0)
        }
        guard let opened else { throw .damaged }
        return opened
    }

    /// Whether it has that data key.
    public func knows(_ id: String) -> Bool { byID[id] != nil }

    /// Which key sealed it; nil when it is no sealed value.
    public static func keyID(of sealed: [UInt8]) -> String? {
        guard sealed.count > 2, sealed[0] == version, sealed[1] == 8, sealed.count > 10 else { return nil }
        return String(validating: sealed[2..<10], as: UTF8.self)
    }

    private static let version: UInt8 = 1
}
