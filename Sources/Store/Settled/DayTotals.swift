internal import Domain

/// What a daily total is of.
public struct UsageDayKey: Hashable, Comparable, Sendable {
    public let apiKeyID: String
    public let day: String
    public let model: String

    init(apiKeyID: String, day: String, model: String) { (self.apiKeyID, self.day, self.model) = (apiKeyID, day, model) }
    init(row: Row) throws(StoreError) {
        apiKeyID = try row["api_key_id"]
        day = try row["day"]
        model = try row["model"]
    }
    public static func < (a: UsageDayKey, b: UsageDayKey) -> Bool {
        (a.apiKeyID, a.day, a.model) < (b.apiKeyID, b.day, b.model)
    }
}

/// What one batch adds to the daily totals, summed first: a batch is mostly the same few keys and models on one day. Numbers are
/// `Bookable`, so sums cannot overflow.
struct DayTotals {
    struct Total {
        let key: UsageDayKey
        let userID: String?
        var requests: Int64 = 0
        /// Tokens of the five classes, web searches, cost and price.
        var numbers = [Int64](repeating: 0, count: 8)
    }
    private var totals: [Total] = []
    private var places: [UsageDayKey: Int] = [:]
    /// The row seen last and its total, which the next row mostly belongs to as well.
    private var last: (row: Int, place: Int)?

    /// Columns of `LedgerEntry.target`.
    private enum Column { static let (key, user, model, numbers, charged, day, counts) = (2, 3, 5, 6..<14, 16, 18, 19) }

    /// Counts a row of ledger entries when it is charged.
    mutating func add(_ row: Int, of entries: borrowing RowBatch) {
        guard entries.number(row, Column.charged) == 1 else { return }
        let place = place(row, entries)
        last = (row, place)
        totals[place].requests += entries.number(row, Column.counts)
        for (index, column) in Column.numbers.enumerated() { totals[place].numbers[index] += entries.number(row, column) }
    }

    /// Before the rows are replaced by others.
    mutating func forgetRow() { last = nil }

    private mutating func place(_ row: Int, _ entries: borrowing RowBatch) -> Int {
        if let last, [Column.key, Column.day, Column.model].allSatisfy({ entries.isSameText($0, row, last.row) }) { return last.place }
        let key = UsageDayKey(
            apiKeyID: entries.text(row, Column.key) ?? "", day: entries.text(row, Column.day) ?? "",
            model: entries.text(row, Column.model) ?? "")
        if let known = places[key] { return known }
        totals.append(Total(key: key, userID: entries.text(row, Column.user)))
        places[key] = totals.count - 1
        return totals.count - 1
    }

    /// Always the same order.
    var inOrder: [Total] { totals.sorted { $0.key < $1.key } }
}
