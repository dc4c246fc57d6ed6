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

    private static func target(_ name: String, _ events: [String] = ["*"]) -> WebhookTarget {
        WebhookTarget(
            name: name, address: "https://\(name).example.com/hook", secret: SecretBytes(Array("secret of \(name)".utf8)), events: events)
    }
    private static func tell(_ statuses: [Int], passes: Int) async throws -> (sent: [OutgoingRequest], states: [OutboxState]) {
        let clock = TestClock()
        return try await withStore(.sqliteInMemory, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promise("payment.completed", subject: "pay_1", body: ["n": 1])
            }
            let receiver = Receiver(statuses)
            let outgoing = Outgoing(
                store: store, client: receiver, targets: [Self.target("shop")], log: .silent, metrics: Metrics())
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
        #expect(sent.count == 1 && states == [.dead])
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
                targets: [Self.target("shop", ["payment.*"]), Self.target("ops", ["relay.*", "payment.completed"])], log: .silent,
                metrics: Metrics())
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

    @Test(
        arguments: [
            (#"[{"name":"ops","url":"https://ops.example.com","secret":"s"}]"#, 1), ("[]", 0), ("{", nil), ("[1]", nil),
            (#"[{"name":"Ops","url":"https://ops.example.com","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"ftp://a","secret":"s"}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":""}]"#, nil), (#"[{"name":"a","url":"https://a","secret":"s","events":[]}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"s","events":[1]}]"#, nil),
            (#"[{"name":"a","url":"https://a","secret":"s"},{"name":"a","url":"https://b","secret":"s"}]"#, nil),
        ] as [(String, Int?)])
    func `targets are read whole or not at all`(text: String, count: Int?) {
        #expect((try? WebhookTarget.list(parsing: text))?.count == count)
    }
}
