private import Dispatch
private import Synchronization

/// What serves a queue: it has a thread of its own and perhaps a connection.
protocol Lane: AnyObject, Sendable {
    /// Runs and finishes every job. Called on the lane's own thread, never twice at once.
    func work(_ jobs: [any Job])
    /// Whether it wants to hear when there has been nothing to do for `JobQueue.restSeconds`.
    var wantsRest: Bool { get }
    func rest()
    /// Gives up the connection; nothing comes after.
    func close()
}

/// Jobs waiting for one of several lanes: bounded, first come first served. No thread waits here; a lane is woken when it is needed.
final class JobQueue: Sendable {
    private struct Waiting {
        var jobs: [any Job] = []
        var idle: [Int]
        var closers: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        /// How often each lane was woken, to see whether it rested in between.
        var wakes: [Int]
        var hasTimer: [Bool]
    }

    /// How long a lane has had nothing to do before it is told to rest.
    static let restSeconds = 30

    private let lanes: [any Lane]
    private let threads: [DispatchQueue]
    private let limit: Int
    private let batch: Int
    private let waiting: Mutex<Waiting>

    /// - Parameters:
    ///   - limit: jobs that may wait; one more is refused with `.busy`.
    ///   - batch: the most jobs one lane takes at once.
    init(_ label: String, lanes: [any Lane], limit: Int, batch: Int) {
        self.lanes = lanes
        self.limit = limit
        self.batch = batch
        // A serial queue has a thread of its own while it has work, outside the pool that Swift's tasks share.
        threads = lanes.indices.map { DispatchQueue(label: "store \(label) \($0)") }
        waiting = Mutex(Waiting(idle: Array(lanes.indices), wakes: lanes.map { _ in 0 }, hasTimer: lanes.map { _ in false }))
    }

    var waitingCount: Int { waiting.withLock { $0.jobs.count } }

    func submit(_ job: any Job) {
        enum Fate { case queued, wake(Int), refused(StoreError) }
        let fate = waiting.withLock { waiting -> Fate in
            if waiting.isClosed { return .refused(.unavailable("the store is closed")) }
            if waiting.jobs.count >= limit { return .refused(.busy) }
            waiting.jobs.append(job)
            // The lowest number first, so that the connections over the pool's size are the last to be needed.
            guard let lane = waiting.idle.min() else { return .queued }
            waiting.idle.removeAll { $0 == lane }
            waiting.wakes[lane] += 1
            return .wake(lane)
        }
        switch fate {
        case .queued: break
        case .wake(let lane): threads[lane].async { self.drain(lane) }
        case .refused(let error): job.finish(error)
        }
    }

    /// Lets what is queued finish, then closes the lanes.
    func close() async {
        await withCheckedContinuation { done in
            let idle = waiting.withLock { waiting -> Bool in
                waiting.isClosed = true
                if waiting.idle.count == lanes.count { return true }
                waiting.closers.append(done)
                return false
            }
            if idle { closeLanes([done]) }
        }
    }

    private func drain(_ lane: Int) {
        while true {
            let (jobs, closers) = waiting.withLock { waiting -> ([any Job], [CheckedContinuation<Void, Never>]) in
                let taken = Array(waiting.jobs.prefix(batch))
                waiting.jobs.removeFirst(taken.count)
                guard taken.isEmpty else { return (taken, []) }
                waiting.idle.append(lane)
                guard waiting.isClosed, waiting.idle.count == lanes.count else { return ([], []) }
                defer { waiting.closers = [] }
                return ([], waiting.closers)
            }
            if jobs.isEmpty {
                if closers.isEmpty { restLater(lane) } else { closeLanes(closers) }
                return
            }
            lanes[lane].work(jobs)
        }
    }

    /// At most one timer a lane: it fires `restSeconds` after it was set, and is set again when the lane worked meanwhile.
    private func restLater(_ lane: Int) {
        guard lanes[lane].wantsRest else { return }
        let wakes = waiting.withLock { waiting -> Int? in
            guard !waiting.isClosed, !waiting.hasTimer[lane] else { return nil }
            waiting.hasTimer[lane] = true
            return waiting.wakes[lane]
        }
        guard let wakes else { return }
        threads[lane].asyncAfter(deadline: .now() + .seconds(Self.restSeconds)) { [weak self] in
            guard let self else { return }
            let rested = self.waiting.withLock { waiting in
                waiting.hasTimer[lane] = false
                return waiting.wakes[lane] == wakes
            }
            if rested { self.lanes[lane].rest() } else { self.restLater(lane) }
        }
    }

    /// Each on its own thread, because a connection is touched nowhere else.
    private func closeLanes(_ closers: [CheckedContinuation<Void, Never>]) {
        let group = DispatchGroup()
        for (lane, thread) in zip(lanes, threads) { thread.async(group: group) { lane.close() } }
        group.notify(queue: DispatchQueue(label: "store closing")) { for closer in closers { closer.resume() } }
    }
}
