internal import Domain

/// SQLite: one writer with group commit, a few readers beside it.
final class SQLiteDatabase: Database {
    let dialect = Dialect.sqlite
    private let ambient: Ambient
    private let deadlineMilliseconds: Int64
    private let writer: JobQueue
    /// Nil for a database in memory, which only one connection can see.
    private let readers: JobQueue?

    init(path: String, ambient: Ambient, options: StoreOptions) {
        self.ambient = ambient
        deadlineMilliseconds = options.deadlineMilliseconds
        let lockWait = Int(min(options.deadlineMilliseconds, Int64(SQLiteConnection.lockWaitMilliseconds)))
        let write = SQLiteWriter(ambient) { () throws(StoreError) in
            try SQLiteConnection(path: path, for: .write, lockWaitMilliseconds: lockWait)
        }
        writer = JobQueue("sqlite writer", lanes: [write], limit: StoreLimits.waitingTransactions, batch: SQLiteWriter.groupSize)
        let reading = (0..<max(1, options.readers)).map { _ in
            SQLiteReader(ambient) { () throws(StoreError) in
                try SQLiteConnection(path: path, for: .read, lockWaitMilliseconds: lockWait)
            }
        }
        readers = path == ":memory:" ? nil : JobQueue("sqlite reader", lanes: reading, limit: StoreLimits.waitingReads, batch: 1)
    }

    func transaction<Value: Sendable>(
        for purpose: Purpose, within milliseconds: Int64?, _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await writer.run(ambient, within: milliseconds ?? deadlineMilliseconds, purpose: purpose, body)
    }

    func read<Value: Sendable>(
        within milliseconds: Int64?, _ body: @escaping @Sendable (Reader) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await (readers ?? writer).run(ambient, within: milliseconds ?? deadlineMilliseconds, purpose: .read) {
            transaction throws(StoreError) in
            try body(transaction)
        }
    }

    var waiting: (transactions: Int, reads: Int) { (writer.waitingCount, readers?.waitingCount ?? 0) }

    func close() async {
        await readers?.close()
        await writer.close()  // last, so that the last connection folds the write-ahead log into the file
    }
}
