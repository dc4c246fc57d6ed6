public import Domain
internal import HTTP
internal import Secrets
public import Store

/// What a page may say about a stored place; what is nil stays as it is.
public struct WebhookChange: Sendable {
    public var name: String?
    public var address: String?
    public var secret: String?
    public var events: [String]?
    public var isEnabled: Bool?
    public init(
        name: String? = nil, address: String? = nil, secret: String? = nil, events: [String]? = nil, isEnabled: Bool? = nil
    ) { (self.name, self.address, self.secret, self.events, self.isEnabled) = (name, address, secret, events, isEnabled) }
}

extension WebhookBook {
    /// A stored place as pages show it.
    public struct Shown: Sendable {
        public let row: StoredWebhook
        /// As "https://ops.example.com": paths and queries of such addresses often hold a secret. Empty: it does not open.
        public let host: String
    }

    private static let addressBytes = 8...2048
    /// A shorter secret is no secret.
    private static let secretBytes = 16...512

    public func shown() async throws -> [Shown] {
        try await refresh()
        let rows = try await store.read { reader throws(StoreError) in try reader.storedWebhooks() }
        return rows.map { row in Shown(row: row, host: (try? address(of: row)).map(WebhookTarget.host) ?? "") }
    }

    /// - Returns: the place and, when none was given, the secret made for it.
    /// - Throws: `FieldError`, `StoreError.conflict(.webhookName)`, `StoreError.refused("too_many_webhooks")`.
    public func add(_ change: WebhookChange, actor: String, request: RequestID?) async throws -> (place: StoredWebhook, secret: String?) {
        try check(change)
        guard let name = change.name else { throw FieldError("name", "is missing") }
        guard let address = change.address else { throw FieldError("url", "is missing") }
        let made = change.secret == nil ? "whsec_" + Base64.text(store.ambient.randomBytes(32)) : nil
        let (ring, secret) = (keyring, change.secret ?? made ?? "")
        let row = try await store.transaction { transaction throws(StoreError) in
            let row = try transaction.createWebhook(name: name, events: change.events ?? ["*"], isEnabled: change.isEnabled ?? true) { id in
                (
                    ring.seal(Array(address.utf8), for: StoredWebhook.addressPlace(id)),
                    ring.seal(Array(secret.utf8), for: StoredWebhook.secretPlace(id))
                )
            }
            try transaction.audit(
                actor: actor, action: "webhook.create", subject: row.id.text, after: Self.words(row, address), requestID: request)
            return row
        }
        try await refresh()
        return (row, made)
    }

    /// - Returns: nil when there is no such place.
    /// - Throws: as `add`.
    public func change(_ id: WebhookID, _ change: WebhookChange, actor: String, request: RequestID?) async throws -> StoredWebhook? {
        try check(change)
        let ring = keyring
        let row = try await store.transaction { transaction throws(StoreError) -> StoredWebhook? in
            guard var row = try transaction.storedWebhook(id) else { return nil }
            row.name = change.name ?? row.name
            row.events = change.events ?? row.events
            row.isEnabled = change.isEnabled ?? row.isEnabled
            if let address = change.address { row.addressSealed = ring.seal(Array(address.utf8), for: StoredWebhook.addressPlace(id)) }
            if let secret = change.secret { row.secretSealed = ring.seal(Array(secret.utf8), for: StoredWebhook.secretPlace(id)) }
            guard try transaction.updateWebhook(row) else { return nil }
            try transaction.audit(
                actor: actor, action: "webhook.update", subject: id.text, after: Self.words(row, change.address), requestID: request)
            return row
        }
        try await refresh()
        return row
    }

    /// False when it is gone already.
    public func delete(_ id: WebhookID, actor: String, request: RequestID?) async throws -> Bool {
        let isGone = try await store.transaction { transaction throws(StoreError) in
            guard try transaction.deleteWebhook(id) else { return false }
            try transaction.audit(actor: actor, action: "webhook.delete", subject: id.text, requestID: request)
            return true
        }
        try await refresh()
        return isGone
    }

    /// For the audit log: no secret, and of the address no more than pages show.
    private static func words(_ row: StoredWebhook, _ address: String?) -> String {
        JSON.object([
            "name": .string(row.name), "url": address.map { .string(WebhookTarget.host($0)) } ?? .null,
            "events": .array(row.events.map(JSON.string)), "enabled": .bool(row.isEnabled),
        ]).text
    }

    private func check(_ change: WebhookChange) throws(FieldError) {
        if let name = change.name {
            guard WebhookTarget.isName(name) else { throw FieldError("name", "must be 1 to 32 of a-z, 0-9 and -") }
            guard !fixed.contains(where: { $0.name == name }) else { throw FieldError("name", "is that of a place of the settings") }
        }
        if let address = change.address {
            let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x5c }
            guard Self.addressBytes.contains(address.utf8.count), isPlain, !WebhookTarget.hostName(address).isEmpty else {
                throw FieldError("url", "must be an address as https://ops.example.com/hook")
            }
            guard address.hasPrefix("https://") || allowsLoopback && address.hasPrefix("http://") else {
                throw FieldError("url", "must begin with https://")
            }
            guard WebhookTarget.mayReach(address, allowsInside: allowsLoopback) else {
                throw FieldError(
                    "url", "must not lead to this machine or into a private network; name such a place in EVENT_WEBHOOKS of the settings")
            }
        }
        if let secret = change.secret {
            guard Self.secretBytes.contains(secret.utf8.count), secret.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw FieldError("secret", "must be 16 to 512 printable characters without spaces")
            }
            if let fault = WebhookTarget.fault(ofSecret: secret) { throw FieldError("secret", fault) }
        }
        if let events = change.events, events.isEmpty { throw FieldError("events", "must name a kind, or * for all") }
    }
}
