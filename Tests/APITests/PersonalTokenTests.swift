import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

struct PersonalTokenTests {
    private func make(
        _ surface: SignedInSurface, _ login: String, scopes: JSON = ["read", "write"], days: Int64? = nil, name: String = "report"
    ) async -> Response {
        var body: JSONObject = ["name": .string(name), "scopes": scopes]
        if let days { body["expires_in_days"] = .int(days) }
        return await surface.send(.post, "/api/auth/tokens", .object(body), token: login)
    }

    /// Ada's, made after a new login.
    private func fresh(_ surface: SignedInSurface, days: Int64 = 90) async throws -> (secret: String, id: String) {
        let login = await surface.token("ada")
        let made = await make(surface, login, days: days).json
        let (secret, id) = (made["token"].string, made["id"].string)
        return (try #require(secret), try #require(id))
    }

    @Test(arguments: TestDatabase.allCases)
    func `a token is shown once, kept as a hash, and stands for its person`(database: TestDatabase) async throws {
        try await withSignedInSurface(database) { surface in
            let user = try await surface.person("ada")
            let login = await surface.token("ada")
            let made = await make(surface, login)
            #expect(made.status == 201, "\(made.text)")
            let secret = try #require(made.json["token"].string)
            #expect(secret.hasPrefix("pat_") && secret.utf8.count == 68)
            #expect(made.json["scopes"] == ["read", "write"] && made.json["ends_in"].string == String(secret.suffix(4)))
            let listed = await surface.send(.get, "/api/auth/tokens", token: login)
            #expect(listed.json["tokens"].array?.count == 1 && listed.json["tokens"].array?.first?["last_used_at"] == .null)
            #expect(!listed.text.contains(secret.dropFirst(4)))
            let me = await surface.send(.get, "/api/auth/me", token: secret)
            #expect(me.status == 200 && me.json["user"]["id"].string == user.id.text && me.json["csrf_token"] == .null)
            #expect(await surface.send(.post, "/api/keys", ["name": "by a program"], token: secret).status == 201)
            #expect(!surface.written.text.contains(secret.dropFirst(4)))
            let events = try await surface.store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: made.json["id"].string, limit: 10).items
            }
            #expect(events.map(\.action) == ["token.create"] && events.first?.after?.contains(secret.dropFirst(4)) == false)
        }
    }

    @Test func `a use is written down once a minute`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let login = await surface.token("ada")
            let secret = try #require(await make(surface, login).json["token"].string)
            func lastUse() async -> String? {
                await surface.send(.get, "/api/auth/tokens", token: login).json["tokens"].array?.first?["last_used_at"].string
            }
            _ = await surface.send(.get, "/api/auth/me", token: secret)
            let first = await lastUse()
            #expect(first != nil)
            surface.clock.advance(milliseconds: 59_000)
            _ = await surface.send(.get, "/api/auth/me", token: secret)
            #expect(await lastUse() == first)
            surface.clock.advance(milliseconds: 1_000)
            _ = await surface.send(.get, "/api/auth/me", token: secret)
            #expect(await lastUse() != first)
        }
    }

    @Test func `a token ends by itself, when revoked, with its person, and with a password that somebody else has set`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            func works(_ secret: String) async -> Bool { await surface.send(.get, "/api/auth/me", token: secret).status == 200 }
            let short = try await fresh(surface, days: 1)
            #expect(await works(short.secret))
            surface.clock.advance(milliseconds: 86_400_000)
            #expect(await !works(short.secret))

            let revoked = try await fresh(surface)
            let login = await surface.token("ada")
            #expect(await surface.send(.delete, "/api/auth/tokens/\(revoked.id)", token: login).status == 204)
            #expect(await surface.send(.delete, "/api/auth/tokens/\(revoked.id)", token: login).status == 404)
            #expect(await !works(revoked.secret))

            let kept = try await fresh(surface)
            _ = try await surface.people.setStatus(.blocked, of: user.id, actor: "command")
            #expect(await !works(kept.secret))
            _ = try await surface.people.setStatus(.active, of: user.id, actor: "command")
            #expect(await works(kept.secret))
            _ = try await surface.people.setPassword("Other-Horse-10", of: user.id, actor: "command")
            #expect(await !works(kept.secret))
        }
    }

    @Test func `a change of one's own password leaves one's programs alone`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let login = await surface.token("ada")
            let secret = try #require(await make(surface, login).json["token"].string)
            let changed = await surface.send(
                .post, "/api/auth/password",
                ["current_password": .string(SignedInSurface.password), "new_password": "Other-Horse-10"], token: login)
            #expect(changed.status == 204)
            #expect(await surface.send(.get, "/api/auth/me", token: secret).status == 200)
        }
    }

    @Test func `nobody sees or revokes somebody else's`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            _ = try await surface.person("eve")
            _ = try await surface.person("root", .admin)
            let made = await make(surface, await surface.token("ada")).json
            let id = try #require(made["id"].string)
            for other in ["eve", "root"] {
                let login = await surface.token(other)
                #expect(await surface.send(.get, "/api/auth/tokens", token: login).json["tokens"] == [])
                #expect(await surface.send(.delete, "/api/auth/tokens/\(id)", token: login).status == 404)
            }
            #expect(await surface.send(.get, "/api/auth/me", token: made["token"].string).status == 200)
        }
    }

    @Test func `without an operator's scope an operator's token is a customer's`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("root", .admin)
            let login = await surface.token("root")
            let plain = try #require(await make(surface, login).json["token"].string)
            #expect(await surface.send(.get, "/api/admin/users", token: plain).status == 403)
            #expect(await surface.send(.get, "/api/auth/me", token: plain).json["user"]["role"] == "user")
            let looking = try #require(await make(surface, login, scopes: ["admin:read"]).json["token"].string)
            #expect(await surface.send(.get, "/api/admin/users", token: looking).status == 200)
            #expect(await surface.send(.post, "/api/admin/invitations", ["email": "new@example.com"], token: looking).status == 403)
            let changing = try #require(await make(surface, login, scopes: ["admin:write"]).json["token"].string)
            #expect(await surface.send(.post, "/api/admin/invitations", ["email": "new@example.com"], token: changing).status == 201)
            #expect(await surface.send(.get, "/api/admin/users", token: changing).status == 403)
        }
    }

    private static let refused: [(JSON, Int64)] = [
        (["read", "all"], 1), ([], 1), (["admin:read"], 1), (["write", "admin:write"], 1), (["read"], 0), (["read"], 3651),
    ]
    @Test(arguments: refused)
    func `what a customer may not have, and what makes no sense, is refused`(scopes: JSON, days: Int64) async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let login = await surface.token("ada")
            #expect(await make(surface, login, scopes: scopes, days: days).status == 422)
            #expect(await surface.send(.get, "/api/auth/tokens", token: login).json["tokens"] == [])
        }
    }

    @Test func `those that ended long ago are deleted, the others stay`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let login = await surface.token("ada")
            let (short, long, revoked) = (
                await make(surface, login, days: 1), await make(surface, login, days: 90), await make(surface, login)
            )
            let id = try #require(revoked.json["id"].string)
            #expect(await surface.send(.delete, "/api/auth/tokens/\(id)", token: login).status == 204)
            surface.clock.advance(milliseconds: 2 * 86_400_000)
            let now = surface.store.ambient.now()
            let gone = try await surface.store.transaction { transaction throws(StoreError) in
                try transaction.deletePersonalTokens(endedBefore: now, limit: 10)
            }
            #expect(gone == 2)
            let left = await surface.send(.get, "/api/auth/tokens", token: await surface.token("ada")).json["tokens"].array ?? []
            #expect(left.map { $0["id"] } == [long.json["id"]] && short.status == 201)
        }
    }

    @Test func `the number of tokens in use has an end`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let login = await surface.token("ada")
            for _ in 1...PersonalTokens.maximumTokens { #expect(await make(surface, login, days: 1).status == 201) }
            #expect(await make(surface, login).status == 422)
            surface.clock.advance(milliseconds: 86_400_000)
            #expect(await make(surface, await surface.token("ada")).status == 201)
        }
    }

    @Test(arguments: ["pat_", "pat_0", "pat_" + String(repeating: "0", count: 64), "pat_" + String(repeating: "é", count: 4000)])
    func `what is no token opens nothing`(text: String) async throws {
        try await withSignedInSurface { surface in
            #expect(await surface.send(.get, "/api/auth/me", token: text).status == 401)
        }
    }
}
