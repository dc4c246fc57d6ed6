public import Domain

/// A link that hands a service's config over once.
public struct ConfigLink: Sendable, Equatable, RowReadable {
    /// As "lnk_…"; not the secret.
    public let id: String
    public let serviceID: ServiceID
    public let createdAt: Timestamp
    public let expiresAt: Timestamp
    public let usedAt: Timestamp?
    init(row: Row) throws(StoreError) {
        id = try row["id"]
        serviceID = try row["service_id"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        usedAt = try row["used_at"]
    }
    static let columns: SQL = "id, service_id, created_at, expires_at, used_at"
}

extension Reader {
    /// Those that still open, newest first; at most 100.
    public func openConfigLinks(of service: ServiceID) throws(StoreError) -> [ConfigLink] {
        try all(
            """
            SELECT \(ConfigLink.columns) FROM config_links
            WHERE service_id = \(service) AND used_at IS NULL AND expires_at > \(ambient.now()) ORDER BY id DESC LIMIT 100
            """)
    }
}

extension Reader {
    /// nil for one that is unknown, used or over.
    public func openConfigLink(secretHash: [UInt8]) throws(StoreError) -> ConfigLink? {
        try first(
            """
            SELECT \(ConfigLink.columns) FROM config_links
            WHERE secret_hash = \(secretHash) AND used_at IS NULL AND expires_at > \(ambient.now())
            """)
    }
}

extension Transaction {
    public func createConfigLink(_ id: String, of service: ServiceID, secretHash: [UInt8], expiresAt: Timestamp) throws(StoreError) {
        try execute(
            """
            INSERT INTO config_links (id, service_id, secret_hash, created_at, expires_at)
            VALUES (\(id), \(service), \(secretHash), \(ambient.now()), \(expiresAt))
            """)
    }
    /// The link, used from now on; nil for one that is unknown, used or over: of two at once, one gets it.
    public func useConfigLink(secretHash: [UInt8]) throws(StoreError) -> ConfigLink? {
        let now = ambient.now()
        return try first(
            """
            UPDATE config_links SET used_at = \(now) WHERE secret_hash = \(secretHash) AND used_at IS NULL AND expires_at > \(now)
            RETURNING \(ConfigLink.columns)
            """)
    }
    /// False when the service has no such link.
    public func revokeConfigLink(_ id: String, of service: ServiceID) throws(StoreError) -> Bool {
        try execute("DELETE FROM config_links WHERE id = \(id) AND service_id = \(service)") == 1
    }
    /// At most `limit`. How many went.
    public func deleteConfigLinks(expiredBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM config_links WHERE id IN
                (SELECT id FROM config_links WHERE expires_at < \(before) LIMIT \(PageLimits.clamp(limit)))
            """)
    }
    /// What stays of a service's secret, as when its private key was handed over.
    public func setServiceSecret(_ sealed: [UInt8]?, of id: ServiceID) throws(StoreError) {
        try execute("UPDATE services SET secret_sealed = \(sealed) WHERE id = \(id)")
    }
}
