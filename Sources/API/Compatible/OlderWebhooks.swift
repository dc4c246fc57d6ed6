public import Billing
internal import Domain
public import HTTP
internal import Store

/// `/admin/webhook/*`: who is told of events, whether it worked, and a message to try it. The places themselves are settings
/// (`EVENT_WEBHOOKS`), which no page can change.
public struct OlderWebhooks: Sendable {
    private let front: Storefront
    private let targets: [WebhookTarget]

    public init(_ front: Storefront, targets: [WebhookTarget]) { (self.front, self.targets) = (front, targets) }

    public var endpoints: [MountedEndpoint] {
        [config, history, test("/admin/webhook/test"), test("/admin/webhook/test-notification")].mounted {
            try await front.door.person($0, roles: [.admin])
        }
    }

    private var config: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/webhook/config", "Who is told of events", takes: .nothing,
            about: "As EVENT_WEBHOOK_URL and EVENT_WEBHOOKS say. Addresses are shown up to their host, secrets not at all."
        ) { _, _ in
            [
                "enabled": .bool(!targets.isEmpty),
                "platforms": .array(
                    targets.map { target in
                        [
                            "id": .string(target.name), "name": .string(target.name), "type": "custom", "enabled": true,
                            "url": .string(Self.host(target.address)), "events": .array(target.events.map { .string($0) }),
                        ]
                    }),
            ]
        }
    }

    /// Paths and queries of such addresses often hold a secret.
    private static func host(_ address: String) -> String {
        let parts = address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return "" }
        return parts.prefix(2).joined(separator: "/") + "/" + (parts[2].split(separator: "@").last ?? "")
    }

    private static let shown: ClosedRange<Int64> = 1...200
    private var history: Endpoint<CustomerContext> {
        Older.endpoint(
            .get, "/admin/webhook/history", "What was told last",
            takes: .query(
                Shape(Field<Int64>.integer("limit", "How many at most.", Self.shown).or(50), make: { $0 }).ignoringUnknownFields),
            about: "Newest first; kept for 30 days."
        ) { input, _ in
            let limit = Int(input.query)
            let events = try await front.store.read { reader throws(StoreError) in try reader.promised("", limit: limit) }
            return .array(
                events.map { event in
                    [
                        "id": .string(event.id.text), "type": .string(event.kind), "subject": .string(event.subject),
                        "state": .string(event.state.rawValue), "attempts": .int(event.attempts),
                        "told": .array(event.told.map { .string($0) }), "failure": event.failure.map { .string($0) } ?? .null,
                        "nextAt": .string(event.nextAt.text), "createdAt": .string(event.createdAt.text),
                    ]
                })
        }
    }

    private func test(_ path: String) -> Endpoint<CustomerContext> {
        Older.endpoint(
            .post, path, "Tell everybody a message to try it", takes: .nothing, problems: [.conflict],
            about: "Of the kind `webhook.test`; whether it arrived is in the history a moment later."
        ) { input, context in
            let told = targets.filter { $0.takes(Self.testKind) }.map { JSON.string($0.name) }
            guard !told.isEmpty else { throw Problem(.conflict, "No place takes \(Self.testKind); see EVENT_WEBHOOKS.") }
            try await front.store.transaction { transaction throws(StoreError) in
                try transaction.promise(Self.testKind, subject: context.user.id.text, body: ["message": "A test of Gatehouse's webhooks."])
                try transaction.audit(
                    actor: context.user.id.text, action: "webhook.test", subject: context.user.id.text, requestID: input.request.id)
            }
            return ["type": .string(Self.testKind), "platforms": .array(told)]
        }
    }
    private static let testKind = "webhook.test"
}
