internal import Domain
internal import HTTP

/// An error in the shape that OpenAI's clients read: `{"error":{"message","type","param","code"}}` (relay contract, section 10).
struct OpenAIProblem: Error, Equatable {
    var status: Int
    var message: String
    var type: String
    var code: String?
    var param: String?

    static func bad(_ param: String?, _ message: String, code: String? = nil) -> OpenAIProblem {
        OpenAIProblem(status: 400, message: message, type: "invalid_request_error", code: code, param: param)
    }

    init(status: Int, message: String, type: String, code: String?, param: String? = nil) {
        (self.status, self.message, self.type, self.code, self.param) = (status, message, type, code, param)
    }

    /// Of an error of the Messages surface, ours or the upstream's.
    /// - Parameter quotaAs429: budgets are told as 429, for clients that know no 402.
    init(status: Int, messagesBody: JSON, quotaAs429: Bool) {
        let error = messagesBody["error"]
        let kind = error["type"].string ?? "api_error"
        let message = error["message"].string ?? "The request failed."
        let details = error["details"]["error_code"].string
        self.init(status: status, message: message, type: kind, code: details)
        switch status {
        case 401: (type, code) = ("invalid_request_error", "invalid_api_key")
        case 402:
            (type, code) = ("insufficient_quota", "insufficient_quota")
            if quotaAs429 { self.status = 429 }
        case 429: (type, code) = ("rate_limit_error", "rate_limit_exceeded")
        case 404: (type, code) = ("invalid_request_error", details == "not_found" ? "not_found" : "model_not_found")
        case 500...: (type, code) = ("server_error", "server_error")
        default: break
        }
    }

    var json: JSON {
        [
            "error": [
                "message": .string(message), "type": .string(type), "param": param.map(JSON.string) ?? .null,
                "code": code.map(JSON.string) ?? .null,
            ]
        ]
    }

    func response(request: RequestID) -> Response {
        Response(
            status: status,
            headers: [
                "content-type": "application/json", "cache-control": "no-store", "request-id": request.text,
                "x-relay-request-id": request.text,
            ], body: json.bytes)
    }
}
