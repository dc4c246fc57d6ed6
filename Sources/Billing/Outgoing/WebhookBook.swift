public import Domain
public import Secrets
public import Store
internal import Synchronization
public import Telemetry

/// Who is told of events now: the places of the settings, which no page can change, and those that pages have added.
public final class WebhookBook: Sendable {
    /// Those of the settings.
    public let fixed: [WebhookTarget]
    public let allowsLoopback: Bool
    let store: Store
    private let reload: @Sendable () async throws -> Keyring
    private let log: Log
    private struct Known: Sendable {
        var keyring: Keyring
        var rows: [StoredWebhook] = []
        var stored: [WebhookTarget] = []
        /// Places of the settings that want nothing more, by name: since when. Until the process ends.
        var goneFixed: [String: Timestamp] = [:]
    }
    private let known: Mutex<Known>

    /// How long another server's change may go unnoticed.
    private static let refreshSeconds = 3

    /// - Parameter reload: reads the data keys again, after another process has made one.
    public init(
        fixed: [WebhookTarget], store: Store, keyring: Keyring, allowsLoopback: Bool, log: Log,
        reload: @escaping @Sendable () async throws -> Keyring
    ) {
        (self.fixed, self.store, self.allowsLoopback, self.log, self.reload) = (fixed, store, allowsLoopback, log, reload)
        known = Mutex(Known(keyring: keyring))
    }

    /// Of one name the place of the settings counts.
    public var targets: [WebhookTarget] {
        let (stored, gone) = known.withLock { ($0.stored, $0.goneFixed) }
        return fixed.filter { gone[$0.name] == nil } + stored.filter { place in !fixed.contains { $0.name == place.name } }
    }

    /// Since when a place of the settings is told nothing because it answered 410; nil: it is told.
    public func goneAt(fixed name: String) -> Timestamp? { known.withLock { $0.goneFixed[name] } }

    /// What a place is disabled for by what it answers.
    public static let goneReason = "status 410"

    /// Ends telling a place that has answered 410 Gone: a stored one until it is enabled again, one of the settings until a restart. The
    /// others are told of it.
    func disable(gone target: WebhookTarget) async {
        let subject = target.stored?.id.text ?? target.name
        let body: JSON = [
            "name": .string(target.name), "url": .string(WebhookTarget.host(target.address)), "reason": .string(Self.goneReason),
            "source": target.stored == nil ? "settings" : "stored",
        ]
        if target.stored == nil {
            let now = store.ambient.now()
            let isFirst = known.withLock { known in
                defer { known.goneFixed[target.name] = known.goneFixed[target.name] ?? now }
                return known.goneFixed[target.name] == nil
            }
            guard isFirst else { return }
        }
        do {
            let isDisabled = try await store.transaction { transaction throws(StoreError) in
                if let (id, updatedAt) = target.stored {
                    guard try transaction.disableWebhook(id, reason: Self.goneReason, unchangedSince: updatedAt) else { return false }
                }
                try transaction.audit(actor: "system", action: "webhook.disable", subject: subject, after: body.text)
                try transaction.promise(Self.disabledKind, subject: subject, body: body)
                return true
            }
            if isDisabled { log.error("outgoing.disabled", ["target": .text(target.name), "why": .text(Self.goneReason)]) }
            try await refresh()
        } catch { log.error("outgoing.not_disabled", ["target": .text(target.name), "error": LogValue("\(error)")]) }
    }
    private static let disabledKind = "webhook.disabled"

    var keyring: Keyring { known.withLock(\.keyring) }

    /// Reads what pages have changed. A place whose secret does not open is left out and told in the log.
    public func refresh() async throws {
        let rows = try await store.read { reader throws(StoreError) in try reader.storedWebhooks() }
        let (before, ring) = known.withLock { ($0.rows, $0.keyring) }
        guard rows != before else { return }
        let isKnown = rows.allSatisfy { Keyring.keyID(of: $0.secretSealed).map(ring.knows) ?? true }
        let keys = isKnown ? ring : try await reload()
        var stored: [WebhookTarget] = []
        for row in rows where row.isEnabled {
            do throws(SecretsError) {
                stored.append(
                    WebhookTarget(row, address: try address(of: row, keys), secret: try secret(of: row, keys), allowsInside: allowsLoopback)
                )
            } catch {
                log.error("outgoing.unusable_target", ["target": .text(row.name), "why": LogValue("\(error)")])
            }
        }
        let fresh = stored
        known.withLock { ($0.keyring, $0.rows, $0.stored) = (keys, rows, fresh) }
    }

    func address(of row: StoredWebhook, _ keys: Keyring? = nil) throws(SecretsError) -> String {
        String(decoding: try (keys ?? keyring).open(row.addressSealed, for: StoredWebhook.addressPlace(row.id)), as: UTF8.self)
    }
    private func secret(of row: StoredWebhook, _ keys: Keyring) throws(SecretsError) -> SecretBytes {
        SecretBytes(try keys.open(row.secretSealed, for: StoredWebhook.secretPlace(row.id)))
    }

    /// Until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.seconds(Self.refreshSeconds)) } catch { return }
            do { try await refresh() } catch { log.warning("outgoing.targets_not_read", ["error": LogValue("\(error)")]) }
        }
    }

    /// Seals every stored place again, for the rotation of keys at rest. How many values.
    public static func reseal(_ store: Store, _ keyring: Keyring) async throws -> Int {
        var count = 0
        for row in try await store.read({ reader throws(StoreError) in try reader.storedWebhooks() }) {
            let (addressPlace, secretPlace) = (StoredWebhook.addressPlace(row.id), StoredWebhook.secretPlace(row.id))
            let address = keyring.seal(try keyring.open(row.addressSealed, for: addressPlace), for: addressPlace)
            let secret = keyring.seal(try keyring.open(row.secretSealed, for: secretPlace), for: secretPlace)
            count += try await store.transaction { transaction throws(StoreError) in
                try transaction.resealWebhook(row, address: address, secret: secret) ? 2 : 0
            }
        }
        return count
    }
}
