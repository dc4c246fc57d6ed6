import API
import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

/// Proof before dangerous things. Codes of a real app are tested in Tests/EndToEnd/test_second_factor.py.
struct SecondFactorTests {
    static func secret(_ text: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (out, buffer, bits) = ([UInt8](), UInt32(0), 0)
        for letter in text {
            buffer = buffer << 5 | UInt32(alphabet.firstIndex(of: letter) ?? 0)
            bits += 5
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return out
    }
    private static func code(_ secret: String, _ surface: SignedInSurface) -> String {
        OneTimeCode.code(Self.secret(secret), step: OneTimeCode.step(atSeconds: surface.clock.ambient.now().milliseconds / 1000))
    }

    @Test func `dangerous things want a proof that is a quarter of an hour old at most`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("boss", .admin)
            let ada = try await surface.person("ada")
            let token = await surface.token("boss")
            func promote() async -> Response {
                await surface.send(.put, "/api/admin/users/\(ada.id.text)/role", ["role": "support"], token: token)
            }
            surface.clock.advance(milliseconds: 899_999)
            #expect(await promote().status == 200)
            surface.clock.advance(milliseconds: 1)
            let refused = await promote()
            #expect(refused.status == 403 && refused.text.contains("proof_required"))
            for (method, path, body) in [
                (.post, "/api/auth/second-factor", nil), (.delete, "/api/admin/users/\(ada.id.text)/second-factor", nil),
                (.post, "/api/auth/tokens", ["name": "n", "scopes": ["admin:write"]]),
            ] as [(HTTP.Method, String, JSON?)] {
                #expect(await surface.send(method, path, body, token: token).text.contains("proof_required"), "\(path)")
            }
            let own = await surface.send(.post, "/api/auth/tokens", ["name": "n", "scopes": ["read"]], token: token)
            #expect(own.status == 201)
            #expect(await surface.send(.post, "/api/auth/proof", ["password": "Wrong-Horse-9"], token: token).status == 401)
            #expect(await promote().status == 403)
            let proof = await surface.send(.post, "/api/auth/proof", ["password": .string(SignedInSurface.password)], token: token)
            #expect(proof.status == 204)
            #expect(await promote().status == 200)
        }
    }

    @Test func `a code is taken after a rotation of the data keys beside the running server`() async throws {
        try await withSignedInSurface { surface in
            let ada = try await surface.person("ada")
            let factors = SecondFactors(store: surface.store, keys: surface.dataKeys, issuer: "x")
            let begun = try await factors.begin(ada, actor: "command", request: nil)
            let code = Self.code(begun.secret, surface)
            _ = try await factors.confirm(ada, code: code, keeping: nil, request: nil)
            #expect(try await SecondFactors.reseal(surface.store, surface.rotated) == 1)
            surface.clock.advance(milliseconds: 60_000)
            let login = await surface.send(
                .post, "/api/auth/login",
                [
                    "email": "ada@example.com", "password": .string(SignedInSurface.password), "session": "bearer",
                    "code": .string(Self.code(begun.secret, surface)),
                ])
            #expect(login.status == 200, "\(login.text)")
        }
    }

    @Test func `money and people's doors want a fresh proof of an admin who has a second factor`() async throws {
        try await withStorehouse { house in
            let surface = house.people
            let boss = try await surface.person("boss", .admin)
            let ada = try await surface.person("ada")
            let token = await surface.token("boss")
            let factors = SecondFactors(store: surface.store, keys: DataKeys(surface.keyring), issuer: "x")
            let begun = try await factors.begin(boss, actor: "command", request: nil)
            let guarded =
                [
                    ("/api/admin/payments/1/confirm", nil), ("/api/admin/payments/1/refund", [:]),
                    ("/api/admin/users/\(ada.id.text)/block", nil),
                    ("/api/admin/users/\(ada.id.text)/unblock", nil),
                ] as [(String, JSON?)]
            func statuses() async -> [Int] {
                var statuses: [Int] = []
                for (path, body) in guarded {
                    let isOfUser = path.contains("/users/")
                    let reply =
                        isOfUser ? await surface.send(.post, path, body, token: token) : await house.send(.post, path, body, token: token)
                    if reply.status == 403 { #expect(reply.text.contains("proof_required")) }
                    statuses.append(reply.status)
                }
                return statuses
            }
            surface.clock.advance(milliseconds: 900_000)
            #expect(await statuses() == [404, 404, 200, 200], "who has no second factor is not asked")
            let (login, codeSecret) = (try await surface.session("boss"), begun.secret)
            _ = try await factors.confirm(boss, code: Self.code(codeSecret, surface), keeping: login, request: nil)
            #expect(await statuses() == [403, 403, 403, 403])
            surface.clock.advance(milliseconds: 30_000)
            let wrong = await surface.send(
                .post, "/api/auth/proof", ["password": .string(SignedInSurface.password), "code": "000000"], token: token)
            #expect(wrong.status == 403)
            let proof = await surface.send(
                .post, "/api/auth/proof",
                ["password": .string(SignedInSurface.password), "code": .string(Self.code(codeSecret, surface))], token: token)
            #expect(proof.status == 204, "\(proof.text)")
            #expect(await statuses() == [404, 404, 200, 200])
        }
    }

    @Test func `a token that could hand out keys wants a fresh proof of who has a second factor`() async throws {
        try await withSignedInSurface { surface in
            let ada = try await surface.person("ada")
            let token = await surface.token("ada")
            let factors = SecondFactors(store: surface.store, keys: surface.dataKeys, issuer: "x")
            let begun = try await factors.begin(ada, actor: "command", request: nil)
            _ = try await factors.confirm(
                ada, code: Self.code(begun.secret, surface), keeping: try await surface.session("ada"), request: nil)
            surface.clock.advance(milliseconds: 900_000)
            let made = await surface.send(.post, "/api/auth/tokens", ["name": "n", "scopes": ["read"]], token: token)
            #expect(made.status == 403 && made.text.contains("proof_required"))
        }
    }

    @Test func `renewing a login is no proof`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("boss", .admin)
            let ada = try await surface.person("ada")
            let first = await surface.token("boss")
            surface.clock.advance(milliseconds: 900_000)
            let token = await surface.send(.post, "/web/auth/refresh", token: first).json["token"].string ?? ""
            let reply = await surface.send(.put, "/api/admin/users/\(ada.id.text)/role", ["role": "support"], token: token)
            #expect(reply.status == 403 && reply.text.contains("proof_required"))
        }
    }

    @Test func `a code is taken once, however many ask at the same time, and the login after it is whole`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let token = await surface.token("ada")
            let begun = await surface.send(.post, "/api/auth/second-factor", token: token)
            let secret = try #require(begun.json["secret"].string)
            let confirmed = await surface.send(
                .post, "/api/auth/second-factor/confirm", ["code": .string(Self.code(secret, surface))], token: token)
            #expect(confirmed.status == 200 && confirmed.json["recovery_codes"].array?.count == 10)
            surface.clock.advance(milliseconds: 30_000)
            let body: JSON = [
                "email": "ada@example.com", "password": .string(SignedInSurface.password), "code": .string(Self.code(secret, surface)),
            ]
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 1...5 {
                    group.addTask { await surface.send(.post, "/api/auth/login", body, address: "198.51.100.\(number)").status }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 1 && statuses.count { $0 == 403 } == 4)
        }
    }

    @Test func `a wrong password is told before a code is asked for, and codes have a count of their own`() async throws {
        try await withSignedInSurface { surface in
            let ada = try await surface.person("ada")
            let token = await surface.token("ada")
            let secret = try #require(await surface.send(.post, "/api/auth/second-factor", token: token).json["secret"].string)
            _ = await surface.send(.post, "/api/auth/second-factor/confirm", ["code": .string(Self.code(secret, surface))], token: token)
            func login(_ password: String, _ code: String?, _ address: String) async -> Response {
                var body: JSONObject = ["email": "ada@example.com", "password": .string(password)]
                if let code { body["code"] = .string(code) }
                return await surface.send(.post, "/api/auth/login", .object(body), address: address)
            }
            #expect(await login("Wrong-Horse-9", nil, "198.51.100.1").text.contains("wrong_credentials"))
            // Asking without a code is how a form begins; it is no failed attempt.
            for _ in 0..<7 { #expect(await login(SignedInSurface.password, nil, "198.51.100.2").status == 401) }
            for number in 1...5 { #expect(await login(SignedInSurface.password, "wrong1", "198.51.100.1\(number)").status == 403) }
            #expect(await login(SignedInSurface.password, "wrong1", "198.51.100.20").status == 429, "wherever they come from")
            _ = try await SecondFactors(store: surface.store, keys: DataKeys(surface.keyring), issuer: "x").end(
                of: ada.id, actor: "command")
            #expect(await login(SignedInSurface.password, nil, "198.51.100.21").status == 200)
        }
    }
}
