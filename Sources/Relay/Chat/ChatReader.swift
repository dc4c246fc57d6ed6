internal import Domain
internal import HTTP

/// One client that reads a run as server-sent events, from any point on. Touched on its own reactor; `wake` may come from elsewhere.
final class ChatReader: @unchecked Sendable {
    private let run: ChatRun
    private let exchange: Exchange
    /// Frames it has.
    private var position: Int
    private var textPosition = 0
    private var isBegun = false
    private var isCongested = false
    private var isDone = false
    private var timer: TimerToken?
    private var done: CheckedContinuation<Void, Never>?

    /// Silence after which a comment is sent.
    private static let silenceNanoseconds: UInt64 = 15_000_000_000
    private static let retry = "retry: 3000\n"
    /// The beginning of a reply that has no event yet. With the number of the last event before, so that who is cut off comes back to
    /// this run; an EventSource takes it at the blank line, also without data.
    private var opening: String { Self.retry + "id: \(run.id):\(position - 1)\n" }

    /// - Parameter after: the number of the last frame the client has; -1 for none.
    init(_ run: ChatRun, _ exchange: Exchange, after: Int) {
        (self.run, self.exchange, position) = (run, exchange, after + 1)
        run.read { shared in
            for frame in shared.frames.prefix(after + 1) { if case .delta(let end) = frame { textPosition = end } }
        }
    }

    /// Sends until the run is over or the client has gone.
    func follow() async {
        run.add(self)
        exchange.onClosed = { [weak self] in self?.stop() }
        schedule()
        await withCheckedContinuation { continuation in
            done = continuation
            send()
        }
    }

    func wake(from reactor: Reactor) {
        // On the run's own reactor there is nothing to hand over.
        if reactor === exchange.reactor { send() } else { exchange.reactor.execute { [self] in send() } }
    }

    private func stop() {
        guard !isDone else { return }
        isDone = true
        if let timer { exchange.reactor.cancel(timer) }
        timer = nil
        run.remove(self, isCut: exchange.isCut)
        done?.resume()
        done = nil
    }

    private func send() {
        guard !isDone, done != nil, !isCongested else { return }
        var out: [UInt8] = []
        let (isOver, problem) = run.read { shared in
            collect(shared, &out)
            return (shared.overAt != nil, shared.problem)
        }
        if let problem, !isBegun {
            // A status, as long as nothing has been sent; its last frame else.
            exchange.respond(problem.response(request: exchange.id))
            return stop()
        }
        if !out.isEmpty { write(out) }
        guard isOver, !isDone, !isCongested else { return }
        if !isBegun { write([]) }
        exchange.finish()
        stop()
    }

    private func write(_ bytes: [UInt8]) {
        if !isBegun {
            isBegun = true
            var headers = HeaderBlock()
            headers.add("content-type", "text/event-stream; charset=utf-8")
            headers.add("x-accel-buffering", "no")
            headers.add("x-relay-request-id", exchange.id.text)
            for (name, value) in ChatHandler.privacy { headers.add(name, value) }
            exchange.startResponse(status: 200, headers: headers, framing: .chunked)
            exchange.discardHead()
        }
        guard !bytes.isEmpty else { return }
        switch exchange.write(bytes) {
        case .sent: break
        case .congested:
            isCongested = true
            exchange.onDrained = { [weak self] in
                self?.isCongested = false
                self?.send()
            }
        case .gone: stop()
        }
    }

    /// The frames it does not have yet; several pieces of text become one.
    private func collect(_ shared: borrowing ChatRun.Shared, _ out: inout [UInt8]) {
        if position == 0, textPosition == 0, !isBegun, !shared.frames.isEmpty { out.append(utf8: Self.retry) }
        while position < shared.frames.count {
            switch shared.frames[position] {
            case .start:
                var data: JSONObject = ["type": "start", "id": .string(run.id)]
                data["conversation_id"] = run.conversationID.map(JSON.string) ?? .null
                data["model"] = .string(shared.model)
                frame(JSON.object(data).bytes, &out)
            case .thinking: frame(Array(#"{"type":"thinking"}"#.utf8), &out)
            case .end: frame(shared.endData, &out)
            case .delta(var end):
                while position + 1 < shared.frames.count, case .delta(let next) = shared.frames[position + 1] {
                    end = next
                    position += 1
                }
                var data = Array(#"{"type":"delta","text":""#.utf8)
                data += shared.text[min(textPosition, end)..<end]
                data.append(utf8: "\"}")
                textPosition = end
                frame(data, &out)
            }
            position += 1
        }
    }

    private func frame(_ data: [UInt8], _ out: inout [UInt8]) {
        out.append(utf8: "id: \(run.id):\(position)\ndata: ")
        out += data
        out.append(utf8: "\n\n")
    }

    private func schedule() {
        timer = exchange.reactor.schedule(afterNanoseconds: Self.silenceNanoseconds) { [weak self] in
            guard let self, !self.isDone else { return }
            if !self.isCongested {
                // Before the first frame it begins the reply, whatever comes of the turn: intermediaries end what is silent for longer
                // (relay contract, section 14).
                self.write(Array(((self.isBegun ? "" : self.opening) + ": keep-alive\n\n").utf8))
                self.exchange.flush()
            }
            if !self.isDone { self.schedule() }
        }
    }
}
