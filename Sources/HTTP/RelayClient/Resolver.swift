private import Dispatch
public import Domain
internal import Synchronization

/// Why a name gave no address, in the resolver's words.
public struct LookupFault: Error, Equatable, Sendable {
    public let message: String
    public init(_ message: String) { self.message = message }
}

/// Names to addresses, off the reactors, with a cache. One for all reactors; any thread may ask.
///
/// The system's resolver does not tell how long an answer holds, so the times here are our own.
public final class Resolver: Sendable {
    public struct Limits: Sendable {
        public var positiveSeconds = 60
        public var negativeSeconds = 5
        /// Names kept.
        public var names = 1024
        /// Names being looked up or waiting for it; further ones fail at once.
        public var lookups = 256
        /// Threads that may block in the system's resolver.
        public var threads = 2
        public init() {}
    }
    public typealias Answer = Result<[IPAddress], LookupFault>
    public typealias Completion = @Sendable (Answer) -> Void

    private struct Entry {
        var answer: Answer
        var endsAtNanoseconds: UInt64
    }
    private struct Shared {
        var cache: [String: Entry] = [:]
        /// Everybody who waits for a name that is being looked up.
        var waiting: [String: [Completion]] = [:]
        var queue: [String] = []
        var busyThreads = 0
    }
    private let ambient: Ambient
    private let limits: Limits
    private let lookup: @Sendable (String) -> Answer
    private let shared = Mutex(Shared())
    private let threads = DispatchQueue(label: "resolver", attributes: .concurrent)

    /// - Parameter lookup: blocks; nil asks the system (getaddrinfo).
    public init(ambient: Ambient, limits: Limits = Limits(), lookup: (@Sendable (String) -> Answer)? = nil) {
        self.ambient = ambient
        self.limits = limits
        self.lookup = lookup ?? SystemLookup.addresses
    }

    /// What the cache says now; nil when the name must be looked up.
    public func cached(_ name: String) -> Answer? {
        let now = ambient.uptimeNanoseconds()
        return shared.withLock { shared in
            guard let entry = shared.cache[name], entry.endsAtNanoseconds > now else { return nil }
            return entry.answer
        }
    }

    /// Calls the completion once, on some thread: at once when the cache knows. Equal names share one lookup.
    public func resolve(_ name: String, _ completion: @escaping Completion) {
        if let answer = cached(name) {
            completion(answer)
            return
        }
        let (starts, isFull) = shared.withLock { shared -> (Bool, Bool) in
            if shared.waiting[name] != nil {
                shared.waiting[name, default: []].append(completion)
                return (false, false)
            }
            guard shared.waiting.count < limits.lookups else { return (false, true) }
            shared.waiting[name] = [completion]
            shared.queue.append(name)
            guard shared.busyThreads < limits.threads else { return (false, false) }
            shared.busyThreads += 1
            return (true, false)
        }
        if isFull { completion(.failure(LookupFault("too many names are being looked up"))) }
        if starts { threads.async { self.work() } }
    }

    private func work() {
        while let name = next() {
            let answer = lookup(name)
            for completion in finish(name, answer) { completion(answer) }
        }
    }

    private func next() -> String? {
        shared.withLock { shared in
            if shared.queue.isEmpty {
                shared.busyThreads -= 1
                return nil
            }
            return shared.queue.removeFirst()
        }
    }

    private func finish(_ name: String, _ answer: Answer) -> [Completion] {
        let now = ambient.uptimeNanoseconds()
        let seconds = if case .success = answer { limits.positiveSeconds } else { limits.negativeSeconds }
        return shared.withLock { shared in
            if shared.cache.count >= limits.names, shared.cache[name] == nil { makeRoom(&shared.cache, now) }
            shared.cache[name] = Entry(answer: answer, endsAtNanoseconds: now &+ UInt64(max(0, seconds)) &* 1_000_000_000)
            return shared.waiting.removeValue(forKey: name) ?? []
        }
    }

    private func makeRoom(_ cache: inout [String: Entry], _ now: UInt64) {
        cache = cache.filter { $0.value.endsAtNanoseconds > now }
        if cache.count >= limits.names, let first = cache.min(by: { $0.value.endsAtNanoseconds < $1.value.endsAtNanoseconds }) {
            cache[first.key] = nil
        }
    }
}
