import Domain
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// Rules that the keys of a person or a team keep to besides their own (relay contract, section 17: the tightest wins).
struct SharedAccessTests {
    private static let owned = "cr_" + String(repeating: "cd34", count: 16)
    private static let nowhere = [WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:1")]

    /// A key of a person in a team, all three under rules of their own.
    private func make(
        in world: RelayWorld, person: JSONObject = [:], team: JSONObject = [:], key: JSONObject = [:], secret: String = owned,
        email: String = "ann@example.com"
    ) async throws -> APIKeyID {
        let hash = world.hasher.hash(Array(secret.utf8))
        return try await world.change { transaction throws(StoreError) in
            var (ofPerson, ofTeam, ofKey) = (SharedAccess(), SharedAccess(), APIKeyAccess())
            do throws(InputErrors) {
                try ofPerson.apply(person)
                try ofTeam.apply(team)
                try ofKey.apply(key)
            } catch { throw .refused("\(error.fields)") }
            let known = try transaction.user(email: email)
            let user: User
            if let known {
                user = known
            } else {
                user = try transaction.createUser(NewUser(email: email, name: "Ann", role: .customer, passwordHash: "not a real hash"))
            }
            if known == nil {
                let made = try transaction.createTeam(name: "team of \(email)", access: ofTeam)
                _ = try transaction.setTeam(made.id, of: user.id)
                _ = try transaction.setSharedLimits(APIKeyLimits(), ofPerson, of: user.id)
            }
            var new = NewAPIKey(ownerID: user.id, name: "hers", secretHash: hash, shownPrefix: "cr_cd34", shownSuffix: "cd34")
            new.access = ofKey
            return try transaction.createAPIKey(new).id
        }
    }

    private func code(_ reply: RawReply) throws -> String? { try details(reply)["error_code"].string }
    private func details(_ reply: RawReply) throws -> JSON { try JSON(parsing: reply.body)["error"]["details"] }

    private static let forbidding: [(rules: JSONObject, refusal: String)] = [
        (["allowed_models": ["claude-haiku-*"]], "model_not_allowed"), (["allowed_models": []], "model_not_allowed"),
        (["denied_models": ["claude-sonnet-*"]], "model_not_allowed"), (["ip_allowlist": ["192.0.2.0/24"]], "ip_not_allowed"),
        (["permissions": ["chat"]], "service_not_allowed"), (["allowed_clients": ["claude-code"]], "client_not_allowed"),
        (["expires_at": "2026-01-01T00:00:00Z"], "key_expired"),
    ]

    @Test(arguments: forbidding) func `what a person's or a team's rules forbid is refused, and whose they are is named`(
        rules: JSONObject, refusal: String
    ) async throws {
        for (person, team, scope) in [(rules, [:], "user"), ([:], rules, "team")] as [(JSONObject, JSONObject, String)] {
            try await withRelay(Self.nowhere) { world in
                // What the key itself allows does not help.
                let id = try await make(in: world, person: person, team: team, key: ["permissions": ["messages"]])
                let reply = try await world.send(headers: ["x-api-key: " + Self.owned, "user-agent: curl/8"])
                #expect(try reply.status == 403 && code(reply) == refusal && details(reply)["scope"].string == scope)
                #expect(reply.header("x-should-retry") == "false")
                let question = KeyQuestion(
                    model: "claude-sonnet-5-5", address: "127.0.0.1", service: "messages", client: "curl/8")
                let explained = try #require(world.relay.explain(id, question))
                #expect(explained["shared"].array?.first?["scope"].string == scope)
                #expect(explained["refused_by"].string == refusal, "and who asks why is told the same")
                let unasked = try #require(world.relay.explain(id))["checks"].array?.map { $0["code"].string }
                #expect(unasked == ["key_disabled", "key_expired"], "what is left out is not looked at")
                let other = try await world.send(headers: ["x-api-key: " + RelayWorld.secret, "user-agent: curl/8"])
                #expect(other.status == 502, "a key of nobody passes the rules and meets the account that cannot be reached")
            }
        }
    }

    @Test func `a model has to be allowed by the key, its person and its team`() async throws {
        try await withRelay(Self.nowhere) { world in
            let id = try await make(
                in: world, person: ["allowed_models": ["claude-*"]], team: ["denied_models": ["claude-opus-*"]],
                key: ["denied_models": ["claude-haiku-*"]])
            let key = try #require(world.relay.services.keys.find(id))
            #expect(
                ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "other"].map { key.allows(model: $0) } == [
                    true, false, false, false,
                ])
            #expect(key.rules.map(\.scope) == [.key, .user, .team])
            #expect(world.relay.services.keys.find(world.key.id)?.rules.isEmpty == true, "what is not restricted costs nothing")
        }
    }

    @Test func `a lifetime that keys share begins with the first request of any, and a new key begins no other`() async throws {
        let second = "cr_" + String(repeating: "ef56", count: 16)
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)]) { world in
                _ = try await make(in: world, team: ["activation_seconds": 60])
                #expect(try await world.get("/v1/models", headers: ["x-api-key: " + Self.owned]).status == 200)
                await world.advance(seconds: 120)
                #expect(try await world.send(headers: ["x-api-key: " + Self.owned]).status == 200, "reading begins no lifetime")
                try await world.relay.services.keys.writeActivations(to: world.store)
                _ = try await make(in: world, secret: second)
                #expect(try await world.send(headers: ["x-api-key: " + second]).status == 200)
                try await world.relay.services.keys.writeActivations(to: world.store)
                await world.advance(seconds: 60)
                for secret in [Self.owned, second] {
                    let reply = try await world.send(headers: ["x-api-key: " + secret])
                    #expect(try reply.status == 403 && code(reply) == "key_expired" && details(reply)["scope"].string == "team")
                }
            }
        }
    }

    @Test(arguments: [
        "/v1/models", "/v1/key-info", "/v1/usage", "/v1/request-history", "/v1/request-history/export", "/v1/messages/batches",
        "/api/conversations", "/openai/v1/models",
    ]) func `a key's address list holds for whatever is asked with it`(path: String) async throws {
        try await withRelay(Self.nowhere) { world in
            _ = try await make(in: world, key: ["ip_allowlist": ["192.0.2.0/24"]])
            #expect(try await world.get(path, headers: ["x-api-key: " + Self.owned]).status == 403)
            #expect(try await world.get(path).status == 200)
        }
    }

    @Test func `token counts and batches ask for addresses, services and clients as messages do`() async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)]) { world in
                let cases: [(JSONObject, String?, String?)] = [
                    (["ip_allowlist": ["192.0.2.0/24"]], "ip_not_allowed", "ip_not_allowed"),
                    (["permissions": ["messages"]], nil, "service_not_allowed"), (["permissions": ["batches"]], "service_not_allowed", nil),
                    // Counting skips the client (relay contract, section 2).
                    (["allowed_clients": ["claude-code"]], nil, "client_not_allowed"),
                ]
                for (number, (rules, count, batch)) in cases.enumerated() {
                    let secret = "cr_" + String(repeating: "ab0\(number)", count: 16)
                    _ = try await make(in: world, key: rules, secret: secret)
                    let headers = ["x-api-key: " + secret]
                    let counted = try await world.send(RelayWorld.body, "/v1/messages/count_tokens", headers: headers)
                    #expect(try counted.status == (count == nil ? 200 : 403) && (count == nil || code(counted) == count))
                    let body = #"{"requests":[{"custom_id":"one","params":\#(RelayWorld.body)}]}"#
                    let made = try await world.send(body, "/v1/messages/batches", headers: headers)
                    #expect(try made.status == (batch == nil ? 200 : 403) && (batch == nil || code(made) == batch))
                }
            }
        }
    }

    @Test func `a batch begins the lifetime of its key`() async throws {
        try await withFakeUpstream { fake in
            try await withRelay([WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)]) { world in
                let id = try await make(in: world, key: ["activation_seconds": 60])
                let body = #"{"requests":[{"custom_id":"one","params":\#(RelayWorld.body)}]}"#
                let headers = ["x-api-key: " + Self.owned]
                #expect(try await world.send(body, "/v1/messages/batches", headers: headers).status == 200)
                try await world.relay.services.keys.writeActivations(to: world.store)
                try await world.relay.refresh()
                #expect(world.relay.services.keys.find(id)?.standing.ends == world.clock.ambient.now().adding(seconds: 60))
                await world.advance(seconds: 60)
                #expect(try code(await world.send(body, "/v1/messages/batches", headers: headers)) == "key_expired")
            }
        }
    }
}
