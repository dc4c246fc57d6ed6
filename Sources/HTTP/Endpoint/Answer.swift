public import Domain

/// What a handler gives back. A dictionary literal is the usual form: `["id": .string(id.text)]`.
public struct Answer: Sendable, ExpressibleByDictionaryLiteral {
    enum Content: Sendable {
        case none
        case json(JSON)
        case bytes([UInt8], type: String)
    }
    /// The endpoint's own when nil.
    public var status: Int?
    public var headers: Headers
    let content: Content

    private init(_ content: Content, status: Int?, headers: Headers) {
        self.content = content
        self.status = status
        self.headers = headers
    }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(.json(.object(JSONObject(elements))), status: nil, headers: [:])
    }
    public static func json(_ value: JSON, status: Int? = nil, headers: Headers = [:]) -> Answer {
        Answer(.json(value), status: status, headers: headers)
    }
    public static func bytes(_ bytes: [UInt8], type: String, status: Int? = nil, headers: Headers = [:]) -> Answer {
        Answer(.bytes(bytes, type: type), status: status, headers: headers)
    }
    /// No body, as for 204.
    public static func empty(status: Int? = nil, headers: Headers = [:]) -> Answer { Answer(.none, status: status, headers: headers) }

    /// Complete, with the headers every control answer has.
    func response(for description: EndpointDescription) -> Response {
        var headers = headers
        if headers["cache-control"] == nil { headers.set("cache-control", "no-store") }
        headers.set("x-content-type-options", "nosniff")
        let body: [UInt8]
        switch content {
        case .none: body = []
        case .json(let value):
            headers.set("content-type", "application/json")
            body = value.bytes
        case .bytes(let bytes, let type):
            headers.set("content-type", type)
            body = bytes
        }
        return Response(status: status ?? description.successes[0].status, headers: headers, body: body)
    }
}

/// A status that is no problem, and what comes with it.
public struct Success: Sendable {
    public let status: Int
    public let about: String
    /// nil when there is no body.
    public let view: View?
    /// Of the body; the first is what is sent when the caller does not care.
    public let mediaTypes: [String]

    public init(_ status: Int, _ about: String, _ view: View?, mediaTypes: [String] = ["application/json"]) {
        self.status = status
        self.about = about
        self.view = view
        self.mediaTypes = view == nil ? [] : mediaTypes
    }
    public static func ok(_ view: View, _ about: String = "Done.") -> Success { Success(200, about, view) }
    public static func created(_ view: View, _ about: String = "Made.") -> Success { Success(201, about, view) }
    public static func accepted(_ view: View, _ about: String = "Begun; ask again later.") -> Success { Success(202, about, view) }
    public static var noContent: Success { Success(204, "Done; there is nothing to say.", nil) }
    /// Text of that media type.
    public static func text(_ type: String, _ about: String, example: String) -> Success {
        Success(
            200, about, View(nil, .text(length: 0...Int(Int32.max), pattern: nil, format: nil), example: .string(example)),
            mediaTypes: [type])
    }
}

/// What goes out: a schema and one example that matches it.
public struct View: Sendable {
    /// Its name among the components of the OpenAPI document; nil to stand in place.
    public let name: String?
    public let schema: Schema
    public let example: JSON

    public init(_ name: String?, _ schema: Schema, example: JSON) {
        self.name = name
        self.schema = schema
        self.example = example
    }
    /// An object of these fields. Clients must take fields that are not listed.
    public init(_ name: String, _ fields: [FieldDoc], example: JSON) { self.init(name, .object(fields), example: example) }
}

extension FieldDoc {
    /// A field of an answer that is always there.
    public static func always(_ name: String, _ about: String, _ schema: Schema) -> FieldDoc {
        FieldDoc(name: name, about: about, schema: schema, required: true)
    }
    /// A field of an answer that may be missing.
    public static func maybe(_ name: String, _ about: String, _ schema: Schema) -> FieldDoc {
        FieldDoc(name: name, about: about, schema: schema, required: false)
    }
}

extension Schema {
    /// Text of any length, for answers.
    public static var text: Schema { .text(length: 0...Int(Int32.max), pattern: nil, format: nil) }
    /// An RFC 3339 time.
    public static var time: Schema { .text(length: 20...40, pattern: nil, format: "date-time") }
    /// 0 or more.
    public static var count: Schema { .integer(0...Int64.max) }
}
