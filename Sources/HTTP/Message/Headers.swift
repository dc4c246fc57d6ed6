/// Header fields in order. Names compare without case (ASCII). For control requests; the data path keeps bytes.
public struct Headers: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var fields: [(name: String, value: String)]

    public init() { fields = [] }
    public init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { (name: $0.0, value: $0.1) } }

    public static func == (a: Headers, b: Headers) -> Bool {
        a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
    }

    /// The first field of that name.
    public subscript(name: String) -> String? { fields.first { Self.same($0.name, name) }?.value }

    public func all(_ name: String) -> [String] { fields.filter { Self.same($0.name, name) }.map(\.value) }
    public mutating func add(_ name: String, _ value: String) { fields.append((name, value)) }
    public mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }
    /// Adds those of the fields whose names are not here yet.
    public mutating func addMissing(_ others: Headers) {
        for field in others.fields where self[field.name] == nil { add(field.name, field.value) }
    }
    public mutating func remove(_ name: String) { fields.removeAll { Self.same($0.name, name) } }

    private static func same(_ a: String, _ b: String) -> Bool {
        a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lower($0) == lower($1) }
    }
    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
