internal import Domain

/// A secret of the server itself (key pepper, sticky key, wrapped data keys), sealed by `Secrets`.
public struct SealedSecret: Sendable, Equatable, RowReadable {
    public let name: String
    public let value: [UInt8]
    /// Which key sealed it.
    public let keyID: String

    init(row: Row) throws(StoreError) {
        name = try row["name"]
        value = try row["value"]
        keyID = try row["key_id"]
    }
}

extension Reader {
    public func sealedSecret(_ name: String) throws(StoreError) -> SealedSecret? {
        try first("SELECT name, value, key_id FROM sealed_secrets WHERE name = \(name)")
    }

    /// By name; at most 1000.
    public func sealedSecrets() throws(StoreError) -> [SealedSecret] {
        try all("SELECT name, value, key_id FROM sealed_secrets ORDER BY name LIMIT \(PageLimits.items)")
    }
}

extension Transaction {
    /// Keeps the first one: what is there wins, and is returned. Two starting processes end up with the same secret.
    public func sealedSecret(_ name: String, orInsert value: [UInt8], keyID: String) throws(StoreError) -> SealedSecret {
        let now = ambient.now()
        try execute(
            """
            INSERT INTO sealed_secrets (name, value, key_id, created_at, updated_at) VALUES (\(name), \(value), \(keyID), \(now), \(now))
            ON CONFLICT (name) DO NOTHING
            """)
        guard let kept = try sealedSecret(name) else { throw .programming("a kept secret gave no row") }
        return kept
    }

    /// Replaces a value when it is still `old`; for rotation. False otherwise.
    public func resealSecret(_ name: String, from old: [UInt8], to new: [UInt8], keyID: String) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE sealed_secrets SET value = \(new), key_id = \(keyID), updated_at = \(ambient.now()) WHERE name = \(name) AND value = \(old)
            """) == 1
    }
}
