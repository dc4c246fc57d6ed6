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
    /// By `BatchStatement`, one for each of `rowsAtOnce`.
    private var batched = [Prepared?](repeating: nil, count: BatchStatement.allCases.count * rowsAtOnce.count)

    /// Statements kept prepared; the least recently used goes first.
    static let preparedLimit = 128
    /// How long to wait for another process's lock.
    static let lockWaitMilliseconds = 5000

    final class Prepared {
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

    /// Rows of one statement, as many as are there to be written: each statement opens and closes its cursors, and alone a row costs half
    /// as much again. With 128 it would cost little less than with 64.
    private static let rowsAtOnce = [64, 8, 1]

    func run(_ batch: RowBatch) throws(StoreError) -> [Bool] {
        var isNew: [Bool] = []
        isNew.reserveCapacity(batch.rowCount)
        // Their values point into the batch.
        defer { for place in places(batch.statement) { if let used = batched[place] { handle.forget(used) } } }
        while isNew.count < batch.rowCount {
            let left = batch.rowCount - isNew.count
            let size = Self.rowsAtOnce.firstIndex { $0 <= left } ?? Self.rowsAtOnce.count - 1
            let rows = Self.rowsAtOnce[size]
            let place = isNew.count..<isNew.count + rows
            let changed = try handle.run(try prepare(batch.statement, size), batch, place)
            if changed == 0 || changed == rows {
                isNew += repeatElement(changed > 0, count: rows)
            } else {
                isNew += try newRows(batch, place, count: changed)
            }
        }
        return isNew
    }

    /// Which of the rows were added, when only some were. The first of two that are alike is the new one.
    private func newRows(_ batch: RowBatch, _ rows: Range<Int>, count: Int) throws(StoreError) -> [Bool] {
        guard let newest = batch.statement.newest else { return [Bool](repeating: true, count: rows.count) }
        let answer = try handle.run(try prepare(newest).statement, [.integer(Int64(count))], columns: nil).0
        var added: Set<String> = []
        for row in answer.rows {
            let (id, number): (String, Int64) = (try row["request_id"], try row["attempt"])
            added.insert("\(id) \(number)")
        }
        return rows.map { added.remove("\(batch.text($0, 0) ?? "") \(batch.number($0, 1))") != nil }
    }

    /// In `batched`.
    private func places(_ statement: BatchStatement) -> Range<Int> {
        let first = statement.rawValue * Self.rowsAtOnce.count
        return first..<first + Self.rowsAtOnce.count
    }

    /// - Parameter size: which of `rowsAtOnce`.
    private func prepare(_ statement: BatchStatement, _ size: Int) throws(StoreError) -> Prepared {
        let place = places(statement).lowerBound + size
        if let found = batched[place] { return found }
        let text = statement.text(rows: Self.rowsAtOnce[size])
        let made = Prepared(try handle.prepare(text), text: text)
        batched[place] = made
        return made
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
