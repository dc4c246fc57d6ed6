import API
import Domain
import HTTP
import Store
import TestKit
import Testing

struct PromotionTests {
    private static let secret = "a-secret-for-tests"

    private func older(_ surface: SignedInSurface, _ query: String, token: String? = nil, address: String = "192.0.2.9") async -> Response {
        var request = PublicSurface.request(.post, "/auth/admin/promote", remoteAddress: address)
        request.query = query
        if let token { request.headers.set("authorization", "Bearer \(token)") }
        return await surface.router.respond(to: request)
    }
    private func own(_ surface: SignedInSurface, _ secret: String, _ token: String) async -> Response {
        await surface.send(.post, "/api/auth/promote", ["secret": .string(secret)], token: token)
    }

    @Test(arguments: TestDatabase.allCases)
    func `the secret makes one admin and is dead afterwards`(database: TestDatabase) async throws {
        try await withSignedInSurface(database, promoteSecret: Self.secret) { surface in
            let ada = try await surface.person("ada")
            _ = try await surface.person("bob")
            let (adas, bobs) = (await surface.token("ada"), await surface.token("bob"))
            #expect(await own(surface, "another", adas).status == 403)
            #expect(await own(surface, Self.secret + "x", adas).status == 403)
            let promoted = await own(surface, Self.secret, adas)
            #expect(promoted.status == 200 && promoted.json["user"]["role"] == "admin")
            #expect(await surface.send(.get, "/api/admin/users", token: adas).status == 200)
            #expect(await own(surface, Self.secret, bobs).status == 403)
            #expect(await older(surface, "user_id=2&secret=\(Self.secret)").status == 403)
            let events = try await surface.store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: ada.id.text, limit: 10)
            }
            #expect(events.items.map(\.action).contains("user.promote_first_admin"))
            #expect(surface.written.text.contains("people.first_admin_promoted"))
            #expect(!surface.written.text.contains(Self.secret))
        }
    }

    @Test func `without a secret nobody is promoted`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            #expect(await own(surface, "x", await surface.token("ada")).status == 403)
            #expect(await older(surface, "user_id=1&secret=x").status == 403)
            #expect(try await surface.store.read { reader throws(StoreError) in try !reader.anyAdminExists() })
        }
    }

    @Test func `the older address promotes by number, and later only for an admin`() async throws {
        try await withSignedInSurface(promoteSecret: Self.secret) { surface in
            for name in ["ada", "bob"] { _ = try await surface.person(name) }
            let wrong = await older(surface, "user_id=2&secret=wrong")
            #expect(wrong.status == 403 && wrong.json == ["detail": "Admin privileges required to promote"])
            let unknown = await older(surface, "user_id=99&secret=\(Self.secret)")
            #expect(unknown.status == 404 && unknown.json == ["detail": "User not found"])
            let bad = await older(surface, "user_id=x")
            #expect(bad.status == 422 && bad.json["detail"].array?.first?["loc"] == ["query", "user_id"])
            let made = await older(surface, "user_id=2&secret=\(Self.secret)")
            #expect(made.status == 200 && made.json == ["msg": "user promoted", "user_id": 2])
            #expect(await older(surface, "user_id=1").status == 401)
            #expect(await older(surface, "user_id=1", token: await surface.token("ada")).status == 403)
            #expect(await older(surface, "user_id=1", token: await surface.token("bob")).status == 200)
            #expect(await surface.send(.get, "/api/admin/users", token: await surface.token("ada")).status == 200)
            let carol = try await surface.person("carol")
            let token = await surface.token("carol")
            _ = try await surface.people.setStatus(.blocked, of: carol.id, actor: "system")
            let blocked = await older(surface, "user_id=1", token: token)
            #expect(blocked.status == 403 && blocked.json == ["detail": "User not active"], "as its neighbours say")
            let bob = await surface.token("bob")
            surface.clock.advance(milliseconds: 900_000)
            #expect(await older(surface, "user_id=1", token: bob).status == 403, "as for another role everywhere")
        }
    }

    @Test func `guesses are throttled by address`() async throws {
        try await withSignedInSurface(promoteSecret: Self.secret) { surface in
            _ = try await surface.person("ada")
            for _ in 1...5 { #expect(await older(surface, "user_id=1&secret=guess").status == 403) }
            let closed = await older(surface, "user_id=1&secret=\(Self.secret)")
            #expect(closed.status == 429 && closed.headers["retry-after"] == "900")
            #expect(await older(surface, "user_id=1&secret=\(Self.secret)", address: "198.51.100.9").status == 200)
        }
    }

    @Test func `many at once make one admin`() async throws {
        try await withSignedInSurface(.sqlite, promoteSecret: Self.secret) { surface in
            for name in 0..<8 { _ = try await surface.person("p\(name)") }
            let made = await withTaskGroup(of: Int.self) { group in
                for number in 1...8 {
                    group.addTask { await older(surface, "user_id=\(number)&secret=\(Self.secret)", address: "192.0.2.\(number)").status }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(made == [200: 1, 403: 7])
        }
    }
}
