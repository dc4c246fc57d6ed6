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
        /// For so long after its time an answer still serves while the name is looked up again, or cannot be.
        public var staleSeconds = 300
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
        /// Later than its end when the answer may still serve meanwhile.
        var servesUntilNanoseconds: UInt64
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

    /// Calls the completion once, on some thread: at once when the cache knows, or knew until a short while ago. Equal names share one
    /// lookup.
    public func resolve(_ name: String, _ completion: @escaping Completion) {
        let now = ambient.uptimeNanoseconds()
        let (answer, starts) = shared.withLock { shared -> (Answer?, Bool) in
            let entry = shared.cache[name]
            if let entry, entry.endsAtNanoseconds > now { return (entry.answer, false) }
            // Names whose servers hang must not make one wait whose server does not.
            let stale = entry.flatMap { $0.servesUntilNanoseconds > now ? $0.answer : nil }
            let waiter = stale == nil ? [completion] : []
            if shared.waiting[name] != nil {
                shared.waiting[name, default: []] += waiter
                return (stale, false)
            }
            guard shared.waiting.count < limits.lookups else {
                return (stale ?? .failure(LookupFault("too many names are being looked up")), false)
            }
            shared.waiting[name] = waiter
            shared.queue.append(name)
            guard shared.busyThreads < limits.threads else { return (stale, false) }
            shared.busyThreads += 1
            return (stale, true)
        }
        if let answer { completion(answer) }
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
        return shared.withLock { shared in
            if shared.cache.count >= limits.names, shared.cache[name] == nil { makeRoom(&shared.cache, now) }
            shared.cache[name] = entry(answer, after: shared.cache[name], now)
            return shared.waiting.removeValue(forKey: name) ?? []
        }
    }

    /// A failure leaves an answer that may still serve in its place and is tried again later.
    private func entry(_ answer: Answer, after old: Entry?, _ now: UInt64) -> Entry {
        func time(_ seconds: Int) -> UInt64 { UInt64(max(0, seconds)) &* 1_000_000_000 }
        if case .success = answer {
            let end = now &+ time(limits.positiveSeconds)
            return Entry(answer: answer, endsAtNanoseconds: end, servesUntilNanoseconds: end &+ time(limits.staleSeconds))
        }
        let end = now &+ time(limits.negativeSeconds)
        if var old, old.servesUntilNanoseconds > now, case .success = old.answer {
            old.endsAtNanoseconds = min(end, old.servesUntilNanoseconds)
            return old
        }
        return Entry(answer: answer, endsAtNanoseconds: end, servesUntilNanoseconds: end)
    }

    private func makeRoom(_ cache: inout [String: Entry], _ now: UInt64) {
        cache = cache.filter { $0.value.servesUntilNanoseconds > now }
        if cache.count >= limits.names, let first = cache.min(by: { $0.value.endsAtNanoseconds < $1.value.endsAtNanoseconds }) {
            cache[first.key] = nil
        }
    }
}
