internal import Synchronization

/// What the fake remembers of one request.
struct RequestRecord: Sendable {
    let order: Int
    let request: WireRequest
    let credential: String
    let bodyDigest: String
    let bodyBytes: Int
    let startedNanoseconds: Int
    var step = ""
    var status = 0
    var finishedNanoseconds: Int?
    /// The client closed before the answer was complete.
    var isClosedEarly = false
    var closedNanoseconds: Int?
    /// Names of the frames that were written whole, in order.
    var events: [String] = []
    var violations: [String] = []
    var bill: Bill?
    /// As it came; kept of the newest requests only.
    var body: [UInt8]?

    /// - Parameter showsBody: with the body as text, null where it is not kept.
    func json(showsBody: Bool) -> JSONText {
        let members: JSONText = [
            "order": .int(order), "method": .string(request.method), "path": .string(request.path), "query": .string(request.query),
            "headers": .array(request.headers.map { [.string($0.name), .string($0.value)] }), "body_sha256": .string(bodyDigest),
            "body_bytes": .int(bodyBytes), "credential": .string(credential), "step": .string(step), "status": .int(status),
            "started_ns": .int(startedNanoseconds), "finished_ns": finishedNanoseconds.map { .int($0) } ?? .null,
            "closed_early": .bool(isClosedEarly), "closed_ns": closedNanoseconds.map { .int($0) } ?? .null,
            "closed_after": events.last.map { .string($0) } ?? .null, "events": .int(events.count),
            "violations": .array(violations.map { .string($0) }),
        ]
        return showsBody ? members.setting("body", body.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null) : members
    }
}

/// What an upstream would charge for one request.
struct Bill: Sendable {
    enum Outcome: String, Sendable { case running, complete, cut, clientGone = "client_gone", errorEvent = "error_event" }
    let identifier: String
    let model: String
    let requestedModel: String
    let isStream: Bool
    var outcome = Outcome.running
    /// As of the last frame that carried one; for an answer that is no stream, of its body. `.null` when nothing was said.
    var usage: JSONText = .null
    var deltaBytes = 0
    var blocks = 0

    /// Members that are not null replace the earlier ones.
    mutating func overlay(_ later: JSONText) {
        if usage == .null { usage = .object([]) }
        for member in later.members ?? [] where member.value != .null || usage[member.name] == nil {
            usage = usage.setting(member.name, member.value)
        }
    }

    /// `usage` with the output tokens of an answer that stopped here: at least a token for four bytes, and three a block.
    var snapshot: JSONText {
        let estimate = (deltaBytes + 3) / 4 + 3 * blocks
        return usage.setting("output_tokens", .int(max(usage["output_tokens"]?.integer ?? 0, estimate)))
    }

    func json(order: Int, credential: String, requestIdentifier: String) -> JSONText {
        [
            "order": .int(order), "credential": .string(credential), "request_id": .string(requestIdentifier), "id": .string(identifier),
            "model": .string(model), "requested_model": .string(requestedModel), "stream": .bool(isStream),
            "outcome": .string(outcome.rawValue), "usage": usage, "delta_bytes": .int(deltaBytes), "blocks": .int(blocks),
            "snapshot": snapshot,
        ]
    }
}

/// Everything the fake knows, shared by the threads of its connections.
final class World: Sendable {
    /// Older requests are forgotten beyond this many.
    static let recordLimit = 50_000
    /// Bodies are kept of the newest requests, up to this size: 8 MiB in all.
    private static let keptBodies = 128
    private static let keptBodyBytes = 65_536
    /// What a test wants for the next request of a credential.
    struct Step: Sendable {
        let text: String
        let bodyDigest: String?
    }
    private struct Kept {
        var records: [RequestRecord] = []
        var firstOrder = 0
        var finished = 0
        var scripts: [String: [Step]] = [:]
        var defaults: [String: Step] = [:]
        var arrivals: [String: Int] = [:]
        var refresh: [String: Refreshable] = [:]
        var batches: [String: Batch] = [:]
    }
    struct Refreshable: Sendable {
        var isUsed = false
        var generation = 0
    }
    struct Batch: Sendable {
        let order: Int
        let credential: String
        var status: String
        let requests: [JSONText]
    }

    let seed: Int
    private let kept = Mutex(Kept())
    init(seed: Int) { self.seed = seed }

    // MARK: Requests

    func begin(_ request: WireRequest, credential: String, digest: String, violations: [String]) -> Int {
        let now = monotonicNanoseconds()
        return kept.withLock { kept in
            if kept.records.count >= Self.recordLimit {
                kept.records.removeFirst(Self.recordLimit / 2)
                kept.firstOrder += Self.recordLimit / 2
            }
            let order = kept.firstOrder + kept.records.count
            var bare = request
            bare.body = []
            var record = RequestRecord(
                order: order, request: bare, credential: credential, bodyDigest: digest, bodyBytes: request.body.count,
                startedNanoseconds: now)
            record.violations = violations
            if request.body.count <= Self.keptBodyBytes { record.body = request.body }
            kept.records.append(record)
            let old = kept.records.count - 1 - Self.keptBodies
            if old >= 0 { kept.records[old].body = nil }
            return order
        }
    }

    func update(_ order: Int, _ change: (inout RequestRecord) -> Void) {
        kept.withLock { kept in
            let at = order - kept.firstOrder
            if kept.records.indices.contains(at) { change(&kept.records[at]) }
        }
    }

    func finish(_ order: Int, isClosedEarly: Bool) -> RequestRecord? {
        let now = monotonicNanoseconds()
        return kept.withLock { kept in
            kept.finished += 1
            let at = order - kept.firstOrder
            guard kept.records.indices.contains(at) else { return nil }
            kept.records[at].finishedNanoseconds = now
            if isClosedEarly {
                kept.records[at].isClosedEarly = true
                kept.records[at].closedNanoseconds = now
                if kept.records[at].bill?.outcome == .running { kept.records[at].bill?.outcome = .clientGone }
            }
            return kept.records[at]
        }
    }

    func records(_ credential: String?) -> [RequestRecord] {
        kept.withLock { kept in kept.records.filter { credential == nil || $0.credential == credential } }
    }
    var finishedCount: Int { kept.withLock { $0.finished } }
    var startedCount: Int { kept.withLock { $0.firstOrder + $0.records.count } }

    func reset() { kept.withLock { $0 = Kept() } }

    // MARK: Scripts

    func script(_ credential: String, _ steps: [Step], fallback: Step?) {
        kept.withLock { kept in
            kept.scripts[credential, default: []] += steps
            if let fallback { kept.defaults[credential] = fallback }
        }
    }

    /// The next step of that credential, else of `*`, else the default of either.
    func nextStep(_ credential: String) -> Step? {
        kept.withLock { kept in
            for name in [credential, "*"] {
                if let steps = kept.scripts[name], let step = steps.first {
                    kept.scripts[name] = Array(steps.dropFirst())
                    return step
                }
            }
            return kept.defaults[credential] ?? kept.defaults["*"]
        }
    }
    /// How often that body came before with steps of its own.
    func arrival(_ digest: String) -> Int {
        kept.withLock { kept in
            defer { kept.arrivals[digest, default: 0] += 1 }
            return kept.arrivals[digest, default: 0]
        }
    }

    /// Whether a step was queued for just that credential.
    func hasScript(_ credential: String) -> Bool { kept.withLock { !($0.scripts[credential] ?? []).isEmpty } }
    var waitingSteps: Int { kept.withLock { $0.scripts.values.reduce(0) { $0 + $1.count } } }

    // MARK: Refresh tokens and batches

    /// nil when that refresh token has been used up before.
    func refresh(_ token: String, rotates: Bool) -> Refreshable? {
        kept.withLock { kept in
            var entry = kept.refresh[token] ?? Refreshable()
            if entry.isUsed { return nil }
            entry.generation += 1
            entry.isUsed = rotates
            kept.refresh[token] = entry
            return entry
        }
    }

    func add(_ identifier: String, credential: String, requests: [JSONText]) {
        kept.withLock {
            $0.batches[identifier] = Batch(order: $0.batches.count, credential: credential, status: "ended", requests: requests)
        }
    }
    func batch(_ identifier: String, credential: String) -> Batch? {
        kept.withLock { kept in kept.batches[identifier].flatMap { $0.credential == credential ? $0 : nil } }
    }
    func batches(_ credential: String) -> [(String, Batch)] {
        kept.withLock { kept in
            kept.batches.filter { $0.value.credential == credential }.sorted { $0.value.order > $1.value.order }.map { ($0.key, $0.value) }
        }
    }
    func setBatch(_ identifier: String, status: String?) {
        kept.withLock { kept in
            if let status { kept.batches[identifier]?.status = status } else { kept.batches[identifier] = nil }
        }
    }
}
