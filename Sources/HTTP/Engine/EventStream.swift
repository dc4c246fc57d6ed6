/// Server-sent events for control paths: a reply of text/event-stream that sends a comment when nothing else was sent for a while, so
/// that proxies keep it open and a client that has left is noticed. Touched only on the exchange's reactor.
public final class EventStream: @unchecked Sendable {
    private let exchange: Exchange
    private let keepAliveNanoseconds: UInt64
    private var timer: TimerToken?
    private var lastWrite: UInt64
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []
    private var isFinished = false

    /// Starts the reply.
    public init(_ exchange: Exchange, keepAliveSeconds: Int = 15, headers: Headers = [:]) {
        self.exchange = exchange
        keepAliveNanoseconds = UInt64(max(1, keepAliveSeconds)) * 1_000_000_000
        lastWrite = exchange.reactor.nowNanoseconds
        var block = HeaderBlock()
        block.add("content-type", "text/event-stream; charset=utf-8")
        block.add("cache-control", "no-store")
        block.add("x-accel-buffering", "no")
        block.add(headers)
        exchange.startResponse(status: 200, headers: block, framing: .chunked)
        exchange.onClosed = { [weak self] in self?.wakeAll() }
        armTimer()
    }

    deinit { if let timer { exchange.reactor.cancel(timer) } }

    public var isOpen: Bool { !isFinished && !exchange.isClientGone }

    /// One event. Line breaks in `data` become several data lines; those in `event` and `id` are dropped. Waits while the client reads
    /// slowly; false when it has gone.
    public func send(event: String? = nil, data: String, id: String? = nil) async -> Bool {
        guard isOpen else { return false }
        var frame: [UInt8] = []
        frame.reserveCapacity(data.utf8.count + 64)
        if let event { Self.append("event: ", event, to: &frame) }
        if let id { Self.append("id: ", id, to: &frame) }
        frame.append(contentsOf: "data: ".utf8)
        var previous: UInt8 = 0
        for byte in data.utf8 {
            if byte == .lineFeed || byte == .carriageReturn {
                if !(byte == .lineFeed && previous == .carriageReturn) { frame.append(contentsOf: "\ndata: ".utf8) }
            } else {
                frame.append(byte)
            }
            previous = byte
        }
        frame.append(contentsOf: "\n\n".utf8)
        lastWrite = exchange.reactor.nowNanoseconds
        if exchange.write(frame) == .congested {
            exchange.onDrained = { [weak self] in self?.wakeDrainWaiters() }
            await withCheckedContinuation { drainWaiters.append($0) }
        }
        return isOpen
    }

    /// Returns when the client has gone or `finish` was called.
    public func closed() async {
        guard isOpen else { return }
        await withCheckedContinuation { closeWaiters.append($0) }
    }

    public func finish() {
        guard !isFinished else { return }
        isFinished = true
        exchange.finish()
        wakeAll()
    }

    private static func append(_ name: String, _ value: String, to frame: inout [UInt8]) {
        frame.append(contentsOf: name.utf8)
        for byte in value.utf8 where byte != .lineFeed && byte != .carriageReturn && byte != 0 { frame.append(byte) }
        frame.append(.lineFeed)
    }

    private func armTimer() {
        let due = lastWrite &+ keepAliveNanoseconds
        let now = exchange.reactor.nowNanoseconds
        timer = exchange.reactor.schedule(afterNanoseconds: due > now ? due - now : 0) { [weak self] in self?.timerFired() }
    }
    private func timerFired() {
        timer = nil
        guard isOpen else { return }
        if exchange.reactor.nowNanoseconds &- lastWrite >= keepAliveNanoseconds {
            lastWrite = exchange.reactor.nowNanoseconds
            exchange.write(Array(": keep-alive\n\n".utf8))
        }
        armTimer()
    }

    private func wakeDrainWaiters() {
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
    private func wakeAll() {
        if let timer { exchange.reactor.cancel(timer) }
        timer = nil
        wakeDrainWaiters()
        let waiters = closeWaiters
        closeWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
