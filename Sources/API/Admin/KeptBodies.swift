public import Domain
public import HTTP
public import Secrets
public import Store

/// Bodies that keys have kept: looking at those of one request, which is noted, and throwing away those of a key.
public struct KeptBodies: Sendable {
    private let store: Store
    private let door: SessionDoor
    private let keyring: @Sendable (_ sealed: [UInt8]) async throws -> Keyring

    /// - Parameter keyring: data keys that open something; keys may have been made since the start.
    public init(_ store: Store, _ door: SessionDoor, keyring: @escaping @Sendable (_ sealed: [UInt8]) async throws -> Keyring) {
        (self.store, self.door, self.keyring) = (store, door, keyring)
    }

    public var endpoints: [MountedEndpoint] { [view, purge].mounted { try await door.person($0, roles: [.admin]) } }

    private static let admins = Audience.operators(roles: [UserRole.admin.rawValue])
    /// Rows deleted in one transaction.
    private static let group = 500

    private var view: Endpoint<CustomerContext> {
        Endpoint(
            .get, "/api/admin/requests/{id}/bodies", "What was asked and answered", tag: "History", audience: Self.admins,
            takes: .path(Shape(Field<String>.text("id", "As in `x-relay-request-id`.", length: 1...64), make: { $0 })),
            replies: .ok(
                View(
                    "KeptBodies",
                    [
                        .always("request_id", "As in the history.", .text), .always("api_key_id", "Whose request it was.", .text),
                        .always("headers", "Fields of the request; credentials are replaced.", .anything),
                        .always("request_body", "As it was sent, as far as the key's cap.", .text),
                        .always("response_body", "The same of the answer.", .text),
                        .always("request_bytes", "Its whole length.", .count), .always("response_bytes", "The same.", .count),
                        .always("created_at", "When it was asked.", .time), .always("expires_at", "When this is deleted.", .time),
                    ],
                    example: [
                        "request_id": "0193c0de8a7b7f3e9d2c4b5a69788796", "api_key_id": "key_0193c0de8a7b7f3e9d2c4b5a69788796",
                        "headers": ["user-agent": "example/1.0"], "request_body": "{\"model\":\"claude-sonnet-5-5\"}",
                        "response_body": "{\"type\":\"message\"}", "request_bytes": 29, "response_bytes": 18,
                        "created_at": "2026-11-21T04:45:23.000Z", "expires_at": "2026-11-28T04:45:23.000Z",
                    ])), problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.notFound],
            about: "Only of keys with `store_bodies`, until `body_retention_days` are over. Every look at them stands in the audit log."
        ) { input, context in
            guard let id = try? RequestID(parsing: input.path),
                let kept = try await store.read({ reader throws(StoreError) in try reader.requestBodies(id) })
            else { throw Problem(.notFound) }
            let content = try kept.opened(try await keyring(kept.sealed))
            // Nobody sees what nobody will know of.
            try await store.transaction { transaction throws(StoreError) in
                try transaction.audit(
                    actor: context.user.id.text, action: "bodies.view", subject: id.text, requestID: input.request.id)
            }
            return [
                "request_id": .string(id.text), "api_key_id": .string(kept.apiKeyID.text), "headers": content.headersJSON,
                "request_body": .string(content.request), "response_body": .string(content.response),
                "request_bytes": .int(kept.requestBytes), "response_bytes": .int(kept.responseBytes),
                "created_at": .string(kept.createdAt.text), "expires_at": .string(kept.expiresAt.text),
            ]
        }
    }

    private var purge: Endpoint<CustomerContext> {
        Endpoint(
            .delete, "/api/admin/keys/{id}/bodies", "Delete what a key has kept", tag: "History", audience: Self.admins,
            takes: .path(KeyAdministration.id),
            replies: .ok(View("PurgedBodies", [.always("deleted", "Requests whose bodies are gone.", .count)], example: ["deleted": 12])),
            problems: ProblemKind.ofSignIn + ProblemKind.ofStore + [.csrf, .notFound],
            about: "At once and for good; what it keeps from now on stays. History and ledger keep their rows."
        ) { input, context in
            let id = try KeyAdministration.parse(input.path)
            guard try await store.read({ reader throws(StoreError) in try reader.apiKey(id) }) != nil else { throw Problem(.notFound) }
            let deleted = try await Self.purge(id, in: store, actor: context.user.id.text, request: input.request.id)
            return ["deleted": .int(Int64(deleted))]
        }
    }

    /// Deletes all bodies of a key, some at a time. How many requests' went.
    public static func purge(_ id: APIKeyID, in store: Store, actor: String, request: RequestID? = nil) async throws(StoreError) -> Int {
        var deleted = 0
        while true {
            let count = try await store.transaction { transaction throws(StoreError) in
                try transaction.deleteRequestBodies(of: id, limit: group)
            }
            deleted += count
            if count < group { break }
        }
        let gone = deleted
        try await store.transaction { transaction throws(StoreError) in
            try transaction.record(
                actor: actor, "bodies.purge", subject: id.text, before: nil, after: ["deleted": .int(Int64(gone))], request)
        }
        return deleted
    }
}
