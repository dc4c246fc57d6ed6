/// One open connection to an upstream: sends one request at a time and finds the response in what comes back.
///
/// While a call has it, the call is told of the head, of payload and of the end; between calls it sits in the pool and any sign
/// of life means that it is of no more use. Touched only on its reactor.
final class UpstreamConnection: ReadinessHandler, Flushable, Sender, @unchecked Sendable {
    let pool: UpstreamPool
    /// The pool's, by a shorter way.
    private let reactor: Reactor
    let place: TargetConnections
    private let descriptor: Int32
    private let tls: TLSStream?
    private var registration: Registration?
    private var interest: Readiness = .readable
    private(set) var isOpen = true
    /// Requests given to it so far.
    private(set) var requestCount = 0
    /// When it came to the pool.
    var idleSinceNanoseconds: UInt64 = 0

    private var call: UpstreamCall?
    private var sentBytes = 0
    private var isSending = false
    /// The request has not been tried to be sent yet; it goes with those of other events.
    private var isSendQueued = false
    /// It does not take requests any more; what it still says is read.
    private var isBroken = false
    private var readWantsWrite = false

    private var parser: ResponseParser
    /// Of the call that has it.
    let timer: CallTimer
    private var interimCount = 0
    private var body: MessageBody?
    private var keepsAlive = false
    /// Of this response, head included.
    private var receivedBytes = 0
    /// What the head left over in the read buffer of this event.
    private var fresh = 0..<0
    /// An unfinished head, or payload that nobody has asked for yet.
    private var kept: [UInt8] = []
    /// OpenSSL holds bytes that epoll does not know of, or the descriptor has left epoll: read at the end of the event.
    private var readsAtEnd = false

    init(_ descriptor: Int32, _ tls: TLSStream?, pool: UpstreamPool, place: TargetConnections) throws(SystemCallError) {
        (self.descriptor, self.tls) = (descriptor, tls)
        (self.pool, self.place) = (pool, place)
        reactor = pool.reactor
        parser = ResponseParser(headBytes: pool.limits.headBytes, fieldCount: pool.limits.headFields)
        timer = CallTimer(pool.reactor)
        registration = try reactor.register(descriptor, interest, self)
    }
    deinit { if isOpen { SystemCalls.close(descriptor) } }

    // MARK: Sending

    func begin(_ call: UpstreamCall) {
        self.call = call
        requestCount += 1
        parser.begin(answersHead: call.request.isHead)
        (body, interimCount, receivedBytes, sentBytes) = (nil, 0, 0, 0)
        tls?.keepsBuffers = true
        isSending = true
        guard !isSendQueued else { return }
        isSendQueued = true
        reactor.sendSoon(self)
    }

    func sendCollected() {
        isSendQueued = false
        if isOpen, isSending { send() }
    }

    private func send() {
        guard let call else { return }
        let request = call.request
        let total = request.head.count + request.body.count
        while sentBytes < total {
            let count = transmit(request)
            if count == SystemCalls.wouldBlock {
                call.arm(call.deadlines.sendMilliseconds, .sendTimeout)
                updateInterest()
                return
            }
            guard count > 0 else {
                // The upstream may have answered before it closed; reading finds out.
                isSending = false
                isBroken = true
                updateInterest()
                call.requestSent()
                read()
                return
            }
            sentBytes += count
            call.mayHaveBeenReceived = true
            pool.counters.bytesSent.add(count)
        }
        isSending = false
        request.body.rest()
        updateInterest()
        call.requestSent()
    }

    /// One TLS record holds 16 KB; past that a copy of the body costs more than a second call.
    private static let joinedBytes = 16_384

    /// Bytes taken, or a negated errno.
    private func transmit(_ request: UpstreamRequest) -> Int {
        let inHead = min(sentBytes, request.head.count)
        guard let tls else {
            let head = request.head.span.extracting(inHead...)
            if request.body.isEmpty { return SystemCalls.send(descriptor, head) }
            let inBody = sentBytes - inHead
            return request.body.withSpan { SystemCalls.send(descriptor, head, $0.extracting(inBody...), Span(), Span()) }
        }
        let progress: TLSProgress
        if case .bytes(let body) = request.body, !body.isEmpty, body.count <= Self.joinedBytes {
            progress = pool.withJoined(request.head, body) { tls.write($0.extracting(sentBytes...)) }
        } else if inHead < request.head.count {
            progress = tls.write(request.head.span.extracting(inHead...))
        } else {
            let inBody = sentBytes - inHead
            progress = request.body.withSpan { tls.write($0.extracting(inBody...)) }
        }
        return switch progress {
        case .done(let count): count
        case .wantsRead, .wantsWrite: SystemCalls.wouldBlock
        case .ended, .failed: -1
        }
    }

    // MARK: Receiving

    func ready(_ readiness: Readiness) {
        guard isOpen else { return }
        guard call != nil else {
            idleEvent()
            return
        }
        if isSending, !isSendQueued, readiness.contains(.writable) { send() }
        guard isOpen, call != nil, !readiness.isDisjoint(with: [.readable, .failed, .closed]) || readWantsWrite else { return }
        guard wantsInput else {
            // epoll reports a broken connection again and again, asked or not. What is still unread is read on `resume`.
            if !readiness.isDisjoint(with: [.failed, .closed]), let registration {
                reactor.deregister(registration)
                self.registration = nil
            }
            return
        }
        read()
    }

    /// A session ticket is the only thing that may come without a request.
    private func idleEvent() {
        if let tls, unsafe tls.read(into: reactor.readBuffer) == .wantsRead { return }
        close()
    }

    /// A head is awaited, or somebody takes the payload.
    private var wantsInput: Bool {
        guard let call else { return true }
        return body == nil || call.takesPayload
    }

    private func read() {
        guard call != nil else { return }
        let count: Int
        readWantsWrite = false
        if let tls {
            switch unsafe tls.fill(reactor.readBuffer) {
            case .done(let filled): count = filled
            case .wantsRead: count = SystemCalls.wouldBlock
            case .wantsWrite:
                readWantsWrite = true
                updateInterest()
                return
            case .ended: count = 0
            case .failed: count = -1
            }
        } else {
            count = unsafe SystemCalls.receive(descriptor, into: reactor.readBuffer)
        }
        if count == SystemCalls.wouldBlock {
            if registration == nil { rejoin() }
            return
        }
        guard count > 0 else {
            inputEnded(isClean: count == 0)
            return
        }
        pool.counters.bytesReceived.add(count)
        receivedBytes += count
        let request = requestCount
        if body == nil { readHead(count) } else { deliverFromReadBuffer(0..<count) }
        // The message may be over, and the connection another call's already.
        guard requestCount == request else { return }
        call?.bytesArrived()
        if self.call != nil, isOpen, wantsInput, registration == nil || (tls?.pendingBytes ?? 0) > 0 {
            readsAtEnd = true
            reactor.flushSoon(self)
        }
    }

    private func inputEnded(isClean: Bool) {
        guard let call else { return }
        if isClean, body?.endsWithConnection == true {
            self.call = nil
            close()
            call.messageEnded()
        } else {
            fail(.closedEarly(afterBytes: receivedBytes))
        }
    }

    private func readHead(_ count: Int) {
        guard let call else { return }
        do throws(ResponseFault) {
            if kept.isEmpty {
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: reactor.readBuffer[..<count]).bindMemory(to: UInt8.self)
                let (used, head) = try findHead(unsafe Span(_unsafeElements: bytes))
                if let head {
                    fresh = used..<count
                    headArrived(head, call, isLast: used == count)
                } else {
                    kept = unsafe Array(bytes[used...])
                }
            } else {
                unsafe kept.append(contentsOf: reactor.readBuffer[..<count])
                let bytes = kept
                let (used, head) = try findHead(bytes.span)
                kept = Array(bytes[used...])
                if let head { headArrived(head, call, isLast: kept.isEmpty) }
            }
        } catch {
            fail(error == .headTooLarge ? .tooLarge(limitBytes: pool.limits.headBytes) : .malformed(error.message))
        }
    }

    /// Steps over interim responses. `used` is where what was not understood yet begins.
    private func findHead(_ input: Span<UInt8>) throws(ResponseFault) -> (used: Int, head: UpstreamResponseHead?) {
        var start = 0
        while start < input.count || start == 0 {
            let rest = input.extracting(start...)
            guard case .complete(let length) = try parser.parse(rest) else { break }
            if parser.status >= 200 { return (start + length, parser.take(rest, length: length)) }
            interimCount += 1
            guard interimCount <= pool.limits.informationalCount else { throw .tooManyInterim }
            start += length
            parser.begin(answersHead: call?.request.isHead ?? false)
        }
        return (start, nil)
    }

    private func headArrived(_ head: UpstreamResponseHead, _ call: UpstreamCall, isLast: Bool) {
        body = MessageBody(head.framing)
        keepsAlive = head.keepsAlive
        if isSending {
            // An answer before the whole request: nobody wants the rest of it, and the connection cannot be used again.
            isSending = false
            keepsAlive = false
            updateInterest()
        }
        if head.framing == .none {
            call.headArrived(head)
            finish(isExact: isLast)
            return
        }
        call.headArrived(head)
        // Whoever took the whole body has ended the call. A task that waits for the head runs before the flush.
        if self.call != nil { reactor.flushSoon(self) }
    }

    func flush() {
        guard isOpen, call != nil else { return }
        if !fresh.isEmpty {
            unsafe kept.append(contentsOf: reactor.readBuffer[fresh])
            fresh = 0..<0
        }
        if readsAtEnd {
            readsAtEnd = false
            if wantsInput { read() }
        }
        if isOpen, call != nil { updateInterest() }
    }

    // MARK: Payload

    /// Somebody takes the payload, from now on or again.
    func payloadWanted() {
        guard isOpen, call != nil else { return }
        if !fresh.isEmpty {
            let range = fresh
            fresh = 0..<0
            deliverFromReadBuffer(range)
        } else if !kept.isEmpty {
            var bytes = kept
            kept = []
            var span = bytes.mutableSpan
            deliver(&span, from: 0)
        }
        guard isOpen, call != nil else { return }
        updateInterest()
        if wantsInput, registration == nil || (tls?.pendingBytes ?? 0) > 0 {
            readsAtEnd = true
            reactor.flushSoon(self)
        }
    }

    /// The whole payload, when it has come with the head and nobody has taken any of it. The message is over then.
    /// - Parameter length: of the message's payload, more than 0.
    func takeArrived(_ length: Int) -> [UInt8]? {
        guard isOpen, call != nil, kept.isEmpty, fresh.count >= length else { return nil }
        let end = fresh.lowerBound + length
        let payload = unsafe [UInt8](reactor.readBuffer[fresh.lowerBound..<end])
        finish(isExact: end == fresh.upperBound)
        return payload
    }

    private func deliverFromReadBuffer(_ range: Range<Int>) {
        let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: reactor.readBuffer[range]).bindMemory(to: UInt8.self)
        var span = unsafe MutableSpan(_unsafeElements: bytes)
        deliver(&span, from: 0)
    }

    private func deliver(_ buffer: inout MutableSpan<UInt8>, from start: Int) {
        guard let call, let portion = body?.take(&buffer, from: start) else { return }
        if !portion.payload.isEmpty { call.payloadArrived(buffer.span.extracting(portion.payload)) }
        // The one who took it may have ended the call.
        guard self.call === call else { return }
        if portion.fault != nil {
            fail(.malformed("bad chunk"))
        } else if let end = portion.end {
            finish(isExact: end == buffer.count)
        } else if !wantsInput {
            updateInterest()
        }
    }

    // MARK: Ends

    private func finish(isExact: Bool) {
        guard let call else { return }
        self.call = nil
        let isReusable = isExact && keepsAlive && !isSending && !isBroken && registration != nil && (tls?.pendingBytes ?? 0) == 0
        (fresh, kept, body) = (0..<0, [], nil)
        if isReusable {
            updateInterest()
            pool.release(self)
        } else {
            close()
        }
        call.messageEnded()
    }

    private func fail(_ reason: UpstreamError.Reason) {
        guard let call else { return }
        self.call = nil
        close()
        call.connectionFailed(reason, mayRetry: requestCount > 1 && receivedBytes == 0)
    }

    /// The head is not needed any more, and the body may take long.
    func forgetHead() {
        parser.forgetHead()
        tls?.keepsBuffers = false
    }

    /// The call does not want it any more.
    func abandon() {
        call = nil
        close()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        if let registration { reactor.deregister(registration) }
        registration = nil
        tls?.shutdown()
        SystemCalls.close(descriptor)
        (fresh, kept) = (0..<0, [])
        timer.end()
        pool.closed(self)
    }

    /// Closed by the other side while it was kept, or spoken to without having asked. Events tell that too, but only after the
    /// events of the same batch.
    var isStale: Bool {
        let waiting = SystemCalls.peek(descriptor)
        return waiting == SystemCalls.wouldBlock ? false : tls == nil || waiting <= 0
    }

    private func updateInterest() {
        var wanted: Readiness = wantsInput ? .readable : []
        if isSending && !isSendQueued || readWantsWrite { wanted.insert(.writable) }
        guard wanted != interest, let registration else { return }
        interest = wanted
        reactor.setInterest(registration, wanted)
    }

    /// Back into epoll after it had left.
    private func rejoin() {
        do throws(SystemCallError) { registration = try reactor.register(descriptor, interest, self) } catch {
            fail(.closedEarly(afterBytes: receivedBytes))
        }
    }
}
