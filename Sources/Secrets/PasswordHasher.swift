private import Dispatch
private import Synchronization

/// Argon2id password hashes. Each takes 64 MiB and about 50 ms on purpose, so they run on threads of their own, a few at a time.
public final class PasswordHasher: Sendable {
    /// libsodium's "interactive" strength.
    public struct Cost: Sendable, Equatable {
        public let operations: UInt64
        public let memoryBytes: Int
        public init(operations: UInt64, memoryBytes: Int) {
            self.operations = operations
            self.memoryBytes = memoryBytes
        }
        public static let interactive = Cost(operations: 2, memoryBytes: 64 << 20)
    }

    /// Hashes computed at the same time: more would only take memory from the streams.
    static let parallel = 2
    /// Callers that may wait; past it the answer is `busy`.
    static let maximumWaiting = 64

    private let cost: Cost
    /// Serial, taken in turn: a concurrent queue would start a thread for every caller that waits.
    private let lanes = (0..<PasswordHasher.parallel).map { DispatchQueue(label: "password hashing \($0)") }
    private let turn = Atomic<Int>(0)
    private let waiting = Atomic<Int>(0)
    private let computed = Atomic<Int>(0)
    /// Stands in for a user who does not exist, so that the answer takes as long as a wrong password. Salt and hash are nobody's.
    let decoy: String

    public init(cost: Cost = .interactive) {
        self.cost = cost
        decoy = """
            $argon2id$v=19$m=\(cost.memoryBytes / 1024),t=\(cost.operations),p=1$\(String(repeating: "A", count: 22))$\
            \(String(repeating: "A", count: 43))
            """
    }

    /// How many hashes have been computed, checks included; lets a test see that unknown users cost as much as known ones.
    public var computedCount: Int { computed.load(ordering: .relaxed) }

    public func hash(_ password: String) async throws(SecretsError) -> String {
        let cost = cost
        return try await run { () throws(SecretsError) in
            guard let hash = Sodium.passwordHash(Array(password.utf8), operations: cost.operations, memoryBytes: cost.memoryBytes) else {
                throw .noMemory
            }
            return hash
        }
    }

    /// - Parameter hash: nil for an unknown user; takes as long and is never true.
    public func verify(_ password: String, against hash: String?) async throws(SecretsError) -> Bool {
        try await matches(hash ?? decoy, password) && hash != nil
    }

    /// Computes what a refused check has not: every refusal has then cost Argon2id once, and each older kind that is stored once, so that
    /// its time does not tell who is known.
    /// - Parameters:
    ///   - hash: what was checked; nil for an unknown user.
    ///   - kinds: how the stored hashes of other programs begin, as "$2b$12$".
    public func computeRest(_ password: String, after hash: String?, kinds: [String]) async throws(SecretsError) {
        if let hash, !hash.hasPrefix("$argon2id$") { _ = try await matches(decoy, password) }
        var done: Set<String> = []
        if let kind = hash.flatMap(OlderHashes.kind) { done.insert(kind) }
        for beginning in kinds {
            guard let stand = OlderHashes.decoy(beginning), let kind = OlderHashes.kind(stand), done.insert(kind).inserted else { continue }
            _ = try await matches(stand, password)
        }
    }

    private func matches(_ hash: String, _ password: String) async throws(SecretsError) -> Bool {
        try await run { () throws(SecretsError) in
            OlderHashes.matches(hash, Array(password.utf8)) ?? Sodium.passwordMatches(hash, Array(password.utf8))
        }
    }

    /// Whether a password can be checked against a hash that another program has made: Argon2id, bcrypt or passlib's PBKDF2.
    public static func knows(_ hash: String) -> Bool { hash.hasPrefix("$argon2id$") || OlderHashes.knows(hash) }

    /// True when the hash was made with other parameters than today's; hash again at the next good login.
    public func isOutdated(_ hash: String) -> Bool {
        Sodium.passwordNeedsRehash(hash, operations: cost.operations, memoryBytes: cost.memoryBytes)
    }

    private func run<R: Sendable>(_ work: @escaping @Sendable () throws(SecretsError) -> R) async throws(SecretsError) -> R {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumWaiting else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw .busy
        }
        let result: Result<R, SecretsError> = await withCheckedContinuation { continuation in
            let lane = turn.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max
            lanes[lane % lanes.count].async {
                let result = Result { () throws(SecretsError) in try work() }
                self.computed.wrappingAdd(1, ordering: .relaxed)
                self.waiting.wrappingSubtract(1, ordering: .relaxed)
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }
}
