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
        private let state = Mutex<(statuses: [Int], got: [OutgoingRequest])>(([], []))
        init(_ statuses: [Int]) { state.withLock { $0.statuses = statuses } }
        var got: [OutgoingRequest] { state.withLock { $0.got } }
        func send(_ request: OutgoingRequest) async throws(ClientError) -> OutgoingReply {
            let status = state.withLock { state -> Int in
                state.got.append(request)
                return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
            }
            if status == 0 { throw .timeout }
            return OutgoingReply(status: status, headers: [:], body: [])
        }
    }

    private static func tell(_ statuses: [Int], passes: Int) async throws -> (sent: [OutgoingRequest], states: [OutboxState]) {
        let clock = TestClock()
        return try await withStore(.sqliteInMemory, clock: clock) { store in
            try await store.transaction { transaction throws(StoreError) in
                try transaction.promise("payment.completed", subject: "pay_1", body: ["n": 1])
            }
            let receiver = Receiver(statuses)
            let outgoing = Outgoing(
                store: store, client: receiver, address: "https://shop.example.com/hook", secret: SecretBytes(Array("secret".utf8)),
                log: .silent, metrics: Metrics())
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
}
