internal import Domain
internal import HTTP
internal import Store
internal import Synchronization

/// A request that waits for a place. The first to finish it decides: who calls it, its time, its client, or the shutdown.
final class LimitWaiter: Sendable {
    enum Outcome: Sendable { case invited, timedOut, gone, draining }
    private enum Progress: Sendable {
        case idle, done(Outcome)
        case waiting(CheckedContinuation<Outcome, Never>)
    }
    private let progress = Mutex(Progress.idle)

    /// False when somebody was quicker.
    @discardableResult
    func finish(_ outcome: Outcome) -> Bool {
        let (isFirst, waiting): (Bool, CheckedContinuation<Outcome, Never>?) = progress.withLock { progress in
            switch progress {
            case .done: return (false, nil)
            case .idle:
                progress = .done(outcome)
                return (true, nil)
            case .waiting(let continuation):
                progress = .done(outcome)
                return (true, continuation)
            }
        }
        waiting?.resume(returning: outcome)
        return isFirst
    }

    func wait() async -> Outcome {
        await withCheckedContinuation { continuation in
            let done: Outcome? = progress.withLock { progress in
                if case .done(let outcome) = progress { return outcome }
                progress = .waiting(continuation)
                return nil
            }
            if let done { continuation.resume(returning: done) }
        }
    }
}

extension LimitCounters {
    enum Joined: Sendable { case waiting, room, tooMany }

    /// Takes a place in the queue.
    /// - Parameters:
    ///   - isHeld: it waits for what others hold of a budget, not for a place.
    ///   - atFront: for one that was called and could not go after all.
    func join(_ waiter: LimitWaiter, _ plan: LimitPlan, isHeld: Bool = false, atFront: Bool) -> Joined {
        counts.withLock { counts in
            // Between the refusal and now those it waits for may have left, and nobody would call it.
            if isHeld {
                if counts.holding <= 0 { return .room }
            } else {
                guard let limit = plan.concurrency else { return .room }
                guard limit > 0 else { return .tooMany }
                if counts.waiters.isEmpty, counts.concurrent + counts.invited < limit { return .room }
            }
            guard counts.waiters.count < plan.queueLength else { return .tooMany }
            counts.waiters.insert(waiter, at: atFront ? 0 : counts.waiters.count)
            return .waiting
        }
    }

    func leave(_ waiter: LimitWaiter) { counts.withLock { counts in counts.waiters.removeAll { $0 === waiter } } }

    /// Calls the next one that is still there. The place that has become free is kept for it.
    func inviteNext() {
        while let next = counts.withLock({ $0.inviteNext() }) {
            if next.finish(.invited) { return }
            counts.withLock { $0.invited -= 1 }
        }
    }

    /// Sends all that wait away.
    func endWaiting() {
        let waiters = counts.withLock { counts in
            defer { counts.waiters = [] }
            return counts.waiters
        }
        for waiter in waiters { waiter.finish(.draining) }
    }
}

/// Places over all keys (`MAX_CONCURRENT`). When they are taken, requests wait and are served round robin over the keys, so that one
/// busy customer cannot keep the others out.
final class FairPlaces: Sendable {
    private struct Line: Sendable {
        var used = 0
        var invited = 0
        /// Keys that wait, in the order of their turns.
        var turns: [APIKeyID] = []
        var waiters: [APIKeyID: [LimitWaiter]] = [:]
        var waiting = 0
    }
    private let line = Mutex(Line())
    /// Requests of one key that may wait, for each place: what one customer sends takes no other's place in the line.
    private static let waitersPerPlace = 2
    /// So many keys can have as many requests waiting as one may have.
    private static let fullLines = 64

    var inFlight: Int { line.withLock(\.used) }
    var waiting: Int { line.withLock(\.waiting) }

    /// - Parameter limit: nil is no limit.
    func take(limit: Int?, isInvited: Bool) -> Bool {
        line.withLock { line in
            if isInvited { line.invited -= 1 }
            if let limit, line.used + line.invited >= limit || (!isInvited && line.waiting > 0) { return false }
            line.used += 1
            return true
        }
    }

    /// False when too many wait already, or none could ever call.
    func join(_ waiter: LimitWaiter, of key: APIKeyID, limit: Int) -> LimitCounters.Joined {
        line.withLock { line in
            if line.used + line.invited < limit, line.waiting == 0 { return .room }
            let longest = max(3, limit * Self.waitersPerPlace)
            guard limit > 0, line.waiters[key]?.count ?? 0 < longest, line.waiting < longest * Self.fullLines else { return .tooMany }
            if line.waiters[key] == nil { line.turns.append(key) }
            line.waiters[key, default: []].append(waiter)
            line.waiting += 1
            return .waiting
        }
    }

    func leave(_ waiter: LimitWaiter, of key: APIKeyID) {
        line.withLock { line in
            guard let at = line.waiters[key]?.firstIndex(where: { $0 === waiter }) else { return }
            line.waiters[key]?.remove(at: at)
            line.waiting -= 1
            guard line.waiters[key]?.isEmpty == true else { return }
            line.waiters[key] = nil
            line.turns.removeAll { $0 == key }
        }
    }

    func give() {
        line.withLock { $0.used -= 1 }
        while let next = next() {
            if next.finish(.invited) { return }
            line.withLock { $0.invited -= 1 }
        }
    }

    /// The first waiter of the key whose turn it is; the key goes to the end.
    private func next() -> LimitWaiter? {
        line.withLock { line in
            guard let key = line.turns.first, let waiter = line.waiters[key]?.first else { return nil }
            line.turns.removeFirst()
            line.waiters[key]?.removeFirst()
            if line.waiters[key]?.isEmpty == true { line.waiters[key] = nil } else { line.turns.append(key) }
            line.waiting -= 1
            line.invited += 1
            return waiter
        }
    }

    func endWaiting() {
        let waiters = line.withLock { line in
            defer {
                line.waiters = [:]
                line.turns = []
                line.waiting = 0
            }
            return line.waiters.values.flatMap { $0 }
        }
        for waiter in waiters { waiter.finish(.draining) }
    }
}

/// A place over all keys; given back when the request ends, on every path.
struct FairLease: ~Copyable {
    private let places: FairPlaces
    /// Nil when all are taken.
    init?(_ places: FairPlaces, limit: Int?, isInvited: Bool = false) {
        guard places.take(limit: limit, isInvited: isInvited) else { return nil }
        self.places = places
    }
    deinit { places.give() }
}
