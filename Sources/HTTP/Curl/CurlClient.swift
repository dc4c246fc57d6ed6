private import Dispatch
public import Domain
internal import Synchronization

/// What all calls of one client share. TLS verification cannot be turned off.
public struct CurlConfiguration: Sendable {
    public var proxy: UpstreamProxy?
    /// PEM; nil trusts the system's certificates.
    public var certificateAuthorityFile: String?
    /// Judges every address before it is connected to (the proxy's, when there is one); nil permits all.
    public var addressRule: AddressRule?
    /// Transfers under way; more wait.
    public var transferLimit = 32
    /// Calls that wait; more fail with `busy`.
    public var queueLimit = 256
    public init() {}
}

/// libcurl on one thread of its own. The thread ends when the client is let go or shut down.
public final class CurlClient: HTTPClient {
    private let work: CurlWork

    /// - Throws: `interrupted` when libcurl does not start.
    public init(ambient: Ambient, _ configuration: CurlConfiguration = CurlConfiguration()) throws(ClientError) {
        work = CurlWork(ambient, configuration, try CurlMulti())
        let thread = DispatchQueue(label: "curl")
        thread.async { [work] in work.loop() }
    }
    deinit { work.stop() }

    /// Cancelling the task ends the transfer.
    public func send(_ request: OutgoingRequest) async throws(ClientError) -> OutgoingReply {
        try OutgoingURL.check(request.url)
        guard case .http(let reply) = try await perform(.http(request)) else { throw .interrupted("an answer of another protocol") }
        return reply
    }

    func perform(_ task: CurlTask) async throws(ClientError) -> CurlAnswer { try await work.send(task).get() }

    /// Ends every call with `cancelled`; later ones get it too.
    public func shutdown() { work.stop() }
}

/// What one transfer is to do.
enum CurlTask: Sendable {
    case http(OutgoingRequest)
    case mail(OutgoingMail, MailServer)
    case mailProbe(MailServer)

    private static let probeMilliseconds = 15_000

    var timeoutMilliseconds: Int {
        switch self {
        case .http(let request): request.timeoutMilliseconds
        case .mail(let mail, _): mail.timeoutMilliseconds
        case .mailProbe: Self.probeMilliseconds
        }
    }
    var connectTimeoutMilliseconds: Int {
        switch self {
        case .http(let request): request.connectTimeoutMilliseconds
        case .mail(let mail, _): mail.connectTimeoutMilliseconds
        case .mailProbe: Self.probeMilliseconds
        }
    }
}

enum CurlAnswer: Sendable {
    case http(OutgoingReply)
    case mail(MailAnswer)
}

/// The thread of a client and the way to it.
final class CurlWork: Sendable {
    typealias Outcome = Result<CurlAnswer, ClientError>
    private struct Job {
        let id: UInt64
        let task: CurlTask
        let startedAtNanoseconds: UInt64
    }
    private struct Shared {
        var nextID: UInt64 = 0
        var queue: [Job] = []
        var waiting: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
        /// Cancelled while running; the thread takes them out.
        var cancelled: [UInt64] = []
        var isStopped = false
    }
    private let ambient: Ambient
    private let configuration: CurlConfiguration
    private let multi: CurlMulti
    private let shared = Mutex(Shared())
    /// libcurl knows its own timers; this only bounds a lost wake-up.
    private static let longestWaitMilliseconds: Int32 = 1_000

    init(_ ambient: Ambient, _ configuration: CurlConfiguration, _ multi: CurlMulti) {
        self.ambient = ambient
        self.configuration = configuration
        self.multi = multi
    }

    func send(_ task: CurlTask) async -> Outcome {
        let id = shared.withLock { shared in
            shared.nextID += 1
            return shared.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let refusal: ClientError? = shared.withLock { shared in
                    // A cancellation that comes after this finds the call in `waiting`.
                    if shared.isStopped || Task.isCancelled { return .cancelled }
                    if shared.queue.count >= configuration.queueLimit { return .busy }
                    shared.queue.append(Job(id: id, task: task, startedAtNanoseconds: ambient.uptimeNanoseconds()))
                    shared.waiting[id] = continuation
                    return nil
                }
                if let refusal { continuation.resume(returning: .failure(refusal)) } else { multi.wake() }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: UInt64) {
        let waiter = shared.withLock { shared in
            shared.queue.removeAll { $0.id == id }
            let waiter = shared.waiting.removeValue(forKey: id)
            if waiter != nil { shared.cancelled.append(id) }
            return waiter
        }
        multi.wake()
        waiter?.resume(returning: .failure(.cancelled))
    }

    func stop() {
        let waiters = shared.withLock { shared in
            defer { (shared.waiting, shared.queue, shared.isStopped) = ([:], [], true) }
            return Array(shared.waiting.values)
        }
        multi.wake()
        for waiter in waiters { waiter.resume(returning: .failure(.cancelled)) }
    }

    // MARK: The thread

    func loop() {
        while true {
            let (cancelled, isStopped) = shared.withLock { shared in
                defer { shared.cancelled = [] }
                return (shared.cancelled, shared.isStopped)
            }
            if isStopped {
                multi.removeAll()
                return
            }
            for id in cancelled { multi.remove(id: id) }
            while multi.count < configuration.transferLimit, let job = nextJob() { start(job) }
            for ended in multi.perform() { finish(ended.id, ended.outcome) }
            if shared.withLock({ $0.queue.isEmpty || multi.count >= configuration.transferLimit }) {
                multi.wait(atMostMilliseconds: Self.longestWaitMilliseconds)
            }
        }
    }

    private func nextJob() -> Job? { shared.withLock { $0.queue.isEmpty ? nil : $0.queue.removeFirst() } }

    private func start(_ job: Job) {
        let waited = Int(clamping: (ambient.uptimeNanoseconds() &- job.startedAtNanoseconds) / 1_000_000)
        guard waited < job.task.timeoutMilliseconds else {
            finish(job.id, .failure(.busy))
            return
        }
        do throws(ClientError) {
            let transfer = try CurlTransfer(job.task, configuration, waitedMilliseconds: waited)
            if !multi.add(transfer, id: job.id) { finish(job.id, .failure(.interrupted("libcurl refuses the transfer"))) }
        } catch { finish(job.id, .failure(error)) }
    }

    private func finish(_ id: UInt64, _ outcome: Outcome) {
        shared.withLock { $0.waiting.removeValue(forKey: id) }?.resume(returning: outcome)
    }
}
