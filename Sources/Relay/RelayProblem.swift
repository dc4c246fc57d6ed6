internal import Domain
internal import HTTP

/// Every error that the relay itself makes on Messages paths (relay contract, section 6).
enum RelayProblem: Error, Equatable {
    case noKey
    case keyDisabled
    /// Its own end, its owner's or its team's; so with whose rule it is below.
    case keyExpired(LimitScope = .key)
    case modelNotAllowed(LimitScope = .key)
    case badRequest(String)
    case bodyTooLarge(limitBytes: Int)
    case bodyTooSlow
    case unsupportedEncoding
    case addressNotAllowed(LimitScope = .key)
    case clientNotAllowed(LimitScope = .key)
    case serviceNotAllowed(LimitScope = .key)
    /// A number of the key, its owner or its team is used up.
    case limit(LimitHit)
    /// All places are taken, and so are those in the queue, or the wait was too long.
    case concurrency
    case overloaded(retryAfterSeconds: Int)
    /// Every account that may serve it is cooling or otherwise out; nil: none comes back by itself.
    case accountsOut(retryAfterSeconds: Int, until: Timestamp?)
    case modelNotFound
    case upstreamUnreachable
    case upstreamTimeout
    /// The upstream's answer breaks its own protocol, or an account's fault that the customer must not see.
    case upstreamFault
    case draining
    /// Request bodies, or replies that wait for slow clients, fill the memory that is set aside for them.
    case outOfMemory
    /// Usage could not be recorded, so nothing was sent.
    case cannotRecord
    /// The database does not answer.
    case cannotRead
    case notFound
    /// What the upstream said in its first event: passed on under its own status.
    case upstreamError(type: String, body: [UInt8])

    var status: Int {
        switch self {
        case .noKey: 401
        case .keyDisabled, .keyExpired, .modelNotAllowed, .addressNotAllowed, .clientNotAllowed, .serviceNotAllowed: 403
        case .badRequest, .unsupportedEncoding: 400
        case .bodyTooLarge: 413
        case .bodyTooSlow: 408
        case .limit(let hit): hit.name.isShort ? 429 : 402
        case .concurrency: 429
        case .overloaded, .accountsOut: 529
        case .modelNotFound, .notFound: 404
        case .upstreamUnreachable, .upstreamFault: 502
        case .upstreamTimeout: 504
        case .draining, .outOfMemory, .cannotRecord, .cannotRead: 503
        case .upstreamError(let type, _): Self.status(ofType: type)
        }
    }

    var type: String {
        switch self {
        case .noKey: "authentication_error"
        case .keyDisabled, .keyExpired, .modelNotAllowed, .addressNotAllowed, .clientNotAllowed, .serviceNotAllowed: "permission_error"
        case .badRequest, .unsupportedEncoding, .bodyTooSlow: "invalid_request_error"
        case .bodyTooLarge: "request_too_large"
        case .limit(let hit): hit.name.isShort ? "rate_limit_error" : "billing_error"
        case .concurrency: "rate_limit_error"
        case .overloaded, .accountsOut: "overloaded_error"
        case .modelNotFound, .notFound: "not_found_error"
        case .upstreamUnreachable, .upstreamFault, .draining, .outOfMemory, .cannotRecord, .cannotRead: "api_error"
        case .upstreamTimeout: "timeout_error"
        case .upstreamError(let type, _): type
        }
    }

    /// - Parameter until: when the first account comes back; nil when none does without an operator.
    static func accountsOut(until: Timestamp?, now: Timestamp) -> RelayProblem {
        let wait = until.map { ($0.milliseconds - now.milliseconds + 999) / 1000 } ?? 60
        return .accountsOut(retryAfterSeconds: Int(min(60, max(1, wait))), until: until)
    }

    /// Stable; also the metric's label.
    var code: String {
        switch self {
        case .noKey: "invalid_api_key"
        case .keyDisabled: "key_disabled"
        case .keyExpired: "key_expired"
        case .modelNotAllowed: "model_not_allowed"
        case .badRequest: "invalid_request"
        case .bodyTooLarge: "request_too_large"
        case .bodyTooSlow: "request_too_slow"
        case .unsupportedEncoding: "unsupported_content_encoding"
        case .addressNotAllowed: "ip_not_allowed"
        case .clientNotAllowed: "client_not_allowed"
        case .serviceNotAllowed: "service_not_allowed"
        case .limit(let hit): hit.name.rawValue
        case .concurrency: "concurrency_limit_exceeded"
        case .overloaded, .accountsOut: "no_account_available"
        case .modelNotFound: "model_not_found"
        case .notFound: "not_found"
        case .upstreamUnreachable: "upstream_unreachable"
        case .upstreamTimeout: "upstream_timeout"
        case .upstreamFault: "upstream_fault"
        case .upstreamError: "upstream_error"
        case .draining: "shutting_down"
        case .outOfMemory: "server_busy"
        case .cannotRecord: "usage_cannot_be_recorded"
        case .cannotRead: "storage_unavailable"
        }
    }

    // The usual ones by their names.
    static func tokensPerDay(resetsAt: Timestamp) -> RelayProblem {
        .limit(LimitHit(scope: .key, name: .tokensPerDay, resetsAt: resetsAt))
    }
    static func costPerDay(resetsAt: Timestamp) -> RelayProblem { .limit(LimitHit(scope: .key, name: .costPerDay, resetsAt: resetsAt)) }
    static func requestsPerMinute(waitSeconds: Int) -> RelayProblem {
        .limit(LimitHit(scope: .key, name: .requestsPerMinute, waitSeconds: Int64(waitSeconds)))
    }

    /// Safe to show.
    var message: String {
        switch self {
        case .noKey: "The API key is missing or not valid."
        case .keyDisabled: "This API key is disabled. Ask its issuer."
        case .keyExpired: "This API key has expired."
        case .modelNotAllowed: "This API key may not use the model."
        case .badRequest(let message): message
        case .bodyTooLarge(let limit): "The request body is larger than \(limit) bytes."
        case .bodyTooSlow: "The request body did not arrive in time."
        case .unsupportedEncoding: "The content-encoding of the request body is not supported; send it without."
        case .addressNotAllowed: "This API key may not be used from this address."
        case .clientNotAllowed: "This API key may not be used with this client."
        case .serviceNotAllowed: "This API key may not use this service."
        case .limit(let hit):
            hit.message + (hit.waitSeconds.map { (hit.shortage == nil ? " The next request fits" : " Ask again") + " in \($0) s." } ?? "")
        case .concurrency: "Too many requests of this key are under way."
        case .overloaded, .accountsOut: "No upstream account is free at the moment."
        case .modelNotFound: "No upstream account serves this model."
        case .notFound: "There is nothing at this path."
        case .upstreamUnreachable: "The upstream could not be reached."
        case .upstreamTimeout: "The upstream did not answer in time."
        case .upstreamFault: "The upstream's answer could not be used."
        case .outOfMemory: "The server holds as many requests and replies as it can; try again in a moment."
        case .draining: "The server is shutting down; try again in a moment."
        case .cannotRecord: "Usage cannot be recorded at the moment, so the request was not sent."
        case .cannotRead: "The database does not answer at the moment."
        case .upstreamError: "The upstream reported an error."
        }
    }

    private static func status(ofType type: String) -> Int {
        switch type {
        case "invalid_request_error": 400
        case "authentication_error", "permission_error", "billing_error": 502
        case "not_found_error": 404
        case "request_too_large": 413
        case "rate_limit_error": 429
        case "timeout_error": 504
        case "overloaded_error": 529
        default: 500
        }
    }

    /// - Parameter jitter: 0..<4, so that refused clients do not all come back in the same second.
    func response(request: RequestID, jitter: Int = 0) -> Response {
        let id = request.text
        var headers: Headers = [
            "content-type": "application/json", "request-id": id, "x-relay-request-id": id, "cache-control": "no-store",
        ]
        var details: JSONObject = ["error_code": .string(code)]
        switch self {
        case .keyExpired(let scope), .modelNotAllowed(let scope), .addressNotAllowed(let scope), .clientNotAllowed(let scope),
            .serviceNotAllowed(let scope):
            details["scope"] = .string(scope.rawValue)
            headers.add("x-should-retry", "false")
        case .noKey, .keyDisabled, .modelNotFound: headers.add("x-should-retry", "false")
        case .limit(let hit):
            details["scope"] = .string(hit.scope.rawValue)
            if let resets = hit.resetsAt { details["resets_at"] = .string(resets.text) }
            let wait = max(1, hit.waitSeconds ?? 60)
            if hit.name.isShort { headers.add("retry-after", String(wait)) }
            // A client that waits for hours looks dead; it had better fail.
            if !hit.name.isShort || wait > 60 { headers.add("x-should-retry", "false") }
        case .concurrency: headers.add("retry-after", String(1 + jitter % 5))
        case .overloaded(let seconds): headers.add("retry-after", String(min(60, max(1, seconds))))
        case .accountsOut(let seconds, let until):
            headers.add("retry-after", String(min(60, max(1, seconds))))
            // Clients may not be told to wait longer; people may know.
            if let until { details["resets_at"] = .string(until.text) }
        case .draining, .outOfMemory, .cannotRecord, .cannotRead: headers.add("retry-after", "2")
        case .upstreamError(_, let body):
            // The body is the upstream's and so is the id in it; ours stands in `x-relay-request-id`.
            if let theirs = (try? JSON(parsing: body))?["request_id"].string { headers.set("request-id", String(theirs.prefix(128))) }
            return Response(status: status, headers: headers, body: body)
        case .badRequest, .bodyTooLarge, .bodyTooSlow, .unsupportedEncoding, .upstreamUnreachable, .upstreamTimeout, .upstreamFault,
            .notFound:
            break
        }
        let body: JSON = [
            "type": "error", "error": ["type": .string(type), "message": .string(message), "details": .object(details)],
            "request_id": .string(id),
        ]
        return Response(status: status, headers: headers, body: body.bytes)
    }

    /// As an SSE event, once the reply has begun.
    func event(request: RequestID) -> [UInt8] {
        let body: JSON = [
            "type": "error", "error": ["type": .string(type), "message": .string(message)], "request_id": .string(request.text),
        ]
        return Array("event: error\ndata: \(body.text)\n\n".utf8)
    }
}
