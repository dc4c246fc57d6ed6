/// What a service is: "relay", "vpn", "tunnel", "vps". Lowercase letters, digits and hyphens, at most 32.
public struct ServiceKind: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public static let relay = ServiceKind(known: "relay")
    public static let vpn = ServiceKind(known: "vpn")
    private init(known text: String) { self.text = text }

    public init(parsing text: String) throws(ParseError) {
        guard (1...32).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d })
        else { throw ParseError("a kind of service as relay", got: text) }
        self.text = text
    }
    public var description: String { text }
}

/// What a service shall be. `terminated` is final.
public enum DesiredState: String, Sendable, CaseIterable { case active, suspended, terminated }

/// What a service is at its backend, as far as we have seen.
public enum ActualState: String, Sendable, CaseIterable {
    /// Nothing was made yet.
    case absent
    case active, suspended
    /// It was there and is no longer.
    case gone
    /// A call is under way, or ended without our learning how: only looking tells.
    case unknown
}

/// Why a service does not run.
public enum SuspensionReason: String, Sendable, CaseIterable { case payment, quota, expired, abuse, `operator` }

/// Who said so; only the same one, or an operator, takes it back.
public enum SuspensionAuthority: String, Sendable, CaseIterable {
    /// Our own plans and payments, and the timer of their ends.
    case billing
    /// Counting of use.
    case metering
    /// WHMCS.
    case whmcs
    /// A person with the role.
    case `operator`
}

/// One reason why a service does not run. A service runs only when it has none.
public struct Suspension: Hashable, Sendable {
    /// The owner's own pause; nobody but the owner or an operator ends it.
    public static let ownPause = Suspension(.operator, by: .billing)
    public let reason: SuspensionReason
    public let authority: SuspensionAuthority
    public init(_ reason: SuspensionReason, by authority: SuspensionAuthority) { (self.reason, self.authority) = (reason, authority) }
    /// The owner would get round it by giving the service up for a new one.
    public var bindsOwner: Bool { reason == .quota || reason == .abuse || authority == .operator }
}

/// What happened that suspensions may end with.
public enum LiftCause: String, Sendable, CaseIterable {
    /// A payment, or a renewal by hand.
    case payment
    /// The counters begin anew, or the plan allows more.
    case quotaReset
    /// WHMCS says so.
    case whmcs
    /// The owner, who may pause what is theirs and go on.
    case owner
    case `operator`
}

/// What a worker does next at the backend.
public enum ServiceAction: String, Sendable, CaseIterable { case create, update, suspend, resume, terminate, look }

/// What a driver sees when it looks.
public enum Presence: String, Sendable, CaseIterable {
    case absent, active, suspended
    /// There and open, but not as it was made: somebody else has changed it. An update makes it right.
    case altered
}
