/// A list of fields that is both parser and documentation. Reading reports every bad field at once.
public struct Shape<Value: Sendable>: Sendable {
    /// OpenAPI, forms and settings are drawn from this.
    public let docs: [FieldDoc]
    public let parse: @Sendable (JSON) throws(InputErrors) -> Value
    /// The same shape for callers that existed before us and send more than we read. Everywhere else an unknown name is an
    /// error: a misspelt limit must not become "no limit".
    public var ignoringUnknownFields: Shape {
        Shape(docs: docs, toleratesUnknownFields: true, parse: tolerantParse, tolerantParse: tolerantParse)
    }
    public let toleratesUnknownFields: Bool
    private let tolerantParse: @Sendable (JSON) throws(InputErrors) -> Value

    private init(
        docs: [FieldDoc], toleratesUnknownFields: Bool, parse: @escaping @Sendable (JSON) throws(InputErrors) -> Value,
        tolerantParse: @escaping @Sendable (JSON) throws(InputErrors) -> Value
    ) {
        self.docs = docs
        self.toleratesUnknownFields = toleratesUnknownFields
        self.parse = parse
        self.tolerantParse = tolerantParse
    }

    public init<each F: Sendable>(_ field: repeat Field<each F>, make: @escaping @Sendable (repeat each F) -> Value) {
        var docs: [FieldDoc] = []
        repeat docs.append((each field).doc)
        self.docs = docs
        toleratesUnknownFields = false
        let names = Set(docs.map(\.name))
        @Sendable func read(_ json: JSON, refusingUnknown: Bool) throws(InputErrors) -> Value {
            guard case .object(let object) = json else {
                throw InputErrors(fields: [FieldError("", "must be an object, got \(json.kindText)")])
            }
            var problems: [FieldError] = []
            for member in object.members where refusingUnknown && !names.contains(member.name) {
                problems.append(FieldError(String(member.name.prefix(64)), "is not a known field"))
                if problems.count == Self.maximumUnknownFields { break }
            }
            func attempt<V>(_ field: Field<V>) -> V? {
                if field.doc.required, object[field.doc.name] == nil {
                    problems.append(FieldError(field.doc.name, "is required"))
                    return nil
                }
                do throws(ParseError) { return try field.read(json[field.doc.name]) } catch {
                    problems.append(FieldError(field.doc.name, error.message))
                    return nil
                }
            }
            let values = (repeat attempt(each field))
            guard problems.isEmpty else { throw InputErrors(fields: problems) }
            do { return make(repeat try required(each values)) } catch { throw InputErrors(fields: problems) }
        }
        parse = { json throws(InputErrors) in try read(json, refusingUnknown: true) }
        tolerantParse = { json throws(InputErrors) in try read(json, refusingUnknown: false) }
    }

    /// An answer lists at most this many unknown fields.
    private static var maximumUnknownFields: Int { 16 }

    /// As a field of another shape.
    public func field(_ name: String, _ about: String) -> Field<Value> {
        let inner = self
        return Field(name, about, .object(docs)) { json throws(ParseError) in
            do throws(InputErrors) { return try inner.parse(json) } catch {
                throw ParseError(
                    whole: error.fields.map { $0.field.isEmpty ? $0.message : "\($0.field) \($0.message)" }.joined(separator: "; "))
            }
        }
    }
}

private struct Missing: Error {}

extension Shape where Value == JSON {
    /// Any object, as it came, for callers that existed before us; the handler checks its members.
    public static var anyObject: Shape {
        let read: @Sendable (JSON) throws(InputErrors) -> JSON = { json throws(InputErrors) in
            guard json.object != nil else { throw InputErrors(fields: [FieldError("", "must be an object, got \(json.kindText)")]) }
            return json
        }
        return Shape(docs: [], toleratesUnknownFields: true, parse: read, tolerantParse: read)
    }
}

private func required<V>(_ value: V?) throws(Missing) -> V {
    guard let value else { throw Missing() }
    return value
}
