internal import Domain
internal import HTTP

/// An error of the simple chat interface: `{"error":{"code","message","request_id","retry_after"?}}` (relay contract, section 12).
struct ChatProblem: Error, Equatable {
    var status: Int
    var code: String
    var message: String
    var retryAfterSeconds: Int?

    static func bad(_ message: String) -> ChatProblem { ChatProblem(status: 400, code: "invalid_request", message: message) }
    static let busy = ChatProblem(
        status: 409, code: "conversation_busy", message: "This conversation is answering already; wait for the answer.",
        retryAfterSeconds: 1)
    static let noConversation = ChatProblem(status: 404, code: "conversation_not_found", message: "There is no such conversation.")
    static let tooLong = ChatProblem(
        status: 413, code: "message_too_long", message: "message: at most \(ChatAsk.messageBytes) bytes.")
    static let badTicket = ChatProblem(status: 401, code: "invalid_ticket", message: "The ticket is used up, too old or not valid.")
    static let tooManyTickets = ChatProblem(
        status: 429, code: "too_many_tickets", message: "This key has \(ChatRuns.maximumUnusedTickets) tickets that are not used yet.",
        retryAfterSeconds: 5)
    static let onlyGet = ChatProblem(
        status: 405, code: "method_not_allowed", message: "This address does not take that method; see the Allow header.")

    init(status: Int, code: String, message: String, retryAfterSeconds: Int? = nil) {
        (self.status, self.code, self.message, self.retryAfterSeconds) = (status, code, message, retryAfterSeconds)
    }

    init(_ problem: RelayProblem) {
        let plain = problem.response(request: RequestID(high: 0, low: 0))
        self.init(
            status: problem.status, code: problem.code, message: problem.message,
            retryAfterSeconds: plain.headers["retry-after"].flatMap { Int($0) })
    }

    /// Of an error of the Messages surface, ours or the upstream's.
    init(status: Int, headers: [(name: String, value: String)], messagesBody: JSON) {
        let error = messagesBody["error"]
        self.init(
            status: status, code: error["details"]["error_code"].string ?? error["type"].string ?? "upstream_error",
            message: error["message"].string ?? "The request failed.",
            retryAfterSeconds: headers.first { $0.name == "retry-after" }.flatMap { Int($0.value) })
    }

    /// Whether asking again later may help.
    var isRetryable: Bool { status == 408 || status == 409 || status == 429 || status >= 500 }

    func response(request: RequestID) -> Response {
        var error: JSONObject = ["code": .string(code), "message": .string(message), "request_id": .string(request.text)]
        var headers: Headers = ["content-type": "application/json", "x-relay-request-id": request.text]
        for (name, value) in ChatHandler.privacy { headers.add(name, value) }
        if let retryAfterSeconds {
            error["retry_after"] = .int(Int64(retryAfterSeconds))
            headers.add("retry-after", String(retryAfterSeconds))
        }
        return Response(status: status, headers: headers, body: JSON.object(["error": .object(error)]).bytes)
    }
}
