public import Domain
public import Secrets

/// What was asked and answered in one request, of a key that has its bodies kept. Sealed for its row.
public struct RequestBodies: Sendable, Equatable, RowReadable {
    public let requestID: RequestID
    public let apiKeyID: APIKeyID
    /// See `RequestBodyContent`.
    public let sealed: [UInt8]
    /// Lengths before anything was cut off.
    public let requestBytes: Int64
    public let responseBytes: Int64
    public let createdAt: Timestamp
    public let expiresAt: Timestamp

    public init(
        requestID: RequestID, apiKeyID: APIKeyID, sealed: [UInt8], requestBytes: Int64, responseBytes: Int64, createdAt: Timestamp,
        expiresAt: Timestamp
    ) {
        (self.requestID, self.apiKeyID, self.sealed) = (requestID, apiKeyID, sealed)
        (self.requestBytes, self.responseBytes, self.createdAt, self.expiresAt) = (requestBytes, responseBytes, createdAt, expiresAt)
    }

    init(row: Row) throws(StoreError) {
        requestID = try row["request_id"]
        apiKeyID = try row["api_key_id"]
        sealed = try row["content_sealed"]
        requestBytes = try row["request_bytes"]
        responseBytes = try row["response_bytes"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
    }

    static let columns: SQL = "request_id, api_key_id, content_sealed, request_bytes, response_bytes, created_at, expires_at"

    /// Where the content is sealed for.
    public static func place(_ id: RequestID) -> SealedPlace {
        SealedPlace(table: "request_bodies", row: id.text, column: "content_sealed")
    }

    /// - Throws: `SecretsError`, `ParseError` for a content that is none of ours.
    public func opened(_ keyring: Keyring) throws -> RequestBodyContent {
        try RequestBodyContent(parsing: try keyring.open(sealed, for: Self.place(requestID)))
    }
}

/// The parts of one exchange that are kept.
public struct RequestBodyContent: Sendable, Equatable {
    /// Credentials are replaced before they come here.
    public var headers: [(name: String, value: String)]
    /// As text; bytes that are no UTF-8 are replaced. Cut at the key's cap.
    public var request: String
    public var response: String

    public init(headers: [(name: String, value: String)], request: String, response: String) {
        (self.headers, self.request, self.response) = (headers, request, response)
    }

    init(parsing bytes: [UInt8]) throws(ParseError) {
        let json = try JSON(parsing: bytes)
        guard let request = json["request"].string, let response = json["response"].string else {
            throw ParseError("the bodies of a request")
        }
        headers = (json["headers"].object?.members ?? []).map { (name: $0.name, value: $0.value.string ?? "") }
        (self.request, self.response) = (request, response)
    }

    public var headersJSON: JSON {
        var object = JSONObject()
        for header in headers {
            object[header.name] = .string(object[header.name].map { ($0.string ?? "") + ", " + header.value } ?? header.value)
        }
        return .object(object)
    }
    public var bytes: [UInt8] {
        JSON.object(["headers": headersJSON, "request": .string(request), "response": .string(response)]).bytes
    }

    public static func == (a: RequestBodyContent, b: RequestBodyContent) -> Bool { a.bytes == b.bytes }
}

extension Reader {
    /// Nil when none are kept, or their time is over.
    /// - Parameter apiKeyID: only this key's; nil for anybody's.
    public func requestBodies(_ id: RequestID, apiKeyID: APIKeyID? = nil) throws(StoreError) -> RequestBodies? {
        let owned: SQL = if let apiKeyID { "AND api_key_id = \(apiKeyID)" } else { "" }
        return try first(
            """
            SELECT \(RequestBodies.columns) FROM request_bodies WHERE request_id = \(id) AND expires_at > \(ambient.now()) \(owned)
            """)
    }

    /// In the order of their ids, for sealing them again.
    public func requestBodies(after: RequestID?, limit: Int) throws(StoreError) -> [RequestBodies] {
        let later: SQL = if let after { "WHERE request_id > \(after)" } else { "" }
        return try all(
            "SELECT \(RequestBodies.columns) FROM request_bodies \(later) ORDER BY request_id LIMIT \(PageLimits.clamp(limit))")
    }
}

extension Transaction {
    /// A second time for the same request changes nothing.
    public func keepRequestBodies(_ bodies: RequestBodies) throws(StoreError) {
        try execute(
            """
            INSERT INTO request_bodies (\(RequestBodies.columns))
            VALUES (\(bodies.requestID), \(bodies.apiKeyID), \(bodies.sealed), \(bodies.requestBytes), \(bodies.responseBytes),
                \(bodies.createdAt), \(bodies.expiresAt))
            ON CONFLICT (request_id) DO NOTHING
            """)
    }

    /// Replaces a content when it is still the same; false otherwise.
    public func resealRequestBodies(_ bodies: RequestBodies, to sealed: [UInt8]) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE request_bodies SET content_sealed = \(sealed)
            WHERE request_id = \(bodies.requestID) AND content_sealed = \(bodies.sealed)
            """) == 1
    }

    /// Deletes bodies whose time is over, at most `limit` a call. How many went.
    public func deleteRequestBodies(endedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM request_bodies WHERE request_id IN
                (SELECT request_id FROM request_bodies WHERE expires_at < \(before) ORDER BY expires_at LIMIT \(PageLimits.clamp(limit)))
            """)
    }

    /// Deletes bodies of one key, at most `limit` a call. How many went.
    public func deleteRequestBodies(of key: APIKeyID, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM request_bodies WHERE request_id IN
                (SELECT request_id FROM request_bodies WHERE api_key_id = \(key) ORDER BY request_id LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
