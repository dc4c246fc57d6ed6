public import Domain

/// Our schemas as JSON Schema 2020-12, and the check that an example keeps to its schema.
enum OpenAPISchema {
    /// - Parameters:
    ///   - isInput: inputs also say what characters they refuse, and that unknown members are refused.
    static func json(_ schema: Schema, isInput: Bool, refusesUnknown: Bool = true) -> JSON {
        switch schema {
        case .text(let length, let pattern, let format):
            var out: JSONObject = ["type": "string"]
            if length.lowerBound > 0 { out["minLength"] = .int(Int64(length.lowerBound)) }
            if length.upperBound < Int(Int32.max) { out["maxLength"] = .int(Int64(length.upperBound)) }
            if let pattern {
                out["pattern"] = .string(pattern)
            } else if isInput, format == nil {
                out["pattern"] = .string(noControlCharacters)
            }
            if let format { out["format"] = .string(format) }
            return .object(out)
        case .integer(let range):
            var out: JSONObject = ["type": "integer"]
            if range.lowerBound > Int64.min { out["minimum"] = .int(range.lowerBound) }
            if range.upperBound < Int64.max { out["maximum"] = .int(range.upperBound) }
            return .object(out)
        case .number: return ["type": "number"]
        case .boolean: return ["type": "boolean"]
        case .choice(let options): return ["type": "string", "enum": .array(options.map(JSON.string))]
        case .list(let element, let count):
            var out: JSONObject = ["type": "array", "items": json(element, isInput: isInput)]
            if count.lowerBound > 0 { out["minItems"] = .int(Int64(count.lowerBound)) }
            out["maxItems"] = .int(Int64(count.upperBound))
            return .object(out)
        case .map(let element): return ["type": "object", "additionalProperties": json(element, isInput: isInput)]
        case .object(let fields):
            var out: JSONObject = ["type": "object"]
            let required = fields.filter(\.required).map { JSON.string($0.name) }
            out["properties"] = .object(
                JSONObject(
                    fields.map { field in
                        var inner = json(field.schema, isInput: isInput).object ?? [:]
                        inner["description"] = .string(field.about)
                        return (field.name, .object(inner))
                    }))
            if !required.isEmpty { out["required"] = .array(required) }
            if isInput, refusesUnknown { out["additionalProperties"] = false }
            return .object(out)
        case .anything: return [:]
        case .nullable(let inner):
            var out = json(inner, isInput: isInput).object ?? [:]
            guard let type = out["type"] else { return .object(out) }
            out["type"] = [type, "null"]
            if case .array(let options) = out["enum"] { out["enum"] = .array(options + [.null]) }
            return .object(out)
        }
    }
    /// What `Field.text` takes: no control characters but tab and line ends.
    private static let noControlCharacters = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$"
    private static let pathCharacters = "^[^\\x00-\\x1f\\x7f/\\\\]*$"

    /// As `json`, for one part of a path, which the router refuses with other characters.
    static func pathParameter(_ schema: Schema) -> JSON {
        guard case .text(let length, nil, nil) = schema else { return json(schema, isInput: true) }
        return json(.text(length: length, pattern: pathCharacters, format: nil), isInput: true)
    }

    static func withoutNull(_ schema: Schema) -> Schema {
        if case .nullable(let inner) = schema { return withoutNull(inner) }
        return schema
    }
}

extension Schema {
    /// Where the value breaks the schema, as "/user/id must be text"; empty when it does not. Members that are not listed are allowed.
    public func faults(in value: JSON, at place: String = "") -> [String] {
        func expect(_ holds: Bool, _ what: String) -> [String] { holds ? [] : ["\(place) must be \(what), got \(value.kindText)"] }
        switch (self, value) {
        case (.anything, _): return []
        case (.nullable, .null): return []
        case (.nullable(let inner), _): return inner.faults(in: value, at: place)
        case (.text(let length, _, _), .string(let text)):
            return expect(length.contains(text.unicodeScalars.count), "\(length) characters long")
        case (.integer(let range), .int(let number)): return expect(range.contains(number), "in \(range)")
        case (.number, .int), (.number, .number), (.boolean, .bool): return []
        case (.choice(let options), .string(let text)): return expect(options.contains(text), "one of \(options)")
        case (.list(let element, let count), .array(let values)):
            return expect(count.contains(values.count), "\(count) long")
                + values.enumerated().flatMap { element.faults(in: $1, at: "\(place)/\($0)") }
        case (.map(let element), .object(let object)):
            return object.members.flatMap { element.faults(in: $0.value, at: "\(place)/\($0.name)") }
        case (.object(let fields), .object(let object)):
            return fields.flatMap { field -> [String] in
                guard let member = object[field.name] else { return field.required ? ["\(place)/\(field.name) is missing"] : [] }
                return field.schema.faults(in: member, at: "\(place)/\(field.name)")
            }
        case (.text, _): return expect(false, "text")
        case (.integer, _): return expect(false, "a whole number")
        case (.number, _): return expect(false, "a number")
        case (.boolean, _): return expect(false, "true or false")
        case (.choice, _): return expect(false, "text")
        case (.list, _): return expect(false, "a list")
        case (.map, _), (.object, _): return expect(false, "an object")
        }
    }
}

extension Schema {
    /// A plain value that keeps to the schema, for bodies without an example of their own. A pattern is not looked at.
    public var sample: JSON {
        switch self {
        case .text(_, _, "date-time"): return "2026-11-21T00:00:00Z"
        case .text(_, _, "email"): return "person@example.com"
        case .text(let length, _, _):
            let word = "example".prefix(length.upperBound)
            return .string(word + String(repeating: "e", count: max(0, length.lowerBound - word.count)))
        case .integer(let range): return .int(min(max(1, range.lowerBound), range.upperBound))
        case .number: return 1
        case .boolean: return true
        case .choice(let options): return options.first.map(JSON.string) ?? .null
        case .list(let element, let count):
            return .array(Array(repeating: element.sample, count: min(max(1, count.lowerBound), count.upperBound)))
        case .object(let fields): return .object(JSONObject(fields.map { ($0.name, $0.schema.sample) }))
        case .map, .anything: return [:]
        case .nullable(let inner): return inner.sample
        }
    }
}

extension ErrorDialect {
    var schemaName: String {
        switch self {
        case .control: "Problem"
        case .messages: "MessagesProblem"
        case .olderRelay: "OlderRelayProblem"
        case .openAI: "OpenAIProblem"
        case .chat: "ChatProblem"
        case .detail: "DetailProblem"
        }
    }
    var schema: Schema {
        let code = FieldDoc.always("code", "Stable; for programs.", .text)
        let message = FieldDoc.always("message", "For people.", .text)
        let id = FieldDoc.always("request_id", "Names the request in our logs.", .text)
        let wait = FieldDoc.maybe("retry_after", "Seconds to wait.", .count)
        switch self {
        case .control:
            let fault: Schema = .object([
                .always("in", "Where the field stood.", .choice(["body", "query", "path", "header"])),
                .always("field", "Its name; empty for the input as a whole.", .text), .always("message", "What it must be.", .text),
            ])
            let fields = FieldDoc.maybe("fields", "Every bad field.", .list(of: fault, count: 0...EndpointLimits.faults))
            return .object([.always("error", "What went wrong.", .object([code, message, id, wait, fields]))])
        case .chat: return .object([.always("error", "What went wrong.", .object([code, message, id, wait]))])
        case .messages:
            return .object([
                .always("type", "Always `error`.", .choice(["error"])),
                .always(
                    "error", "What went wrong.",
                    .object([.always("type", "Its class.", .text), message, .maybe("details", "With a stable `error_code`.", .anything)])),
                id,
            ])
        case .detail: return .object([.always("detail", "A sentence, or a list of `loc`, `msg` and `type` for bad input.", .anything)])
        case .olderRelay: return .object([.always("error", "Its class.", .text), message])
        case .openAI:
            return .object([
                .always(
                    "error", "What went wrong.",
                    .object([
                        message, .always("type", "Its class.", .text), .always("param", "Which field.", .nullable(.text)),
                        .always("code", "Stable.", .nullable(.text)),
                    ]))
            ])
        }
    }
}
