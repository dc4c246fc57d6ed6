internal import Domain
internal import Secrets
internal import Store

/// Seals what services and backends keep secret, each value for its own row.
struct ServiceSecrets: Sendable {
    let keys: DataKeys

    static func place(_ id: ServiceID) -> SealedPlace { SealedPlace(table: "services", row: id.text, column: "secret_sealed") }
    static func place(_ id: BackendID) -> SealedPlace { SealedPlace(table: "backends", row: id.text, column: "secret_sealed") }

    func seal(_ secret: [UInt8]?, of id: ServiceID) -> [UInt8]? { secret.map { keys.keyring.seal($0, for: Self.place(id)) } }

    // MARK: One that has just been read: another process may have sealed it with a data key that was made since

    /// The service as its driver sees it, or why its secrets cannot be opened.
    func order(_ service: Service, backend: Backend?, _ reader: Reader) throws(StoreError) -> Result<ServiceOrder, SecretsError> {
        try learn([service], [backend], reader)
        return Result { () throws(SecretsError) in try order(service, backend: backend) }
    }
    func open(_ service: Service, _ reader: Reader) throws(StoreError) -> Result<[UInt8]?, SecretsError> {
        try learn([service], [], reader)
        return Result { () throws(SecretsError) in try open(service) }
    }
    func access(_ backend: Backend, _ reader: Reader) throws(StoreError) -> Result<BackendAccess, SecretsError> {
        try learn([], [backend], reader)
        return Result { () throws(SecretsError) in try access(backend) }
    }
    /// The same where no transaction is open.
    /// - Throws: `StoreError`, and `SecretsError` when the secret cannot be opened.
    func open(_ service: Service, in store: Store) async throws -> [UInt8]? {
        guard let sealed = service.secretSealed else { return nil }
        return try await keys.open(sealed, for: Self.place(service.id), in: store)
    }
    func access(_ backend: Backend, in store: Store) async throws -> BackendAccess {
        try await keys.learn([backend.secretSealed], in: store)
        return try access(backend)
    }

    // MARK: Those of a page, which are learned together where they are read and opened one by one later

    func learn(_ services: [Service] = [], _ backends: [Backend?] = [], _ reader: Reader) throws(StoreError) {
        try keys.learn(services.map(\.secretSealed) + backends.map { $0?.secretSealed }, reader)
    }

    private func open(_ service: Service) throws(SecretsError) -> [UInt8]? {
        guard let sealed = service.secretSealed else { return nil }
        return try keys.keyring.open(sealed, for: Self.place(service.id))
    }
    func access(_ backend: Backend) throws(SecretsError) -> BackendAccess {
        var secret: [UInt8]?
        if let sealed = backend.secretSealed { secret = try keys.keyring.open(sealed, for: Self.place(backend.id)) }
        return BackendAccess(
            id: backend.id, name: backend.name, address: backend.address, settings: backend.settings, secret: secret)
    }
    /// The service as its driver sees it.
    func order(_ service: Service, backend: Backend?, endsAt: Timestamp? = nil) throws(SecretsError) -> ServiceOrder {
        var access: BackendAccess?
        if let backend { access = try self.access(backend) }
        return ServiceOrder(
            id: service.id, owner: service.ownerID, label: service.label, limits: service.limits, options: service.options,
            choices: service.choices, details: service.details, secret: try open(service), backend: access,
            desired: service.desired, endsAt: endsAt)
    }
}
