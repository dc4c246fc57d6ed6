/// One row of an answer; columns by name.
struct Row: Sendable {
    let columns: Columns
    let values: [SQLValue]

    /// The names of an answer's columns, shared by its rows.
    final class Columns: Sendable {
        let names: [String]
        let indexes: [String: Int]
        init(_ names: [String]) {
            self.names = names
            indexes = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        }
    }

    func value(_ column: String) throws(StoreError) -> SQLValue {
        guard let index = columns.indexes[column], index < values.count else { throw .programming("no column \(column)") }
        return values[index]
    }

    subscript<V: SQLConvertible>(_ column: String) -> V {
        get throws(StoreError) {
            guard let value = V(sqlValue: try value(column)) else { throw .programming("column \(column) is no \(V.self)") }
            return value
        }
    }

    subscript<V: SQLConvertible>(_ column: String) -> V? {
        get throws(StoreError) {
            let found = try value(column)
            if case .null = found { return nil }
            guard let value = V(sqlValue: found) else { throw .programming("column \(column) is no \(V.self)") }
            return value
        }
    }
}

/// A type that one row gives.
protocol RowReadable: Sendable {
    init(row: Row) throws(StoreError)
}

/// What a statement answered.
struct Answer: Sendable {
    var rows: [Row] = []
    /// Rows inserted, updated or deleted.
    var changed: Int = 0
}
