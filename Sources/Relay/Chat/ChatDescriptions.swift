internal import Domain
internal import HTTP

/// The simple chat interface, for the document.
extension RouteDescriptions {
    private static let turnProblems: [ProblemKind] =
        kinds(
            keyProblems + [
                .modelNotAllowed(), .badRequest("The request is not valid."), .bodyTooLarge(limitBytes: RelayLimits().bodyBytes),
                .bodyTooSlow,
                .unsupportedEncoding, .tokensPerDay(resetsAt: Timestamp(milliseconds: 0)),
                .costPerDay(resetsAt: Timestamp(milliseconds: 0)), .requestsPerMinute(waitSeconds: 12), .concurrency,
                .overloaded(retryAfterSeconds: 5), .modelNotFound, .upstreamUnreachable, .upstreamTimeout, .upstreamFault, .draining,
                .outOfMemory, .cannotRecord, .cannotRead,
            ]) + own
    private static let own = described([ChatProblem.noConversation, .busy, .tooLong, .badTicket])
    private static func described(_ problems: [ChatProblem]) -> [ProblemKind] {
        problems.map { ProblemKind($0.status, $0.code, $0.message, mayRepeat: $0.isRetryable) }
    }

    private static let usage: JSON = [
        "input_tokens": 8, "output_tokens": 3, "cache_read_tokens": 0, "cache_write_tokens": 0, "cost_usd": "0.000046",
    ]
    private static let answer = View(
        "ChatAnswer",
        [
            .always("id", "As r_….", .text), .always("conversation_id", "For the next turn; null when nothing is kept.", .nullable(.text)),
            .always("model", "Which answered.", .text), .always("message", "Role and content.", .anything),
            .always("response", "The same text.", .text), .always("stop_reason", "Why it ends.", .nullable(.text)),
            .always("usage", "Tokens and cost.", .anything), .always("created_at", "Now.", .time),
        ],
        example: [
            "id": "r_0193c0de8a7b7f3e9d2c4b5a69788796", "conversation_id": "c_0193c0de8a7b7f3e9d2c4b5a69788796",
            "model": "claude-sonnet-5-5", "message": ["role": "assistant", "content": "Hello!"], "response": "Hello!",
            "stop_reason": "end_turn", "usage": usage, "created_at": "2026-11-21T00:00:00.000Z",
        ])

    static let chat = EndpointDescription(
        raw: .post, ChatHandler.path, "Ask", tag: "Chat", audience: .relayKey,
        bodyFields: [
            .always("message", "What to ask.", .text(length: 1...ChatAsk.messageBytes, pattern: nil, format: nil)),
            .maybe("model", "Left out: \(ChatAsk.standardModel).", .text),
            .maybe("max_tokens", "Left out: \(ChatAsk.standardTokens).", .integer(1...Int64.max)),
            .maybe("conversation_id", "Goes on with that conversation.", .nullable(.text)),
            .maybe("system", "For a new conversation.", .nullable(.text)),
            .maybe("stream", "Answer as server-sent events.", .boolean), .maybe("temperature", "0 to 1.", .anything),
            .maybe("attachments", "Images and documents, base64.", .list(of: .anything, count: 0...ChatAsk.maximumAttachments)),
            .maybe("keep_partial", "Keep a turn that was cut.", .boolean), .maybe("store", "false keeps nothing.", .boolean),
            .maybe("context_tokens", "Most tokens of the prompt.", .integer(1...Int64.max)),
        ],
        bodyExample: ["message": "Hello"], bodyLimitBytes: RelayLimits().bodyBytes,
        successes: [Success(200, "The answer, or its events.", answer, mediaTypes: ["application/json", "text/event-stream"])],
        problems: turnProblems, dialect: .chat,
        about: "One turn at a time in a conversation. What is kept is encrypted, belongs to the key and ends after 30 days without use.")

    static let chatStream = EndpointDescription(
        raw: .get, Relay.chatStreamPath, "Ask with an EventSource", tag: "Chat", audience: .relayKey,
        queryFields: [
            .maybe("message", "What to ask.", .text), .maybe("conversation_id", "Goes on with that conversation.", .text),
            .maybe("model", "Left out: \(ChatAsk.standardModel).", .text), .maybe("max_tokens", "Most tokens to write.", .text),
            .maybe("system", "For a new conversation.", .text), .maybe("store", "false keeps nothing.", .text),
            .maybe("keep_partial", "true keeps a turn that was cut.", .text), .maybe("context_tokens", "Most tokens of the prompt.", .text),
            .maybe("ticket", "Of POST /api/chat/tickets; instead of a key.", .text),
            .maybe("apiKey", "A key, where no header can be sent; a ticket is better.", .text), .maybe("key", "The same.", .text),
        ],
        successes: [
            .text("text/event-stream", "Unnamed events: start, delta, thinking, done, error.", example: "data: {\"type\":\"start\"}\n\n"),
            Success(204, "The answer that `Last-Event-ID` names is over.", nil),
        ],
        problems: turnProblems, dialect: .chat,
        about: "A reconnect with `Last-Event-ID` goes on where it was, up to 60 seconds after the end, and never makes a second answer.")

    static let chatTicket = EndpointDescription(
        raw: .post, "/api/chat/tickets", "Make a ticket for an EventSource", tag: "Chat", audience: .relayKey,
        successes: [
            .ok(
                View(
                    "ChatTicket", [.always("ticket", "For `?ticket=`, once.", .text), .always("expires_in", "Seconds.", .count)],
                    example: ["ticket": "t_…", "expires_in": 60]))
        ],
        problems: kinds(keyProblems + [.requestsPerMinute(waitSeconds: 12), .draining, .outOfMemory]) + described([.tooManyTickets]),
        dialect: .chat,
        about: "It counts as a request of the key, which may have \(ChatRuns.maximumUnusedTickets) tickets that are not used yet.")

    private static let conversationFields: [FieldDoc] = [
        .always("id", "As c_….", .text), .always("model", "Of the last turn.", .text), .always("turns", "Questions answered.", .count),
        .always("created_at", "When it began.", .time), .always("updated_at", "Of the last turn.", .time),
        .always("expires_at", "When it ends if it is not used.", .time),
    ]
    private static let conversationExample: JSONObject = [
        "id": "c_0193c0de8a7b7f3e9d2c4b5a69788796", "model": "claude-sonnet-5-5", "turns": 1, "created_at": "2026-11-21T00:00:00.000Z",
        "updated_at": "2026-11-21T00:00:00.000Z", "expires_at": "2026-12-21T00:00:00.000Z",
    ]

    static let conversations = EndpointDescription(
        raw: .get, "/api/conversations", "The key's conversations", tag: "Chat", audience: .relayKey,
        queryFields: [
            .maybe("limit", "How many at most; 50 when left out.", .integer(1...200)),
            .maybe("cursor", "`next_cursor` of the part before.", .text),
        ],
        successes: [
            .ok(
                View(
                    "Conversations",
                    [
                        .always("conversations", "The last used first.", .list(of: .object(conversationFields), count: 0...200)),
                        .always("next_cursor", "null at the end.", .nullable(.text)),
                    ], example: ["conversations": [.object(conversationExample)], "next_cursor": nil]))
        ],
        problems: kinds(keyProblems + [.badRequest("limit: must be a whole number from 1 to 200."), .cannotRead]), dialect: .chat)

    private static let conversationID: [FieldDoc] = [.always("id", "As c_….", .text(length: 1...64, pattern: nil, format: nil))]
    static let conversation = EndpointDescription(
        raw: .get, "/api/conversations/{id}", "One conversation", tag: "Chat", audience: .relayKey, pathFields: conversationID,
        successes: [
            .ok(
                View(
                    "Conversation",
                    conversationFields + [
                        .always("system", "null is none.", .nullable(.text)),
                        .always("messages", "Oldest first.", .list(of: .anything, count: 0...100_000)),
                    ],
                    example: {
                        var example = conversationExample
                        example["system"] = .null
                        example["messages"] = [["role": "user", "content": "Hello"], ["role": "assistant", "content": "Hello!"]]
                        return .object(example)
                    }()))
        ],
        problems: kinds(keyProblems + [.cannotRead]) + [own[0]], dialect: .chat)
    static let deleteConversation = EndpointDescription(
        raw: .delete, "/api/conversations/{id}", "Delete a conversation", tag: "Chat", audience: .relayKey, pathFields: conversationID,
        successes: [.noContent], problems: kinds(keyProblems + [.cannotRead]) + [own[0]], dialect: .chat)
}
