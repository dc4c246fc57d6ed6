public import Domain

/// What a handler may do when the body cannot be had.
public enum BodyError: Error, Equatable, Sendable {
    /// More than the limit; decided from content-length before any byte is read when there is one. Answer 413.
    case tooLarge(limitBytes: Int)
    /// The bytes do not follow the protocol (bad chunk, content-length cut short). Answer 400.
    case malformed
    /// Slower than the minimum rate. Answer 408.
    case tooSlow
    /// The memory budget is spent. Answer 503.
    case overloaded
    /// The client has gone; nobody will read an answer.
    case clientGone

    /// The status for this error; 499 (never sent) for a client that has gone.
    public var status: Int {
        switch self {
        case .tooLarge: 413
        case .malformed: 400
        case .tooSlow: 408
        case .overloaded: 503
        case .clientGone: 499
        }
    }
}

public enum WriteState: Sendable, Equatable {
    case sent
    /// Kept back; stop producing until `onDrained`. More is still taken up to the cap; a write that finds it exceeded aborts.
    case congested
    /// Nobody reads any more.
    case gone
}

public enum ReplyFraming: Sendable, Equatable {
    /// Close-delimited towards an HTTP/1.0 client.
    case chunked
    case length(Int)
    case untilClose
}

/// Field lines of a streaming reply in wire form. Line breaks and NUL in values become spaces, so no value can add a field.
public struct HeaderBlock: Sendable {
    public private(set) var bytes: [UInt8] = []
    public init() {}
    /// - Parameter count: bytes it will have or a few more, so that it grows in one step.
    public init(reserving count: Int) { bytes.reserveCapacity(count) }
    public mutating func add(_ name: String, _ value: String) { add(name, utf8: value.utf8Span.span) }
    public mutating func add(_ name: String, utf8 value: Span<UInt8>) {
        bytes.append(utf8: name)
        finish(value)
    }
    public mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
        let start = bytes.count
        bytes.append(bytes: name)
        if !Self.isTokenish(bytes.span.extracting(start...)) { bytes[start...].removeAll { !Self.isTokenish($0) } }
        finish(value)
    }
    public mutating func add(_ headers: Headers) {
        for field in headers.fields { add(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span) }
    }
    /// Takes whole lines as they are, without their last line's end: fields of a checked head, or what nobody else had a hand in.
    public mutating func add(lines: Span<UInt8>) {
        bytes.append(bytes: lines)
        bytes.append(0x0d)
        bytes.append(0x0a)
    }
    /// Whole lines, each with its end, of which no byte comes from outside.
    public mutating func add(upTo room: Int, _ write: (inout ByteCursor) -> Void) { bytes.append(upTo: room, write) }
    private mutating func finish(_ value: Span<UInt8>) {
        bytes.append(0x3a)
        bytes.append(0x20)
        let start = bytes.count
        bytes.append(bytes: value)
        if firstBadFieldValue(in: bytes.span, start..<bytes.count) != nil {
            for index in start..<bytes.count where bytes[index] == 0x0d || bytes[index] == 0x0a || bytes[index] == 0 { bytes[index] = 0x20 }
        }
        bytes.append(0x0d)
        bytes.append(0x0a)
    }
    private static func isTokenish(_ name: Span<UInt8>) -> Bool {
        for index in name.indices where !isTokenish(name[index]) { return false }
        return true
    }
    private static func isTokenish(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && byte != 0x3a }
}

/// What is known about an exchange when it is over; for the access log and metrics. Never carries the query.
public struct ExchangeSummary: Sendable {
    public let id: RequestID
    /// nil when the head could not be read.
    public let method: Method?
    /// "/v1/messages", set by the router; nil when nothing matched.
    public let routeTemplate: String?
    /// 0 when nothing was sent.
    public let status: Int
    public let bytesReceived: Int
    public let bytesSent: Int
    public let durationNanoseconds: UInt64
    public let endedAt: Timestamp
    public let remoteAddress: IPAddress
    /// The client left before the reply was complete.
    public let clientGone: Bool
}
