public import Domain

/// A person's second factor. The secret is sealed; recovery codes are hashes.
public struct SecondFactor: Sendable, Equatable, RowReadable {
    public let userID: UserID
    public let secretSealed: [UInt8]
    /// The last step (30 seconds, counted from 1970) whose code was used.
    public let lastStep: Int64
    public let createdAt: Timestamp
    /// nil: not yet shown to work.
    public let confirmedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        userID = try row["user_id"]
        secretSealed = try row["secret_sealed"]
        lastStep = try row["last_step"]
        createdAt = try row["created_at"]
        confirmedAt = try row["confirmed_at"]
    }
    static let columns: SQL = "user_id, secret_sealed, last_step, created_at, confirmed_at"
}

extension Reader {
    public func secondFactor(of user: UserID) throws(StoreError) -> SecondFactor? {
        try first("SELECT \(SecondFactor.columns) FROM second_factors WHERE user_id = \(user)")
    }

    /// Everybody's, by user; for rotation of keys.
    public func secondFactors(after user: UserID?, limit: Int) throws(StoreError) -> [SecondFactor] {
        try all(
            """
            SELECT \(SecondFactor.columns) FROM second_factors WHERE user_id > COALESCE(\(user), '') ORDER BY user_id
            LIMIT \(PageLimits.clamp(limit))
            """)
    }

    public func unusedRecoveryCodes(of user: UserID) throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM recovery_codes WHERE user_id = \(user) AND used_at IS NULL") ?? 0
    }
}

extension Transaction {
    /// Begins anew: what was begun and not confirmed is forgotten. False when a confirmed one is there.
    public func beginSecondFactor(_ sealed: [UInt8], of user: UserID) throws(StoreError) -> Bool {
        try execute("DELETE FROM second_factors WHERE user_id = \(user) AND confirmed_at IS NULL")
        return try execute(
            """
            INSERT INTO second_factors (user_id, secret_sealed, last_step, created_at) VALUES (\(user), \(sealed), 0, \(ambient.now()))
            ON CONFLICT (user_id) DO NOTHING
            """) == 1
    }

    /// Takes a code's step. False when that step or a later one was used before.
    public func useStep(_ step: Int64, of user: UserID) throws(StoreError) -> Bool {
        try execute("UPDATE second_factors SET last_step = \(step) WHERE user_id = \(user) AND last_step < \(step)") == 1
    }

    /// False when it was confirmed before, or was not begun.
    public func confirmSecondFactor(of user: UserID) throws(StoreError) -> Bool {
        try execute("UPDATE second_factors SET confirmed_at = \(ambient.now()) WHERE user_id = \(user) AND confirmed_at IS NULL") == 1
    }

    /// With its recovery codes. False when there was none.
    public func deleteSecondFactor(of user: UserID) throws(StoreError) -> Bool {
        try execute("DELETE FROM recovery_codes WHERE user_id = \(user)")
        return try execute("DELETE FROM second_factors WHERE user_id = \(user)") == 1
    }

    /// In place of all that there were.
    public func replaceRecoveryCodes(_ hashes: [[UInt8]], of user: UserID) throws(StoreError) {
        try execute("DELETE FROM recovery_codes WHERE user_id = \(user)")
        for hash in hashes { try execute("INSERT INTO recovery_codes (user_id, code_hash) VALUES (\(user), \(hash))") }
    }

    /// False when there is no such code, or it was used.
    public func useRecoveryCode(_ hash: [UInt8], of user: UserID) throws(StoreError) -> Bool {
        try execute(
            "UPDATE recovery_codes SET used_at = \(ambient.now()) WHERE user_id = \(user) AND code_hash = \(hash) AND used_at IS NULL") == 1
    }

    /// For rotation. False when it has changed since it was read.
    public func resealSecondFactor(_ user: UserID, from old: [UInt8], to new: [UInt8]) throws(StoreError) -> Bool {
        try execute("UPDATE second_factors SET secret_sealed = \(new) WHERE user_id = \(user) AND secret_sealed = \(old)") == 1
    }

    /// The person of this session has just shown who they are.
    public func proveSession(_ id: SessionID) throws(StoreError) {
        try execute("UPDATE sessions SET proven_at = \(ambient.now()) WHERE id = \(id) AND revoked_at IS NULL")
    }
}
