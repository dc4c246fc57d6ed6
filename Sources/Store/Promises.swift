internal import Domain

/// How a promise to tell somebody something stands.
public enum PromiseState: String, Sendable, CaseIterable, SQLWord {
    case waiting, sent
    /// Given up: refused for good, too late, or nobody is there. An operator can have it sent again.
    case dead
}

/// A table of promises. Its rows are leased, tried and settled alike, whoever is to hear what is in them.
struct PromiseTable {
    let name: SQL
    static let mails = PromiseTable(name: "mails")
    static let outbox = PromiseTable(name: "outbox")
}

extension Transaction {
    /// Takes due rows for a while; whoever stops before telling the outcome loses them to the next.
    func lease<Kept: RowReadable>(
        _ table: PromiseTable, _ columns: SQL, leaseMilliseconds: Int64, limit: Int
    ) throws(StoreError) -> [Kept] {
        let now = ambient.now()
        return try all(
            """
            UPDATE \(table.name) SET lease_until = \(now.adding(milliseconds: leaseMilliseconds)), attempts = attempts + 1 WHERE id IN
                (SELECT id FROM \(table.name) WHERE state = \(PromiseState.waiting) AND next_at <= \(now)
                    AND COALESCE(lease_until, 0) <= \(now) ORDER BY next_at, id LIMIT \(PageLimits.clamp(limit)) \(skippingLocked))
            RETURNING \(columns)
            """)
    }

    /// - Parameter besides: what else changes, as ", told = …"; may be empty.
    func kept<Kind>(_ id: Identifier<Kind>, in table: PromiseTable, besides: SQL = "") throws(StoreError) {
        try execute(
            """
            UPDATE \(table.name) SET state = \(PromiseState.sent), failure = NULL, lease_until = NULL, finished_at = \(ambient.now()) \(besides)
            WHERE id = \(id) AND state = \(PromiseState.waiting)
            """)
    }

    /// - Parameters:
    ///   - failure: without address and secret.
    ///   - next: nil gives up.
    ///   - besides: as in `kept`.
    func failed<Kind>(_ id: Identifier<Kind>, in table: PromiseTable, _ failure: String, next: Timestamp?, besides: SQL = "")
        throws(StoreError)
    {
        try execute(
            """
            UPDATE \(table.name) SET state = \(next == nil ? PromiseState.dead : .waiting), failure = \(failure), lease_until = NULL,
                next_at = COALESCE(\(next), next_at), finished_at = \(next == nil ? ambient.now() : nil) \(besides)
            WHERE id = \(id) AND state = \(PromiseState.waiting)
            """)
    }

    /// Has a given-up one tried again from the beginning. False when there is no such.
    func retry<Kind>(_ id: Identifier<Kind>, in table: PromiseTable, only condition: SQL = "") throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE \(table.name) SET state = \(PromiseState.waiting), attempts = 0, next_at = \(ambient.now()), finished_at = NULL
            WHERE id = \(id) AND state = \(PromiseState.dead) \(condition)
            """) == 1
    }
}
