public import Domain

public enum JobState: String, Sendable, CaseIterable, SQLWord {
    case queued, running, done
    /// Given up; the operator sees why.
    case failed
    case replaced
}

/// A durable step towards what a service shall be.
public struct ServiceJob: Sendable, Equatable, RowReadable {
    public let id: JobID
    public let serviceID: ServiceID
    /// Jobs of one place share its share of the workers.
    public let place: String
    public let state: JobState
    /// Tries begun.
    public let attempts: Int64
    public let runAt: Timestamp
    /// Rises with every lease: only the newest holder's outcome counts.
    public let fence: Int64
    public let leaseUntil: Timestamp?
    public let failure: String?
    public let createdAt: Timestamp

    init(row: Row) throws(StoreError) {
        id = try row["id"]
        serviceID = try row["service_id"]
        place = try row["place"]
        state = try row["state"]
        attempts = try row["attempts"]
        runAt = try row["run_at"]
        fence = try row["fence"]
        leaseUntil = try row["lease_until"]
        failure = try row["failure"]
        createdAt = try row["created_at"]
    }
    static let columns: SQL = "id, service_id, place, state, attempts, run_at, fence, lease_until, failure, created_at"
}

/// A job in somebody's hands, with the service as it was before the lease marked it.
public struct LeasedJob: Sendable {
    public let job: ServiceJob
    public let service: Service
}

/// What a worker found out, to be kept if its lease still counts.
public struct JobOutcome: Sendable {
    public enum Ending: Sendable, Equatable {
        case done
        case retry(at: Timestamp, failure: String)
        case failed(String)
    }
    public var job: ServiceJob
    public var actual: ActualState
    public var appliedRevision: Int64
    /// nil keeps what is stored.
    public var choices: JSON?
    public var details: JSON?
    public var ending: Ending
    public init(job: ServiceJob, actual: ActualState, appliedRevision: Int64, choices: JSON?, details: JSON?, ending: Ending) {
        (self.job, self.actual, self.appliedRevision) = (job, actual, appliedRevision)
        (self.choices, self.details, self.ending) = (choices, details, ending)
    }
}

extension Reader {
    public func job(_ id: JobID) throws(StoreError) -> ServiceJob? {
        try first("SELECT \(ServiceJob.columns) FROM jobs WHERE id = \(id)")
    }
    /// Newest first.
    public func jobs(of service: ServiceID, limit: Int = 20) throws(StoreError) -> [ServiceJob] {
        try all(
            "SELECT \(ServiceJob.columns) FROM jobs WHERE service_id = \(service) ORDER BY id DESC LIMIT \(PageLimits.clamp(limit))")
    }
    /// Those that wait or run.
    public func openJobCount() throws(StoreError) -> Int64 {
        try value("count", "SELECT COUNT(*) AS count FROM jobs WHERE state IN ('queued', 'running')") ?? 0
    }
}

extension Transaction {
    /// Queues a job; one that still waits is replaced, and so are the operations that waited for it.
    public func queueJob(for service: Service, at runAt: Timestamp? = nil) throws(StoreError) -> JobID {
        let now = ambient.now()
        let replaced: JobID? = try value(
            "id",
            """
            UPDATE jobs SET state = \(JobState.replaced), finished_at = \(now)
            WHERE service_id = \(service.id) AND state = \(JobState.queued) RETURNING id
            """)
        if let replaced { try finishOperations(of: replaced, .replaced) }
        let id = JobID(ambient)
        try execute(
            """
            INSERT INTO jobs (id, service_id, place, state, attempts, run_at, fence, created_at)
            VALUES (\(id), \(service.id), \(service.place), \(JobState.queued), 0, \(runAt ?? now), 0, \(now))
            """)
        return id
    }

    /// Takes due jobs whose service has none running, and those whose holder let the lease end. Services that will be changed are
    /// marked `unknown` in the same transaction: should we stop now, the next holder looks first.
    /// - Parameter full: places that have as many jobs running as they may.
    public func leaseJobs(holder: String, leaseMilliseconds: Int64, limit: Int, full: [String] = []) throws(StoreError) -> [LeasedJob] {
        let now = ambient.now()
        let until = now.adding(milliseconds: leaseMilliseconds)
        let limit = PageLimits.clamp(limit)
        let elsewhere: SQL = full.isEmpty ? "" : "AND waiting.place NOT IN (\(SQL.list(full)))"
        let mark: SQL =
            "state = \(JobState.running), holder = \(holder), lease_until = \(until), fence = fence + 1, attempts = attempts + 1"
        // The lease that ended comes first: its service waits for it.
        var jobs: [ServiceJob] = try all(
            """
            UPDATE jobs SET \(mark) WHERE id IN
                (SELECT id FROM jobs WHERE state = \(JobState.running) AND lease_until <= \(now) ORDER BY lease_until LIMIT \(limit) \(skippingLocked))
            RETURNING \(ServiceJob.columns)
            """)
        if jobs.count < limit {
            jobs += try all(
                """
                UPDATE jobs SET \(mark) WHERE id IN
                    (SELECT waiting.id FROM jobs AS waiting WHERE waiting.state = \(JobState.queued) AND waiting.run_at <= \(now) \(elsewhere)
                        AND NOT EXISTS (SELECT 1 FROM jobs AS running
                            WHERE running.service_id = waiting.service_id AND running.state = \(JobState.running))
                        ORDER BY waiting.run_at, waiting.id LIMIT \(limit - jobs.count) \(skippingLocked))
                RETURNING \(ServiceJob.columns)
                """)
        }
        guard !jobs.isEmpty else { return [] }
        let rows: [Service] = try all("SELECT \(Service.columns) FROM services WHERE id IN (\(SQL.list(jobs.map(\.serviceID))))")
        let services = Dictionary(rows.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var leased: [LeasedJob] = []
        for job in jobs {
            guard let service = services[job.serviceID] else { throw .programming("a job without its service") }
            leased.append(LeasedJob(job: job, service: service))
        }
        let changing = rows.filter { $0.nextAction != nil && $0.actual != .unknown }.map(\.id)
        if !changing.isEmpty {
            try execute(
                "UPDATE services SET actual = \(ActualState.unknown), converged = \(false) WHERE id IN (\(SQL.list(changing)))")
        }
        return leased
    }

    /// Lengthens the leases of jobs that are still worked on; those that somebody else took over stay theirs.
    public func renewLeases(_ jobs: [ServiceJob], holder: String, leaseMilliseconds: Int64) throws(StoreError) {
        guard !jobs.isEmpty else { return }
        try execute(
            """
            UPDATE jobs SET lease_until = \(ambient.now().adding(milliseconds: leaseMilliseconds))
            WHERE holder = \(holder) AND state = \(JobState.running) AND id IN (\(SQL.list(jobs.map(\.id))))
            """)
    }

    /// Keeps an outcome. False, and nothing is changed, when the lease was lost to somebody else.
    public func record(_ outcome: JobOutcome) throws(StoreError) -> Bool {
        let now = ambient.now()
        let (state, runAt, failure): (JobState, Timestamp?, String?) =
            switch outcome.ending {
            case .done: (.done, nil, nil)
            case .retry(let at, let failure): (.queued, at, failure)
            case .failed(let failure): (.failed, nil, failure)
            }
        let id = outcome.job.id
        // A job that is to wait again gives way to a newer one.
        let newer =
            state == .queued
            ? try rows("SELECT id FROM jobs WHERE service_id = \(outcome.job.serviceID) AND state = \(JobState.queued)") : []
        let next = newer.isEmpty ? state : .replaced
        let ended = try execute(
            """
            UPDATE jobs SET state = \(next), run_at = COALESCE(\(runAt), run_at), failure = \(failure), lease_until = NULL, holder = NULL,
                finished_at = \(next == .queued ? nil : now)
            WHERE id = \(id) AND fence = \(outcome.job.fence) AND state = \(JobState.running)
            """)
        guard ended == 1 else { return false }
        switch next {
        case .done: try finishOperations(of: id, .done)
        case .failed: try finishOperations(of: id, .failed, failure: failure)
        case .replaced: try finishOperations(of: id, .replaced)
        case .queued, .running: break
        }
        guard let service = try serviceForChange(outcome.job.serviceID) else { throw .programming("an outcome without its service") }
        let isCurrent = outcome.appliedRevision >= service.wantedRevision
        let isConverged = Lifecycle.nextAction(service.desired, outcome.actual, isCurrent: isCurrent) == nil
        let isOver = service.desired == .terminated && isConverged
        let isThere = outcome.actual == .active || outcome.actual == .suspended
        try execute(
            """
            UPDATE services SET actual = \(outcome.actual), applied_revision = \(outcome.appliedRevision), converged = \(isConverged),
                choices = COALESCE(\(outcome.choices), choices), details = COALESCE(\(outcome.details), details), failure = \(failure),
                made_at = CASE WHEN \(isThere) THEN COALESCE(made_at, \(now)) ELSE made_at END,
                ended_at = CASE WHEN \(isOver) THEN COALESCE(ended_at, \(now)) ELSE ended_at END, updated_at = \(now)
            WHERE id = \(service.id)
            """)
        if isOver { try releaseClaims(of: service.id) }
        // Closed, its counters are gone: when it opens again they begin at zero, however far they then grow.
        if outcome.actual != .active { try beginMeterAnew(of: service.id) }
        return true
    }

    /// Finished ones from before `before`, at most `limit`. How many went.
    public func deleteJobs(finishedBefore before: Timestamp, limit: Int = 500) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM jobs WHERE id IN
                (SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at < \(before) LIMIT \(PageLimits.clamp(limit)))
            """)
    }
}
