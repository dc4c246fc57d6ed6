import Domain
import Provisioning
import Secrets
import Store
import Telemetry
import TestKit
import Testing

/// `gatehouse secrets rotate` seals everything anew with a data key that a running server has not seen: orders, jobs, reconcile and what
/// operators ask of a node go on all the same.
struct RotationTests {
    private static let password = SecretBytes([UInt8](repeating: 3, count: 32))
    private static func keyring(_ keys: [WrappedKey], _ clock: TestClock) throws -> Keyring {
        try Keyring.open(keys, encryptionKey: password, legacyKey: nil, ambient: clock.ambient)
    }

    @Test(arguments: [TestDatabase.sqliteInMemory, .postgres])
    func `what a rotation has sealed opens in a server that was started before it`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let wrapped = try (0..<2).map { _ in try Keyring.makeDataKey(encryptionKey: Self.password, ambient: clock.ambient) }
            let (before, after) = (try Self.keyring([wrapped[0]], clock), try Self.keyring(wrapped, clock))
            let keys = DataKeys(before) { _ throws(SecretsError) in after }
            let drivers = DriverTable([NotebookDriver(Notebook(), kind: .vpn, usesBackends: true)])
            let orders = Orders(drivers: drivers, keys: keys)
            let workers = Workers(store: store, drivers: drivers, keys: keys, log: .silent, metrics: Metrics())
            func order(_ label: String) async throws -> Service {
                try await store.transaction { transaction throws(StoreError) in
                    let wish = Orders.Wish(kind: .vpn, label: label, limits: ["size": 5], owner: nil)
                    return try orders.order(wish, actor: "system", in: transaction).service
                }
            }
            func service(_ id: ServiceID) async throws -> Service {
                let found = try await store.read { reader throws(StoreError) in try reader.service(id) }
                guard let found else { throw StoreError.busy }
                return found
            }
            try await store.transaction { transaction throws(StoreError) in
                let id = BackendID(transaction.ambient)
                let place = SealedPlace(table: "backends", row: id.text, column: "secret_sealed")
                _ = try transaction.createBackend(
                    NewBackend(id: id, kind: .vpn, name: "n", address: "", secretSealed: before.seal([1], for: place), capacity: 1000))
            }
            let first = try await order("first")
            try await workers.drain()
            let made = try await service(first.id)
            #expect(made.actual == .active)

            #expect(try await Orders.reseal(store, after) == 2)
            let resealed = try await service(first.id)
            #expect(resealed.secretSealed.flatMap(Keyring.keyID) == after.keyID && resealed.updatedAt == made.updatedAt)
            let other = DataKeys(before) { _ throws(SecretsError) in after }
            let secret = try await Orders(drivers: drivers, keys: other).secret(of: resealed, in: store)
            #expect(secret == Array("secret of \(first.id.text)".utf8))
            let stubborn = Orders(drivers: drivers, keys: DataKeys(before))
            await #expect(throws: SecretsError.unknownKey(id: after.keyID)) { _ = try await stubborn.secret(of: resealed, in: store) }

            // The transaction of an order learns the key itself, a lease does, and reconcile does.
            let second = try await order("second")
            _ = try await store.transaction { transaction throws(StoreError) in
                try orders.change(first.id, .suspend(Suspension.ownPause), actor: "system", in: transaction)
            }
            let later = Workers(
                store: store, drivers: drivers, keys: DataKeys(before) { _ throws(SecretsError) in after }, log: .silent, metrics: Metrics()
            )
            try await later.drain()
            #expect(try await service(second.id).actual == .active)
            #expect(try await service(first.id).actual == .suspended)
            let fresh = Orders(drivers: drivers, keys: DataKeys(before) { _ throws(SecretsError) in after })
            let reports = try await Reconcile(store: store, orders: fresh, log: .silent, metrics: Metrics(), wake: {}).pass()
            #expect(reports.map(\.failure) == [nil] && reports.first?.services == 2)
        }
    }

    /// More than one batch, and rows that somebody changes meanwhile stay theirs.
    @Test func `a rotation goes through the services in batches`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let wrapped = try (0..<2).map { _ in try Keyring.makeDataKey(encryptionKey: Self.password, ambient: clock.ambient) }
            let (before, after) = (try Self.keyring([wrapped[0]], clock), try Self.keyring(wrapped, clock))
            let drivers = DriverTable([NotebookDriver(Notebook(), kind: .vpn)])
            let orders = Orders(drivers: drivers, keys: DataKeys(before))
            for number in 0..<201 {
                _ = try await store.transaction { transaction throws(StoreError) in
                    let wish = Orders.Wish(kind: .vpn, label: "\(number)", limits: ["size": 5], owner: nil)
                    return try orders.order(wish, actor: "system", in: transaction)
                }
            }
            #expect(try await Orders.reseal(store, after) == 201)
            let sealed = try await store.read { reader throws(StoreError) in try reader.serviceSecrets(after: nil, limit: 1000) }
            #expect(Set(sealed.map { Keyring.keyID(of: $0.sealed) }) == [after.keyID])
        }
    }
}
