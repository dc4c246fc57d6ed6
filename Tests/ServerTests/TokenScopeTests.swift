import API
import Domain
import HTTP
import Store
import TestKit
import Testing

@testable import Server

/// Personal tokens at every route of the real surface that asks for a login.
struct TokenScopeTests {
    /// What takes a login and no token: it would make others, outlive itself, or end what it is not.
    private static let signedInOnly: Set<String> = [
        "POST /api/auth/logout", "POST /api/auth/password", "POST /api/auth/promote", "GET /api/auth/tokens", "POST /api/auth/tokens",
        "DELETE /api/auth/tokens/{id}", "POST /web/auth/logout", "POST /web/auth/refresh", "GET /web/auth/user",
        "POST /web/auth/change-password", "GET /api/auth/second-factor", "POST /api/auth/second-factor",
        "POST /api/auth/second-factor/confirm",
        "POST /api/auth/second-factor/recovery-codes", "POST /api/auth/second-factor/end", "POST /api/auth/proof",
    ]

    private func secret(_ surface: RunningSurface, _ email: String, _ scopes: Set<TokenScope>) async throws -> String {
        let user = try #require(try await surface.people.find(email: email))
        return try await PersonalTokens(store: surface.store).create("t", scopes: scopes, days: 90, of: user, actor: "system").secret
    }

    @Test func `no token goes further than its scopes, its person's role, and what is theirs`() async throws {
        try await withSurface { surface in
            let cast = try await Cast(surface)
            let ownRead = try await secret(surface, "owner@example.com", [.read])
            let ownWrite = try await secret(surface, "owner@example.com", [.write])
            let adminAll = try await secret(surface, "admin@example.com", Set(TokenScope.allCases))
            let adminRead = try await secret(surface, "admin@example.com", [.adminRead])
            let adminOwn = try await secret(surface, "admin@example.com", [.read, .write])
            for row in Role.table {
                let route = String(row.route.prefix { $0 != "?" })
                let isChange = !route.hasPrefix("GET ") && !route.hasPrefix("HEAD ")
                let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: cast.owner.id, actor: "system")
                let things = try await cast.things(for: row.route + " " + (row.body?.text ?? ""), key: key.key.id)
                let words = things.fill(row.route).split(separator: " ").map(String.init)
                let named = HTTP.Method(rawValue: words[0])
                let method = try #require(named)
                let body = try row.body.map { try JSON(parsing: Array(things.fill($0.text).utf8)) }
                // Calls that are refused change nothing, and looking does neither; so each can be tried with the same things.
                var expected: [(name: String, token: String, status: Int)] = []
                if Self.signedInOnly.contains(route) {
                    expected.append(("admin with every scope", adminAll, 403))
                } else if isChange {
                    expected += [("owner, read", ownRead, 403), ("admin, admin:read", adminRead, 403)]
                    if row.other == 403 { expected.append(("admin, read and write", adminOwn, 403)) }
                } else {
                    expected += [
                        ("owner, read", ownRead, row.owner), ("owner, write", ownWrite, 403), ("admin, admin:read", adminRead, row.admin),
                        ("admin, read and write", adminOwn, row.other),
                    ]
                }
                for one in expected {
                    let response = await cast.send(method, words[1], body, token: one.token)
                    #expect(response.status == one.status, "\(row.route) as \(one.name): \(response.text)")
                }
                _ = try await surface.keys.revoke(key.key.id, actor: "system")
            }
        }
    }
}
