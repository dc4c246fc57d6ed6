/// What can go wrong with keys and sealed values. Never carries key material.
public enum SecretsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Too many password checks wait already; try again in a second.
    case busy
    /// The machine has not the memory for one password hash.
    case noMemory
    /// The value was sealed by a key that this process does not have; `ENCRYPTION_KEY` is another one than when it was stored.
    case unknownKey(id: String)
    /// The value is damaged, or stands in another row or column than it was sealed for.
    case damaged
    /// The wrapped data key does not open: `ENCRYPTION_KEY` is wrong.
    case wrongEncryptionKey

    /// For the operator.
    public var description: String {
        switch self {
        case .busy: "too many passwords are being checked; try again in a second"
        case .noMemory: "the machine has not the memory for a password hash"
        case .unknownKey(let id): "it was sealed by the key \(id), which is not here; ENCRYPTION_KEY is another one than then"
        case .damaged: "it is damaged, or was sealed for another place"
        case .wrongEncryptionKey: "ENCRYPTION_KEY is not the one that sealed it"
        }
    }
}
