public enum PumpStep: Sendable {
    case `continue`
    /// Read nothing more until `resume`.
    case pause
    /// Close the connection; `pump` throws `cancelled`.
    case stop
}

/// A response whose body is still to be read, by `pump` or `collect`, once. Dropping it unread closes the connection.
/// Touched only on its reactor.
public final class UpstreamResponse: @unchecked Sendable {
    public let head: UpstreamResponseHead
    public let call: UpstreamCall
    /// Undecoded payload bytes so far.
    public var bodyBytes: Int { preconditionFailure("under construction") }

    init(head: UpstreamResponseHead, call: UpstreamCall) {
        self.head = head
        self.call = call
    }

    /// Hands over the payload of each read in one call, as it arrives, on the reactor; returns when the message is complete.
    /// The bytes are valid during the call only. With `decoding`, gzip and deflate are taken off first (then one read may give
    /// several calls, and the content-encoding field is no longer true).
    /// - Throws: also when the message ends early; all bytes before that have been handed over.
    public func pump(decoding: Bool = false, _ each: @escaping (Span<UInt8>) -> PumpStep) async throws(UpstreamError) {
        preconditionFailure("under construction")
    }
    /// Goes on after `.pause`. Harmless otherwise.
    public func resume() { preconditionFailure("under construction") }
    /// Closes the connection in this turn of the loop.
    public func cancel() { call.cancel() }
    /// The whole body. More than `limit` bytes (decoded ones when decoding) is `tooLarge` and closes the connection.
    public func collect(limit: Int, decoding: Bool = false) async throws(UpstreamError) -> [UInt8] {
        preconditionFailure("under construction")
    }
}
