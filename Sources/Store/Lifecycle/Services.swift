public import Domain

/// One sold thing with a life cycle.
public struct Service: Sendable, Equatable, RowReadable {
    public let id: ServiceID
    public let number: Int64
    /// nil for one that an operator made for itself.
    public let subscriptionID: SubscriptionID?
    public let ownerID: UserID?
    public let kind: ServiceKind
    public let backendID: BackendID?
    public let label: String
    public let desired: DesiredState
    public let actual: ActualState
    /// Rises when limits or options change; the backend has those of `appliedRevision`.
    public let wantedRevision: Int64
    public let appliedRevision: Int64
    /// Whether there is nothing to do.
    public let isConverged: Bool
    public let limits: JSON
    public let options: JSON
    /// What was chosen before the first call; never shown.
    public let choices: JSON
    /// What the owner sees.
    public let details: JSON
    public let secretSealed: [UInt8]?
    /// Why the last try failed, safe to show to operators; nil after a success.
    public let failure: String?
    /// When it was first seen at its backend.
    public let madeAt: Timestamp?
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
    /// When it was ended and is gone.
    public let endedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        number = try row["number"]
        subscriptionID = try row["subscription_id"]
        ownerID = try row["owner_id"]
        kind = try row["kind"]
        backendID = try row["backend_id"]
        label = try row["label"]
        desired = try row["desired"]
        actual = try row["actual"]
        wantedRevision = try row["wanted_revision"]
        appliedRevision = try row["applied_revision"]
        isConverged = try row["converged"]
        limits = try row["limits"]
        options = try row["options"]
        choices = try row["choices"]
        details = try row["details"]
        secretSealed = try row["secret_sealed"]
        failure = try row["failure"]
        madeAt = try row["made_at"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
        endedAt = try row["ended_at"]
    }
    static let columns: SQL = """
        id, number, subscription_id, owner_id, kind, backend_id, label, desired, actual, wanted_revision, applied_revision, converged,
        limits, options, choices, details, secret_sealed, failure, made_at, created_at, updated_at, ended_at
        """

    public var isCurrent: Bool { appliedRevision >= wantedRevision }
    public var nextAction: ServiceAction? { Lifecycle.nextAction(desired, actual, isCurrent: isCurrent) }
    /// Jobs of one place share its share of the workers.
    public var place: String { backendID?.text ?? kind.text }
}

public struct NewService: Sendable {
    public var id: ServiceID
    public var subscriptionID: SubscriptionID?
    public var ownerID: UserID?
    public var kind: ServiceKind
    public var backendID: BackendID?
    public var label: String
    public var limits: JSON
    public var options: JSON
    public var choices: JSON
    public var details: JSON
    public var secretSealed: [UInt8]?
    public init(
        id: ServiceID, subscriptionID: SubscriptionID?, ownerID: UserID?, kind: ServiceKind, backendID: BackendID?, label: String,
        limits: JSON, options: JSON, choices: JSON = [:], details: JSON = [:], secretSealed: [UInt8]? = nil
    ) {
        (self.id, self.subscriptionID, self.ownerID, self.kind, self.backendID) = (id, subscriptionID, ownerID, kind, backendID)
        (self.label, self.limits, self.options, self.choices, self.details) = (label, limits, options, choices, details)
        self.secretSealed = secretSealed
    }
}

/// Which services a list shows.
public struct ServiceFilter: Sendable {
    public var owner: UserID?
    public var subscription: SubscriptionID?
    public var kind: ServiceKind?
    public var backend: BackendID?
    public var desired: DesiredState?
    public var isBehind: Bool
    /// Without those that have ended.
    public var isAlive: Bool
    public init(
        owner: UserID? = nil, subscription: SubscriptionID? = nil, kind: ServiceKind? = nil, backend: BackendID? = nil,
        desired: DesiredState? = nil, isBehind: Bool = false, isAlive: Bool = false
    ) {
        (self.owner, self.subscription, self.kind, self.backend) = (owner, subscription, kind, backend)
        (self.desired, self.isBehind, self.isAlive) = (desired, isBehind, isAlive)
    }
    var condition: SQL {
        var condition: SQL = "1 = 1"
        if let owner { condition = "\(condition) AND owner_id = \(owner)" }
        if let subscription { condition = "\(condition) AND subscription_id = \(subscription)" }
        if let kind { condition = "\(condition) AND kind = \(kind)" }
        if let backend { condition = "\(condition) AND backend_id = \(backend)" }
        if let desired { condition = "\(condition) AND desired = \(desired)" }
        if isBehind { condition = "\(condition) AND NOT converged" }
        if isAlive { condition = "\(condition) AND ended_at IS NULL" }
        return condition
    }
}

extension Reader {
    /// The service that has sold this relay key and has not ended. Reads the services' documents: for rare questions only.
    public func liveService(holding key: APIKeyID) throws(StoreError) -> ServiceID? {
        // Ids hold no sign that LIKE or JSON knows.
        let pattern = "%\"\(key.text)\"%"
        return try rows("SELECT id FROM services WHERE ended_at IS NULL AND kind = 'relay' AND details LIKE \(pattern) LIMIT 1").first.map {
            row throws(StoreError) in try row["id"]
        }
    }

    public func service(_ id: ServiceID) throws(StoreError) -> Service? {
        try first("SELECT \(Service.columns) FROM services WHERE id = \(id)")
    }
    public func service(number: Int64) throws(StoreError) -> Service? {
        try first("SELECT \(Service.columns) FROM services WHERE number = \(number)")
    }
    /// By id, oldest first. `after` is the last id of the page before.
    public func services(_ filter: ServiceFilter, after: ServiceID? = nil, limit: Int) throws(StoreError) -> Page<Service> {
        let limit = PageLimits.clamp(limit)
        let rows: [Service] = try all(
            """
            SELECT \(Service.columns) FROM services WHERE \(filter.condition) AND id > COALESCE(\(after), '') ORDER BY id LIMIT \(limit + 1)
            """)
        return Page(rows, limit: limit)
    }
    /// Sealed secrets of services, ended ones too, by id; at most `limit`.
    public func serviceSecrets(after: ServiceID?, limit: Int) throws(StoreError) -> [(id: ServiceID, sealed: [UInt8])] {
        try rows(
            """
            SELECT id, secret_sealed FROM services WHERE secret_sealed IS NOT NULL AND id > COALESCE(\(after), '') ORDER BY id
            LIMIT \(PageLimits.clamp(limit))
            """
        ).map { row throws(StoreError) in (try row["id"], try row["secret_sealed"]) }
    }
    /// Of a subscription, those that have not ended.
    public func liveServices(of subscription: SubscriptionID) throws(StoreError) -> [Service] {
        try all(
            """
            SELECT \(Service.columns) FROM services WHERE subscription_id = \(subscription) AND desired <> \(DesiredState.terminated)
            ORDER BY number
            """)
    }
    /// By number, for the surfaces that page by `skip` and `limit`; those that have ended are left out.
    public func liveServices(_ filter: ServiceFilter, offset: Int, limit: Int) throws(StoreError) -> [Service] {
        try all(
            """
            SELECT \(Service.columns) FROM services WHERE \(filter.condition) AND ended_at IS NULL
            ORDER BY number LIMIT \(PageLimits.clamp(limit)) OFFSET \(max(0, offset))
            """)
    }
    /// Services of a person that have not ended.
    public func liveServiceCount(owner: UserID) throws(StoreError) -> Int64 {
        try value(
            "count", "SELECT COUNT(*) AS count FROM services WHERE owner_id = \(owner) AND desired <> \(DesiredState.terminated)") ?? 0
    }
    public func serviceCount(_ filter: ServiceFilter) throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM services WHERE \(filter.condition)") ?? 0
    }

    public func suspensions(of id: ServiceID) throws(StoreError) -> Set<Suspension> {
        var found: Set<Suspension> = []
        for row in try rows("SELECT reason, authority FROM suspensions WHERE service_id = \(id)") {
            found.insert(Suspension(try row["reason"], by: try row["authority"]))
        }
        return found
    }

    /// Services with something to do and no job that will do it, whose last job ended before `before`; at most `limit`.
    public func servicesLeftBehind(before: Timestamp, limit: Int) throws(StoreError) -> [Service] {
        try all(
            """
            SELECT \(Service.columns) FROM services WHERE NOT converged AND updated_at <= \(before)
                AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.service_id = services.id AND jobs.state IN ('queued', 'running'))
            ORDER BY updated_at LIMIT \(PageLimits.clamp(limit))
            """)
    }
}

extension Transaction {
    /// Desired active, actual absent, nothing done yet.
    public func createService(_ new: NewService) throws(StoreError) -> Service {
        let now = ambient.now()
        let made: Service? = try first(
            """
            INSERT INTO services (id, subscription_id, owner_id, kind, backend_id, label, desired, actual, wanted_revision,
                applied_revision, converged, limits, options, choices, details, secret_sealed, created_at, updated_at)
            VALUES (\(new.id), \(new.subscriptionID), \(new.ownerID), \(new.kind), \(new.backendID), \(new.label), \(DesiredState.active),
                \(ActualState.absent), 1, 1, \(false), \(new.limits), \(new.options), \(new.choices), \(new.details), \(new.secretSealed),
                \(now), \(now))
            RETURNING \(Service.columns)
            """)
        guard let made else { throw .programming("a new service gave no row") }
        return made
    }

    /// The service's row, taken for change until the transaction ends.
    public func serviceForChange(_ id: ServiceID) throws(StoreError) -> Service? {
        try first("SELECT \(Service.columns) FROM services WHERE id = \(id) \(locking)")
    }

    /// What is there is not known yet: its first job looks before anything else.
    public func setServiceUnseen(_ id: ServiceID) throws(StoreError) {
        try execute("UPDATE services SET actual = \(ActualState.unknown), updated_at = \(ambient.now()) WHERE id = \(id)")
    }

    /// Sets what the service shall be. The caller has decided by `Lifecycle`.
    public func setDesired(_ desired: DesiredState, suspensions: Set<Suspension>, of service: Service) throws(StoreError) {
        let now = ambient.now()
        let before = try self.suspensions(of: service.id)
        for gone in before.subtracting(suspensions) {
            try execute(
                "DELETE FROM suspensions WHERE service_id = \(service.id) AND reason = \(gone.reason) AND authority = \(gone.authority)")
        }
        for new in suspensions.subtracting(before) {
            try execute(
                """
                INSERT INTO suspensions (service_id, reason, authority, since)
                VALUES (\(service.id), \(new.reason), \(new.authority), \(now))
                """)
        }
        let isConverged = Lifecycle.nextAction(desired, service.actual, isCurrent: service.isCurrent) == nil
        try execute(
            """
            UPDATE services SET desired = \(desired), converged = \(isConverged), updated_at = \(now),
                ended_at = CASE WHEN \(desired == .terminated && isConverged) THEN COALESCE(ended_at, \(now)) ELSE ended_at END
            WHERE id = \(service.id)
            """)
        if desired == .terminated, isConverged { try releaseClaims(of: service.id) }
    }

    /// New limits or options, to be applied by the next job; of a service that may not run, once it may again.
    public func setServiceTerms(of service: Service, limits: JSON, options: JSON) throws(StoreError) {
        let isConverged = Lifecycle.nextAction(service.desired, service.actual, isCurrent: false) == nil
        try execute(
            """
            UPDATE services SET limits = \(limits), options = \(options), wanted_revision = wanted_revision + 1,
                converged = \(isConverged), updated_at = \(ambient.now())
            WHERE id = \(service.id) AND desired <> \(DesiredState.terminated)
            """)
    }

    /// What was chosen otherwise.
    public func setServiceChoices(
        of id: ServiceID, choices: JSON, details: JSON, options: JSON, secretSealed: [UInt8]?
    ) throws(StoreError) {
        try execute(
            """
            UPDATE services SET choices = \(choices), details = \(details), options = \(options), secret_sealed = \(secretSealed),
                updated_at = \(ambient.now())
            WHERE id = \(id)
            """)
    }

    public func setServiceLabel(_ label: String, of id: ServiceID) throws(StoreError) {
        try execute("UPDATE services SET label = \(label) WHERE id = \(id)")
    }

    /// The secret was handed over and is kept no longer. False when somebody else was first.
    public func dropServiceSecret(_ id: ServiceID) throws(StoreError) -> Bool {
        try execute("UPDATE services SET secret_sealed = NULL WHERE id = \(id) AND secret_sealed IS NOT NULL") == 1
    }

    /// For rotation, which is no change of the service. False when it has changed since it was read.
    public func resealService(_ id: ServiceID, from old: [UInt8], to new: [UInt8]) throws(StoreError) -> Bool {
        try execute("UPDATE services SET secret_sealed = \(new) WHERE id = \(id) AND secret_sealed = \(old)") == 1
    }

    /// What a survey has shown; the caller queues a job when there is something to do.
    public func recordDrift(of service: Service, actual: ActualState) throws(StoreError) {
        let isConverged = Lifecycle.nextAction(service.desired, actual, isCurrent: service.isCurrent) == nil
        try execute(
            """
            UPDATE services SET actual = \(actual), converged = \(isConverged), updated_at = \(ambient.now())
            WHERE id = \(service.id) AND actual = \(service.actual)
            """)
        if actual != .active { try beginMeterAnew(of: service.id) }
    }
}
