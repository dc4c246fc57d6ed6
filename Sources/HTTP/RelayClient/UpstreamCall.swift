/// Somebody who is told of a response instead of waiting for it in a task. Called once, on the reactor; possibly before `send` returns.
public protocol ResponseWatcher: AnyObject {
    /// Only during this call may all of the body be there at once (`arrivedBody`).
    func answered(_ response: UpstreamResponse)
    func failed(_ error: UpstreamError)
}

/// One request on its way: hold it to be able to cancel from a callback. Touched only on its pool's reactor.
@safe public final class UpstreamCall: @unchecked Sendable {
    /// Empty once the response head is here: nothing is sent again then, and streams stay open long.
    public private(set) var request: UpstreamRequest
    public let target: UpstreamTarget
    public let deadlines: UpstreamDeadlines
    /// Cancelling the task that waits cancels the call. A task that nobody cancels is better off without: the registration of every wait
    /// costs more than the wait.
    private let followsTask: Bool
    /// The first connection was a kept one that closed before any response byte, and the request went out a second time.
    public private(set) var wasRetried = false
    /// The connection had served a request before.
    public private(set) var wasReused = false
    /// Body bytes as received, without chunked framing and before any decoding.
    public private(set) var bodyBytes = 0
    /// The response is complete, or there will be none.
    public private(set) var isOver = false

    var mayHaveBeenReceived = false
    /// Until whoever waits has taken it.
    private var head: UpstreamResponseHead?
    private var hasHead = false
    private var coding = UpstreamResponseHead.Coding.identity
    private(set) var failure: UpstreamError?
    private var pool: UpstreamPool?
    /// The pool's, by a shorter way.
    private var reactor: Reactor?
    private var dial: UpstreamDial?
    private var connection: UpstreamConnection?
    private var waiter: UnsafeContinuation<Void, Never>?
    private var watcher: (any ResponseWatcher)?

    private var sink: ((Span<UInt8>) -> PumpStep)?
    private var ended: ((UpstreamError?) -> Void)?
    private var isPaused = false
    private var decoder: Inflater?
    /// Compressed bytes that came before a pause; nil when the decoder has nothing more to give.
    private var undecoded: [UInt8]?
    private var hasMessageEnded = false

    /// The connection's, once there is one; before that one of its own.
    private var timer: CallTimer?
    private var ownsTimer = false
    private var deadlineReason = UpstreamError.Reason.connectTimeout

    public init(
        _ request: UpstreamRequest, to target: UpstreamTarget, deadlines: UpstreamDeadlines = UpstreamDeadlines(), followsTask: Bool = true
    ) {
        self.followsTask = followsTask
        self.request = request
        self.target = target
        self.deadlines = deadlines
    }

    /// Closes the connection in this turn of the loop; whoever waits gets `cancelled`. Harmless when it is over, and before it
    /// is sent it makes `send` fail.
    public func cancel() {
        guard !isOver else { return }
        pool?.counters.cancelled.add(1)
        fail(.cancelled)
    }

    // MARK: Towards a connection

    /// False when it was cancelled before, or sent before.
    func begin(in pool: UpstreamPool) -> Bool {
        guard !isOver else { return false }
        precondition(self.pool == nil, "a call is sent once")
        (self.pool, reactor) = (pool, pool.reactor)
        return true
    }
    func useDial(_ dial: UpstreamDial) {
        self.dial = dial
        arm(deadlines.connectMilliseconds, .connectTimeout)
        dial.start()
    }
    func waitForPlace() { arm(deadlines.connectMilliseconds, .busy) }
    func use(_ connection: UpstreamConnection) {
        dial = nil
        disarm()
        self.connection = connection
        timer = connection.timer
        wasReused = connection.requestCount > 0
        connection.begin(self)
    }
    func dialFailed(_ reason: UpstreamError.Reason) {
        dial = nil
        pool?.dialEnded(self)
        fail(reason)
    }
    func requestSent() { arm(deadlines.firstByteMilliseconds, .firstByteTimeout) }

    /// - Parameter mayRetry: it was a kept connection and not one byte of a response came.
    func connectionFailed(_ reason: UpstreamError.Reason, mayRetry: Bool) {
        connection = nil
        disarm()
        if mayRetry, !wasRetried, case .closedEarly = reason, let pool {
            wasRetried = true
            pool.counters.retried.add(1)
            pool.retry(self)
            return
        }
        fail(reason)
    }

    // MARK: The response

    /// Of a message that goes on. Most come whole and need no deadline after their first byte.
    func bytesArrived() {
        // Until somebody takes the payload, and during a pause, silence is ours and not the upstream's.
        if !hasHead || takesPayload { arm(deadlines.idleMilliseconds, .idleTimeout) }
    }

    func headArrived(_ head: UpstreamResponseHead) {
        (self.head, hasHead, coding) = (head, true, head.coding)
        timer?.rest(self)
        request = request.withoutBytes
        wake()
    }

    /// Somebody is there for the payload and has not paused.
    var takesPayload: Bool { sink != nil && !isPaused }

    func payloadArrived(_ payload: Span<UInt8>) {
        bodyBytes += payload.count
        guard decoder != nil else {
            give(payload)
            return
        }
        if undecoded != nil {
            undecoded?.append(copying: payload)
        } else {
            decode(payload)
        }
    }

    func messageEnded() {
        connection = nil
        hasMessageEnded = true
        disarm()
        completeIfDone()
    }

    private func completeIfDone() {
        guard hasMessageEnded, !isOver, undecoded == nil else { return }
        if let decoder, !decoder.isComplete {
            fail(.malformed("compressed body ends early"))
            return
        }
        isOver = true
        end()
    }

    private func give(_ payload: Span<UInt8>) {
        switch sink?(payload) {
        case .continue?, nil: break
        case .pause?:
            isPaused = true
            // While we do not read, silence is ours and not the upstream's.
            timer?.rest(self)
        case .stop?: cancel()
        }
    }

    private func decode(_ input: Span<UInt8>) {
        guard let decoder else { return }
        var position = 0
        do throws(Inflater.Fault) {
            let isUsedUp = try decoder.decode(input, &position) { output in
                give(output)
                return !isPaused && !isOver
            }
            guard !isOver else { return }
            if isUsedUp {
                undecoded = nil
            } else {
                var rest: [UInt8] = []
                rest.append(copying: input, position..<input.count)
                undecoded = rest
            }
        } catch { fail(.malformed(error.message)) }
    }

    // MARK: For UpstreamResponse

    func pump(decoding: Bool, _ sink: @escaping (Span<UInt8>) -> PumpStep) async throws(UpstreamError) {
        if !isOver { take(decoding, sink) }
        await untilWoken { isOver }
        if let failure { throw failure }
    }

    func start(decoding: Bool, _ sink: @escaping (Span<UInt8>) -> PumpStep, ended: @escaping (UpstreamError?) -> Void) {
        guard !isOver else { return ended(failure) }
        self.ended = ended
        take(decoding, sink)
    }

    /// The whole payload as it came, when all of it is here already, as most answers that are no streams are: without a sink, and nobody
    /// has to wait. The call is over then.
    func takeArrived(_ length: Int) -> [UInt8]? {
        precondition(sink == nil, "a body is read once")
        guard !isOver, length > 0, let payload = connection?.takeArrived(length) else { return nil }
        bodyBytes += length
        return payload
    }

    private func take(_ decoding: Bool, _ sink: @escaping (Span<UInt8>) -> PumpStep) {
        precondition(self.sink == nil, "a body is read once")
        if decoding, let pool, coding == .gzip || coding == .deflate {
            decoder = Inflater(gzip: coding == .gzip, ratio: pool.limits.expansionRatio)
        }
        self.sink = sink
        connection?.payloadWanted()
        if connection != nil, takesPayload { arm(deadlines.idleMilliseconds, .idleTimeout) }
    }

    func discardHead() { connection?.forgetHead() }

    /// Reads on after a pause; nothing without one.
    public func resume() {
        guard isPaused, !isOver else { return }
        isPaused = false
        if let rest = undecoded { decode(rest.span) }
        // The message may have ended during the pause.
        completeIfDone()
        if isPaused || isOver { return }
        guard let connection else { return }
        arm(deadlines.idleMilliseconds, .idleTimeout)
        connection.payloadWanted()
    }

    /// Waits for the head or a failure.
    func answered() async throws(UpstreamError) -> UpstreamResponseHead {
        // Without a function between: each one that waits costs a look at the task's executor on the way back.
        if !hasHead, failure == nil {
            if followsTask {
                await untilWoken { hasHead || failure != nil }
            } else {
                unsafe await withUnsafeContinuation { unsafe wait($0) }
            }
        }
        if let head = head.take() { return head }
        throw failure ?? UpstreamError(.cancelled, mayHaveBeenReceived: mayHaveBeenReceived)
    }

    private func untilWoken(_ isReady: () -> Bool) async {
        if isReady() { return }
        guard followsTask else { return await sleep() }
        await withTaskCancellationHandler {
            await sleep()
        } onCancel: {
            // From any thread, hence by way of the reactor.
            pool?.reactor.execute { self.cancel() }
        }
    }

    private func sleep() async {
        unsafe await withUnsafeContinuation { unsafe wait($0) }
    }

    private func wait(_ continuation: UnsafeContinuation<Void, Never>) {
        precondition(unsafe waiter == nil, "one task waits for a call")
        unsafe waiter = continuation
    }

    /// Instead of `answered`.
    func tell(_ watcher: any ResponseWatcher) {
        self.watcher = watcher
        // Cancelled before it was sent.
        if isOver { wake() }
    }

    private func wake() {
        if let told = watcher {
            watcher = nil
            if let head = head.take(), let reactor {
                told.answered(UpstreamResponse(head: head, call: self, reactor: reactor))
            } else {
                told.failed(failure ?? UpstreamError(.cancelled, mayHaveBeenReceived: mayHaveBeenReceived))
            }
            return
        }
        guard let waiting = unsafe waiter else { return }
        unsafe waiter = nil
        unsafe waiting.resume()
    }

    // MARK: Ends and deadlines

    func fail(_ reason: UpstreamError.Reason) {
        guard !isOver else { return }
        isOver = true
        failure = UpstreamError(reason, mayHaveBeenReceived: mayHaveBeenReceived)
        if let dial {
            self.dial = nil
            dial.abandon()
            pool?.dialEnded(self)
        }
        let left = connection
        connection = nil
        left?.abandon()
        pool?.forget(self)
        end()
    }

    private func end() {
        disarm()
        (sink, decoder, undecoded) = (nil, nil, nil)
        wake()
        let ended = ended
        self.ended = nil
        ended?(failure)
    }

    func arm(_ milliseconds: Int, _ reason: UpstreamError.Reason) {
        guard let reactor, !isOver else { return }
        deadlineReason = reason
        if timer == nil { (timer, ownsTimer) = (CallTimer(reactor), true) }
        timer?.arm(self, milliseconds)
    }
    private func disarm() {
        if ownsTimer { timer?.end() } else { timer?.rest(self) }
        (timer, ownsTimer) = (nil, false)
    }
    /// The timer's word.
    func deadlinePassed() {
        pool?.counters.timeouts.add(1)
        fail(deadlineReason)
    }
}
