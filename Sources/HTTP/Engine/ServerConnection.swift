/// One client connection: reads heads and bodies, keeps what could not be sent, watches deadlines. Touched only on its reactor.
///
/// Received bytes stay in the reactor's shared buffer during their event (`window`); only what is unread at its end moves to `input`.
/// Input is parsed in ServerConnectionInput, bodies are in ServerConnectionBody, output in ServerConnectionOutput.
final class ServerConnection: ReadinessHandler, Sender, @unchecked Sendable {
    enum Phase { case handshake, idle, head, exchange, lingering, closed }
    /// What happens to body bytes that arrive.
    enum BodyMode { case none, waiting, collecting, discarding, done }

    let acceptor: Acceptor
    /// The acceptor's, by a shorter way.
    let reactor: Reactor
    let descriptor: Int32
    let peer: IPAddress
    let peerIsTrusted: Bool
    let tls: TLSStream?
    private var registration: Registration?
    private var interest: Readiness = [.readable, .peerFinished]

    var phase: Phase
    /// Unread bytes in the reactor's shared buffer; empty outside this connection's own event.
    var window: Range<Int> = 0..<0
    /// Unread bytes that outlived their event, from `inputStart` on.
    var input: [UInt8] = []
    var inputStart = 0
    var parser: RequestParser?
    var hasSkippedEmptyLine = false
    var exchange: Exchange?
    /// After this reply the connection closes.
    var closesAfterReply = false
    /// The peer will send nothing more, and nothing of what it sent waits in the socket.
    var peerHasFinished = false
    /// The peer will send nothing more, but bytes it sent before still wait in the socket.
    private var isEnding = false

    var bodyMode = BodyMode.none
    var bodyRemaining = 0
    var decoder: ChunkedDecoder?
    var body: [UInt8] = []
    var bodySeen = 0
    var bodyLimit = 0
    var bodyError: BodyError?
    var bodyWaiter: CheckedContinuation<Void, Never>?
    var bodyWaitsForPiece = false
    var bodyAllowanceNanoseconds: UInt64 = 0
    var bodyTotalNanoseconds: UInt64 = 0
    var bodyWaitStart: UInt64 = 0
    /// Collected body bytes that the handler holds until its exchange is over.
    var bodyHeld = 0

    var output: [UInt8] = []
    var outputStart = 0
    /// The socket took less than it was offered; wait for `writable`.
    var isBlocked = false
    var isFlushQueued = false
    private var chargedBytes = 0
    private var chargedOutputBytes = 0
    /// How the connection ends once its output is sent.
    var lingers = false
    var hasShutDown = false
    var requestCount = 0

    var readDeadline: UInt64 = 0
    var writeDeadline: UInt64 = 0
    private var timer: TimerToken?
    private var timerAt: UInt64 = .max

    init(_ acceptor: Acceptor, descriptor: Int32, peer: IPAddress, peerIsTrusted: Bool, tls: TLSStream?) {
        self.acceptor = acceptor
        reactor = acceptor.reactor
        self.descriptor = descriptor
        self.peer = peer
        self.peerIsTrusted = peerIsTrusted
        self.tls = tls
        phase = tls == nil ? .idle : .handshake
    }

    /// false when epoll refuses the descriptor; it is closed then.
    func open() -> Bool {
        do { registration = try reactor.register(descriptor, interest, self) } catch {
            phase = .closed
            SystemCalls.close(descriptor)
            return false
        }
        setReadDeadline(seconds: phase == .handshake ? limits.tlsHandshakeSeconds : limits.headSeconds)
        return true
    }

    var limits: ServerLimits { acceptor.shared.configuration.limits }
    var unreadCount: Int { window.count + input.count - inputStart }

    // MARK: Events

    func ready(_ readiness: Readiness) {
        guard phase != .closed else { return }
        if phase == .handshake {
            handshake()
            return
        }
        if !readiness.isDisjoint(with: [.failed, .closed]) {
            // Nothing can be sent any more; what is still unread has nobody to answer.
            close()
            return
        }
        if readiness.contains(.writable) { send() }
        if phase != .closed, !readiness.isDisjoint(with: [.readable, .peerFinished]) { readable(readiness) }
        if phase != .closed { updateInterest() }
    }

    private func handshake() {
        guard let tls else { return }
        switch tls.handshake() {
        case .done:
            phase = .idle
            setReadDeadline(seconds: limits.headSeconds)
            setInterest([.readable, .peerFinished])
            readable(.readable)
            if phase != .closed { updateInterest() }
        case .wantsRead: setInterest([.readable, .peerFinished])
        case .wantsWrite: setInterest([.writable, .peerFinished])
        case .ended, .failed:
            reactor.counters.tlsHandshakeFailures.add(1)
            close()
        }
    }

    private func readable(_ readiness: Readiness) {
        switch phase {
        case .handshake, .closed: return
        case .lingering: linger()
        case .exchange where bodyMode == .waiting || bodyMode == .none || bodyMode == .done: watchWhileBusy(readiness)
        case .idle, .head, .exchange: readAndProcess()
        }
    }

    /// The reply is being made and no body is wanted: read nothing, but notice when the client leaves.
    private func watchWhileBusy(_ readiness: Readiness) {
        if tls != nil, unreadCount == 0 {
            // A TLS end of stream is inside the stream: one read finds it, and keeps what else came.
            switch receive() {
            case .bytes: stash()
            case .nothing: break
            case .ended: peerFinished()
            case .failed: close()
            }
            return
        }
        hasInputWaiting = true  // updateInterest stops listening for it
        guard readiness.contains(.peerFinished) else { return }
        let waiting = tls == nil ? SystemCalls.peek(descriptor) : 0
        if waiting == 0 {
            peerFinished()
        } else if waiting == SystemCalls.wouldBlock || waiting > 0 {
            // Bytes came before the end: a pipelined request, or the body. Such a client only closed its sending half.
            isEnding = true
        } else {
            close()
        }
    }

    /// The client sent its end of stream while a reply is being made: it counts as gone (most clients that do this have closed), but
    /// what the handler still answers is sent, for the few that closed one half only.
    private func peerFinished() {
        peerHasFinished = true
        closesAfterReply = true
        if unreadCount == 0 { exchange?.clientLeft() }
    }

    private func linger() {
        // Bounded by the read deadline. What still comes is dropped, encrypted or not, so that no reset overtakes the reply.
        let count = unsafe SystemCalls.receive(descriptor, into: reactor.readBuffer)
        if count > 0 || count == SystemCalls.wouldBlock { return }
        peerHasFinished = true
        if count < 0 || !isBlocked { close() }
    }

    // MARK: Interest and deadlines

    func updateInterest() {
        guard phase != .closed else { return }
        var wanted: Readiness = peerHasFinished || isEnding ? [] : .peerFinished
        switch phase {
        case .idle, .head: if !isBlocked && !peerHasFinished { wanted.insert(.readable) }
        case .lingering: if !peerHasFinished { wanted.insert(.readable) }
        case .exchange:
            if bodyMode == .collecting || bodyMode == .discarding {
                wanted.insert(.readable)
            } else if tls != nil, unreadCount == 0, !peerHasFinished {
                wanted.insert(.readable)
            }
        case .handshake, .closed: return
        }
        if isBlocked { wanted.insert(.writable) }
        // Listening for input while busy costs nothing until input comes, and two system calls a request are saved.
        if phase == .exchange, !wanted.contains(.readable), interest.contains(.readable), !hasInputWaiting { wanted.insert(.readable) }
        setInterest(wanted)
    }
    /// Set when an event said that there is input nobody wants yet.
    var hasInputWaiting = false

    private func setInterest(_ wanted: Readiness) {
        guard wanted != interest, let registration else { return }
        interest = wanted
        reactor.setInterest(registration, wanted)
    }

    func setReadDeadline(seconds: Int) { setReadDeadline(at: reactor.nowNanoseconds &+ UInt64(max(0, seconds)) &* 1_000_000_000) }
    /// 0 is none. Moving a deadline later costs nothing: the timer looks again when it fires.
    func setReadDeadline(at time: UInt64) {
        readDeadline = time
        armTimer(time)
    }
    func setWriteDeadline(at time: UInt64) {
        writeDeadline = time
        armTimer(time)
    }
    private func armTimer(_ time: UInt64) {
        guard time != 0, time < timerAt, phase != .closed else { return }
        if let timer { reactor.cancel(timer) }
        timerAt = time
        let now = reactor.nowNanoseconds
        timer = reactor.schedule(afterNanoseconds: time > now ? time - now : 0) { [unowned self] in timerFired() }
    }
    private func timerFired() {
        (timer, timerAt) = (nil, .max)
        let now = reactor.nowNanoseconds
        if writeDeadline != 0, now >= writeDeadline {
            reactor.counters.timeouts.add(1)
            close(resetting: true)
        } else if readDeadline != 0, now >= readDeadline {
            readDeadline = 0
            reactor.counters.timeouts.add(1)
            readTimedOut()
        }
        armTimer(readDeadline)
        armTimer(writeDeadline)
    }

    private func readTimedOut() {
        switch phase {
        case .head: refuse(status: 408, message: "The request head took too long.")
        case .exchange where bodyMode == .collecting: failBody(.tooSlow)
        // Not idle for the client, who still receives its reply; how slowly it may do so the write deadline says.
        case .idle where outputStart < output.count: setReadDeadline(seconds: limits.keepAliveIdleSeconds)
        case .handshake, .idle, .lingering, .exchange: close()
        case .closed: break
        }
    }

    // MARK: Memory and the end

    /// Tells the server's budget what this connection keeps between events.
    func chargeMemory() {
        let kept = input.count + output.count + body.count + bodyHeld
        if output.count != chargedOutputBytes {
            acceptor.shared.keepOutput(output.count - chargedOutputBytes)
            chargedOutputBytes = output.count
        }
        guard kept != chargedBytes else { return }
        acceptor.shared.keep(kept - chargedBytes)
        chargedBytes = kept
    }

    /// Ends the connection now. A running exchange learns that its client has gone.
    func close(resetting: Bool = false) {
        guard phase != .closed else { return }
        phase = .closed
        if let timer { reactor.cancel(timer) }
        timer = nil
        if let registration { reactor.deregister(registration) }
        registration = nil
        if resetting {
            // Without TLS's goodbye either: a cut reply must not look complete.
            SystemCalls.reset(descriptor)
        } else {
            tls?.shutdown()
            SystemCalls.close(descriptor)
        }
        window = 0..<0
        (input, inputStart) = ([], 0)
        (output, outputStart) = ([], 0)
        body = []
        bodyHeld = 0
        chargeMemory()
        acceptor.closed(self)
        if let waiter = bodyWaiter {
            bodyWaiter = nil
            bodyError = .clientGone
            waiter.resume()
        }
        let leaving = exchange
        exchange = nil
        leaving?.connectionClosed()
    }

    /// No new request; what runs may finish.
    func drain() {
        closesAfterReply = true
        if phase == .idle {
            // A request that has already arrived is still answered.
            readAndProcess()
            if phase == .exchange || phase == .head { return queueFlush() }
        }
        // A reply that is made is sent to its end.
        if phase == .idle, outputStart < output.count { return finishThenClose(lingers: unreadCount > 0) }
        if phase == .idle || phase == .handshake { close() }
    }
}
