internal import Domain
internal import Secrets
internal import Store

/// The secrets of the server itself: those of the settings, those made and kept in DATA_DIR, and those sealed in the database.
struct Vault: Sendable {
    let keyring: Keyring
    /// The same, and those that are made while the process runs.
    let dataKeys: DataKeys
    let hasher: RelayKeyHasher
    let tokenKey: SecretBytes
    /// Keys the hash of sessions that stay with an account.
    let stickyKey: SecretBytes

    static let dataKeyPrefix = "data_key."
    private static let pepperName = "api_key_pepper"
    private static let stickyName = "sticky_key"

    /// Opens what is there and makes what is missing. Two processes that start at the same time end up with the same secrets.
    static func open(_ settings: Settings, _ store: Store) async throws -> Vault {
        let encryptionKey = try secret(settings.encryptionKey, "ENCRYPTION_KEY", "encryption_key", settings, store.ambient)
        let tokenKey = try secret(settings.secretKey, "SECRET_KEY", "secret_key", settings, store.ambient)
        let keyring = try await keyring(encryptionKey, settings, store)
        let pepper = try await random(pepperName, keyring, store)
        let sticky = try await random(stickyName, keyring, store)
        let older = try await olderSalt(keyring, store)
        return Vault(
            keyring: keyring, dataKeys: dataKeys(keyring, encryptionKey, settings, store.ambient),
            hasher: RelayKeyHasher(pepper: pepper, olderSalt: older), tokenKey: tokenKey, stickyKey: sticky)
    }

    /// Whether ENCRYPTION_KEY opens what this database keeps. Makes nothing.
    static func check(_ settings: Settings, _ store: Store) async throws {
        let rows = try await store.read { reader throws(StoreError) in try reader.sealedSecrets() }
        guard rows.contains(where: { $0.name.hasPrefix(dataKeyPrefix) }) else { return }
        let key = try secret(settings.encryptionKey, "ENCRYPTION_KEY", "encryption_key", settings, store.ambient, makes: false)
        _ = try await keyring(key, settings, store)
    }

    private static let olderSaltName = "older_relay_salt"

    /// ENCRYPTION_KEY of the older relay whose keys were taken over; nil when none were.
    private static func olderSalt(_ keyring: Keyring, _ store: Store) async throws -> SecretBytes? {
        let kept = try await store.read { reader throws(StoreError) in try reader.sealedSecret(olderSaltName) }
        return try kept.map { SecretBytes(try keyring.open($0.value, for: place(olderSaltName))) }
    }

    /// Keeps it for good. False when that of another older relay is there already.
    func keepOlderSalt(_ salt: SecretBytes, _ store: Store) async throws -> Bool {
        let place = Self.place(Self.olderSaltName)
        let (text, fresh, keyID) = (salt.reveal { $0 }, salt.reveal { keyring.seal($0, for: place) }, keyring.keyID)
        let kept = try await store.transaction { transaction throws(StoreError) in
            try transaction.sealedSecret(Self.olderSaltName, orInsert: fresh, keyID: keyID)
        }
        return Hashing.equal(try keyring.open(kept.value, for: place), text)
    }

    private static func place(_ name: String) -> SealedPlace { SealedPlace(table: "sealed_secrets", row: name, column: "value") }

    private static func dataKeys(_ keyring: Keyring, _ encryptionKey: SecretBytes, _ settings: Settings, _ ambient: Ambient) -> DataKeys {
        DataKeys(keyring) { [legacy = settings.legacyEncryptionKey] secrets throws(SecretsError) in
            let rows = wrapped(secrets.filter { $0.name.hasPrefix(dataKeyPrefix) })
            guard rows.contains(where: { !keyring.knows($0.id) }) else { return nil }
            return try Keyring.open(rows, encryptionKey: encryptionKey, legacyKey: legacy, ambient: ambient)
        }
    }

    /// A random secret of the server's own, made once and kept sealed in the database.
    private static func random(_ name: String, _ keyring: Keyring, _ store: Store) async throws -> SecretBytes {
        let place = place(name)
        let fresh = keyring.seal(store.ambient.randomBytes(32), for: place)
        let kept = try await store.transaction { transaction throws(StoreError) in
            try transaction.sealedSecret(name, orInsert: fresh, keyID: keyring.keyID)
        }
        return SecretBytes(try keyring.open(kept.value, for: place))
    }

    /// The setting, or the text kept in a private file of DATA_DIR, made now when there is none.
    private static func secret(
        _ value: SecretBytes?, _ name: String, _ file: String, _ settings: Settings, _ ambient: Ambient, makes: Bool = true
    ) throws -> SecretBytes {
        if let value { return value }
        let path = settings.dataDirectory + "/" + file
        // Another process may win the race to make it; then its text counts.
        if makes { _ = TextFile.createPrivate(path, Hex.text(ambient.randomBytes(32)) + "\n") }
        guard let text = TextFile.read(path).map({ SettingText.trimmed($0) }), text.count >= 32 else {
            throw Failure("\(path) cannot be read or written; mend its permissions, or set \(name)")
        }
        return SecretBytes(Array(text.utf8))
    }

    private static func keyring(_ encryptionKey: SecretBytes, _ settings: Settings, _ store: Store) async throws -> Keyring {
        var rows = try await store.read { reader throws(StoreError) in try reader.sealedSecrets() }.filter {
            $0.name.hasPrefix(dataKeyPrefix)
        }
        if rows.isEmpty {
            let made = try Keyring.makeDataKey(encryptionKey: encryptionKey, ambient: store.ambient)
            let name = dataKeyName(made, store.ambient)
            rows = [
                try await store.transaction { transaction throws(StoreError) in
                    // The first of two starting processes wins; both read the same row afterwards.
                    let there = try transaction.sealedSecrets().first { $0.name.hasPrefix(dataKeyPrefix) }
                    if let there { return there }
                    return try transaction.sealedSecret(name, orInsert: made.bytes, keyID: "ENCRYPTION_KEY")
                }
            ]
        }
        do throws(SecretsError) {
            return try Keyring.open(
                wrapped(rows), encryptionKey: encryptionKey, legacyKey: settings.legacyEncryptionKey, ambient: store.ambient)
        } catch {
            guard error == .wrongEncryptionKey else { throw error }
            throw Failure(
                "ENCRYPTION_KEY is not the one this database was made with. Set the old one again (outside production it is in \(settings.dataDirectory)/encryption_key), restart with the new one when it was changed with secrets rotate, or restore a backup that fits."
            )
        }
    }

    /// A new data key, which seals from the next `open` on.
    static func addDataKey(_ settings: Settings, _ store: Store) async throws {
        let encryptionKey = try secret(settings.encryptionKey, "ENCRYPTION_KEY", "encryption_key", settings, store.ambient)
        let made = try Keyring.makeDataKey(encryptionKey: encryptionKey, ambient: store.ambient)
        let name = dataKeyName(made, store.ambient)
        _ = try await store.transaction { transaction throws(StoreError) in
            try transaction.sealedSecret(name, orInsert: made.bytes, keyID: "ENCRYPTION_KEY")
        }
    }

    /// Names sort by age: "data_key.<milliseconds>.<id>".
    static func dataKeyName(_ key: WrappedKey, _ ambient: Ambient) -> String {
        let digits = String(ambient.now().milliseconds)
        return dataKeyPrefix + String(repeating: "0", count: max(0, 16 - digits.count)) + digits + "." + key.id
    }

    static func wrapped(_ rows: [SealedSecret]) -> [WrappedKey] {
        rows.sorted { $0.name < $1.name }.map { WrappedKey(id: String($0.name.split(separator: ".").last ?? ""), bytes: $0.value) }
    }
}
