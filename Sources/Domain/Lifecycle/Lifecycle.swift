/// What a service shall be and what it is: all that the next step depends on.
public struct ServicePosition: Hashable, Sendable {
    /// Ended for good, on somebody's word.
    public var isTerminated: Bool
    public var suspensions: Set<Suspension>
    public var actual: ActualState
    /// Whether the backend has the limits that the plan has now.
    public var isCurrent: Bool

    public init(isTerminated: Bool = false, suspensions: Set<Suspension> = [], actual: ActualState = .absent, isCurrent: Bool = true) {
        self.isTerminated = isTerminated
        self.suspensions = suspensions
        self.actual = actual
        self.isCurrent = isCurrent
    }

    /// A set of suspensions that is not empty suspends; termination outweighs it.
    public var desired: DesiredState { isTerminated ? .terminated : suspensions.isEmpty ? .active : .suspended }
    public var nextAction: ServiceAction? { Lifecycle.nextAction(desired, actual, isCurrent: isCurrent) }
}

/// The whole life cycle, for every kind of service.
public enum Lifecycle {
    /// The step that brings a service nearer to what it shall be; nil when there is nothing to do.
    ///
    /// A suspended service that was never made, or is gone, stays so until it may run: nothing is made only to be closed.
    public static func nextAction(_ desired: DesiredState, _ actual: ActualState, isCurrent: Bool) -> ServiceAction? {
        switch (desired, actual) {
        case (_, .unknown): .look
        case (.active, .absent), (.active, .gone): .create
        case (.active, .suspended): isCurrent ? .resume : .update
        case (.active, .active): isCurrent ? nil : .update
        case (.suspended, .active): .suspend
        case (.suspended, .suspended), (.suspended, .absent), (.suspended, .gone): nil
        case (.terminated, .active), (.terminated, .suspended): .terminate
        case (.terminated, .absent), (.terminated, .gone): nil
        }
    }

    /// What a look has shown, as the state to keep. Something that was made once and is not there now is gone.
    public static func actual(seen: Presence, wasMade: Bool) -> ActualState {
        switch seen {
        case .absent: wasMade ? .gone : .absent
        case .active, .altered: .active
        case .suspended: .suspended
        }
    }

    /// Which suspensions end. Payment ends `payment` and `expired` of our own billing; a quota reset ends `quota`; WHMCS ends what
    /// WHMCS said; only an operator ends `abuse` and `operator`, and an operator ends whatever they name.
    public static func lifted(_ suspensions: Set<Suspension>, by cause: LiftCause, only reasons: Set<SuspensionReason>? = nil) -> Set<
        Suspension
    > {
        suspensions.filter { suspension in
            guard reasons?.contains(suspension.reason) ?? true else { return false }
            return switch cause {
            case .operator: true
            case .payment: suspension.authority == .billing && (suspension.reason == .payment || suspension.reason == .expired)
            case .quotaReset: suspension.reason == .quota
            case .whmcs: suspension.authority == .whmcs
            case .owner: suspension == .ownPause
            }
        }
    }
}

/// How often and when a job is tried again.
public enum RetryPolicy {
    /// Tries of one job before it is given up and shown to the operator; with the waits below that is about two days.
    public static let attempts: Int64 = 600
    /// The longest wait between two tries.
    static let longestSeconds: Int64 = 300
    /// After a job was given up, reconcile begins anew no sooner than this.
    public static let restSeconds: Int64 = 3600

    /// Milliseconds to wait after the `attempt`th failure, 1 being the first: 1 s, 2 s, 4 s … 300 s, each up to a fifth shorter or longer
    /// by `random`, so that a backend that comes back is not met by everybody at once.
    public static func waitMilliseconds(after attempt: Int64, random: UInt8) -> Int64 {
        let seconds = attempt >= 10 ? longestSeconds : min(longestSeconds, 1 << max(0, attempt - 1))
        return seconds * (800 + Int64(random) * 400 / 255)
    }
}

/// How much one pass of reconcile may change by itself.
public enum Brake {
    /// max(5, 10 %) of a backend's services.
    public static func allows(changes: Int, of services: Int) -> Bool { changes <= max(5, services / 10) }
}
