internal import Domain
internal import HTTP

/// What existing scripts ask about their own key, for the document.
extension RouteDescriptions {
    private static func own(
        _ template: String, _ summary: String, _ success: Success, query: [FieldDoc] = [], path: [FieldDoc] = [], about: String? = nil,
        more: [RelayProblem] = []
    ) -> EndpointDescription {
        EndpointDescription(
            raw: .get, template, summary, tag: "Own key", audience: .relayKey, pathFields: path, queryFields: query, successes: [success],
            problems: kinds(keyProblems + [.cannotRead] + more), dialect: .olderRelay, about: also(Relay.prefixes, about))
    }

    private static let totals: JSON = [
        "tokens": 11, "inputTokens": 8, "outputTokens": 3, "cacheCreateTokens": 0, "cacheReadTokens": 0, "allTokens": 11, "requests": 1,
        "costMicroUsd": 46, "cost": .number("0.000046"),
    ]
    private static let usageExample: JSON = [
        "total": totals, "daily": totals, "monthly": totals,
        "averages": ["rpm": .number("0.01"), "tpm": .number("0.10"), "dailyRequests": 1, "dailyTokens": 11],
    ]

    static let keyInfo = own(
        "/v1/key-info", "The calling key",
        .ok(
            View(
                "KeyInfo", [.always("keyInfo", "Name, limit and usage.", .anything), .always("timestamp", "When this was read.", .time)],
                example: [
                    "keyInfo": [
                        "id": "key_0193c0de8a7b7f3e9d2c4b5a69788796", "name": "laptop", "tokenLimit": 0, "usage": usageExample,
                    ], "timestamp": "2026-11-21T00:00:00.000Z",
                ])))
    static let keyUsage = own(
        "/v1/usage", "What the key has used",
        .ok(
            View(
                "KeyUsage",
                [
                    .always("usage", "In all, today and this month.", .anything), .always("limits", "0 is none.", .anything),
                    .always("timestamp", "When this was read.", .time),
                ],
                example: ["usage": usageExample, "limits": ["tokens": 0, "requests": 0], "timestamp": "2026-11-21T00:00:00.000Z"])))
    static let me = own(
        "/v1/me", "Who calls",
        .ok(
            View(
                "KeyHolder",
                [
                    .always("id", "As user_key_….", .text), .always("type", "Always `user`.", .text),
                    .always("display_name", "The key's name.", .text), .always("created_at", "When it was made.", .time),
                ],
                example: [
                    "id": "user_key_0193c0de8a7b7f3e9d2c4b5a69788796", "type": "user", "display_name": "laptop",
                    "created_at": "2026-11-21T00:00:00.000Z",
                ])))
    static let balance = own(
        "/v1/organizations/{org}/usage", "Tokens left today",
        .ok(
            View(
                "CreditBalance",
                [.always("object", "Always `usage`.", .text), .always("data", "One entry.", .list(of: .anything, count: 1...1))],
                example: ["object": "usage", "data": [["type": "credit_balance", "credit_balance": 1000]]])),
        path: [.always("org", "Any name; the key decides.", .text(length: 1...255, pattern: nil, format: nil))],
        about: "\(KeySelfService.unlimited) when nothing limits them.")
    static let statistics = own(
        "/v1/request-stats", "A day's requests",
        .ok(
            View(
                "RequestStats",
                [
                    .always("stats", "Counts, tokens and times.", .anything), .always("date", "Which day, of TIME_ZONE.", .text),
                    .always("timestamp", "When this was read.", .time),
                ],
                example: [
                    "stats": [
                        "totalRequests": 1, "successRequests": 1, "failedRequests": 0, "totalTokens": 11, "avgDuration": 1200,
                        "costMicroUsd": 46, "modelStats": ["claude-sonnet-5-5": ["count": 1, "tokens": 11]], "statusStats": ["success": 1],
                    ], "date": "2026-11-21", "timestamp": "2026-11-21T00:00:01.000Z",
                ])),
        query: [.maybe("date", "A day of TIME_ZONE; today when left out.", .text(length: 10...10, pattern: nil, format: "date"))],
        more: [.badRequest("date: must be a day.")])
    static let export = own(
        "/v1/request-history/export", "All the key's requests",
        Success(
            200, "Newest first; CSV with a head line, or a JSON object a line.",
            View(nil, .text, example: .string(HistoryExport.columns.joined(separator: ",") + "\r\n")),
            mediaTypes: ["text/csv", "application/x-ndjson"]),
        query: [.maybe("format", "csv when left out.", .choice(["csv", "jsonl"]))] + historyFilters,
        more: [.badRequest("format: must be csv or jsonl.")])
}
