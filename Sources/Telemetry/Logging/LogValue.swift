/// A value in a log field.
public enum LogValue: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    case text(String)
    case integer(Int64)
    case flag(Bool)
    case none

    public init(stringLiteral text: String) { self = .text(text) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }
    /// Ids and other values whose text is safe to show.
    public init(_ value: some CustomStringConvertible) { self = .text(value.description) }
    public init(_ value: Int) { self = .integer(Int64(value)) }
    public init(_ value: UInt64) { self = .integer(Int64(clamping: value)) }
    public init(_ text: String) { self = .text(text) }
    public init(_ text: String?) { self = text.map { .text($0) } ?? .none }
}

/// Worst last. `error` means that someone must act.
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
    case debug, info, notice, warning, error

    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
    var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .error: 4
        }
    }
}
