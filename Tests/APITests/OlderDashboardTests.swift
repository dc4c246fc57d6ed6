import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

/// What dashboards and scripts of the older relay do.
struct OlderDashboardTests {
    private func withAdmin(_ test: (SignedInSurface, _ token: String) async throws -> Void) async throws {
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

    @Test func `an admin logs in by name, is known, renews the token and leaves`() async throws {
        try await withAdmin { surface, token async throws in
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

    @Test func `a key is made, found, changed, deleted, brought back and removed for good`() async throws {
        try await withAdmin { surface, token async throws in
            let made = await surface.send(
                .post, "/admin/api-keys",
                [
                    "name": "Laptop 50%", "description": "d", "tags": ["b", "a"], "concurrencyLimit": 4, "dailyCostLimit": .number("2.5"),
                    "rateLimitCost": 0, "restrictedModels": [], "expiresAt": "", "permissions": "all",
                ], token: token)
            let key = made.json["data"]
            let id = try #require(key["id"].string)
            let secret = try #require(key["apiKey"].string)
            #expect(made.json["success"] == true && secret.hasPrefix("cr_") && key["tags"] == ["a", "b"] && key["concurrencyLimit"] == 4)
            _ = await surface.send(.post, "/admin/api-keys/batch", ["name": "many", "count": 3, "tags": ["c"]], token: token)

            func list(_ query: String) async -> JSON { await surface.send(.get, "/admin/api-keys?" + query, token: token).json["data"] }
            let all = await list("page=1&pageSize=2&sortBy=name&sortOrder=asc")
            #expect(
                all["pagination"] == ["page": 1, "pageSize": 2, "total": 4, "totalPages": 2] && all["availableTags"] == ["a", "b", "c"])
            #expect(all["items"].array?.map { $0["name"].string } == ["Laptop 50%", "many_1"])
            #expect(all.text.contains(secret) == false, "a key is shown once")
            #expect(await list("search=50%25")["items"].array?.count == 1)
            #expect(await list("search=5_%25")["items"].array?.isEmpty == true, "what is typed is no pattern")
            #expect(await list("tag=c")["items"].array?.count == 3)

            let changed = await surface.send(
                .put, "/admin/api-keys/\(id)", ["isActive": false, "concurrencyLimit": 0, "tags": ["z"]], token: token)
            #expect(changed.json["data"]["isActive"] == false && changed.json["data"]["concurrencyLimit"] == 0)
            #expect(changed.json["data"]["dailyCostLimit"] == .number("2.500000"), "what is left out stays")
            #expect(await list("isActive=false")["items"].array?.count == 1)
            let unknown = await surface.send(.put, "/admin/api-keys/\(id)", ["weeklyTokenLimit": 5], token: token)
            #expect(unknown.status == 422 && unknown.text.contains("weeklyTokenLimit"), "a limit is never dropped in silence")

            #expect(await surface.send(.delete, "/admin/api-keys/\(id)/permanent", token: token).status == 404, "first it is deleted")
            #expect(await surface.send(.delete, "/admin/api-keys/\(id)", token: token).status == 200)
            let gone = await surface.send(.get, "/admin/api-keys/deleted", token: token)
            #expect(gone.json["data"]["items"].array?.map { $0["id"].string } == [id])
            #expect(await surface.send(.post, "/admin/api-keys/\(id)/restore", token: token).status == 200)
            #expect(await list("page=1")["pagination"]["total"] == 4)
            #expect(await surface.send(.delete, "/admin/api-keys/\(id)", token: token).status == 200)
            #expect(await surface.send(.delete, "/admin/api-keys/\(id)/permanent", token: token).status == 200)
            #expect(await surface.send(.post, "/admin/api-keys/\(id)/restore", token: token).status == 404)
        }
    }

    @Test func `every limit and restriction of the older relay is kept and read back`() async throws {
        try await withAdmin { surface, token async throws in
            let wish: JSON = [
                "name": "k", "tokenLimit": 1000, "concurrencyLimit": 2, "rateLimitWindow": 60, "rateLimitRequests": 10,
                "rateLimitCost": .number("1.25"), "dailyCostLimit": 3, "totalCostLimit": "7.5", "weeklyOpusCostLimit": 4,
                "weeklyResetDay": 2,
                "weeklyResetHour": 6, "monthlyCostLimit": 9, "requestsPerMinute": 5, "tokensPerMinute": 6, "inputTokensPerMinute": 7,
                "outputTokensPerMinute": 8, "tokensPerDay": 9, "enableModelRestriction": true, "restrictedModels": ["claude-opus-*"],
                "enableClientRestriction": true, "allowedClients": ["claude-code"], "permissions": ["messages", "openai"],
                "ipAllowlist": ["192.0.2.0/24"], "hardStop": true, "expirationMode": "activation", "activationDays": 3,
                "activationUnit": "hours", "allowedModels": ["claude-*"],
            ]
            let made = await surface.send(.post, "/admin/api-keys", wish, token: token)
            #expect(made.status == 200, "\(made.text)")
            let id = try APIKeyID(parsing: made.json["data"]["id"].string ?? "")
            for member in wish.object?.members ?? [] where !["dailyCostLimit", "rateLimitCost", "totalCostLimit"].contains(member.name) {
                let isMoney = member.name.hasSuffix("CostLimit")
                let shown = made.json["data"][member.name]
                #expect(isMoney ? shown.text.hasPrefix(member.value.text + ".") : shown == member.value, "\(member.name): \(shown.text)")
            }
            let key = try #require(try await surface.store.read { reader throws(StoreError) in try reader.apiKey(id) })
            #expect(key.limits.windowCostMicroUSD == 1_250_000 && key.limits.costTotalMicroUSD == 7_500_000)
            #expect(key.limits.windowMinutes == 60 && key.limits.weekResetDay == 2 && key.limits.hardStop == 1)
            #expect(key.access.activationSeconds == 3 * 3600 && key.access.deniedModels == ["claude-opus-*"])
            let off = await surface.send(
                .put, "/admin/api-keys/\(id.text)",
                ["enableModelRestriction": false, "restrictedModels": ["x"], "rateLimitWindow": 0, "expirationMode": "fixed"], token: token)
            #expect(off.json["data"]["restrictedModels"] == [] && off.json["data"]["rateLimitWindow"] == 0)
            #expect(off.json["data"]["expirationMode"] == "fixed" && off.json["data"]["rateLimitRequests"] == 10)
            let bad = await surface.send(
                .post, "/admin/api-keys", ["name": "bad", "permissions": ["nothing"], "rateLimitRequests": -1], token: token)
            #expect(bad.status == 422 && bad.text.contains("rateLimitRequests") && bad.text.contains("permissions"))
            let all = await surface.send(.get, "/admin/api-keys", token: token).json["data"]["pagination"]["total"]
            #expect(all == 1, "what was refused left no key behind")
        }
    }

    @Test func `a key is bound by either field, whichever has something to say`() async throws {
        try await withAdmin { surface, token async throws in
            func account(_ path: String, _ secret: String) async throws -> String {
                let wish: JSON = ["name": .string(path), .init(secret): "sk-example-0001"]
                return try #require(await surface.send(.post, path, wish, token: token).json["data"]["id"].string)
            }
            let bearer = try await account("/admin/claude-accounts", "accessToken")
            let console = try await account("/admin/claude-console-accounts", "apiKey")
            let group = await surface.send(.post, "/admin/account-groups", ["name": "g"], token: token).json["data"]["id"].string ?? ""
            func both(_ account: JSON, _ console: JSON) -> JSON { ["claudeAccountId": account, "claudeConsoleAccountId": console] }
            let console0 = both("", .string(console))
            var wish = console0.object ?? [:]
            wish["name"] = "k"
            let made = await surface.send(.post, "/admin/api-keys", .object(wish), token: token)
            let id = try APIKeyID(parsing: made.json["data"]["id"].string ?? "")
            func bound() async throws -> String? {
                try await surface.store.read { reader throws(StoreError) in try reader.apiKey(id)?.accountBinding }
            }
            #expect(try await bound() == console, "the empty field does not hide the other")
            #expect(made.json["data"]["claudeAccountId"] == "" && made.json["data"]["claudeConsoleAccountId"].string == console)
            let rows: [(change: JSON, bound: String?)] = [
                (["description": "other"], console), (["claudeAccountId": .string(bearer)], bearer),
                (both(.string(bearer), .string(console)), console), (["claudeAccountId": ""], console),
                (both(.string("group:" + group), ""), "group:" + group), (both("", .null), nil),
                (["claudeAccountId": .string(bearer)], bearer),
                (["claudeAccountId": .null], nil),
            ]
            for row in rows {
                let changed = await surface.send(.put, "/admin/api-keys/\(id.text)", row.change, token: token)
                #expect(changed.status == 200, "\(row.change.text): \(changed.text)")
                #expect(try await bound() == row.bound, "\(row.change.text)")
                let shown = [changed.json["data"]["claudeAccountId"].string, changed.json["data"]["claudeConsoleAccountId"].string]
                #expect(shown == (row.bound == console ? ["", console] : [row.bound ?? "", ""]))
            }
            for nobody in ["acc_0193c0de8a7b7f3e9d2c4b5a69788796", "group:nothing", "x"] {
                let bad = await surface.send(.put, "/admin/api-keys/\(id.text)", ["claudeAccountId": .string(nobody)], token: token)
                #expect(bad.status == 422 && bad.text.contains("claudeAccountId"), "nobody would serve such a key")
            }
            let before = await surface.send(.get, "/admin/api-keys", token: token).json["data"]["pagination"]["total"]
            let none = await surface.send(.post, "/admin/api-keys", ["name": "b", "claudeAccountId": "group:nothing"], token: token)
            #expect(none.status == 422)
            let typo = await surface.send(.post, "/admin/api-keys", ["name": "c", "ipAllowlist": ["192.0.2.0/240"]], token: token)
            #expect(typo.status == 422 && typo.text.contains("ipAllowlist"), "nobody could use such a key")
            #expect(await surface.send(.get, "/admin/api-keys", token: token).json["data"]["pagination"]["total"] == before)
        }
    }

    @Test func `several keys are changed and deleted at once, and unknown ones are named`() async throws {
        try await withAdmin { surface, token async throws in
            let made = await surface.send(.post, "/admin/api-keys/batch", ["name": "n", "count": 2], token: token)
            let ids = made.json["data"].array?.map { $0["id"] } ?? []
            let some = JSON.array(ids + ["key_0193c0de8a7b7f3e9d2c4b5a69788796"])
            let changed = await surface.send(
                .put, "/admin/api-keys/batch", ["keyIds": some, "updates": ["requestsPerMinute": 7]], token: token)
            #expect(changed.json["data"]["successCount"] == 2 && changed.json["data"]["failedCount"] == 1)
            let keys = await surface.send(.get, "/admin/api-keys", token: token).json["data"]["items"].array ?? []
            #expect(keys.allSatisfy { $0["requestsPerMinute"] == 7 })
            #expect(
                await surface.send(.post, "/admin/api-keys/batch-stats", ["keyIds": some], token: token).json["data"].object?.count == 3)
            let gone = await surface.send(.delete, "/admin/api-keys/batch", ["keyIds": some], token: token)
            #expect(gone.json["data"]["successCount"] == 2)
        }
    }

    @Test func `the forms of older dashboards make and change keys`() async throws {
        try await withAdmin { surface, token async throws in
            func send(_ method: HTTP.Method, _ path: String, _ body: JSON? = nil) async -> Response {
                await surface.send(method, path, body, token: token)
            }
            let made = await send(
                .post, "/admin/api-keys/batch",
                [
                    "baseName": "many", "createType": "batch", "count": 2, "serviceRates": [:], "tags": ["a"],
                    "permissions": ["claude", "openai"],
                ])
            #expect(made.status == 200, "\(made.text)")
            let keys = made.json["data"].array ?? []
            #expect(keys.map { $0["name"] } == ["many_1", "many_2"] && keys.allSatisfy { $0["permissions"] == "all" })
            let ids = JSON.array(keys.map { $0["id"] })
            let rows: [(operation: JSON, tags: JSON, after: JSON)] = [
                ("add", ["b"], ["a", "b"]), ("remove", ["a"], ["b"]), ("none", ["x"], ["b"]), ("replace", ["c"], ["c"]),
                (.null, ["d"], ["d"]),
            ]
            for row in rows {
                let change: JSON = ["keyIds": ids, "updates": ["tags": row.tags, "tagOperation": row.operation]]
                #expect(await send(.put, "/admin/api-keys/batch", change).json["data"]["successCount"] == 2)
                let shown = await send(.get, "/admin/api-keys?sortBy=cost&sortOrder=&timeRange=custom&isActive=&platform=x").json["data"]
                #expect(shown["items"].array?.map { $0["tags"] } == [row.after, row.after], "\(row.operation.text)")
            }
            let path = "/admin/api-keys/\(keys.first?["id"].string ?? "")"
            #expect(await send(.put, path, ["permissions": "openai"]).json["data"]["permissions"] == ["openai"])
            let wide = await send(.put, path, ["permissions": ["claude"], "dailyCostLimit": 5])
            #expect(wide.json["data"]["permissions"] == "all")
            for (name, value) in [
                ("permissions", ["claude", "gemini"]), ("permissions", "gemini"), ("serviceRates", ["claude": 2]), ("dailyCostLimit", [:]),
                ("tagOperation", "swap"),
            ] as [(String, JSON)] {
                let refused = await send(.put, path, .object([name: value, "tags": []]))
                #expect(refused.status == 422 && refused.text.contains(name), "\(name): \(refused.text)")
            }
        }
    }

    @Test func `an account form keeps its way out, its models and its cap, or is refused`() async throws {
        try await withAdmin { surface, token async throws in
            let path = "/admin/claude-console-accounts"
            func account(_ id: String) async throws -> Account {
                let id = try AccountID(parsing: id)
                return try #require(try await surface.store.read { reader throws(StoreError) in try reader.account(id) })
            }
            let made = await surface.send(
                .post, path,
                [
                    "name": "far", "apiKey": "sk-example-0001", "apiUrl": "https://api.example.com", "isActive": false, "dailyQuota": 5,
                    "proxy": ["type": "socks5", "host": "proxy.example.com", "port": 1080, "username": "u", "password": "p w@"],
                    "supportedModels": ["claude-sonnet-5-5": "far-sonnet", "claude-haiku-5": "claude-haiku-5"], "accountType": "shared",
                    "userAgent": "", "quotaResetTime": "00:00",
                ], token: token)
            #expect(made.status == 200, "\(made.text)")
            let id = made.json["data"]["id"].string ?? ""
            let kept = try await account(id)
            #expect(kept.status == .disabled && kept.details.isSchedulable && kept.details.caps.costPerDayMicroUSD == 5_000_000)
            #expect(kept.details.modelAllow == #"["claude-sonnet-5-5","claude-haiku-5"]"#)
            #expect(kept.details.modelMap == #"{"claude-sonnet-5-5":"far-sonnet"}"#)
            let sealed = try #require(kept.proxySealed)
            let proxy = try surface.keyring.open(sealed, for: AccountSeal.proxy(kept.id))
            #expect(String(decoding: proxy, as: UTF8.self) == "socks5://u:p%20w%40@proxy.example.com:1080")

            // A page sends back what it was shown, and what it left empty.
            var form = await surface.send(.get, path, token: token).json["data"].array?.first?.object ?? [:]
            (form["name"], form["proxy"], form["apiKey"], form["isActive"]) = ("renamed", .null, "", true)
            let changed = await surface.send(.put, path + "/\(id)", .object(form), token: token)
            #expect(changed.status == 200, "\(changed.text)")
            let after = try await account(id)
            #expect(after.details.name == "renamed" && after.status == .active && after.proxySealed == sealed)
            #expect(after.details.modelAllow == kept.details.modelAllow && after.details.modelMap == kept.details.modelMap)
            #expect(after.details.caps == kept.details.caps && after.secretSealed == kept.secretSealed)
            let open = await surface.send(.put, path + "/\(id)", ["supportedModels": [], "dailyQuota": 0], token: token)
            let freed = try await account(id).details
            #expect(open.status == 200 && freed.modelAllow == nil && freed.modelMap == "{}" && freed.caps.costPerDayMicroUSD == nil)

            for (field, value) in [
                ("proxy", ["type": "https", "host": "proxy.example.com", "port": 1080]), ("proxy", ["type": "socks5", "host": ""]),
                ("supportedModels", "all"), ("dailyQuota", "much"), ("accountType", "group"), ("accountType", "dedicated"),
                ("apiUrl", "ftp://api.example.com"),
            ] as [(String, JSON)] {
                let wish: JSON = .object(["name": "bad", "apiKey": "sk-example-0002", field: value])
                let refused = await surface.send(.post, path, wish, token: token)
                #expect(refused.status == 422 && refused.text.contains(field), "\(field): \(refused.text)")
            }
            for (query, count) in [("platform=claude-console&groupId=all", 1), ("platform=gemini", 0), ("groupId=ungrouped&x=1", 1)] {
                let shown = await surface.send(.get, path + "?" + query, token: token)
                #expect(shown.json["data"].array?.count == count, "\(query): \(shown.text)")
            }
        }
    }

    @Test func `statistics open for the key, or for a share token of it, and for nothing else`() async throws {
        try await withAdmin { surface, token async throws in
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
        try await withAdmin { surface, token async throws in
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

    @Test func `accounts are added and shown without their secret`() async throws {
        try await withAdmin { surface, token async throws in
            let rows: [(path: String, secret: String, kind: String)] = [
                ("/admin/claude-accounts", "accessToken", "bearer"), ("/admin/claude-console-accounts", "apiKey", "api_key"),
            ]
            for row in rows {
                let wish: JSON = .object([
                    "name": "added", row.secret: "sk-example-secret", "apiUrl": "https://api.example.com", "description": "n",
                    "priority": 7,
                    "maxConcurrentTasks": 3,
                ])
                let made = await surface.send(.post, row.path, wish, token: token)
                #expect(made.status == 200 && made.json["data"]["kind"].string == row.kind, "\(made.text)")
                let listed = await surface.send(.get, row.path, token: token)
                let shown = listed.json["data"].array ?? []
                #expect(shown.count == 1 && shown[0]["id"] == made.json["data"]["id"] && shown[0]["priority"] == 7)
                #expect(shown[0]["apiUrl"] == "https://api.example.com" && shown[0]["maxConcurrency"] == 3)
                #expect(!listed.text.contains("sk-example-secret") && !made.text.contains("sk-example-secret"))
                let without = await surface.send(.post, row.path, ["name": "no secret"], token: token)
                #expect(without.status == 422 && without.text.contains(row.secret))
            }
        }
    }

    @Test func `accounts are switched off and on, kept from being chosen, and forget what they rest from`() async throws {
        try await withAdmin { surface, token async throws in
            for (path, secret) in [("/admin/claude-accounts", "accessToken"), ("/admin/claude-console-accounts", "apiKey")] {
                let made = await surface.send(.post, path, ["name": "one", .init(secret): "sk-example-0001"], token: token).json["data"]
                let id = try #require(made["id"].string)
                func ask(_ method: HTTP.Method, _ what: String, at place: String = path) async -> (status: Int, data: JSON) {
                    let reply = await surface.send(method, "\(place)/\(id)/\(what)", token: token)
                    return (reply.status, reply.json["data"])
                }
                func shown() async -> JSON {
                    await surface.send(.get, path, token: token).json["data"].array?.first { $0["id"].string == id } ?? .null
                }
                for isChosen in [false, true] {
                    #expect(await ask(.put, "toggle-schedulable").data["schedulable"] == .bool(isChosen))
                    #expect(await shown()["schedulable"] == .bool(isChosen))
                }
                for isActive in [false, true] {
                    #expect(await ask(.put, "toggle").data["isActive"] == .bool(isActive))
                    #expect(await shown()["isActive"] == .bool(isActive))
                }
                #expect(await ask(.post, "reset-status").data["status"] == "active")
                let elsewhere = path.contains("console") ? "/admin/claude-accounts" : "/admin/claude-console-accounts"
                #expect(await ask(.put, "toggle", at: elsewhere).status == 404, "under the address of the other kind there is none")
            }
        }
    }

    @Test func `groups of accounts are made, changed and deleted, and dashboards read out numbers`() async throws {
        try await withAdmin { surface, token async throws in
            let account = try await surface.store.transaction { transaction throws(StoreError) in
                try transaction.createAccount(AccountDetails(name: "far", baseURL: "https://api.example.com")) { _ in [1] }
            }
            let made = await surface.send(
                .post, "/admin/account-groups", ["name": "g", "memberIds": [.string(account.id.text)]], token: token)
            let id = try #require(made.json["data"]["id"].string)
            #expect(await surface.send(.post, "/admin/account-groups", ["name": "g"], token: token).status == 409)
            let accounts = await surface.send(.get, "/admin/claude-console-accounts", token: token).json["data"].array
            #expect(accounts?.count == 1 && accounts?[0]["groupIds"] == [.string(id)] && accounts?[0]["name"] == "far")
            #expect(await surface.send(.get, "/admin/claude-accounts", token: token).json["data"].array?.isEmpty == true)
            let path = "/admin/claude-console-accounts/\(account.id.text)"
            #expect(await surface.send(.put, path, ["isActive": false, "priority": 3], token: token).status == 200)
            let row = try await surface.store.read { reader throws(StoreError) in try reader.account(account.id) }
            #expect(row?.status == .disabled && row?.details.priority == 3)
            #expect(await surface.send(.put, "/admin/account-groups/\(id)", ["name": "h", "memberIds": []], token: token).status == 200)
            let groups = await surface.send(.get, "/admin/account-groups", token: token).json["data"].array
            #expect(groups?.first?["name"] == "h" && groups?.first?["memberCount"] == 0)
            #expect(await surface.send(.delete, "/admin/account-groups/\(id)", token: token).status == 200)
            let dashboard = await surface.send(.get, "/admin/dashboard", token: token).json["data"]
            #expect(dashboard["overview"]["totalAccounts"] == 1 && dashboard["overview"]["activeAccounts"] == 0)
            let history = await surface.send(.get, "/admin/accounts/\(account.id.text)/usage-history?days=3", token: token)
            #expect(history.json["data"]["history"] == [])
            #expect(await surface.send(.delete, path, token: token).status == 200)
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
