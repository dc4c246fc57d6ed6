internal import Domain

/// The one thread that writes. Transactions that wait while another is being made durable share the next commit: each is a savepoint, so
/// that one failing does not take the others along, and all are told after the commit, when their work is on disk.
final class SQLiteWriter: Lane, @unchecked Sendable {  // the connection is touched only on the lane's thread
    private var opened: SQLiteConnection?
    private let open: @Sendable () throws(StoreError) -> SQLiteConnection
    private let ambient: Ambient

    /// The most transactions in one commit, and the longest a commit waits for further ones to finish.
    static let groupSize = 100
    static let groupNanoseconds: UInt64 = 20_000_000

    init(_ ambient: Ambient, open: @escaping @Sendable () throws(StoreError) -> SQLiteConnection) {
        self.open = open
        self.ambient = ambient
    }

    func close() { opened = nil }
    var wantsRest: Bool { false }
    func rest() {}

    func work(_ jobs: [any Job]) {
        let connection: SQLiteConnection
        do throws(StoreError) {
            connection = try current()
        } catch {
            for job in jobs { job.finish(error) }
            return
        }
        let now = ambient.uptimeNanoseconds()
        var live = jobs.filter { job in
            if job.deadline > now { return true }
            job.finish(.busy)  // it waited too long for its turn
            return false
        }[...]
        while !live.isEmpty {
            if live.count == 1 {
                alone(live.removeFirst(), connection)
            } else {
                live = group(live, connection)
            }
        }
        connection.interrupt(when: nil)
    }

    private func current() throws(StoreError) -> SQLiteConnection {
        if let opened { return opened }
        let made = try open()
        opened = made
        return made
    }

    /// Runs jobs in one commit; returns those it did not come to in time.
    private func group(_ jobs: ArraySlice<any Job>, _ connection: SQLiteConnection) -> ArraySlice<any Job> {
        do throws(StoreError) { try connection.run("BEGIN IMMEDIATE") } catch {
            for job in jobs { job.finish(error) }
            return []
        }
        let start = ambient.uptimeNanoseconds()
        var rest = jobs
        var outcomes: [(job: any Job, error: StoreError?)] = []
        while let job = rest.popFirst() {
            let error = member(job, connection)
            outcomes.append((job, error))
            guard connection.isInTransaction else { break }  // the error was of a kind that ended the whole transaction
            if ambient.uptimeNanoseconds() &- start > Self.groupNanoseconds { break }
        }
        do throws(StoreError) {
            guard connection.isInTransaction else { throw .busy }
            try connection.run("COMMIT")
            for (job, error) in outcomes { job.finish(error) }
        } catch {
            // Nothing of the group is on disk. Each member runs again in a commit of its own and learns its own fate.
            rollBack(connection)
            for (job, _) in outcomes { alone(job, connection) }
        }
        return rest
    }

    private func member(_ job: any Job, _ connection: SQLiteConnection) -> StoreError? {
        do throws(StoreError) {
            try connection.run("SAVEPOINT member")
            limit(connection, job)
            try job.perform(connection)
            connection.interrupt(when: nil)
            try connection.run("RELEASE member")
            return nil
        } catch {
            connection.interrupt(when: nil)
            guard connection.isInTransaction else { return error }
            do throws(StoreError) {
                try connection.run("ROLLBACK TO member")
                try connection.run("RELEASE member")
            } catch { rollBack(connection) }
            return error
        }
    }

    private func alone(_ job: any Job, _ connection: SQLiteConnection) {
        do throws(StoreError) {
            try connection.run("BEGIN IMMEDIATE")
            limit(connection, job)
            try job.perform(connection)
            connection.interrupt(when: nil)
            try connection.run("COMMIT")
            job.finish(nil)
        } catch {
            connection.interrupt(when: nil)
            rollBack(connection)
            job.finish(error)
        }
    }

    private func limit(_ connection: SQLiteConnection, _ job: any Job) {
        let (deadline, clock) = (job.deadline, ambient.uptimeNanoseconds)
        connection.interrupt(when: { clock() > deadline })
    }

    private func rollBack(_ connection: SQLiteConnection) {
        guard connection.isInTransaction else { return }
        do throws(StoreError) { try connection.run("ROLLBACK") } catch {
            // A rollback fails only when the connection itself is broken: closing it undoes the transaction, and the next job opens anew.
            opened = nil
        }
    }
}
