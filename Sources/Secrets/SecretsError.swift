/// What can go wrong with keys and sealed values. Never carries key material.
public enum SecretsError: Error, Equatable, Sendable {
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
}
