import API
import Domain
import HTTP
import Store
import TestKit
import Testing

struct UserAdministrationTests {
    @Test(arguments: TestDatabase.allCases)
    func `a key is never above its owner`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            let user = try await surface.person("ada")
            let token = await surface.token("ada")
            let most = UserLimits(
                perKey: APIKeyLimits(requestsPerMinute: 60, tokensPerDay: 1000, costPerDayMicroUSD: 2_500_000), maximumKeys: 2)
            _ = try await surface.people.setLimits(most, of: user.id, actor: "command")
            func make(_ limits: JSON) async -> Response {
                await surface.send(.post, "/api/keys", ["name": "k", "limits": limits], token: token)
            }
            let above = await make(["requests_per_minute": 61, "tokens_per_day": 1001, "cost_per_day_usd": 3, "concurrent": 9])
            #expect(above.status == 422)
            #expect(
                above.json["error"]["fields"].array?.map { $0["field"].string ?? "" }
                    == ["limits.requests_per_minute", "limits.tokens_per_day", "limits.cost_per_day_usd"])
            #expect(above.text.contains("must be at most 2.500000"))
            let filled = await make(["tokens_per_day": 10])
            #expect(
                filled.json["limits"]
                    == ["requests_per_minute": 60, "tokens_per_day": 10, "concurrent": nil, "cost_per_day_usd": "2.500000"])
            let made = filled.json["id"].string ?? ""
            let kept = try #require(try await surface.keys.edit(try APIKeyID(parsing: made), ["name": "kept"], actor: "command"))
            #expect(kept.name == "kept" && kept.limits.tokensPerDay == 10)
            let raised = await #expect(throws: InputErrors.self) {
                _ = try await surface.keys.edit(kept.id, ["limits": ["tokens_per_day": 1001, "concurrent": 9]], actor: "command")
            }
            #expect(raised?.fields == [FieldError("limits.tokens_per_day", "must be at most 1000, the limit of this account")])
            let lowered = try await surface.keys.edit(kept.id, ["limits": ["tokens_per_day": nil]], actor: "command")
            #expect(lowered?.limits.tokensPerDay == 1000, "what is taken away is the owner's")
            #expect(await make([:]).status == 201)
            let tooMany = await make([:])
            #expect(tooMany.status == 422 && tooMany.text.contains("may have 2;"))
            let id = filled.json["id"].string ?? ""
            #expect(await surface.send(.delete, "/api/keys/\(id)", token: token).status == 204)
            #expect(await make([:]).status == 201, "a deleted key makes room")
            let operators = try await surface.keys.create(
                RelayKeys.Wish(name: "k", limits: APIKeyLimits(requestsPerMinute: 1000)), owner: nil, actor: "command")
            #expect(operators.key.limits == APIKeyLimits(requestsPerMinute: 1000), "a key of nobody has only its own limits")
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `an admin lists, looks, limits, blocks and promotes, and each leaves its mark`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            _ = try await surface.person("root", .admin)
            let (ada, bob) = (try await surface.person("ada"), try await surface.person("bob", .support))
            let (root, adas) = (await surface.token("root"), await surface.token("ada"))
            let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: ada.id, actor: "system")

            var page = try await list("limit=2")
            #expect(page.json["users"].array?.map { $0["email"] } == ["root@example.com", "ada@example.com"])
            page = try await list("limit=2&cursor=\(page.json["next_cursor"].string ?? "")")
            #expect(page.json["users"].array?.map { $0["email"] } == ["bob@example.com"] && page.json["next_cursor"] == .null)
            #expect(try await list("role=support").json["users"].array?.map { $0["id"].string } == [bob.id.text])
            #expect(try await list("cursor=x").status == 422)
            func list(_ query: String) async throws -> Response {
                var request = PublicSurface.request(.get, "/api/admin/users", headers: ["authorization": "Bearer \(root)"])
                request.query = query
                return await surface.router.respond(to: request)
            }

            let path = "/api/admin/users/\(ada.id.text)"
            let changes = surface.keyChanges
            let limited = await surface.send(.put, path + "/limits", ["requests_per_minute": 7, "keys": 1], token: root)
            #expect(limited.status == 200 && limited.json["limits"]["requests_per_minute"] == 7 && limited.json["limits"]["keys"] == 1)
            let lowered = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.key.id) }
            #expect(lowered?.limits.requestsPerMinute == 7)

            #expect(await surface.send(.post, path + "/block", token: root).json["status"] == "blocked")
            #expect(await surface.send(.get, "/api/auth/me", token: adas).status == 401)
            let stopped = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.key.id) }
            #expect(stopped?.works(at: surface.clock.ambient.now()) == false)
            #expect(await surface.send(.post, path + "/unblock", token: root).json["status"] == "active")
            #expect(await surface.send(.get, "/api/auth/me", token: adas).status == 401, "an ended session does not come back")
            #expect(await surface.send(.put, path + "/role", ["role": "admin"], token: root).json["role"] == "admin")
            #expect(surface.keyChanges == changes + 4, "the data path was told of every change")
            #expect(await surface.send(.get, path, token: root).json["role"] == "admin")
            let events = try await surface.store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: ada.id.text, limit: 20)
            }
            #expect(
                events.items.map(\.action).sorted() == ["user.block", "user.create", "user.set_limits", "user.set_role", "user.unblock"])
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `the last admin cannot go`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            let (one, two) = (try await surface.person("one", .admin), try await surface.person("two", .admin))
            let token = await surface.token("one")
            #expect(await surface.send(.post, "/api/admin/users/\(two.id.text)/block", token: token).status == 200)
            let blocked = await surface.send(.post, "/api/admin/users/\(one.id.text)/block", token: token)
            let demoted = await surface.send(.put, "/api/admin/users/\(one.id.text)/role", ["role": "customer"], token: token)
            #expect(blocked.status == 409 && demoted.status == 409 && demoted.text.contains("last_admin"))
            #expect(await surface.send(.post, "/api/admin/users/\(two.id.text)/unblock", token: token).status == 200)
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for id in [one.id, two.id] {
                    group.addTask { (try? await surface.people.setRole(.customer, of: id, actor: "command")) != nil }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let admins = try await surface.store.read { reader throws(StoreError) in try reader.userCount(role: .admin) }
            #expect(admins == 1 && outcomes.contains(false), "two at once leave one")
        }
    }

    @Test func `an unknown user is not found`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("root", .admin)
            let token = await surface.token("root")
            for id in ["usr_0193c0de8a7b7f3e9d2c4b5a69788796", "nobody"] {
                #expect(await surface.send(.get, "/api/admin/users/\(id)", token: token).status == 404)
                #expect(await surface.send(.post, "/api/admin/users/\(id)/block", token: token).status == 404)
                #expect(await surface.send(.put, "/api/admin/users/\(id)/role", ["role": "admin"], token: token).status == 404)
            }
        }
    }
}
