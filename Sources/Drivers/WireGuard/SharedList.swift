internal import Domain
internal import Synchronization

/// Fetches of one list, shared by those who ask at the same time. Nobody gets a list whose fetch began before they asked: whoever has just
/// written sees what they wrote. So one fetch at most is under way, and all who come meanwhile wait for the next one together.
final class SharedList: Sendable {
    typealias Outcome = Result<[NodePeer], DriverError>
    private struct Asked {
        var isFetching = false
        var waiting: [CheckedContinuation<Outcome, Never>] = []
    }
    private let asked = Mutex(Asked())
    private let fetch: @Sendable () async throws(DriverError) -> [NodePeer]

    /// - Parameter fetch: bounds its own time.
    init(_ fetch: @escaping @Sendable () async throws(DriverError) -> [NodePeer]) { self.fetch = fetch }

    /// Those who wait for the next fetch.
    var waiting: Int { asked.withLock { $0.waiting.count } }

    func peers() async throws(DriverError) -> [NodePeer] {
        let outcome = await withCheckedContinuation { caller in
            let isFirst = asked.withLock { asked in
                asked.waiting.append(caller)
                defer { asked.isFetching = true }
                return !asked.isFetching
            }
            // Of no caller's task: one that is cancelled does not take the list from the others.
            if isFirst { Task { await serve() } }
        }
        return try outcome.get()
    }

    /// Until nobody waits.
    private func serve() async {
        while true {
            let callers = asked.withLock { asked in
                defer { asked.waiting = [] }
                if asked.waiting.isEmpty { asked.isFetching = false }
                return asked.waiting
            }
            guard !callers.isEmpty else { return }
            let outcome: Outcome
            do throws(DriverError) { outcome = .success(try await fetch()) } catch { outcome = .failure(error) }
            for caller in callers { caller.resume(returning: outcome) }
        }
    }
}
