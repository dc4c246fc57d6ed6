import API
import Domain
import HTTP
import Store
import TestKit
import Testing

/// Every route that is not public, with everybody who may try: the one table that says who gets in.
struct RoleTableTests {
    enum Caller: String, CaseIterable {
        case anonymous, owner, other, support, admin, blocked, expired, revoked, relayKey, tampered
    }
    struct Row {
        let route: String
        let body: JSON?
        /// Of the people that are signed in; everybody else gets 401.
        let owner: Int, other: Int, support: Int, admin: Int
        var relayKey = 401

        func status(_ caller: Caller) -> Int {
            switch caller {
            case .owner: owner
            case .other: other
            case .support: support
            case .admin: admin
            case .relayKey: relayKey
            case .anonymous, .blocked, .expired, .revoked, .tampered: 401
            }
        }
    }
    static let table = [
        Row(route: "GET /api/auth/me", body: nil, owner: 200, other: 200, support: 200, admin: 200),
        Row(route: "POST /api/auth/logout", body: nil, owner: 204, other: 204, support: 204, admin: 204),
        Row(
            route: "POST /api/auth/password",
            body: ["current_password": .string(SignedInSurface.password), "new_password": .string(SignedInSurface.password)],
            owner: 204, other: 204, support: 204, admin: 204),
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
        admin("GET /api/admin/keys/{id}/explain"),
        Row(route: "GET /api/stats", body: nil, owner: 200, other: 200, support: 200, admin: 200, relayKey: 200),
        admin("POST /api/admin/history/cleanup", ["dry_run": true]),
        admin("POST /web/auth/logout"), admin("POST /web/auth/refresh"), admin("GET /web/auth/user"),
        admin(
            "POST /web/auth/change-password",
            ["currentPassword": .string(SignedInSurface.password), "newPassword": .string(SignedInSurface.password)]),
        admin("GET /admin/api-keys"), admin("GET /admin/api-keys/deleted"), admin("GET /admin/api-keys/tags"),
        admin("POST /admin/api-keys", ["name": "one"]), admin("POST /admin/api-keys/batch", ["name": "one", "count": 1]),
        admin("PUT /admin/api-keys/batch", ["keyIds": [.string(unknownKey)], "updates": ["isActive": false]]),
        admin("DELETE /admin/api-keys/batch", ["keyIds": [.string(unknownKey)]]),
        admin("POST /admin/api-keys/batch-stats", ["keyIds": [.string(unknownKey)]]),
        admin("PUT /admin/api-keys/{id}", ["description": "x"]), admin("DELETE /admin/api-keys/{id}"),
        admin("POST /admin/api-keys/{id}/restore", nil, 404), admin("DELETE /admin/api-keys/{id}/permanent", nil, 404),
        admin("POST /admin/api-keys/{id}/share", [:]), admin("GET /admin/claude-accounts"), admin("GET /admin/claude-console-accounts"),
        admin("PUT /admin/claude-accounts/{id}", [:], 404), admin("PUT /admin/claude-console-accounts/{id}", [:], 404),
        admin("DELETE /admin/claude-accounts/{id}", nil, 404), admin("DELETE /admin/claude-console-accounts/{id}", nil, 404),
        admin("GET /admin/account-groups"), admin("PUT /admin/account-groups/{id}", ["name": "g"]),
        admin("DELETE /admin/account-groups/{id}"),
        // Its name is taken once somebody has made it.
        admin("POST /admin/account-groups", ["name": "group"]), admin("GET /admin/dashboard"), admin("GET /admin/usage-trend"),
        admin("GET /admin/usage-costs"), admin("GET /admin/accounts/{id}/usage-history"), admin("GET /admin/models/pricing"),
        admin("GET /admin/concurrency"), admin("GET /admin/concurrency/{id}"),
    ]
    private static let unknownKey = "key_0193c0de8a7b7f3e9d2c4b5a69788796"
    private static func admin(_ route: String, _ body: JSON? = nil, _ status: Int = 200) -> Row {
        Row(route: route, body: body, owner: 403, other: 403, support: 403, admin: status)
    }

    /// Nothing below these addresses is for anybody but an admin; the login itself is the one door.
    @Test func `every route of older dashboards asks for an admin`() async throws {
        try await withSignedInSurface { surface in
            let older = surface.router.descriptions.filter { $0.template.hasPrefix("/admin/") || $0.template.hasPrefix("/web/") }
            #expect(older.count > 30)
            for description in older where description.template != "/web/auth/login" {
                #expect(description.audience == .operators(roles: ["admin"]), "\(description.method.rawValue) \(description.template)")
            }
        }
    }

    @Test(arguments: TestDatabase.allCases)
    func `every route answers every caller as the table says`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            let owner = try await surface.person("owner")
            _ = try await surface.person("other")
            _ = try await surface.person("support", .support)
            _ = try await surface.person("admin", .admin)
            let registered = surface.router.descriptions.filter { $0.audience != .anyone }.map { "\($0.method.rawValue) \($0.template)" }
            #expect(
                Set(registered) == Set(Self.table.map { String($0.route.prefix { $0 != "?" }) }),
                "every route that is not public has its row")
            var calls = 0
            for (index, row) in Self.table.enumerated() {
                for caller in Caller.allCases {
                    let subject = try await surface.person("subject-\(index)-\(caller.rawValue)")
                    let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: owner.id, actor: "system")
                    let token = try await credential(caller, surface, key, index)
                    let words = row.route.split(separator: " ")
                    let named = HTTP.Method(rawValue: String(words[0]))
                    let method = try #require(named)
                    let id = try await subjectID(row.route, surface, user: subject.id, key: key.key.id)
                    let path = words[1].split(separator: "{id}", omittingEmptySubsequences: false).joined(separator: id)
                    // Guesses at PROMOTE_SECRET are counted by address, so each call comes from its own.
                    calls += 1
                    let response = await surface.send(method, path, row.body, token: token, address: "198.51.100.\(calls)")
                    #expect(response.status == row.status(caller), "\(row.route) as \(caller.rawValue): \(response.text)")
                    let after = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.key.id) }
                    let mayDelete =
                        row.route.hasPrefix("DELETE /api/keys") && caller == .owner
                        || row.route == "DELETE /admin/api-keys/{id}" && caller == .admin
                    #expect((after?.deletedAt != nil) == mayDelete, "\(row.route) as \(caller.rawValue) and the owner's key")
                    // So that the owner does not run into the number of keys a person may have.
                    if !mayDelete { #expect(try await surface.keys.revoke(key.key.id, actor: "system")) }
                    if row.route == "GET /api/keys", caller != .owner { #expect(!response.text.contains(key.key.id.text)) }
                }
            }
        }
    }

    /// Whose id the route names: each call has a subject of its own.
    private func subjectID(_ route: String, _ surface: SignedInSurface, user: UserID, key: APIKeyID) async throws -> String {
        if route.contains("/users/") { return user.text }
        if route.contains("/accounts/{id}") {
            var change = AccountChange()
            (change.name, change.secret) = ("an account", "sk-example")
            return try await surface.accounts.create(change, actor: "system").id.text
        }
        if route.contains("/account-groups/{id}") {
            let group = try await surface.accounts.createGroup(
                name: "group of \(user.text)", strategy: nil, notes: "", members: [], actor: "system")
            return group.group.id.text
        }
        return key.text
    }

    private func credential(_ caller: Caller, _ surface: SignedInSurface, _ key: RelayKeys.Made, _ round: Int) async throws -> String? {
        switch caller {
        case .anonymous: return nil
        case .owner, .other, .support, .admin: return await surface.token(caller.rawValue)
        case .blocked:
            let user = try await surface.person("blocked\(round)")
            let token = await surface.token("blocked\(round)")
            #expect(await surface.send(.get, "/api/auth/me", token: token).status == 200)
            try await surface.store.transaction { transaction throws(StoreError) in
                guard try transaction.setStatus(.blocked, of: user.id) else { throw .refused("gone") }
            }
            return token
        case .expired:
            let token = await surface.token("admin")
            surface.clock.advance(milliseconds: 61 * 60 * 1000)
            return token
        case .revoked:
            let token = await surface.token("admin")
            #expect(await surface.send(.post, "/api/auth/logout", token: token).status == 204)
            return token
        case .relayKey: return key.secret.reveal { $0 }
        case .tampered:
            var parts = await surface.token("admin").split(separator: ".").map(String.init)
            parts[2] = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
            return parts.joined(separator: ".")
        }
    }
}
