// The one file that calls libpq, and only its non-blocking half: every wait is a poll(2) that ends at a deadline. Handles are not copyable
// and close themselves; every unsafe line of the PostgreSQL half is here.
private import CPostgres
internal import Domain
private import Glibc
private import Dispatch
private import Synchronization

/// Nanoseconds of the process's uptime until which an operation may wait.
struct Deadline: Sendable {
    let uptimeNanoseconds: UInt64
    let clock: @Sendable () -> UInt64
    /// Rounded up, so that the last wait is not a spin; 0 when it is past.
    var remainingMilliseconds: Int32 {
        let now = clock()
        return now >= uptimeNanoseconds ? 0 : Int32(clamping: (uptimeNanoseconds - now + 999_999) / 1_000_000)
    }
}

/// One connection to a server. Used by one thread at a time.
@safe struct PostgresHandle: ~Copyable {
    private let raw: OpaquePointer

    /// Begins to connect; `establish` goes on with it.
    init(_ address: PostgresAddress, options: [String: String]) throws(StoreError) {
        var parameters = address.parameters.merging(options) { given, _ in given }
        address.revealPassword { parameters["password"] = $0 }
        let words = CStrings(parameters.flatMap { [$0.key, $0.value] })
        var (names, values): ([UnsafePointer<CChar>?], [UnsafePointer<CChar>?]) = unsafe ([], [])
        for index in stride(from: 0, to: unsafe words.pointers.count, by: 2) {
            unsafe names.append(words.pointers[index])
            unsafe values.append(words.pointers[index + 1])
        }
        unsafe names.append(nil)
        unsafe values.append(nil)
        guard let made = unsafe PQconnectStartParams(names, values, 0) else { throw .unavailable("libpq has no memory") }
        unsafe raw = made
        unsafe PQsetNoticeProcessor(raw, { _, _ in }, nil)
    }

    /// Waits until the connection stands, with TLS as `sslmode` says.
    func establish(_ deadline: Deadline) throws(StoreError) {
        var direction = PGRES_POLLING_WRITING
        while direction != PGRES_POLLING_OK {
            guard direction != PGRES_POLLING_FAILED, unsafe PQstatus(raw) != CONNECTION_BAD else { throw .unavailable(message()) }
            try wait(direction == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)
            direction = unsafe PQconnectPoll(raw)
        }
        guard unsafe PQsetnonblocking(raw, 1) == 0 else { throw .unavailable(message()) }
    }

    deinit { unsafe PQfinish(raw) }

    /// False once the connection is lost: nothing more can be done with it.
    var isAlive: Bool { unsafe PQstatus(raw) == CONNECTION_OK }

    func prepare(_ name: String, _ text: String, kinds: [SQLKind], deadline: Deadline) throws(PostgresError) {
        let types = kinds.map(Self.type)
        guard unsafe PQsendPrepare(raw, name, text, Int32(types.count), types) == 1 else { throw lost() }
        _ = try finish(deadline)
    }

    func run(prepared name: String, _ values: [SQLValue], deadline: Deadline) throws(PostgresError) -> PostgresAnswer {
        let packed = PackedValues(values)
        let sent = unsafe packed.bytes.withUnsafeBufferPointer { bytes in
            let pointers: [UnsafePointer<CChar>?] = unsafe packed.offsets.map { offset in
                unsafe offset.flatMap { offset in
                    unsafe bytes.baseAddress.map { unsafe UnsafeRawPointer($0 + offset).assumingMemoryBound(to: CChar.self) }
                }
            }
            return unsafe PQsendQueryPrepared(raw, name, Int32(values.count), pointers, packed.lengths, packed.formats, 0)
        }
        guard sent == 1 else { throw lost() }
        return try finish(deadline)
    }

    /// Runs the statement once a row, all rows in one round trip (libpq's pipeline mode). The first row that fails fails the batch.
    func run(prepared name: String, _ batch: RowBatch, deadline: Deadline) throws(PostgresError) -> [Bool] {
        guard unsafe PQenterPipelineMode(raw) == 1 else { throw lost() }
        var changes = [Bool](repeating: false, count: batch.rowCount)
        let packed = PackedBatch(batch)
        for row in 0..<batch.rowCount {
            guard unsafe packed.send(row, name, raw) else { throw lost() }
            // What has been answered is taken in between, so that neither side waits with full buffers.
            guard unsafe PQflush(raw) >= 0 else { throw lost() }
        }
        guard unsafe PQpipelineSync(raw) == 1 else { throw lost() }
        var (row, failure): (Int, PostgresError?) = (0, nil)
        try drain(deadline) { () throws(PostgresError) -> Bool in
            guard let result = unsafe PQgetResult(raw) else {
                row += 1  // the end of one row's answers
                guard row <= batch.rowCount else { throw lost() }
                return true
            }
            defer { unsafe PQclear(result) }
            switch unsafe PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC: return false
            case PGRES_PIPELINE_ABORTED: break  // behind a row that failed
            default:
                do throws(PostgresError) {
                    let answer = try unsafe read(result).answer
                    if row < batch.rowCount { changes[row] = answer.changed > 0 }
                } catch { failure = failure ?? error }
            }
            return true
        }
        guard unsafe PQexitPipelineMode(raw) == 1 else { throw lost() }
        if let failure { throw failure }
        return changes
    }

    /// Runs statements without values; the last one's answer counts.
    func script(_ text: String, deadline: Deadline) throws(PostgresError) -> PostgresAnswer {
        guard unsafe PQsendQuery(raw, text) == 1 else { throw lost() }
        return try finish(deadline)
    }

    /// Asks the server to end the statement that is running. libpq has no non-blocking form of this, so it runs on a thread of its own;
    /// while one request is under way further ones are dropped, and the server's own `statement_timeout` is the second fence.
    func cancel() {
        guard Canceller.free.exchange(false, ordering: .acquiringAndReleasing) else { return }
        guard let request = unsafe Canceller(PQgetCancel(raw)) else {
            Canceller.free.store(true, ordering: .releasing)
            return
        }
        Canceller.thread.async {
            request.send()
            Canceller.free.store(true, ordering: .releasing)
        }
    }

    /// Sends what is left, then reads until the server is ready for the next statement.
    private func finish(_ deadline: Deadline) throws(PostgresError) -> PostgresAnswer {
        var answer = PostgresAnswer(), failure: PostgresError?
        try drain(deadline) { () throws(PostgresError) -> Bool in
            guard let result = unsafe PQgetResult(raw) else { return false }
            defer { unsafe PQclear(result) }
            do throws(PostgresError) { answer = try unsafe read(result) } catch { failure = failure ?? error }
            return true
        }
        if let failure { throw failure }
        return answer
    }

    /// Sends what is left and calls `take` whenever a result can be had without waiting, until it answers false.
    private func drain(_ deadline: Deadline, _ take: () throws(PostgresError) -> Bool) throws(PostgresError) {
        while true {
            let unsent = unsafe PQflush(raw)
            guard unsent >= 0 else { throw lost() }
            if unsent == 0, unsafe PQisBusy(raw) == 0 {
                guard try take() else { return }
                continue
            }
            do throws(StoreError) { try wait(unsent == 1 ? POLLIN | POLLOUT : POLLIN, deadline) } catch {
                cancel()
                throw PostgresError(error, isConnectionLost: true)  // its answer may still come, so the connection is of no more use
            }
            guard unsafe PQconsumeInput(raw) == 1 else { throw lost() }
        }
    }

    private func wait(_ events: Int32, _ deadline: Deadline) throws(StoreError) {
        var poll = pollfd(fd: unsafe PQsocket(raw), events: Int16(events), revents: 0)
        let remaining = deadline.remainingMilliseconds
        let ready = remaining == 0 ? 0 : unsafe Glibc.poll(&poll, 1, remaining)
        if ready < 0, errno != EINTR { throw .unavailable("poll failed with \(errno)") }
        if ready == 0 { throw .unavailable("postgresql did not answer before the deadline") }
    }

    private func read(_ result: OpaquePointer) throws(PostgresError) -> PostgresAnswer {
        switch unsafe PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
        case PGRES_TUPLES_OK:
            guard unsafe PQntuples(result) <= StatementLimits.rows
            else { throw PostgresError(.programming("an answer has over \(StatementLimits.rows) rows")) }
        default:
            func field(_ code: Character) -> String {
                unsafe PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { unsafe String(cString: $0) } ?? ""
            }
            throw PostgresError(state: field("C"), message: field("M"), constraint: field("n"), isConnectionLost: !isAlive)
        }
        var answer = PostgresAnswer()
        answer.tag = unsafe String(cString: PQcmdStatus(result))
        answer.answer.changed = unsafe Int(String(cString: PQcmdTuples(result))) ?? 0
        let fields = unsafe PQnfields(result)
        guard fields > 0 else { return answer }
        let columns = Row.Columns((0..<fields).map { unsafe String(cString: PQfname(result, $0)) })
        let types = (0..<fields).map { unsafe PQftype(result, $0) }
        for row in 0..<(unsafe PQntuples(result)) {
            var values: [SQLValue] = []
            for (column, type) in zip(0..<fields, types) {
                if unsafe PQgetisnull(result, row, column) == 1 {
                    values.append(.null(.text))
                    continue
                }
                let buffer = unsafe UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
                values.append(unsafe Self.value(type, String(decoding: buffer, as: UTF8.self)))
            }
            answer.answer.rows.append(Row(columns: columns, values: values))
        }
        return answer
    }

    private func lost() -> PostgresError { PostgresError(.unavailable(message()), isConnectionLost: true) }
    /// libpq's own words; they name host, user and database, never the password.
    private func message() -> String {
        unsafe String(cString: PQerrorMessage(raw)).split(separator: "\n").first.map(String.init) ?? "postgresql closed the connection"
    }

    // Numbers of PostgreSQL's built-in types (catalog pg_type).
    private static func type(_ kind: SQLKind) -> Oid {
        switch kind {
        case .bool: 16
        case .bytes: 17
        case .integer: 20
        case .text: 25
        case .real: 701
        }
    }

    private static func value(_ type: Oid, _ text: String) -> SQLValue {
        switch type {
        case 16: .bool(text == "t")
        case 17: bytes(hex: text).map(SQLValue.bytes) ?? .text(text)
        case 20, 21, 23: Int64(text).map(SQLValue.integer) ?? .text(text)
        case 700, 701: Double(text).map(SQLValue.real) ?? .text(text)
        default: .text(text)
        }
    }

    /// PostgreSQL's text form of bytes: "\x" and hex digits.
    private static func bytes(hex text: String) -> [UInt8]? {
        let digits = Array(text.utf8.dropFirst(2))
        guard text.hasPrefix("\\x"), digits.count % 2 == 0 else { return nil }
        func nibble(_ byte: UInt8) -> UInt8 { byte < 0x3a ? byte &- 0x30 : byte &- 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { nibble(digits[$0]) << 4 | nibble(digits[$0 + 1]) }
    }
}

struct PostgresAnswer: Sendable {
    var answer = Answer()
    /// The command's name, as in "COMMIT".
    var tag = ""
}

/// The values of one statement in one buffer, as libpq wants them: texts end with NUL, bytes go in binary.
private struct PackedValues {
    var bytes: [UInt8] = []
    var offsets: [Int?] = []
    var lengths: [Int32] = []
    var formats: [Int32] = []

    init(_ values: [SQLValue]) {
        for value in values {
            let text: String
            formats.append(value.kind == .bytes ? 1 : 0)
            switch value {
            case .null:
                offsets.append(nil)
                lengths.append(0)
                continue
            case .bytes(let raw):
                offsets.append(bytes.count)
                lengths.append(Int32(clamping: raw.count))
                bytes += raw + [0]
                continue
            case .integer(let number): text = String(number)
            case .bool(let truth): text = truth ? "t" : "f"
            case .real(let number): text = "\(number)"
            case .text(let words): text = words
            }
            offsets.append(bytes.count)
            lengths.append(Int32(clamping: text.utf8.count))
            bytes += Array(text.utf8) + [0]
        }
    }
}

/// The rows of a batch as libpq wants them: texts where they lie in the batch, numbers in binary.
private struct PackedBatch {
    let batch: RowBatch
    /// Eight bytes for each cell, most significant first; a bool has one.
    private var numbers: [UInt8] = []

    init(_ batch: RowBatch) {
        self.batch = batch
        numbers.reserveCapacity(batch.cells.count * 8)
        for cell in batch.cells {
            let word = cell.kind == .bool ? UInt64(cell.number) << 56 : UInt64(bitPattern: cell.number)
            for shift in stride(from: UInt64(56), through: 0, by: -8) { numbers.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
    }

    /// False when libpq does not take it.
    func send(_ row: Int, _ name: String, _ raw: OpaquePointer) -> Bool {
        let width = batch.width
        return unsafe batch.bytes.withUnsafeBytes { texts in
            unsafe numbers.withUnsafeBytes { numbers in
                var pointers: [UnsafePointer<CChar>?] = unsafe []
                var (lengths, formats): ([Int32], [Int32]) = ([], [])
                for place in row * width..<(row + 1) * width {
                    let cell = batch.cells[place]
                    let start: UnsafeRawPointer? =
                        switch cell.kind {
                        case .null: nil
                        case .integer, .bool: unsafe numbers.baseAddress?.advanced(by: place * 8)
                        case .text: unsafe texts.baseAddress?.advanced(by: Int(cell.number))
                        }
                    unsafe pointers.append(start?.assumingMemoryBound(to: CChar.self))
                    lengths.append(cell.kind == .integer ? 8 : cell.kind == .bool ? 1 : cell.count)
                    formats.append(cell.kind == .text ? 0 : 1)
                }
                return unsafe PQsendQueryPrepared(raw, name, Int32(width), pointers, lengths, formats, 0) == 1
            }
        }
    }
}

/// Texts copied for C; wiped before they are freed, because one of them may be a password.
@safe private struct CStrings: ~Copyable {
    let pointers: [UnsafeMutablePointer<CChar>?]
    init(_ texts: [String]) { unsafe pointers = texts.map { unsafe strdup($0) } }
    deinit {
        for index in unsafe pointers.indices {
            guard let pointer = unsafe pointers[index] else { continue }
            unsafe explicit_bzero(pointer, strlen(pointer))
            unsafe free(pointer)
        }
    }
}

/// A cancel request on its way.
@safe private final class Canceller: @unchecked Sendable {  // used once, on the cancelling thread
    static let thread = DispatchQueue(label: "store postgres cancel")
    static let free = Atomic(true)
    private let raw: OpaquePointer

    init?(_ request: OpaquePointer?) {
        guard let request = unsafe request else { return nil }
        unsafe raw = request
    }
    deinit { unsafe PQfreeCancel(raw) }

    func send() {
        var reason = [CChar](repeating: 0, count: 256)
        // Whether it arrives changes nothing here: the connection is closed either way, and the server's own timeout ends the statement.
        _ = unsafe PQcancel(raw, &reason, Int32(reason.count))
    }
}
