internal import Domain

/// One reading thread. Each closure sees one moment of the database (a deferred transaction on the write-ahead log).
final class SQLiteReader: Lane, @unchecked Sendable {  // the connection is touched only on the lane's thread
    private var opened: SQLiteConnection?
    private let open: @Sendable () throws(StoreError) -> SQLiteConnection
    private let ambient: Ambient

    init(_ ambient: Ambient, open: @escaping @Sendable () throws(StoreError) -> SQLiteConnection) {
        self.open = open
        self.ambient = ambient
    }

    func close() { opened = nil }
    var wantsRest: Bool { false }
    func rest() {}

    func work(_ jobs: [any Job]) {
        for job in jobs {
            do throws(StoreError) {
                let (deadline, clock) = (job.deadline, ambient.uptimeNanoseconds)
                guard deadline > clock() else { throw .busy }
                let connection = try current()
                connection.interrupt(when: { clock() > deadline })
                defer { connection.interrupt(when: nil) }
                try read(job, connection)
                job.finish(nil)
            } catch { job.finish(error) }
        }
    }

    private func current() throws(StoreError) -> SQLiteConnection {
        if let opened { return opened }
        let made = try open()
        opened = made
        return made
    }

    private func read(_ job: any Job, _ connection: SQLiteConnection) throws(StoreError) {
        try connection.run("BEGIN")
        do throws(StoreError) {
            try job.perform(connection)
            try connection.run("COMMIT")
        } catch {
            connection.interrupt(when: nil)
            if connection.isInTransaction {
                do throws(StoreError) { try connection.run("ROLLBACK") } catch { opened = nil }  // broken: the next read opens anew
            }
            throw error
        }
    }
}
