public import Domain

public enum OperationState: String, Sendable, CaseIterable, SQLWord {
    case pending, done, failed
    /// A newer command came before its turn.
    case replaced
}

/// One command that somebody gave, to be polled until it is no longer pending.
public struct Operation: Sendable, Equatable, RowReadable {
    public let id: OperationID
    public let serviceID: ServiceID
    public let jobID: JobID?
    /// As "provision", "suspend", "resume", "terminate", "change".
    public let verb: String
    public let actor: String
    public let state: OperationState
    public let failure: String?
    public let createdAt: Timestamp
    public let finishedAt: Timestamp?

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        serviceID = try row["service_id"]
        jobID = try row["job_id"]
        verb = try row["verb"]
        actor = try row["actor"]
        state = try row["state"]
        failure = try row["failure"]
        createdAt = try row["created_at"]
        finishedAt = try row["finished_at"]
    }
    static let columns: SQL = "id, service_id, job_id, verb, actor, state, failure, created_at, finished_at"
}

extension Reader {
    public func operation(_ id: OperationID) throws(StoreError) -> Operation? {
        try first("SELECT \(Operation.columns) FROM operations WHERE id = \(id)")
    }
    /// Newest first.
    public func operations(of service: ServiceID, limit: Int = 20) throws(StoreError) -> [Operation] {
        try all(
            """
            SELECT \(Operation.columns) FROM operations WHERE service_id = \(service) ORDER BY id DESC LIMIT \(PageLimits.clamp(limit))
            """)
    }
}

extension Transaction {
    /// Without a job it is done already.
    public func createOperation(_ verb: String, of service: ServiceID, job: JobID?, actor: String) throws(StoreError) -> Operation {
        let now = ambient.now()
        let state: OperationState = job == nil ? .done : .pending
        let made: Operation? = try first(
            """
            INSERT INTO operations (id, service_id, job_id, verb, actor, state, created_at, finished_at)
            VALUES (\(OperationID(ambient)), \(service), \(job), \(verb), \(actor), \(state), \(now), \(job == nil ? now : nil))
            RETURNING \(Operation.columns)
            """)
        guard let made else { throw .programming("a new operation gave no row") }
        return made
    }

    /// Those that waited for the job.
    func finishOperations(of job: JobID, _ state: OperationState, failure: String? = nil) throws(StoreError) {
        try execute(
            """
            UPDATE operations SET state = \(state), failure = \(failure), finished_at = \(ambient.now())
            WHERE job_id = \(job) AND state = \(OperationState.pending)
            """)
    }

    /// Finished ones from before `before`, at most `limit`. How many went.
    public func deleteOperations(finishedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM operations WHERE id IN
                (SELECT id FROM operations WHERE finished_at IS NOT NULL AND finished_at < \(before) LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
