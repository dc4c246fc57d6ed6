internal import Domain
internal import Secrets
internal import Store
internal import Synchronization
internal import Telemetry

/// Writes bodies that keys have kept, sealed, behind the data path. What does not fit its queue is dropped and counted: a body is a
/// convenience, and the request does not wait for it.
final class BodyKeeper: Sendable {
    struct Finished: Sendable {
        let id: RequestID
        let key: APIKeyID
        let content: RequestBodyContent
        let requestBytes: Int64
        let responseBytes: Int64
        let startedAt: Timestamp
        let expiresAt: Timestamp
        var size: Int { content.request.utf8.count + content.response.utf8.count }
    }
    private struct Queue: Sendable {
        var waiting: [Finished] = []
        var bytes = 0
    }
    private let store: Store
    private let keyring: @Sendable () -> Keyring
    private let reload: @Sendable () async throws -> Keyring
    private let log: Log
    private let dropped: Counter
    private let queue = Mutex(Queue())

    /// Of all bodies that wait.
    private static let maximumBytes = 32 << 20
    private static let everyMilliseconds = 200
    /// Rows in one transaction.
    private static let group = 50

    /// - Parameter reload: reads the data keys again, after another process has made one.
    init(
        store: Store, keyring: @escaping @Sendable () -> Keyring, reload: @escaping @Sendable () async throws -> Keyring, log: Log,
        metrics: Metrics
    ) {
        (self.store, self.keyring, self.reload, self.log) = (store, keyring, reload, log)
        dropped = metrics.counter(.relayBodiesDropped)
    }

    func add(_ finished: Finished) {
        let fits = queue.withLock { queue in
            guard queue.bytes + finished.size <= Self.maximumBytes else { return false }
            queue.waiting.append(finished)
            queue.bytes += finished.size
            return true
        }
        if !fits { dropped.add() }
    }

    func run() async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.milliseconds(Self.everyMilliseconds)) } catch { break }
            await write()
        }
        await write()
    }

    /// Everything that waits; what the database does not take now is tried again.
    func write() async {
        while true {
            let group = queue.withLock { Array($0.waiting.prefix(Self.group)) }
            guard !group.isEmpty else { return }
            let ring = keyring()
            let rows = group.map { finished in
                RequestBodies(
                    requestID: finished.id, apiKeyID: finished.key,
                    sealed: ring.seal(finished.content.bytes, for: RequestBodies.place(finished.id)), requestBytes: finished.requestBytes,
                    responseBytes: finished.responseBytes, createdAt: finished.startedAt, expiresAt: finished.expiresAt)
            }
            do throws(StoreError) {
                try await store.transaction { transaction throws(StoreError) in
                    for row in rows { try transaction.keepRequestBodies(row) }
                }
            } catch {
                log.warning("bodies.not_written", ["error": LogValue("\(error)"), "waiting": LogValue(group.count)])
                return
            }
            queue.withLock { queue in
                queue.waiting.removeFirst(group.count)
                queue.bytes -= group.reduce(0) { $0 + $1.size }
            }
        }
    }

    /// What is kept of a key's own request, with the view noted in the audit log; nil when nothing is.
    func view(_ id: RequestID, of key: APIKeyID) async throws -> RequestBodyContent? {
        let found = try await store.read { reader throws(StoreError) in try reader.requestBodies(id, apiKeyID: key) }
        guard let found else { return nil }
        var ring = keyring()
        if let keyID = Keyring.keyID(of: found.sealed), !ring.knows(keyID) { ring = try await reload() }
        let content = try found.opened(ring)
        // Nobody sees what nobody will know of.
        try await store.transaction { transaction throws(StoreError) in
            try transaction.audit(actor: key.text, action: "bodies.view", subject: id.text)
        }
        return content
    }
}
