internal import Domain
internal import Store
internal import Synchronization

/// What the simple chat interface remembers in this process: runs that can be resumed, conversations that are answering, tickets.
final class ChatRuns: Sendable {
    private struct Ticket: Sendable {
        let key: APIKeyID
        let endsAt: Timestamp
        /// The run it was used for; it may still read that one.
        var run: String?
    }
    private struct Busy: Hashable {
        let key: APIKeyID
        let conversation: String
    }
    private struct Known {
        var runs: [String: ChatRun] = [:]
        /// Runs that are over, oldest first.
        var over: [(id: String, at: Timestamp)] = []
        /// With the key that asks: what one customer does to another's conversation must neither hold it up nor show that it is there.
        var busy: Set<Busy> = []
        var tickets: [String: Ticket] = [:]
        /// Of these, how many each key has that are not used yet.
        var unused: [APIKeyID: Int] = [:]
        var sweptAt = Timestamp(milliseconds: 0)

        mutating func sweep(_ now: Timestamp) {
            guard sweptAt.adding(seconds: 1) <= now else { return }
            sweptAt = now
            tickets = tickets.filter { $0.value.endsAt > now }
            unused = [:]
            for ticket in tickets.values where ticket.run == nil { unused[ticket.key, default: 0] += 1 }
        }
        mutating func noLongerUnused(_ key: APIKeyID) {
            let left = (unused[key] ?? 0) - 1
            unused[key] = left > 0 ? left : nil
        }
    }
    private let known = Mutex(Known())
    private let ambient: Ambient

    /// How long a run that is over can be read again (relay contract, section 12).
    private static let replaySeconds: Int64 = 60
    /// Runs that are kept after their end; older ones go first.
    private static let maximumOver = 2000
    /// Tickets at once; more are refused until some have ended.
    private static let maximumTickets = 100_000
    /// Of one key, not used yet.
    static let maximumUnusedTickets = 1000
    static let ticketSeconds: Int64 = 60
    /// How long a used ticket may read its run: as long as an answer takes, and the replay after it.
    private static let usedTicketSeconds: Int64 = 3600

    init(ambient: Ambient) { self.ambient = ambient }

    // MARK: Runs

    func add(_ run: ChatRun) { known.withLock { $0.runs[run.id] = run } }

    /// From here on it is kept for a while.
    func ended(_ run: ChatRun) {
        let now = ambient.now()
        known.withLock { known in
            known.over.append((run.id, now))
            while let first = known.over.first,
                known.over.count > Self.maximumOver || first.at.adding(seconds: Self.replaySeconds) <= now
            {
                known.runs[first.id] = nil
                known.over.removeFirst()
            }
        }
    }

    /// Nil for one that is unknown, too long over, or another key's.
    func run(_ id: String, key: APIKeyID) -> ChatRun? {
        guard let run = known.withLock({ $0.runs[id] }), run.keyID == key else { return nil }
        guard let overAt = run.read({ $0.overAt }) else { return run }
        return overAt.adding(seconds: Self.replaySeconds) > ambient.now() ? run : nil
    }

    // MARK: Conversations

    /// False when it is answering.
    func claim(_ conversation: String, by key: APIKeyID) -> Bool {
        known.withLock { $0.busy.insert(Busy(key: key, conversation: conversation)).inserted }
    }
    func release(_ conversation: String, by key: APIKeyID) {
        _ = known.withLock { $0.busy.remove(Busy(key: key, conversation: conversation)) }
    }

    // MARK: Tickets

    /// - Throws: `ChatProblem` when there are too many, the key's or all together. Those that have ended count until they are swept out,
    ///   a second at most.
    func ticket(for key: APIKeyID) throws(ChatProblem) -> String {
        let now = ambient.now()
        let text = "t_" + Hex.text(ambient.randomBytes(24))
        let problem: ChatProblem? = known.withLock { known in
            if known.tickets.count >= Self.maximumTickets || known.unused[key, default: 0] >= Self.maximumUnusedTickets {
                known.sweep(now)
            }
            guard known.unused[key, default: 0] < Self.maximumUnusedTickets else { return .tooManyTickets }
            guard known.tickets.count < Self.maximumTickets else { return Self.tooMany }
            known.tickets[text] = Ticket(key: key, endsAt: now.adding(seconds: Self.ticketSeconds))
            known.unused[key, default: 0] += 1
            return nil
        }
        if let problem { throw problem }
        return text
    }
    private static let tooMany = ChatProblem(
        status: 503, code: "server_busy", message: "Too many tickets are open.", retryAfterSeconds: 5)

    enum TicketUse {
        /// Its first use, by that key.
        case fresh(APIKeyID)
        /// Used before: it reads that run and begins nothing.
        case used(APIKeyID, run: String)
    }

    /// Nil for one that is unknown or has ended. A fresh one is used up for that run in the same step.
    func use(_ ticket: String, for run: String) -> TicketUse? {
        let now = ambient.now()
        return known.withLock { known in
            guard var found = known.tickets[ticket] else { return nil }
            if found.endsAt <= now {
                known.tickets[ticket] = nil
                if found.run == nil { known.noLongerUnused(found.key) }
                return nil
            }
            if let used = found.run { return .used(found.key, run: used) }
            found.run = run
            known.noLongerUnused(found.key)
            known.tickets[ticket] = Ticket(key: found.key, endsAt: now.adding(seconds: Self.usedTicketSeconds), run: run)
            return .fresh(found.key)
        }
    }
}
