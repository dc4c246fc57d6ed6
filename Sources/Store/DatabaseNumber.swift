internal import Domain

extension Transaction {
    /// A random number of this database alone, made when it is first asked for; a backup of it has the same.
    public func databaseNumber() throws(StoreError) -> Int64 {
        let fresh = ambient.randomBytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1
        try execute("INSERT INTO change_counters (name, value) VALUES ('database', \(Int64(fresh))) ON CONFLICT (name) DO NOTHING")
        guard let kept: Int64 = try value("value", "SELECT value FROM change_counters WHERE name = 'database'") else {
            throw .programming("the database's number gave no row")
        }
        return kept
    }
}
