internal import Domain
public import Secrets
internal import Synchronization

/// The data keys of this process. `gatehouse secrets rotate` makes one beside running servers, so what was sealed a moment ago may need a
/// key that was not there at the start: `open` and `learn` read them again, from the database and also within a transaction.
public final class DataKeys: Sendable {
    private let known: Mutex<Keyring>
    private let reopen: @Sendable ([SealedSecret]) throws(SecretsError) -> Keyring?

    /// - Parameter reopen: the keyring of these stored secrets; nil when they hold no data key that is not known.
    public init(
        _ keyring: Keyring,
        reopen: @escaping @Sendable ([SealedSecret]) throws(SecretsError) -> Keyring? = { _ throws(SecretsError) in nil }
    ) {
        known = Mutex(keyring)
        self.reopen = reopen
    }

    /// Those known until now; the newest of them seals.
    public var keyring: Keyring { known.withLock { $0 } }

    /// Opens a value, whichever process sealed it.
    /// - Throws: `StoreError`, and `SecretsError` when it cannot be opened.
    public func open(_ sealed: [UInt8], for place: SealedPlace, in store: Store) async throws -> [UInt8] {
        try await learn([sealed], in: store)
        return try keyring.open(sealed, for: place)
    }

    /// Reads the keys again when one of these values was sealed with one that is not known: for values that are opened later, and many
    /// at once. One that stays unknown is told of when it is opened.
    public func learn(_ sealed: [[UInt8]?], _ reader: Reader) throws(StoreError) {
        guard !knows(sealed) else { return }
        keep(try reader.sealedSecrets())
    }

    /// The same where no transaction is open.
    public func learn(_ sealed: [[UInt8]?], in store: Store) async throws(StoreError) {
        guard !knows(sealed) else { return }
        keep(try await store.read { reader throws(StoreError) in try reader.sealedSecrets() })
    }

    private func knows(_ sealed: [[UInt8]?]) -> Bool {
        let keyring = keyring
        return sealed.allSatisfy { $0.flatMap(Keyring.keyID).map(keyring.knows) ?? true }
    }

    private func keep(_ secrets: [SealedSecret]) {
        let opened: Keyring?
        // A data key that does not open stays unknown: whoever needs it hears so when opening.
        do throws(SecretsError) { opened = try reopen(secrets) } catch { return }
        if let opened { known.withLock { $0 = opened } }
    }
}
