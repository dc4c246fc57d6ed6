extension ServerConnection {
    func prepareBody(_ head: RequestHead) {
        bodySeen = 0
        bodyError = nil
        decoder = head.isChunked ? ChunkedDecoder() : nil
        bodyRemaining = head.contentLength ?? 0
        bodyMode = head.hasBody ? .waiting : .none
        bodyAllowanceNanoseconds = UInt64(max(0, limits.bodyGraceSeconds)) * 1_000_000_000
        bodyTotalNanoseconds = UInt64(max(0, limits.bodyTotalSeconds)) * 1_000_000_000
    }

    /// Whether a final reply now must close the connection, because the body will not be read to its end.
    func mustCloseForUnreadBody(expectsContinue: Bool) -> Bool {
        guard bodyMode == .waiting || bodyMode == .collecting else { return bodyError != nil }
        // A client that waits for "100 Continue" may or may not send its body after a final reply: nobody can tell.
        if expectsContinue && bodyMode == .waiting { return true }
        return decoder != nil || bodyRemaining > limits.discardedBodyBytes
    }

    /// Starts reading for the handler. Answers whether it must wait.
    func wantBody(limit: Int, piece: Bool, expectsContinue: Bool) throws(BodyError) -> Bool {
        if let bodyError { throw bodyError }
        if bodyMode == .none || bodyMode == .done { return false }
        if decoder == nil, bodySeen + bodyRemaining > limit { throw .tooLarge(limitBytes: limit) }
        bodyLimit = limit
        let isFirst = bodyMode == .waiting
        bodyMode = .collecting
        if isFirst, decoder == nil { body.reserveCapacity(min(bodyRemaining, 1 << 20)) }
        pumpBody()
        if let bodyError { throw bodyError }
        if bodyMode == .done || piece && !body.isEmpty { return false }
        if peerHasFinished { throw fail(.clientGone) }
        if isFirst && expectsContinue && bodySeen == 0 {
            output.append(contentsOf: Self.continueLine)
            send()
            if phase == .closed { throw fail(.clientGone) }
        }
        return true
    }
    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private func fail(_ error: BodyError) -> BodyError {
        bodyError = error
        return error
    }

    /// Waits for the whole body, or for a piece of it.
    func waitForBody(piece: Bool) async {
        guard phase != .closed else {
            // Nobody would end the wait.
            bodyError = .clientGone
            return
        }
        bodyWaitsForPiece = piece
        hasInputWaiting = false
        bodyWaitStart = reactor.nowNanoseconds
        setReadDeadline(at: bodyWaitStart &+ max(1, min(bodyAllowanceNanoseconds, bodyTotalNanoseconds)))
        updateInterest()
        if (tls?.pendingBytes ?? 0) > 0 { queueFlush() }
        await withCheckedContinuation { bodyWaiter = $0 }
    }

    private func wakeBodyWaiter() {
        guard let waiter = bodyWaiter else { return }
        bodyWaiter = nil
        readDeadline = 0
        waiter.resume()
    }

    func failBody(_ error: BodyError) {
        guard bodyMode == .collecting || bodyMode == .waiting else { return }
        bodyError = error
        closesAfterReply = true
        if error == .clientGone { exchange?.clientLeft() }
        wakeBodyWaiter()
    }

    /// Moves unread bytes to the body as far as they belong to it.
    func pumpBody() {
        guard bodyMode == .collecting || bodyMode == .discarding, bodyError == nil, unreadCount > 0 else { return }
        let before = bodySeen
        var received = 0
        if decoder == nil {
            received = min(bodyRemaining, unreadCount)
            if bodyMode == .collecting { withUnread { body.append(copying: $0, 0..<received) } }
            advance(by: received)
            bodyRemaining -= received
            bodySeen += received
            if bodyRemaining == 0 { bodyIsComplete() }
        } else {
            received = pumpChunks()
        }
        exchange?.bytesReceived += received
        guard bodyError == nil else { return }
        if bodyMode == .collecting, bodySeen > before {
            chargeMemory()
            if acceptor.shared.isOverBudget() { failBody(.overloaded) }
        }
        if bodyMode == .discarding, bodySeen > limits.discardedBodyBytes { finishThenClose(lingers: true) }
        accountForTime(bytes: bodySeen - before)
        if bodyWaitsForPiece, !body.isEmpty { wakeBodyWaiter() }
    }

    /// Answers how many bytes of input were used.
    private func pumpChunks() -> Int {
        var position = 0
        let isCollecting = bodyMode == .collecting
        let fault = withUnread { unread -> BodyError? in
            while true {
                do throws(ChunkFault) {
                    switch try decoder?.next(unread, &position) {
                    case .data(let range):
                        bodySeen += range.count
                        if isCollecting {
                            if bodySeen > bodyLimit { return .tooLarge(limitBytes: bodyLimit) }
                            body.append(copying: unread, range)
                        } else if bodySeen > limits.discardedBodyBytes {
                            return nil
                        }
                    case .needsMore, .end, nil: return nil
                    }
                } catch { return .malformed }
            }
        }
        advance(by: position)
        if let fault {
            if bodyMode == .discarding { finishThenClose(lingers: true) } else { failBody(fault) }
        } else if decoder?.isDone == true {
            bodyIsComplete()
        }
        return position
    }

    private func bodyIsComplete() {
        if bodyMode == .discarding {
            requestEnded()
        } else {
            bodyMode = .done
            wakeBodyWaiter()
        }
    }

    /// A body may pause for the grace time and must on the whole keep the minimum rate; bytes earn time, up to the grace time again.
    private func accountForTime(bytes: Int) {
        guard bodyMode == .collecting, bodyWaiter != nil, bytes > 0 else { return }
        let now = reactor.nowNanoseconds
        let spent = now &- bodyWaitStart
        let earned = UInt64(bytes) * 1_000_000_000 / UInt64(max(1, limits.bodyMinimumBytesPerSecond))
        let grace = UInt64(max(0, limits.bodyGraceSeconds)) * 1_000_000_000
        bodyAllowanceNanoseconds = min(grace, (bodyAllowanceNanoseconds > spent ? bodyAllowanceNanoseconds - spent : 0) + earned)
        bodyTotalNanoseconds = bodyTotalNanoseconds > spent ? bodyTotalNanoseconds - spent : 0
        bodyWaitStart = now
        setReadDeadline(at: now &+ max(1, min(bodyAllowanceNanoseconds, bodyTotalNanoseconds)))
    }
}
