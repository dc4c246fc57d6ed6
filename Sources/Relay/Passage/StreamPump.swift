internal import Domain
internal import HTTP

/// Carries a stream's bytes from the upstream's socket to the client's, on callbacks of one reactor: meter, checkpoint, one write.
///
/// Nothing is sent until the first event that is no ping has come; if that is an error, somebody else may still serve the request.
final class StreamPump {
    private let passage: Passage
    private let response: UpstreamResponse
    private let headers: HeaderBlock
    private let exchange: Exchange
    private let reactor: Reactor
    private var held: [UInt8] = []
    private var lastWriteNanoseconds: UInt64
    private var pingTimer: TimerToken?
    /// The upstream's first event was an error: nothing has been sent.
    private(set) var firstEventProblem: RelayProblem?
    /// With `JOURNAL_FSYNC=always`: the bytes with the last event, which go to the client after the disk has the settlement.
    private(set) var last: [UInt8] = []

    /// Bytes held back while only pings have come; more begin the reply as they are.
    private static let maximumHeldBytes = 65_536
    private static let ping = Array("event: ping\ndata: {\"type\": \"ping\"}\n\n".utf8)

    init(passage: Passage, response: UpstreamResponse, headers: HeaderBlock) {
        self.passage = passage
        self.response = response
        self.headers = headers
        exchange = passage.exchange
        reactor = exchange.reactor
        lastWriteNanoseconds = reactor.nowNanoseconds
    }

    func take(_ bytes: Span<UInt8>) -> PumpStep {
        passage.meter.feed(bytes)
        passage.checkpoint()
        if passage.isDraining, passage.isCommitted, !passage.meter.hasStopped { return drained(bytes.count) }
        guard passage.isCommitted else { return begin(bytes) }
        return send(bytes)
    }

    private func begin(_ bytes: Span<UInt8>) -> PumpStep {
        if let body = passage.meter.firstEventError {
            firstEventProblem = .upstreamError(type: passage.meter.errorType ?? "api_error", body: body)
            return .stop
        }
        guard passage.meter.hasContent || held.count + bytes.count > Self.maximumHeldBytes else {
            held.append(bytes: bytes)
            return .continue
        }
        passage.firstByteAtNanoseconds = reactor.nowNanoseconds
        passage.isCommitted = true
        passage.markServed()
        exchange.startResponse(status: 200, headers: headers, framing: .chunked)
        // Only now: another attempt would have needed it, and a stream lives long.
        exchange.discardHead()
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
            if !passage.isSettled { passage.settle(.success, httpStatus: 200, usage: passage.meteredStream(mayCharge: true)) }
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

    func end() {
        if let pingTimer { reactor.cancel(pingTimer) }
        pingTimer = nil
    }
}
