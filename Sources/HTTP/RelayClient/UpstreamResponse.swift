public enum PumpStep: Sendable {
    case `continue`
    /// Read nothing more until `resume`. What one read brought is handed over all the same (undecoded).
    case pause
    /// Close the connection; `pump` throws `cancelled`.
    case stop
}

/// A response whose body is still to be read, by `pump` or `collect`, once. Dropping it unread closes the connection.
/// Touched only on its reactor.
public final class UpstreamResponse: @unchecked Sendable {
    /// Empty after `discardHead`.
    public private(set) var head: UpstreamResponseHead
    public let call: UpstreamCall
    private let reactor: Reactor

    init(head: UpstreamResponseHead, call: UpstreamCall, reactor: Reactor) {
        self.head = head
        self.call = call
        self.reactor = reactor
    }

    deinit {
        guard !call.isOver else { return }
        if reactor.isCurrent { call.cancel() } else { reactor.execute { [call] in call.cancel() } }
    }

    public var status: Int { head.status }

    /// Gives the head's memory back; for bodies that take long.
    public func discardHead() {
        head = .empty
        call.discardHead()
    }

    /// Hands over the payload of each read in one call, as it arrives, on the reactor; returns when the message is complete.
    /// The bytes are valid during the call only. With `decoding`, gzip and deflate are taken off first (then one read may give
    /// several calls, and the content-encoding field is no longer true).
    /// - Throws: also when the message ends early; all bytes before that have been handed over.
    public func pump(decoding: Bool = false, _ each: @escaping (Span<UInt8>) -> PumpStep) async throws(UpstreamError) {
        try await call.pump(decoding: decoding, each)
    }

    /// As `pump`, with nobody who waits: `ended` is called once, on the reactor, with what went wrong or nil. A task and its frames cost
    /// some kilobytes, which is much for a stream that says little for minutes. Bytes and end may come before this returns.
    public func start(
        decoding: Bool = false, _ each: @escaping (Span<UInt8>) -> PumpStep, ended: @escaping (UpstreamError?) -> Void
    ) {
        call.start(decoding: decoding, each, ended: ended)
    }

    /// Goes on after `.pause`. Harmless otherwise.
    public func resume() { call.resume() }

    /// Closes the connection in this turn of the loop.
    public func cancel() { call.cancel() }

    /// The whole body, when it came with the head and is not coded. Closes the connection when it says that it is longer than `limit`, and
    /// then `collect` throws.
    public func arrivedBody(limit: Int) -> [UInt8]? {
        guard case .length(let length) = head.framing, head.coding == .identity else { return nil }
        if length > limit { call.fail(.tooLarge(limitBytes: limit)) }
        return call.takeArrived(length)
    }

    /// The whole body. More than `limit` bytes (decoded ones when decoding) is `tooLarge` and closes the connection.
    /// - Parameter noting: hears of the bytes as they are collected, unless all are here at once.
    public func collect(
        limit: Int, decoding: Bool = false, noting: ((_ bytes: Int) -> Void)? = nil
    ) async throws(UpstreamError) -> [UInt8] {
        if case .length(let length) = head.framing, !decoding || head.coding == .identity {
            if length > limit { call.fail(.tooLarge(limitBytes: limit)) }
            if let whole = call.takeArrived(length) { return whole }
        }
        let collected = Collected()
        if case .length(let length) = head.framing, !call.isOver { collected.bytes.reserveCapacity(min(length, 65_536)) }
        try await call.pump(decoding: decoding) { [call] payload in
            guard payload.count <= limit - collected.bytes.count else {
                call.fail(.tooLarge(limitBytes: limit))
                return .stop
            }
            collected.bytes.append(copying: payload)
            noting?(payload.count)
            return .continue
        }
        return collected.bytes
    }

    private final class Collected { var bytes: [UInt8] = [] }
}
