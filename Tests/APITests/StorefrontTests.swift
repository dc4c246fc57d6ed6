import API
import Billing
import Domain
import Drivers
import HTTP
import Provisioning
import Secrets
import Store
import Telemetry
import TestKit
import Testing

/// The surfaces that sell, over a real store with relay keys for goods.
final class Storehouse: Sendable {
    let people: SignedInSurface
    let workers: Workers
    let router: Router
    static let secret = "webhook-secret"

    let keyring: Keyring

    /// - Parameter works: jobs are done as soon as they are queued, as a running server does; else the test drains.
    init(_ people: SignedInSurface, works: Bool = false) throws {
        self.people = people
        let (store, clock) = (people.store, people.clock)
        let password = SecretBytes([UInt8](repeating: 3, count: 32))
        let keyring = try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
            ambient: clock.ambient)
        let hasher = people.hasher
        let drivers = DriverTable(
            Registry.drivers(
                DriverPorts(
                    keys: StoredKeys(store, changed: {}), keyHash: { hasher.hash($0) },
                    nodes: NodePorts(http: try CurlClient(ambient: clock.ambient), ambient: clock.ambient))))
        let orders = Orders(drivers: drivers, keys: DataKeys(keyring))
        let workers = Workers(store: store, drivers: drivers, keys: DataKeys(keyring), log: .silent, metrics: Metrics())
        (self.workers, self.keyring) = (workers, keyring)
        let wake: @Sendable () -> Void = { if works { Task { _ = try? await workers.drain() } } }
        let expiry = Expiry(store: store, orders: orders, log: .silent) {}
        let sales = Sales(store: store, orders: orders, expiry: expiry, wake: wake)
        let doors = PaymentDoors(ProviderSettings(secrets: ["webhook": [SecretBytes(Array(Self.secret.utf8))]]))
        let signIn = SignIn(
            people: people.people, algorithm: .hs256, key: SecretBytes([UInt8](repeating: 9, count: 32)),
            limiter: AttemptLimiter(store), registration: .open, lifetimeMinutes: 60,
            factors: SecondFactors(store: store, keys: DataKeys(keyring), issuer: "Example"), log: .silent,
            metrics: people.metrics)
        let front = Storefront(
            sales: sales, doors: doors, people: people.people, door: SessionDoor(signIn, cookie: SessionCookie(isPlain: false)),
            isDevelopment: false, issuer: "Example")
        let configs = ServiceConfigs(front)
        let problems = Problems(log: .silent)
        router = Router(
            configs.endpoints + Nodes(front, BackendKeeping(store: store, orders: orders)).endpoints
                + OlderPeers(front, configs).endpoints + OlderAuth(front).endpoints + Tariffs(front, currency: .usd).endpoints
                + OlderPayments(front).endpoints
                + SoldPlans(front).endpoints + SoldServices(front) {}.endpoints + SoldPayments(front).endpoints
                + OwnServices(front).endpoints + Upgrades(front).endpoints, options: RouterOptions { problems.describe($0, $1) })
    }

    func send(
        _ method: HTTP.Method, _ path: String, _ body: JSON? = nil, token: String? = nil, headers: Headers = [:]
    ) async -> Response {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var request = PublicSurface.request(method, parts[0], headers: headers, remoteAddress: "192.0.2.1")
        if parts.count == 2 { request.query = parts[1] }
        if let token { request.headers.set("authorization", "Bearer \(token)") }
        if let body {
            request.headers.set("content-type", "application/json")
            request.body = body.bytes
        }
        return await router.respond(to: request)
    }
    func webhook(_ body: JSON) async -> Response {
        let time = people.clock.ambient.now().milliseconds / 1000
        let bytes = Hashing.hmacSHA256(key: SecretBytes(Array(Self.secret.utf8)), Array("\(time).".utf8) + body.bytes)
        return await send(
            .post, "/payments/webhook", body, headers: ["x-webhook-signature": "t=\(time),v1=\(Hex.text(bytes))"])
    }
}

func withStorehouse(_ database: TestDatabase = .sqliteInMemory, _ test: (Storehouse) async throws -> Void) async throws {
    try await withSignedInSurface(database) { try await test(try Storehouse($0)) }
}

@Suite struct StorefrontTests {
    @Test(arguments: TestDatabase.allCases)
    func `from registration to a key that works, and its end`(database: TestDatabase) async throws {
        try await withStorehouse(database) { house in
            _ = try await house.people.person("admin", .admin)
            let admin = await house.people.token("admin")
            let plan = await house.send(
                .post, "/api/admin/plans",
                ["kind": "relay", "name": "Starter", "price": "9.99", "duration_days": 30, "limits": ["concurrent": 2]], token: admin)
            #expect(plan.status == 201, "\(plan.text)")
            let person: JSON = ["email": "ada@example.com", "password": .string(SignedInSurface.password)]
            #expect(await house.send(.post, "/auth/register/", person).json["id"] == 2)
            #expect(await house.send(.post, "/auth/register", person).text == #"{"detail":"Email already registered"}"#)
            let token = await house.send(.post, "/auth/login", person).json["access_token"].string ?? ""
            let tariffs = await house.send(.get, "/tariffs/?skip=0&limit=10")
            #expect(tariffs.json.array?.first?["price"] == "9.99", "\(tariffs.text)")
            let payment = await house.send(
                .post, "/payments/", ["tariff_id": 1, "provider": "shop", "provider_payment_id": "p-1"], token: token)
            #expect(payment.json["status"] == "pending" && payment.json["amount"] == "9.99", "\(payment.text)")
            #expect(payment.json["instructions"]["payment_id"] == 1)
            let word: JSON = [
                "provider": "shop", "provider_payment_id": "p-1", "status": "completed", "amount": "9.99", "currency": "USD",
            ]
            #expect(await house.webhook(word).text == #"{"ok":true,"payment_id":1,"status":"completed","duplicate":false}"#)
            #expect(await house.webhook(word).json["duplicate"] == true)
            try await house.workers.drain()
            #expect(await house.send(.get, "/payments/status/1", token: token).json["peer_state"] == "active")
            #expect(await house.send(.get, "/auth/me/subscription", token: token).json["tariff_id"] == 1)
            let invoice = await house.send(.get, "/payments/1/invoice", token: token)
            #expect(invoice.text.contains("INV-000001") && invoice.text.contains("9.99"))

            let service = await house.send(.get, "/api/portal/services", token: token).json["services"].array?.first
            let id = try #require(service?["id"].string)
            let secret = await house.send(.post, "/api/portal/services/\(id)/secret", token: token)
            let key = try #require(secret.json["secret"].string)
            #expect(await house.send(.post, "/api/portal/services/\(id)/secret", token: token).status == 409, "once")
            let hash = house.people.hasher.hash(Array(key.utf8))
            func works() async throws -> Bool {
                let now = house.people.clock.ambient.now()
                return try await house.people.store.read { reader throws(StoreError) in
                    try reader.apiKey(secretHash: hash)?.works(at: now) ?? false
                }
            }
            #expect(try await works())
            for (verb, doesWork) in [("suspend", false), ("resume", true), ("terminate", false)] {
                let answer = await house.send(.post, "/api/admin/services/\(id)/\(verb)", [:], token: admin)
                #expect(answer.status == 202, "nobody works beside this test: \(answer.text)")
                try await house.workers.drain()
                let operation = answer.json["operation_id"].string ?? ""
                #expect(await house.send(.get, "/api/portal/operations/\(operation)", token: token).json["state"] == "done")
                #expect(try await works() == doesWork)
            }
            #expect(await house.send(.post, "/api/admin/services/\(id)/resume", [:], token: admin).status == 409)
        }
    }

    @Test func `the older interface says what its clients expect`() async throws {
        try await withStorehouse { house in
            _ = try await house.people.person("admin", .admin)
            _ = try await house.people.person("ada")
            let (admin, ada) = (await house.people.token("admin"), await house.people.token("ada"))
            let made = await house.send(
                .post, "/tariffs/", ["name": "VPN", "price": 5, "duration_days": 7, "max_peers": 3, "no_auto_peer": true], token: admin)
            #expect(made.json["duration_days"] == 7 && made.json["max_peers"] == 3 && made.json["price"] == "5.00", "\(made.text)")
            let table: [(HTTP.Method, String, JSON?, String?, Int, String)] = [
                (.post, "/tariffs", ["name": "VPN", "price": "1"], admin, 400, #"{"detail":"Tariff already exists"}"#),
                (.post, "/tariffs", ["name": "X", "price": "1"], ada, 403, #"{"detail":"Admin privileges required"}"#),
                (.post, "/tariffs", ["name": "X", "price": "1"], nil, 401, #"{"detail":"Not authenticated"}"#),
                (.get, "/auth/me", nil, "nonsense", 401, #"{"detail":"Could not validate credentials"}"#),
                (.get, "/tariffs/9", nil, nil, 404, #"{"detail":"Tariff not found"}"#),
                (.get, "/payments/9", nil, ada, 404, #"{"detail":"Payment not found"}"#),
                (
                    .post, "/auth/assign_tariff?user_id=2", ["tariff_id": 1], admin, 200,
                    #"{"msg":"tariff assigned","user_id":2,"tariff_id":1}"#
                ),
                (.post, "/tariffs/assign", ["tariff_id": 1, "user_id": 2], admin, 400, #"{"detail":"Tariff already assigned to user"}"#),
                (.post, "/tariffs/assign", ["tariff_id": 1, "user_id": 99], admin, 404, #"{"detail":"User not found"}"#),
                (
                    .delete, "/tariffs/1", nil, admin, 400, #"{"detail":"Tariff is assigned to users and cannot be deleted"}"#
                ), (.post, "/auth/subscribe", ["tariff_id": 1], ada, 403, #"{"detail":"Tariff is not free"}"#),
                (.post, "/payments", ["tariff_id": 1, "provider": "manual", "user_id": 1], ada, 403, #"{"detail":"Not allowed"}"#),
                (
                    .post, "/auth/register", ["email": "new@example.com", "password": "short"], nil, 400,
                    #"{"detail":"Password must be at least 8 characters"}"#
                ),
                (
                    .post, "/auth/register", ["email": "new@example.com"], nil, 400,
                    #"{"detail":"Password is required for registration"}"#
                ),
                (
                    .post, "/auth/login", ["email": "ada@example.com", "password": "Wrong-Horse-9"], nil, 401,
                    #"{"detail":"Invalid credentials"}"#
                ),
            ]
            for (method, path, body, token, status, text) in table {
                let response = await house.send(method, path, body, token: token)
                #expect(response.status == status && response.text == text, "\(method) \(path): \(response.text)")
            }
            let own = await house.send(
                .post, "/payments", ["tariff_id": 1, "provider": "stripe", "provider_payment_id": "pi_9"], token: ada)
            #expect(own.json["provider_payment_id"] == .null, "only the provider says its ids")
            for amount in ["0", "-1", "1.234", "x"] as [JSON] {
                let bad = await house.send(.post, "/payments", ["tariff_id": 1, "provider": "shop", "amount": amount], token: ada)
                #expect(bad.status == 422, "\(bad.text)")
            }
            let wish: JSON = ["tariff_id": 1, "provider": "shop", "provider_payment_id": "p-1"]
            #expect(await house.send(.post, "/payments", wish, token: ada).status == 200)
            let less = await house.webhook([
                "provider": "shop", "provider_payment_id": "p-1", "status": "completed", "amount": "4.00", "currency": "USD",
            ])
            #expect(less.status == 409 && less.text == #"{"detail":"payment mismatch"}"#, "\(less.text)")
        }
    }

    @Test func `a blocked person is told so where older apps look, and everybody else is not`() async throws {
        try await withStorehouse { house in
            let user = try await house.people.person("ada")
            let token = await house.people.token("ada")
            #expect(await house.send(.get, "/auth/me", token: token).status == 200)
            _ = try await house.people.people.setStatus(.blocked, of: user.id, actor: "command")
            for path in ["/auth/me", "/auth/me/subscription", "/vpn_peers/self/config"] {
                let told = await house.send(.get, path, token: token)
                #expect(told.status == 403 && told.text == #"{"detail":"User not active"}"#, "\(path): \(told.text)")
            }
            // Another's signature says nothing of anybody.
            let forged = await house.send(.get, "/auth/me", token: String(token.dropLast(4)) + "AAAA")
            #expect(forged.status == 401 && forged.text == #"{"detail":"Could not validate credentials"}"#)
            _ = try await house.people.people.setStatus(.active, of: user.id, actor: "command")
            #expect(await house.send(.get, "/auth/me", token: token).status == 401, "the login is over")
        }
    }

    @Test(arguments: [TestDatabase.sqliteInMemory, .postgres])
    func `lists of what is sold go on where a part ends`(database: TestDatabase) async throws {
        try await withStorehouse(database) { house in
            _ = try await house.people.person("admin", .admin)
            _ = try await house.people.person("ada")
            let (admin, ada) = (await house.people.token("admin"), await house.people.token("ada"))
            for number in 1...3 {
                let plan: JSON = ["kind": "relay", "name": .string("P\(number)"), "price": "1.00", "max_services": 3]
                #expect(await house.send(.post, "/api/admin/plans", plan, token: admin).status == 201)
                let wish: JSON = ["tariff_id": .int(Int64(number)), "provider": "shop", "provider_payment_id": .string("p-\(number)")]
                #expect(await house.send(.post, "/payments", wish, token: ada).status == 200)
                let word: JSON = [
                    "provider": "shop", "provider_payment_id": .string("p-\(number)"), "status": "completed", "amount": "1.00",
                    "currency": "USD",
                ]
                #expect(await house.webhook(word).status == 200)
            }
            for (path, name, token, isNewestFirst) in [
                ("/api/admin/plans", "plans", admin, false), ("/api/admin/payments", "payments", admin, true),
                ("/api/admin/payment-events", "events", admin, true), ("/api/admin/services", "services", admin, false),
                ("/api/portal/services", "services", ada, false),
            ] {
                let whole = await house.send(.get, path, token: token).json
                #expect(whole[name].array?.count == 3 && whole["next_cursor"] == .null, "\(path)")
                var (found, cursor) = ([JSON](), String?.none)
                for _ in 0..<3 {
                    let next = (cursor ?? "").replacing("|", with: "%7C")
                    let part = await house.send(.get, path + "?limit=1" + (cursor == nil ? "" : "&cursor=\(next)"), token: token).json
                    found += part[name].array ?? []
                    cursor = part["next_cursor"].string
                }
                #expect(.array(found) == whole[name] && cursor == nil, "\(path)")
                if path.hasSuffix("payments") { #expect(found.first?["id"] == (isNewestFirst ? 3 : 1)) }
                #expect(await house.send(.get, path + "?cursor=%7C%7C", token: token).status >= 400)
            }
        }
    }

    @Test func `a webhook is believed by its signature alone`() async throws {
        try await withStorehouse { house in
            let word: JSON = ["provider": "shop", "payment_id": 1, "status": "completed", "amount": "1", "currency": "USD"]
            #expect(await house.send(.post, "/payments/webhook", word).status == 401)
            #expect(await house.send(.post, "/hooks/payments/stripe", word).status == 503)
            #expect(await house.send(.post, "/hooks/payments/telegram", word).status == 503)
            #expect(await house.send(.post, "/hooks/payments/nobody", word).status == 404)
            #expect(await house.webhook(word).text == #"{"detail":"Payment not found"}"#)
            #expect(await house.webhook(["provider": "shop"]).status == 400)
        }
    }

    /// Nobody gets in without the role, and nobody sees what is another's.
    @Test func `routes that sell let in whom they should`() async throws {
        try await withStorehouse { house in
            _ = try await house.people.person("support", .support)
            _ = try await house.people.person("ada")
            let tokens = [nil, await house.people.token("ada"), await house.people.token("support")]
            for description in house.router.descriptions where description.audience != .anyone {
                let path = description.template.replacing("{id}", with: "1")
                for (index, token) in tokens.enumerated() {
                    let isWrite = description.method != .get
                    let status = await house.send(description.method, path, isWrite ? [:] : nil, token: token).status
                    switch (description.audience, index) {
                    case (_, 0): #expect(status == 401, "\(path) without a name: \(status)")
                    case (.operators, 1): #expect(status == 403, "\(path) as a customer: \(status)")
                    case (.operators(let roles), 2) where !roles.contains("support"): #expect(status == 403, "\(path): \(status)")
                    default: #expect(status != 401 && status != 500, "\(path): \(status)")
                    }
                }
            }
        }
    }
}
