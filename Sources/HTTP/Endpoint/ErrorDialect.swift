public import Domain

/// In which of the shapes that existing clients read an error is told.
public enum ErrorDialect: String, Sendable, CaseIterable {
    /// `{"error":{"code","message","request_id","retry_after"?,"fields"?:[{"in","field","message"}]}}`
    case control
    /// `{"type":"error","error":{"type","message","details"?},"request_id"}` with the header `request-id`.
    case messages
    /// `{"error":"<title>","message"}`, the older relay's.
    case olderRelay
    /// `{"error":{"code","message","request_id","retry_after"?}}`, the simple chat interface's.
    case chat
    /// `{"error":{"message","type","param","code"}}`, OpenAI's.
    case openAI
    /// `{"detail":"<sentence>"}`; for bad input `{"detail":[{"loc":[place, field],"msg","type"}]}`. The older VPN interface's.
    case detail

    /// The shape for an address that no endpoint answers, by its prefix.
    public static func of(path: Span<UInt8>) -> ErrorDialect {
        for (prefix, dialect) in prefixes where Self.isPrefix(prefix, of: path) { return dialect }
        return .control
    }
    public static func of(path: String) -> ErrorDialect {
        let bytes = Array(path.utf8)
        return of(path: bytes.span)
    }

    /// First match wins: the billing surface lies below a Messages prefix.
    private static let prefixes: [([UInt8], ErrorDialect)] = prefixTexts.map { (Array($0.0.utf8), $0.1) }
    private static let prefixTexts: [(String, ErrorDialect)] = [
        ("/api/v1/whmcs", .control), ("/v1", .messages), ("/api/v1", .messages), ("/claude", .messages), ("/openai", .messages),
        ("/api/claude", .messages), ("/api/chat", .chat), ("/api/conversations", .chat), ("/admin", .olderRelay),
        ("/web/auth", .olderRelay), ("/apiStats", .olderRelay), ("/auth", .detail), ("/tariffs", .detail),
        ("/payments", .detail), ("/vpn_peers", .detail), ("/vpn", .detail),
    ]

    private static func isPrefix(_ prefix: [UInt8], of path: Span<UInt8>) -> Bool {
        guard path.count >= prefix.count, path.count == prefix.count || path[prefix.count] == 0x2f else { return false }
        for index in prefix.indices where path[index] != prefix[index] { return false }
        return true
    }

    /// The whole answer, headers included. Waiting times over 60 s come with `x-should-retry: false`, since some clients would
    /// wait for hours without asking.
    public func response(_ problem: Problem, id: RequestID) -> Response {
        var headers = problem.headers
        headers.set("content-type", "application/json")
        headers.set("cache-control", "no-store")
        headers.set("x-content-type-options", "nosniff")
        if let seconds = problem.retryAfterSeconds { headers.set("retry-after", String(seconds)) }
        if self == .messages { headers.set("request-id", id.text) }
        let isTooLongToWait = problem.retryAfterSeconds.map { $0 > Self.longestWaitSeconds } ?? false
        if isTooLongToWait || (self == .messages && !problem.kind.mayRepeat) { headers.set("x-should-retry", "false") }
        return Response(status: problem.kind.status, headers: headers, body: body(problem, id: id).bytes)
    }
    /// The longest `retry-after` that clients are let to obey by themselves.
    private static let longestWaitSeconds = 60

    func body(_ problem: Problem, id: RequestID) -> JSON {
        switch self {
        case .control:
            var error = Self.codeAndMessage(problem, id)
            if !problem.faults.isEmpty {
                error["fields"] = .array(
                    problem.faults.map {
                        ["in": .string($0.place.rawValue), "field": .string($0.field), "message": .string($0.message)]
                    })
            }
            return ["error": .object(error)]
        case .chat:
            return ["error": .object(Self.codeAndMessage(problem, id, sayingFaults: true))]
        case .openAI:
            return [
                "error": [
                    "message": .string(Self.sentenceWithFaults(problem)),
                    "type": .string(problem.kind.status >= 500 ? "server_error" : "invalid_request_error"), "param": nil,
                    "code": .string(problem.kind.code),
                ]
            ]
        case .messages:
            return [
                "type": "error",
                "error": [
                    "type": .string(Self.messagesType(problem.kind.status)), "message": .string(Self.sentenceWithFaults(problem)),
                    "details": ["error_code": .string(problem.kind.code)],
                ],
                "request_id": .string(id.text),
            ]
        case .detail:
            guard !problem.faults.isEmpty else { return ["detail": .string(problem.sentence)] }
            return [
                "detail": .array(
                    problem.faults.map {
                        let place: [JSON] = [.string($0.place.rawValue)] + ($0.field.isEmpty ? [] : [.string($0.field)])
                        return ["loc": .array(place), "msg": .string($0.message), "type": "value_error"]
                    })
            ]
        case .olderRelay:
            return ["error": .string(Self.title(problem.kind.status)), "message": .string(Self.sentenceWithFaults(problem))]
        }
    }

    private static func codeAndMessage(_ problem: Problem, _ id: RequestID, sayingFaults: Bool = false) -> JSONObject {
        var error: JSONObject = [
            "code": .string(problem.kind.code), "message": .string(sayingFaults ? sentenceWithFaults(problem) : problem.sentence),
            "request_id": .string(id.text),
        ]
        if let seconds = problem.retryAfterSeconds { error["retry_after"] = .int(Int64(seconds)) }
        return error
    }
    /// For shapes without a place for a list of fields.
    private static func sentenceWithFaults(_ problem: Problem) -> String {
        guard !problem.faults.isEmpty else { return problem.sentence }
        return problem.faults.map { $0.field.isEmpty ? "The \($0.place.rawValue) \($0.message)" : "\($0.field): \($0.message)" }
            .joined(separator: "; ")
    }

    /// The error types of the Messages interface, by status.
    public static func messagesType(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 409: "conflict_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 504: "timeout_error"
        case 529: "overloaded_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }
    private static func title(_ status: Int) -> String {
        switch status {
        case 400: "Bad request"
        case 401: "Unauthorized"
        case 402: "Payment required"
        case 403: "Forbidden"
        case 404: "Not found"
        case 405: "Method not allowed"
        case 409: "Conflict"
        case 413: "Request too large"
        case 415: "Unsupported media type"
        case 422: "Invalid input"
        case 429: "Too many requests"
        case 503: "Service unavailable"
        case 500...: "Internal server error"
        default: "Request refused"
        }
    }
}
