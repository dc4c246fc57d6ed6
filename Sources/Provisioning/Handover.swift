public import Domain
internal import Secrets
public import Store

/// Hands a service's config to whoever may have it: fetched or built now, kept nowhere, and written into the audit.
public struct Handover: Sendable {
    let store: Store
    let orders: Orders
    public init(store: Store, orders: Orders) { (self.store, self.orders) = (store, orders) }

    /// Why there is none.
    public enum Refusal: Error, Equatable, Sendable {
        /// Services of this kind have none, or this one has none to give: the reason is for the owner.
        case none(String)
        /// It was to be had once.
        case alreadyHandedOver
        /// What is stored cannot be opened.
        case unreadable
        /// The backend keeps it and does not answer; safe to show.
        case unreachable(String)
        case linkIsOver
    }

    /// - Parameters:
    ///   - link: hash of a one-time link's secret, which is used up with this.
    ///   - actor: for the audit.
    /// - Throws: `Refusal`, `StoreError`.
    public func config(of service: Service, actor: String, request: RequestID?, link: [UInt8]? = nil) async throws -> ServiceConfig {
        guard service.desired != .terminated, let driver = orders.drivers[service.kind] as? any ConfigDelivery else {
            throw Refusal.none("services of this kind have no config")
        }
        let opened = try await store.read { reader throws(StoreError) in
            let backend = try service.backendID.flatMap { id throws(StoreError) in try reader.backend(id) }
            return try orders.secrets.order(service, backend: backend, reader)
        }
        let order: ServiceOrder
        do throws(SecretsError) { order = try opened.get() } catch { throw Refusal.unreadable }
        let config: ServiceConfig
        let rest: [UInt8]?
        do throws(DriverError) {
            config = try await driver.config(of: order)
            rest = try driver.secretAfterDelivery(of: order)
        } catch {
            switch error {
            case .refused("already downloaded"): throw Refusal.alreadyHandedOver
            case .refused(let reason), .noCapacity(let reason): throw Refusal.none(reason)
            case .badOptions: throw Refusal.none(error.description)
            case .unreachable(let reason), .outcomeUnknown(let reason): throw Refusal.unreachable(reason)
            }
        }
        let sealed = rest == order.secret ? service.secretSealed : orders.secrets.seal(rest, of: service.id)
        let changes = rest != order.secret
        let refusal = try await store.transaction { [orders] transaction throws(StoreError) -> Refusal? in
            if let link, try transaction.useConfigLink(secretHash: link) == nil { return .linkIsOver }
            if changes {
                // Of two at once one gets it.
                guard let now = try transaction.serviceForChange(service.id) else { return .alreadyHandedOver }
                // Sealed anew by a rotation in between it is the same secret.
                let secret = try orders.secrets.open(now, transaction)
                do throws(SecretsError) {
                    guard try secret.get() == order.secret else { return .alreadyHandedOver }
                } catch { return .unreadable }
                try transaction.setServiceSecret(sealed, of: service.id)
            }
            try transaction.audit(actor: actor, action: "service.config", subject: service.id.text, requestID: request)
            return nil
        }
        if let refusal { throw refusal }
        return config
    }
}
