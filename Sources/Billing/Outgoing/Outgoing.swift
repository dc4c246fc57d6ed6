internal import Domain
public import HTTP
public import Store
public import Telemetry

/// Tells the operator's systems what was promised in the outbox: signed, at least once, in the schedule of Standard Webhooks' users.
public struct Outgoing: Sendable {
    let store: Store
    let client: any HTTPClient
    private let book: WebhookBook
    let log: Log
    private let sent: Counter
    private let failed: Counter

    /// - Parameter book: who is told now.
    public init(store: Store, client: any HTTPClient, book: WebhookBook, log: Log, metrics: Metrics) {
        (self.store, self.client, self.book, self.log) = (store, client, book, log)
        (sent, failed) = (metrics.counter(.webhooksSent, "sent"), metrics.counter(.webhooksSent, "failed"))
    }

    private static let schedule = RetrySchedule([5, 60, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400, 86_400])
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
        // Without anybody to tell, promises wait for somebody.
        let targets = book.targets
        guard !targets.isEmpty else { return 0 }
        let due = try await store.transaction { transaction throws(StoreError) in
            try transaction.leaseOutbox(leaseMilliseconds: Self.leaseMilliseconds, limit: Self.batch)
        }
        await withDiscardingTaskGroup { group in for event in due { group.addTask { await deliver(event, targets) } } }
        return due.count
    }

    /// What came of one target.
    private enum Outcome: Sendable {
        case taken
        /// 410: it wants nothing more.
        case gone
        case failed(String)
    }

    /// To every target that takes it and does not have it yet.
    private func deliver(_ event: OutboxEvent, _ targets: [WebhookTarget]) async {
        let now = store.ambient.now()
        let body = WebhookTarget.body(id: event.id.text, kind: event.kind, at: event.createdAt, event.body)
        let waiting = targets.filter { $0.takes(event.kind) && !event.told.contains($0.name) }
        let outcomes = await withTaskGroup(of: (name: String, outcome: Outcome).self) { group in
            for target in waiting { group.addTask { (target.name, await send(event, body, to: target, now)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var (told, failures) = (event.told, [String]())
        for (name, outcome) in outcomes {
            switch outcome {
            case .taken: told.append(name)
            case .gone: failures.append("\(name): \(WebhookBook.goneReason)")
            case .failed(let why): failures.append("\(name): \(why)")
            }
            if case .taken = outcome { sent.add() } else { failed.add() }
        }
        let isOver = outcomes.allSatisfy { if case .failed = $0.outcome { false } else { true } }
        let next = Self.schedule.next(after: event.attempts, at: now, store.ambient)
        let (kept, why) = (told, failures.sorted().joined(separator: "; "))
        do throws(StoreError) {
            try await store.transaction { transaction throws(StoreError) in
                if why.isEmpty { return try transaction.outboxSent(event.id, told: kept) }
                try transaction.outboxFailed(event.id, why, told: kept, next: isOver ? nil : next)
            }
        } catch { log.warning("outgoing.not_kept", ["webhook": LogValue(event.id.text), "error": LogValue("\(error)")]) }
        if !why.isEmpty { log.warning("outgoing.refused", ["webhook": LogValue(event.id.text), "failure": LogValue(why)]) }
        for case (let name, .gone) in outcomes {
            if let target = waiting.first(where: { $0.name == name }) { await book.disable(gone: target) }
        }
    }

    private func send(_ event: OutboxEvent, _ body: [UInt8], to target: WebhookTarget, _ now: Timestamp) async -> Outcome {
        do throws(ClientError) {
            let reply = try await client.send(target.request(id: event.id.text, body: body, at: now))
            if reply.status == 410 { return .gone }
            return (200...299).contains(reply.status) ? .taken : .failed("status \(reply.status)")
        } catch { return .failed("\(error)") }
    }
}
