import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

/// What dashboards and scripts of the older relay do.
struct OlderDashboardTests {
    @Test func `an admin logs in by name, is known, renews the token and leaves`() async throws {
        try await withDashboardAdmin { surface, token async throws in
            let user = await surface.send(.get, "/web/auth/user", token: token)
            #expect(user.json["user"]["username"] == "admin@example.com" && user.json["user"]["loginTime"].string != nil)
            let byCookie = await surface.send(.get, "/web/auth/user", headers: ["cookie": "adminToken=\(token)"])
            #expect(byCookie.status == 200)
            let renewed = await surface.send(.post, "/web/auth/refresh", token: token)
            let fresh = try #require(renewed.json["token"].string)
            #expect(await surface.send(.get, "/web/auth/user", token: token).status == 401, "the old one has ended")
            #expect(await surface.send(.post, "/web/auth/logout", token: fresh).json["success"] == true)
            #expect(await surface.send(.get, "/web/auth/user", token: fresh).status == 401)
        }
    }

    @Test func `a login that is wrong, or no admin's, is refused alike and throttled`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            _ = try await surface.person("admin", .admin)
            var bodies: Set<String> = []
            for (name, password) in [("ada@example.com", SignedInSurface.password), ("admin", "wrong"), ("nobody", "wrong"), ("@", "x")] {
                let reply = await surface.send(.post, "/web/auth/login", ["username": .string(name), "password": .string(password)])
                #expect(reply.status == 401)
                bodies.insert(reply.text)
            }
            #expect(bodies.count == 1)
            for _ in 0..<4 { _ = await surface.send(.post, "/web/auth/login", ["username": "admin", "password": "wrong"]) }
            let throttled = await surface.send(
                .post, "/web/auth/login", ["username": "admin", "password": .string(SignedInSurface.password)])
            #expect(throttled.status == 429 && throttled.json["error"] == "Too many requests")
        }
    }

    @Test func `statistics open for the key, or for a share token of it, and for nothing else`() async throws {
        try await withDashboardAdmin { surface, token async throws in
            let made = await surface.send(.post, "/admin/api-keys", ["name": "one"], token: token).json["data"]
            let (id, secret) = (made["id"], made["apiKey"])
            for name in ["get-key-id", "user-stats", "user-model-stats"] {
                let path = "/apiStats/api/" + name
                #expect(await surface.send(.post, path, ["apiKey": secret]).json["success"] == true, "\(name)")
                #expect(await surface.send(.post, path, ["apiKey": "cr_unknown_key"]).status == 401)
                #expect(await surface.send(.post, path, ["apiId": id]).status == 401, "an id alone opens nothing")
            }
            let share = await surface.send(.post, "/admin/api-keys/\(id.string ?? "")/share", ["expiresIn": 60], token: token).json["data"]
            let stats = await surface.send(.post, "/apiStats/api/user-stats", ["apiId": id, "token": share["token"]])
            #expect(stats.json["data"]["id"] == id && stats.json["data"]["usage"]["total"]["requests"] == 0)
            let other = await surface.send(.post, "/admin/api-keys", ["name": "two"], token: token).json["data"]["id"]
            #expect(await surface.send(.post, "/apiStats/api/user-stats", ["apiId": other, "token": share["token"]]).status == 401)
            let batch = await surface.send(
                .post, "/apiStats/api/batch-stats",
                ["apiKeys": [secret, "cr_unknown_key"], "items": [["apiId": id, "token": share["token"]]]])
            #expect(batch.json["data"]["aggregated"]["validKeys"] == 2)
            surface.clock.advance(milliseconds: 61_000)
            #expect(await surface.send(.post, "/apiStats/api/user-stats", ["apiId": id, "token": share["token"]]).status == 401)
        }
    }

    @Test(
        arguments: [
            (["ipAllowlist": ["198.51.100.0/24"]], 403), (["isActive": false], 403), (["expiresAt": "2020-01-01T00:00:00Z"], 403),
            (["ipAllowlist": ["192.0.2.0/24"]], 200),
        ] as [(JSON, Int)])
    func `statistics by a key's secret ask who may use the key, as the relay does`(change: JSON, status: Int) async throws {
        try await withDashboardAdmin { surface, token async throws in
            let made = await surface.send(.post, "/admin/api-keys", ["name": "one"], token: token).json["data"]
            let (id, secret) = (made["id"].string ?? "", made["apiKey"].string ?? "")
            #expect(await surface.send(.put, "/admin/api-keys/\(id)", change, token: token).status == 200)
            for name in ["get-key-id", "user-stats", "user-model-stats"] {
                let reply = await surface.send(.post, "/apiStats/api/" + name, ["apiKey": .string(secret)])
                #expect(reply.status == status, "\(name): \(reply.json.text)")
                if status == 403 { #expect(reply.headers["x-should-retry"] == "false") }
            }
            #expect(await surface.send(.get, "/api/stats", token: secret).status == status)
            let batch = await surface.send(.post, "/apiStats/api/batch-stats", ["apiKeys": [.string(secret)]])
            #expect(batch.json["data"]["aggregated"]["validKeys"] == .int(status == 200 ? 1 : 0))
            let share = await surface.send(.post, "/admin/api-keys/\(id)/share", ["expiresIn": 60], token: token).json["data"]
            let shared = await surface.send(.post, "/apiStats/api/user-stats", ["apiId": .string(id), "token": share["token"]])
            #expect(shared.status == 200, "whoever was given a token holds no key")
        }
    }

    @Test func `stats are a key's, a person's or everybody's, by caller`() async throws {
        try await withSignedInSurface { surface in
            let (ada, _) = (try await surface.person("ada"), try await surface.person("admin", .admin))
            let mine = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: ada.id, actor: "system")
            let other = try await surface.keys.create(RelayKeys.Wish(name: "o"), owner: nil, actor: "system")
            for (number, made) in [mine, mine, other].enumerated() {
                let id = RequestID(surface.store.ambient)
                let (key, now) = (made.key, surface.store.ambient.now())
                var record = RequestRecord(
                    id: id, apiKeyID: key.id, keyName: key.name, userID: key.ownerID, model: "claude-sonnet-5-5", path: "/v1/messages",
                    stream: true, status: number == 0 ? .aborted : .success, startedAt: now, attempts: 1)
                record.ttftMilliseconds = Int64(100 * (number + 1))
                let entry = LedgerEntry(
                    requestID: id, attempt: 1, apiKeyID: key.id, userID: key.ownerID, model: "claude-sonnet-5-5",
                    tokens: TokenCounts(input: 5, output: 2), costMicroUSD: 40, priceMicroUSD: 40, usageSource: .final, at: now)
                let settled = SettledRequest(request: record, entries: [entry])
                try await surface.store.transaction { transaction throws(StoreError) in _ = try transaction.settle([settled]) }
            }
            let own = await surface.send(.get, "/api/stats?group_by=key", token: await surface.token("ada")).json
            #expect(own["totals"]["requests"] == 2 && own["totals"]["aborted"] == 1 && own["totals"]["cost_usd"] == "0.000080")
            #expect(own["totals"]["avg_ttft_ms"] == 150 && own["totals"]["p95_ttft_ms"] == 200 && own["series"].array?.count == 1)
            let all = await surface.send(.get, "/api/stats?group_by=model", token: await surface.token("admin")).json
            #expect(all["totals"]["requests"] == 3 && all["series"].array?.first?["bucket"] == "claude-sonnet-5-5")
            let keyed = await surface.send(.get, "/api/stats", headers: ["x-api-key": other.secret.reveal { $0 }]).json
            #expect(keyed["totals"]["requests"] == 1 && keyed["totals"]["input_tokens"] == 5)
            let past = await surface.send(.get, "/api/stats?from=2020-01-01&to=2020-02-01", token: await surface.token("ada")).json
            #expect(past["totals"]["requests"] == 0 && past["totals"]["p95_ttft_ms"] == .null)
        }
    }

    @Test func `history is cleaned up in parts, counted first, and the totals stay`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("admin", .admin)
            let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: nil, actor: "system").key
            let now = surface.store.ambient.now()
            let settled = (0..<3).map { day in
                let id = RequestID(surface.store.ambient)
                let at = now.adding(seconds: Int64(-day) * 40 * 86_400)
                return SettledRequest(
                    request: RequestRecord(
                        id: id, apiKeyID: key.id, keyName: "k", model: "m", path: "/v1/messages", stream: false, status: .success,
                        startedAt: at, attempts: 1),
                    entries: [
                        LedgerEntry(
                            requestID: id, attempt: 1, apiKeyID: key.id, model: "m", tokens: TokenCounts(input: 1), costMicroUSD: 1,
                            priceMicroUSD: 1, usageSource: .final, at: at)
                    ])
            }
            try await surface.store.transaction { transaction throws(StoreError) in _ = try transaction.settle(settled) }
            let token = await surface.token("admin")
            let dry = await surface.send(.post, "/api/admin/history/cleanup", ["dry_run": true], token: token).json
            #expect(dry["deleted"] == 0 && dry["remaining"] == 2)
            let longer = await surface.send(.post, "/api/admin/history/cleanup", ["dry_run": true, "older_than_days": 60], token: token)
            #expect(longer.json["remaining"] == 1)
            let done = await surface.send(.post, "/api/admin/history/cleanup", [:], token: token).json
            #expect(done["deleted"] == 2 && done["remaining"] == 0)
            let total = try await surface.store.read { reader throws(StoreError) in try reader.usage(UsageFilter(apiKeyID: key.id)) }
            #expect(total.requests == 3 && total.costMicroUSD == 3)
        }
    }
}

/// An admin who has logged in as dashboards of the older relay do.
func withDashboardAdmin(_ test: (SignedInSurface, _ token: String) async throws -> Void) async throws {
    try await withSignedInSurface { surface in
        _ = try await surface.person("admin", .admin)
        let login = await surface.send(
            .post, "/web/auth/login", ["username": "admin", "password": .string(SignedInSurface.password)])
        #expect(login.status == 200 && login.json["success"] == true && login.json["expiresIn"] == 3_600_000)
        #expect(
            login.headers["set-cookie"]?.hasPrefix("adminToken=") == true
                && login.headers["set-cookie"]?.contains("SameSite=Strict") == true)
        try await test(surface, login.json["token"].string ?? "")
    }
}
