public import Domain
public import Store

/// The relay's keys, for the driver that sells them.
public struct StoredKeys: KeyStore {
    let store: Store
    let changed: @Sendable () async -> Void

    /// - Parameter changed: tells the data path of this process.
    public init(_ store: Store, changed: @escaping @Sendable () async -> Void) {
        self.store = store
        self.changed = changed
    }

    public func key(hash: [UInt8]) async throws(DriverError) -> (id: APIKeyID, isActive: Bool)? {
        do throws(StoreError) {
            let key = try await store.read { reader throws(StoreError) in try reader.apiKey(secretHash: hash) }
            return key.flatMap { $0.deletedAt == nil ? ($0.id, $0.status == .active) : nil }
        } catch { throw Self.driverError(error) }
    }

    public func make(_ key: WantedKey) async throws(DriverError) -> APIKeyID {
        try await changing { transaction throws(StoreError) in
            if let known = try transaction.apiKey(secretHash: key.hash) {
                // A hash is never used again: what was deleted stays so.
                guard known.deletedAt == nil else { throw .refused("key_deleted") }
                return known.id
            }
            return try transaction.createAPIKey(
                NewAPIKey(
                    ownerID: key.owner, name: key.name, secretHash: key.hash, shownPrefix: key.shownPrefix, shownSuffix: key.shownSuffix,
                    limits: Self.limits(key.grant), allowedModels: Self.models(key.grant))
            ).id
        }
    }

    public func setActive(_ isActive: Bool, hash: [UInt8]) async throws(DriverError) {
        try await changing { transaction throws(StoreError) in
            guard let key = try transaction.apiKey(secretHash: hash), key.deletedAt == nil else { throw .refused("key_missing") }
            _ = try transaction.setAPIKeyStatus(isActive ? .active : .disabled, of: key.id)
        }
    }

    public func setGrant(_ grant: KeyGrant, hash: [UInt8]) async throws(DriverError) {
        try await changing { transaction throws(StoreError) in
            guard let key = try transaction.apiKey(secretHash: hash), key.deletedAt == nil else { throw .refused("key_missing") }
            _ = try transaction.updateAPIKey(
                key.id, name: key.name, limits: Self.limits(grant), allowedModels: Self.models(grant), expiresAt: key.expiresAt)
        }
    }

    public func delete(hash: [UInt8]) async throws(DriverError) {
        try await changing { transaction throws(StoreError) in
            guard let key = try transaction.apiKey(secretHash: hash) else { return }
            _ = try transaction.deleteAPIKey(key.id)
        }
    }

    private func changing<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value) async throws(DriverError)
        -> Value
    {
        let value: Value
        do throws(StoreError) { value = try await store.transaction(body) } catch { throw Self.driverError(error) }
        await changed()
        return value
    }

    private static func limits(_ grant: KeyGrant) -> APIKeyLimits {
        APIKeyLimits(
            requestsPerMinute: grant.requestsPerMinute, tokensPerDay: grant.tokensPerDay, concurrency: grant.concurrency,
            costPerDayMicroUSD: grant.costPerDayMicroUSD)
    }
    private static func models(_ grant: KeyGrant) -> String? { grant.models.map { JSON.array($0.map { .string($0) }).text } }

    private static func driverError(_ error: StoreError) -> DriverError {
        switch error {
        case .refused(let code): .refused(code)
        case .outcomeUnknown(let text): .outcomeUnknown(text)
        case .conflict(let constraint): .refused("conflict: \(constraint)")
        case .busy, .unavailable, .full, .readOnly, .corrupt, .newerSchema, .changedMigration, .programming, .backup:
            .unreachable("the database: \(error)")
        }
    }
}
