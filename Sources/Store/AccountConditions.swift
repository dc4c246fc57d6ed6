public import Domain

/// Why and how long an account rests; what outlives a restart of it.
public struct AccountCooldown: Sendable, Equatable, RowReadable {
    public let accountID: AccountID
    /// The model family it is about, as "opus"; empty is all.
    public var family: String
    /// Its end; past it, one request may probe.
    public var until: Timestamp
    /// The account is blocked rather than cooling: its credential or its owner is the reason.
    public var isBlock: Bool
    /// Which answer caused it, for people.
    public var reason: String
    /// How often in a row it happened; growing pauses depend on it.
    public var steps: Int64
    public var since: Timestamp

    public init(
        accountID: AccountID, family: String = "", until: Timestamp, isBlock: Bool = false, reason: String, steps: Int64 = 1,
        since: Timestamp
    ) {
        self.accountID = accountID
        self.family = family
        self.until = until
        self.isBlock = isBlock
        self.reason = reason
        self.steps = steps
        self.since = since
    }

    init(row: Row) throws(StoreError) {
        accountID = try row["account_id"]
        family = try row["family"]
        until = try row["until"]
        isBlock = try row["is_block"]
        reason = try row["reason"]
        steps = try row["steps"]
        since = try row["since"]
    }
}

/// What is known of an account besides its cooldowns.
public struct AccountHealth: Sendable, Equatable, RowReadable {
    public let accountID: AccountID
    public var testedAt: Timestamp?
    /// As "works", "refused"; empty before the first test.
    public var testOutcome: String
    public var testDetail: String
    public var lastUsedAt: Timestamp?
    /// The upstream's own usage windows as a JSON object, as it last told them.
    public var windows: String

    init(row: Row) throws(StoreError) {
        accountID = try row["account_id"]
        testedAt = try row["tested_at"]
        testOutcome = try row["test_outcome"]
        testDetail = try row["test_detail"]
        lastUsedAt = try row["last_used_at"]
        windows = try row["windows"]
    }
}

extension Reader {
    /// Of all accounts; over ones too, which still ask for a probe.
    public func accountCooldowns() throws(StoreError) -> [AccountCooldown] {
        try all(
            "SELECT account_id, family, until, is_block, reason, steps, since FROM account_cooldowns ORDER BY account_id, family")
    }

    public func accountHealth() throws(StoreError) -> [AccountID: AccountHealth] {
        let rows: [AccountHealth] = try all(
            "SELECT account_id, tested_at, test_outcome, test_detail, last_used_at, windows FROM account_health")
        return Dictionary(rows.map { ($0.accountID, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What each account's charged requests of a day cost so far, before any customer's price.
    public func costByAccount(day: String) throws(StoreError) -> [AccountID: Int64] {
        guard let from = try? ambient.zone.day(parsing: day).lowerBound else { throw .programming("no day: \(day)") }
        var costs: [AccountID: Int64] = [:]
        for row in try rows(
            """
            SELECT account_id, CAST(COALESCE(SUM(cost_micro_usd), 0) AS BIGINT) AS cost_micro_usd FROM ledger
            WHERE at >= \(from) AND day = \(day) AND account_id IS NOT NULL GROUP BY account_id
            """)
        { costs[try row["account_id"]] = try row["cost_micro_usd"] }
        return costs
    }
}

extension Transaction {
    /// Replaces what is known of one account's cooldowns; none of them is an account at rest. Nothing for an account that is gone.
    public func recordCooldowns(_ cooldowns: [AccountCooldown], of id: AccountID) throws(StoreError) {
        try execute("DELETE FROM account_cooldowns WHERE account_id = \(id)")
        for cooldown in cooldowns {
            try execute(
                """
                INSERT INTO account_cooldowns (account_id, family, until, is_block, reason, steps, since)
                SELECT id, \(cooldown.family), \(cooldown.until), \(cooldown.isBlock), \(cooldown.reason), \(cooldown.steps),
                    \(cooldown.since) FROM accounts WHERE id = \(id)
                """)
        }
    }

    /// An operator's word that the account is to be tried again at once: every process forgets its cooldowns, and a block or a demand
    /// for a new login is lifted. False when it is unknown.
    public func resetAccount(_ id: AccountID) throws(StoreError) -> Bool {
        try execute("DELETE FROM account_cooldowns WHERE account_id = \(id)")
        return try execute(
            """
            UPDATE accounts SET resets = resets + 1, updated_at = \(ambient.now()), version = \(try nextVersion(of: "accounts")),
                status_reason = CASE status WHEN 'disabled' THEN status_reason ELSE '' END,
                status = CASE status WHEN 'disabled' THEN 'disabled' ELSE 'active' END
            WHERE id = \(id)
            """) == 1
    }

    public func recordTest(of id: AccountID, outcome: String, detail: String) throws(StoreError) {
        let now = ambient.now()
        try execute(
            """
            INSERT INTO account_health (account_id, tested_at, test_outcome, test_detail, windows)
            SELECT id, \(now), \(outcome), \(detail), '{}' FROM accounts WHERE id = \(id)
            ON CONFLICT (account_id) DO UPDATE SET tested_at = excluded.tested_at, test_outcome = excluded.test_outcome,
                test_detail = excluded.test_detail
            """)
    }

    /// Has every server read the accounts again, with what the ledger says of their day.
    public func touchAccounts() throws(StoreError) { _ = try nextVersion(of: "accounts") }

    /// Takes the right to try an account that was neither tried nor used since; false when it was, or somebody else was quicker.
    public func claimTest(of id: AccountID, idleSince: Timestamp) throws(StoreError) -> Bool {
        try execute(
            """
            INSERT INTO account_health (account_id, tested_at, test_outcome, test_detail, windows)
            SELECT id, \(ambient.now()), '', '', '{}' FROM accounts WHERE id = \(id)
            ON CONFLICT (account_id) DO UPDATE SET tested_at = excluded.tested_at
            WHERE COALESCE(account_health.tested_at, 0) <= \(idleSince) AND COALESCE(account_health.last_used_at, 0) <= \(idleSince)
            """) == 1
    }

    /// - Parameter windows: a JSON object.
    public func recordUse(of id: AccountID, at moment: Timestamp, windows: String) throws(StoreError) {
        try execute(
            """
            INSERT INTO account_health (account_id, test_outcome, test_detail, last_used_at, windows)
            SELECT id, '', '', \(moment), \(windows) FROM accounts WHERE id = \(id)
            ON CONFLICT (account_id) DO UPDATE SET last_used_at = excluded.last_used_at, windows = excluded.windows
            """)
    }
}
