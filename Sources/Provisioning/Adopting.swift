public import Domain
public import Store

/// Services that begin as something that is at a backend already.
extension Orders {
    /// What is at a backend, and whether a service stands for it.
    public struct Seen: Sendable {
        public let foundling: Foundling
        public let isKnown: Bool
        public init(_ foundling: Foundling, isKnown: Bool) { (self.foundling, self.isKnown) = (foundling, isKnown) }
    }

    /// Asks the backend. Nothing is changed.
    /// - Throws: `DriverError`, `StoreError`, and `SecretsError` when its password cannot be opened.
    public func foundlings(on backend: Backend, _ store: Store) async throws -> [Seen] {
        guard let driver = drivers[backend.kind] as? any Adopting else { throw Refusal.unknownKind.error }
        let found = try await driver.foundlings(on: try await secrets.access(backend, in: store))
        return try await store.read { reader throws(StoreError) in
            var taken: [String: Set<String>] = [:]
            var seen: [Seen] = []
            for foundling in found {
                var isKnown = false
                for claim in driver.claims(of: foundling, on: backend.id) {
                    let place = "\(claim.kind) \(claim.scope)"
                    if taken[place] == nil {
                        taken[place] = try reader.takenValues(kind: claim.kind, scope: claim.scope, at: reader.ambient.now())
                    }
                    if taken[place]?.contains(claim.value) == true { isKnown = true }
                }
                seen.append(Seen(foundling, isKnown: isKnown))
            }
            return seen
        }
    }

    /// A service that is this one from now on. Its first job looks, and changes only what is not as it shall be; what was used before
    /// counts for nobody.
    ///
    /// Suspend it in the same transaction when it shall not run.
    /// - Returns: what the operator has to know of it, too.
    public func adopt(
        _ foundling: Foundling, _ wish: Wish, on backend: Backend, actor: String, in transaction: Transaction
    ) throws(StoreError) -> Adopted {
        guard let driver = drivers[wish.kind] as? any Adopting else { throw Refusal.unknownKind.error }
        let id = ServiceID(transaction.ambient)
        // The backend is not called, so its password is not needed.
        let place = BackendAccess(
            id: backend.id, name: backend.name, address: backend.address, settings: backend.settings, secret: nil)
        let plain = ServiceOrder(
            id: id, owner: wish.owner, label: wish.label, limits: wish.limits, options: wish.options, backend: place)
        var adoption: Adoption
        do throws(DriverError) { adoption = try driver.adopt(foundling, as: plain, transaction.ambient) } catch {
            return .refused(error.description)
        }
        try transaction.takeTurn(.placing)
        for claim in adoption.preparation.claims {
            guard let value = claim.choose([]), try !transaction.isTaken(kind: claim.kind, scope: claim.scope, value: value) else {
                return .refused("another service has its \(claim.name)")
            }
        }
        let service = try keep(&adoption.preparation, wish, id, backend, transaction)
        try transaction.setServiceUnseen(service.id)
        if driver.followsEnd, wish.subscription?.endsAt != nil {
            // The backend hears when its time is over.
            try transaction.setServiceTerms(of: service, limits: wish.limits, options: wish.options)
        }
        if let usage = foundling.usage {
            var meter = ServiceMeter(beginning: id, at: transaction.ambient.now())
            meter.transfer = TransferMeter(lastReceived: usage.received, lastSent: usage.sent, totalReceived: 0, totalSent: 0)
            meter.handshakeAt = usage.handshake
            try transaction.keepMeter(meter)
        }
        guard let unknown = try transaction.service(id) else { throw .programming("an adopted service is gone") }
        _ = try begin(unknown, wish, "service.adopt", actor, nil, transaction)
        return .kept(unknown, notes: adoption.notes)
    }

    /// What became of a foundling.
    public enum Adopted: Sendable {
        case kept(Service, notes: [String])
        /// Nothing was written; why.
        case refused(String)
    }
}
