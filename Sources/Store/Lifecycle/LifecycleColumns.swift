// How the words of the life cycle stand in a column.
internal import Domain

extension DesiredState: SQLWord {}
extension ActualState: SQLWord {}
extension SuspensionReason: SQLWord {}
extension SuspensionAuthority: SQLWord {}

extension ServiceKind: SQLConvertible {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(text) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        do throws(ParseError) { try self.init(parsing: text) } catch { return nil }
    }
}

extension Currency: SQLConvertible {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(code) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        do throws(ParseError) { try self.init(parsing: text) } catch { return nil }
    }
}

/// A document, kept as compact text.
extension JSON: SQLConvertible {
    static var sqlKind: SQLKind { .text }
    var sqlValue: SQLValue { .text(text) }
    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        do throws(ParseError) { try self.init(parsing: text) } catch { return nil }
    }
}

extension SQL {
    /// "$1, $2, …" for IN; the caller sees to it that there is at least one and not more than a page.
    static func list(_ values: some Collection<some SQLConvertible>) -> SQL {
        var joined: SQL = ""
        for (index, value) in values.enumerated() { joined = index == 0 ? "\(value)" : "\(joined), \(value)" }
        return joined
    }
}

extension Reader {
    /// Rows that another process holds are passed by; SQLite has one writer and needs no lock.
    var skippingLocked: SQL { connection.dialect == .postgres ? "FOR UPDATE SKIP LOCKED" : "" }
    /// A row that is read to be changed is taken at once, so that fifty copies of a message queue up instead of colliding.
    var locking: SQL { connection.dialect == .postgres ? "FOR UPDATE" : "" }
}
