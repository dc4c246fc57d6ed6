internal import Domain
private import Glibc
private import Synchronization

/// When the server may be tried again after it could not be reached; shared by all lanes, so that a dead server sees one attempt at a
/// time and callers hear at once.
final class Reconnection: Sendable {
    private struct Pause {
        var failures = 0
        var until: UInt64 = 0
        var reason = StoreError.busy
    }
    private let pause = Mutex(Pause())
    static let firstMilliseconds: UInt64 = 50
    static let longestMilliseconds: UInt64 = 5000

    /// - Throws: the last failure, while the pause after it lasts.
    func admit(_ now: UInt64) throws(StoreError) {
        let reason = pause.withLock { $0.failures > 0 && now < $0.until ? $0.reason : nil }
        if let reason { throw reason }
    }
    func succeeded() { pause.withLock { $0 = Pause() } }
    func failed(_ reason: StoreError, now: UInt64) {
        pause.withLock {
            let milliseconds = min(Self.longestMilliseconds, Self.firstMilliseconds << UInt64(min($0.failures, 10)))
            $0.failures += 1
            $0.until = now &+ milliseconds &* 1_000_000
            $0.reason = reason
        }
    }
}

/// One connection's thread: runs one closure at a time, as a serializable transaction or a repeatable read.
///
/// A transaction that another one got in the way of (SQLSTATE 40001, 40P01) is rolled back and its closure run again, up to
/// `attempts` times within its deadline; from the third on it first takes a lock that only such repeats take, so that they no longer
/// disturb each other. A sale sees what others commit meanwhile, so a value that was free when it looked may be taken when it writes: it is
/// run again to look anew, `looks` times in all. One whose connection broke before the commit was sent is run once more on a new connection. When it broke
/// during the commit nobody knows, and the caller is told so.
final class PostgresLane: Lane, @unchecked Sendable {  // the connection is touched only on the lane's thread
    private let address: PostgresAddress
    private let ambient: Ambient
    private let statementMilliseconds: Int64
    private let reconnection: Reconnection
    private let isKept: Bool
    private var connection: PostgresConnection?

    static let attempts = 12
    static let looks = 3
    static let connectMilliseconds: UInt64 = 5000
    /// Advisory locks; any numbers that no other program of the same database takes. See `Turn` for those that sales take.
    private static let (migrationLock, repeatLock) = ("7165012", "7165013")

    init(_ address: PostgresAddress, _ ambient: Ambient, statementMilliseconds: Int64, reconnection: Reconnection, isKept: Bool) {
        self.address = address
        self.ambient = ambient
        self.statementMilliseconds = statementMilliseconds
        self.reconnection = reconnection
        self.isKept = isKept
    }

    func close() { connection = nil }
    /// Connections over the pool's size do not stay when there is nothing to do.
    var wantsRest: Bool { !isKept }
    func rest() { connection = nil }

    func work(_ jobs: [any Job]) {
        for job in jobs {
            do throws(StoreError) {
                try run(job)
                job.finish(nil)
            } catch { job.finish(error) }
        }
    }

    private func run(_ job: any Job) throws(StoreError) {
        let deadline = Deadline(uptimeNanoseconds: job.deadline, clock: ambient.uptimeNanoseconds)
        var (conflicts, losses, looks) = (0, 0, 1)
        var lastError = StoreError.busy
        while true {
            guard deadline.remainingMilliseconds > 0 else { throw lastError }
            let connection = try connected(deadline)
            do throws(StoreError) {
                try once(job, connection, lockingOut: conflicts >= 3)
                return
            } catch {
                lastError = error
                let failure = connection.failure
                if failure?.isSerializationFailure == true, conflicts + 1 < Self.attempts {
                    conflicts += 1
                    pause(conflicts)
                    continue
                }
                if case .conflict = error, job.purpose == .sell, connection.isAlive, looks < Self.looks {
                    looks += 1
                    continue
                }
                guard !connection.isAlive else { throw error }
                self.connection = nil
                if case .unavailable = error, losses == 0 {
                    losses += 1
                    continue
                }
                throw error
            }
        }
    }

    private func once(_ job: any Job, _ connection: PostgresConnection, lockingOut: Bool) throws(StoreError) {
        connection.deadline = Deadline(uptimeNanoseconds: job.deadline, clock: ambient.uptimeNanoseconds)
        guard lockingOut || job.purpose == .migrate else { return try transact(job, connection) }
        // A lock taken inside the transaction would come after its snapshot, which would then miss what the lock waited for.
        let lock = job.purpose == .migrate ? Self.migrationLock : Self.repeatLock
        if job.purpose == .migrate { try connection.command("SET statement_timeout = 0") }
        try connection.command("SELECT pg_advisory_lock(\(lock))")
        defer { unlock(lock, connection) }
        try transact(job, connection)
    }

    private func transact(_ job: any Job, _ connection: PostgresConnection) throws(StoreError) {
        let kind =
            switch job.purpose {
            case .read: "REPEATABLE READ READ ONLY"
            case .write, .migrate: "SERIALIZABLE READ WRITE"
            case .sell: "READ COMMITTED READ WRITE"
            }
        try connection.command("BEGIN ISOLATION LEVEL " + kind)
        do throws(StoreError) { try job.perform(connection) } catch {
            let failure = connection.failure
            rollBack(connection)
            if failure?.isSerializationFailure == true { connection.restore(failure) }
            throw error
        }
        let tag: String
        do throws(StoreError) { tag = try connection.command("COMMIT") } catch {
            guard !connection.isAlive, job.purpose != .read else {
                let failure = connection.failure
                rollBack(connection)
                connection.restore(failure)
                throw error
            }
            throw .outcomeUnknown("postgresql was lost during a commit")
        }
        guard tag == "COMMIT" else { throw .programming("postgresql answered a commit with \(tag)") }
    }

    /// A connection that cannot even roll back is closed, which rolls back too.
    private func rollBack(_ connection: PostgresConnection) {
        guard connection.isAlive else { return }
        do throws(StoreError) { try connection.command("ROLLBACK") } catch { self.connection = nil }
    }

    /// Keeps what the transaction met, which decides whether it is repeated.
    private func unlock(_ lock: String, _ connection: PostgresConnection) {
        guard connection.isAlive else { return }
        let failure = connection.failure
        do throws(StoreError) {
            try connection.command("SELECT pg_advisory_unlock(\(lock)); RESET statement_timeout")
            connection.restore(failure)
        } catch { self.connection = nil }
    }

    private func connected(_ deadline: Deadline) throws(StoreError) -> PostgresConnection {
        if let connection, connection.isAlive { return connection }
        connection = nil
        let now = ambient.uptimeNanoseconds()
        try reconnection.admit(now)
        let limit = min(deadline.uptimeNanoseconds, now &+ Self.connectMilliseconds &* 1_000_000)
        do throws(StoreError) {
            let made = try PostgresConnection(
                address, statementMilliseconds: statementMilliseconds, deadline: Deadline(uptimeNanoseconds: limit, clock: deadline.clock))
            reconnection.succeeded()
            connection = made
            return made
        } catch {
            reconnection.failed(error, now: ambient.uptimeNanoseconds())
            throw error
        }
    }

    /// Up to 2, 4, 8 … 64 ms, at random, so that those who collided do not collide again. Blocks this lane's own thread.
    private func pause(_ conflicts: Int) {
        let longest = UInt32(2) << UInt32(min(conflicts, 5))
        let random = ambient.randomBytes(1).first.map(UInt32.init) ?? 0
        _ = poll(nil, 0, Int32(1 + random * longest / 256))
    }
}
