internal import Domain
internal import Drivers
internal import Provisioning
internal import Secrets
internal import Store

/// VPN nodes as operators set them up: kept as backends, checked before they are.
struct NodeKeeping: Sendable {
    /// The node that the settings describe.
    static let standardName = "default"
    let store: Store
    let orders: Orders
    let keyring: Keyring

    struct Wish: Sendable, Equatable {
        let address: String
        let settings: JSON
        let capacity: Int64
    }

    /// Makes the node, or gives the one of that name these settings. A secret that is left out stays.
    /// - Throws: `DriverError` for settings that cannot be used, `StoreError`.
    func keep(_ wish: Wish, named name: String, secret: SecretBytes?, actor: String) async throws -> BackendID {
        let known = try await store.read { reader throws(StoreError) in try reader.backend(named: name) }
        if let known, known.kind != .vpn { throw Failure("there is a backend \(name) of another kind") }
        let id = known?.id ?? BackendID(store.ambient)
        let access = BackendAccess(
            id: id, name: name, address: wish.address, settings: wish.settings, secret: secret.map { $0.reveal { $0 } })
        if let refusal = (orders.drivers[.vpn] as? WireGuardDriver)?.refusal(of: access) { throw refusal }
        let place = SealedPlace(table: "backends", row: id.text, column: "secret_sealed")
        let sealed = access.secret.map { keyring.seal($0, for: place) } ?? known?.secretSealed
        try await store.transaction { transaction throws(StoreError) in
            if let known {
                _ = try transaction.updateBackend(
                    id, address: wish.address, settings: wish.settings, secretSealed: sealed, capacity: wish.capacity)
                let before = Wish(address: known.address, settings: known.settings, capacity: known.capacity)
                guard before != wish else { return }
            } else {
                _ = try transaction.createBackend(
                    NewBackend(
                        id: id, kind: .vpn, name: name, address: wish.address, settings: wish.settings, secretSealed: sealed,
                        capacity: wish.capacity))
            }
            try transaction.audit(
                actor: actor, action: known == nil ? "backend.create" : "backend.change", subject: id.text,
                after: JSON.object(["name": .string(name), "address": .string(wish.address), "settings": wish.settings]).text)
        }
        return id
    }

    /// Those in use, without their secrets.
    func accesses() async throws(StoreError) -> [BackendAccess] {
        try await store.read { reader throws(StoreError) in try reader.backends(kind: .vpn) }.filter { $0.status != .disabled }.map {
            BackendAccess(id: $0.id, name: $0.name, address: $0.address, settings: $0.settings, secret: nil)
        }
    }

    /// Asks the node itself.
    /// - Throws: `DriverError` with why it cannot be used.
    func test(_ backend: Backend) async throws -> String {
        let place = SealedPlace(table: "backends", row: backend.id.text, column: "secret_sealed")
        let secret = try backend.secretSealed.map { sealed throws(SecretsError) in try keyring.open(sealed, for: place) }
        guard let driver = orders.drivers[.vpn] as? WireGuardDriver else { throw Failure("there is no driver for VPN nodes") }
        return try await driver.description(
            of: BackendAccess(
                id: backend.id, name: backend.name, address: backend.address, settings: backend.settings, secret: secret))
    }
}
