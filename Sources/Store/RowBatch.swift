// Rows for one statement that runs many times in a row. Values go into two flat arrays instead of an array of values each, because
// the ledger's writer handles thousands of rows a second.
internal import Domain

/// The statements that run for every request.
enum BatchStatement: Int, CaseIterable, Sendable {
    case recordRequest, appendLedger

    private var target: String {
        switch self {
        case .recordRequest: RequestRecord.target
        case .appendLedger: LedgerEntry.target
        }
    }
    private var conflict: String {
        switch self {
        case .recordRequest: RequestRecord.conflict
        case .appendLedger: LedgerEntry.conflict
        }
    }

    /// For PostgreSQL, row after row.
    var text: String { "INSERT INTO \(target) VALUES \(parameters(from: 1)) \(conflict)" }

    /// One row or several at once, for SQLite, which takes "$1" for the name of a parameter and numbers those in their order. OR FAIL,
    /// because what a failure leaves behind goes with its transaction: the usual OR ABORT keeps a copy of every page it changes, to take
    /// back the one statement.
    func text(rows: Int) -> String {
        let lists = (0..<rows).map { parameters(from: 1 + $0 * kinds.count) }.joined(separator: ", ")
        return "INSERT OR FAIL INTO \(target) VALUES \(lists) \(conflict)"
    }

    private func parameters(from first: Int) -> String {
        "(\((first..<first + kinds.count).map { "$\($0)" }.joined(separator: ", ")))"
    }

    /// Which rows the statement before has added, as the first column and the second, when it has added so many. Nil where nobody asks.
    /// The ledger only grows, so its newest rows are those with the highest rowids.
    var newest: String? {
        switch self {
        case .recordRequest: nil
        case .appendLedger: "SELECT request_id, attempt FROM ledger WHERE rowid > last_insert_rowid() - $1"
        }
    }

    /// What each parameter is, for PostgreSQL.
    var kinds: [SQLKind] {
        switch self {
        case .recordRequest: RequestRecord.kinds
        case .appendLedger: LedgerEntry.kinds
        }
    }
}

struct RowBatch {
    enum Kind: UInt8, Sendable { case null, integer, bool, text }
    struct Cell: Sendable {
        /// The number; of a text where it begins in `bytes`.
        var number: Int64
        /// Bytes of the text, without the NUL behind it.
        var count: Int32 = 0
        var kind: Kind
    }

    let statement: BatchStatement
    /// Row after row, as many each as the statement has parameters.
    private(set) var cells: [Cell] = []
    /// Texts, each with a NUL behind it.
    private(set) var bytes: [UInt8] = []
    let width: Int
    var rowCount: Int { cells.count / width }

    /// - Parameter rows: how many there will be, to make room once.
    init(_ statement: BatchStatement, rows: Int) {
        self.statement = statement
        width = statement.kinds.count
        cells.reserveCapacity(rows * width)
        bytes.reserveCapacity(rows * 384)
    }

    /// Room stays for the next ones.
    mutating func removeRows() { truncate(to: (0, 0)) }
    /// Where the rows end now; `truncate` takes away what comes after.
    var mark: (cells: Int, bytes: Int) { (cells.count, bytes.count) }
    mutating func truncate(to mark: (cells: Int, bytes: Int)) {
        cells.removeSubrange(mark.cells...)
        bytes.removeSubrange(mark.bytes...)
    }

    func number(_ row: Int, _ column: Int) -> Int64 { cells[row * width + column].number }
    /// Where in `bytes` a text lies; nil for NULL.
    func textRange(_ row: Int, _ column: Int) -> Range<Int>? {
        let cell = cells[row * width + column]
        return cell.kind == .text ? Int(cell.number)..<Int(cell.number) + Int(cell.count) : nil
    }
    func text(_ row: Int, _ column: Int) -> String? { textRange(row, column).map { String(decoding: bytes[$0], as: UTF8.self) } }

    func isSameText(_ column: Int, _ row: Int, _ other: Int) -> Bool {
        guard let one = textRange(row, column), let two = textRange(other, column) else { return false }
        return one.count == two.count && bytes[one] == bytes[two]
    }

    mutating func add(_ number: Int64) { cells.append(Cell(number: number, kind: .integer)) }
    mutating func add(_ truth: Bool) { cells.append(Cell(number: truth ? 1 : 0, kind: .bool)) }
    mutating func add(_ moment: Timestamp) { add(moment.milliseconds) }
    mutating func add(_ number: Int64?) { if let number { add(number) } else { addNull() } }
    mutating func add<Kind>(_ id: Identifier<Kind>) {
        let start = bytes.count
        id.write(to: &bytes)
        end(start)
    }
    mutating func add<Kind>(_ id: Identifier<Kind>?) { if let id { add(id) } else { addNull() } }
    /// - Parameter text: without a NUL.
    mutating func add(_ text: Span<UInt8>) {
        let start = bytes.count
        bytes.append(bytes: text)
        end(start)
    }
    /// A NUL, which no database keeps in a text, is replaced.
    mutating func add(_ text: String) {
        let start = bytes.count
        bytes.append(utf8: text)
        for place in start..<bytes.count where bytes[place] == 0 {
            bytes.removeSubrange(start...)
            bytes.append(utf8: Bookable.text(text))
            break
        }
        end(start)
    }
    mutating func add(_ text: String?) { if let text { add(text) } else { addNull() } }
    mutating func addNull() { cells.append(Cell(number: 0, kind: .null)) }

    private mutating func end(_ start: Int) {
        cells.append(Cell(number: Int64(start), count: Int32(clamping: bytes.count - start), kind: .text))
        bytes.append(0)
    }
}
