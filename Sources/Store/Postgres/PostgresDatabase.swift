internal import Domain

/// PostgreSQL: a pool of connections, each with its own thread.
final class PostgresDatabase: Database {
    let dialect = Dialect.postgres
    private let ambient: Ambient
    private let deadlineMilliseconds: Int64
    private let connections: JobQueue

    init(_ address: PostgresAddress, ambient: Ambient, options: StoreOptions) {
        self.ambient = ambient
        deadlineMilliseconds = options.deadlineMilliseconds
        let reconnection = Reconnection()
        let kept = max(1, options.poolSize)
        let lanes = (0..<kept + max(0, options.maxOverflow)).map { index in
            PostgresLane(
                address, ambient, statementMilliseconds: options.deadlineMilliseconds, reconnection: reconnection, isKept: index < kept)
        }
        connections = JobQueue("postgres", lanes: lanes, limit: StoreLimits.waitingTransactions, batch: 1)
    }

    func transaction<Value: Sendable>(
        for purpose: Purpose, within milliseconds: Int64?, _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await connections.run(ambient, within: milliseconds ?? deadlineMilliseconds, purpose: purpose, body)
    }

    func read<Value: Sendable>(
        within milliseconds: Int64?, _ body: @escaping @Sendable (Reader) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await connections.run(ambient, within: milliseconds ?? deadlineMilliseconds, purpose: .read) {
            transaction throws(StoreError) in
            try body(transaction)
        }
    }

    /// One queue serves both.
    var waiting: (transactions: Int, reads: Int) { (connections.waitingCount, 0) }

    func close() async { await connections.close() }
}
