public import Domain
public import HTTP
internal import Store
public import Telemetry

/// Tells the operator's systems at once, past the outbox: for what keeps the outbox itself from being written. Three tries, then the log
/// has to do.
public struct DirectWebhook: Sendable {
    private let ambient: Ambient
    private let client: any HTTPClient
    private let book: WebhookBook
    private let log: Log

    /// Seconds to wait after the first and the second failure.
    private static let waits: [Int64] = [5, 30]

    public init(ambient: Ambient, client: any HTTPClient, book: WebhookBook, log: Log) {
        (self.ambient, self.client, self.book, self.log) = (ambient, client, book, log)
    }

    /// Returns when every target that takes the kind has it, or was tried three times.
    public func tell(_ kind: String, _ body: JSON) async {
        let (id, now) = (EventID(ambient).text, ambient.now())
        let bytes = WebhookTarget.body(id: id, kind: kind, at: now, body)
        await withDiscardingTaskGroup { group in
            for target in book.targets where target.takes(kind) { group.addTask { await tell(id, kind, bytes, target) } }
        }
    }

    private func tell(_ id: String, _ kind: String, _ bytes: [UInt8], _ target: WebhookTarget) async {
        for wait in Self.waits + [0] {
            do throws(ClientError) {
                let reply = try await client.send(target.request(id: id, body: bytes, at: ambient.now()))
                if (200...299).contains(reply.status) { return }
                if reply.status == 410 { return await book.disable(gone: target) }
            } catch {
                log.warning("outgoing.refused", ["webhook": LogValue(id), "target": .text(target.name), "failure": LogValue("\(error)")])
            }
            guard wait > 0 else { break }
            do { try await ambient.sleep(.seconds(wait)) } catch { return }
        }
        log.error("outgoing.given_up", ["webhook": LogValue(id), "kind": .text(kind), "target": .text(target.name)])
    }
}
