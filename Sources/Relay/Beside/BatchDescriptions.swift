internal import Domain
internal import HTTP

/// Token counts and batches, for the document.
extension RouteDescriptions {
    static let countTokens = EndpointDescription(
        raw: .post, "/v1/messages/count_tokens", "Count a message's tokens", tag: "Messages", audience: .relayKey,
        bodyFields: [
            .always("model", "As GET /v1/models lists them.", .text),
            .always("messages", "The conversation, oldest first.", .list(of: .anything, count: 1...100_000)),
        ],
        bodyExample: ["model": "claude-sonnet-5-5", "messages": [["role": "user", "content": "Hello"]]],
        bodyLimitBytes: RelayLimits().bodyBytes,
        successes: [
            .ok(View("TokenCount", [.always("input_tokens", "Of the whole prompt.", .count)], example: ["input_tokens": 42]))
        ],
        problems: kinds(
            keyProblems + [
                .modelNotAllowed(), .badRequest("The request body is not valid."), .bodyTooLarge(limitBytes: RelayLimits().bodyBytes),
                .bodyTooSlow, .unsupportedEncoding, .requestsPerMinute(waitSeconds: 12), .overloaded(retryAfterSeconds: 5),
                .modelNotFound, .upstreamUnreachable, .upstreamTimeout, .upstreamFault, .draining, .outOfMemory,
            ]), dialect: .messages,
        about: also(Relay.messagePrefixes, "Never billed; counts against the key's requests a minute only."))

    private static let upstreamProblems: [RelayProblem] = [
        .overloaded(retryAfterSeconds: 5), .upstreamUnreachable, .upstreamTimeout, .upstreamFault, .draining, .cannotRead,
    ]
    private static let id: [FieldDoc] = [.always("id", "As msgbatch_….", .text(length: 1...128, pattern: nil, format: nil))]

    static let createBatch = EndpointDescription(
        raw: .post, "/v1/messages/batches", "Create a message batch", tag: "Batches", audience: .relayKey,
        bodyFields: [.always("requests", "Each with `custom_id` and `params`.", .list(of: .anything, count: 1...100_000))],
        bodyExample: [
            "requests": [
                [
                    "custom_id": "one",
                    "params": ["model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [["role": "user", "content": "Hello"]]],
                ]
            ]
        ],
        bodyLimitBytes: BatchesHandler.bodyBytes, successes: [.ok(batchView)],
        problems: kinds(
            keyProblems + upstreamProblems + [
                .modelNotAllowed(), .badRequest("The request body is not valid."), .bodyTooLarge(limitBytes: BatchesHandler.bodyBytes),
                .bodyTooSlow, .unsupportedEncoding, .tokensPerDay(resetsAt: Timestamp(milliseconds: 0)),
                .costPerDay(resetsAt: Timestamp(milliseconds: 0)), .requestsPerMinute(waitSeconds: 12), .modelNotFound, .outOfMemory,
                .cannotRecord,
            ]), dialect: .messages,
        about: also(
            Relay.prefixes,
            "Runs at one account and belongs to the key that made it. The sum of `max_tokens` is held back of the key's budgets until the results are booked, each succeeded message once, at the batch price."
        ))

    static let batches = EndpointDescription(
        raw: .get, "/v1/messages/batches", "The key's batches", tag: "Batches", audience: .relayKey,
        queryFields: [
            .maybe("after_id", "Only batches behind this one.", .text), .maybe("before_id", "Only batches before this one.", .text),
            .maybe("limit", "How many at most; 20 when left out.", .integer(1...1000)),
        ],
        successes: [
            .ok(
                View(
                    "Batches",
                    [
                        .always("data", "Newest first.", .list(of: batchView.schema, count: 0...1000)),
                        .always("has_more", "Whether there are more.", .boolean),
                        .always("first_id", "null when there is none.", .nullable(.text)),
                        .always("last_id", "For `after_id`.", .nullable(.text)),
                    ], example: ["data": [batchView.example], "has_more": false, "first_id": "msgbatch_01", "last_id": "msgbatch_01"]))
        ],
        problems: kinds(keyProblems + [.badRequest("limit: must be a whole number from 1 to 1000."), .cannotRead, .draining]),
        dialect: .messages, about: also(Relay.prefixes, nil))

    static let batch = ofBatch(.get, "", "One batch", .ok(batchView))
    static let cancelBatch = ofBatch(.post, "/cancel", "Cancel a batch", .ok(batchView))
    static let batchResults = ofBatch(
        .get, "/results", "A batch's results",
        .text("application/x-jsonl", "A line for each request.", example: "{\"custom_id\":\"one\",\"result\":{\"type\":\"succeeded\"}}\n"))
    static let deleteBatch = ofBatch(
        .delete, "", "Delete a batch",
        .ok(
            View(
                "DeletedBatch", [.always("id", "Its name.", .text), .always("type", "Always `message_batch_deleted`.", .text)],
                example: ["id": "msgbatch_01", "type": "message_batch_deleted"])))

    private static func ofBatch(_ method: HTTP.Method, _ rest: String, _ summary: String, _ success: Success) -> EndpointDescription {
        EndpointDescription(
            raw: method, "/v1/messages/batches/{id}" + rest, summary, tag: "Batches", audience: .relayKey, pathFields: id,
            successes: [success], problems: kinds(keyProblems + upstreamProblems + [.notFound, .cannotRecord]), dialect: .messages,
            about: also(Relay.prefixes, nil))
    }

    private static let batchView = View(
        "Batch",
        [
            .always("id", "Its name.", .text), .always("type", "Always `message_batch`.", .text),
            .always("processing_status", "How far it is.", .choice(["in_progress", "canceling", "ended"])),
            .always("request_counts", "Requests by state.", .anything), .always("created_at", "When it was made.", .text),
            .maybe("expires_at", "When it is given up.", .nullable(.text)), .maybe("ended_at", "null is not yet.", .nullable(.text)),
            .maybe("results_url", "At this server; null before the end.", .nullable(.text)),
        ],
        example: [
            "id": "msgbatch_01", "type": "message_batch", "processing_status": "in_progress",
            "request_counts": ["processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0],
            "created_at": "2026-11-21T00:00:00Z", "expires_at": "2026-11-22T00:00:00Z", "ended_at": nil, "results_url": nil,
        ])
}
