public import Domain

/// Relay keys: the customer gets one with the plan's limits. The secret is chosen before the key is made and handed over once; the key is
/// found again by its hash.
public struct RelayKeyDriver: ServiceDriver {
    public let kind = ServiceKind.relay
    public var limits: [FieldDoc] { Self.grant.docs }
    public let options: [FieldDoc] = []
    public let usesBackends = false
    private let keys: any KeyStore
    private let hash: @Sendable ([UInt8]) -> [UInt8]

    public init(_ keys: any KeyStore, hash: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.keys = keys
        self.hash = hash
    }

    private static let largest: Int64 = 1_000_000_000_000
    private static let grant = Shape(
        Field<Int64>.integer("requests_per_minute", "Requests in any minute.", 1...largest).optional,
        Field<Int64>.integer("tokens_per_day", "Tokens in a day (of TIME_ZONE).", 1...largest).optional,
        Field<Int64>.integer("concurrent", "Requests under way at once.", 1...largest).optional,
        Field<Int64>.integer("cost_per_day_micro_usd", "Micro-USD in a day (of TIME_ZONE).", 1...largest).optional,
        Field<[String]>.texts("models", "Names or globs of models; left out: all.", count: 1...64).optional,
        make: KeyGrant.init(requestsPerMinute:tokensPerDay:concurrency:costPerDayMicroUSD:models:))

    private static let noOptions = Shape(make: { true })

    public func check(limits: JSON) throws(InputErrors) { try Self.grant.check(limits) }
    public func check(options: JSON) throws(InputErrors) { try Self.noOptions.check(options) }

    public func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation {
        let secret = RelayKeySecret(ambient)
        let bytes = secret.reveal { Array($0.utf8) }
        let shown = secret.shown
        return Preparation(
            choices: ["hash": .string(Hex.text(hash(bytes))), "prefix": .string(shown.prefix), "suffix": .string(shown.suffix)],
            details: ["key": .string("\(shown.prefix)…\(shown.suffix)")], secret: bytes)
    }

    public func create(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        let id = try await keys.make(
            WantedKey(
                owner: service.owner, name: service.label, hash: try Self.hash(service),
                shownPrefix: service.choices["prefix"].string ?? "",
                shownSuffix: service.choices["suffix"].string ?? "", grant: try Self.grant(service)))
        // One that was there before may have been switched off.
        try await keys.setActive(true, hash: try Self.hash(service))
        return seen(.active, service, id)
    }
    public func update(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        try await keys.setGrant(try Self.grant(service), hash: try Self.hash(service))
        return try await look(service)
    }
    public func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        try await keys.setActive(false, hash: try Self.hash(service))
        return Sight(.suspended)
    }
    public func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        try await keys.setActive(true, hash: try Self.hash(service))
        return Sight(.active)
    }
    public func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        try await keys.delete(hash: try Self.hash(service))
        return Sight(.absent)
    }
    public func look(_ service: ServiceOrder) async throws(DriverError) -> Sight {
        guard let key = try await keys.key(hash: try Self.hash(service)) else { return Sight(.absent) }
        return seen(key.isActive ? .active : .suspended, service, key.id)
    }

    private func seen(_ presence: Presence, _ service: ServiceOrder, _ id: APIKeyID) -> Sight {
        var details = service.details.object ?? [:]
        details["key_id"] = .string(id.text)
        return Sight(presence, details: .object(details))
    }

    private static func hash(_ service: ServiceOrder) throws(DriverError) -> [UInt8] {
        guard let hash = service.choices["hash"].string.flatMap(Hex.bytes) else { throw .refused("the service has no key hash") }
        return hash
    }
    private static func grant(_ service: ServiceOrder) throws(DriverError) -> KeyGrant {
        do throws(InputErrors) { return try grant.parse(service.limits) } catch { throw .badOptions(error) }
    }
}
