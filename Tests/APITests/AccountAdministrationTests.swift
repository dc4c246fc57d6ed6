import API
import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

/// `/api/admin/accounts` and the groups: what an admin can do, and what never shows.
struct AccountAdministrationTests {
    private func withAdmin(_ test: (SignedInSurface, String) async throws -> Void) async throws {
        try await withSignedInSurface(.sqlite) { surface in
            _ = try await surface.person("admin", .admin)
            try await test(surface, await surface.token("admin"))
        }
    }
    private static let secrets = ["sk-example-secret", "pass-of-proxy", "refresh-example", "client-secret-example"]
    private static let oauth: JSON = [
        "name": "pool one", "kind": "oauth", "token_url": "https://login.example.com/token", "client_id": "client-1",
        "client_secret": "client-secret-example", "refresh_token": "refresh-example", "scopes": "a b",
        "proxy": "socks5h://user:pass-of-proxy@proxy.example.com:1080", "max_concurrency": 4, "model_map": ["opus": "claude-opus-5-5"],
        "model_allow": ["claude-*", "opus"], "expires_at": "2027-01-01T00:00:00Z", "abort_policy": "drain",
    ]

    @Test func `an account is made, changed, switched, tried and deleted, and no answer holds a secret`() async throws {
        try await withAdmin { surface, token in
            let made = await surface.send(.post, "/api/admin/accounts", Self.oauth, token: token)
            #expect(made.status == 201, "\(made.text)")
            let json = try JSON(parsing: made.body)
            let id = try #require(json["id"].string)
            #expect(json["kind"] == "oauth" && json["has_proxy"] == true && json["token"]["has_client_secret"] == true)
            #expect(json["model_map"] == ["opus": "claude-opus-5-5"] && json["expires_at"] == "2027-01-01T00:00:00.000Z")
            var texts = [made.text]
            func send(_ method: HTTP.Method, _ path: String, _ body: JSON? = nil) async -> Response {
                let response = await surface.send(method, "/api/admin/accounts/\(id)\(path)", body, token: token)
                texts.append(response.text)
                return response
            }
            let edited = await send(.patch, "", ["notes": "n", "max_concurrency": 0, "proxy": "", "priority": 7])
            let after = try JSON(parsing: edited.body)
            #expect(after["notes"] == "n" && after["max_concurrency"] == .null && after["has_proxy"] == false && after["priority"] == 7)
            #expect(after["token"]["client_id"] == "client-1" && after["abort_policy"] == "drain", "what is left out stays")
            for (verb, status) in [("disable", "disabled"), ("disable", "disabled"), ("reset", "disabled"), ("enable", "active")] {
                let response = await send(.post, "/" + verb)
                let shown = try JSON(parsing: response.body)["status"]
                #expect(response.status == 200 && shown == .string(status))
            }
            #expect(await send(.post, "/test", [:]).text.contains("\"works\":true"))
            texts.append(await surface.send(.get, "/api/admin/accounts", token: token).text)
            #expect(surface.keyChanges >= 6, "the data path hears of each change")
            #expect(await send(.delete, "").status == 204)
            let (again, gone) = (await send(.delete, ""), await send(.get, ""))
            #expect(again.status == 404 && gone.status == 404)
            let events = try await surface.store.read { reader throws(StoreError) in try reader.auditEvents(subject: id, limit: 50).items }
            #expect(events.map(\.action).contains("account.create") && events.map(\.action).contains("account.delete"))
            texts += events.map { "\($0)" } + [surface.written.text]
            for secret in Self.secrets { for text in texts { #expect(!text.contains(secret), "\(secret) in \(text)") } }
        }
    }

    @Test func `an account whose batches are not booked is not deleted until they are`() async throws {
        try await withAdmin { surface, token in
            let made = try JSON(parsing: await surface.send(.post, "/api/admin/accounts", Self.oauth, token: token).body)
            let text = try #require(made["id"].string)
            let id = try AccountID(parsing: text)
            try await surface.store.transaction { transaction throws(StoreError) in
                let now = transaction.ambient.now()
                // One that nobody will ever book does not keep its account.
                for (name, at) in [("msgbatch_new", now), ("msgbatch_old", now.adding(seconds: -3 * 86_400))] {
                    let batch = MessageBatch(
                        id: name, apiKeyID: APIKeyID(transaction.ambient), keyName: "a key", userID: nil, accountID: id, createdAt: at,
                        reservedTokens: 0, reservedMicroUSD: 0, state: "{}")
                    try transaction.createBatch(batch, nextLookAt: now)
                }
            }
            let refused = await surface.send(.delete, "/api/admin/accounts/" + text, token: token)
            #expect(refused.status == 409 && refused.text.contains("not booked yet: wait"), "\(refused.text)")
            #expect(await surface.send(.delete, "/admin/claude-accounts/" + text, token: token).status == 409)
            _ = try await surface.store.transaction { transaction throws(StoreError) in try transaction.markBatchBooked("msgbatch_new") }
            #expect(await surface.send(.delete, "/api/admin/accounts/" + text, token: token).status == 204)
        }
    }

    /// Section 18: https only, no metadata services, no loopback unless it is allowed; for every address an operator may give.
    @Test(arguments: [
        ("base_url", "http://up.example.com"), ("base_url", "https://169.254.169.254"), ("base_url", "https://127.0.0.1"),
        ("base_url", "https://[fd00:ec2::254]"), ("base_url", "https://user:pw@up.example.com"), ("base_url", "https://0x7f000001"),
        ("token_url", "http://login.example.com/token"), ("token_url", "https://169.254.169.254/token"),
        ("proxy", "https://proxy.example.com"), ("proxy", "http://169.254.169.254:3128"), ("proxy", "socks5://127.0.0.1:1080"),
        ("secret", "sk-with space"), ("secret", "sk-with\nline"), ("expires_at", "tomorrow"), ("priority", "101"),
    ])
    func `an address that may not be called is refused when it is set`(field: String, value: String) async throws {
        try await withAdmin { surface, token in
            var body: JSONObject = ["name": "one", "secret": "sk-example-secret"]
            body[field] = field == "priority" ? .int(101) : .string(value)
            let response = await surface.send(.post, "/api/admin/accounts", .object(body), token: token)
            #expect(response.status == 422 && response.text.contains(field), "\(response.text)")
            #expect(!response.text.contains("sk-with") && !response.text.contains("user:pw"))
            let good = await surface.send(.post, "/api/admin/accounts", ["name": "one", "secret": "sk-example-secret"], token: token)
            let id = try #require(try JSON(parsing: good.body)["id"].string)
            body["secret"] = field == "secret" ? .string(value) : nil
            body["name"] = nil
            #expect(await surface.send(.patch, "/api/admin/accounts/\(id)", .object(body), token: token).status == 422)
        }
    }

    @Test func `an account of a program holds a console key unless its operator says otherwise`() async throws {
        try await withAdmin { surface, token in
            let made = await surface.send(
                .post, "/api/admin/accounts", ["name": "desk", "kind": "cli", "secret": "sk-example-secret"], token: token)
            let json = try JSON(parsing: made.body)
            let id = try #require(json["id"].string)
            #expect(made.status == 201 && json["header"] == "x-api-key")
            for (change, header) in [
                (["header": "authorization-bearer"], "authorization-bearer"), (["kind": "cli"], "authorization-bearer"),
                (["kind": "bearer"], "authorization-bearer"), (["kind": "cli"], "x-api-key"),
            ] as [(JSON, String)] {
                let edited = await surface.send(.patch, "/api/admin/accounts/\(id)", change, token: token)
                let shown = try JSON(parsing: edited.body)["header"]
                #expect(edited.status == 200 && shown == .string(header), "\(edited.text)")
            }
        }
    }

    @Test func `what an account needs is named all at once`() async throws {
        try await withAdmin { surface, token in
            let bare = await surface.send(.post, "/api/admin/accounts", [:], token: token)
            #expect(bare.status == 422 && bare.text.contains("name") && bare.text.contains("secret"))
            let oauth = await surface.send(.post, "/api/admin/accounts", ["name": "o", "kind": "oauth"], token: token)
            for field in ["token_url", "client_id", "refresh_token"] { #expect(oauth.text.contains(field)) }
        }
    }

    @Test func `groups hold accounts, keys are bound to what is there`() async throws {
        try await withAdmin { surface, token in
            let account = try await surface.accounts.create(
                {
                    var change = AccountChange()
                    (change.name, change.secret) = ("one", "sk-example-secret")
                    return change
                }(), actor: "system")
            let path = "/api/admin/account-groups"
            let made = await surface.send(.post, path, ["name": "fast", "strategy": "weighted"], token: token)
            let id = try #require(try JSON(parsing: made.body)["id"].string)
            #expect(made.status == 201)
            #expect(await surface.send(.post, path, ["name": "fast"], token: token).status == 409)
            let edited = await surface.send(
                .patch, "\(path)/\(id)", ["account_ids": [.string(account.id.text)], "strategy": "pool"], token: token)
            let json = try JSON(parsing: edited.body)
            #expect(json["account_ids"] == [.string(account.id.text)] && json["strategy"] == .null && json["name"] == "fast")
            #expect(
                await surface.send(.patch, "\(path)/\(id)", ["account_ids": ["acc_00000000000070008000000000000000"]], token: token).status
                    == 409)
            let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: nil, actor: "system").key
            let binding = "/api/admin/keys/\(key.id.text)/binding"
            func bind(_ value: JSON) async -> Int {
                let response = await surface.send(.put, binding, ["binding": value, "falls_back": true], token: token)
                return response.status
            }
            #expect(await bind(.string("group:" + id)) == 204)
            #expect(await bind(.string(account.id.text)) == 204)
            let bound = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.id) }
            #expect(bound?.accountBinding == account.id.text && bound?.bindingFallsBack == true)
            for wrong in ["group:x", "acc_00000000000070008000000000000000", "everybody"] { #expect(await bind(.string(wrong)) == 422) }
            #expect(await bind(.null) == 204)
            #expect(await surface.send(.delete, "\(path)/\(id)", token: token).status == 204)
            let explained = await surface.send(.get, "/api/admin/accounts/explain?model=m&key=\(key.id.text)", token: token)
            #expect(explained.status == 200 && explained.text.contains(key.id.text))
            #expect(
                await surface.send(.get, "/api/admin/accounts/explain?model=m&key=key_00000000000070008000000000000000", token: token)
                    .status
                    == 404)
        }
    }
}
