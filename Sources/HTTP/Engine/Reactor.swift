public import Domain
internal import Glibc
internal import Synchronization

/// Somebody that owns a descriptor. Called on the reactor only.
public protocol ReadinessHandler: AnyObject {
    func ready(_ readiness: Readiness)
}

/// Somebody that wants to be called at the end of an event: what it has of the shared read buffer is lost after that.
public protocol Flushable: AnyObject {
    func flush()
}

/// Somebody that has collected output and wants to send it in one call, soon.
protocol Sender: AnyObject {
    func sendCollected()
}

/// A descriptor's place in a reactor. Stale ones are harmless.
public struct Registration: Sendable, Equatable {
    let descriptor: Int32
    let generation: UInt32
}

/// One thread, one epoll set, timers, and the executor of every task that works on its connections. Nothing on it may block.
///
/// After each descriptor event all ready jobs run, so a task that the event resumed still sees the shared read buffer. Output is
/// sent after a handful of events (`eventsPerSending`): sent one by one between two pieces of other work, each send would wake a
/// peer that has just gone to sleep, which costs the kernel more than the send. Everything except `enqueue`, `run`, `execute`, `poke`, `isCurrent` and `counters` is for its own thread.
@safe public final class Reactor: TaskExecutor, @unchecked Sendable {
    public let index: Int
    public let ambient: Ambient
    public let counters = ReactorCounters()
    /// Received bytes, valid until the end of the event that brought them.
    let readBuffer: UnsafeMutableRawBufferPointer
    static let readBufferBytes = 65_536
    /// The reactor's clock at the start of this round; monotonic nanoseconds of `ambient`.
    public private(set) var nowNanoseconds: UInt64
    /// The wall clock at the start of this round: several things a request does ask for it, and a clock costs more than it seems.
    public private(set) var now: Timestamp
    let requestIDs: RequestIDSource
    let dates: DateText
    /// Room for the size line of the chunk that is being written.
    var chunkHead: [UInt8] = []

    private struct Slot {
        var handler: (any ReadinessHandler)?
        var generation: UInt32 = 0
    }
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var work: [@Sendable () -> Void] = []
        var isSignalled = false
        var isStopping = false
        var hasEnded = false
    }
    private let poll: Int32
    private let wake: Int32
    private let inbox = Mutex(Inbox())
    private let thread = Atomic<UInt>(0)
    private var slots: [Slot] = []
    private var ready: [UnownedJob] = []
    private var nextReady = 0
    private var flushes: [any Flushable] = []
    private var nextFlush = 0
    private var senders: [any Sender] = []
    private var nextSender = 0
    /// Few enough that the first of them does not wait a millisecond.
    private static let eventsPerSending = 32
    /// Handlers that left during this batch, kept alive until it ends.
    private var departed: [any ReadinessHandler] = []
    private var timers: TimerWheel
    /// Tasks that wait for requests; those past the limit end. As many as are usually under way at once.
    private var idleRunners: [HandlerRunner] = []
    private static let idleRunnerLimit = 64
    private var isEnding = false

    public init(index: Int, ambient: Ambient) throws(SystemCallError) {
        self.index = index
        self.ambient = ambient
        poll = try SystemCalls.makePoll()
        do { wake = try SystemCalls.makeWake() } catch {
            SystemCalls.close(poll)
            throw error
        }
        unsafe readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 64)
        nowNanoseconds = ambient.uptimeNanoseconds()
        now = ambient.now()
        timers = TimerWheel(nowNanoseconds: nowNanoseconds)
        requestIDs = RequestIDSource(ambient)
        dates = DateText()
        _ = SystemCalls.add(poll, wake, .readable, UInt64(UInt32(bitPattern: wake)))
    }

    deinit {
        SystemCalls.close(wake)
        SystemCalls.close(poll)
        unsafe readBuffer.deallocate()
    }

    // MARK: Life

    /// Starts the thread. Writing to a closed connection must not end the process, so SIGPIPE is ignored from here on.
    public func start() throws(SystemCallError) {
        SystemCalls.ignoreBrokenPipeSignal()
        SystemCalls.keepFreedMemory()
        var identity = pthread_t()
        let context = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(&identity, nil, reactorThread, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw SystemCallError(call: "pthread_create", code: code)
        }
        thread.store(UInt(identity), ordering: .sequentiallyConsistent)
    }

    /// Ends the thread after the jobs that are ready. Call it from another thread, when the tasks that prefer this reactor are
    /// done: what is enqueued later runs on the thread that enqueues it.
    public func stop() {
        precondition(!isCurrent, "a reactor cannot wait for itself")
        let identity = thread.load(ordering: .sequentiallyConsistent)
        guard identity != 0 else { return }
        inbox.withLock { $0.isStopping = true }
        SystemCalls.signal(wake)
        pthread_join(pthread_t(identity), nil)
        thread.store(0, ordering: .sequentiallyConsistent)
    }

    public var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }
    /// Debug builds stop when called from elsewhere.
    @inline(__always) public func assertCurrent() { assert(isCurrent || hasEnded, "touched off its reactor") }
    private var hasEnded: Bool { inbox.withLock { $0.hasEnded } }

    // MARK: Work

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            ready.append(job)
            return
        }
        let (signal, ended) = inbox.withLock { inbox in
            if inbox.hasEnded { return (false, true) }
            inbox.jobs.append(job)
            defer { inbox.isSignalled = true }
            return (!inbox.isSignalled, false)
        }
        if ended { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        if signal { SystemCalls.signal(wake) }
    }

    /// Starts a task whose nonisolated code all runs here.
    @discardableResult public func run(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self, operation: operation)
    }

    /// Runs the work in a task, and tells the exchange when it has returned.
    func run(_ exchange: Exchange, _ work: @escaping HandlerWork) {
        if let runner = idleRunners.popLast() { return runner.take(exchange, work) }
        let runner = HandlerRunner()
        runner.take(exchange, work)
        Task(executorPreference: self) { await runner.run(on: self) }
    }

    /// The runner has nothing to do. False when it is to end.
    func park(_ runner: HandlerRunner) -> Bool {
        guard !isEnding, idleRunners.count < Self.idleRunnerLimit else { return false }
        idleRunners.append(runner)
        return true
    }

    private func endRunners() {
        isEnding = true
        let runners = idleRunners
        idleRunners = []
        for runner in runners { runner.wake() }
    }

    /// Runs a closure here soon, from any thread.
    public func execute(_ work: @escaping @Sendable () -> Void) {
        let (signal, ended) = inbox.withLock { inbox in
            if inbox.hasEnded { return (false, true) }
            inbox.work.append(work)
            defer { inbox.isSignalled = true }
            return (!inbox.isSignalled, false)
        }
        if ended { work() }
        if signal { SystemCalls.signal(wake) }
    }

    /// Makes the reactor look at its clock now and waits until all timers that are due have run. For tests that move the clock
    /// by hand; not to be called on the reactor.
    public func poke() async {
        await withCheckedContinuation { continuation in
            execute {
                self.runTimers()
                continuation.resume()
            }
        }
    }

    /// Runs a closure here and answers its result; from any other place.
    public func ask<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in execute { continuation.resume(returning: work()) } }
    }

    // MARK: Descriptors

    /// The reactor keeps the handler until `deregister`. Events carry a generation, so those of a closed descriptor whose number
    /// was given out again never reach the wrong handler.
    public func register(_ descriptor: Int32, _ interest: Readiness, _ handler: any ReadinessHandler) throws(SystemCallError)
        -> Registration
    {
        assertCurrent()
        let place = Int(descriptor)
        precondition(place >= 0, "a registered descriptor is open")
        while slots.count <= place { slots.append(Slot()) }
        slots[place].generation &+= 1
        let generation = slots[place].generation
        _ = try SystemCalls.checked("epoll_ctl", SystemCalls.add(poll, descriptor, interest, Self.data(descriptor, generation)))
        slots[place].handler = handler
        return Registration(descriptor: descriptor, generation: generation)
    }

    public func setInterest(_ registration: Registration, _ interest: Readiness) {
        assertCurrent()
        guard holds(registration) else { return }
        _ = SystemCalls.modify(poll, registration.descriptor, interest, Self.data(registration.descriptor, registration.generation))
    }

    /// To be called before the descriptor is closed.
    public func deregister(_ registration: Registration) {
        assertCurrent()
        guard holds(registration), let handler = slots[Int(registration.descriptor)].handler else { return }
        departed.append(handler)
        slots[Int(registration.descriptor)].handler = nil
        SystemCalls.remove(poll, registration.descriptor)
    }

    private func holds(_ registration: Registration) -> Bool {
        let place = Int(registration.descriptor)
        return place >= 0 && place < slots.count && slots[place].generation == registration.generation && slots[place].handler != nil
    }
    private static func data(_ descriptor: Int32, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    }

    // MARK: Timers and the end of an event

    /// Runs the action once, here, at or up to 10 ms after that time.
    public func schedule(afterNanoseconds delay: UInt64, _ action: @escaping () -> Void) -> TimerToken {
        assertCurrent()
        return timers.schedule(atNanoseconds: nowNanoseconds.addingReportingOverflow(delay).partialValue, action)
    }
    public func cancel(_ timer: TimerToken) {
        assertCurrent()
        timers.cancel(timer)
    }

    /// Calls `flush` when the jobs of this event have run.
    public func flushSoon(_ flushable: any Flushable) {
        assertCurrent()
        flushes.append(flushable)
    }

    /// Calls `sendCollected` before the reactor waits for events again, at the latest after `eventsPerSending` of them.
    func sendSoon(_ sender: any Sender) {
        assertCurrent()
        senders.append(sender)
    }

    // MARK: The loop

    fileprivate func loop() {
        SystemCalls.nameThread("reactor \(index)")
        thread.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
        let batch = EventBatch()
        settle()
        while takeInbox() {
            send()
            let timeout = timers.timeoutMilliseconds(nowNanoseconds: ambient.uptimeNanoseconds())
            let count = batch.wait(poll, timeoutMilliseconds: timeout)
            readClocks()
            counters.rounds.add(1)
            for index in 0..<count {
                let (data, readiness) = batch[index]
                dispatch(data, readiness)
                settle()
                if index % Self.eventsPerSending == Self.eventsPerSending - 1 { send() }
            }
            runTimers()
            send()
            if !departed.isEmpty { departed.removeAll(keepingCapacity: true) }
        }
        endRunners()
        settle()
        send()
        inbox.withLock { $0.hasEnded = true }
        _ = takeInbox()
        settle()
        send()
        slots.removeAll()
        departed.removeAll()
    }

    private func dispatch(_ data: UInt64, _ readiness: Readiness) {
        let place = Int(data & 0xffff_ffff)
        if place == Int(wake) {
            SystemCalls.clear(wake)
            return
        }
        guard place < slots.count, slots[place].generation == UInt32(data >> 32), let handler = slots[place].handler else { return }
        handler.ready(readiness)
    }

    /// Moves what other threads sent to this one; false when it is time to end.
    private func takeInbox() -> Bool {
        var (jobs, work): ([UnownedJob], [@Sendable () -> Void]) = ([], [])
        let goesOn = inbox.withLock { inbox in
            swap(&jobs, &inbox.jobs)
            swap(&work, &inbox.work)
            inbox.isSignalled = false
            return !inbox.isStopping
        }
        ready.append(contentsOf: jobs)
        for item in work {
            item()
            settle()
        }
        settle()
        return goesOn
    }

    private func readClocks() {
        nowNanoseconds = ambient.uptimeNanoseconds()
        now = ambient.now()
    }

    private func runTimers() {
        readClocks()
        for token in timers.due(nowNanoseconds: nowNanoseconds) {
            timers.fire(token)?()
            settle()
        }
    }

    /// Runs every job that is ready, those they make ready included. Never from inside a job.
    func drainJobs() {
        while nextReady < ready.count {
            let job = ready[nextReady]
            nextReady += 1
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
        if nextReady > 0 {
            ready.removeAll(keepingCapacity: true)
            nextReady = 0
        }
    }

    private func settle() {
        repeat {
            drainJobs()
            while nextFlush < flushes.count {
                let flushable = flushes[nextFlush]
                nextFlush += 1
                flushable.flush()
            }
            if nextFlush > 0 {
                flushes.removeAll(keepingCapacity: true)
                nextFlush = 0
            }
        } while nextReady < ready.count
    }

    private func send() {
        while nextSender < senders.count {
            let sender = senders[nextSender]
            nextSender += 1
            sender.sendCollected()
            // A send that fails resumes whoever waits for its answer.
            settle()
        }
        senders.removeAll(keepingCapacity: true)
        nextSender = 0
    }
}

private func reactorThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    let reactor = unsafe Unmanaged<Reactor>.fromOpaque(context).takeRetainedValue()
    reactor.loop()
    return nil
}
