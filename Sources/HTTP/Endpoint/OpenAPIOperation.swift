internal import Domain

/// One endpoint as OpenAPI tells it.
struct OpenAPIOperation {
    private let endpoint: EndpointDescription
    init(_ endpoint: EndpointDescription) { self.endpoint = endpoint }

    /// "postApiKeysId"
    var id: String {
        let words = endpoint.template.split { !$0.isLetter && !$0.isNumber }
        return words.reduce(endpoint.method.rawValue.lowercased()) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    var json: JSON {
        var operation: JSONObject = [
            "operationId": .string(id), "tags": [.string(endpoint.tag)], "summary": .string(endpoint.summary),
        ]
        if let about = aboutWithRoles { operation["description"] = .string(about) }
        operation["security"] = security
        let parameters = (endpoint.pathFields + endpoint.queryFields).map(Self.parameter) + headerParameters
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if endpoint.bodyRule != .none { operation["requestBody"] = requestBody }
        operation["responses"] = responses
        return .object(operation)
    }

    private var aboutWithRoles: String? {
        guard case .operators(let roles) = endpoint.audience else { return endpoint.about }
        return [endpoint.about, "For the roles: \(roles.joined(separator: ", "))."].compactMap { $0 }.joined(separator: "\n\n")
    }
    private var security: JSON {
        switch endpoint.audience {
        case .anyone: []
        case .customer, .operators: [["bearer": []], ["session": []]]
        case .relayKey: [["relayKey": []], ["relayKeyBearer": []]]
        case .machine: [["machine": []]]
        case .machineOrLocal: [["machine": []], [:]]
        }
    }

    private static func parameter(_ field: FieldDoc) -> JSON {
        [
            "name": .string(field.name), "in": .string(field.place.rawValue), "description": .string(field.about),
            "required": .bool(field.place == .path || field.required),
            "schema": field.place == .path
                ? OpenAPISchema.pathParameter(field.schema) : OpenAPISchema.json(OpenAPISchema.withoutNull(field.schema), isInput: true),
        ]
    }
    private var headerParameters: [JSON] {
        guard endpoint.takesIdempotencyKey else { return [] }
        return [
            [
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "Made by the caller; a repeat with the same key and content gets the first answer again.",
                "schema": ["type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"],
            ]
        ]
    }

    private var requestBody: JSON {
        guard endpoint.bodyRule == .json else {
            return ["required": false, "content": ["*/*": ["schema": [:]]], "description": "Read and thrown away."]
        }
        var media: JSONObject = [
            "schema": OpenAPISchema.json(
                .object(endpoint.bodyFields), isInput: true, refusesUnknown: !endpoint.toleratesUnknownBodyFields)
        ]
        media["example"] = endpoint.bodyExample ?? Schema.object(endpoint.bodyFields).sample
        return ["required": .bool(endpoint.bodyFields.contains(where: \.required)), "content": ["application/json": .object(media)]]
    }

    private var responses: JSON {
        var byStatus: [Int: JSONObject] = [:]
        for success in endpoint.successes { byStatus[success.status] = Self.response(success) }
        for (status, kinds) in Dictionary(grouping: endpoint.allProblems, by: \.status) {
            byStatus[status] = addProblems(kinds.sorted { $0.code < $1.code }, to: byStatus[status])
        }
        return .object(JSONObject(byStatus.sorted { $0.key < $1.key }.map { (String($0.key), .object($0.value)) }))
    }

    private static func response(_ success: Success) -> JSONObject {
        var response: JSONObject = [
            "description": .string(success.about), "headers": ["x-request-id": ["$ref": "#/components/headers/RequestID"]],
        ]
        guard let view = success.view else { return response }
        let schema: JSON =
            view.name.map { ["$ref": .string("#/components/schemas/\($0)")] } ?? OpenAPISchema.json(view.schema, isInput: false)
        response["content"] = .object(
            JSONObject(
                success.mediaTypes.map { type in
                    type == "application/json" || success.mediaTypes.count == 1
                        ? (type, ["schema": schema, "example": view.example]) : (type, ["schema": ["type": "string"]])
                }))
        return response
    }

    /// A status that is both a success's and a problem's has either body.
    private func addProblems(_ kinds: [ProblemKind], to success: JSONObject?) -> JSONObject {
        let dialect = endpoint.dialect
        var content = success?["content"]?.object ?? [:]
        let known = content["application/json"]
        var schema: JSON = ["$ref": .string("#/components/schemas/\(dialect.schemaName)")]
        if let known { schema = ["anyOf": [known["schema"], schema]] }
        var headers: JSONObject = ["x-request-id": ["$ref": "#/components/headers/RequestID"]]
        if kinds.contains(where: { $0.status == 429 || $0.status == 503 }) {
            headers["retry-after"] = ["$ref": "#/components/headers/RetryAfter"]
        }
        var examples = JSONObject()
        if let known { examples["answer"] = ["value": known["example"]] }
        for kind in kinds { examples[kind.code] = ["value": dialect.body(Problem(kind), id: .example)] }
        content["application/json"] = ["schema": schema, "examples": .object(examples)]
        let sentences = [success?["description"]?.string].compactMap { $0 } + kinds.map { "`\($0.code)`: \($0.sentence)" }
        return [
            "description": .string(sentences.joined(separator: "\n\n")), "headers": .object(headers), "content": .object(content),
        ]
    }
}

extension RequestID {
    static var example: RequestID { RequestID(high: 0x0193_c0de_8a7b_7f3e, low: 0x9d2c_4b5a_6978_8796) }
}

extension EndpointDescription {
    /// With what the router, the input and the audience can make of a call.
    public var allProblems: [ProblemKind] {
        if isRaw { return Set(problems + [.badPath, .wrongHost]).sorted { ($0.status, $0.code) < ($1.status, $1.code) } }
        var all: Set<ProblemKind> = [.badPath, .badRequest, .wrongHost, .internalError, .overloaded]
        all.formUnion(problems)
        if successes.contains(where: { !$0.mediaTypes.isEmpty }) { all.insert(.notAcceptable) }
        // An unknown query parameter is bad input even where none is known.
        all.insert(.invalidInput)
        if bodyRule == .json { all.formUnion([.badJSON, .bodyTooLarge, .unsupportedMediaType, .slowBody]) }
        if bodyRule == .discarded { all.insert(.slowBody) }
        if takesIdempotencyKey { all.formUnion([.badIdempotencyKey, .idempotencyUnderWay, .idempotencyInterrupted, .idempotencyMismatch]) }
        return all.sorted { ($0.status, $0.code) < ($1.status, $1.code) }
    }
}
