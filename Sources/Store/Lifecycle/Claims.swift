public import Domain

/// A value that only one service may have.
public struct Claim: Sendable, Equatable, RowReadable {
    public let kind: String
    public let scope: String
    public let value: String
    /// nil while it rests.
    public let serviceID: ServiceID?
    public let restsUntil: Timestamp?
    init(row: Row) throws(StoreError) {
        kind = try row["kind"]
        scope = try row["scope"]
        value = try row["value"]
        serviceID = try row["service_id"]
        restsUntil = try row["rests_until"]
    }
}

extension Reader {
    /// In use or resting at `now`.
    public func takenValues(kind: String, scope: String, at now: Timestamp) throws(StoreError) -> Set<String> {
        var taken: Set<String> = []
        for row in try rows(
            """
            SELECT value FROM claims WHERE kind = \(kind) AND scope = \(scope)
                AND (service_id IS NOT NULL OR COALESCE(rests_until, 0) > \(now))
            """)
        { taken.insert(try row["value"]) }
        return taken
    }
    public func claims(of service: ServiceID) throws(StoreError) -> [Claim] {
        try all(
            "SELECT kind, scope, value, service_id, rests_until FROM claims WHERE service_id = \(service) ORDER BY kind, scope, value")
    }
}

extension Transaction {
    /// False when another service has it, or it still rests.
    public func claim(kind: String, scope: String, value: String, for service: ServiceID, restSeconds: Int64) throws(StoreError) -> Bool {
        try execute(
            """
            INSERT INTO claims (kind, scope, value, service_id, rest_seconds) VALUES (\(kind), \(scope), \(value), \(service), \(restSeconds))
            ON CONFLICT (kind, scope, value) DO UPDATE
            SET service_id = excluded.service_id, rest_seconds = excluded.rest_seconds, rests_until = NULL
            WHERE claims.service_id = excluded.service_id
                OR (claims.service_id IS NULL AND COALESCE(claims.rests_until, 0) <= \(ambient.now()))
            """) == 1
    }

    /// What it had of that kind rests from now on.
    public func releaseClaims(of service: ServiceID, kind: String) throws(StoreError) {
        try execute(
            """
            UPDATE claims SET rests_until = \(ambient.now()) + rest_seconds * 1000, service_id = NULL
            WHERE service_id = \(service) AND kind = \(kind)
            """)
    }

    /// What the service had rests from now on.
    func releaseClaims(of service: ServiceID) throws(StoreError) {
        try execute(
            """
            UPDATE claims SET rests_until = \(ambient.now()) + rest_seconds * 1000, service_id = NULL WHERE service_id = \(service)
            """)
    }
}
