public import Domain
public import Store

extension Outgoing {
    /// Has an event sent again by hand (WHMCS contract, C5): one that was given up to those who do not have it, one that was sent to
    /// everybody once more, one that waits at once. A running server sends it within a second.
    /// - Returns: nil when there is no such event.
    public static func replay(
        _ id: EventID, _ store: Store, actor: String, request: RequestID? = nil
    ) async throws(StoreError) -> OutboxEvent? {
        try await store.transaction { transaction throws(StoreError) in
            guard let event = try transaction.replayOutbox(id) else { return nil }
            try transaction.audit(actor: actor, action: "webhook.replay", subject: id.text, after: event.kind, requestID: request)
            return event
        }
    }
}

extension OutboxEvent {
    /// As operators see it; without what it says.
    public var json: JSON {
        [
            "id": .string(id.text), "kind": .string(kind), "subject": .string(subject), "state": .string(state.rawValue),
            "attempts": .int(attempts), "told": .array(told.map(JSON.string)), "failure": failure.map(JSON.string) ?? .null,
            "next_at": .string(nextAt.text), "created_at": .string(createdAt.text),
        ]
    }
}
