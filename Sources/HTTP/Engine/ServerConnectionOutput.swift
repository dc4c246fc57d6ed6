extension ServerConnection {
    /// After shutting down its half the server reads this long, so that the reply reaches a client that still sends.
    static let lingerSeconds = 2
    /// What is collected during one event before it is sent without waiting for its end.
    static let collectedBytes = 65_536
    /// From this size on bytes go to the socket without a copy.
    static let directBytes = 4096

    func takeOutputBuffer() {
        if output.capacity == 0 { output = acceptor.spareBuffer() }
    }

    func queueFlush() {
        guard !isFlushQueued, phase != .closed else { return }
        isFlushQueued = true
        reactor.sendSoon(self)
    }

    /// Sends what some events produced, then looks at what waited for that.
    func sendCollected() {
        isFlushQueued = false
        guard phase != .closed else { return }
        send()
        if phase == .idle, !isBlocked, unreadCount > 0 || peerHasFinished { process() }
        if (tls?.pendingBytes ?? 0) > 0, wantsInput { readAndProcess() }
        guard phase != .closed else { return }
        chargeMemory()
        updateInterest()
    }

    /// Sends as much of `output` as the socket takes.
    func send() {
        let wasBlocked = isBlocked
        isBlocked = false
        while outputStart < output.count {
            let sent = transmitHeld()
            if sent == SystemCalls.wouldBlock {
                block()
                return
            }
            guard sent >= 0 else {
                close()
                return
            }
            outputStart += sent
            reactor.counters.bytesSent.add(sent)
            if writeDeadline != 0 { setWriteDeadline(at: stallDeadline) }
        }
        outputIsSent(wasBlocked: wasBlocked)
    }

    private var stallDeadline: UInt64 { reactor.nowNanoseconds &+ UInt64(max(0, limits.sendStallSeconds)) * 1_000_000_000 }

    private func block() {
        isBlocked = true
        if writeDeadline == 0 { setWriteDeadline(at: stallDeadline) }
        // Only when more is dropped than moved: a large reply to a slow client is not moved at every send.
        if outputStart > Self.collectedBytes, outputStart >= output.count - outputStart {
            output.removeSubrange(..<outputStart)
            outputStart = 0
        }
        chargeMemory()
        updateInterest()
    }

    private func outputIsSent(wasBlocked: Bool) {
        if output.capacity > 0 {
            acceptor.giveBack(output)
            output = []
        }
        outputStart = 0
        writeDeadline = 0
        if phase == .lingering, !hasShutDown {
            hasShutDown = true
            if !lingers || peerHasFinished {
                close()
                return
            }
            tls?.shutdown()
            SystemCalls.shutdownWrite(descriptor)
            setReadDeadline(seconds: Self.lingerSeconds)
        }
        if wasBlocked {
            exchange?.drained()
            queueFlush()
        }
    }

    private func transmitHeld() -> Int {
        let held = output
        return transmit(held.span.extracting(outputStart...))
    }

    /// The number of bytes taken, or a negated errno.
    private func transmit(_ bytes: Span<UInt8>) -> Int {
        guard let tls else { return SystemCalls.send(descriptor, bytes) }
        switch tls.write(bytes) {
        case .done(let count): return count
        case .wantsRead, .wantsWrite: return SystemCalls.wouldBlock
        case .ended, .failed: return -1
        }
    }

    /// What is held back, then these, in one call.
    private func transmit(_ before: Span<UInt8>, _ bytes: Span<UInt8>, _ behind: Span<UInt8>) -> Int {
        let held = output
        return SystemCalls.send(descriptor, held.span.extracting(outputStart...), before, bytes, behind)
    }

    /// One piece of a streaming reply with what goes before and behind it. false when the connection has closed over it.
    ///
    /// The cap is on what earlier writes have left: a piece is taken whole however large it is, for its producer cannot take it back,
    /// and the last one of a known length always.
    func write(_ before: Span<UInt8>, _ bytes: Span<UInt8>, _ behind: Span<UInt8>, isLast: Bool = false) -> Bool {
        guard phase != .closed else { return false }
        if isBlocked, !isLast, output.count - outputStart > limits.keptBackBytes {
            close(resetting: true)
            return false
        }
        if bytes.count >= Self.directBytes, tls == nil, !isBlocked {
            let held = output.count - outputStart
            let total = held + before.count + bytes.count + behind.count
            var sent = transmit(before, bytes, behind)
            if sent < 0, sent != SystemCalls.wouldBlock {
                close()
                return false
            }
            sent = max(0, sent)
            reactor.counters.bytesSent.add(sent)
            if sent == total {
                outputIsSent(wasBlocked: false)
                return phase != .closed
            }
            let ofHeld = min(sent, held)
            outputStart += ofHeld
            var skip = sent - ofHeld
            takeOutputBuffer()
            for piece in 0..<3 {
                let span = piece == 0 ? before : piece == 1 ? bytes : behind
                let dropped = min(skip, span.count)
                skip -= dropped
                output.append(copying: span, dropped..<span.count)
            }
            block()
        } else {
            takeOutputBuffer()
            output.append(copying: before)
            output.append(copying: bytes)
            output.append(copying: behind)
            if !isBlocked, output.count - outputStart >= Self.collectedBytes { send() } else { queueFlush() }
        }
        return phase != .closed
    }

    /// Sends what is left, then closes; `lingers` when the client may still be sending.
    func finishThenClose(lingers: Bool = false) {
        guard phase != .closed, phase != .lingering else { return }
        phase = .lingering
        self.lingers = lingers
        readDeadline = 0
        bodyMode = .none
        body = []
        if lingers { dropUnread() }
        queueFlush()
    }
}
