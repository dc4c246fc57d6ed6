internal import Domain
internal import Secrets
internal import Store
internal import Synchronization

/// Conversations in the store, their texts sealed for their row.
final class ChatBook: Sendable {
    private let store: Store
    private let keyring: @Sendable () -> Keyring
    private let reload: @Sendable () async throws -> Keyring

    /// A conversation ends when it has not been used for so long (relay contract, section 12).
    static let lifetimeSeconds: Int64 = 30 * 86_400

    /// - Parameter reload: reads the data keys again, after another process has made one.
    init(store: Store, keyring: @escaping @Sendable () -> Keyring, reload: @escaping @Sendable () async throws -> Keyring) {
        (self.store, self.keyring, self.reload) = (store, keyring, reload)
    }

    private static func place(_ id: String) -> SealedPlace { SealedPlace(table: "conversations", row: id, column: "content_sealed") }

    func newID() -> String { "c_" + Hex.text(store.ambient.randomBytes(16)) }

    /// Nil when it is unknown, over, or another key's.
    func find(_ id: String, key: APIKeyID) async throws -> (row: Conversation, content: ChatContent)? {
        guard id.utf8.count == 34, id.hasPrefix("c_") else { return nil }
        guard let row = try await store.read({ reader throws(StoreError) in try reader.conversation(id, apiKeyID: key) }) else {
            return nil
        }
        let ring = keyring()
        let bytes: [UInt8]
        if let keyID = Keyring.keyID(of: row.content), !ring.knows(keyID) {
            bytes = try await reload().open(row.content, for: Self.place(id))
        } else {
            bytes = try ring.open(row.content, for: Self.place(id))
        }
        return (row, try ChatContent(parsing: bytes))
    }

    func list(key: APIKeyID, after: String?, limit: Int) async throws -> Page<Conversation> {
        try await store.read { reader throws(StoreError) in try reader.conversations(apiKeyID: key, after: after, limit: limit) }
    }

    /// - Parameters:
    ///   - row: what was there before; nil for a new one.
    ///   - answers: how many the content has more than it had.
    func keep(
        _ id: String, key: APIKeyID, model: String, content: ChatContent, before row: Conversation?, answers: Int64
    ) async throws {
        let now = store.ambient.now()
        let conversation = Conversation(
            id: id, apiKeyID: key, model: model, turns: (row?.turns ?? 0) + answers,
            content: keyring().seal(content.bytes, for: Self.place(id)), createdAt: row?.createdAt ?? now, updatedAt: now,
            expiresAt: now.adding(seconds: Self.lifetimeSeconds))
        try await store.transaction { transaction throws(StoreError) in
            try transaction.keepConversation(conversation, isNew: row == nil)
        }
    }

    func delete(_ id: String, key: APIKeyID) async throws -> Bool {
        try await store.transaction { transaction throws(StoreError) in try transaction.deleteConversation(id, apiKeyID: key) }
    }
}
