internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Synchronization
internal import Telemetry

/// Reads the pool from the store when it has changed, with the data keys of the moment.
final class PoolReader: Sendable {
    let accounts: AccountDirectory
    private let store: Store
    private let keys: Mutex<Keyring>
    private let reloadKeyring: @Sendable () async throws -> Keyring
    private let rule: AddressRule
    private let log: Log

    /// - Parameter reloadKeyring: reads the data keys again, after another process has made one.
    init(
        accounts: AccountDirectory, store: Store, keyring: Keyring, reloadKeyring: @escaping @Sendable () async throws -> Keyring,
        rule: AddressRule, log: Log
    ) {
        self.accounts = accounts
        self.store = store
        keys = Mutex(keyring)
        self.reloadKeyring = reloadKeyring
        self.rule = rule
        self.log = log
    }

    var keyring: Keyring { keys.withLock { $0 } }

    func refresh() async throws {
        guard try await !read() else { return }
        // `gatehouse secrets rotate` has made a data key since we read them.
        let fresh = try await reloadKeyring()
        keys.withLock { $0 = fresh }
        guard try await !read() else { return }
        log.error("account.unknown_data_key", ["action": "the accounts known before stay in use; check ENCRYPTION_KEY"])
    }

    private func read() async throws(StoreError) -> Bool {
        try await accounts.refresh(from: store, keyring: keyring, rule: rule) { [log] id, why in
            log.error("account.unusable", ["account": LogValue(id), "why": LogValue(why)])
        }
    }
}
