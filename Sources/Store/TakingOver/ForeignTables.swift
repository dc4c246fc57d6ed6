public import Domain

/// The tables of another VPN API's PostgreSQL database, each row as one JSON object of whatever columns it has.
public struct ForeignTables: Sendable {
    public enum Name: String, Sendable, CaseIterable { case users, tariffs, userTariffs = "user_tariffs", peers = "vpn_peers", payments }
    /// By `id`; a table that is not there has none.
    public let rows: [Name: [JSON]]
    public let missing: [Name]

    /// Rows of one table: more would not fit into one transaction of ours.
    public static let largestRows = 100_000
    private static let page = 1000

    /// Reads all of one moment. Nothing is written there.
    /// - Throws: `.refused` with a sentence when it is no such database, or too large.
    public static func read(_ location: DatabaseLocation, ambient: Ambient) async throws(StoreError) -> ForeignTables {
        guard case .postgres = location else { throw .refused("only PostgreSQL databases can be taken over") }
        var options = StoreOptions()
        (options.poolSize, options.maxOverflow, options.deadlineMilliseconds) = (1, 0, 120_000)
        let store = try await Store.open(location, ambient: ambient, options: options)
        do throws(StoreError) {
            let tables = try await store.read { reader throws(StoreError) in try read(reader) }
            await store.close()
            return tables
        } catch {
            await store.close()
            throw error
        }
    }

    private static func read(_ reader: Reader) throws(StoreError) -> ForeignTables {
        var rows: [Name: [JSON]] = [:]
        var missing: [Name] = []
        for name in Name.allCases {
            guard try reader.value("is_there", "SELECT to_regclass(\(name.rawValue)) IS NOT NULL AS is_there") == true else {
                missing.append(name)
                continue
            }
            rows[name] = try read(name, reader)
        }
        guard !missing.contains(.users) else { throw .refused("there is no table users in that database") }
        return ForeignTables(rows: rows, missing: missing)
    }

    private static func read(_ name: Name, _ reader: Reader) throws(StoreError) -> [JSON] {
        var found: [JSON] = []
        var last = Int64.min
        while true {
            let part = try reader.rows(query(name, after: last))
            for row in part {
                last = try row["id"]
                let text: String = try row["document"]
                do throws(ParseError) { found.append(try JSON(parsing: text)) } catch {
                    throw .refused("row \(last) of \(name.rawValue) cannot be read: \(error.message)")
                }
            }
            guard found.count <= largestRows else { throw .refused("\(name.rawValue) has more than \(largestRows) rows") }
            if part.count < page { return found }
        }
    }

    /// Names of tables cannot be bound; these are ours.
    private static func query(_ name: Name, after last: Int64) -> SQL {
        let table: SQL =
            switch name {
            case .users: "users"
            case .tariffs: "tariffs"
            case .userTariffs: "user_tariffs"
            case .peers: "vpn_peers"
            case .payments: "payments"
            }
        return """
            SELECT CAST(t.id AS BIGINT) AS id, CAST(to_jsonb(t) AS TEXT) AS document FROM \(table) t
            WHERE t.id > \(last) ORDER BY t.id LIMIT \(page)
            """
    }
}
