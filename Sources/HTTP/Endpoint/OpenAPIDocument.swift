public import Domain

/// The OpenAPI 3.1 document of a list of endpoints. The same list gives the same bytes.
public struct OpenAPIDocument: Sendable {
    public struct Info: Sendable {
        public var title: String
        public var version: String
        public var description: String
        /// Public base URL; "/" when it is not known.
        public var server: String
        /// Name of the session cookie.
        public var sessionCookie: String
        public init(title: String, version: String, description: String, server: String = "/", sessionCookie: String) {
            self.title = title
            self.version = version
            self.description = description
            self.server = server
            self.sessionCookie = sessionCookie
        }
    }
    public let json: JSON

    /// Two operations of one name, or two views of one name that differ, are a mistake of ours and are named.
    public init(_ endpoints: [EndpointDescription], info: Info) {
        var views: [String: View] = [:]
        var operations: Set<String> = []
        var paths = JSONObject()
        let ordered = endpoints.sorted { ($0.template, $0.method.position) < ($1.template, $1.method.position) }
        for endpoint in ordered {
            let operation = OpenAPIOperation(endpoint)
            precondition(operations.insert(operation.id).inserted, "two operations are called \(operation.id)")
            for view in endpoint.successes.compactMap(\.view) {
                guard let name = view.name else { continue }
                precondition(views[name].map { $0.schema == view.schema } ?? true, "two views are called \(name)")
                views[name] = view
            }
            let path = PathTemplate(endpoint.template).openAPIText
            var item = paths[path]?.object ?? [:]
            item[endpoint.method.rawValue.lowercased()] = operation.json
            paths[path] = .object(item)
        }
        var schemas = JSONObject(views.sorted { $0.key < $1.key }.map { ($0.key, OpenAPISchema.json($0.value.schema, isInput: false)) })
        for dialect in ErrorDialect.allCases where endpoints.contains(where: { $0.dialect == dialect }) {
            schemas[dialect.schemaName] = OpenAPISchema.json(dialect.schema, isInput: false)
        }
        let tags = Set(endpoints.map(\.tag)).sorted()
        json = [
            "openapi": "3.1.0",
            "info": [
                "title": .string(info.title), "version": .string(info.version), "description": .string(info.description),
                "license": ["name": "MIT", "identifier": "MIT"],
            ],
            "servers": [["url": .string(info.server)]],
            "tags": .array(tags.map { ["name": .string($0)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas), "securitySchemes": Self.securitySchemes(info),
                "headers": [
                    "RequestID": ["description": "Names the request in our logs.", "schema": ["type": "string"]],
                    "RetryAfter": ["description": "Seconds to wait.", "schema": ["type": "integer", "minimum": 0]],
                    "Allow": ["description": "The methods that this address takes.", "schema": ["type": "string"]],
                ],
            ],
        ]
    }
    public var bytes: [UInt8] { Array((json.prettyText + "\n").utf8) }

    private static func securitySchemes(_ info: Info) -> JSON {
        [
            "bearer": [
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The token of a login, or a personal token.",
            ],
            "session": [
                "type": "apiKey", "in": "cookie", "name": .string(info.sessionCookie),
                "description": "Set by a login in a browser; writes also send the CSRF header.",
            ],
            "relayKey": ["type": "apiKey", "in": "header", "name": "x-api-key", "description": "A relay key."],
            "relayKeyBearer": ["type": "http", "scheme": "bearer", "description": "A relay key as bearer token."],
            "machine": ["type": "http", "scheme": "bearer", "description": "The token of a program, or its own signature."],
        ]
    }
}
