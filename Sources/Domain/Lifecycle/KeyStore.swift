/// What a relay key may use; nil is no limit.
public struct KeyGrant: Sendable, Equatable {
    public var requestsPerMinute: Int64?
    public var tokensPerDay: Int64?
    public var concurrency: Int64?
    public var costPerDayMicroUSD: Int64?
    /// Names or globs; nil allows all.
    public var models: [String]?
    public init(
        requestsPerMinute: Int64? = nil, tokensPerDay: Int64? = nil, concurrency: Int64? = nil, costPerDayMicroUSD: Int64? = nil,
        models: [String]? = nil
    ) {
        (self.requestsPerMinute, self.tokensPerDay, self.concurrency) = (requestsPerMinute, tokensPerDay, concurrency)
        (self.costPerDayMicroUSD, self.models) = (costPerDayMicroUSD, models)
    }
}

/// A relay key as its driver asks for it. The secret itself never comes here, only its keyed hash.
public struct WantedKey: Sendable, Equatable {
    public let owner: UserID?
    public let name: String
    public let hash: [UInt8]
    public let shownPrefix: String
    public let shownSuffix: String
    public let grant: KeyGrant
    public init(owner: UserID?, name: String, hash: [UInt8], shownPrefix: String, shownSuffix: String, grant: KeyGrant) {
        (self.owner, self.name, self.hash, self.grant) = (owner, name, hash, grant)
        (self.shownPrefix, self.shownSuffix) = (shownPrefix, shownSuffix)
    }
}

/// The relay's keys as `Drivers/RelayKey` needs them; implemented over the database, injected where the server is wired. A key is found
/// by the hash of its secret, which is chosen before the first call.
public protocol KeyStore: Sendable {
    /// nil when there is none or it was deleted.
    func key(hash: [UInt8]) async throws(DriverError) -> (id: APIKeyID, isActive: Bool)?
    /// Makes it, or leaves the one with that hash as it is.
    func make(_ key: WantedKey) async throws(DriverError) -> APIKeyID
    func setActive(_ isActive: Bool, hash: [UInt8]) async throws(DriverError)
    func setGrant(_ grant: KeyGrant, hash: [UInt8]) async throws(DriverError)
    /// No key with that hash is fine.
    func delete(hash: [UInt8]) async throws(DriverError)
}
