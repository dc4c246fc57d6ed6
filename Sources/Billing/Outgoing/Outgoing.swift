internal import Domain
public import HTTP
public import Secrets
public import Store
public import Telemetry

/// Tells the operator's systems what was promised in the outbox: signed, at least once, in the schedule of Standard Webhooks' users.
public struct Outgoing: Sendable {
    let store: Store
    let client: any HTTPClient
    let address: String
    let secret: SecretBytes
    let log: Log
    private let sent: Counter
    private let failed: Counter

    /// - Parameter secret: `whsec_…`, or any other text.
    public init(store: Store, client: any HTTPClient, address: String, secret: SecretBytes, log: Log, metrics: Metrics) {
        (self.store, self.client, self.address, self.secret, self.log) = (store, client, address, secret, log)
        (sent, failed) = (metrics.counter(.webhooksSent, "sent"), metrics.counter(.webhooksSent, "failed"))
    }

    /// Seconds to wait after the first, second … failure; after the last one it is given up.
    static let waits: [Int64] = [5, 60, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400, 86_400]
    private static let timeoutMilliseconds = 10_000
    private static let leaseMilliseconds: Int64 = 60_000
    private static let batch = 16
    private static let pauseMilliseconds = 1000

    /// Until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                if try await pass() == Self.batch { continue }
            } catch { log.warning("outgoing.failed", ["error": LogValue("\(error)")]) }
            do { try await store.ambient.sleep(.milliseconds(Self.pauseMilliseconds)) } catch { return }
        }
    }

    /// Sends what is due, at most a handful. How many were tried.
    public func pass() async throws(StoreError) -> Int {
        let due = try await store.transaction { transaction throws(StoreError) in
            try transaction.leaseOutbox(leaseMilliseconds: Self.leaseMilliseconds, limit: Self.batch)
        }
        await withDiscardingTaskGroup { group in for event in due { group.addTask { await deliver(event) } } }
        return due.count
    }

    private func deliver(_ event: OutboxEvent) async {
        let now = store.ambient.now()
        let body = JSON.object([
            "id": .string(event.id.text), "type": .string(event.kind), "timestamp": .string(event.createdAt.text), "data": event.body,
        ]).bytes
        var request = OutgoingRequest(.post, address, body: body)
        request.timeoutMilliseconds = Self.timeoutMilliseconds
        request.headers = [
            "content-type": "application/json", "webhook-id": event.id.text, "webhook-timestamp": String(now.milliseconds / 1000),
            "webhook-signature": WebhookSignature.sign(id: event.id.text, at: now, body: body, secret: secret),
        ]
        let failure: String?
        var isGone = false
        do throws(ClientError) {
            let reply = try await client.send(request)
            isGone = reply.status == 410
            failure = (200...299).contains(reply.status) ? nil : "status \(reply.status)"
        } catch { failure = "\(error)" }
        let isOver = isGone
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in
                guard let failure else { return try transaction.outboxSent(event.id) }
                try transaction.outboxFailed(event.id, failure, next: isOver ? nil : next(event, now))
            }
        } catch { log.warning("outgoing.not_kept", ["event": LogValue(event.id.text), "error": LogValue("\(error)")]) }
        if let failure {
            failed.add()
            log.warning("outgoing.refused", ["event": LogValue(event.id.text), "failure": LogValue(failure)])
        } else {
            sent.add()
        }
    }

    /// nil after the last wait; each up to a fifth shorter or longer.
    private func next(_ event: OutboxEvent, _ now: Timestamp) -> Timestamp? {
        let index = Int(clamping: event.attempts - 1)
        guard Self.waits.indices.contains(index) else { return nil }
        let random = Int64(store.ambient.randomBytes(1).first ?? 128)
        return now.adding(milliseconds: Self.waits[index] * (800 + random * 400 / 255))
    }
}
