import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

/// How dashboards and scripts of the older relay keep accounts and groups of them.
struct OlderAccountsTests {
    @Test func `an account form keeps its way out, its models and its cap, or is refused`() async throws {
        try await withDashboardAdmin { surface, token async throws in
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
                    "userAgent": "", "quotaResetTime": "00:00", "expiresAt": "2027-01-31T16:00:00.000Z",
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
            #expect(after.details.expiresAt?.text == "2027-01-31T16:00:00.000Z" && after.details.expiresAt == kept.details.expiresAt)
            _ = await surface.send(.put, path + "/\(id)", ["expiresAt": .null], token: token)
            #expect(try await account(id).details.expiresAt == kept.details.expiresAt, "null is what a page sends that knows no end")
            _ = await surface.send(.put, path + "/\(id)", ["expiresAt": ""], token: token)
            #expect(try await account(id).details.expiresAt == nil)
            let open = await surface.send(.put, path + "/\(id)", ["supportedModels": [], "dailyQuota": 0], token: token)
            let freed = try await account(id).details
            #expect(open.status == 200 && freed.modelAllow == nil && freed.modelMap == "{}" && freed.caps.costPerDayMicroUSD == nil)

            for (field, value) in [
                ("proxy", ["type": "https", "host": "proxy.example.com", "port": 1080]), ("proxy", ["type": "socks5", "host": ""]),
                ("supportedModels", "all"), ("dailyQuota", "much"), ("accountType", "group"), ("accountType", "dedicated"),
                ("expiresAt", "soon"), ("apiUrl", "ftp://api.example.com"),
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

    @Test func `accounts are added and shown without their secret`() async throws {
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
        try await withDashboardAdmin { surface, token async throws in
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
}
