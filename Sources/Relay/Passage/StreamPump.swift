internal import Domain
internal import HTTP

/// Carries a stream's bytes from the upstream's socket to the client's, on callbacks of one reactor: meter, checkpoint, one write.
///
/// Nothing is sent until the first event that is no ping has come; if that is an error, somebody else may still serve the request.
///
/// Until the reply has begun a task waits here, because another account may have to be asked. From then on nothing but this object stays
/// of the request's control flow: idle streams are many, and a task's frames are ten times its size. Touched only on its reactor.
final class StreamPump: @unchecked Sendable {
    private let passage: Passage
    private let response: UpstreamResponse
    /// Until the reply has begun.
    private var headers: HeaderBlock?
    private let exchange: Exchange
    private let reactor: Reactor
    private var held: [UInt8] = []
    /// The upstream's part is over; `failure` says how.
    private(set) var isOver = false
    private(set) var failure: UpstreamError?
    private var waiter: CheckedContinuation<Void, Never>?
    private var onEnd: (() -> Void)?
    private var lastWriteNanoseconds: UInt64
    private var pingTimer: TimerToken?
    /// The upstream's first event was an error: nothing has been sent.
    private(set) var firstEventProblem: RelayProblem?
    /// With `JOURNAL_FSYNC=always`: the bytes with the last event, which go to the client after the disk has the settlement.
    private(set) var last: [UInt8] = []

    /// Bytes held back while only pings have come; more begin the reply as they are.
    private static let maximumHeldBytes = 65_536
    /// Where operators keep words to themselves.
    private var cover: ErrorCover?
    private static let ping = Array("event: ping\ndata: {\"type\": \"ping\"}\n\n".utf8)

    init(passage: Passage, response: UpstreamResponse, headers: HeaderBlock) {
        self.passage = passage
        self.response = response
        self.headers = headers
        exchange = passage.exchange
        reactor = exchange.reactor
        lastWriteNanoseconds = reactor.nowNanoseconds
        cover = HiddenWords(passage.services, passage.account).map {
            ErrorCover($0, request: passage.upstreamRequestID ?? passage.exchange.id.text)
        }
    }

    // MARK: From the task

    /// Returns when the reply has begun or the upstream's part is over.
    func begin(decoding: Bool) async {
        response.start(decoding: decoding, { self.take($0) }, ended: { self.ended($0) })
        if !isOver, !passage.isCommitted { await withCheckedContinuation { waiter = $0 } }
    }

    /// Returns when the upstream's part is over.
    func whole() async {
        if !isOver { await withCheckedContinuation { waiter = $0 } }
    }

    /// Calls `action` in a task of its own when the upstream's part is over, which it is not yet.
    func whenOver(_ action: @escaping @Sendable () async -> Void) {
        onEnd = { [reactor] in reactor.run(action) }
    }

    private func wake() {
        guard let waiting = waiter else { return }
        waiter = nil
        waiting.resume()
    }

    private func ended(_ failure: UpstreamError?) {
        isOver = true
        self.failure = failure
        if let pingTimer { reactor.cancel(pingTimer) }
        pingTimer = nil
        wake()
        let action = onEnd
        onEnd = nil
        action?()
    }

    // MARK: From the upstream

    private func take(_ bytes: Span<UInt8>) -> PumpStep {
        passage.meter.feed(bytes)
        if cover?.concerns(passage.meter) == true { return covered(bytes) }
        return pass(bytes)
    }

    /// A read with an error in it, or what may become one. The first event's own is covered where it is answered.
    @inline(never) private func covered(_ bytes: Span<UInt8>) -> PumpStep {
        guard passage.isCommitted || passage.meter.firstEventError == nil, let (out, isLast) = cover?.pass(bytes, passage.meter) else {
            return pass(bytes)
        }
        let step = out.isEmpty ? PumpStep.continue : pass(out.span)
        return isLast ? .stop : step
    }

    private func pass(_ bytes: Span<UInt8>) -> PumpStep {
        passage.recording?.note(bytes)
        passage.checkpoint()
        if passage.isDraining, passage.isCommitted, !passage.meter.hasStopped { return drained(bytes.count) }
        guard passage.isCommitted else { return begin(bytes) }
        return send(bytes)
    }

    private func begin(_ bytes: Span<UInt8>) -> PumpStep {
        if let body = passage.meter.firstEventError {
            let type = passage.meter.errorType ?? "api_error"
            let hides = HiddenWords(passage.services, passage.account)?.stand(in: body) ?? false
            let request = passage.upstreamRequestID ?? exchange.id.text
            firstEventProblem = .upstreamError(type: type, body: hides ? HiddenWords.neutral(type, request) : body)
            return .stop
        }
        guard passage.meter.hasContent || held.count + bytes.count > Self.maximumHeldBytes else {
            held.append(bytes: bytes)
            return .continue
        }
        passage.firstByteAtNanoseconds = reactor.nowNanoseconds
        passage.isCommitted = true
        passage.markServed()
        exchange.startResponse(status: 200, headers: headers ?? HeaderBlock(), framing: .chunked)
        // Only now: another attempt would have needed it, and a stream lives long.
        exchange.discardHead()
        response.discardHead()
        headers = nil
        wake()
        schedulePing()
        guard !held.isEmpty else { return send(bytes) }
        held.append(bytes: bytes)
        let all = held
        held = []
        return send(all.span)
    }

    private func send(_ bytes: Span<UInt8>) -> PumpStep {
        // The journal has the final numbers before the client has the last event.
        if passage.meter.hasStopped {
            if !passage.isSettled {
                // Read on for the bill alone: the customer has left long before.
                let ending: Passage.Ending = passage.isDraining && !passage.leftAfterToolCall ? .aborted : .success
                passage.settle(ending, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
            }
            if passage.services.durability == .always {
                // What an upstream says after its last event is its own mistake: not kept without bound.
                guard last.count <= Self.maximumHeldBytes else { return .stop }
                last.append(bytes: bytes)
                return .continue
            }
        }
        lastWriteNanoseconds = reactor.nowNanoseconds
        switch exchange.write(bytes) {
        case .sent: return .continue
        case .congested:
            exchange.onDrained = { [response] in response.resume() }
            return .pause
        case .gone: return passage.isDraining ? drained(bytes.count) : .stop
        }
    }

    /// Only the meter reads on, to the last usage that the upstream tells.
    private func drained(_ count: Int) -> PumpStep {
        passage.drainedBytes += count
        return passage.drainedBytes <= passage.services.limits.drainBytes ? .continue : .stop
    }

    // MARK: Silence

    private func schedulePing() {
        let wait = passage.services.limits.pingSeconds * 1_000_000_000
        let passed = reactor.nowNanoseconds &- lastWriteNanoseconds
        pingTimer = reactor.schedule(afterNanoseconds: passed < wait ? wait - passed : wait) { [weak self] in self?.pingIfSilent() }
    }

    private func pingIfSilent() {
        let wait = passage.services.limits.pingSeconds * 1_000_000_000
        // Only between frames: a ping inside one would break it.
        if reactor.nowNanoseconds &- lastWriteNanoseconds >= wait, passage.meter.isBetweenFrames, !passage.isSettled {
            lastWriteNanoseconds = reactor.nowNanoseconds
            exchange.write(Self.ping)
            exchange.flush()
        }
        schedulePing()
    }
}
