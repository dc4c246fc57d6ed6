public import Domain

/// How one of several equally preferred accounts is chosen (relay contract, section 13).
public enum SchedulingStrategy: String, Codable, Sendable, CaseIterable, SQLWord {
    case headroom, weighted
    case leastInFlight = "least_inflight"
    case roundRobin = "round_robin"
    case oldestUsed = "oldest_used"
}

/// Accounts that keys can be bound to together.
public struct AccountGroup: Sendable, Equatable, RowReadable {
    public let id: AccountGroupID
    /// Unique.
    public let name: String
    /// For keys bound to it; nil is the pool's own.
    public let strategy: SchedulingStrategy?
    public let notes: String
    public let createdAt: Timestamp
    public let updatedAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        name = try row["name"]
        strategy = try row["strategy"]
        notes = try row["notes"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }

    static let columns: SQL = "id, name, strategy, notes, created_at, updated_at"
}

extension Constraint {
    public static let accountGroupName = Constraint("account_groups_name_unique")
}

extension Reader {
    /// By name; at most 1000.
    public func accountGroups() throws(StoreError) -> [AccountGroup] {
        try all("SELECT \(AccountGroup.columns) FROM account_groups ORDER BY name LIMIT \(PageLimits.items)")
    }

    public func accountGroup(_ id: AccountGroupID) throws(StoreError) -> AccountGroup? {
        try first("SELECT \(AccountGroup.columns) FROM account_groups WHERE id = \(id)")
    }

    public func accountGroup(named name: String) throws(StoreError) -> AccountGroup? {
        try first("SELECT \(AccountGroup.columns) FROM account_groups WHERE name = \(name)")
    }

    /// Who is in which group.
    public func accountGroupMembers() throws(StoreError) -> [AccountGroupID: [AccountID]] {
        var members: [AccountGroupID: [AccountID]] = [:]
        for row in try rows("SELECT group_id, account_id FROM account_group_members ORDER BY group_id, account_id") {
            members[try row["group_id"], default: []].append(try row["account_id"])
        }
        return members
    }

    public func accountGroupMembers(of id: AccountGroupID) throws(StoreError) -> [AccountID] {
        var members: [AccountID] = []
        for row in try rows("SELECT account_id FROM account_group_members WHERE group_id = \(id) ORDER BY account_id") {
            members.append(try row["account_id"])
        }
        return members
    }
}

extension Transaction {
    /// - Throws: `.conflict(.accountGroupName)` for a name that is taken.
    public func createAccountGroup(name: String, strategy: SchedulingStrategy?, notes: String) throws(StoreError) -> AccountGroup {
        let now = ambient.now()
        _ = try nextVersion(of: "accounts")
        let made: AccountGroup? = try first(
            """
            INSERT INTO account_groups (id, name, strategy, notes, created_at, updated_at)
            VALUES (\(AccountGroupID(ambient)), \(name), \(strategy), \(notes), \(now), \(now)) RETURNING \(AccountGroup.columns)
            """)
        guard let made else { throw .programming("a new group gave no row") }
        return made
    }

    /// False when it is unknown.
    public func updateAccountGroup(_ id: AccountGroupID, name: String, strategy: SchedulingStrategy?, notes: String) throws(StoreError)
        -> Bool
    {
        _ = try nextVersion(of: "accounts")
        return try execute(
            """
            UPDATE account_groups SET name = \(name), strategy = \(strategy), notes = \(notes), updated_at = \(ambient.now())
            WHERE id = \(id)
            """) == 1
    }

    /// Keys bound to it stay bound, and are served by nobody until they are bound anew. False when it is unknown.
    public func deleteAccountGroup(_ id: AccountGroupID) throws(StoreError) -> Bool {
        _ = try nextVersion(of: "accounts")
        return try execute("DELETE FROM account_groups WHERE id = \(id)") == 1
    }

    /// Replaces the members. The caller has checked that the group is there.
    /// - Throws: `.conflict(.foreignKey)` for an account that is not.
    public func setMembers(_ members: [AccountID], of group: AccountGroupID) throws(StoreError) {
        _ = try nextVersion(of: "accounts")
        try execute("DELETE FROM account_group_members WHERE group_id = \(group)")
        for account in Set(members) { try addMember(account, to: group) }
    }

    /// Harmless when it is one already.
    public func addMember(_ account: AccountID, to group: AccountGroupID) throws(StoreError) {
        _ = try nextVersion(of: "accounts")
        try execute(
            """
            INSERT INTO account_group_members (group_id, account_id) VALUES (\(group), \(account)) ON CONFLICT (group_id, account_id) DO NOTHING
            """)
    }

    /// Harmless when it is none.
    public func removeMember(_ account: AccountID, from group: AccountGroupID) throws(StoreError) {
        _ = try nextVersion(of: "accounts")
        try execute("DELETE FROM account_group_members WHERE group_id = \(group) AND account_id = \(account)")
    }
}
