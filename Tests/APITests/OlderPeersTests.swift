import API
import Domain
import Drivers
import FakeUpstreamParts
import HTTP
import Provisioning
import Secrets
import Store
import TestKit
import Testing

/// Peers through the interface that existing apps and bots call, with the jobs being done beside the call.
@Suite struct OlderPeersTests {
    private struct House {
        let store: Storehouse
        let admin: String

        func node(_ settings: JSON, address: String = "", secret: String? = nil) async throws {
            let keyring = store.keyring
            try await store.people.store.transaction { transaction throws(StoreError) in
                let id = BackendID(transaction.ambient)
                let place = SealedPlace(table: "backends", row: id.text, column: "secret_sealed")
                _ = try transaction.createBackend(
                    NewBackend(
                        id: id, kind: .vpn, name: "node", address: address, settings: settings,
                        secretSealed: secret.map { keyring.seal(Array($0.utf8), for: place) }, capacity: 100))
            }
        }
        /// Somebody with a subscription for so many peers, and their token.
        func customer(_ name: String, peers: Int64 = 2) async throws -> String {
            let person = try await store.people.person(name)
            let plan = await store.send(
                .post, "/tariffs",
                ["name": .string("\(name)'s"), "price": "1.00", "max_peers": .int(peers), "no_auto_peer": true], token: admin)
            #expect(plan.status == 200, "\(plan.text)")
            let given = await store.send(
                .post, "/tariffs/assign", ["user_id": .int(person.number), "tariff_id": plan.json["id"]], token: admin)
            #expect(given.status == 200, "\(given.text)")
            return await store.people.token(name)
        }
        func send(_ method: HTTP.Method, _ path: String, _ body: JSON? = nil, token: String, accept: String? = nil) async -> Response {
            await store.send(method, path, body, token: token, headers: accept.map { ["accept": $0] } ?? [:])
        }
    }

    private static let recordOnly: JSON = [
        "driver": "none", "pool": ["v4": "10.8.0.0/24"],
        "server": ["public_key": "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI=", "endpoint": "vpn.example.com:51820"],
    ]

    private func withHouse(_ test: (House) async throws -> Void) async throws {
        let clock = TestClock(sleeping: .pauses)
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let house = try Storehouse(SignedInSurface(store, clock), works: true)
            _ = try await house.people.person("admin", .admin)
            try await test(House(store: house, admin: await house.people.token("admin")))
        }
    }

    @Test func `who has a second factor proves it before a config is handed over`() async throws {
        try await withHouse { house in
            try await house.node(Self.recordOnly)
            let (ada, bob) = (try await house.customer("ada"), try await house.customer("bob"))
            for token in [ada, bob] {
                #expect(await house.send(.post, "/vpn_peers/self/", ["device_name": "phone"], token: token).status == 200)
            }
            let surface = house.store.people
            let person = try #require(
                try await surface.store.read { reader throws(StoreError) in try reader.user(email: "ada@example.com") })
            let factors = SecondFactors(store: surface.store, keys: DataKeys(surface.keyring), issuer: "x")
            let begun = try await factors.begin(person, actor: "command", request: nil)
            let step = OneTimeCode.step(atSeconds: surface.clock.ambient.now().milliseconds / 1000)
            _ = try await factors.confirm(
                person, code: OneTimeCode.code(SecondFactorTests.secret(begun.secret), step: step),
                keeping: try await surface.session("ada"), request: nil)
            let services = await house.send(.get, "/api/portal/services", token: ada).json["services"].array
            let id = try #require(services?.first?["id"].string)
            func statuses(_ token: String) async -> [Int] {
                let older = await house.send(.get, "/vpn/config", token: token)
                guard token == ada else { return [older.status] }
                let config = await house.send(.get, "/api/portal/services/\(id)/config", token: token)
                let link = await house.send(.post, "/api/portal/services/\(id)/config-links", [:], token: token)
                return [older.status, config.status, link.status]
            }
            #expect(await statuses(ada) == [200, 200, 201])
            surface.clock.advance(milliseconds: 900_001)
            #expect(await statuses(ada) == [403, 403, 403])
            #expect(await statuses(bob) == [200], "who has none passes")
        }
    }

    @Test func `a peer is made, shown, delivered, paused and deleted`() async throws {
        try await withHouse { house in
            try await house.node(Self.recordOnly)
            let ada = try await house.customer("ada")
            let made = await house.send(.post, "/vpn_peers/self/", ["device_name": "phone"], token: ada)
            #expect(made.status == 200, "\(made.text)")
            let peer = made.json
            #expect(peer["wg_ip"] == "10.8.0.2/32" && peer["active"] == true && peer["state"] == "active" && peer["applied"] == false)
            let key = try #require(peer["wg_private_key"].string)
            #expect(made.headers["cache-control"] == "no-store")
            let id = try #require(peer["id"].int)

            for path in ["/vpn_peers", "/vpn_peers/\(id)"] {
                let shown = await house.send(.get, path, token: ada)
                #expect(shown.status == 200 && !shown.text.contains(key) && shown.text.contains(#""wg_private_key":null"#))
            }
            let config = await house.send(.get, "/vpn/config", token: ada)
            let text = try #require(config.json["wg_quick"].string)
            #expect(text.contains("PrivateKey = \(key)") && text.contains("Address = 10.8.0.2/32"))
            #expect(await house.send(.get, "/vpn_peers/self/config?format=conf", token: ada).text == text)
            #expect(await house.send(.get, "/vpn/config", token: ada, accept: "text/plain").text == text)
            let svg = await house.send(.get, "/vpn/config?format=qr.svg", token: ada)
            #expect(svg.headers["content-type"] == "image/svg+xml" && svg.text.hasPrefix("<svg"))
            let png = await house.send(.get, "/vpn/config?format=qr.png", token: ada)
            #expect(png.headers["content-type"] == "image/png" && png.body.starts(with: [0x89, 0x50, 0x4e, 0x47]))
            #expect(png.headers["cache-control"] == "no-store")
            let status = await house.send(.get, "/vpn/status", token: ada)
            #expect(status.json["allowed"] == true && status.json["state"] == "active" && status.json["peer_active"] == true)

            let closed = await house.send(.post, "/vpn_peers/\(id)/deactivate", token: ada)
            #expect(closed.json["active"] == false && closed.json["state"] == "disabled", "\(closed.text)")
            #expect(await house.send(.post, "/vpn_peers/\(id)/activate/", token: ada).json["state"] == "active")
            _ = await house.send(.post, "/vpn_peers/\(id)/deactivate", token: house.admin)
            #expect(await house.send(.post, "/vpn_peers/\(id)/activate", token: ada).json["state"] == "disabled", "an admin's word stays")
            #expect(await house.send(.post, "/vpn_peers/\(id)/activate", token: house.admin).json["state"] == "active")

            #expect(await house.send(.put, "/vpn_peers/\(id)", ["device_name": "tablet"], token: ada).json["device_name"] == "tablet")
            #expect(await house.send(.delete, "/vpn_peers/\(id)", token: ada).text == #"{"msg":"deleted"}"#)
            #expect(await house.send(.get, "/vpn_peers/\(id)", token: ada).text == #"{"detail":"Peer not found"}"#)
            #expect(await house.send(.get, "/vpn/config", token: ada).text == #"{"detail":"No peer found for user"}"#)
            let audit = try await house.store.people.store.read { reader throws(StoreError) in
                try reader.auditEvents(limit: 100).items.map(\.action)
            }
            #expect(audit.filter { $0 == "service.config" }.count == 5)
        }
    }

    @Test func `limits, owners and keys are checked`() async throws {
        try await withHouse { house in
            try await house.node(Self.recordOnly)
            let (ada, bob) = (try await house.customer("ada", peers: 1), try await house.customer("bob"))
            _ = try await house.store.people.person("eve")
            let eve = await house.store.people.token("eve")
            let refused = await house.send(.post, "/vpn/create_peer", [:], token: eve)
            #expect(refused.status == 403 && refused.text == #"{"detail":"no_active_subscription"}"#)
            let made = await house.send(.post, "/vpn_peers", ["wg_public_key": "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="], token: ada)
            #expect(made.status == 200 && made.json["wg_private_key"] == .null, "\(made.text)")
            let config = await house.send(.get, "/vpn/config", token: ada).json["wg_quick"].string ?? ""
            #expect(config.contains("PrivateKey = \n"), "the device puts its own there")
            let id = made.json["id"].int ?? 0
            #expect(await house.send(.post, "/vpn_peers/self", [:], token: ada).text == #"{"detail":"peer limit reached"}"#)
            for (method, path) in [
                (HTTP.Method.get, "/vpn_peers/\(id)"), (.delete, "/vpn_peers/\(id)"), (.post, "/vpn_peers/\(id)/activate"),
            ] {
                #expect(await house.send(method, path, token: bob).status == 403)
            }
            #expect(await house.send(.get, "/vpn_peers?user_id=1", token: bob).status == 403)
            #expect(await house.send(.post, "/vpn_peers", ["user_id": 1], token: bob).text == #"{"detail":"Not allowed"}"#)
            let same: JSON = ["wg_public_key": "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="]
            #expect(await house.send(.post, "/vpn_peers/self", same, token: bob).status == 409)
            for wish: JSON in [["wg_public_key": "short"], ["wg_ip": "0.0.0.0/0"], ["device_name": "a\nPostUp = rm"]] {
                #expect(await house.send(.post, "/vpn_peers/self", wish, token: bob).status == 422, "\(wish.text)")
            }
            #expect(await house.send(.get, "/vpn_peers", token: bob).json.array?.isEmpty == true)
            #expect(await house.send(.get, "/vpn_peers", token: house.admin).json.array?.count == 1)
        }
    }

    @Test(arguments: [WgEasyMode.v14, .v15_3])
    func `a controller's failure is told and leaves nothing`(mode: WgEasyMode) async throws {
        let server = try WgEasyServer(mode: mode, password: "secret")
        defer { server.close() }
        try await withHouse { house in
            try await house.node(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            let ada = try await house.customer("ada", peers: 1)
            server.befall(.badGateway, "GET", "/client", times: 3)
            let failed = await house.send(.post, "/vpn_peers/self", [:], token: ada)
            #expect(failed.status == 502 && failed.text == #"{"detail":"failed to create remote wg-easy client: unreachable"}"#)
            server.befall(.full, "POST", "/client")
            let full = await house.send(.post, "/vpn_peers/self", [:], token: ada)
            #expect(full.status == 409 && full.text == #"{"detail":"address pool exhausted"}"#, "\(full.text)")
            #expect(server.names.isEmpty)
            let made = await house.send(.post, "/vpn_peers/self", [:], token: ada)
            #expect(made.status == 200 && made.json["wg_private_key"] == .null, "\(made.text)")
            #expect(server.names.count == 1)
            let text = await house.send(.get, "/vpn/config?format=conf", token: ada).text
            #expect(server.secrets.contains { text.contains($0) }, "fetched from the controller")
        }
    }

    @Test func `a payment is granted once and at once while the controller is away, and the peer follows`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "secret")
        defer { server.close() }
        try await withHouse { house in
            try await house.node(["driver": "wg-easy"], address: "http://127.0.0.1:\(server.port)", secret: "secret")
            server.befall(.unavailable, "GET", "/client", times: 3)
            _ = await house.send(.post, "/tariffs", ["name": "VPN", "price": "5.00", "duration_days": 30], token: house.admin)
            _ = try await house.store.people.person("ada")
            let ada = await house.store.people.token("ada")
            let begun = await house.send(
                .post, "/payments", ["tariff_id": 1, "provider": "shop", "provider_payment_id": "p-1"], token: ada)
            #expect(begun.status == 200, "\(begun.text)")
            let word: JSON = [
                "provider": "shop", "provider_payment_id": "p-1", "status": "completed", "amount": "5.00", "currency": "USD",
            ]
            let replies = await withTaskGroup(of: Response.self) { group in
                for _ in 0..<50 { group.addTask { await house.store.webhook(word) } }
                return await group.reduce(into: [Response]()) { $0.append($1) }
            }
            #expect(replies.allSatisfy { $0.status == 200 })
            #expect(replies.filter { $0.json["duplicate"] == false }.count == 1)
            let store = house.store.people.store
            for _ in 0..<50 {
                house.store.people.clock.advance(milliseconds: 400_000)
                _ = try await house.store.workers.drain()
                if try await store.read({ reader throws(StoreError) in try reader.openJobCount() }) == 0 { break }
                await Task.yield()
            }
            #expect(server.enabledNames.count == 1 && server.names.count == 1)
            let peers = await house.send(.get, "/vpn_peers", token: ada).json.array
            #expect(peers?.count == 1 && peers?.first?["state"] == "active", "\(peers ?? [])")
            #expect(await house.send(.get, "/payments/status/1", token: ada).json["peer_state"] == "active")
        }
    }

    @Test func `a link hands the config over once, and can be revoked`() async throws {
        try await withHouse { house in
            try await house.node(Self.recordOnly)
            let ada = try await house.customer("ada")
            _ = await house.send(.post, "/vpn_peers/self", ["device_name": "phone"], token: ada)
            let listed = await house.send(.get, "/api/portal/services", token: ada).json["services"].array?.first
            let id = try #require(listed?["id"].string)
            func link() async -> JSON { await house.send(.post, "/api/portal/services/\(id)/config-links", [:], token: ada).json }
            let first = await link()
            let path = try #require(first["path"].string)
            for method in [HTTP.Method.get, .head, .get] {
                // What merely looks at links, as a messenger that shows a preview, does not use them up.
                let page = await house.store.send(method, path)
                #expect(page.status == 200 && page.headers["content-type"]?.hasPrefix("text/html") == true)
                #expect(!page.text.contains("[Interface]") && page.headers["cache-control"] == "no-store")
                #expect(page.headers["referrer-policy"] == "no-referrer")
            }
            let russian = await house.store.send(.get, path, headers: ["accept-language": "ru-RU,ru;q=0.9,en;q=0.5"])
            #expect(russian.text.contains("lang=\"ru\"") && russian.text.contains("Скачать"))
            let got = await house.store.send(.post, path)
            #expect(got.status == 200 && got.text.contains("[Interface]") && got.headers["cache-control"] == "no-store")
            #expect(got.headers["content-disposition"]?.contains("phone.conf") == true)
            for method in [HTTP.Method.get, .post] { #expect(await house.store.send(method, path).status == 404) }
            for method in [HTTP.Method.get, .post] {
                let told = await house.store.send(method, path, headers: ["accept": "text/html,*/*;q=0.8", "accept-language": "ru"])
                #expect(told.status == 404 && told.headers["content-type"]?.hasPrefix("text/html") == true, "a person is told in words")
                #expect(told.text.contains("Ссылка уже использована") && !told.text.contains("<form"))
            }
            let second = await link()
            let (name, other) = (try #require(second["id"].string), try #require(second["path"].string))
            #expect(await house.send(.delete, "/api/portal/services/\(id)/config-links/\(name)", token: ada).status == 204)
            for method in [HTTP.Method.get, .post] { #expect(await house.store.send(method, other).status == 404) }
            let third = try #require(await link()["path"].string)
            house.store.people.clock.advance(milliseconds: 15 * 60_000)
            for method in [HTTP.Method.get, .post] { #expect(await house.store.send(method, third).status == 404) }
            #expect(await house.send(.get, "/api/portal/services/\(id)/config-links", token: ada).json.array?.isEmpty == true)
        }
    }

    @Test func `a peer's key, address and routes change, and its old key is gone`() async throws {
        try await withHouse { house in
            try await house.node(Self.recordOnly)
            let (ada, bob) = (try await house.customer("ada"), try await house.customer("bob"))
            let made = await house.send(.post, "/vpn_peers/self", ["device_name": "phone"], token: ada).json
            let other = await house.send(.post, "/vpn_peers/self", [:], token: bob).json
            let id = try #require(made["id"].int)
            func put(_ body: JSON, token: String? = nil) async -> Response {
                await house.send(.put, "/vpn_peers/\(id)", body, token: token ?? ada)
            }
            let key = "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="
            let changed = await put(["wg_public_key": .string(key), "wg_ip": "10.8.0.9/32", "allowed_ips": "192.0.2.0/24, ::/0"])
            #expect(changed.status == 200 && changed.json["wg_public_key"].string == key, "\(changed.text)")
            #expect(changed.json["wg_ip"] == "10.8.0.9/32" && changed.json["allowed_ips"] == "192.0.2.0/24, ::/0")
            #expect(changed.json["state"] == "active" && changed.json["device_name"] == "phone")
            let config = await house.send(.get, "/vpn/config", token: ada).json["wg_quick"].string ?? ""
            #expect(config.contains("PrivateKey = \n") && config.contains("Address = 10.8.0.9/32"), "the device has the key")
            #expect(config.contains("AllowedIPs = 192.0.2.0/24, ::/0"))
            #expect(
                await put(["wg_public_key": .string(key), "wg_ip": "10.8.0.9/32", "device_name": "tablet"]).json["device_name"] == "tablet")
            for (body, status): (JSON, Int) in [
                (["wg_public_key": other["wg_public_key"]], 409), (["wg_ip": other["wg_ip"]], 409), (["wg_ip": "10.8.0.2/32"], 409),
                (["wg_ip": "10.8.0.1"], 422), (["wg_public_key": "short"], 422), (["allowed_ips": "0.0.0.0/0\nPostUp = id"], 422),
                (["user_id": 1], 403),
            ] {
                #expect(await put(body).status == status, "\(body.text)")
            }
            #expect(await put(["device_name": "x"], token: bob).status == 403)
            #expect(await put(["user_id": 1], token: house.admin).status == 409)
            #expect(await house.send(.put, "/vpn_peers/99", [:], token: ada).status == 404)
            #expect(await put(["allowed_ips": ""]).json["allowed_ips"] == "0.0.0.0/0, ::/0")
            house.store.people.clock.advance(milliseconds: 600_000)
            #expect(
                await house.send(.post, "/vpn_peers/self", ["wg_ip": "10.8.0.2/32"], token: ada).status == 200, "the old address is free")
        }
    }

    @Test func `a node that hands keys over once keeps none afterwards`() async throws {
        try await withHouse { house in
            var settings = Self.recordOnly.object ?? [:]
            settings["once"] = true
            try await house.node(.object(settings))
            let ada = try await house.customer("ada")
            let made = await house.send(.post, "/vpn_peers/self", [:], token: ada)
            let key = try #require(made.json["wg_private_key"].string)
            let replies = await withTaskGroup(of: Response.self) { group in
                for _ in 0..<5 { group.addTask { await house.send(.get, "/vpn/config", token: ada) } }
                return await group.reduce(into: [Response]()) { $0.append($1) }
            }
            #expect(replies.filter { $0.status == 200 && $0.text.contains(key) }.count == 1)
            #expect(replies.filter { $0.status == 410 && $0.text == #"{"detail":"already downloaded"}"# }.count == 4)
        }
    }
}
