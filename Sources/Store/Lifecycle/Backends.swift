public import Domain

public enum BackendStatus: String, Sendable, CaseIterable, SQLWord {
    case active
    /// Serves what it has and gets nothing new.
    case draining
    case disabled
}

/// One machine or panel that services live on; many of a kind, chosen by free room.
public struct Backend: Sendable, Equatable, RowReadable {
    public let id: BackendID
    public let kind: ServiceKind
    /// Unique.
    public let name: String
    public let address: String
    public let settings: JSON
    public let secretSealed: [UInt8]?
    /// Services it takes.
    public let capacity: Int64
    public let status: BackendStatus
    /// Since when reconcile waits for an operator, because a pass would have changed too much.
    public let brakedAt: Timestamp?
    public let createdAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        kind = try row["kind"]
        name = try row["name"]
        address = try row["address"]
        settings = try row["settings"]
        secretSealed = try row["secret_sealed"]
        capacity = try row["capacity"]
        status = try row["status"]
        brakedAt = try row["braked_at"]
        createdAt = try row["created_at"]
    }
    static let columns: SQL = "id, kind, name, address, settings, secret_sealed, capacity, status, braked_at, created_at"
}

public struct NewBackend: Sendable {
    public var id: BackendID
    public var kind: ServiceKind
    public var name: String
    public var address: String
    public var settings: JSON
    public var secretSealed: [UInt8]?
    public var capacity: Int64
    /// - Parameter id: made beforehand, because the secret is sealed for its row.
    public init(
        id: BackendID, kind: ServiceKind, name: String, address: String, settings: JSON = [:], secretSealed: [UInt8]? = nil,
        capacity: Int64
    ) {
        (self.id, self.kind, self.name, self.address) = (id, kind, name, address)
        (self.settings, self.secretSealed, self.capacity) = (settings, secretSealed, capacity)
    }
}

extension Reader {
    public func backend(_ id: BackendID) throws(StoreError) -> Backend? {
        try first("SELECT \(Backend.columns) FROM backends WHERE id = \(id)")
    }

    public func backend(named name: String) throws(StoreError) -> Backend? {
        try first("SELECT \(Backend.columns) FROM backends WHERE name = \(name)")
    }

    /// By id; at most 1000.
    public func backends(kind: ServiceKind? = nil) throws(StoreError) -> [Backend] {
        try all(
            "SELECT \(Backend.columns) FROM backends WHERE kind = COALESCE(\(kind), kind) ORDER BY id LIMIT \(PageLimits.items)")
    }

    /// The active backend of that kind with the most free room; nil when all are full.
    public func roomiestBackend(kind: ServiceKind) throws(StoreError) -> Backend? {
        try first(
            """
            SELECT \(Backend.columns) FROM backends
            WHERE kind = \(kind) AND status = \(BackendStatus.active)
                AND capacity > (SELECT COUNT(*) FROM services WHERE services.backend_id = backends.id AND services.ended_at IS NULL)
            ORDER BY capacity - (SELECT COUNT(*) FROM services WHERE services.backend_id = backends.id AND services.ended_at IS NULL) DESC, id
            LIMIT 1
            """)
    }
}

extension Transaction {
    /// - Throws: `.conflict(backends_name_unique)`.
    public func createBackend(_ new: NewBackend) throws(StoreError) -> Backend {
        let now = ambient.now()
        let made: Backend? = try first(
            """
            INSERT INTO backends (id, kind, name, address, settings, secret_sealed, capacity, status, created_at, updated_at)
            VALUES (\(new.id), \(new.kind), \(new.name), \(new.address), \(new.settings), \(new.secretSealed), \(new.capacity),
                \(BackendStatus.active), \(now), \(now))
            RETURNING \(Backend.columns)
            """)
        guard let made else { throw .programming("a new backend gave no row") }
        return made
    }

    /// False when there is no such backend. What lives there stays there.
    public func updateBackend(_ id: BackendID, address: String, settings: JSON, secretSealed: [UInt8]?, capacity: Int64) throws(StoreError)
        -> Bool
    {
        try execute(
            """
            UPDATE backends SET address = \(address), settings = \(settings), secret_sealed = \(secretSealed), capacity = \(capacity),
                updated_at = \(ambient.now())
            WHERE id = \(id)
            """) == 1
    }

    /// For rotation, which is no change of the backend. False when it has changed since it was read.
    public func resealBackend(_ id: BackendID, from old: [UInt8], to new: [UInt8]) throws(StoreError) -> Bool {
        try execute("UPDATE backends SET secret_sealed = \(new) WHERE id = \(id) AND secret_sealed = \(old)") == 1
    }

    public func setBackendStatus(_ status: BackendStatus, of id: BackendID) throws(StoreError) -> Bool {
        try execute("UPDATE backends SET status = \(status), updated_at = \(ambient.now()) WHERE id = \(id)") == 1
    }

    /// nil lets reconcile go on.
    public func setBackendBrake(_ since: Timestamp?, of id: BackendID) throws(StoreError) {
        try execute("UPDATE backends SET braked_at = \(since), updated_at = \(ambient.now()) WHERE id = \(id)")
    }
}
