internal import Domain

/// `migrate` writes too, but never beside another process that migrates. `sell` does not belong to one moment: each of its statements sees
/// what was committed before it, and what must not happen beside another sale takes a `Turn`.
enum Purpose: Sendable { case read, write, migrate, sell }

/// One closure waiting for a connection. Run, perhaps more than once, by the lane that takes it; then finished exactly once.
protocol Job: AnyObject, Sendable {
    /// On the process's uptime clock, in nanoseconds.
    var deadline: UInt64 { get }
    var purpose: Purpose { get }
    /// Runs the closure and keeps its value.
    func perform(_ connection: any Connection) throws(StoreError)
    /// Gives the caller the kept value, or the error.
    func finish(_ error: StoreError?)
}

/// A closure with the caller that waits for it.
final class ClosureJob<Value: Sendable>: Job, @unchecked Sendable {  // after submit, touched only by the lane that took it
    let deadline: UInt64
    let purpose: Purpose
    private let ambient: Ambient
    private let body: @Sendable (Transaction) throws(StoreError) -> Value
    private let caller: CheckedContinuation<Result<Value, StoreError>, Never>
    private var value: Value?

    init(
        _ ambient: Ambient, deadline: UInt64, purpose: Purpose, caller: CheckedContinuation<Result<Value, StoreError>, Never>,
        body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) {
        (self.ambient, self.deadline, self.purpose, self.caller, self.body) = (ambient, deadline, purpose, caller, body)
    }

    func perform(_ connection: any Connection) throws(StoreError) {
        value = nil
        let transaction = Transaction(connection, ambient)
        let made = try body(transaction)
        try transaction.end()
        // PostgreSQL ends a transaction at its first error; a closure that swallows one must not commit on SQLite either.
        if let failure = transaction.failure { throw failure }
        value = made
    }

    func finish(_ error: StoreError?) {
        if let error {
            caller.resume(returning: .failure(error))
        } else if let value {
            caller.resume(returning: .success(value))
        } else {
            caller.resume(returning: .failure(.programming("a job was finished before it ran")))
        }
    }
}

extension JobQueue {
    /// Hands `body` to a lane and waits for its value.
    func run<Value: Sendable>(
        _ ambient: Ambient, within milliseconds: Int64, purpose: Purpose,
        _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let deadline = ambient.uptimeNanoseconds() &+ UInt64(clamping: milliseconds) &* 1_000_000
        let result = await withCheckedContinuation { caller in
            submit(ClosureJob(ambient, deadline: deadline, purpose: purpose, caller: caller, body: body))
        }
        return try result.get()
    }
}
