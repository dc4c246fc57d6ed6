public import Domain

/// Several people whose keys share limits.
public struct Team: Sendable, Equatable, RowReadable {
    public let id: TeamID
    public let name: String
    /// What all keys of the team may use together.
    public let limits: APIKeyLimits
    /// What each of its keys has to keep to.
    public let access: SharedAccess
    public let createdAt: Timestamp
    public let updatedAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        name = try row["name"]
        var limits = APIKeyLimits()
        try limits.read(document: try row["limits"])
        self.limits = limits
        access = try SharedAccess(document: row["access"], firstUsedAt: row["first_used_at"]) ?? SharedAccess()
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }

    static let columns: SQL = "id, name, limits, access, first_used_at, created_at, updated_at"
}

extension Reader {
    public func team(_ id: TeamID) throws(StoreError) -> Team? { try first("SELECT \(Team.columns) FROM teams WHERE id = \(id)") }

    /// In the order they were made.
    public func teams(after: TeamID? = nil, limit: Int) throws(StoreError) -> Page<Team> {
        let limit = PageLimits.clamp(limit)
        let rows: [Team] = try all(
            "SELECT \(Team.columns) FROM teams WHERE id > COALESCE(\(after), '') ORDER BY id LIMIT \(limit + 1)")
        return Page(rows, limit: limit)
    }

    /// People in the team, at most 1000.
    public func members(of team: TeamID) throws(StoreError) -> [UserID] {
        var ids: [UserID] = []
        for row in try rows("SELECT id FROM users WHERE team_id = \(team) ORDER BY id LIMIT \(PageLimits.items)") {
            ids.append(try row["id"])
        }
        return ids
    }

    /// What all keys of a person may use together, and what each of them has to keep to.
    public func sharedLimits(of user: UserID) throws(StoreError) -> (limits: APIKeyLimits, access: SharedAccess)? {
        guard let row = try rows("SELECT limits, access, first_used_at FROM users WHERE id = \(user)").first else { return nil }
        var limits = APIKeyLimits()
        try limits.read(document: try row["limits"])
        return (limits, try SharedAccess(document: row["access"], firstUsedAt: row["first_used_at"]) ?? SharedAccess())
    }
}

extension Transaction {
    /// - Throws: `.conflict(.teamName)` for a name that is taken.
    public func createTeam(
        name: String, limits: APIKeyLimits = APIKeyLimits(), access: SharedAccess = SharedAccess()
    ) throws(StoreError) -> Team {
        let now = ambient.now()
        let made: Team? = try first(
            """
            INSERT INTO teams (\(Team.columns)) VALUES (\(TeamID(ambient)), \(name), \(limits.wholeDocument), \(access.json.text),
                \(access.firstUsedAt), \(now), \(now))
            RETURNING \(Team.columns)
            """)
        guard let made else { throw .programming("a new team gave no row") }
        return made
    }

    /// False when there is no such team.
    public func updateTeam(_ id: TeamID, name: String, limits: APIKeyLimits, access: SharedAccess) throws(StoreError) -> Bool {
        let changed = try execute(
            """
            UPDATE teams SET name = \(name), limits = \(limits.wholeDocument), access = \(access.json.text),
                first_used_at = \(access.firstUsedAt), updated_at = \(ambient.now())
            WHERE id = \(id)
            """)
        guard changed == 1 else { return false }
        try touchAPIKeys(team: id)
        return true
    }

    func touchAPIKeys(team id: TeamID) throws(StoreError) {
        try touchAPIKeys("team_id = \(id) OR (team_id IS NULL AND owner_id IN (SELECT id FROM users WHERE team_id = \(id)))")
    }

    /// Moves a person into a team, or (nil) out of any. False when there is no such person.
    /// - Throws: `.conflict(.foreignKey)` without such a team.
    public func setTeam(_ team: TeamID?, of user: UserID) throws(StoreError) -> Bool {
        guard try execute("UPDATE users SET team_id = \(team), updated_at = \(ambient.now()) WHERE id = \(user)") == 1 else { return false }
        try touchAPIKeys(of: user)
        return true
    }

    /// False while somebody or a key is in it.
    public func deleteTeam(_ id: TeamID) throws(StoreError) -> Bool {
        try execute(
            """
            DELETE FROM teams WHERE id = \(id) AND NOT EXISTS (SELECT 1 FROM users WHERE team_id = \(id))
                AND NOT EXISTS (SELECT 1 FROM api_keys WHERE team_id = \(id))
            """) == 1
    }

    /// What all keys of a person may use together, and what each of them has to keep to. False when there is no such person.
    public func setSharedLimits(_ limits: APIKeyLimits, _ access: SharedAccess, of user: UserID) throws(StoreError) -> Bool {
        let changed = try execute(
            """
            UPDATE users SET limits = \(limits.wholeDocument), access = \(access.json.text), first_used_at = \(access.firstUsedAt),
                updated_at = \(ambient.now())
            WHERE id = \(user)
            """)
        guard changed == 1 else { return false }
        try touchAPIKeys(of: user)
        return true
    }
}
