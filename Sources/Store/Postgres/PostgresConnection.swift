internal import Domain

/// One PostgreSQL connection with its prepared statements. Touched only on its lane's thread.
final class PostgresConnection: Connection {
    let dialect = Dialect.postgres
    private let handle: PostgresHandle
    private var prepared: [String: (name: String, lastUse: UInt64)] = [:]
    private var preparedBatches: Set<BatchStatement> = []
    private var uses: UInt64 = 0
    /// Until when the transaction under way may wait for the server.
    var deadline: Deadline
    /// What the last failing statement met.
    private(set) var failure: PostgresError?

    /// Statements kept prepared; the least recently used goes first.
    static let preparedLimit = 128

    init(_ address: PostgresAddress, statementMilliseconds: Int64, deadline: Deadline) throws(StoreError) {
        self.deadline = deadline
        // The server ends what we no longer wait for, and a transaction whose process froze.
        let ours = "-c statement_timeout=\(statementMilliseconds) -c idle_in_transaction_session_timeout=\(statementMilliseconds &* 2)"
        handle = try PostgresHandle(
            PostgresAddress(address, addingOptions: ours), options: ["application_name": "gatehouse", "client_encoding": "UTF8"])
        try handle.establish(deadline)
    }

    var isAlive: Bool { handle.isAlive && failure?.isConnectionLost != true }

    func run(_ statement: SQL) throws(StoreError) -> Answer {
        try refuseNUL(statement)
        return try keepingFailure { () throws(PostgresError) in
            let name = try prepare(statement)
            return try handle.run(prepared: name, statement.values, deadline: deadline).answer
        }
    }

    func run(_ batch: RowBatch) throws(StoreError) -> [Bool] {
        try keepingFailure { () throws(PostgresError) in
            let name = "batch\(batch.statement.rawValue)"
            if preparedBatches.insert(batch.statement).inserted {
                do throws(PostgresError) {
                    try handle.prepare(name, batch.statement.text, kinds: batch.statement.kinds, deadline: deadline)
                } catch {
                    preparedBatches.remove(batch.statement)
                    throw error
                }
            }
            return try handle.run(prepared: name, batch, deadline: deadline)
        }
    }

    func script(_ text: String) throws(StoreError) {
        _ = try keepingFailure { () throws(PostgresError) in
            preparedBatches.removeAll()
            prepared.removeAll()  // the schema may change under them
            _ = try handle.script("DEALLOCATE ALL", deadline: deadline)
            return try handle.script(text, deadline: deadline)
        }
    }

    /// BEGIN, COMMIT, ROLLBACK and the like: one statement, no values, no preparing. Gives the command's tag.
    @discardableResult
    func command(_ text: String) throws(StoreError) -> String {
        try keepingFailure { () throws(PostgresError) in try handle.script(text, deadline: deadline).tag }
    }

    /// Puts back what a later, successful statement (a rollback) has overwritten.
    func restore(_ former: PostgresError?) { failure = former }

    private func keepingFailure<Value>(_ work: () throws(PostgresError) -> Value) throws(StoreError) -> Value {
        do throws(PostgresError) {
            failure = nil
            return try work()
        } catch {
            failure = error
            throw error.error
        }
    }

    private func prepare(_ statement: SQL) throws(PostgresError) -> String {
        uses += 1
        let text = statement.text(mark: "$")
        let kinds = statement.values.map(\.kind)
        let key = "\(text)\n\(kinds)"
        if let found = prepared[key] {
            prepared[key] = (found.name, uses)
            return found.name
        }
        if prepared.count >= Self.preparedLimit, let oldest = prepared.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            prepared[oldest.key] = nil
            _ = try handle.script("DEALLOCATE \(oldest.value.name)", deadline: deadline)
        }
        let name = "s\(uses)"
        try handle.prepare(name, text, kinds: kinds, deadline: deadline)
        prepared[key] = (name, uses)
        return name
    }
}

extension PostgresAddress {
    /// With our settings before those of the URL, whose word is the last.
    fileprivate init(_ address: PostgresAddress, addingOptions ours: String) {
        let options = address.parameters["options"].map { "\(ours) \($0)" } ?? ours
        self = address.setting("options", options)
    }
}
