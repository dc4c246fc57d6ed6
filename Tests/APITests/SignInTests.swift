import Domain
import HTTP
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import API

struct SignInTests {
    @Test func `an unknown address, a wrong password and a blocked person look and cost the same`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            let before = surface.passwords.computedCount
            let wrong = await surface.login("ada", password: "Wrong-Horse-9")
            #expect(surface.passwords.computedCount == before + 1)
            let unknown = await surface.login("nobody", password: "Wrong-Horse-9")
            #expect(surface.passwords.computedCount == before + 2)
            try await surface.store.transaction { transaction throws(StoreError) in
                guard try transaction.setStatus(.blocked, of: user.id) else { throw .refused("gone") }
            }
            let blocked = await surface.login("ada")
            #expect(surface.passwords.computedCount == before + 3)
            #expect(wrong.status == 401 && wrong.text.contains("wrong_credentials"))
            #expect(
                wrong.text == unknown.text && wrong.text == blocked.text && wrong.status == unknown.status && wrong.status == blocked.status
            )
        }
    }

    @Test func `a refusal costs the same while hashes of another program are stored`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let bob = try await surface.person("bob")
            let taken = "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i"
            try await surface.store.transaction { transaction throws(StoreError) in
                _ = try transaction.upgradePasswordHash(from: bob.passwordHash, to: taken, of: bob.id)
            }
            for name in ["ada", "bob", "nobody"] {
                let before = surface.passwords.computedCount
                #expect(await surface.login(name, password: "Wrong-Horse-9").status == 401)
                #expect(surface.passwords.computedCount == before + 2, "\(name)")
            }
        }
    }

    @Test func `a failed login is counted and written down without who or where`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            for _ in 1...6 { _ = await surface.login("ada", password: "Wrong-Horse-9") }
            _ = await surface.login("nobody")
            _ = await surface.login("ada", address: "198.51.100.7")
            func count(_ outcome: String) -> UInt64 { surface.metrics.counter(.logins, outcome).value }
            #expect(count("wrong_password") == 5 && count("throttled") == 1 && count("unknown_user") == 1 && count("success") == 1)
            let written = surface.written.text
            #expect(
                written.contains("\"event\":\"login.failed\"") && written.contains(user.id.text) && written.contains("\"level\":\"info\""))
            for secret in ["@example.com", "192.0.2.1", "Wrong-Horse"] { #expect(!written.contains(secret)) }
        }
    }

    @Test(arguments: ["ada", "nobody"])
    func `five failures close the door for fifteen minutes to that account from that address`(name: String) async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            for _ in 1...5 { #expect(await surface.login(name, password: "Wrong-Horse-9").status == 401) }
            surface.clock.advance(milliseconds: 60_000)
            let computed = surface.passwords.computedCount
            let closed = await surface.login(name)
            #expect(closed.status == 429 && closed.headers["retry-after"] == "840")
            #expect(surface.passwords.computedCount == computed, "a refused attempt costs no hash")
            #expect(await surface.login(name, address: "198.51.100.1").status == (name == "ada" ? 200 : 401))
            surface.clock.advance(milliseconds: 840_000)
            #expect(await surface.login(name).status == (name == "ada" ? 200 : 401))
        }
    }

    @Test func `many attempts at once do not pass together`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { await surface.login("ada", password: "Wrong-Horse-9").status } }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [401: 5, 429: 15])
        }
    }

    /// The door had let the call in; then the session was ended.
    @Test func `a login that was ended is not renewed`() async throws {
        try await withSignedInSurface { surface in
            let ada = try await surface.person("ada")
            _ = await surface.token("ada")
            let session = try #require(try await surface.session("ada"))
            let request = RequestID(surface.clock.ambient)
            let renewed = try #require(try await surface.signIn.renew(session, of: ada, agent: "", request))
            try await surface.signIn.logout(renewed.session, of: ada.id, request)
            for ended in [session, renewed.session] {
                #expect(try await surface.signIn.renew(ended, of: ada, agent: "", request)?.session == nil)
            }
            #expect(try await surface.session("ada") == nil)
        }
    }

    /// What the transaction of a login asks, after password and code were looked at.
    @Test func `a login begins no session behind a new password, a block or a second factor`() async throws {
        try await withSignedInSurface { surface in
            let (store, people) = (surface.store, surface.people)
            func isGood(_ user: User, isCodeChecked: Bool = false) async throws -> Bool {
                try await store.transaction { transaction throws(StoreError) in
                    try SignIn.isStillGood(user, isCodeChecked: isCodeChecked, transaction)
                }
            }
            let (ada, bea, cleo) = (try await surface.person("ada"), try await surface.person("bea"), try await surface.person("cleo"))
            for user in [ada, bea, cleo] { #expect(try await isGood(user)) }
            #expect(try await people.setPassword("Other-Horse-10", of: ada.id, actor: "command"))
            #expect(try await !isGood(ada))
            _ = try await people.setStatus(.blocked, of: bea.id, actor: "command")
            #expect(try await !isGood(bea))
            try await store.transaction { transaction throws(StoreError) in
                guard try transaction.beginSecondFactor([1], of: cleo.id), try transaction.confirmSecondFactor(of: cleo.id) else {
                    throw .refused("no factor")
                }
            }
            let (without, with) = (try await isGood(cleo), try await isGood(cleo, isCodeChecked: true))
            #expect(!without && with)
        }
    }

    @Test func `a password that was changed in between is not changed from the old one`() async throws {
        try await withSignedInSurface { surface in
            let ada = try await surface.person("ada")
            _ = await surface.token("ada")
            let session = try #require(try await surface.session("ada"))
            #expect(try await surface.people.setPassword("Other-Horse-10", of: ada.id, actor: "command"))
            await #expect(throws: SignIn.Refusal.wrongCredentials) {
                try await surface.signIn.changePassword(
                    of: ada, in: session, from: SignedInSurface.password, to: "Third-Horse-11", address: "192.0.2.1",
                    RequestID(surface.clock.ambient))
            }
            #expect(await surface.login("ada", password: "Other-Horse-10").status == 200)
        }
    }

    @Test func `an IPv6 line counts as one address`() throws {
        let ada = try EmailAddress(parsing: "ada@example.com")
        #expect(AttemptName.login(ada, from: "2001:db8::1") == AttemptName.login(ada, from: "2001:db8::2"))
        #expect(AttemptName.login(ada, from: "2001:db8:0:1::1") != AttemptName.login(ada, from: "2001:db8::1"))
        #expect(AttemptName.login(ada, from: "192.0.2.1") != AttemptName.login(ada, from: "192.0.2.2"))
    }

    @Test(arguments: [false, true])
    func `a cookie session reads by itself and writes with its CSRF token`(isPlain: Bool) async throws {
        try await withSignedInSurface(isPlain: isPlain) { surface in
            _ = try await surface.person("ada")
            let login = await surface.login("ada", cookie: true)
            let set = try #require(login.headers["set-cookie"])
            #expect(set.hasPrefix(isPlain ? "gatehouse_session=" : "__Host-gatehouse_session=") && set.contains("; Secure") == !isPlain)
            #expect(set.contains("; HttpOnly") && set.contains("; SameSite=Lax") && set.contains("; Path=/") && !set.contains("Domain"))
            #expect(login.json["token"] == .null)
            let cookie = String(set.prefix { $0 != ";" })
            let csrf = try #require(login.json["csrf_token"].string)
            let me = await surface.send(.get, "/api/auth/me", headers: ["cookie": "a=b; \(cookie)"])
            #expect(me.status == 200 && me.json["csrf_token"] == .string(csrf) && me.json["user"]["role"] == "user")
            func make(_ headers: Headers) async -> Int {
                await surface.send(.post, "/api/keys", ["name": "k"], headers: headers).status
            }
            #expect(await make(["cookie": cookie]) == 403)
            #expect(await make(["cookie": cookie, "x-csrf-token": "x"]) == 403)
            #expect(await make(["cookie": cookie, "x-csrf-token": csrf, "sec-fetch-site": "cross-site"]) == 403)
            #expect(await make(["cookie": cookie, "x-csrf-token": csrf, "sec-fetch-site": "same-origin"]) == 201)
            #expect(await make(["cookie": "\(cookie); \(cookie)", "x-csrf-token": csrf]) == 401)
            let value = cookie.drop { $0 != "=" }
            #expect(await surface.send(.get, "/api/auth/me", headers: ["cookie": "adminToken\(value)"]).status == 200)
            #expect(await make(["cookie": "adminToken\(value)"]) == 403)
            let logout = await surface.send(.post, "/api/auth/logout", headers: ["cookie": cookie, "x-csrf-token": csrf])
            #expect(logout.status == 204 && logout.headers["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(await surface.send(.get, "/api/auth/me", headers: ["cookie": cookie]).status == 401)
        }
    }

    @Test(arguments: ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer pat_x", "Bearer whm_x", "Bearer ..", "Bearer é"])
    func `what is no session token opens nothing`(credential: String) async throws {
        try await withSignedInSurface { surface in
            #expect(await surface.send(.get, "/api/auth/me", headers: ["authorization": credential]).status == 401)
        }
    }

    @Test func `a new password ends the other sessions and keeps this one`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let (mine, other) = (await surface.token("ada"), await surface.token("ada"))
            func change(_ old: String, _ new: String) async -> Int {
                await surface.send(
                    .post, "/api/auth/password", ["current_password": .string(old), "new_password": .string(new)], token: mine
                ).status
            }
            #expect(await change("Wrong-Horse-9", "Another-Horse-9") == 401)
            #expect(await change(SignedInSurface.password, "password") == 422)
            #expect(await surface.send(.get, "/api/auth/me", token: other).status == 200)
            #expect(await change(SignedInSurface.password, "Another-Horse-9") == 204)
            #expect(await surface.send(.get, "/api/auth/me", token: mine).status == 200)
            #expect(await surface.send(.get, "/api/auth/me", token: other).status == 401)
            #expect(await surface.login("ada").status == 401)
            #expect(await surface.login("ada", password: "Another-Horse-9").status == 200)
        }
    }

    @Test func `registration is off, by invitation or open`() async throws {
        func register(_ surface: SignedInSurface, _ name: String, _ invitation: String? = nil, password: String = SignedInSurface.password)
            async -> Response
        {
            var body: JSONObject = ["email": .string("\(name)@example.com"), "password": .string(password), "name": "Ada"]
            if let invitation { body["invitation"] = .string(invitation) }
            return await surface.send(.post, "/api/auth/register", .object(body))
        }
        try await withSignedInSurface { surface in #expect(await register(surface, "ada").status == 403) }
        try await withSignedInSurface(registration: .invite) { surface in
            _ = try await surface.person("root", .admin)
            let made = await surface.send(
                .post, "/api/admin/invitations", ["email": "ada@example.com"], token: await surface.token("root"))
            let invitation = try #require(made.json["invitation"].string)
            #expect(await register(surface, "ada").status == 403)
            #expect(await register(surface, "ada", invitation + "0").status == 403)
            #expect(await register(surface, "bob", invitation).status == 403)
            #expect(await register(surface, "ada", invitation).status == 201)
            #expect(await register(surface, "ada", invitation).status == 409)
            surface.clock.advance(milliseconds: Invitations.lifetimeSeconds * 1000)
            #expect(await register(surface, "ada", invitation).status == 403)
        }
        try await withSignedInSurface(registration: .open) { surface in
            #expect(await register(surface, "ada", password: "password").status == 422)
            let made = await register(surface, "ada")
            #expect(made.status == 201 && made.json["user"]["role"] == "user" && made.json["expires_in"] == 3600)
            #expect(await surface.send(.get, "/api/auth/me", token: made.json["token"].string).status == 200)
            #expect(await register(surface, "ada").status == 409)
            for name in ["b", "c"] { #expect(await register(surface, name).status == 201) }
            #expect(await register(surface, "d").status == 429)
        }
    }

    @Test(arguments: [SignIn.Registration.off, .open])
    func `who registers for a VPN alone makes no relay keys`(registration: SignIn.Registration) async throws {
        try await withSignedInSurface(registration: registration) { surface in
            try await surface.store.transaction { transaction throws(StoreError) in
                _ = try transaction.createPlan(
                    PlanTerms(kind: .vpn, name: "VPN", durationSeconds: 86_400, price: Money(minorUnits: 500, .usd), limits: [:]))
            }
            let user = try await surface.signIn.registerOlder(
                try EmailAddress(parsing: "ada@example.com"), SignedInSurface.password, language: .english, from: "192.0.2.1",
                RequestID(surface.clock.ambient))
            #expect(user.limits.keys == (registration == .open ? UserLimits.standardMaximumKeys : 0))
            let made = await surface.send(.post, "/api/keys", ["name": "k"], token: await surface.token("ada"))
            #expect(made.status == (registration == .open ? 201 : 422), "\(made.text)")
        }
    }

    @Test func `logging in and out leaves its mark`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            let token = await surface.token("ada")
            #expect(await surface.send(.post, "/api/auth/logout", token: token).status == 204)
            let events = try await surface.store.read { reader throws(StoreError) in
                try reader.auditEvents(actor: user.id.text, limit: 10)
            }
            #expect(Set(events.items.map(\.action)) == ["session.begin", "session.end"])
        }
    }
}
