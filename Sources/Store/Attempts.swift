public import Domain

private enum AttemptIDKind: IdentifierKind { static var prefix: String { "att" } }

extension Transaction {
    /// Books an attempt before it is made, so that many at once, on any server, cannot pass together.
    /// - Parameters:
    ///   - name: the hash of what is counted.
    ///   - most: attempts in any window; 1 to 1000.
    /// - Returns: nil when it may be made, else when the next one may.
    public func beginAttempt(_ name: [UInt8], most: Int, windowMilliseconds: Int64) throws(StoreError) -> Timestamp? {
        let now = ambient.now()
        let recent = try rows(
            """
            SELECT made_at FROM attempts WHERE name = \(name) AND made_at > \(now.adding(milliseconds: -windowMilliseconds))
            ORDER BY made_at DESC LIMIT \(PageLimits.clamp(most))
            """)
        if recent.count >= PageLimits.clamp(most), let oldest = recent.last {
            let made: Timestamp = try oldest["made_at"]
            return made.adding(milliseconds: windowMilliseconds)
        }
        try execute("INSERT INTO attempts (id, name, made_at) VALUES (\(Identifier<AttemptIDKind>(ambient)), \(name), \(now))")
        return nil
    }

    /// Forgets all under that name.
    public func clearAttempts(_ name: [UInt8]) throws(StoreError) { try execute("DELETE FROM attempts WHERE name = \(name)") }

    /// Takes the newest one back.
    public func takeBackAttempt(_ name: [UInt8]) throws(StoreError) {
        try execute(
            "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE name = \(name) ORDER BY made_at DESC, id DESC LIMIT 1)")
    }

    /// At most `limit` a call. How many went.
    public func deleteAttempts(madeBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE made_at < \(before) LIMIT \(PageLimits.clamp(limit)))")
    }
}
