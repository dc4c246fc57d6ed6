public import Domain

/// What one transaction at a time does, over all servers of the database. Whoever takes both takes `money` first.
public enum Turn: Sendable {
    /// A person's balance, subscriptions and number of services.
    case money(UserID)
    /// The choice of a backend with room, and of addresses, ports and names that are free.
    case placing
}

extension Transaction {
    /// Waits until nobody else has the turn and keeps it until the end of the transaction. What a sale reads afterwards is what the one
    /// before has left; another transaction keeps its earlier view of the database, and is repeated when that was too old. SQLite has one
    /// writer, whose turn it is anyway.
    public func takeTurn(_ turn: Turn) throws(StoreError) {
        guard connection.dialect == .postgres else { return }
        // Two numbers name an advisory lock: any first ones that no other program of the same database takes.
        let (group, member): (Int64, Int64) =
            switch turn {
            // Random bits of the id. Two people with the same ones only wait for each other.
            case .money(let user): (7_165_015, Int64(Int32(truncatingIfNeeded: user.low)))
            case .placing: (7_165_016, 0)
            }
        _ = try run("SELECT pg_advisory_xact_lock(\(group)::int4, \(member)::int4)")
    }
}
