internal import API
internal import Billing
internal import Domain
internal import Provisioning
internal import Relay
internal import Secrets
internal import Store
internal import Telemetry

extension Command {
    static let secretsRotate = Command(
        name: "secrets rotate", usage: "[--old-key-file FILE]",
        about:
            "Makes a new data key and seals every secret in the database again.\nTo change ENCRYPTION_KEY itself: stop every server, set the new ENCRYPTION_KEY, put the old one into a file and name it with --old-key-file.",
        valued: ["old-key-file"]
    ) { arguments in
        _ = try arguments.operands()
        // A server that runs has the old key, and could open nothing of what comes next.
        let changesKey = arguments["old-key-file"] != nil
        let advice = "stop it first: it knows only the old ENCRYPTION_KEY"
        let lock = changesKey ? try ServeLock(try Instance.place(try Settings.load()), advice: advice) : nil
        let begun = Ambient.live.uptimeNanoseconds()
        try await withInstance { instance in
            if changesKey { try await refuseServers(instance.store, openedAt: begun) }
            if let file = arguments["old-key-file"] { try await rewrap(instance, oldKey: try readSecret(file, "the old ENCRYPTION_KEY")) }
            // Opened before the new data key exists, so that everything sealed until now opens; then again, to seal with the new one.
            _ = try await Vault.open(instance.settings, instance.store)
            try await Vault.addDataKey(instance.settings, instance.store)
            let vault = try await Vault.open(instance.settings, instance.store)
            let count = try await reseal(instance.store, vault.keyring)
            Output.show(
                arguments, ["key": .string(vault.keyring.keyID), "resealed": .int(Int64(count))],
                "\(count) secrets sealed with key \(vault.keyring.keyID)")
        }
        _ = consume lock
    }

    /// On PostgreSQL there is no lock to ask: a connection that is older than ours is a server's.
    private static func refuseServers(_ store: Store, openedAt begun: UInt64) async throws {
        let marginMilliseconds: Int64 = 100
        let ours = Int64(clamping: (store.ambient.uptimeNanoseconds() &- begun) / 1_000_000)
        guard let oldest = try await store.oldestConnectionMilliseconds(), oldest > ours + marginMilliseconds else { return }
        throw Failure("a gatehouse works on \(store.location); stop every server on it first: it knows only the old ENCRYPTION_KEY")
    }

    /// The data keys, from the old ENCRYPTION_KEY to the one that is set now.
    private static func rewrap(_ instance: Instance, oldKey: String) async throws {
        guard let new = instance.settings.encryptionKey else { throw Failure("set the new ENCRYPTION_KEY first") }
        let ambient = instance.ambient
        let old = SecretBytes(Array(oldKey.utf8))
        let rows = try await instance.store.read { reader throws(StoreError) in try reader.sealedSecrets() }.filter {
            $0.name.hasPrefix(Vault.dataKeyPrefix)
        }
        var changes: [(name: String, old: [UInt8], new: [UInt8])] = []
        for (row, key) in zip(rows.sorted { $0.name < $1.name }, Vault.wrapped(rows)) {
            do throws(SecretsError) {
                changes.append((row.name, row.value, try Keyring.rewrap(key, from: old, to: new, ambient: ambient).bytes))
            } catch {
                throw Failure("the old key does not open \(row.name): \(error)")
            }
        }
        let all = changes
        try await instance.store.transaction { transaction throws(StoreError) in
            for change in all { _ = try transaction.resealSecret(change.name, from: change.old, to: change.new, keyID: "ENCRYPTION_KEY") }
        }
    }

    /// Everything that is sealed and stays: accounts' credentials, people's second factors, services' and backends' secrets, kept bodies,
    /// webhooks and the server's own secrets. Conversations and kept answers are forgotten with time; their data keys stay.
    private static func reseal(_ store: Store, _ keyring: Keyring) async throws -> Int {
        let (accounts, secrets) = try await store.read { reader throws(StoreError) in (try reader.accounts(), try reader.sealedSecrets()) }
        var count = try await SecondFactors.reseal(store, keyring)
        for account in accounts {
            let place = accountSecretPlace(of: account.id)
            let fresh = keyring.seal(try keyring.open(account.secretSealed, for: place), for: place)
            count += try await store.transaction { transaction throws(StoreError) in
                try transaction.resealAccount(account.id, from: account.secretSealed, to: fresh) ? 1 : 0
            }
            if let sealed = account.proxySealed {
                let fresh = keyring.seal(try keyring.open(sealed, for: AccountSeal.proxy(account.id)), for: AccountSeal.proxy(account.id))
                count += try await store.transaction { transaction throws(StoreError) in
                    try transaction.resealAccountProxy(account.id, from: sealed, to: fresh) ? 1 : 0
                }
            }
        }
        for token in try await store.read({ reader throws(StoreError) in try reader.accountTokens() }) {
            let id = token.accountID
            func again(_ sealed: [UInt8], _ place: SealedPlace) throws -> [UInt8] {
                keyring.seal(try keyring.open(sealed, for: place), for: place)
            }
            let fresh = (
                secret: try token.clientSecretSealed.map { try again($0, AccountSeal.clientSecret(id)) },
                refresh: try again(token.refreshSealed, AccountSeal.refresh(id)),
                access: try token.accessSealed.map { try again($0, AccountSeal.access(id)) }
            )
            // Somebody who renews it at this moment seals with the new key anyway.
            count += try await store.transaction { transaction throws(StoreError) in
                try transaction.resealAccountToken(
                    token, clientSecretSealed: fresh.secret, refreshSealed: fresh.refresh, accessSealed: fresh.access) ? 1 : 0
            }
        }
        count += try await resealBodies(store, keyring)
        count += try await WebhookBook.reseal(store, keyring)
        count += try await Orders.reseal(store, keyring)
        for secret in secrets where !secret.name.hasPrefix(Vault.dataKeyPrefix) {
            let place = SealedPlace(table: "sealed_secrets", row: secret.name, column: "value")
            let fresh = keyring.seal(try keyring.open(secret.value, for: place), for: place)
            count += try await store.transaction { transaction throws(StoreError) in
                try transaction.resealSecret(secret.name, from: secret.value, to: fresh, keyID: keyring.keyID) ? 1 : 0
            }
        }
        return count
    }

    private static func resealBodies(_ store: Store, _ keyring: Keyring) async throws -> Int {
        var (count, last) = (0, RequestID?.none)
        while true {
            let from = last
            let rows = try await store.read { reader throws(StoreError) in try reader.requestBodies(after: from, limit: 100) }
            guard let end = rows.last else { return count }
            last = end.requestID
            for row in rows {
                let fresh = keyring.seal(
                    try keyring.open(row.sealed, for: RequestBodies.place(row.requestID)), for: RequestBodies.place(row.requestID))
                count += try await store.transaction { transaction throws(StoreError) in
                    try transaction.resealRequestBodies(row, to: fresh) ? 1 : 0
                }
            }
        }
    }
}
