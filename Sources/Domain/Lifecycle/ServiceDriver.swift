/// One service as its driver sees it: no row, no money, no database.
public struct ServiceOrder: Sendable, Equatable {
    public let id: ServiceID
    /// The owner as other modules know them; nil for a service of the operator's own.
    public let owner: UserID?
    /// The customer's name for it; free of control characters.
    public let label: String
    /// What the plan grants, in the shape of the driver's `limits`.
    public var limits: JSON
    /// What the customer chose, in the shape of the driver's `options`.
    public var options: JSON
    /// What was chosen and stored before the first call, as `prepare` made it; later the driver's own notes.
    public var choices: JSON
    /// What the customer sees.
    public var details: JSON
    /// A key or configuration, unsealed; nil when there is none or it has been handed over.
    public var secret: [UInt8]?
    /// The backend it was placed on; nil for kinds without one.
    public let backend: BackendAccess?
    /// What it shall be. For backends that know only present and absent: one that shall be suspended and is not there, is suspended.
    public var desired: DesiredState
    /// When its time is over, for drivers that follow the end; nil for never, or unknown.
    public var endsAt: Timestamp?

    public init(
        id: ServiceID, owner: UserID?, label: String, limits: JSON, options: JSON = [:], choices: JSON = [:], details: JSON = [:],
        secret: [UInt8]? = nil, backend: BackendAccess? = nil, desired: DesiredState = .active, endsAt: Timestamp? = nil
    ) {
        (self.id, self.owner, self.label, self.limits, self.options) = (id, owner, label, limits, options)
        (self.choices, self.details, self.secret, self.backend) = (choices, details, secret, backend)
        (self.desired, self.endsAt) = (desired, endsAt)
    }
}

/// How a driver reaches one backend.
public struct BackendAccess: Sendable, Equatable {
    public let id: BackendID
    public let name: String
    /// As the kind reads it, usually a URL.
    public let address: String
    public let settings: JSON
    /// Unsealed; never logged.
    public let secret: [UInt8]?
    public init(id: BackendID, name: String, address: String, settings: JSON, secret: [UInt8]?) {
        (self.id, self.name, self.address, self.settings, self.secret) = (id, name, address, settings, secret)
    }
}

/// Something that only one service may have.
public struct ClaimWish: Sendable {
    /// As "address", "port", "name".
    public let kind: String
    /// Within which it is unique, as a backend's id; "" for everywhere.
    public let scope: String
    /// Under which name the value goes into the choices.
    public let name: String
    /// Picks a value that is none of those taken; nil when nothing is free. Runs inside the transaction, and again on a conflict.
    public let choose: @Sendable (_ taken: Set<String>) -> String?
    /// How long a value rests after the service has ended.
    public let restSeconds: Int64
    /// Whether it names one value: then "taken" is the answer, and not "full".
    public let isExact: Bool

    public init(
        _ kind: String, scope: String = "", as name: String, restSeconds: Int64 = 0,
        choose: @escaping @Sendable (_ taken: Set<String>) -> String?
    ) {
        (self.kind, self.scope, self.name, self.restSeconds, self.choose) = (kind, scope, name, restSeconds, choose)
        isExact = false
    }
    /// This value or none.
    public init(_ kind: String, scope: String = "", as name: String, exactly value: String, restSeconds: Int64 = 0) {
        (self.kind, self.scope, self.name, self.restSeconds, self.isExact) = (kind, scope, name, restSeconds, true)
        choose = { $0.contains(value) ? nil : value }
    }
}

/// What is chosen before the first call, and stays: names, keys, addresses.
public struct Preparation: Sendable {
    public var choices: JSONObject
    public var details: JSONObject
    /// Sealed by the caller.
    public var secret: [UInt8]?
    public var claims: [ClaimWish]
    public init(choices: JSONObject = [:], details: JSONObject = [:], secret: [UInt8]? = nil, claims: [ClaimWish] = []) {
        (self.choices, self.details, self.secret, self.claims) = (choices, details, secret, claims)
    }
}

/// What changes when a customer chooses otherwise for a service that is there.
public struct Reshape: Sendable {
    /// All of them, but for those of `claims`.
    public var choices: JSONObject
    public var details: JSONObject
    public var secret: [UInt8]?
    /// Instead of those of the same kind; empty: the backend need not be called.
    public var claims: [ClaimWish] = []
    /// Whether the backend counts what it uses from zero.
    public var beginsAnew = false
    public init(choices: JSONObject, details: JSONObject, secret: [UInt8]?) {
        (self.choices, self.details, self.secret) = (choices, details, secret)
    }
}

/// A driver whose services can change what was chosen for them.
public protocol Reshaping: ServiceDriver {
    /// Pure. Options that are not given stay what they are, whatever the service was made with.
    /// - Throws: `.badOptions`, `.refused`.
    func reshape(_ service: ServiceOrder, to options: JSON) throws(DriverError) -> Reshape
}

/// What a call or a look has shown.
public struct Sight: Sendable, Equatable {
    public var presence: Presence
    /// Replace the stored ones when not nil.
    public var choices: JSON?
    public var details: JSON?
    public init(_ presence: Presence, choices: JSON? = nil, details: JSON? = nil) {
        (self.presence, self.choices, self.details) = (presence, choices, details)
    }
}

/// Why a driver's call did not succeed, named for what happens next. Texts are safe to show to the operator.
public enum DriverError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nothing was done; try again.
    case unreachable(String)
    /// It may have been done: look before anything else.
    case outcomeUnknown(String)
    /// The backend is full; try again later.
    case noCapacity(String)
    /// It said no and will say so again.
    case refused(String)
    case badOptions(InputErrors)

    /// Whether trying again without anybody doing anything may help.
    public var isRetryable: Bool {
        switch self {
        case .unreachable, .outcomeUnknown, .noCapacity: true
        case .refused, .badOptions: false
        }
    }
    /// For the operator.
    public var description: String {
        switch self {
        case .unreachable(let text): "unreachable: \(text)"
        case .outcomeUnknown(let text): "outcome unknown: \(text)"
        case .noCapacity(let text): "no capacity: \(text)"
        case .refused(let text): "refused: \(text)"
        case .badOptions(let errors): "bad options: " + errors.fields.map { "\($0.field) \($0.message)" }.joined(separator: "; ")
        }
    }
}

/// One kind of service. Every call may be repeated, at any time, and then changes nothing more; a call that is cut off is followed by
/// `look`. Every call bounds its own time (at most 60 s).
public protocol ServiceDriver: Sendable {
    var kind: ServiceKind { get }
    /// What a plan of this kind grants; forms, OpenAPI and the check of plans are drawn from it.
    var limits: [FieldDoc] { get }
    /// What a customer may choose.
    var options: [FieldDoc] { get }
    /// Whether services of this kind live on a `Backend` of the operator's list.
    var usesBackends: Bool { get }
    /// Whether its backends know when a service ends: then a renewal is an update too.
    var followsEnd: Bool { get }
    /// - Throws: every bad field of a plan's limits.
    func check(limits: JSON) throws(InputErrors)
    func check(options: JSON) throws(InputErrors)
    /// Chooses what must not change between repeats. Pure but for `ambient`; runs inside a transaction.
    func prepare(_ order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Preparation
    func create(_ service: ServiceOrder) async throws(DriverError) -> Sight
    /// Makes limits and options hold.
    func update(_ service: ServiceOrder) async throws(DriverError) -> Sight
    func suspend(_ service: ServiceOrder) async throws(DriverError) -> Sight
    func resume(_ service: ServiceOrder) async throws(DriverError) -> Sight
    func terminate(_ service: ServiceOrder) async throws(DriverError) -> Sight
    /// What is really there.
    func look(_ service: ServiceOrder) async throws(DriverError) -> Sight
    /// What is really there of many services of one backend, at most 1000; those left out are absent. The default looks at each.
    func survey(_ services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: Presence]
}

extension ServiceDriver {
    public var followsEnd: Bool { false }

    public func survey(_ services: [ServiceOrder]) async throws(DriverError) -> [ServiceID: Presence] {
        var seen: [ServiceID: Presence] = [:]
        for service in services { seen[service.id] = try await look(service).presence }
        return seen
    }
}

extension Shape {
    /// For `ServiceDriver.check`.
    public func check(_ json: JSON) throws(InputErrors) { _ = try parse(json) }
}
