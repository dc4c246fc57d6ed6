internal import Domain
internal import HTTP
internal import Store

/// What the endpoints of accounts answer, for the OpenAPI document.
enum AccountDocuments {
    private static let exampleID: JSON = "acc_0193c0de8a7b7f3e9d2c4b5a69788796"
    private static let groupID: JSON = "grp_0193c0de8a7b7f3e9d2c4b5a69788796"
    private static let names = Schema.nullable(.list(of: .text, count: 0...200))

    static let account = View(
        "UpstreamAccount",
        [
            .always("id", "As acc_….", .text), .always("source", "Who made it.", .choice(AccountSource.allCases.map(\.rawValue))),
            .always("created_at", "When it was made.", .time), .always("updated_at", "When it was changed last.", .time),
            .always("name", "For people.", .text), .always("email", "Of its owner.", .text),
            .always("kind", "How its credential works.", .choice(CredentialKind.allCases.map(\.rawValue))),
            .always("base_url", "Where its API is.", .text),
            .always("header", "The header an api_key goes in.", .choice(CredentialHeader.allCases.map(\.rawValue))),
            .always("priority", "Lower is used first.", .count), .always("weight", "Its share.", .count),
            .always("max_concurrency", "null: no cap.", .nullable(.count)),
            .always("requests_per_minute", "null: no cap.", .nullable(.count)),
            .always("tokens_per_minute", "null: no cap.", .nullable(.count)),
            .always("cost_per_day_micro_usd", "null: no cap.", .nullable(.count)),
            .always("model_map", "Customers' names to the upstream's.", .map(of: .text)), .always("model_allow", "null: all.", names),
            .always("model_deny", "null: none.", names), .always("schedulable", "Whether it serves anything new.", .boolean),
            .always("notes", "For operators.", .text), .always("expires_at", "null: never.", .nullable(.time)),
            .always("abort_policy", "When a customer leaves a stream.", .choice(AbortPolicy.allCases.map(\.rawValue))),
            .always("withhold_client_fields", "Whether client fields are kept back.", .boolean),
            .always("bill_top_level", "Whether iterations are left out of bills.", .boolean),
            .always("has_proxy", "Whether it goes through a proxy.", .boolean),
            .always("group_ids", "Where it is a member.", .list(of: .text, count: 0...1000)),
            .always("status", "What it can do now.", .choice(AccountStatus.allCases.map(\.rawValue))),
            .always("status_reason", "Which answer caused it.", .text), .always("until", "When it is tried again.", .nullable(.time)),
            .always("last_used_at", "null: never.", .nullable(.time)), .always("in_flight", "Requests under way.", .count),
            .always("windows", "The upstream's own limits, as it last told them.", .map(of: .anything)),
            .always("tested_at", "null: never.", .nullable(.time)), .always("test_outcome", "Empty: never tested.", .text),
            .always("test_detail", "One line.", .text),
            .always("token", "Of an oauth account; no token itself.", .nullable(.map(of: .anything))),
        ],
        example: [
            "id": exampleID, "source": "operator", "created_at": "2026-11-21T00:00:00.000Z", "updated_at": "2026-11-21T00:00:00.000Z",
            "name": "console", "email": "", "kind": "api_key", "base_url": "https://api.anthropic.com", "header": "x-api-key",
            "priority": 50,
            "weight": 1, "max_concurrency": 20, "requests_per_minute": nil, "tokens_per_minute": nil, "cost_per_day_micro_usd": nil,
            "model_map": [:], "model_allow": ["claude-*"], "model_deny": nil, "schedulable": true, "notes": "", "expires_at": nil,
            "abort_policy": "cut", "withhold_client_fields": false, "bill_top_level": false, "has_proxy": false, "group_ids": [groupID],
            "status": "cooling", "status_reason": "529", "until": "2026-11-21T00:00:05.000Z", "last_used_at": "2026-11-21T00:00:00.000Z",
            "in_flight": 0, "windows": ["5h": ["utilization": .number("0.5"), "rejected": false, "resets_at": "2026-11-21T03:00:00.000Z"]],
            "tested_at": nil, "test_outcome": "", "test_detail": "", "token": nil,
        ])
    static let list = View(
        "UpstreamAccounts", [.always("accounts", "By priority, then age.", .list(of: account.schema, count: 0...1000))],
        example: ["accounts": [account.example]])
    static let outcome = View(
        "AccountTest",
        [
            .always("works", "Whether a message came back.", .boolean), .always("outcome", "\"works\", or what stood against it.", .text),
            .always("detail", "One line.", .text),
        ], example: ["works": false, "outcome": "credential", "detail": "answers 401 authentication_error"])
    static let group = View(
        "AccountGroup",
        [
            .always("id", "As grp_….", .text), .always("name", "Unique.", .text),
            .always("strategy", "null: as the pool does.", .nullable(.choice(SchedulingStrategy.allCases.map(\.rawValue)))),
            .always("notes", "For operators.", .text), .always("account_ids", "Its members.", .list(of: .text, count: 0...1000)),
            .always("created_at", "When it was made.", .time),
        ],
        example: [
            "id": groupID, "name": "fast", "strategy": "weighted", "notes": "", "account_ids": [exampleID],
            "created_at": "2026-11-21T00:00:00.000Z",
        ])
    static let groups = View(
        "AccountGroups", [.always("groups", "By name.", .list(of: group.schema, count: 0...1000))], example: ["groups": [group.example]])
    static let explanation = View(
        "AccountExplanation",
        [
            .always("model", "As asked.", .text), .always("family", "What limits go by.", .text),
            .always("key", "As asked.", .nullable(.text)),
            .always("binding", "Of the key.", .nullable(.text)), .always("account", "Who would serve; null: nobody.", .nullable(.text)),
            .always("free_at", "When nobody would serve: the soonest end.", .nullable(.time)),
            .always(
                "accounts", "All of them.",
                .list(
                    of: .object([
                        .always("id", "As acc_….", .text), .always("name", "For people.", .text),
                        .always("priority", "Lower first.", .count),
                        .always("would_serve", "Whether it is the one.", .boolean),
                        .always("why_not", "null for the one.", .nullable(.text)),
                    ]), count: 0...1000)),
        ],
        example: [
            "model": "claude-sonnet-5-5", "family": "sonnet", "key": nil, "binding": nil, "account": exampleID, "free_at": nil,
            "accounts": [["id": exampleID, "name": "console", "priority": 50, "would_serve": true, "why_not": nil]],
        ])
}
