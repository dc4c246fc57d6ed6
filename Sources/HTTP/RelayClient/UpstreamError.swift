/// Why an upstream gave no complete response.
public struct UpstreamError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        /// The name could not be resolved; the resolver's words.
        case resolve(String)
        /// No address accepted a connection.
        case connect(String)
        case connectTimeout
        case tls(TLSError)
        case tlsTimeout
        /// The proxy refused or answered nonsense.
        case proxy(String)
        /// Every address of the name is one that may not be called.
        case refusedAddress
        /// As many connections or waiting requests as allowed are under way.
        case busy
        /// The request was not taken: no progress for the time allowed.
        case sendTimeout
        case firstByteTimeout
        case idleTimeout
        /// The connection ended before the message did. `afterBytes` counts all bytes of the response, head included.
        case closedEarly(afterBytes: Int)
        /// Not HTTP/1.1 as it should be; which rule was broken.
        case malformed(String)
        /// More than the limit that was set (head, decoded body).
        case tooLarge(limitBytes: Int)
        case cancelled
    }
    public let reason: Reason
    /// Some byte of the request was handed to the connection, so the upstream may have acted on it.
    public let mayHaveBeenReceived: Bool

    public init(_ reason: Reason, mayHaveBeenReceived: Bool) {
        self.reason = reason
        self.mayHaveBeenReceived = mayHaveBeenReceived
    }

    /// Stable, for metrics and logs: "resolve", "first_byte_timeout".
    public var code: String {
        switch reason {
        case .resolve: "resolve"
        case .connect: "connect"
        case .connectTimeout: "connect_timeout"
        case .tls: "tls"
        case .tlsTimeout: "tls_timeout"
        case .proxy: "proxy"
        case .refusedAddress: "refused_address"
        case .busy: "busy"
        case .sendTimeout: "send_timeout"
        case .firstByteTimeout: "first_byte_timeout"
        case .idleTimeout: "idle_timeout"
        case .closedEarly: "closed_early"
        case .malformed: "malformed"
        case .tooLarge: "too_large"
        case .cancelled: "cancelled"
        }
    }
    /// For the log; holds no address, header or body byte of the request.
    public var description: String {
        switch reason {
        case .resolve(let text), .connect(let text), .proxy(let text), .malformed(let text): "\(code): \(text)"
        case .tls(let error): "\(code): \(error)"
        case .closedEarly(let bytes): "\(code): after \(bytes) bytes"
        case .tooLarge(let limit): "\(code): over \(limit) bytes"
        default: code
        }
    }
}
