import Billing
import Domain
import HTTP
import Secrets
import Store
import Synchronization
import Telemetry
import TestKit
import Testing

@Suite struct OutgoingTests {
    /// The operator's system: answers as told and keeps what it was sent.
    final class Receiver: HTTPClient {
        private let state = Mutex<(statuses: [Int], got: [OutgoingRequest], refusals: Int)>(([], [], 0))
        private let refused: String
        /// - Parameter refusing: an address that answers 503 so many times.
        init(_ statuses: [Int], refusing: String = "", times: Int = 0) {
            refused = refusing
            state.withLock { ($0.statuses, $0.refusals) = (statuses, times) }
        }
        var got: [OutgoingRequest] { state.withLock { $0.got } }
        func send(_ request: OutgoingRequest) async throws(ClientError) -> OutgoingReply {
            let status = state.withLock { state -> Int in
                state.got.append(request)
                if request.url == refused, state.refusals > 0 {
                    state.refusals -= 1
                    return 503
                }
                return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
            }
            if status == 0 { throw .timeout }
            return OutgoingReply(status: status, headers: [:], body: [])
        }
    }

    static func target(_ name: String, _ events: [String] = ["*"]) -> WebhookTarget {
        WebhookTarget(
            name: name, address: "https://\(name).example.com/hook", secret: SecretBytes(Array("secret of \(name)".utf8)), events: events)
    }
    private static func tell(_ statuses: [Int], passes: Int) async throws -> (sent: [OutgoingRequest], states: [PromiseState]) {
        let clock = TestClock()
        return try await withStore(.sqliteInMemory, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promise("payment.completed", subject: "pay_1", body: ["n": 1])
            }
            let receiver = Receiver(statuses)
            let outgoing = Outgoing(
                store: store, client: receiver, book: try Self.book([Self.target("shop")], store, clock), log: .silent, metrics: Metrics())
            for _ in 0..<passes {
                _ = try await outgoing.pass()
                clock.advance(milliseconds: 105_000_000)
            }
            return (receiver.got, try await store.read { reader throws(StoreError) in try reader.outbox(limit: 10).items.map(\.state) })
        }
    }

    @Test func `what is not taken is sent again with the same id and a new signature`() async throws {
        let (sent, states) = try await Self.tell([500, 0, 204], passes: 4)
        #expect(sent.count == 3 && states == [.sent])
        #expect(Set(sent.map { $0.headers["webhook-id"] ?? "" }).count == 1)
        #expect(Set(sent.map { $0.headers["webhook-signature"] ?? "" }).count == 3)
    }
    @Test func `gone means gone`() async throws {
        let (sent, states) = try await Self.tell([410], passes: 3)
        #expect(
            sent.count == 1 && states.sorted { $0.rawValue < $1.rawValue } == [.dead, .waiting],
            "what waits is the word that nobody is told any more")
    }
    @Test func `after ten waits it is given up`() async throws {
        let (sent, states) = try await Self.tell([Int](repeating: 500, count: 50), passes: 15)
        #expect(sent.count == 11 && states == [.dead])
    }

    @Test func `each target is told of what it wants, once, whatever becomes of the others`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                for kind in ["payment.completed", "relay.account.blocked", "service.ordered"] {
                    try transaction.promise(kind, subject: "x", body: [:])
                }
            }
            let receiver = Receiver([], refusing: "https://shop.example.com/hook", times: 2)
            let outgoing = Outgoing(
                store: store, client: receiver,
                book: try Self.book(
                    [Self.target("shop", ["payment.*"]), Self.target("ops", ["relay.*", "payment.completed"])], store, clock),
                log: .silent, metrics: Metrics())
            for _ in 0..<4 {
                _ = try await outgoing.pass()
                clock.advance(milliseconds: 105_000_000)
            }
            let told = receiver.got.map { request in
                "\(request.url.dropFirst(8).prefix { $0 != "." }) \((try? JSON(parsing: request.body)["type"].string) ?? "")"
            }
            #expect(
                told.sorted() == [
                    "ops payment.completed", "ops relay.account.blocked", "shop payment.completed", "shop payment.completed",
                    "shop payment.completed",
                ])
            let outbox = try await store.read { reader throws(StoreError) in try reader.outbox(limit: 10).items }
            #expect(outbox.allSatisfy { $0.state == .sent }, "also what nobody wants to hear")
            #expect(outbox.map { $0.told.sorted() } == [[], ["ops"], ["ops", "shop"]])
        }
    }

    static func book(_ fixed: [WebhookTarget], _ store: Store, _ clock: TestClock) throws -> WebhookBook {
        let ring = try keyring(clock)
        return WebhookBook(fixed: fixed, store: store, keyring: ring, allowsLoopback: false, log: .silent) { ring }
    }

    private static func keyring(_ clock: TestClock) throws -> Keyring {
        let password = SecretBytes([UInt8](repeating: 3, count: 32))
        return try Keyring.open(
            [try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient)], encryptionKey: password, legacyKey: nil,
            ambient: clock.ambient)
    }

    @Test(arguments: TestDatabase.allCases)
    func `places that pages add are told, changed and left out at once, sealed in the database`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let ring = try Self.keyring(clock)
            let book = WebhookBook(
                fixed: [Self.target("fixed", ["payment.*"])], store: store, keyring: ring, allowsLoopback: false, log: .silent
            ) { ring }
            let receiver = Receiver([])
            let outgoing = Outgoing(store: store, client: receiver, book: book, log: .silent, metrics: Metrics())
            func tell(_ kind: String) async throws -> [String] {
                let before = receiver.got.count
                try await store.transaction { transaction throws(StoreError) in try transaction.promise(kind, subject: "x", body: [:]) }
                _ = try await outgoing.pass()
                return receiver.got.dropFirst(before).map(\.url).sorted()
            }
            let address = "https://ops.example.com/hook/hidden-word"
            let (place, secret) = try await book.add(
                WebhookChange(name: "ops", address: address, events: ["relay.*"]), actor: "usr_1", request: nil)
            #expect(secret?.hasPrefix("whsec_") == true && secret?.utf8.count == 50)
            #expect(try await tell("relay.pool.low") == [address])
            #expect(try await tell("payment.completed") == ["https://fixed.example.com/hook"])
            let signed = try #require(receiver.got.first)
            #expect(
                signed.headers["webhook-signature"]
                    == WebhookSignature.sign(
                        id: signed.headers["webhook-id"] ?? "", at: clock.ambient.now(), body: signed.body,
                        secret: SecretBytes(Array((secret ?? "").utf8))))
            let shown = try await book.shown()
            #expect(shown.map(\.host) == ["https://ops.example.com"])
            for bytes in [place.addressSealed, place.secretSealed] {
                #expect(!String(decoding: bytes, as: UTF8.self).contains("hidden-word"), "sealed")
            }
            // Another server that knows nothing of it yet hears of it.
            let other = WebhookBook(fixed: [], store: store, keyring: ring, allowsLoopback: false, log: .silent) { ring }
            try await other.refresh()
            #expect(other.targets.map(\.address) == [address])

            _ = try await book.change(place.id, WebhookChange(events: ["*"]), actor: "usr_1", request: nil)
            #expect(try await tell("payment.completed") == ["https://fixed.example.com/hook", address])
            _ = try await book.change(place.id, WebhookChange(isEnabled: false), actor: "usr_1", request: nil)
            #expect(try await tell("relay.pool.low").isEmpty)
            #expect(try await book.delete(place.id, actor: "usr_1", request: nil) && book.targets.map(\.name) == ["fixed"])
            #expect(try await book.delete(place.id, actor: "usr_1", request: nil) == false)
            let noted = try await store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: place.id.text, limit: 10).items
            }
            #expect(noted.map(\.action).sorted() == ["webhook.create", "webhook.delete", "webhook.update", "webhook.update"])
            #expect(!noted.contains { ($0.after ?? "").contains("hidden-word") || ($0.after ?? "").contains("whsec_") })
        }
    }

    @Test(arguments: [
        (WebhookChange(name: "Ops", address: "https://a.example.com"), "name"), (WebhookChange(address: "https://a.example.com"), "name"),
        (WebhookChange(name: "fixed", address: "https://a.example.com"), "name"), (WebhookChange(name: "ops"), "url"),
        (WebhookChange(name: "ops", address: "http://a.example.com"), "url"), (WebhookChange(name: "ops", address: "https://"), "url"),
        (WebhookChange(name: "ops", address: "https://a b"), "url"), (WebhookChange(name: "ops", address: "ftp://a.example.com"), "url"),
        (WebhookChange(name: "ops", address: "https://a.example.com", secret: "short"), "secret"),
        (WebhookChange(name: "ops", address: "https://a.example.com", secret: "whsec_!!!!notbase64!!!"), "secret"),
        (WebhookChange(name: "ops", address: "https://a.example.com", secret: "whsec_MDEyMzQ1Njc4OWFi"), "secret"),
        (WebhookChange(name: "ops", address: "https://a.example.com", events: []), "events"),
        (WebhookChange(name: "ops", address: "https://:8443/hook"), "url"),
        (WebhookChange(name: "ops", address: "https://127.0.0.1/hook"), "url"),
        (WebhookChange(name: "ops", address: "https://[::1]:8443/"), "url"),
        (WebhookChange(name: "ops", address: "https://localhost/hook"), "url"),
        (WebhookChange(name: "ops", address: "https://me@A.LocalHost:8443?x"), "url"),
        (WebhookChange(name: "ops", address: "https://10.0.0.5/hook"), "url"),
        (WebhookChange(name: "ops", address: "https://192.168.1.1"), "url"),
        (WebhookChange(name: "ops", address: "https://169.254.169.254/latest"), "url"),
        (WebhookChange(name: "ops", address: "https://[fd00::1]/hook"), "url"),
        (WebhookChange(name: "ops", address: "https://[::ffff:127.0.0.1]/hook"), "url"),
    ])
    func `a place that cannot be is refused by the field that is wrong`(change: WebhookChange, field: String) async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let ring = try Self.keyring(clock)
            let book = WebhookBook(fixed: [Self.target("fixed")], store: store, keyring: ring, allowsLoopback: false, log: .silent) { ring }
            do {
                _ = try await book.add(change, actor: "usr_1", request: nil)
                Issue.record("it was taken")
            } catch let error as FieldError { #expect(error.field == field) }
            #expect(try await store.read { reader throws(StoreError) in try reader.storedWebhooks() }.isEmpty)
        }
    }

    @Test(arguments: [false, true]) func `a stored place's name may lead inside only where the operator allows it, at each connection`(
        allows: Bool
    ) async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let ring = try Self.keyring(clock)
            let book = WebhookBook(fixed: [Self.target("fixed")], store: store, keyring: ring, allowsLoopback: allows, log: .silent) {
                ring
            }
            _ = try await book.add(WebhookChange(name: "ops", address: "https://ops.example.com/hook"), actor: "usr_1", request: nil)
            let receiver = Receiver([])
            let outgoing = Outgoing(store: store, client: receiver, book: book, log: .silent, metrics: Metrics())
            try await store.transaction { transaction throws(StoreError) in try transaction.promise("webhook.test", subject: "x", body: [:])
            }
            _ = try await outgoing.pass()
            let rules = Dictionary(uniqueKeysWithValues: receiver.got.map { ($0.url, $0.addressRule) })
            #expect(rules["https://ops.example.com/hook"] == AddressRule(allowsLoopback: allows, allowsPrivate: allows))
            #expect(rules["https://fixed.example.com/hook"] == .some(nil), "what the settings name is the operator's")
        }
    }

    @Test func `a name is there once, and there is a most`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let ring = try Self.keyring(clock)
            let book = WebhookBook(fixed: [], store: store, keyring: ring, allowsLoopback: true, log: .silent) { ring }
            func add(_ name: String) async throws {
                _ = try await book.add(WebhookChange(name: name, address: "http://127.0.0.1:9/hook"), actor: "usr_1", request: nil)
            }
            for number in 1...StoredWebhook.maximum { try await add("place-\(number)") }
            await #expect(throws: StoreError.refused("too_many_webhooks")) { try await add("one-more") }
            let first = try #require(try await book.shown().first)
            _ = try await book.delete(first.row.id, actor: "usr_1", request: nil)
            await #expect(throws: StoreError.conflict(.webhookName)) { try await add("place-2") }
        }
    }

    @Test func `a new data key seals places again, and a server that runs opens them`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let password = SecretBytes([UInt8](repeating: 3, count: 32))
            let keys = [
                try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient),
                try Keyring.makeDataKey(encryptionKey: password, ambient: clock.ambient),
            ]
            let (before, after) = (
                try Keyring.open([keys[0]], encryptionKey: password, legacyKey: nil, ambient: clock.ambient),
                try Keyring.open(keys, encryptionKey: password, legacyKey: nil, ambient: clock.ambient)
            )
            let book = WebhookBook(fixed: [], store: store, keyring: before, allowsLoopback: false, log: .silent) { after }
            let (place, _) = try await book.add(
                WebhookChange(name: "ops", address: "https://ops.example.com/hook"), actor: "usr_1", request: nil)
            #expect(try await WebhookBook.reseal(store, after) == 2)
            let row = try #require(try await store.read { reader throws(StoreError) in try reader.storedWebhook(place.id) })
            #expect(Keyring.keyID(of: row.secretSealed) == after.keyID && row.addressSealed != place.addressSealed)
            try await book.refresh()
            #expect(book.targets.map(\.address) == ["https://ops.example.com/hook"])
            #expect(try await book.shown().map(\.host) == ["https://ops.example.com"])
        }
    }

    @Test(
        arguments: [
            (#"[{"name":"ops","url":"https://ops.example.com","secret":"s"}]"#, 1), ("[]", 0), ("{", nil), ("[1]", nil),
            (#"[{"name":"Ops","url":"https://ops.example.com","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"ftp://a","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"https://","secret":"s"}]"#, nil), (#"[{"name":"a","url":"https://:8443","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"http://169.254.169.254/x","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"http://10.0.0.5/x","secret":"s"}]"#, 1),
            (#"[{"name":"a","url":"https://[::1]:8443/x","secret":"s"}]"#, 1),
            (#"[{"name":"a","url":"https://a","secret":"whsec_"}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"whsec_no*base64"}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"whsec_MDEyMzQ1Njc4OWFiY2RlZg=="}]"#, 1),
            (#"[{"name":"a","url":"https://a","secret":""}]"#, nil), (#"[{"name":"a","url":"https://a","secret":"s","events":[]}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"s","events":[1]}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"s"},{"name":"a","url":"https://b","secret":"s"}]"#, nil),
        ] as [(String, Int?)])
    func `targets are read whole or not at all`(text: String, count: Int?) {
        #expect((try? WebhookTarget.list(parsing: text))?.count == count)
    }
}
