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

        func status(_ caller: Caller) -> Int {
            switch caller {
            case .owner: owner
            case .other: other
            case .support: support
            case .admin: admin
            case .anonymous, .blocked, .expired, .revoked, .relayKey, .tampered: 401
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
        Row(route: "GET /api/keys", body: nil, owner: 200, other: 200, support: 200, admin: 200),
        Row(route: "POST /api/keys", body: ["name": "one"], owner: 201, other: 201, support: 201, admin: 201),
        Row(route: "DELETE /api/keys/{id}", body: nil, owner: 204, other: 404, support: 404, admin: 404),
    ]

    @Test(arguments: TestDatabase.allCases)
    func `every route answers every caller as the table says`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            let owner = try await surface.person("owner")
            _ = try await surface.person("other")
            _ = try await surface.person("support", .support)
            _ = try await surface.person("admin", .admin)
            let registered = surface.router.descriptions.filter { $0.audience != .anyone }.map { "\($0.method.rawValue) \($0.template)" }
            #expect(Set(registered) == Set(Self.table.map(\.route)), "every route that is not public has its row")
            var calls = 0
            for (index, row) in Self.table.enumerated() {
                for caller in Caller.allCases {
                    let subject = try await surface.person("subject-\(index)-\(caller.rawValue)")
                    let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: owner.id, actor: "system")
                    let token = try await credential(caller, surface, key, index)
                    let words = row.route.split(separator: " ")
                    let named = HTTP.Method(rawValue: String(words[0]))
                    let method = try #require(named)
                    let id = row.route.contains("/users/") ? subject.id.text : key.key.id.text
                    let path = words[1].split(separator: "{id}", omittingEmptySubsequences: false).joined(separator: id)
                    // Guesses at PROMOTE_SECRET are counted by address, so each call comes from its own.
                    calls += 1
                    let response = await surface.send(method, path, row.body, token: token, address: "198.51.100.\(calls)")
                    #expect(response.status == row.status(caller), "\(row.route) as \(caller.rawValue): \(response.text)")
                    let after = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(key.key.id) }
                    let mayDelete = row.route.hasPrefix("DELETE") && caller == .owner
                    #expect((after?.deletedAt != nil) == mayDelete, "\(row.route) as \(caller.rawValue) and the owner's key")
                    // So that the owner does not run into the number of keys a person may have.
                    if !mayDelete { #expect(try await surface.keys.revoke(key.key.id, actor: "system")) }
                    if row.route == "GET /api/keys", caller != .owner { #expect(!response.text.contains(key.key.id.text)) }
                }
            }
        }
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
