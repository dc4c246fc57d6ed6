import API
import Domain

/// Who may call what: a row for each route that asks who calls with a login. Relay keys have their table in `SurfaceTests`.
enum Role {
    static let password = "Correct-Horse-9"

    struct Row: Sendable {
        /// With placeholders: `{id}` is the id of a thing of the owner's, made for each call; `$plan`, `$user`, `$subscription` and
        /// `$name` stand for numbers, ids and a fresh name.
        let route: String
        let body: JSON?
        /// Of the people that are signed in; everybody else gets 401.
        let owner: Int, other: Int, support: Int, admin: Int
        var relayKey = 401
    }

    /// What nobody has to log in for. A route that is not here and not in the table fails the test.
    static let open: Set<String> = [
        "GET /", "HEAD /api", "HEAD /claude", "HEAD /api/hello", "HEAD /api/api/hello", "HEAD /claude/api/hello",
        "POST /api/event_logging/batch", "POST /api/api/event_logging/batch", "POST /claude/api/event_logging/batch", "GET /health",
        "GET /health/ready", "GET /metrics", "GET /openapi.json", "GET /api/docs", "GET /api/docs/assets/{file}", "POST /api/auth/login",
        "POST /api/auth/register", "POST /web/auth/login", "POST /auth/login", "POST /auth/register", "POST /auth/admin/promote",
        "POST /apiStats/api/get-key-id", "POST /apiStats/api/user-stats", "POST /apiStats/api/user-model-stats",
        "POST /apiStats/api/batch-stats", "GET /tariffs", "GET /tariffs/list", "GET /tariffs/{id}", "POST /payments/webhook",
        "POST /hooks/payments/{provider}", "GET /share/config/{secret}", "POST /share/config/{secret}", "POST /api/auth/password/forgot",
        "POST /api/auth/password/reset", "POST /api/auth/email/verify",
        "POST /api/auth/email/resend", "GET /account/verify", "GET /account/reset", "GET /account/assets/{file}",
    ]

    static let table = [
        Row(route: "GET /api/auth/me", body: nil, owner: 200, other: 200, support: 200, admin: 200),
        Row(route: "POST /api/auth/logout", body: nil, owner: 204, other: 204, support: 204, admin: 204),
        Row(
            route: "POST /api/auth/password",
            body: ["current_password": .string(Role.password), "new_password": .string(Role.password)],
            owner: 204, other: 204, support: 204, admin: 204),
        Row(route: "GET /api/auth/tokens", body: nil, owner: 200, other: 200, support: 200, admin: 200),
        Row(
            route: "POST /api/auth/tokens", body: ["name": "one", "scopes": ["read"]], owner: 201, other: 201, support: 201, admin: 201),
        everybody("GET /api/auth/second-factor"),
        Row(route: "POST /api/auth/second-factor", body: nil, owner: 201, other: 201, support: 201, admin: 201),
        // Begun a row before; nobody knows the code.
        Row(
            route: "POST /api/auth/second-factor/confirm", body: ["code": "no code"], owner: 403, other: 403, support: 403, admin: 403),
        Row(
            route: "POST /api/auth/second-factor/recovery-codes", body: ["code": "000000"], owner: 409, other: 409, support: 409, admin: 409
        ),
        Row(route: "POST /api/auth/second-factor/end", body: ["code": "000000"], owner: 409, other: 409, support: 409, admin: 409),
        Row(
            route: "POST /api/auth/proof", body: ["password": .string(Role.password)], owner: 204, other: 204, support: 204, admin: 204),
        // This server sends no mail.
        everybody("POST /api/auth/email", ["email": "next@example.com"], 409),
        // Its user has none.
        admin("DELETE /api/admin/users/{id}/second-factor", nil, 409),
        Row(route: "PUT /api/auth/language", body: ["language": "ru"], owner: 204, other: 204, support: 204, admin: 204),
        Row(route: "DELETE /api/auth/tokens/{id}", body: nil, owner: 204, other: 404, support: 404, admin: 404),
        Row(
            route: "POST /api/admin/invitations", body: ["email": "new@example.com"], owner: 403, other: 403, support: 403, admin: 201),
        Row(route: "POST /api/auth/promote", body: ["secret": "x"], owner: 403, other: 403, support: 403, admin: 403),
        Row(route: "GET /api/admin/users", body: nil, owner: 403, other: 403, support: 200, admin: 200),
        Row(route: "GET /api/admin/users/{id}", body: nil, owner: 403, other: 403, support: 200, admin: 200),
        Row(route: "PUT /api/admin/users/{id}/role", body: ["role": "support"], owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "PUT /api/admin/users/{id}/limits", body: [:], owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/users/{id}/block", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/users/{id}/unblock", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "GET /api/admin/accounts", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(
            route: "POST /api/admin/accounts", body: ["name": "one", "secret": "sk-example"], owner: 403, other: 403, support: 403,
            admin: 201),
        Row(route: "GET /api/admin/accounts/explain?model=claude-opus-5", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "GET /api/admin/accounts/{id}", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "PATCH /api/admin/accounts/{id}", body: ["priority": 3], owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/accounts/{id}/enable", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/accounts/{id}/disable", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/accounts/{id}/reset", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/accounts/{id}/test", body: [:], owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/accounts/{id}/refresh", body: nil, owner: 403, other: 403, support: 403, admin: 409),
        Row(route: "DELETE /api/admin/accounts/{id}", body: nil, owner: 403, other: 403, support: 403, admin: 204),
        Row(route: "GET /api/admin/account-groups", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "POST /api/admin/account-groups", body: ["name": "fast"], owner: 403, other: 403, support: 403, admin: 201),
        Row(route: "GET /api/admin/account-groups/{id}", body: nil, owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "PATCH /api/admin/account-groups/{id}", body: ["notes": "n"], owner: 403, other: 403, support: 403, admin: 200),
        Row(route: "DELETE /api/admin/account-groups/{id}", body: nil, owner: 403, other: 403, support: 403, admin: 204),
        Row(route: "PUT /api/admin/keys/{id}/binding", body: [:], owner: 403, other: 403, support: 403, admin: 204),
        Row(route: "GET /api/keys", body: nil, owner: 200, other: 200, support: 200, admin: 200),
        Row(route: "POST /api/keys", body: ["name": "one"], owner: 201, other: 201, support: 201, admin: 201),
        Row(route: "DELETE /api/keys/{id}", body: nil, owner: 204, other: 404, support: 404, admin: 404),
        Row(route: "PATCH /api/keys/{id}", body: ["name": "new"], owner: 200, other: 404, support: 404, admin: 404),
        Row(route: "POST /api/keys/{id}/rotate", body: [:], owner: 200, other: 404, support: 404, admin: 404),
        admin("PATCH /api/admin/keys/{id}", ["status": "disabled"]), admin("POST /api/admin/keys/{id}/rotate", [:]),
        admin("PATCH /api/admin/keys", ["ids": ["key_0193c0de8a7b7f3e9d2c4b5a69788796"], "change": [:]]),
        admin("GET /api/admin/keys/{id}/explain"), admin("DELETE /api/admin/keys/{id}/bodies"),
        // Nothing is kept in this set-up.
        admin("GET /api/admin/requests/{id}/bodies", nil, 404),
        Row(route: "GET /api/stats", body: nil, owner: 200, other: 200, support: 200, admin: 200, relayKey: 200),
        admin("POST /api/admin/history/cleanup", ["dry_run": true]), admin("GET /api/admin/models"),
        admin("GET /api/admin/prices"),
        admin(
            "POST /api/admin/prices",
            [
                "prices": [
                    ["model": "priced", "input": 1, "output": 2, "cache_write_5m": 3, "cache_write_1h": 4, "cache_read": 5]
                ]
            ]),
        admin("GET /api/admin/teams"), admin("POST /api/admin/teams", ["name": "$name"], 201),
        admin("PATCH /api/admin/teams/{id}", ["limits": ["tokens_per_day": 5]]), admin("DELETE /api/admin/teams/{id}", nil, 204),
        admin("PUT /api/admin/users/{id}/team", ["team_id": ""], 204), admin("GET /api/admin/users/{id}/shared-limits"),
        admin("PATCH /api/admin/users/{id}/shared-limits", ["tokens_per_day": 5]),
        admin("PUT /api/admin/models/{id}", ["lifecycle": "deprecated"]),
        admin("POST /web/auth/logout"), admin("POST /web/auth/refresh"), admin("GET /web/auth/user"),
        admin(
            "POST /web/auth/change-password",
            ["currentPassword": .string(Role.password), "newPassword": .string(Role.password)]),
        admin("GET /admin/api-keys"), admin("GET /admin/api-keys/deleted"), admin("GET /admin/api-keys/tags"),
        admin("POST /admin/api-keys", ["name": "one"]), admin("POST /admin/api-keys/batch", ["name": "one", "count": 1]),
        admin("PUT /admin/api-keys/batch", ["keyIds": [.string(unknownKey)], "updates": ["isActive": false]]),
        admin("DELETE /admin/api-keys/batch", ["keyIds": [.string(unknownKey)]]),
        admin("POST /admin/api-keys/batch-stats", ["keyIds": [.string(unknownKey)]]),
        admin("PUT /admin/api-keys/{id}", ["description": "x"]), admin("DELETE /admin/api-keys/{id}"),
        admin("POST /admin/api-keys/{id}/restore"), admin("DELETE /admin/api-keys/{id}/permanent"),
        admin("POST /admin/api-keys/{id}/share", [:]), admin("GET /admin/claude-accounts"), admin("GET /admin/claude-console-accounts"),
        admin("PUT /admin/claude-accounts/{id}", [:]), admin("PUT /admin/claude-console-accounts/{id}", [:]),
        admin("DELETE /admin/claude-accounts/{id}"), admin("DELETE /admin/claude-console-accounts/{id}"),
        admin("POST /admin/claude-accounts", ["name": "$name", "accessToken": "at-example"]),
        admin("POST /admin/claude-console-accounts", ["name": "$name", "apiKey": "sk-example"]), admin("GET /admin/account-groups"),
        admin("PUT /admin/account-groups/{id}", ["name": "g"]),
        admin("DELETE /admin/account-groups/{id}"),
        // Its name is taken once somebody has made it.
        admin("POST /admin/account-groups", ["name": "group"]), admin("GET /admin/dashboard"), admin("GET /admin/usage-trend"),
        admin("GET /admin/usage-costs"), admin("GET /admin/accounts/{id}/usage-history"), admin("GET /admin/models/pricing"),
        admin("PUT /admin/claude-accounts/{id}/toggle-schedulable"), admin("PUT /admin/claude-console-accounts/{id}/toggle-schedulable"),
        admin("PUT /admin/claude-accounts/{id}/toggle"), admin("PUT /admin/claude-console-accounts/{id}/toggle"),
        admin("POST /admin/claude-accounts/{id}/refresh", nil, 409), admin("POST /admin/claude-accounts/{id}/reset-status"),
        admin("POST /admin/claude-console-accounts/{id}/reset-status"),
        admin("GET /admin/concurrency"), admin("GET /admin/concurrency/{id}"), admin("DELETE /admin/concurrency/{id}"),
        admin("DELETE /admin/concurrency"),
        // Nobody is told of anything in this set-up, so there is nobody to try it with.
        admin("GET /admin/webhook/config"), admin("GET /admin/webhook/history"), admin("POST /admin/webhook/test", nil, 409),
        admin("POST /admin/webhook/test-notification", nil, 409), admin("POST /admin/webhook/config", ["enabled": true]),
        admin("POST /admin/webhook/platforms", ["name": "ops", "url": "https://ops.example.com/hook", "enabled": false]),
        admin("PUT /admin/webhook/platforms/{id}", ["events": ["relay.*"]]), admin("POST /admin/webhook/platforms/{id}/toggle"),
        admin("DELETE /admin/webhook/platforms/{id}"), admin("GET /api/admin/webhooks/events"),
        admin("POST /api/admin/webhooks/events/{id}/replay"),
        // What is sold. Support reads; only the owner has what is theirs.
        reader("GET /api/admin/plans"), admin("POST /api/admin/plans", ["kind": "relay", "name": "$name", "price": "1.00"], 201),
        admin("POST /api/admin/plans/{id}/retire"), reader("GET /api/admin/services"), reader("GET /api/admin/services/{id}"),
        admin("POST /api/admin/services/{id}/suspend", [:], 202), admin("POST /api/admin/services/{id}/resume", [:]),
        admin("POST /api/admin/services/{id}/terminate", [:], 202), admin("POST /api/admin/services/{id}/retry", [:]),
        reader("GET /api/admin/nodes"),
        admin("POST /api/admin/nodes", ["kind": "vpn", "name": "$name", "settings": .object(recordOnly)], 201),
        // No such node.
        Row(route: "GET /api/admin/nodes/{id}", body: nil, owner: 403, other: 403, support: 404, admin: 404),
        admin("PUT /api/admin/nodes/{id}", [:], 404), admin("POST /api/admin/nodes/{id}/activate", nil, 404),
        admin("POST /api/admin/nodes/{id}/drain", nil, 404), admin("POST /api/admin/nodes/{id}/disable", nil, 404),
        admin("POST /api/admin/nodes/{id}/test", nil, 404), reader("GET /api/admin/payments"),
        admin("POST /api/admin/payments/{id}/confirm"),
        admin("POST /api/admin/payments/{id}/refund", [:]),
        reader("GET /api/admin/payment-events"), everybody("GET /api/portal/services"), owned("GET /api/portal/services/{id}"),
        owned("POST /api/portal/services/{id}/secret", [:]),
        // A relay key comes without a config.
        owned("GET /api/portal/services/{id}/config", nil, 404), owned("GET /api/portal/services/{id}/config-links"),
        owned("POST /api/portal/services/{id}/config-links", [:], 409),
        owned("DELETE /api/portal/services/{id}/config-links/{link}", nil, 404),
        everybody("GET /vpn_peers"), everybody("GET /vpn/status"), payer("GET /vpn_peers/{id}"),
        payer("PUT /vpn_peers/{id}", ["device_name": "tablet"]), payer("POST /vpn_peers/{id}/deactivate"),
        payer("POST /vpn_peers/{id}/activate"), payer("DELETE /vpn_peers/{id}"),
        // The owner has bought peers by then; nobody else has.
        buyer("POST /vpn_peers", ["device_name": "$name"]), buyer("POST /vpn_peers/self", ["device_name": "$name"]),
        buyer("POST /vpn/create_peer", ["device_name": "$name"]), buyer("GET /vpn_peers/self/config"), buyer("GET /vpn/config"),
        owned("POST /api/portal/services", ["subscription_id": "$subscription", "label": "second"], 202),
        // Those who look after services may look at any command.
        Row(route: "GET /api/portal/operations/{id}", body: nil, owner: 200, other: 404, support: 200, admin: 200),
        everybody("GET /api/portal/balance"), owned("GET /api/portal/subscriptions/{id}/quote?plan=$plan"),
        owned("POST /api/portal/subscriptions/{id}/upgrade", ["plan": "$plan"]), everybody("GET /auth/me"),
        everybody("GET /auth/me/subscription"),
        // The owner has bought something by then, and one subscription at a time is what that interface knows.
        Row(route: "POST /auth/subscribe", body: ["tariff_id": "$plan"], owner: 400, other: 200, support: 200, admin: 200),
        admin("POST /auth/assign_tariff", ["user_id": "$user", "tariff_id": "$plan"]),
        admin("POST /tariffs/assign", ["user_id": "$user", "tariff_id": "$plan"]), everybody("GET /payments"),
        everybody("POST /payments", ["tariff_id": "$plan", "provider": "manual"]),
        everybody("POST /payments/create", ["tariff_id": "$plan", "provider": "manual"]), payer("GET /payments/{id}"),
        payer("GET /payments/status/{id}"), payer("GET /payments/{id}/invoice"), admin("PUT /payments/{id}", ["amount": "2.00"]),
        admin("DELETE /payments/{id}"), admin("POST /tariffs", ["name": "$name", "price": "1.00", "duration_days": 3, "service": "relay"]),
        admin("PUT /tariffs/{id}", ["description": "new"]), admin("DELETE /tariffs/{id}"),
    ]

    private static let recordOnly: JSONObject = [
        "driver": "none", "pool": ["v4": "10.9.0.0/24"],
        "server": ["public_key": "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI=", "endpoint": "vpn.example.com:51820"],
    ]
    private static let unknownKey = "key_0193c0de8a7b7f3e9d2c4b5a69788796"
    private static func admin(_ route: String, _ body: JSON? = nil, _ status: Int = 200) -> Row {
        Row(route: route, body: body, owner: 403, other: 403, support: 403, admin: status)
    }
    private static func reader(_ route: String) -> Row {
        Row(route: route, body: nil, owner: 403, other: 403, support: 200, admin: 200)
    }
    private static func buyer(_ route: String, _ body: JSON? = nil) -> Row {
        Row(route: route, body: body, owner: 200, other: 403, support: 403, admin: 403)
    }
    private static func everybody(_ route: String, _ body: JSON? = nil, _ status: Int = 200) -> Row {
        Row(route: route, body: body, owner: status, other: status, support: status, admin: status)
    }
    private static func owned(_ route: String, _ body: JSON? = nil, _ status: Int = 200) -> Row {
        Row(route: route, body: body, owner: status, other: 404, support: 404, admin: 404)
    }
    /// The older interface says that it is not allowed, where others say that there is nothing.
    private static func payer(_ route: String, _ body: JSON? = nil) -> Row {
        Row(route: route, body: body, owner: 200, other: 403, support: 403, admin: 200)
    }
}
