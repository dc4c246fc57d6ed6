/// Something that a backend has already and that no service of ours stands for, as another program made it.
public struct Foundling: Sendable, Equatable {
    /// As it is called there.
    public var name: String
    public var isActive: Bool
    /// When the backend closes it by itself; nil for never, or unknown.
    public var endsAt: Timestamp?
    /// What its counters say now: what was used before is not ours to count.
    public var usage: UsageReading?
    /// What its driver has to know of it, in the driver's words.
    public var facts: JSON
    /// A key or configuration that comes with it; never logged.
    public var secret: [UInt8]?

    public init(
        name: String, isActive: Bool, endsAt: Timestamp? = nil, usage: UsageReading? = nil, facts: JSON, secret: [UInt8]? = nil
    ) {
        (self.name, self.isActive, self.endsAt, self.usage, self.facts, self.secret) = (name, isActive, endsAt, usage, facts, secret)
    }
}

/// What becomes of a foundling.
public struct Adoption: Sendable {
    public var preparation: Preparation
    /// For the operator: what is not as it should be, and what that means.
    public var notes: [String]
    public init(_ preparation: Preparation, notes: [String] = []) { (self.preparation, self.notes) = (preparation, notes) }
}

/// A driver whose services can begin as something that is there already: kept as it is, and not made anew.
public protocol Adopting: ServiceDriver {
    /// Everything at the backend, ours too; nothing there is changed.
    func foundlings(on backend: BackendAccess) async throws(DriverError) -> [Foundling]
    /// As `prepare`, for a service that is this one from now on: names, keys and addresses stay. Its claims name one value each.
    /// - Throws: `.refused` with why it cannot be kept.
    func adopt(_ foundling: Foundling, as order: ServiceOrder, _ ambient: Ambient) throws(DriverError) -> Adoption
    /// What makes two the same: of a service that has it, the foundling is that service already.
    func claims(of foundling: Foundling, on backend: BackendID) -> [(kind: String, scope: String, value: String)]
}
