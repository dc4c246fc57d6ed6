// SQL as text and values. Interpolation binds: `"SELECT id FROM users WHERE email = \(email)"` is a text with one placeholder and one
// value, whatever the value holds. There is no way to splice text in.
internal import Domain

/// One value as a database keeps it.
enum SQLValue: Hashable, Sendable {
    case null(SQLKind)
    case integer(Int64)
    case bool(Bool)
    case real(Double)
    case text(String)
    case bytes([UInt8])

    var kind: SQLKind {
        switch self {
        case .null(let kind): kind
        case .integer: .integer
        case .bool: .bool
        case .real: .real
        case .text: .text
        case .bytes: .bytes
        }
    }
}

/// A null needs a kind too, because PostgreSQL wants every parameter's type.
enum SQLKind: Hashable, Sendable { case integer, bool, real, text, bytes }

/// A Swift type that has one SQL form.
protocol SQLConvertible: Sendable {
    static var sqlKind: SQLKind { get }
    var sqlValue: SQLValue { get }
    /// Nil when the value is of another type or out of range.
    init?(sqlValue: SQLValue)
}

struct SQL: ExpressibleByStringInterpolation, Sendable {
    /// The text between the values; there is always one part more than there are values.
    let parts: [String]
    let values: [SQLValue]
    /// Set for the few statements that run for every request: SQLite then finds the prepared one without making its text.
    var frequent: FrequentStatement?

    init(stringLiteral text: String) { (parts, values) = ([text], []) }
    init(stringInterpolation made: StringInterpolation) { (parts, values) = (made.parts, made.values) }

    struct StringInterpolation: StringInterpolationProtocol {
        var parts = [""]
        var values: [SQLValue] = []
        init(literalCapacity: Int, interpolationCount: Int) {
            parts.reserveCapacity(interpolationCount + 1)
            values.reserveCapacity(interpolationCount)
        }
        mutating func appendLiteral(_ text: String) { parts[parts.count - 1] += text }
        mutating func appendInterpolation(_ value: some SQLConvertible) {
            values.append(value.sqlValue)
            parts.append("")
        }
        mutating func appendInterpolation<V: SQLConvertible>(_ value: V?) {
            values.append(value?.sqlValue ?? .null(V.sqlKind))
            parts.append("")
        }
        /// Another statement's text and values, for a condition used in several queries.
        mutating func appendInterpolation(_ part: SQL) {
            parts[parts.count - 1] += part.parts[0]
            for (value, text) in zip(part.values, part.parts.dropFirst()) {
                values.append(value)
                parts.append(text)
            }
        }
    }

    func named(_ name: FrequentStatement) -> SQL {
        var statement = self
        statement.frequent = name
        return statement
    }

    /// The text with placeholders `<mark>1`, `<mark>2`, …: "?" for SQLite, "$" for PostgreSQL.
    func text(mark: Character) -> String {
        var text = parts[0]
        for (index, part) in parts.dropFirst().enumerated() { text += "\(mark)\(index + 1)" + part }
        return text
    }
}

/// Each stands for one text with another set of values every time.
enum FrequentStatement: Int, CaseIterable, Sendable { case addToDay, recordUse }

extension Int64: SQLConvertible {
    static var sqlKind: SQLKind { .integer }
    var sqlValue: SQLValue { .integer(self) }
    init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self = value
    }
}

extension Int: SQLConvertible {
    static var sqlKind: SQLKind { .integer }
    var sqlValue: SQLValue { .integer(Int64(self)) }
    init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(exactly: value)
    }
}

extension Bool: SQLConvertible {
    static var sqlKind: SQLKind { .bool }
    var sqlValue: SQLValue { .bool(self) }
    /// SQLite keeps 0 and 1.
    init?(sqlValue: SQLValue) {
        switch sqlValue {
        case .bool(let value): self = value
        case .integer(0): self = false
        case .integer(1): self = true
        default: return nil
        }
    }
}

extension Double: SQLConvertible {
    static var sqlKind: SQLKind { .real }
    var sqlValue: SQLValue { .real(self) }
    init?(sqlValue: SQLValue) {
        switch sqlValue {
        case .real(let value): self = value
        case .integer(let value): self = Double(value)
        default: return nil
        }
    }
}

extension String: SQLConvertible {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(self) }
    init?(sqlValue: SQLValue) {
        guard case .text(let value) = sqlValue else { return nil }
        self = value
    }
}

extension [UInt8]: SQLConvertible {
    static var sqlKind: SQLKind { .bytes }
    var sqlValue: SQLValue { .bytes(self) }
    init?(sqlValue: SQLValue) {
        guard case .bytes(let value) = sqlValue else { return nil }
        self = value
    }
}

extension Timestamp: SQLConvertible {
    static var sqlKind: SQLKind { .integer }
    var sqlValue: SQLValue { .integer(milliseconds) }
    init?(sqlValue: SQLValue) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(milliseconds: value)
    }
}

extension Identifier: SQLConvertible {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(text) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        do throws(ParseError) { try self.init(parsing: text) } catch { return nil }
    }
}

/// An enum of words, kept as its word.
protocol SQLWord: SQLConvertible, RawRepresentable<String> {}
extension SQLWord {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(rawValue) }
    init?(sqlValue: SQLValue) {
        guard case .text(let word) = sqlValue else { return nil }
        self.init(rawValue: word)
    }
}

/// PostgreSQL keeps no NUL in a text, so neither do we, on either.
func refuseNUL(_ statement: SQL) throws(StoreError) {
    for case .text(let text) in statement.values where hasNUL(text) { throw .refused("nul_in_text") }
}

private func hasNUL(_ text: String) -> Bool {
    // The plain loop over contiguous bytes; `contains` on a UTF-8 view costs ten times as much.
    let bytes = text.utf8Span.span
    for index in bytes.indices where bytes[index] == 0 { return true }
    return false
}
