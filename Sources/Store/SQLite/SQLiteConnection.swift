internal import Domain
private import Glibc

/// One SQLite connection with its prepared statements. Touched only on its lane's thread.
final class SQLiteConnection: Connection {
    let dialect = Dialect.sqlite
    private let handle: SQLiteHandle
    private var prepared: [String: Prepared] = [:]
    private var uses: UInt64 = 0
    /// By `FrequentStatement`.
    private var frequent = [Prepared?](repeating: nil, count: FrequentStatement.allCases.count)
    /// By `BatchStatement`.
    private var batched = [Prepared?](repeating: nil, count: BatchStatement.allCases.count)

    /// Statements kept prepared; the least recently used goes first.
    static let preparedLimit = 128
    /// How long to wait for another process's lock.
    static let lockWaitMilliseconds = 5000

    private final class Prepared {
        let statement: SQLiteStatement
        let text: String
        var columns: Row.Columns?
        var lastUse: UInt64 = 0
        init(_ statement: consuming SQLiteStatement, text: String) {
            self.statement = statement
            self.text = text
        }
    }

    enum Purpose { case write, read, copy }

    init(path: String, for purpose: Purpose, lockWaitMilliseconds: Int = SQLiteConnection.lockWaitMilliseconds) throws(StoreError) {
        handle = try SQLiteHandle(path: path)
        try handle.script("PRAGMA busy_timeout = \(lockWaitMilliseconds); PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON")
        switch purpose {
        case .write:
            // Pages of 8 KiB (of a new file): rows of history and ledger come at the end of their tables, and half as many pages are half
            // as many calls.
            try handle.script("PRAGMA page_size = 8192")
            // Folded into the file every 16 MiB, because each folding costs two more flushes; cut to 64 MiB after a burst. A page cache
            // of 16 MiB holds the ends of the indexes that history and ledger grow at.
            try Self.enterWAL(handle, lockWaitMilliseconds)
            try handle.script(
                """
                PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2048;
                PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384
                """)
        case .read: try handle.script("PRAGMA query_only = ON")
        case .copy: break
        }
        try handle.script("PRAGMA temp_store = MEMORY")
    }

    /// Two that open a new file at once: SQLite refuses the second this change at once, without the wait that `busy_timeout` names.
    private static func enterWAL(_ handle: borrowing SQLiteHandle, _ waitMilliseconds: Int) throws(StoreError) {
        for _ in 0..<max(1, waitMilliseconds / 5) {
            do throws(StoreError) { return try handle.script("PRAGMA journal_mode = WAL") } catch {
                guard error == .busy else { throw error }
            }
            usleep(5000)
        }
        throw .busy
    }

    var isInTransaction: Bool { handle.isInTransaction }

    func interrupt(when isDue: (@Sendable () -> Bool)?) { handle.interrupt(when: isDue) }

    @discardableResult
    func run(_ statement: SQL) throws(StoreError) -> Answer {
        try refuseNUL(statement)
        let found = try prepare(statement)
        let (answer, columns) = try handle.run(found.statement, statement.values, columns: found.columns)
        found.columns = columns
        return answer
    }

    func run(_ batch: RowBatch) throws(StoreError) -> [Bool] {
        let place = batch.statement.rawValue
        if let found = batched[place] { return try handle.run(found.statement, batch) }
        let made = Prepared(try handle.prepare(batch.statement.text), text: batch.statement.text)
        batched[place] = made
        return try handle.run(made.statement, batch)
    }

    func script(_ text: String) throws(StoreError) {
        prepared.removeAll()  // the schema may change under them
        for index in frequent.indices { frequent[index] = nil }
        for index in batched.indices { batched[index] = nil }
        try handle.script(text)
    }

    func copy(into destination: SQLiteConnection, step: (Int, Int) -> Void) throws(StoreError) {
        try handle.copy(into: destination.handle, step: step)
    }

    private func prepare(_ statement: SQL) throws(StoreError) -> Prepared {
        guard let name = statement.frequent else { return try prepare(statement.text(mark: "?")) }
        if let found = frequent[name.rawValue] {
            assert(found.text == statement.text(mark: "?"), "two texts go by the name \(name)")
            return found
        }
        let made = Prepared(try handle.prepare(statement.text(mark: "?")), text: statement.text(mark: "?"))
        frequent[name.rawValue] = made
        return made
    }

    private func prepare(_ text: String) throws(StoreError) -> Prepared {
        uses += 1
        if let found = prepared[text] {
            found.lastUse = uses
            return found
        }
        if prepared.count >= Self.preparedLimit, let oldest = prepared.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            prepared[oldest.key] = nil
        }
        let made = Prepared(try handle.prepare(text), text: text)
        made.lastUse = uses
        prepared[text] = made
        return made
    }
}
