public import Domain

/// The moments of a job between which a process may stop.
public enum ProvisioningStep: Hashable, Sendable, CaseIterable {
    /// The lease and the intent are on disk; nothing was called.
    case leased
    /// The driver's call has ended; nothing of it is on disk.
    case called
    /// The backend was looked at; nothing of it is on disk.
    case verified
    /// The outcome is on disk.
    case saved
}

/// Thrown by a hook: from here on the job is abandoned, as if the process had stopped.
public struct Stopped: Error {
    public init() {}
}

/// Called at every step of every job. Tests stop there; the server's does nothing.
public typealias StepHook = @Sendable (ProvisioningStep, ServiceID) throws(Stopped) -> Void
