/// One field of an input, as OpenAPI, forms and error messages see it.
public struct FieldDoc: Sendable, Equatable {
    public let name: String
    /// One sentence with unit and meaning.
    public let about: String
    public let schema: Schema
    public let required: Bool
    /// Where the field stands.
    public var place: Place = .body

    public enum Place: String, Sendable { case body, query, path, header }

    public init(name: String, about: String, schema: Schema, required: Bool, place: Place = .body) {
        self.name = name
        self.about = about
        self.schema = schema
        self.required = required
        self.place = place
    }
}

/// The little of JSON Schema (2020-12) that our fields need.
public indirect enum Schema: Sendable, Equatable {
    case text(length: ClosedRange<Int>, pattern: String?, format: String?)
    case integer(ClosedRange<Int64>)
    case boolean
    case choice([String])
    case list(of: Schema, count: ClosedRange<Int>)
    case object([FieldDoc])
    case anything
    /// Any number, as JSON writes it.
    case number
    /// An object whose members, of any name, are all alike.
    case map(of: Schema)
    /// The value or null.
    case nullable(Schema)
}

/// How one field is read, and what it says about itself.
public struct Field<Value: Sendable>: Sendable {
    public let doc: FieldDoc
    /// Gets `.null` when the field is absent.
    public let read: @Sendable (JSON) throws(ParseError) -> Value

    public init(doc: FieldDoc, read: @escaping @Sendable (JSON) throws(ParseError) -> Value) {
        self.doc = doc
        self.read = read
    }
    public init(
        _ name: String, _ about: String, _ schema: Schema, required: Bool = true,
        read: @escaping @Sendable (JSON) throws(ParseError) -> Value
    ) {
        self.init(doc: FieldDoc(name: name, about: about, schema: schema, required: required), read: read)
    }

    /// The same field, absent or null becoming `nil`.
    public var optional: Field<Value?> {
        let inner = self
        return Field<Value?>(
            doc: FieldDoc(name: doc.name, about: doc.about, schema: .nullable(doc.schema), required: false, place: doc.place)
        ) { json throws(ParseError) in json == .null ? nil : try inner.read(json) }
    }

    /// The same field, absent or null becoming that value.
    public func or(_ value: Value) -> Field<Value> {
        let inner = self
        return Field(doc: FieldDoc(name: doc.name, about: doc.about, schema: .nullable(doc.schema), required: false, place: doc.place)) {
            json throws(ParseError) in json == .null ? value : try inner.read(json)
        }
    }

    /// The same field, turned into a richer type; the parser's own error text is what the caller sees.
    public func map<Other: Sendable>(_ parse: @escaping @Sendable (Value) throws(ParseError) -> Other) -> Field<Other> {
        let inner = self
        return Field<Other>(doc: doc) { json throws(ParseError) in try parse(try inner.read(json)) }
    }
}

extension Field where Value == String {
    /// Text of that many Unicode scalars, no control characters but tab and line ends.
    public static func text(_ name: String, _ about: String, length: ClosedRange<Int> = 1...255, format: String? = nil) -> Field {
        Field(name, about, .text(length: length, pattern: nil, format: format)) { json throws(ParseError) in
            guard case .string(let text) = json else { throw ParseError("text, got \(json.kindText)") }
            guard length.contains(text.unicodeScalars.count) else {
                throw ParseError("\(length.lowerBound) to \(length.upperBound) characters long, got \(text.unicodeScalars.count)")
            }
            guard isFreeOfControlCharacters(text) else { throw ParseError("free of control characters") }
            return text
        }
    }
    public static func choice(_ name: String, _ about: String, _ options: [String]) -> Field {
        Field(name, about, .choice(options)) { json throws(ParseError) in
            guard case .string(let text) = json, options.contains(text) else {
                throw ParseError("one of \(options.joined(separator: ", "))", got: json.string)
            }
            return text
        }
    }
}

extension Field where Value == Int64 {
    public static func integer(_ name: String, _ about: String, _ range: ClosedRange<Int64>) -> Field {
        Field(name, about, .integer(range)) { json throws(ParseError) in
            guard let value = json.wholeNumber, range.contains(value) else {
                throw ParseError("a whole number from \(range.lowerBound) to \(range.upperBound)", got: json.int.map(String.init))
            }
            return value
        }
    }
}

extension Field where Value == Bool {
    public static func boolean(_ name: String, _ about: String) -> Field {
        Field(name, about, .boolean) { json throws(ParseError) in
            guard case .bool(let value) = json else { throw ParseError("true or false, got \(json.kindText)") }
            return value
        }
    }
}

extension Field where Value == Timestamp {
    public static func time(_ name: String, _ about: String) -> Field {
        Field(name, about, .text(length: 20...40, pattern: nil, format: "date-time")) { json throws(ParseError) in
            guard case .string(let text) = json else { throw ParseError("a time as text, got \(json.kindText)") }
            return try Timestamp(parsing: text)
        }
    }
}

extension Field where Value == [String] {
    /// A list of texts, each of that length.
    public static func texts(_ name: String, _ about: String, count: ClosedRange<Int>, length: ClosedRange<Int> = 1...255) -> Field {
        Field(name, about, .list(of: .text(length: length, pattern: nil, format: nil), count: count)) { json throws(ParseError) in
            guard case .array(let values) = json, count.contains(values.count) else {
                throw ParseError("a list of \(count.lowerBound) to \(count.upperBound) texts")
            }
            var texts: [String] = []
            for value in values {
                guard case .string(let text) = value, length.contains(text.unicodeScalars.count) else {
                    throw ParseError("texts of \(length.lowerBound) to \(length.upperBound) characters")
                }
                guard isFreeOfControlCharacters(text) else { throw ParseError("free of control characters") }
                texts.append(text)
            }
            return texts
        }
    }
}

/// Tabs and line ends are none.
private func isFreeOfControlCharacters(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f || $0 == "\n" || $0 == "\r" || $0 == "\t" }
}
