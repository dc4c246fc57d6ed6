internal import Domain
public import Secrets
public import Store

/// The rotation of keys at rest: what services and backends keep secret.
extension Orders {
    /// Written in one transaction.
    private static let resealBatch = 100

    /// Seals them all again, also those of services that have ended. How many.
    public static func reseal(_ store: Store, _ keyring: Keyring) async throws -> Int {
        var (count, last) = (0, ServiceID?.none)
        while true {
            let after = last
            let page = try await store.read { reader throws(StoreError) in
                try reader.serviceSecrets(after: after, limit: resealBatch)
            }
            guard let end = page.last else { break }
            last = end.id
            let fresh = try page.map { row throws(SecretsError) in
                keyring.seal(try keyring.open(row.sealed, for: ServiceSecrets.place(row.id)), for: ServiceSecrets.place(row.id))
            }
            count += try await store.transaction { transaction throws(StoreError) in
                var count = 0
                for (row, fresh) in zip(page, fresh) where try transaction.resealService(row.id, from: row.sealed, to: fresh) { count += 1 }
                return count
            }
        }
        // There are few of these.
        for backend in try await store.read({ reader throws(StoreError) in try reader.backends() }) {
            guard let sealed = backend.secretSealed else { continue }
            let place = ServiceSecrets.place(backend.id)
            let fresh = keyring.seal(try keyring.open(sealed, for: place), for: place)
            count += try await store.transaction { transaction throws(StoreError) in
                try transaction.resealBackend(backend.id, from: sealed, to: fresh) ? 1 : 0
            }
        }
        return count
    }
}
