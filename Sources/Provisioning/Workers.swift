public import Domain
internal import Secrets
public import Store
internal import Synchronization
public import Telemetry

/// Written limits of the workers.
public struct WorkerLimits: Sendable {
    /// Jobs under way in this process.
    public var jobs = 64
    /// Of them at one place (a backend, or a kind without backends): one that hangs leaves the others their share.
    public var jobsPerPlace = 16
    /// How long a job is ours without a word from us.
    public var leaseMilliseconds: Int64 = 60_000
    /// A job that runs for longer is renewed no more: another process may look after it.
    public var longestRunMilliseconds: Int64 = 600_000
    /// How often the queue is looked at when nobody wakes us: another process may have put something there.
    public var pollMilliseconds = 500
    public init() {}
}

/// Takes jobs and does them, many at once and one of a service at a time.
public final class Workers: Sendable {
    private let store: Store
    private let drivers: DriverTable
    private let secrets: ServiceSecrets
    private let limits: WorkerLimits
    private let log: Log
    private let hook: StepHook
    private let recorder: OutcomeRecorder
    private let metering: Metering
    private let holder: String
    private let finished: [String: Counter]
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation
    private let running = Mutex<[JobID: Running]>([:])
    private let leasing = LastingFailure()

    /// What a try needs to know.
    private struct Taken: Sendable {
        let leased: LeasedJob
        let backend: Backend?
        let endsAt: Timestamp?
    }
    private struct Running {
        let job: ServiceJob
        let since: Timestamp
    }

    public init(
        store: Store, drivers: DriverTable, keys: DataKeys, limits: WorkerLimits = WorkerLimits(), log: Log, metrics: Metrics,
        hook: @escaping StepHook = { (_, _) throws(Stopped) in }
    ) {
        (self.store, self.drivers, self.limits, self.log, self.hook) = (store, drivers, limits, log, hook)
        secrets = ServiceSecrets(keys: keys)
        recorder = OutcomeRecorder(store: store, log: log)
        metering = Metering(store: store, orders: Orders(drivers: drivers, keys: keys), log: log) {}
        holder = "w_" + Hex.text(store.ambient.randomBytes(8))
        finished = Dictionary(
            uniqueKeysWithValues: ["done", "retry", "failed", "lost"].map { ($0, metrics.counter(.jobs, $0)) })
        // Bells that nobody has heard yet are one bell.
        (bell, ring) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// There may be something to do: call it after a commit that queued a job.
    public func wake() { ring.yield() }

    /// Jobs under way in this process.
    public var jobsUnderWay: Int { running.withLock { $0.count } }

    /// Works until the task is cancelled; call it once. Jobs under way then end first; their drivers bound their time.
    public func run() async {
        await withTaskGroup(of: Void.self) { helpers in
            helpers.addTask { await self.poll() }
            helpers.addTask { await self.renew() }
            await withDiscardingTaskGroup { group in
                ring.yield()
                for await _ in bell {
                    if Task.isCancelled { break }
                    await begin(in: &group)
                }
            }
            helpers.cancelAll()
        }
    }

    private func begin(in group: inout DiscardingTaskGroup) async {
        while true {
            let free = limits.jobs - jobsUnderWay
            guard free > 0 else { return }
            let leased = await lease(atMost: free)
            for one in leased { group.addTask { await self.work(on: one) } }
            // A whole handful came: there may be more.
            guard leased.count == free else { return }
        }
    }

    /// Does everything that is due now and returns; for commands and tests. How many tries were made.
    /// - Throws: what the database meets.
    @discardableResult
    public func drain() async throws(StoreError) -> Int {
        var tries = 0
        while true {
            let leased = try await take(limits.jobs)
            guard !leased.isEmpty else { return tries }
            tries += leased.count
            await withDiscardingTaskGroup { group in
                for one in leased { group.addTask { await self.work(on: one) } }
            }
        }
    }

    private func lease(atMost count: Int) async -> [Taken] {
        do throws(StoreError) {
            let taken = try await take(count)
            leasing.worked("provisioning.lease_recovered", log)
            return taken
        } catch {
            if error != .busy { leasing.failed(error, "provisioning.lease_failed", log, store.ambient.now()) }
            return []
        }
    }

    private func take(_ count: Int) async throws(StoreError) -> [Taken] {
        let underWay = running.withLock { running in Dictionary(grouping: running.values, by: \.job.place).mapValues(\.count) }
        let (holder, lease, perPlace) = (holder, limits.leaseMilliseconds, limits.jobsPerPlace)
        let leased = try await store.transaction { [drivers, secrets] transaction throws(StoreError) -> [Taken] in
            var backends: [BackendID: Backend] = [:]
            var found: [Taken] = []
            var places = underWay
            while found.count < count {
                // So few that they fit wherever they belong to; then those of other places.
                let full = places.filter { $0.value >= perPlace }.map(\.key)
                let most = places.values.filter { $0 < perPlace }.max() ?? 0
                let more = try transaction.leaseJobs(
                    holder: holder, leaseMilliseconds: lease, limit: min(count - found.count, perPlace - most), full: full)
                if more.isEmpty { break }
                for one in more {
                    places[one.job.place, default: 0] += 1
                    if let id = one.service.backendID, backends[id] == nil { backends[id] = try transaction.backend(id) }
                    var endsAt: Timestamp?
                    if drivers[one.service.kind]?.followsEnd == true, let id = one.service.subscriptionID {
                        endsAt = try transaction.subscription(id)?.endsAt
                    }
                    found.append(Taken(leased: one, backend: one.service.backendID.flatMap { backends[$0] }, endsAt: endsAt))
                }
            }
            try secrets.learn(found.map(\.leased.service), found.map(\.backend), transaction)
            return found
        }
        let now = store.ambient.now()
        running.withLock { running in for one in leased { running[one.leased.job.id] = Running(job: one.leased.job, since: now) } }
        return leased
    }

    private func work(on leased: Taken) async {
        let (job, service) = (leased.leased.job, leased.leased.service)
        defer {
            running.withLock { _ = $0.removeValue(forKey: job.id) }
            ring.yield()
        }
        do throws(Stopped) {
            try hook(.leased, service.id)
            let run = JobRun(
                driver: drivers[service.kind], secrets: secrets, leased: leased.leased, backend: leased.backend,
                endsAt: leased.endsAt, ambient: store.ambient, hook: hook,
                tail: { [metering] id, reading, at in await metering.keepTail(id, reading, at: at) })
            let outcome = try await run.outcome()
            let isKept = await recorder.keep(outcome)
            tell(outcome, service, isKept)
            try hook(.saved, service.id)
        } catch {
            // A test has stopped us here; a real stop would leave no more than this.
        }
    }

    private func tell(_ outcome: JobOutcome, _ service: Service, _ isKept: Bool) {
        guard isKept else {
            finished["lost"]?.add()
            log.warning("provisioning.lease_lost", ["job": LogValue(outcome.job.id.text), "service": LogValue(service.id.text)])
            return
        }
        switch outcome.ending {
        case .done: finished["done"]?.add()
        case .retry(_, let failure):
            finished["retry"]?.add()
            log.warning(
                "provisioning.retry",
                ["service": LogValue(service.id.text), "attempt": LogValue(outcome.job.attempts), "failure": LogValue(failure)])
        case .failed(let failure):
            finished["failed"]?.add()
            log.error("provisioning.failed", ["service": LogValue(service.id.text), "failure": LogValue(failure)])
        }
    }

    private func poll() async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.milliseconds(limits.pollMilliseconds)) } catch { break }
            ring.yield()
        }
        ring.yield()
    }

    private func renew() async {
        while !Task.isCancelled {
            do { try await store.ambient.sleep(.milliseconds(limits.leaseMilliseconds / 3)) } catch { return }
            let now = store.ambient.now()
            let mine = running.withLock { running in
                running.values.filter { $0.since.adding(milliseconds: limits.longestRunMilliseconds) > now }.map(\.job)
            }
            let (holder, lease) = (holder, limits.leaseMilliseconds)
            do throws(StoreError) {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.renewLeases(mine, holder: holder, leaseMilliseconds: lease)
                }
            } catch { log.warning("provisioning.renew_failed", ["error": LogValue("\(error)")]) }
        }
    }
}
