public import Domain

/// Which keys of the older relay were taken over, by the hash that it kept of each secret. A key's own row forgets that hash with its
/// first use here and may be deleted and removed; this stays.
enum OlderKeyHashes {
    static let source = "relay-keys"
    static let kind = "api_key"
    /// Eight bytes of a SHA-256 are enough to tell some hundred thousand keys apart.
    static func number(_ hash: [UInt8]) -> Int64 {
        Int64(bitPattern: hash.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}

extension Reader {
    /// Whether the key with this hash was taken over once, whatever became of it here.
    public func isOlderKeyTaken(_ hash: [UInt8]) throws(StoreError) -> Bool {
        let id: String? = try value(
            "our_id",
            """
            SELECT our_id FROM taken_over WHERE source = \(OlderKeyHashes.source) AND kind = \(OlderKeyHashes.kind)
                AND foreign_id = \(OlderKeyHashes.number(hash))
            """)
        return id != nil
    }
}

extension Transaction {
    /// Notes that the key with this hash was taken over; the first note stays.
    public func noteOlderKey(_ hash: [UInt8], as id: APIKeyID) throws(StoreError) {
        try execute(
            """
            INSERT INTO taken_over (source, kind, foreign_id, our_id, taken_at)
            VALUES (\(OlderKeyHashes.source), \(OlderKeyHashes.kind), \(OlderKeyHashes.number(hash)), \(id.text), \(ambient.now()))
            ON CONFLICT (source, kind, foreign_id) DO NOTHING
            """)
    }
}
