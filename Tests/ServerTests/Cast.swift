import API
import Domain
import HTTP
import Store
import TestKit
import Testing

/// The people of the role table and the things that its routes name, all made over the surface itself.
final class Cast: Sendable {
    private let surface: RunningSurface
    let owner: User

    init(_ surface: RunningSurface) async throws {
        self.surface = surface
        func person(_ name: String, _ role: UserRole) async throws -> User {
            try await surface.people.create(
                email: try EmailAddress(parsing: "\(name)@example.com"), name: name, role: role, password: Role.password, actor: "system")
        }
        let made = try await person("owner", .customer)
        // Every call makes a key of the owner's.
        owner = try await surface.people.setLimits(UserLimits(perKey: APIKeyLimits(), maximumKeys: 10_000), of: made.id, actor: "system")
        _ = try await person("other", .customer)
        _ = try await person("support", .support)
        _ = try await person("admin", .admin)
    }

    func person(_ name: String) async throws -> User {
        try await surface.people.create(
            email: try EmailAddress(parsing: "\(name)@example.com"), name: name, role: .customer, password: Role.password, actor: "system")
    }
    func token(_ name: String) async -> String {
        let reply = await send(
            .post, "/api/auth/login", ["email": .string("\(name)@example.com"), "password": .string(Role.password)], token: nil)
        return reply.json["token"].string ?? ""
    }

    /// Each call comes from an address of its own: guesses at secrets are counted by address.
    func send(_ method: HTTP.Method, _ path: String, _ body: JSON?, token: String?) async -> Response {
        let number = surface.store.ambient.randomBytes(2)
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var request = Request(
            id: RequestID(surface.store.ambient), method: method, path: parts[0], headers: [:],
            remoteAddress: "10.0.\(number[0]).\(number[1])")
        if parts.count == 2 { request.query = parts[1] }
        if let token { request.headers.set("authorization", "Bearer \(token)") }
        if let body {
            request.headers.set("content-type", "application/json")
            request.body = body.bytes
        }
        return await surface.router.respond(to: request)
    }

    struct Things {
        var id = ""
        var plan: Int64 = 0
        var user: Int64 = 0
        var subscription = ""
        var service = ""
        var name = ""

        func fill(_ text: String) -> String {
            text.replacing("\"$plan\"", with: String(plan)).replacing("$plan", with: String(plan))
                .replacing("\"$user\"", with: String(user)).replacing("$subscription", with: subscription)
                .replacing("$name", with: name).replacing("{id}", with: id)
        }
    }

    /// - Parameter route: of a row, with its body behind it.
    func things(for route: String, key: APIKeyID) async throws -> Things {
        var things = Things()
        things.name = "n" + Hex.text(surface.store.ambient.randomBytes(6))
        things.id = key.text
        let path = route.split(separator: " ")[1]
        if path.hasSuffix("/restore") || path.hasSuffix("/permanent") { _ = try await surface.keys.revoke(key, actor: "system") }
        if route.contains("$user") || path.contains("/users/") {
            let subject = try await person(things.name)
            (things.user, things.id) = (subject.number, subject.id.text)
        }
        if path.contains("accounts/{id}") {
            things.id =
                try await made(
                    "/api/admin/accounts",
                    [
                        "name": .string(things.name), "secret": "sk-example", "base_url": "http://127.0.0.1:1",
                        "kind": path.contains("/claude-accounts") ? "bearer" : "api_key",
                    ])["id"].string ?? ""
        }
        if path.contains("teams/{id}") {
            things.id = try await made("/api/admin/teams", ["name": .string(things.name)])["id"].string ?? ""
        }
        if path.contains("platforms/{id}") {
            let place: JSON = ["name": .string(things.name), "url": "https://ops.example.com/hook", "enabled": false]
            things.id = try await made("/admin/webhook/platforms", place)["data"]["id"].string ?? ""
        }
        if path.contains("/webhooks/events/{id}") {
            things.id = try await surface.store.transaction { transaction throws(StoreError) in
                try transaction.promise("webhook.test", subject: "x", body: [:])
                return try transaction.outbox(limit: 1).items.first?.id.text ?? ""
            }
        }
        if path == "/api/auth/tokens/{id}" {
            things.id = try await PersonalTokens(store: surface.store).create(
                "t", scopes: [.read], days: 1, of: owner, actor: "system"
            ).token.id.text
        }
        if path.contains("account-groups/{id}") {
            things.id = try await made("/api/admin/account-groups", ["name": .string(things.name)])["id"].string ?? ""
        }
        if route.contains("$plan") || ["/tariffs/{id}", "/api/admin/plans/{id}/retire"].contains(path) {
            things.plan = try await plan(things.name)
            if path.contains("{id}") {
                let number = things.plan
                let plan = try await surface.store.read { reader throws(StoreError) in try reader.plan(number: number) }
                things.id = path.hasPrefix("/tariffs") ? String(number) : plan?.id.text ?? ""
            }
        }
        if path.contains("payments/") && path.contains("{id}") {
            let isPaid = path.hasSuffix("/invoice") || path.hasSuffix("/refund")
            let payment = try await pay(isPaid: isPaid)
            things.id = path.hasPrefix("/api/admin") ? payment.id.text : String(payment.number)
        }
        if path.contains("/vpn") { things.id = try await peer(path) }
        if path.contains("/services") && (path.contains("{id}") || route.contains("$subscription")) || path.contains("/operations/")
            || path.contains("/subscriptions/")
        {
            let payment = try await pay(isPaid: true)
            try await surface.work()
            let subscription = try #require(payment.subscriptionID)
            let (service, operation) = try await surface.store.read { reader throws(StoreError) in
                let service = try reader.services(ServiceFilter(subscription: subscription), limit: 1).items.first
                return (service, try service.map { one throws(StoreError) in try reader.operations(of: one.id) }?.first)
            }
            things.subscription = subscription.text
            things.service = try #require(service).id.text
            things.id =
                path.contains("/operations/")
                ? try #require(operation).id.text : path.contains("/subscriptions/") ? subscription.text : things.service
        }
        return things
    }

    private func made(_ path: String, _ body: JSON, by name: String = "admin") async throws -> JSON {
        let reply = await send(.post, path, body, token: await token(name))
        #expect(reply.status == 200 || reply.status == 201 || reply.status == 202, "\(path): \(reply.text)")
        return reply.json
    }
    private func plan(_ name: String) async throws -> Int64 {
        let body: JSON = ["name": .string("plan \(name)"), "price": "1.00", "duration_days": 30, "service": "relay", "max_peers": 5]
        return try #require(try await made("/tariffs", body)["id"].int)
    }
    /// The number of a peer of the owner's, on a node that is only written down.
    private func peer(_ path: Substring) async throws -> String {
        let settings: JSON = [
            "driver": "none", "pool": ["v4": "10.8.0.0/16"],
            "server": ["public_key": "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI=", "endpoint": "vpn.example.com:51820"],
        ]
        let word = Hex.text(surface.store.ambient.randomBytes(6))
        let owner = self.owner.id
        let subscription = try await surface.store.transaction { transaction throws(StoreError) -> Subscription in
            if try transaction.backends(kind: .vpn).isEmpty {
                _ = try transaction.createBackend(
                    NewBackend(
                        id: BackendID(transaction.ambient), kind: .vpn, name: "node", address: "", settings: settings, capacity: 10_000))
            }
            var terms = PlanTerms(kind: .vpn, name: "peers \(word)", price: Money(minorUnits: 0, .usd))
            terms.maximumServices = 100
            return try transaction.createSubscription(
                owner: owner, plan: try transaction.createPlan(terms), billing: .own, startedAt: transaction.ambient.now(), endsAt: nil)
        }
        let made = try await made(
            "/api/portal/services", ["subscription_id": .string(subscription.id.text), "label": "phone"], by: "owner")
        try await surface.work()
        let id = try ServiceID(parsing: made["id"].string ?? "")
        let service = try await surface.store.read { reader throws(StoreError) in try reader.service(id) }
        return String(try #require(service).number)
    }
    private func pay(isPaid: Bool) async throws -> Payment {
        let plan = try await plan(Hex.text(surface.store.ambient.randomBytes(6)))
        let number = try #require(try await made("/payments", ["tariff_id": .int(plan), "provider": "manual"], by: "owner")["id"].int)
        func read() async throws -> Payment {
            let found = try await surface.store.read { reader throws(StoreError) in try reader.payment(number: number) }
            return try #require(found)
        }
        if isPaid { _ = try await made("/api/admin/payments/\(try await read().id.text)/confirm", [:]) }
        return try await read()
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON { (try? JSON(parsing: body)) ?? .null }
}
