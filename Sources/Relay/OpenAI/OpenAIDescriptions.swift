internal import Domain
internal import HTTP

/// The OpenAI dialect, for the document.
extension RouteDescriptions {
    static let completions = EndpointDescription(
        raw: .post, OpenAIHandler.path, "Create a chat completion", tag: "OpenAI", audience: .relayKey,
        bodyFields: [
            .always("model", "As GET /v1/models lists them, or an older name.", .text),
            .always("messages", "The conversation, oldest first.", .list(of: .anything, count: 1...100_000)),
            .maybe("max_completion_tokens", "Most tokens to write.", .integer(1...Int64.max)),
            .maybe("stream", "Answer as chunks.", .boolean),
            .maybe("tools", "Functions that may be called.", .list(of: .anything, count: 0...1000)),
        ],
        bodyExample: ["model": "claude-sonnet-5-5", "messages": [["role": "user", "content": "Hello"]]],
        bodyLimitBytes: RelayLimits().bodyBytes,
        successes: [
            Success(
                200, "The completion, or its chunks when `stream` is true.", completion,
                mediaTypes: ["application/json", "text/event-stream"])
        ],
        problems: kinds(
            keyProblems + [
                .modelNotAllowed(), .badRequest("The request body is not valid."), .bodyTooLarge(limitBytes: RelayLimits().bodyBytes),
                .bodyTooSlow, .unsupportedEncoding, .tokensPerDay(resetsAt: Timestamp(milliseconds: 0)),
                .costPerDay(resetsAt: Timestamp(milliseconds: 0)), .requestsPerMinute(waitSeconds: 12), .concurrency,
                .overloaded(retryAfterSeconds: 5), .modelNotFound, .upstreamUnreachable, .upstreamTimeout, .upstreamFault, .draining,
                .outOfMemory, .cannotRecord,
            ]), dialect: .openAI,
        about: also(
            Relay.openAIPrefixes,
            "Translated into one message and back; fields that mean nothing here are named in `x-relay-ignored`."))

    private static let completion = View(
        "Completion",
        [
            .always("id", "Its name.", .text), .always("object", "Always `chat.completion`.", .text),
            .always("created", "Unix seconds.", .count), .always("model", "As asked for.", .text),
            .always("choices", "Always one.", .list(of: .anything, count: 1...1)), .always("usage", "Tokens.", .anything),
        ],
        example: [
            "id": "chatcmpl-msg_01", "object": "chat.completion", "created": 1_795_219_200, "model": "claude-sonnet-5-5",
            "choices": [
                ["index": 0, "message": ["role": "assistant", "content": "Hello!"], "finish_reason": "stop", "logprobs": nil]
            ], "usage": ["prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11],
        ])
}
