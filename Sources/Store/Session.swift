public import Domain

/// One connection to one database, used by one thread at a time.
protocol Connection: AnyObject {
    var dialect: Dialect { get }
    /// Runs one statement with its values.
    @discardableResult
    func run(_ statement: SQL) throws(StoreError) -> Answer
    /// Runs the batch's statement for each of its rows, and answers for each whether it changed anything.
    func run(_ batch: RowBatch) throws(StoreError) -> [Bool]
    /// Runs several statements without values: migrations only.
    func script(_ text: String) throws(StoreError)
}

/// The two databases; only migrations and backup care which it is.
public enum Dialect: String, Sendable, CaseIterable { case sqlite, postgres }

/// Limits of one statement.
enum StatementLimits {
    /// An answer with more rows is refused: whoever expects that many reads pages.
    static let rows = 100_000
}

/// A consistent view of the database: everything read inside one closure belongs to one moment. Lives only inside the closure it is
/// handed to. The queries are in extensions, one file per group of tables.
public class Reader {
    let connection: any Connection
    /// Where queries take ids and moments from.
    public let ambient: Ambient

    init(_ connection: any Connection, _ ambient: Ambient) {
        self.connection = connection
        self.ambient = ambient
    }

    /// The first error of a statement: it dooms the whole closure, on both databases alike.
    private(set) var failure: StoreError?

    func run(_ statement: SQL) throws(StoreError) -> Answer {
        if let failure { throw failure }
        do throws(StoreError) { return try connection.run(statement) } catch {
            failure = error
            throw error
        }
    }

    func run(_ batch: RowBatch) throws(StoreError) -> [Bool] {
        if let failure { throw failure }
        guard batch.rowCount > 0 else { return [] }
        do throws(StoreError) { return try connection.run(batch) } catch {
            failure = error
            throw error
        }
    }

    func rows(_ statement: SQL) throws(StoreError) -> [Row] { try run(statement).rows }

    func all<R: RowReadable>(_ statement: SQL) throws(StoreError) -> [R] {
        var found: [R] = []
        for row in try rows(statement) { found.append(try R(row: row)) }
        return found
    }

    func first<R: RowReadable>(_ statement: SQL) throws(StoreError) -> R? {
        guard let row = try rows(statement).first else { return nil }
        return try R(row: row)
    }

    /// The single column `name` of the first row; nil when there is no row.
    func value<V: SQLConvertible>(_ name: String, _ statement: SQL) throws(StoreError) -> V? {
        guard let row = try rows(statement).first else { return nil }
        return try row[name]
    }
}

/// Changes that happen together or not at all. The closure it is handed to may run more than once (a conflict with another transaction
/// repeats it), so it must change nothing outside the database.
public final class Transaction: Reader {
    /// Runs a change and says how many rows it touched.
    @discardableResult
    func execute(_ statement: SQL) throws(StoreError) -> Int { try run(statement).changed }

    /// What `lastly` was asked for, in that order.
    private var endings: [(Transaction) throws(StoreError) -> Void] = []

    /// Runs `work` after the closure and before the commit. What changes a row that everybody changes keeps the others waiting for that
    /// row and the commit only.
    func lastly(_ work: @escaping (Transaction) throws(StoreError) -> Void) { endings.append(work) }

    func end() throws(StoreError) {
        for ending in endings { try ending(self) }
    }
}
