private import Dispatch

/// Holds a thread that may block (a database's, never a task's) until the test opens it.
public final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    public init() {}
    public func open() { semaphore.signal() }
    public func wait() { semaphore.wait() }
}
