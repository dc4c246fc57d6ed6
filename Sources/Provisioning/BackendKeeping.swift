public import Domain
public import Secrets
public import Store

/// Backends as operators set them up: checked before they are kept, their secrets sealed.
public struct BackendKeeping: Sendable {
    let store: Store
    let orders: Orders
    public init(store: Store, orders: Orders) { (self.store, self.orders) = (store, orders) }

    public struct Wish: Sendable, Equatable {
        public var address: String
        public var settings: JSON
        /// Services it takes.
        public var capacity: Int64
        public init(address: String, settings: JSON, capacity: Int64) {
            (self.address, self.settings, self.capacity) = (address, settings, capacity)
        }
    }

    /// What one may be called: a word for commands and logs.
    public static func checkName(_ name: String) throws(ParseError) {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({
                (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || [0x2d, 0x2e, 0x5f].contains($0)
            })
        else { throw ParseError("1 to 64 letters, digits and ._-", got: name) }
    }

    /// Makes the backend, or gives the one of that name these settings. A secret that is left out stays.
    /// - Throws: `DriverError` for settings that cannot be used, or not beside the others; `StoreError`, `.refused("other_kind")` for a name
    ///   of another kind's.
    public func keep(_ kind: ServiceKind, _ wish: Wish, named name: String, secret: SecretBytes?, actor: String, request: RequestID? = nil)
        async throws -> BackendID
    {
        let (known, others) = try await store.read { reader throws(StoreError) in
            (try reader.backend(named: name), try reader.backends(kind: kind))
        }
        if let known, known.kind != kind { throw StoreError.refused("other_kind") }
        let id = known?.id ?? BackendID(store.ambient)
        let access = BackendAccess(
            id: id, name: name, address: wish.address, settings: wish.settings, secret: secret.map { $0.reveal { $0 } })
        guard let driver = orders.drivers[kind] as? any BackendTending else { throw Orders.Refusal.unknownKind.error }
        if let refusal = driver.refusal(of: access) { throw refusal }
        // Two that are wrong together already are told at the start; here nobody makes a new pair.
        if known?.status != .disabled {
            let beside = others.filter { $0.status != .disabled && $0.id != id }.map(Self.plain)
            let clash = Set(driver.conflicts(beside + [access])).subtracting(driver.conflicts(beside))
            if let sentence = clash.sorted().first { throw DriverError.refused(sentence) }
        }
        let sealed = access.secret.map { orders.secrets.keys.keyring.seal($0, for: ServiceSecrets.place(id)) } ?? known?.secretSealed
        try await store.transaction { transaction throws(StoreError) in
            if let known {
                _ = try transaction.updateBackend(
                    id, address: wish.address, settings: wish.settings, secretSealed: sealed, capacity: wish.capacity)
                let before = Wish(address: known.address, settings: known.settings, capacity: known.capacity)
                guard before != wish || secret != nil else { return }
            } else {
                _ = try transaction.createBackend(
                    NewBackend(
                        id: id, kind: kind, name: name, address: wish.address, settings: wish.settings, secretSealed: sealed,
                        capacity: wish.capacity))
            }
            try transaction.audit(
                actor: actor, action: known == nil ? "backend.create" : "backend.change", subject: id.text,
                after: JSON.object(["name": .string(name), "address": .string(wish.address), "settings": wish.settings]).text,
                requestID: request)
        }
        return id
    }

    /// Whether it takes new services, keeps what it has, or is left alone.
    /// - Throws: `DriverError` when it may not be used beside the others.
    public func setStatus(_ status: BackendStatus, of backend: Backend, actor: String, request: RequestID? = nil) async throws {
        if status != .disabled, let driver = orders.drivers[backend.kind] as? any BackendTending {
            let others = try await store.read { reader throws(StoreError) in try reader.backends(kind: backend.kind) }
            let beside = others.filter { $0.status != .disabled && $0.id != backend.id }.map(Self.plain)
            let clash = Set(driver.conflicts(beside + [Self.plain(backend)])).subtracting(driver.conflicts(beside))
            if let sentence = clash.sorted().first { throw DriverError.refused(sentence) }
        }
        try await store.transaction { transaction throws(StoreError) in
            _ = try transaction.setBackendStatus(status, of: backend.id)
            try transaction.audit(
                actor: actor, action: "backend.status", subject: backend.id.text, before: JSON.string(backend.status.rawValue).text,
                after: JSON.string(status.rawValue).text, requestID: request)
        }
    }

    /// Sentences about those in use that must not be used together.
    public func conflicts(_ kind: ServiceKind) async throws(StoreError) -> [String] {
        guard let driver = orders.drivers[kind] as? any BackendTending else { return [] }
        return driver.conflicts(try await accesses(kind))
    }

    /// Those in use, without their secrets.
    public func accesses(_ kind: ServiceKind) async throws(StoreError) -> [BackendAccess] {
        try await store.read { reader throws(StoreError) in try reader.backends(kind: kind) }.filter { $0.status != .disabled }.map(
            Self.plain)
    }
    private static func plain(_ backend: Backend) -> BackendAccess {
        BackendAccess(id: backend.id, name: backend.name, address: backend.address, settings: backend.settings, secret: nil)
    }

    /// Asks the backend itself.
    /// - Throws: `DriverError` with why it cannot be used.
    public func test(_ backend: Backend) async throws -> String {
        guard let driver = orders.drivers[backend.kind] as? any BackendTending else { throw Orders.Refusal.unknownKind.error }
        return try await driver.description(of: try await orders.secrets.access(backend, in: store))
    }
}
