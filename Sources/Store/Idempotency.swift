public import Domain

/// What happened to an `Idempotency-Key`.
public enum IdempotencyClaim: Sendable, Equatable {
    /// It is new: do the work, then `completeIdempotencyKey`, in the same transaction or a later one.
    case new
    /// The same call is still under way.
    case underWay
    /// The call ended without an answer of its own after it had done something to these.
    case interrupted([String])
    /// The same key came before with another body.
    case mismatch
    /// The work was done: this was the answer.
    case done(status: Int64, response: [UInt8])

    /// A call that has been under way for longer has ended without a word.
    public static let abandonedAfterMilliseconds: Int64 = 120_000
}

extension Transaction {
    /// Takes a key for one actor and route.
    /// - Parameters:
    ///   - request: the call that takes it; whatever it changes it writes into the audit.
    ///   - abandonedAfterMilliseconds: a call that has been under way for longer is taken over, since its process has died. When the audit
    ///     shows that it had done something, nobody does it a second time.
    public func claimIdempotencyKey(
        _ key: String, actor: String, route: String, bodyDigest: [UInt8], request: RequestID? = nil,
        abandonedAfterMilliseconds: Int64 = IdempotencyClaim.abandonedAfterMilliseconds
    ) throws(StoreError) -> IdempotencyClaim {
        let now = ambient.now()
        let inserted = try execute(
            """
            INSERT INTO idempotency_keys (actor, route, key, body_digest, created_at, request_id)
            VALUES (\(actor), \(route), \(key), \(bodyDigest), \(now), \(request))
            ON CONFLICT (actor, route, key) DO NOTHING
            """)
        if inserted == 1 { return .new }
        guard
            let row = try rows(
                """
                SELECT body_digest, status, response, created_at, request_id FROM idempotency_keys
                WHERE actor = \(actor) AND route = \(route) AND key = \(key)
                """
            ).first
        else { throw .busy }
        let digest: [UInt8] = try row["body_digest"]
        guard digest == bodyDigest else { return .mismatch }
        if let status: Int64 = try row["status"] { return .done(status: status, response: try row["response"] ?? []) }
        let startedAt: Timestamp = try row["created_at"]
        guard startedAt.adding(milliseconds: abandonedAfterMilliseconds) < now else { return .underWay }
        if let died: RequestID = try row["request_id"] {
            let touched = try subjects(touchedBy: died, since: startedAt)
            if !touched.isEmpty { return .interrupted(touched) }
        }
        try execute(
            """
            UPDATE idempotency_keys SET created_at = \(now), request_id = \(request)
            WHERE actor = \(actor) AND route = \(route) AND key = \(key)
            """)
        return .new
    }

    /// - Parameter response: the answer's body; the caller bounds its size.
    public func completeIdempotencyKey(_ key: String, actor: String, route: String, status: Int64, response: [UInt8]) throws(StoreError) {
        try execute(
            """
            UPDATE idempotency_keys SET status = \(status), response = \(response)
            WHERE actor = \(actor) AND route = \(route) AND key = \(key)
            """)
    }

    /// Lets the key be used again after a failure, but not after one that came when something was done already: as when what was written
    /// could not be read for the answer. Such a key stays, and a repeat is told of it from now on.
    /// - Returns: what the call had touched; none when the key is free.
    public func releaseIdempotencyKey(_ key: String, actor: String, route: String) throws(StoreError) -> [String] {
        guard
            let row = try rows(
                """
                SELECT created_at, request_id FROM idempotency_keys
                WHERE actor = \(actor) AND route = \(route) AND key = \(key) AND status IS NULL
                """
            ).first
        else { return [] }
        let startedAt: Timestamp = try row["created_at"]
        if let request: RequestID = try row["request_id"] {
            let touched = try subjects(touchedBy: request, since: startedAt)
            if !touched.isEmpty {
                // Nobody waits for a call that is known to have ended.
                let long = ambient.now().adding(milliseconds: -IdempotencyClaim.abandonedAfterMilliseconds - 1)
                try execute(
                    """
                    UPDATE idempotency_keys SET created_at = \(min(long, startedAt))
                    WHERE actor = \(actor) AND route = \(route) AND key = \(key)
                    """)
                return touched
            }
        }
        try execute("DELETE FROM idempotency_keys WHERE actor = \(actor) AND route = \(route) AND key = \(key) AND status IS NULL")
        return []
    }

    /// From the audit; at most ten.
    private func subjects(touchedBy request: RequestID, since: Timestamp) throws(StoreError) -> [String] {
        try rows("SELECT DISTINCT subject FROM events WHERE request_id = \(request) AND at >= \(since) ORDER BY subject LIMIT 10").map {
            row throws(StoreError) in try row["subject"]
        }
    }

    /// Deletes those made before `before`, at most `limit` a call. How many went.
    public func deleteIdempotencyKeys(madeBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM idempotency_keys WHERE (actor, route, key) IN
                (SELECT actor, route, key FROM idempotency_keys WHERE created_at < \(before) ORDER BY created_at LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
