// The one file that calls SQLite. Handles are not copyable and close themselves; every unsafe line of the SQLite half is here.
private import CSQLite

/// One open database. Used by one thread at a time.
@safe struct SQLiteHandle: ~Copyable {
    private let raw: OpaquePointer
    private let limit = Interruption()

    /// Opens or makes the file.
    /// - Parameter path: a path, or ":memory:".
    init(path: String) throws(StoreError) {
        _ = Self.isConfigured
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let handle = unsafe opened else {
            unsafe sqlite3_close_v2(opened)  // a failed open still allocates, and deinit does not run on this path
            throw sqliteError(code, "while opening")
        }
        unsafe raw = handle
        unsafe sqlite3_progress_handler(
            raw, Self.instructionsPerCheck, { context in unsafe Interruption.isDue(context) ? 1 : 0 }, limit.pointer)
    }

    /// Once a process; a refusal costs speed alone.
    private static let isConfigured = gh_sqlite_counts_no_memory() == SQLITE_OK

    /// Virtual machine steps between two looks at the deadline: well under a millisecond.
    private static let instructionsPerCheck: Int32 = 4000

    deinit { unsafe sqlite3_close_v2(raw) }

    /// Statements that run past the moment are ended with `.unavailable`; nil lets them run.
    func interrupt(when isDue: (@Sendable () -> Bool)?) { limit.isDue = isDue }

    /// Whether a transaction is open: an error may have ended it.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(raw) == 0 }

    func prepare(_ text: String) throws(StoreError) -> SQLiteStatement {
        var statement: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(raw, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let made = unsafe statement else { throw error(code) }
        return unsafe SQLiteStatement(raw: made)
    }

    /// Runs statements one after the other, without values or answers.
    func script(_ text: String) throws(StoreError) {
        let code = unsafe sqlite3_exec(raw, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    func run(_ statement: borrowing SQLiteStatement, _ values: [SQLValue], columns: Row.Columns?) throws(StoreError) -> (
        Answer, Row.Columns
    ) {
        let names = columns ?? statement.columns()
        defer { statement.reset() }
        try statement.bind(values) { code in error(code) }
        var answer = Answer()
        while true {
            let code = statement.step()
            if code == SQLITE_DONE { break }
            guard code == SQLITE_ROW else { throw error(code) }
            guard answer.rows.count < StatementLimits.rows else { throw .programming("an answer has over \(StatementLimits.rows) rows") }
            answer.rows.append(Row(columns: names, values: statement.row(names.names.count)))
        }
        if !statement.isReadOnly { answer.changed = unsafe Int(sqlite3_changes64(raw)) }
        return (answer, names)
    }

    /// Runs the statement with these rows of the batch, one after the other in its parameters. Texts are bound where they lie in the batch,
    /// without a copy, and stay bound until `forget`. How many rows were added or changed.
    func run(_ prepared: SQLiteConnection.Prepared, _ batch: RowBatch, _ rows: Range<Int>) throws(StoreError) -> Int {
        let code = unsafe batch.bytes.withUnsafeBufferPointer { bytes in
            unsafe prepared.statement.run(rows, of: batch, bytes)
        }
        guard code == SQLITE_OK else { throw error(code) }
        return unsafe Int(sqlite3_changes64(raw))
    }

    func forget(_ prepared: SQLiteConnection.Prepared) { prepared.statement.clearBindings() }

    /// Copies the whole database into `destination` in steps, so that `step` can be told how far it is. The source must be inside a
    /// read transaction: then the copy is of one moment, and writers go on.
    func copy(into destination: borrowing SQLiteHandle, step: (_ remainingPages: Int, _ totalPages: Int) -> Void) throws(StoreError) {
        guard let backup = unsafe sqlite3_backup_init(destination.raw, "main", raw, "main") else {
            throw destination.error(unsafe sqlite3_extended_errcode(destination.raw))
        }
        var code = SQLITE_OK
        while code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED {
            code = unsafe sqlite3_backup_step(backup, Self.pagesPerStep)
            step(unsafe Int(sqlite3_backup_remaining(backup)), unsafe Int(sqlite3_backup_pagecount(backup)))
        }
        let end = unsafe sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, end == SQLITE_OK else { throw sqliteError(code == SQLITE_DONE ? end : code, "while copying") }
    }

    private static let pagesPerStep: Int32 = 1024

    private func error(_ code: Int32) -> StoreError { sqliteError(code, unsafe String(cString: sqlite3_errmsg(raw))) }
}

/// One prepared statement; belongs to the handle that made it.
@safe struct SQLiteStatement: ~Copyable {
    private let raw: OpaquePointer
    fileprivate init(raw: OpaquePointer) { unsafe self.raw = raw }
    deinit { unsafe sqlite3_finalize(raw) }

    var isReadOnly: Bool { unsafe sqlite3_stmt_readonly(raw) != 0 }

    fileprivate func columns() -> Row.Columns {
        let count = unsafe sqlite3_column_count(raw)
        return Row.Columns((0..<count).map { index in unsafe String(cString: sqlite3_column_name(raw, index)) })
    }

    fileprivate func reset() {
        unsafe sqlite3_reset(raw)
        unsafe sqlite3_clear_bindings(raw)
    }

    fileprivate func clearBindings() { unsafe sqlite3_clear_bindings(raw) }

    /// SQLITE_OK, or the code of what failed; the statement is reset either way.
    fileprivate func run(_ rows: Range<Int>, of batch: RowBatch, _ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
        let cells = batch.cells[rows.lowerBound * batch.width..<rows.upperBound * batch.width]
        for (place, cell) in cells.enumerated() {
            let index = Int32(place + 1)
            let code =
                switch cell.kind {
                case .null: unsafe sqlite3_bind_null(raw, index)
                case .integer, .bool: unsafe sqlite3_bind_int64(raw, index, cell.number)
                case .text:
                    unsafe sqlite3_bind_text(
                        raw, index,
                        UnsafeRawPointer(bytes.baseAddress?.advanced(by: Int(cell.number)))?.assumingMemoryBound(to: CChar.self),
                        cell.count, nil)
                }
            guard code == SQLITE_OK else { return code }
        }
        let code = unsafe sqlite3_step(raw)
        let end = unsafe sqlite3_reset(raw)
        return code == SQLITE_DONE ? SQLITE_OK : end == SQLITE_OK ? SQLITE_MISUSE : end
    }

    fileprivate func step() -> Int32 { unsafe sqlite3_step(raw) }

    /// An address for texts of no bytes; never read.
    private nonisolated(unsafe) static let nothing = unsafe UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))

    fileprivate func bind(_ values: [SQLValue], error: (Int32) -> StoreError) throws(StoreError) {
        // SQLite copies what it is handed before the call returns.
        let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (offset, value) in values.enumerated() {
            let index = Int32(offset + 1)
            let code =
                switch value {
                case .null: unsafe sqlite3_bind_null(raw, index)
                case .integer(let number): unsafe sqlite3_bind_int64(raw, index, number)
                case .bool(let truth): unsafe sqlite3_bind_int64(raw, index, truth ? 1 : 0)
                case .real(let number): unsafe sqlite3_bind_double(raw, index, number)
                case .text(var text):
                    text.withUTF8 { buffer in
                        // An empty text may have no address, and a null pointer would bind NULL.
                        unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                            let start = unsafe characters.baseAddress ?? Self.nothing
                            return unsafe sqlite3_bind_text64(raw, index, start, UInt64(characters.count), copied, UInt8(SQLITE_UTF8))
                        }
                    }
                // A null pointer would bind NULL, and an empty array may have one.
                case .bytes(let bytes) where bytes.isEmpty: unsafe sqlite3_bind_zeroblob(raw, index, 0)
                case .bytes(let bytes):
                    unsafe bytes.withUnsafeBytes { buffer in
                        unsafe sqlite3_bind_blob64(raw, index, buffer.baseAddress, UInt64(buffer.count), copied)
                    }
                }
            guard code == SQLITE_OK else { throw error(code) }
        }
    }

    fileprivate func row(_ count: Int) -> [SQLValue] {
        (0..<Int32(count)).map { index in
            switch unsafe sqlite3_column_type(raw, index) {
            case SQLITE_INTEGER: return .integer(unsafe sqlite3_column_int64(raw, index))
            case SQLITE_FLOAT: return .real(unsafe sqlite3_column_double(raw, index))
            case SQLITE_TEXT:
                guard let start = unsafe sqlite3_column_text(raw, index) else { return .text("") }
                let buffer = unsafe UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, index)))
                return .text(unsafe String(decoding: buffer, as: UTF8.self))
            case SQLITE_BLOB:
                guard let start = unsafe sqlite3_column_blob(raw, index) else { return .bytes([]) }
                let buffer = unsafe UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, index)))
                return .bytes(unsafe Array(buffer))
            default: return .null(.text)
            }
        }
    }
}

/// What SQLite's progress callback looks at; lives as long as its handle.
private final class Interruption {
    var isDue: (@Sendable () -> Bool)?
    var pointer: UnsafeMutableRawPointer { unsafe Unmanaged.passUnretained(self).toOpaque() }
    static func isDue(_ context: UnsafeMutableRawPointer?) -> Bool {
        guard let context = unsafe context else { return false }
        return unsafe Unmanaged<Interruption>.fromOpaque(context).takeUnretainedValue().isDue?() ?? false
    }
}

/// SQLite's result code as our error. The message names tables, columns and files, never values.
private func sqliteError(_ code: Int32, _ message: String) -> StoreError {
    switch code & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED: .busy
    case SQLITE_FULL: .full
    case SQLITE_READONLY, SQLITE_PERM: .readOnly("sqlite \(code): \(message)")
    case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt("sqlite \(code): \(message)")
    case SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_NOMEM, SQLITE_PROTOCOL: .unavailable("sqlite \(code): \(message)")
    case SQLITE_INTERRUPT: .unavailable("sqlite: the statement ran past its deadline")
    case SQLITE_TOOBIG: .refused("too_big")
    case SQLITE_CONSTRAINT: constraintError(code, message)
    default: .programming("sqlite \(code): \(message)")
    }
}

/// "UNIQUE constraint failed: t.a, t.b" becomes `t_a_b_unique`, the name the schema gives PostgreSQL's constraint.
private func constraintError(_ code: Int32, _ message: String) -> StoreError {
    let detail = message.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? ""
    switch code {
    case 787: return .conflict(.foreignKey)  // SQLITE_CONSTRAINT_FOREIGNKEY; these three macros are not imported
    case 2067, 1555, 2579:  // _UNIQUE, _PRIMARYKEY, _ROWID
        let columns = detail.split(separator: ", ").map { $0.split(separator: ".", maxSplits: 1).map(String.init) }
        guard let table = columns.first?.first else { return .conflict(Constraint("unique")) }
        return .conflict(Constraint(([table] + columns.compactMap(\.last)).joined(separator: "_") + "_unique"))
    case 275: return .conflict(Constraint(detail))  // _CHECK
    case 1811: return .conflict(Constraint(detail + "_append_only_check"))  // _TRIGGER: "append only: <table>"
    default: return .programming("sqlite \(code): \(message)")
    }
}
