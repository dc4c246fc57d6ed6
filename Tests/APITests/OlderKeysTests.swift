import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

/// How dashboards and scripts of the older relay keep keys.
struct OlderKeysTests {
    @Test func `a key is made, found, changed, deleted, brought back and removed for good`() async throws {
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
}
