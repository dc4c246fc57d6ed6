private import Dispatch
internal import Domain
internal import Store
internal import Synchronization
internal import Telemetry

/// All journals of the process and the loop that takes their records to the ledger, in groups, within 50 ms, under load
/// within 150 ms.
final class JournalMover: Sendable {
    /// How hard records are kept: `interval` loses at most a second at a power cut, `always` nothing. Killing the process loses nothing
    /// either way.
    enum Durability: String, Sendable { case interval, always }

    /// Two a request, so about three thousand requests in one transaction, which takes some 20 ms.
    static let batchRecords = 6000
    /// Where a store that refuses large groups is met; halved to it, doubled again from it.
    static let leastRecords = 200
    private static let pause = Duration.milliseconds(25)
    /// After a group of `busyRecords`: what a commit costs is then worth sharing among more, and the history is fresh enough.
    private static let busyPause = Duration.milliseconds(75)
    private static let busyRecords = 200
    /// While the store refuses: doubling from the first to the last.
    private static let retryMilliseconds = (first: 100, last: 5000)

    let journals: [Journal]
    private let bootID: String
    private let lock: JournalLock
    private let store: Store
    private let ambient: Ambient
    private let log: Log
    private let booking: JournalBooking
    private let wake: Wake
    private let pending: Gauge
    private let syncs: Counter
    private let syncQueue = DispatchQueue(label: "journal sync")
    private let isStopping = Atomic<Bool>(false)

    /// A request that is under way, as far as the mover has read.
    private struct Open: Sendable {
        var admission: Admission
        var journal: Int
    }
    private struct Underway: Sendable {
        var requests: [RequestID: Open] = [:]
        /// Those the history does not show, in the order they came: a look from time to time meets only young ones, however many
        /// streams are open. Those that have ended meanwhile are passed over.
        var unshown: [RequestID] = []
    }
    private let open = Mutex(Underway())
    /// A request that takes longer than this shows as pending; shorter ones are written once, when they end.
    private static let shownAfterMilliseconds: Int64 = 1000

    /// - Parameters:
    ///   - folder: made when missing.
    ///   - count: how many reactors write.
    ///   - billsEstimates: `BILL_ESTIMATES`.
    init(
        folder: String, count: Int, store: Store, prices: PriceBook, ambient: Ambient, log: Log, metrics: Metrics,
        segmentBytes: Int = JournalSegment.bytes, billsEstimates: Bool = true
    ) throws(JournalError) {
        try JournalFolder.create(folder)
        let bootID = String(EventID(ambient).text.dropFirst(4))
        guard let lock = try JournalLock("\(folder)/\(bootID).lock") else { throw .file(errno: 0) }
        let wake = Wake()
        let megabytes = (count * (InFlightSlots.fileBytes + segmentBytes)) >> 20 + 1
        var journals: [Journal] = []
        do throws(JournalError) {
            for index in 0..<count {
                journals.append(try Journal(in: folder, name: "\(bootID)-\(index)", segmentBytes: segmentBytes) { wake.signal() })
            }
        } catch {
            // Nothing was written: no file of this try is left to be adopted.
            for journal in journals { journal.removeFiles() }
            lock.remove()
            log.error(
                "journal.not_made",
                [
                    "folder": .text(folder), "error": LogValue("\(error)"),
                    "action": .text("make room for \(megabytes) MB; journals in the folder hold requests to be booked, so leave them"),
                ])
            throw error
        }
        (self.bootID, self.lock, self.wake, self.journals) = (bootID, lock, wake, journals)
        (self.store, self.ambient, self.log) = (store, ambient, log)
        booking = JournalBooking(
            folder: folder, store: store, prices: prices, billsEstimates: billsEstimates, ambient: ambient, log: log, metrics: metrics)
        pending = metrics.gauge(.journalPending)
        syncs = metrics.counter(.journalSyncs)
    }

    /// Settles what dead processes left. Throws when the ledger does not take it: the files stay for the next try.
    func adopt() async throws {
        let database = try await booking.adopt(besides: bootID)
        // Before the first request: whoever adopts these files knows where they belong.
        try lock.mark(database)
    }

    /// Moves until `stop`, then moves the rest and leaves no file behind.
    func run() async {
        var failures = 0
        var limit = Self.batchRecords
        while true {
            let stopping = isStopping.load(ordering: .acquiring)
            var pause = Self.pause
            do {
                let moved = try await moveOnce(limit: limit)
                failures = 0
                limit = min(Self.batchRecords, limit * 2)
                if stopping {
                    if moved > 0 { continue } else { break }
                }
                if moved >= Self.busyRecords { pause = Self.busyPause }
                // A full group means more is waiting. Smaller ones are worth a pause: every commit waits for the disk, and costs
                // more than the rows in it.
                if journals.contains(where: { $0.pendingRecords >= limit }) { continue }
            } catch {
                failures += 1
                // A group that was too large for the store's deadline would be too large again.
                limit = max(Self.leastRecords, limit / 2)
                log.error(
                    "journal.ledger_unavailable",
                    ["error": LogValue("\(error)"), "pending": LogValue(journals.reduce(0) { $0 + $1.pendingRecords })])
                // The files stay for the next process; stopping must not wait for a database that is gone.
                if stopping { return }
                let wait = min(Self.retryMilliseconds.last, Self.retryMilliseconds.first << min(failures - 1, 10))
                await rest(.milliseconds(wait))
                continue
            }
            // With a request under way that the history does not show yet, time alone brings work.
            if open.withLock({ $0.unshown.isEmpty }) { await wake.wait() }
            await rest(pause)
        }
        // Requests that never settled are booked by whoever adopts these files.
        guard open.withLock(\.requests.isEmpty) else { return }
        for journal in journals { journal.removeFiles() }
        lock.remove()
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
    }

    private func rest(_ duration: Duration) async {
        // Cancelled only when the process ends; then the rest is simply shorter.
        do { try await ambient.sleep(duration) } catch { return }
    }

    /// One group of every journal.
    /// - Returns: how many records there were; 1 for what could not be read.
    func moveOnce(limit: Int = JournalMover.batchRecords) async throws -> Int {
        var moved = 0
        for (index, journal) in journals.enumerated() {
            // A disk without room must not keep records from the ledger: moving them is what makes room.
            do throws(JournalError) { try journal.prepareSpare() } catch {
                log.error("journal.no_spare_file", ["error": LogValue("\(error)"), "action": "free disk space in the data directory"])
            }
            guard let batch = journal.nextBatch(limit: limit) else { continue }
            moved += max(1, batch.count)
            if !batch.settled.isEmpty { try await booking.book(batch.settled) }
            // Only now: a batch that the store refuses comes again.
            note(batch, of: index)
            booking.reportUnreadable(batch.damaged)
            if batch.completesSegments { try carryForward(journal, index) }
            journal.finish(batch)
        }
        try await showPending()
        pending.set(Int64(journals.reduce(0) { $0 + $1.pendingRecords }))
        return moved
    }

    /// Keeps the list of requests under way.
    private func note(_ batch: Journal.Batch, of journal: Int) {
        open.withLock { open in
            for admission in batch.admitted {
                open.requests[admission.requestID] = Open(admission: admission, journal: journal)
                open.unshown.append(admission.requestID)
            }
            for place in 0..<batch.settled.count where !open.requests.isEmpty { open.requests[batch.settled.id(place)] = nil }
        }
    }

    /// Before a file goes: requests under way are admitted again at the journal's end, so that a crash still finds them.
    private func carryForward(_ journal: Journal, _ index: Int) throws(JournalError) {
        for admission in open.withLock({ $0.requests.values.filter { $0.journal == index }.map(\.admission) }) {
            try journal.carry(admission)
        }
    }

    private func showPending() async throws {
        let before = ambient.now().adding(milliseconds: -Self.shownAfterMilliseconds)
        let (due, fresh) = open.withLock { open in
            var fresh: [Admission] = []
            var due = 0
            for id in open.unshown {
                if let request = open.requests[id] {
                    guard request.admission.startedAt <= before else { break }
                    fresh.append(request.admission)
                }
                due += 1
            }
            return (due, fresh)
        }
        guard due > 0 else { return }
        if !fresh.isEmpty {
            try await store.transaction { transaction throws(StoreError) in
                for admission in fresh { try transaction.recordRequest(Settlement.pendingRecord(admission)) }
            }
        }
        open.withLock { $0.unshown.removeFirst(due) }
    }

    /// Waits until the disk has every record written so far.
    func synced() async throws(JournalError) {
        let result: Result<Void, JournalError> = await withCheckedContinuation { continuation in
            syncQueue.async {
                continuation.resume(
                    returning: Result { () throws(JournalError) in for journal in self.journals { try journal.sync() } })
            }
        }
        try result.get()
        syncs.add()
    }

    /// Brings records to the disk once a second, until the task is cancelled.
    func syncEverySecond() async {
        while !Task.isCancelled {
            do { try await ambient.sleep(.seconds(1)) } catch { return }
            do throws(JournalError) { try await synced() } catch {
                log.error("journal.sync_failed", ["error": LogValue("\(error)")])
            }
        }
    }
}

/// Lets one task sleep until somebody has something for it. A signal before the wait is not lost.
final class Wake: Sendable {
    /// A signal that nobody has heard yet. Every journal record signals, and nearly always finds one here.
    private let isSignalled = Atomic<Bool>(false)
    private let waiter = Mutex<CheckedContinuation<Void, Never>?>(nil)

    func signal() {
        guard !isSignalled.load(ordering: .sequentiallyConsistent), !isSignalled.exchange(true, ordering: .sequentiallyConsistent) else {
            return
        }
        let waiting = waiter.withLock { waiter in
            guard let waiting = waiter.take() else { return CheckedContinuation<Void, Never>?.none }
            isSignalled.store(false, ordering: .sequentiallyConsistent)
            return waiting
        }
        waiting?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let goesOn = waiter.withLock { waiter in
                if isSignalled.exchange(false, ordering: .sequentiallyConsistent) { return true }
                waiter = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
    }
}
