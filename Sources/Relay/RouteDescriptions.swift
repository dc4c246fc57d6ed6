internal import Domain
public import HTTP
internal import Store

/// What the OpenAPI document tells about the data path. The routes check their input themselves; a test asks each of them.
extension Relay {
    /// One for each of `routes`.
    public static let descriptions = [
        RouteDescriptions.messages, RouteDescriptions.models, RouteDescriptions.model, RouteDescriptions.history, RouteDescriptions.request,
        RouteDescriptions.countTokens, RouteDescriptions.createBatch, RouteDescriptions.batches, RouteDescriptions.batch,
        RouteDescriptions.export, RouteDescriptions.keyInfo, RouteDescriptions.keyUsage, RouteDescriptions.me, RouteDescriptions.balance,
        RouteDescriptions.statistics, RouteDescriptions.chat, RouteDescriptions.chatStream, RouteDescriptions.chatTicket,
        RouteDescriptions.conversations,
        RouteDescriptions.conversation, RouteDescriptions.deleteConversation,
        RouteDescriptions.completions, RouteDescriptions.cancelBatch, RouteDescriptions.batchResults, RouteDescriptions.deleteBatch,
    ]
}

enum RouteDescriptions {
    static let keyProblems: [RelayProblem] = [.noKey, .keyDisabled, .keyExpired()]

    static let messages = EndpointDescription(
        raw: .post, "/v1/messages", "Create a message", tag: "Messages", audience: .relayKey,
        bodyFields: [
            .always("model", "As GET /v1/models lists them.", .text),
            .maybe("max_tokens", "Most tokens to write.", .integer(1...Int64.max)),
            .always("messages", "The conversation, oldest first.", .list(of: .anything, count: 1...100_000)),
            .maybe("stream", "Answer as server-sent events.", .boolean),
        ],
        bodyExample: ["model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [["role": "user", "content": "Hello"]]],
        bodyLimitBytes: RelayLimits().bodyBytes,
        successes: [
            Success(
                200, "The message, or its events when `stream` is true: both as the upstream sent them.", message,
                mediaTypes: ["application/json", "text/event-stream"])
        ],
        problems: kinds(
            keyProblems + [
                .modelNotAllowed(), .badRequest("The request body is not valid."), .bodyTooLarge(limitBytes: RelayLimits().bodyBytes),
                .bodyTooSlow, .unsupportedEncoding, .tokensPerDay(resetsAt: Timestamp(milliseconds: 0)),
                .costPerDay(resetsAt: Timestamp(milliseconds: 0)), .requestsPerMinute(waitSeconds: 12), .concurrency,
                .overloaded(retryAfterSeconds: 5), .modelNotFound, .upstreamUnreachable, .upstreamTimeout, .upstreamFault, .draining,
                .outOfMemory,
                .cannotRecord,
            ]), dialect: .messages,
        about: also(
            Relay.messagePrefixes,
            "Passed on byte for byte to an upstream account; fields that are not listed here are passed on too. The upstream's own errors come back under its status."
        ))

    static let models = EndpointDescription(
        raw: .get, "/v1/models", "Models the key may use", tag: "Messages", audience: .relayKey,
        queryFields: [
            .maybe("after_id", "Only models behind this one.", .text), .maybe("before_id", "Only models before this one.", .text),
            .maybe("limit", "How many at most; when left out 20, and all without `anthropic-version`.", .integer(1...1000)),
        ],
        successes: [.ok(modelList)],
        problems: kinds(keyProblems + [.badRequest("limit: must be a whole number from 1 to 1000."), .cannotRead]),
        dialect: .messages, about: also(Relay.modelPrefixes, nil))

    static let model = EndpointDescription(
        raw: .get, "/v1/models/{id}", "One model", tag: "Messages", audience: .relayKey,
        pathFields: [.always("id", "Its name.", .text(length: 1...255, pattern: nil, format: nil))], successes: [.ok(oneModel)],
        problems: kinds(keyProblems + [.notFound, .cannotRead]), dialect: .messages, about: also(Relay.modelPrefixes, nil))

    static let historyFilters: [FieldDoc] = [
        .maybe("model", "Only this model.", .text),
        .maybe("status", "Only these.", .choice(RequestStatus.allCases.map(\.rawValue))),
        .maybe(
            "date", "One day (of TIME_ZONE), as 2026-11-21; `from` and `to` narrow it.",
            .text(length: 10...10, pattern: nil, format: "date")),
        .maybe("from", "Begun at this time or later; a day ago when nothing is said.", .time),
        .maybe("to", "Begun before this time.", .time),
    ]
    static let history = EndpointDescription(
        raw: .get, "/v1/request-history", "The key's requests", tag: "Messages", audience: .relayKey,
        queryFields: [
            .maybe("limit", "How many at most; 50 when left out.", .integer(1...500)),
            .maybe("offset", "How many to skip; without a cursor.", .integer(0...1_000_000)),
            .maybe("cursor", "Where to go on: `pagination.cursor` of the part before.", .text),
        ] + historyFilters,
        successes: [.ok(historyPage)],
        problems: kinds(keyProblems + [.badRequest("limit: must be a whole number from 1 to 500."), .cannotRead]), dialect: .olderRelay,
        about: also(Relay.prefixes, "Newest first."))

    static let request = EndpointDescription(
        raw: .get, "/v1/request-history/{id}", "One request", tag: "Messages", audience: .relayKey,
        pathFields: [.always("id", "As in `x-relay-request-id`.", .text(length: 1...64, pattern: nil, format: nil))],
        successes: [.ok(oneRequest)], problems: kinds(keyProblems + [.notFound, .cannotRead]), dialect: .olderRelay,
        about: also(Relay.prefixes, nil))

    static func kinds(_ problems: [RelayProblem]) -> [ProblemKind] { problems.map(\.kind) }

    static func also(_ prefixes: [String], _ about: String?) -> String {
        let others = prefixes.filter { !$0.isEmpty }.map { "`\($0)`" }.joined(separator: ", ")
        return [about, "Also under \(others)."].compactMap { $0 }.joined(separator: "\n\n")
    }

    // MARK: What comes back

    private static let message = View(
        "Message",
        [
            .always("id", "The upstream's name for it.", .text), .always("type", "Always `message`.", .text),
            .always("role", "Always `assistant`.", .text), .always("model", "Which answered.", .text),
            .always("content", "Blocks of text and tool calls.", .list(of: .anything, count: 0...100_000)),
            .maybe("stop_reason", "Why it ends.", .nullable(.text)), .maybe("stop_sequence", "Which one it met.", .nullable(.text)),
            .always("usage", "Tokens, by kind.", .anything),
        ],
        example: [
            "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
            "content": [["type": "text", "text": "Hello!"]], "stop_reason": "end_turn", "stop_sequence": nil,
            "usage": ["input_tokens": 8, "output_tokens": 3],
        ])

    private static let modelFields: [FieldDoc] = [
        .always("id", "For `model`.", .text), .always("type", "Always `model`.", .text), .always("object", "Always `model`.", .text),
        .always("display_name", "For people.", .text), .always("created_at", "When it was released.", .time),
        .always("created", "The same in Unix seconds.", .count), .always("owned_by", "Who made it.", .text),
        .always("lifecycle", "Always `active`.", .text), .always("deprecated_at", "null is not.", .nullable(.time)),
        .always("retires_at", "null is not known.", .nullable(.time)), .always("max_input_tokens", "Tokens it reads at most.", .count),
        .always("max_tokens", "Tokens it writes at most.", .count), .always("line", "Its family.", .text),
    ]
    private static let modelExample: JSON = [
        "id": "claude-sonnet-5-5", "type": "model", "object": "model", "display_name": "Claude Sonnet 5.5",
        "created_at": "2026-11-01T00:00:00.000Z", "created": 1_793_491_200, "owned_by": "anthropic", "lifecycle": "active",
        "deprecated_at": nil, "retires_at": nil, "max_input_tokens": 200_000, "max_tokens": 64_000, "line": "sonnet",
    ]
    private static let oneModel = View("Model", modelFields, example: modelExample)
    private static let modelList = View(
        "Models",
        [
            .always("object", "Always `list`.", .text), .always("data", "By name.", .list(of: .object(modelFields), count: 0...1000)),
            .always("has_more", "Whether there are more.", .boolean), .always("first_id", "null when there is none.", .nullable(.text)),
            .always("last_id", "For `after_id`.", .nullable(.text)),
        ],
        example: [
            "object": "list", "data": [modelExample], "has_more": false, "first_id": "claude-sonnet-5-5", "last_id": "claude-sonnet-5-5",
        ])

    static let requestFields: [FieldDoc] = [
        .always("requestId", "As in `x-relay-request-id`.", .text), .always("timestamp", "When it began.", .time),
        .always("apiKeyId", "As key_….", .text), .always("apiKeyName", "For people.", .text), .always("model", "As asked for.", .text),
        .always("status", "How it ended.", .choice(RequestStatus.allCases.map(\.rawValue))),
        .always("duration", "Milliseconds; null while it runs.", .nullable(.count)), .always("inputTokens", "Tokens.", .count),
        .always("outputTokens", "Tokens.", .count), .always("totalTokens", "Tokens.", .count),
        .always("error", "The class of error; null is none.", .nullable(.text)), .always("cacheCreateTokens", "Tokens.", .count),
        .always("cacheReadTokens", "Tokens.", .count), .always("costMicroUsd", "Micro-dollars.", .count),
        .always("ttftMs", "Milliseconds to the first byte.", .nullable(.count)), .always("attempts", "Accounts tried.", .count),
        .always("stream", "Whether it was asked for as events.", .boolean),
        .always("usageSource", "Whether the tokens are what the upstream said.", .nullable(.text)),
    ]
    static let requestExample: JSONObject = [
        "requestId": .string("req_0193c0de8a7b7f3e9d2c4b5a69788796"), "timestamp": "2026-11-21T00:00:00.000Z",
        "apiKeyId": "key_0193c0de8a7b7f3e9d2c4b5a69788796", "apiKeyName": "laptop", "model": "claude-sonnet-5-5", "status": "success",
        "duration": 1200, "inputTokens": 8, "outputTokens": 3, "totalTokens": 11, "error": nil, "cacheCreateTokens": 0,
        "cacheReadTokens": 0, "costMicroUsd": 69, "ttftMs": 300, "attempts": 1, "stream": true, "usageSource": "final",
    ]
    private static let historyPage = View(
        "RequestHistory",
        [
            .always("history", "Newest first.", .list(of: .object(requestFields), count: 0...500)),
            .always(
                "pagination", "Where this part stands.",
                .object([
                    .always("limit", "As asked for.", .count), .always("offset", "As asked for.", .count),
                    .always("hasMore", "Whether there are more.", .boolean), .maybe("cursor", "For the next part.", .text),
                ])), .always("date", "The day asked for, else today.", .text), .always("timestamp", "When this was read.", .time),
        ],
        example: [
            "history": [.object(requestExample)], "pagination": ["limit": 50, "offset": 0, "hasMore": false], "date": "2026-11-21",
            "timestamp": "2026-11-21T00:00:01.000Z",
        ])
    private static let oneRequest: View = {
        var example = requestExample
        example["statusCode"] = 200
        example["upstreamRequestId"] = "req_01"
        example["webSearchRequests"] = 0
        example["path"] = "/v1/messages"
        example["dialect"] = "messages"
        example["headers"] = [:]
        let fields =
            requestFields + [
                .always("statusCode", "Of the answer; null while it runs.", .nullable(.count)),
                .always("upstreamRequestId", "The upstream's name for it.", .nullable(.text)),
                .always("webSearchRequests", "Searches that it made.", .count), .always("path", "Where it came in.", .text),
                .always("dialect", "In whose words.", .text), .always("headers", "Not kept: always empty.", .anything),
            ]
        return View(
            "Request", [.always("request", "The request.", .object(fields)), .always("timestamp", "When this was read.", .time)],
            example: ["request": .object(example), "timestamp": "2026-11-21T00:00:01.000Z"])
    }()
}

extension RelayProblem {
    /// As the document tells it.
    var kind: ProblemKind {
        let headers = response(request: RequestID(high: 0, low: 0)).headers
        return ProblemKind(status, code, message, mayRepeat: headers["x-should-retry"] != "false")
    }
}
