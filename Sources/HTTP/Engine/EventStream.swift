/// Server-sent events for control paths: a reply of text/event-stream with a comment every `keepAliveSeconds` when nothing else was sent.
public final class EventStream: @unchecked Sendable {
    private let exchange: Exchange
    public init(_ exchange: Exchange, keepAliveSeconds: Int = 15, headers: Headers = [:]) { self.exchange = exchange }
    public var isOpen: Bool { !exchange.isClientGone }
    /// Line breaks in `data` become several data lines. Waits while the client reads slowly; false when it has gone.
    public func send(event: String? = nil, data: String, id: String? = nil) async -> Bool { preconditionFailure("under construction") }
    public func finish() { preconditionFailure("under construction") }
}
