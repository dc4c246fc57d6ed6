import API
import Domain
import HTTP
import Store
import Telemetry
import TestKit
import Testing

/// Links of mails over the surface; the mails themselves are tested in `MailTests` and end to end.
struct AccountLinkTests {
    private func mails(_ surface: SignedInSurface) async throws -> [Mail] {
        try await surface.store.read { reader throws(StoreError) in try reader.mails(limit: 100).items }
    }

    @Test(arguments: ["/api/auth/password/forgot", "/api/auth/email/resend"])
    func `asking costs and says the same for known and unknown addresses, and is counted`(path: String) async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            var texts: Set<String> = []
            for name in ["ada", "nobody"] {
                let reply = await surface.send(.post, path, ["email": .string("\(name)@example.com")])
                #expect(reply.status == 202)
                texts.insert(reply.text)
            }
            #expect(texts.count == 1)
            let asked = try await mails(surface)
            #expect(asked.count == 2 && asked.allSatisfy { $0.userID == nil && $0.linkID == nil }, "nobody was looked up")
            for _ in 0..<3 { #expect(await surface.send(.post, path, ["email": "x@example.com"]).status == 202) }
            let closed = await surface.send(.post, path, ["email": "x@example.com"])
            #expect(closed.status == 429 && closed.headers["retry-after"] != nil)
            // From elsewhere the door is open, but the same mailbox gets no more than five.
            for number in 1...4 {
                let reply = await surface.send(.post, path, ["email": "x@example.com"], address: "198.51.100.\(number)")
                #expect(reply.status == 202)
            }
            #expect(try await mails(surface).filter { $0.email == "x@example.com" }.count == 5)
            #expect(await surface.send(.post, path, ["email": "a\r\nBcc: b@example.com"]).status == 422)
        }
    }

    @Test func `guesses at links are counted`() async throws {
        try await withSignedInSurface { surface in
            for _ in 0..<5 {
                let reply = await surface.send(.post, "/api/auth/email/verify", ["token": "x"])
                #expect(reply.status == 410 && reply.text.contains("link_invalid"))
            }
            let closed = await surface.send(.post, "/api/auth/password/reset", ["token": "x", "new_password": "Correct-Horse-10"])
            #expect(closed.status == 429)
        }
    }

    @Test func `who has yet to confirm gets no login, and operators are not asked`() async throws {
        try await withSignedInSurface(registration: .open, verification: .login) { surface in
            let made = await surface.send(
                .post, "/api/auth/register",
                ["email": "new@example.com", "password": .string(SignedInSurface.password), "name": "New"],
                headers: ["accept-language": "ru"])
            #expect(made.status == 201 && made.json["token"] == .null && made.json["user"]["language"].string == "ru")
            #expect(try await mails(surface).map(\.kind) == [.verifyAddress])
            for _ in 0..<7 { #expect(await surface.login("new").status == 403, "the right password is no failed attempt") }
            #expect(await surface.login("new", password: "Wrong-Horse-9").status == 401)
            #expect(surface.metrics.counter(.logins, "unverified").value == 7)
            _ = try await surface.person("boss", .admin)
            #expect(await surface.login("boss").status == 200)
            try await surface.store.transaction { transaction throws(StoreError) in
                guard let user = try transaction.user(email: "new@example.com"), try transaction.setEmailVerified(user.id) else {
                    throw .refused("gone")
                }
            }
            #expect(await surface.login("new").status == 200)
        }
    }

    @Test func `a new address is asked for with a fresh proof, when nobody has it, and changes nothing by itself`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            _ = try await surface.person("bob")
            let token = await surface.token("ada")
            func ask(_ email: String) async -> Response {
                await surface.send(.post, "/api/auth/email", ["email": .string(email)], token: token)
            }
            #expect(await ask("bob@example.com").text.contains("email_taken"))
            #expect(await ask("no address").status == 422)
            #expect(await ask("ada.new@example.com").status == 202)
            let asked = try await mails(surface)
            #expect(asked.map(\.kind) == [.changeAddress] && asked.map(\.email) == ["ada.new@example.com"] && asked[0].userID != nil)
            #expect(await surface.send(.get, "/api/auth/me", token: token).json["user"]["email"] == "ada@example.com")
            surface.clock.advance(milliseconds: 900_000)
            #expect(await ask("ada.newer@example.com").text.contains("proof_required"))
        }
    }

    @Test func `people choose the language of their mails`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let token = await surface.token("ada")
            #expect(await surface.send(.put, "/api/auth/language", ["language": "zh-Hant"], token: token).status == 204)
            #expect(await surface.send(.put, "/api/auth/language", ["language": "de"], token: token).status == 422)
            #expect(await surface.send(.get, "/api/auth/me", token: token).json["user"]["language"].string == "zh-Hant")
        }
    }
}
