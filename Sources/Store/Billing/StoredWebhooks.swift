public import Domain
public import Secrets

/// A place that is told of events, as a page has added it.
public struct StoredWebhook: Sendable, Equatable, RowReadable {
    public let id: WebhookID
    /// Unique; a-z, 0-9 and -.
    public var name: String
    public var addressSealed: [UInt8]
    public var secretSealed: [UInt8]
    /// Kinds, as "payment.completed" or "relay.*".
    public var events: [String]
    public var isEnabled: Bool
    /// Since when it is told nothing because of what it answered; nil: it is told, or a page has switched it off.
    public let disabledAt: Timestamp?
    /// As "status 410".
    public let disabledReason: String?
    public let createdAt: Timestamp
    public let updatedAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        name = try row["name"]
        addressSealed = try row["address_sealed"]
        secretSealed = try row["secret_sealed"]
        let events: JSON = try row["events"]
        self.events = (events.array ?? []).compactMap(\.string)
        isEnabled = try row["is_enabled"]
        disabledAt = try row["disabled_at"]
        disabledReason = try row["disabled_reason"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }

    static let columns: SQL = """
        id, name, address_sealed, secret_sealed, events, is_enabled, disabled_at, disabled_reason, created_at, updated_at
        """

    /// Where its address is sealed for.
    public static func addressPlace(_ id: WebhookID) -> SealedPlace {
        SealedPlace(table: "webhook_targets", row: id.text, column: "address_sealed")
    }
    /// Where its secret is sealed for.
    public static func secretPlace(_ id: WebhookID) -> SealedPlace {
        SealedPlace(table: "webhook_targets", row: id.text, column: "secret_sealed")
    }
    /// There are never more.
    public static let maximum = 50
}

extension Constraint {
    public static let webhookName = Constraint("webhook_targets_name_unique")
}

extension Reader {
    /// In the order they were added.
    public func storedWebhooks() throws(StoreError) -> [StoredWebhook] {
        try all("SELECT \(StoredWebhook.columns) FROM webhook_targets ORDER BY id LIMIT \(StoredWebhook.maximum)")
    }
    public func storedWebhook(_ id: WebhookID) throws(StoreError) -> StoredWebhook? {
        try first("SELECT \(StoredWebhook.columns) FROM webhook_targets WHERE id = \(id)")
    }
}

extension Transaction {
    /// - Parameter seal: address and secret, sealed for the row's places.
    /// - Throws: `.conflict(.webhookName)` for a name that is taken, `.refused("too_many_webhooks")`.
    public func createWebhook(
        name: String, events: [String], isEnabled: Bool, seal: (WebhookID) -> (address: [UInt8], secret: [UInt8])
    ) throws(StoreError) -> StoredWebhook {
        guard try storedWebhooks().count < StoredWebhook.maximum else { throw .refused("too_many_webhooks") }
        let (id, now) = (WebhookID(ambient), ambient.now())
        let sealed = seal(id)
        let made: StoredWebhook? = try first(
            """
            INSERT INTO webhook_targets (\(StoredWebhook.columns))
            VALUES (\(id), \(name), \(sealed.address), \(sealed.secret), \(Self.eventList(events)), \(isEnabled), NULL, NULL, \(now), \(now))
            RETURNING \(StoredWebhook.columns)
            """)
        guard let made else { throw .programming("a new webhook gave no row") }
        return made
    }

    /// Writes name, address, secret, events and switch; who is switched by it is not disabled by an answer any more. False when it is gone.
    /// - Throws: `.conflict(.webhookName)`.
    public func updateWebhook(_ webhook: StoredWebhook) throws(StoreError) -> Bool {
        let before = try storedWebhook(webhook.id)
        let isSwitched = before?.isEnabled != webhook.isEnabled
        return try execute(
            """
            UPDATE webhook_targets SET name = \(webhook.name), address_sealed = \(webhook.addressSealed),
                secret_sealed = \(webhook.secretSealed), events = \(Self.eventList(webhook.events)), is_enabled = \(webhook.isEnabled),
                disabled_at = \(isSwitched ? nil : before?.disabledAt), disabled_reason = \(isSwitched ? nil : before?.disabledReason),
                updated_at = \(ambient.now())
            WHERE id = \(webhook.id)
            """) == 1
    }

    /// Switches a place off for what it answered, unless it was changed since `updatedAt`; false then.
    public func disableWebhook(_ id: WebhookID, reason: String, unchangedSince updatedAt: Timestamp) throws(StoreError) -> Bool {
        let now = ambient.now()
        return try execute(
            """
            UPDATE webhook_targets SET is_enabled = \(false), disabled_at = \(now), disabled_reason = \(reason), updated_at = \(now)
            WHERE id = \(id) AND is_enabled = \(true) AND updated_at = \(updatedAt)
            """) == 1
    }

    /// Replaces what is sealed when it is still the same; false otherwise.
    public func resealWebhook(_ webhook: StoredWebhook, address: [UInt8], secret: [UInt8]) throws(StoreError) -> Bool {
        try execute(
            """
            UPDATE webhook_targets SET address_sealed = \(address), secret_sealed = \(secret)
            WHERE id = \(webhook.id) AND address_sealed = \(webhook.addressSealed) AND secret_sealed = \(webhook.secretSealed)
            """) == 1
    }

    /// False when it is gone.
    public func deleteWebhook(_ id: WebhookID) throws(StoreError) -> Bool {
        try execute("DELETE FROM webhook_targets WHERE id = \(id)") == 1
    }

    private static func eventList(_ events: [String]) -> JSON { .array(events.map(JSON.string)) }
}
