import Billing
import Domain
import Provisioning
import Secrets
import Store
import TestKit
import Testing

/// The database of another VPN API, as its migrations make it, on a real PostgreSQL server.
@Suite struct TakeoverTests {
    private static let schema = """
        CREATE TABLE users (id SERIAL PRIMARY KEY, email VARCHAR UNIQUE NOT NULL, hashed_password VARCHAR, google_id VARCHAR, status VARCHAR,
            is_admin BOOLEAN DEFAULT FALSE, created_at TIMESTAMP DEFAULT '2025-09-01 10:00:00.123456');
        CREATE TABLE tariffs (id SERIAL PRIMARY KEY, name VARCHAR UNIQUE NOT NULL, description VARCHAR, duration_days INTEGER,
            price NUMERIC(10, 2), created_at TIMESTAMPTZ DEFAULT '2025-09-01 10:00:00+03');
        CREATE TABLE user_tariffs (id SERIAL PRIMARY KEY, user_id INTEGER, tariff_id INTEGER, started_at TIMESTAMP, ended_at TIMESTAMP,
            status VARCHAR);
        CREATE TABLE vpn_peers (id SERIAL PRIMARY KEY, user_id INTEGER, wg_public_key VARCHAR, wg_private_key VARCHAR, wg_ip VARCHAR,
            allowed_ips VARCHAR, active BOOLEAN, created_at TIMESTAMP, wg_client_id VARCHAR);
        CREATE TABLE payments (id SERIAL PRIMARY KEY, user_id INTEGER, tariff_id INTEGER, amount NUMERIC(10, 2), currency VARCHAR,
            status VARCHAR, provider VARCHAR, provider_payment_id VARCHAR, created_at TIMESTAMP DEFAULT '2026-11-01 10:00:00');
        """
    private static let hash = "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i"

    private struct Pair { let secret: String, text: String }
    private static func pair(_ seed: UInt64) throws -> Pair {
        let bytes = WireGuardKeys.makePrivate(TestClock(seed: seed).ambient)
        return Pair(secret: Base64.text(bytes), text: Base64.text(try #require(WireGuardKeys.publicKey(ofPrivate: bytes))))
    }
    private static func rows(_ pairs: [Pair]) -> String {
        """
        INSERT INTO users (id, email, hashed_password, status, is_admin) VALUES (3, 'Ada@Example.com', '\(hash)', 'active', FALSE),
            (4, 'bob@example.com', 'unreadable', 'pending', FALSE), (9, 'root@example.com', '\(hash)', 'active', TRUE),
            (10, 'eve@example.com', '\(hash)', 'blocked', FALSE), (11, 'known@example.com', '\(hash)', 'active', TRUE);
        INSERT INTO tariffs (id, name, description, duration_days, price) VALUES (5, 'Month', 'one month', 30, 9.90), (6, 'Odd', NULL, NULL, 1);
        INSERT INTO user_tariffs (id, user_id, tariff_id, started_at, ended_at) VALUES (1, 3, 5, '2026-11-10', '2026-12-10 12:00:00'),
            (2, 4, 5, '2026-10-01', '2026-11-01'), (3, 10, 5, '2026-11-01', NULL), (4, 77, 5, '2026-11-01', NULL), (5, 3, 5, '2026-01-01', '2026-02-01');
        INSERT INTO vpn_peers (id, user_id, wg_public_key, wg_private_key, wg_ip, active) VALUES
            (20, 3, '\(pairs[0].text)', '\(pairs[0].secret)', '10.8.0.20/32', TRUE), (21, 4, '\(pairs[1].text)', NULL, '10.8.0.21', TRUE),
            (22, 3, '\(pairs[2].text)', '\(pairs[3].secret)', '10.8.0.22/32', FALSE), (23, 10, '\(pairs[3].text)', NULL, '10.8.0.20/32', TRUE),
            (24, 9, '\(pairs[4].text)', NULL, '192.0.2.4/32', TRUE), (25, 9, 'no key', NULL, '10.8.0.25/32', TRUE),
            (26, 9, '\(pairs[5].text)', 'host:/etc/wireguard/keys/root.key', '10.8.0.26/32', TRUE);
        INSERT INTO payments (id, user_id, tariff_id, amount, currency, status, provider, provider_payment_id) VALUES
            (30, 3, 5, 9.90, 'USD', 'completed', 'telegram', 'tg-1'), (31, 3, 5, 9.90, 'USD', 'pending', 'telegram', NULL),
            (32, 4, NULL, 5, 'usd', 'refunded', 'shop', 's-1'), (33, 4, 5, 9.90, 'USD', 'odd', 'shop', 's-2'), (34, 77, 5, 1, 'USD', 'completed', 'x', 'y');
        """
    }

    private func withForeign(
        _ database: TestDatabase, _ test: (NodeWorld, Backend, DatabaseLocation, [Pair]) async throws -> Void
    ) async throws {
        let pairs = try (1...6).map { try Self.pair(UInt64($0)) }
        try await withDatabaseLocation(.postgres) { location in
            guard case .postgres(let address) = location else { return }
            try await PostgresCluster.shared.sql(Self.schema + Self.rows(pairs), in: address.databaseName)
            try await withNodes(database) { world in
                let id = try await world.addNode(NodeWorld.recordOnly)
                let node = try #require(try await world.store.read { reader throws(StoreError) in try reader.backend(id) })
                try await test(world, node, location, pairs)
            }
        }
    }
    private func take(_ world: NodeWorld, _ node: Backend, _ location: DatabaseLocation, isRehearsal: Bool = false) async throws
        -> TakeoverReport
    {
        let tables = try await ForeignTables.read(location, ambient: world.clock.ambient)
        let seen = try await world.orders.foundlings(on: node, world.store)
        return try await Takeover(
            store: world.store, orders: world.orders, keyring: world.keyring, currency: .usd, retentionSeconds: 30 * 86_400
        ).run(tables, from: "vpn-api", to: Takeover.Node(backend: node, seen: seen), isRehearsal: isRehearsal)
    }
    private func counts(_ report: TakeoverReport) -> [String: [Int]] {
        Dictionary(uniqueKeysWithValues: report.parts.map { ($0.name, [$0.found, $0.taken, $0.known, $0.skipped]) })
    }

    @Test(arguments: [TestDatabase.sqlite, .postgres])
    func `everything is taken as it is, and a second run takes what is new`(database: TestDatabase) async throws {
        try await withForeign(database) { world, node, location, pairs in
            let known = try await world.store.transaction { transaction throws(StoreError) in
                try transaction.createUser(NewUser(email: "known@example.com", name: "Known", role: .customer, passwordHash: "mine"))
            }
            let rehearsal = try await take(world, node, location, isRehearsal: true)
            let report = try await take(world, node, location)
            #expect(counts(rehearsal) == counts(report) && rehearsal.notes == report.notes, "what would be is what is")
            #expect(
                counts(report) == [
                    "users": [5, 4, 1, 0], "tariffs": [2, 1, 0, 1], "user_tariffs": [5, 4, 0, 1], "vpn_peers": [7, 4, 0, 3],
                    "payments": [5, 3, 0, 2],
                ], "\(report.notes)")
            try await world.settle()
            let store = world.store
            func user(_ number: Int64) async throws -> User {
                try #require(try await store.read { reader throws(StoreError) in try reader.user(number: number) })
            }
            func service(_ number: Int64) async throws -> Service {
                try #require(try await store.read { reader throws(StoreError) in try reader.service(number: number) })
            }
            func payment(_ number: Int64) async throws -> Payment {
                try #require(try await store.read { reader throws(StoreError) in try reader.payment(number: number) })
            }
            func suspensions(_ service: Service) async throws -> Set<Suspension> {
                try await store.read { reader throws(StoreError) in try reader.suspensions(of: service.id) }
            }
            let (ada, bob) = (try await user(3), try await user(4))
            #expect(ada.email == "ada@example.com" && ada.passwordHash == Self.hash && ada.emailVerifiedAt != nil)
            #expect(ada.createdAt.text == "2025-09-01T10:00:00.123Z")
            #expect(bob.emailVerifiedAt == nil && !PasswordHasher.knows(bob.passwordHash))
            #expect(try await user(9).role == .admin)
            #expect(try await user(10).status == .blocked)
            let stayed = try await store.read { reader throws(StoreError) in try reader.user(known.id) }
            #expect(stayed?.role == .customer && stayed?.passwordHash == "mine", "whoever is here already stays as they are")
            let plan = try await store.read { reader throws(StoreError) in try reader.plan(number: 5) }
            #expect(plan?.terms.price.text == "9.90" && plan?.terms.durationSeconds == 30 * 86_400)

            let (first, expired, closed) = (try await service(20), try await service(21), try await service(22))
            #expect(first.desired == .active && first.choices["address"] == "10.8.0.20" && first.ownerID == ada.id)
            #expect(first.choices["public_key"].string == pairs[0].text)
            #expect(try await suspensions(expired) == [Suspension(.expired, by: .billing)])
            #expect(try await suspensions(closed) == [.ownPause])
            #expect(try await service(26).choices["host_path"] == "/etc/wireguard/keys/root.key")
            let bought = try #require(first.subscriptionID)
            let subscription = try await store.read { reader throws(StoreError) in try reader.subscription(bought) }
            #expect(subscription?.endsAt?.text == "2026-12-10T12:00:00.000Z" && subscription?.status == .active)

            let paid = try await payment(30)
            #expect(paid.status == .completed && paid.charged.text == "9.90" && paid.subscriptionID == bought)
            #expect(try await payment(31).status == .pending)
            #expect(try await payment(32).refunded.text == "5.00")
            let (wrong, balance) = try await store.read { reader throws(StoreError) in
                (try reader.wrongBalances().count, try reader.balance(of: ada.id, in: .usd).minorUnits)
            }
            #expect(wrong == 0 && balance == 0, "what was paid is used up")
            let secret = try #require(try await world.orders.secret(of: first, in: store))
            #expect(try JSON(parsing: secret)["private_key"].string == pairs[0].secret)
            #expect(report.notes.contains { $0.hasPrefix("vpn_peers 22") && $0.contains("does not belong") })
            #expect(report.notes.contains { $0.hasPrefix("vpn_peers 23") && $0.contains("another service has its address") })
            #expect(!report.json.text.contains(pairs[0].secret) && !report.json.text.contains(Self.hash))

            let again = try await take(world, node, location)
            #expect(again.parts.allSatisfy { $0.taken == 0 }, "\(again)")
            guard case .postgres(let address) = location else { return }
            try await PostgresCluster.shared.sql(
                """
                INSERT INTO users (id, email, hashed_password, status) VALUES (12, 'new@example.com', '\(Self.hash)', 'active');
                INSERT INTO user_tariffs (id, user_id, tariff_id, started_at, ended_at) VALUES (9, 12, 5, '2026-11-20', '2026-12-20');
                """, in: address.databaseName)
            let later = try await take(world, node, location)
            #expect(counts(later)["users"] == [6, 1, 5, 0] && counts(later)["user_tariffs"] == [6, 1, 4, 1])
            let next = try await world.store.transaction { transaction throws(StoreError) in
                try transaction.createUser(NewUser(email: "next@example.com", name: "", role: .customer, passwordHash: "x"))
            }
            #expect(next.number > 12, "numbers go on behind those that were taken")
        }
    }

    @Test func `a rehearsal leaves nothing, and numbers that are in use are told`() async throws {
        try await withForeign(.sqlite) { world, node, location, _ in
            try await world.store.transaction { transaction throws(StoreError) in
                for number in 1...4 {
                    _ = try transaction.createUser(NewUser(email: "u\(number)@example.com", name: "", role: .customer, passwordHash: "x"))
                }
            }
            let report = try await take(world, node, location, isRehearsal: true)
            #expect(report.notes.contains { $0.hasPrefix("users 3 gets another number") })
            let left = try await world.store.read { reader throws(StoreError) in
                [
                    try reader.userCount(), try reader.serviceCount(ServiceFilter()), Int64(try reader.plans(limit: 10).items.count),
                    Int64(try reader.takenOver(from: "vpn-api", kind: "users").count),
                ]
            }
            #expect(left == [4, 0, 0, 0])
        }
    }

    @Test func `a database of something else is refused`() async throws {
        try await withDatabaseLocation(.postgres) { location -> Void in
            await #expect(throws: StoreError.refused("there is no table users in that database")) {
                _ = try await ForeignTables.read(location, ambient: TestClock().ambient)
            }
        }
    }

    @Test func `expired time that comes along ends by itself, and a payment renews the same peer`() async throws {
        try await withForeign(.sqlite) { world, node, location, pairs in
            _ = try await take(world, node, location)
            try await world.settle()
            let expiry = Expiry(store: world.store, orders: world.orders, log: world.log) {}
            let sales = Sales(store: world.store, orders: world.orders, expiry: expiry) {}
            let (bob, plan) = try await world.store.read { reader throws(StoreError) in
                (try reader.user(number: 4), try reader.plan(number: 5))
            }
            let payment = try await sales.begin(
                Sales.Wish(user: try #require(bob).id, plan: try #require(plan).id, amount: nil, provider: "manual"), actor: "test")
            _ = try await sales.confirm(payment.id, actor: "test")
            try await world.settle()
            let renewed = try #require(try await world.store.read { reader throws(StoreError) in try reader.service(number: 21) })
            #expect(renewed.desired == .active && renewed.choices["public_key"].string == pairs[1].text)
            world.clock.advance(milliseconds: 61 * 86_400_000)
            try await expiry.pass()
            try await world.settle()
            #expect(try await world.store.read { reader throws(StoreError) in try reader.service(number: 20)?.endedAt } != nil)
        }
    }
}
