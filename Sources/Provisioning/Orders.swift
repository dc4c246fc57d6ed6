public import Domain
internal import Secrets
public import Store

/// What a command writes, all of it in the caller's transaction: what the service shall be, the job that brings it there, an operation to
/// poll, an audit event, and the promise to tell others. Wake the workers after the commit.
public struct Orders: Sendable {
    public let drivers: DriverTable
    let secrets: ServiceSecrets

    public init(drivers: DriverTable, keys: DataKeys) {
        self.drivers = drivers
        secrets = ServiceSecrets(keys: keys)
    }

    /// Why a command was not taken; nothing was written. Codes of `StoreError.refused`.
    public enum Refusal: String, Sendable, CaseIterable {
        case unknownService = "service_unknown"
        case terminated = "service_terminated"
        /// No driver of that kind is built in.
        case unknownKind = "kind_unknown"
        /// No backend of that kind has room, or no address or port is free.
        case noCapacity = "no_capacity"
        /// Another service has the key, address or name that was asked for.
        case taken = "already_taken"
        case badOptions = "bad_options"
        /// The plan allows no more services.
        case tooMany = "too_many_services"
        var error: StoreError { .refused(rawValue) }
    }

    /// What somebody orders.
    public struct Wish: Sendable {
        public var subscription: Subscription?
        public var owner: UserID?
        public var kind: ServiceKind
        public var label: String
        public var limits: JSON
        public var options: JSON
        public init(
            kind: ServiceKind, label: String, limits: JSON, options: JSON = [:], owner: UserID?, subscription: Subscription? = nil
        ) {
            (self.kind, self.label, self.limits, self.options) = (kind, label, limits, options)
            (self.owner, self.subscription) = (owner, subscription)
        }
    }

    /// A new service: its names, keys and addresses are chosen and kept now, before anything is called.
    /// - Throws: `.refused` with a `Refusal`.
    public func order(_ wish: Wish, actor: String, request: RequestID? = nil, in transaction: Transaction) throws(StoreError) -> (
        service: Service, operation: Operation
    ) {
        guard let driver = drivers[wish.kind] else { throw Refusal.unknownKind.error }
        do throws(InputErrors) { try driver.check(options: wish.options) } catch { throw Refusal.badOptions.error }
        // Counted in the transaction of the order: two at once cannot both be the last.
        try transaction.takeTurn(.placing)
        if let owner = wish.owner, let user = try transaction.user(owner),
            try transaction.liveServiceCount(owner: owner) >= user.limits.services
        {
            throw Refusal.tooMany.error
        }
        var backend: Backend?
        if driver.usesBackends {
            backend = try transaction.roomiestBackend(kind: wish.kind)
            guard backend != nil else { throw Refusal.noCapacity.error }
        }
        let id = ServiceID(transaction.ambient)
        let opened = try backend.map { backend throws(StoreError) in try secrets.access(backend, transaction) }
        let access: BackendAccess?
        do throws(SecretsError) { access = try opened?.get() } catch {
            throw .programming("the backend's secret cannot be opened: \(error)")
        }
        let plain = ServiceOrder(
            id: id, owner: wish.owner, label: wish.label, limits: wish.limits, options: wish.options, backend: access)
        var prepared: Preparation
        do throws(DriverError) { prepared = try driver.prepare(plain, transaction.ambient) } catch {
            if case .badOptions = error { throw Refusal.badOptions.error }
            throw Refusal.noCapacity.error
        }
        let service = try keep(&prepared, wish, id, backend, transaction)
        let operation = try begin(service, wish, "service.order", actor, request, transaction)
        return (service, operation)
    }

    /// The service, with what was prepared for it, and what only it may have.
    func keep(
        _ prepared: inout Preparation, _ wish: Wish, _ id: ServiceID, _ backend: Backend?, _ transaction: Transaction
    ) throws(StoreError) -> Service {
        for claim in prepared.claims { prepared.choices[claim.name] = .string(try choose(claim, transaction)) }
        let service = try transaction.createService(
            NewService(
                id: id, subscriptionID: wish.subscription?.id, ownerID: wish.owner, kind: wish.kind, backendID: backend?.id,
                label: wish.label, limits: wish.limits, options: wish.options, choices: .object(prepared.choices),
                details: .object(prepared.details), secretSealed: secrets.seal(prepared.secret, of: id)))
        for claim in prepared.claims {
            let value = prepared.choices[claim.name]?.string ?? ""
            let isMine = try transaction.claim(
                kind: claim.kind, scope: claim.scope, value: value, for: id, restSeconds: claim.restSeconds)
            guard isMine else { throw .busy }
        }
        return service
    }

    /// Its first job, and everybody told.
    func begin(
        _ service: Service, _ wish: Wish, _ action: String, _ actor: String, _ request: RequestID?, _ transaction: Transaction
    ) throws(StoreError) -> Operation {
        let job = try transaction.queueJob(for: service)
        let operation = try transaction.createOperation("provision", of: service.id, job: job, actor: actor)
        try transaction.audit(
            actor: actor, action: action, subject: service.id.text, before: nil,
            after: JSON.object(["kind": .string(wish.kind.text), "label": .string(wish.label)]).text, requestID: request)
        try promise("service.ordered", service, transaction)
        return operation
    }

    func choose(_ claim: ClaimWish, _ transaction: Transaction) throws(StoreError) -> String {
        if claim.isExact, let value = claim.choose([]) {
            guard try !transaction.isTaken(kind: claim.kind, scope: claim.scope, value: value) else { throw Refusal.taken.error }
            return value
        }
        let taken = try transaction.takenValues(kind: claim.kind, scope: claim.scope, at: transaction.ambient.now())
        guard let value = claim.choose(taken) else { throw Refusal.noCapacity.error }
        return value
    }

    /// What can be commanded of a service.
    public enum Change: Sendable {
        case suspend(Suspension)
        /// Ends the suspensions that this cause may end; nil reasons: all of them.
        case lift(LiftCause, only: Set<SuspensionReason>? = nil)
        /// For good.
        case terminate
        /// New limits, as of another plan.
        case limits(JSON)
        /// Tries again now what has not worked.
        case retry

        var verb: String {
            switch self {
            case .suspend: "suspend"
            case .lift: "resume"
            case .terminate: "terminate"
            case .limits: "change"
            case .retry: "retry"
            }
        }
    }

    /// Changes what the service shall be. A command that changes nothing gives an operation that is done.
    /// - Throws: `.refused` with a `Refusal`: a terminated service takes nothing but `terminate` and `retry`.
    public func change(
        _ id: ServiceID, _ change: Change, actor: String, request: RequestID? = nil, in transaction: Transaction
    ) throws(StoreError) -> Operation {
        guard var service = try transaction.serviceForChange(id) else { throw Refusal.unknownService.error }
        let before = try transaction.suspensions(of: id)
        var position = ServicePosition(
            isTerminated: service.desired == .terminated, suspensions: before, actual: service.actual, isCurrent: service.isCurrent)
        switch change {
        case .suspend(let suspension): position.suspensions.insert(suspension)
        case .lift(let cause, let reasons): position.suspensions.subtract(Lifecycle.lifted(before, by: cause, only: reasons))
        case .terminate: position.isTerminated = true
        case .limits, .retry: break
        }
        let isOver = service.desired == .terminated
        if isOver {
            switch change {
            case .terminate, .retry: break
            case .suspend, .lift, .limits: throw Refusal.terminated.error
            }
        }
        if case .limits(let limits) = change, limits != service.limits {
            try transaction.setServiceTerms(of: service, limits: limits, options: service.options)
            guard let changed = try transaction.service(id) else { throw Refusal.unknownService.error }
            service = changed
        }
        if case .lift(.payment, _) = change, drivers[service.kind]?.followsEnd == true {
            // The backend knows the old end: it hears the new one even when nothing was suspended.
            try transaction.setServiceTerms(of: service, limits: service.limits, options: service.options)
            guard let changed = try transaction.service(id) else { throw Refusal.unknownService.error }
            service = changed
        }
        let desired = position.desired
        let changesDesired = desired != service.desired || position.suspensions != before
        if changesDesired { try transaction.setDesired(desired, suspensions: position.suspensions, of: service) }
        // What is under way was leased for the older wish; the job queued now comes right after it.
        let isBehind = Lifecycle.nextAction(desired, service.actual, isCurrent: service.isCurrent) != nil
        let job: JobID? = isBehind ? try transaction.queueJob(for: service) : nil
        let operation = try transaction.createOperation(change.verb, of: id, job: job, actor: actor)
        try transaction.audit(
            actor: actor, action: "service.\(change.verb)", subject: id.text, before: Self.shown(service.desired, before),
            after: Self.shown(desired, position.suspensions), requestID: request)
        if desired != service.desired { try promise("service.\(desired.rawValue)", service, transaction) }
        return operation
    }

    private static func shown(_ desired: DesiredState, _ suspensions: Set<Suspension>) -> String {
        let reasons = suspensions.map { "\($0.reason.rawValue) by \($0.authority.rawValue)" }.sorted()
        return JSON.object(["desired": .string(desired.rawValue), "suspensions": .array(reasons.map { .string($0) })]).text
    }

    private func promise(_ kind: String, _ service: Service, _ transaction: Transaction) throws(StoreError) {
        try transaction.promise(
            kind, subject: service.id.text,
            body: [
                "service_id": .string(service.id.text), "kind": .string(service.kind.text), "label": .string(service.label),
                "owner_id": service.ownerID.map { .string($0.text) } ?? .null,
            ])
    }

    /// The secret of a service, unsealed; nil when there is none or it was handed over.
    /// - Throws: `SecretsError` when it cannot be opened.
    public func secret(of service: Service, in store: Store) async throws -> [UInt8]? {
        try await secrets.open(service, in: store)
    }
}
