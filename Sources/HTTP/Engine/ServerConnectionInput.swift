internal import Domain

enum ReceiveResult { case bytes, nothing, ended, failed }

extension ServerConnection {
    /// Input that was read is kept up to this size when more comes behind what is unread.
    private static let consumedBytes = 4096

    /// Reads once into the shared buffer, or behind what is still unread.
    func receive() -> ReceiveResult {
        let count: Int
        if let tls {
            switch unsafe tls.fill(reactor.readBuffer) {
            case .done(let received): count = received
            case .wantsRead, .wantsWrite: return .nothing
            case .ended: return .ended
            case .failed: return .failed
            }
        } else {
            count = unsafe SystemCalls.receive(descriptor, into: reactor.readBuffer)
        }
        if count == 0 { return .ended }
        if count == SystemCalls.wouldBlock { return .nothing }
        guard count > 0 else { return .failed }
        reactor.counters.bytesReceived.add(count)
        if input.count > inputStart {
            // Else a client that never lets everything be read would make it grow without end.
            if inputStart >= Self.consumedBytes {
                input.removeSubrange(..<inputStart)
                inputStart = 0
            }
            unsafe input.append(contentsOf: reactor.readBuffer[..<count])
        } else {
            window = 0..<count
        }
        return .bytes
    }

    /// Runs the closure with all unread bytes.
    func withUnread<Result>(_ use: (Span<UInt8>) -> Result) -> Result {
        if window.isEmpty {
            let kept = input
            return use(kept.span.extracting(inputStart...))
        }
        let bytes = unsafe UnsafeBufferPointer(reactor.readBuffer[window].assumingMemoryBound(to: UInt8.self))
        return use(unsafe Span(_unsafeElements: bytes))
    }

    func advance(by count: Int) {
        if window.isEmpty {
            inputStart += count
            if inputStart >= input.count { (input, inputStart) = ([], 0) }
        } else {
            window = window.lowerBound + count..<window.upperBound
        }
    }

    func dropUnread() {
        window = 0..<0
        (input, inputStart) = ([], 0)
    }

    /// Keeps what is unread past the end of this event.
    func stash() {
        if !window.isEmpty {
            withUnread { unread in
                var kept: [UInt8] = []
                kept.append(copying: unread)
                input = kept
            }
            inputStart = 0
            window = 0..<0
        }
        chargeMemory()
    }

    func readAndProcess() {
        repeat {
            switch receive() {
            case .bytes: process()
            case .nothing: return
            case .ended:
                endOfInput()
                return
            case .failed:
                close()
                return
            }
            // epoll knows nothing of bytes that OpenSSL holds.
        } while (tls?.pendingBytes ?? 0) > 0 && wantsInput
    }

    var wantsInput: Bool {
        switch phase {
        case .idle, .head: !isBlocked
        case .exchange: bodyMode == .collecting || bodyMode == .discarding
        case .handshake, .lingering, .closed: false
        }
    }

    private func endOfInput() {
        peerHasFinished = true
        guard phase == .exchange else {
            // Whole requests wait here for earlier replies to be sent.
            if phase == .idle, unreadCount > 0 { return queueFlush() }
            // A head that stops in the middle has nobody to answer; a reply that is made already is still owed.
            if outputStart < output.count { finishThenClose() } else { close() }
            return
        }
        closesAfterReply = true
        if bodyMode == .discarding { close() } else { failBody(.clientGone) }
    }

    /// Handles everything that is unread: heads, bodies, pipelined requests, until something must be waited for.
    func process() {
        defer { if phase != .closed { stash() } }
        while phase != .closed, phase != .lingering {
            if phase == .exchange {
                pumpBody()
                reactor.drainJobs()
                // The handler may have finished in its first slice: then the next request is looked at.
                if phase == .exchange { return }
                continue
            }
            // A client that pipelines must read its replies before more are made.
            if isBlocked || output.count - outputStart > limits.keptBackBytes { return }
            guard beginRequest() else { return }
            reactor.drainJobs()
        }
    }

    /// Reads a head; true when an exchange has begun.
    private func beginRequest() -> Bool {
        if !hasSkippedEmptyLine, parser == nil { skipEmptyLine() }
        guard unreadCount > (startsWithHalfLineEnd ? 1 : 0) else {
            if peerHasFinished { finishThenClose() }
            return false
        }
        if parser == nil {
            parser = RequestParser(headBytes: limits.headBytes, fieldCount: limits.headerCount, reusing: acceptor.spareHead())
            phase = .head
            // A new connection's deadline already runs.
            if requestCount > 0 { setReadDeadline(seconds: limits.headSeconds) }
        }
        let result = withUnread { unread in
            do throws(RequestFault) {
                guard case .complete(let length)? = try parser?.parse(unread), let head = parser?.take(unread, length: length) else {
                    return HeadResult.incomplete
                }
                return .head(head, length)
            } catch { return .fault(error, parser?.pathText(unread)) }
        }
        switch result {
        case .incomplete:
            if peerHasFinished { finishThenClose() }
            return false
        case .fault(let fault, let path):
            refuse(status: fault.status, message: fault.message, path: path)
            return false
        case .head(let head, let length):
            parser = nil
            hasSkippedEmptyLine = false
            advance(by: length)
            begin(head, length: length)
            return true
        }
    }

    private enum HeadResult {
        case incomplete
        case head(RequestHead, Int)
        case fault(RequestFault, String?)
    }

    /// One empty line before a request is ignored (RFC 9112 section 2.2).
    private func skipEmptyLine() {
        let skips = withUnread { $0.count >= 2 && $0[0] == .carriageReturn && $0[1] == .lineFeed }
        if skips {
            advance(by: 2)
            hasSkippedEmptyLine = true
        }
    }

    /// A lone CR may be half of that empty line.
    private var startsWithHalfLineEnd: Bool {
        !hasSkippedEmptyLine && parser == nil && withUnread { $0.count == 1 && $0[0] == .carriageReturn }
    }

    private func begin(_ head: RequestHead, length: Int) {
        phase = .exchange
        readDeadline = 0
        hasInputWaiting = false
        requestCount += 1
        if !head.keepsAlive || acceptor.isDraining { closesAfterReply = true }
        prepareBody(head)
        let caller = acceptor.shared.caller(of: head, peer: peer, peerIsTrusted: peerIsTrusted, isTLS: tls != nil)
        let exchange = Exchange(
            id: reactor.requestIDs.next(at: reactor.now), connection: self, head: head, remoteAddress: caller.address,
            isSecure: caller.isSecure)
        exchange.bytesReceived = length
        self.exchange = exchange
        reactor.counters.requests.add(1)
        exchange.shared.handler.begin(exchange)
    }

    /// Answers before any handler and closes.
    func refuse(status: Int, message: String, path: String? = nil) {
        reactor.counters.protocolErrors.add(1)
        parser = nil
        let id = reactor.requestIDs.next(at: reactor.now)
        let problem = ProtocolProblem(status: status, code: problemCode(status), message: message, path: path, requestID: id)
        let response = acceptor.shared.hooks.errorResponder(problem)
        closesAfterReply = true
        takeOutputBuffer()
        let before = output.count
        ReplyHead.append(response, id: id, to: &output, date: reactor.dates.fieldLine(reactor.now), closes: true, omitsBody: false)
        acceptor.shared.hooks.onFinished(
            ExchangeSummary(
                id: id, method: nil, routeTemplate: nil, status: response.status, bytesReceived: 0, bytesSent: output.count - before,
                durationNanoseconds: 0, endedAt: reactor.now, remoteAddress: peer, clientGone: false))
        dropUnread()
        finishThenClose(lingers: true)
    }

    /// The exchange is over; its reply may still wait to be sent.
    func exchangeFinished() {
        exchange = nil
        bodyHeld = 0
        guard phase != .closed else { return }
        if bodyMode == .waiting { bodyMode = .discarding }
        if bodyMode == .collecting { bodyMode = .discarding }
        if bodyMode == .discarding {
            if closesAfterReply {
                finishThenClose(lingers: true)
                return
            }
            body = []
            setReadDeadline(seconds: limits.bodyGraceSeconds)
            pumpBody()
            // Otherwise the body has come to its end, or was too large and the connection closes: both are seen to already.
            if phase == .exchange { queueFlush() }
            return
        }
        requestEnded()
    }

    /// Reply made and body read: what comes next is another request.
    func requestEnded() {
        bodyMode = .none
        decoder = nil
        if closesAfterReply {
            finishThenClose(lingers: unreadCount > 0)
            return
        }
        phase = .idle
        setReadDeadline(seconds: limits.keepAliveIdleSeconds)
        queueFlush()
    }
}
