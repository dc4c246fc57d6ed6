/// A JSON value. Whole numbers that fit are `int`; every other number keeps its text, so nothing is rounded on the way through.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    /// A number as it was written, when it is no whole number of 64 bits.
    case number(String)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    /// The member of that name, `.null` when there is none or this is no object.
    public subscript(name: String) -> JSON {
        if case .object(let object) = self { return object[name] ?? .null }
        return .null
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var int: Int64? { if case .int(let value) = self { value } else { nil } }
    /// Also of a number written with nothing but zeros behind its point: JSON Schema calls 16.0 an integer, and so do some clients.
    public var wholeNumber: Int64? {
        guard case .number(let text) = self else { return int }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, parts[1].allSatisfy({ $0 == "0" }) else { return nil }
        return Int64(parts[0])
    }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var array: [JSON]? { if case .array(let values) = self { values } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// What kind of value this is, in words for an error message; never the value itself.
    public var kindText: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral text: String) { self = .string(text) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
    public init(nilLiteral: ()) { self = .null }
}

/// Members in the order they were written. A later member of the same name replaces the earlier one.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var members: [(name: String, value: JSON)] = []
    /// Past this many members a dictionary answers look-ups, so that a hostile object cannot make them quadratic.
    private static let indexedFrom = 16
    private var index: [String: Int] = [:]

    public init() {}
    public init(_ elements: [(String, JSON)]) { for (name, value) in elements { self[name] = value } }
    public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }

    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }

    /// Equal when the same names hold the same values; order does not matter.
    public static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.count == b.count && a.members.allSatisfy { b[$0.name] == $0.value }
    }

    public subscript(name: String) -> JSON? {
        get { position(name).map { members[$0].value } }
        set {
            let at = position(name)
            switch (at, newValue) {
            case (let at?, let value?): members[at].value = value
            case (let at?, nil):
                members.remove(at: at)
                reindex()
            case (nil, let value?):
                members.append((name, value))
                if members.count == Self.indexedFrom {
                    reindex()
                } else if members.count > Self.indexedFrom {
                    index[name] = members.count - 1
                }
            case (nil, nil): break
            }
        }
    }

    private func position(_ name: String) -> Int? {
        index.isEmpty ? members.firstIndex { $0.name == name } : index[name]
    }
    private mutating func reindex() {
        index = members.count < Self.indexedFrom ? [:] : Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.name, $0) })
    }
}
