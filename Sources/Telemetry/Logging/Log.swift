public import Domain

/// Events with fields, one JSON object a line: `log.notice("service.suspended", ["service": .init(id), "reason": "quota"])`.
///
/// Event names are stable, ids may stand in fields, bodies, keys and mail addresses may not. The finished line passes `Redaction`
/// as its last step. Logging never blocks and never throws: what the writer cannot take is counted as dropped.
public struct Log: Sendable {
    public let level: LogLevel
    private let output: any LogOutput
    private let now: @Sendable () -> Timestamp

    public init(level: LogLevel, output: any LogOutput, now: @escaping @Sendable () -> Timestamp) {
        self.level = level
        self.output = output
        self.now = now
    }

    /// A log that goes nowhere, for commands and tests that have nothing to say.
    public static let silent = Log(level: .error, output: NoLogOutput(), now: { Timestamp(milliseconds: 0) })

    public func debug(_ event: String, _ fields: KeyValuePairs<String, LogValue> = [:], request: RequestID? = nil) {
        write(.debug, event, fields, request)
    }
    public func info(_ event: String, _ fields: KeyValuePairs<String, LogValue> = [:], request: RequestID? = nil) {
        write(.info, event, fields, request)
    }
    public func notice(_ event: String, _ fields: KeyValuePairs<String, LogValue> = [:], request: RequestID? = nil) {
        write(.notice, event, fields, request)
    }
    public func warning(_ event: String, _ fields: KeyValuePairs<String, LogValue> = [:], request: RequestID? = nil) {
        write(.warning, event, fields, request)
    }
    public func error(_ event: String, _ fields: KeyValuePairs<String, LogValue> = [:], request: RequestID? = nil) {
        write(.error, event, fields, request)
    }

    /// One finished request. Written at every level: the access log is a record, not a message. What of it comes from elsewhere has passed
    /// `Redaction` in its kind; the rest is digits and words of its own.
    public func access(_ line: consuming AccessLine) { withBytes(upTo: 384, { line.write(to: &$0) }, { output.write($0, to: .access) }) }

    private func write(_ level: LogLevel, _ event: String, _ fields: KeyValuePairs<String, LogValue>, _ request: RequestID?) {
        guard level >= self.level else { return }
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line += "{\"time\":\"".utf8
        line += now().text.utf8
        line += "\",\"level\":\"".utf8
        line += level.rawValue.utf8
        line += "\",\"event\":".utf8
        JSON.quote(event, into: &line)
        if let request {
            line += ",\"request\":\"".utf8
            line += request.text.utf8
            line.append(0x22)
        }
        for (name, value) in fields {
            line.append(0x2c)
            JSON.quote(name, into: &line)
            line.append(0x3a)
            Self.append(Redaction.hides(field: name) ? value.hidden : value, to: &line)
        }
        line.append(0x7d)
        Redaction.redact(&line)
        line.append(0x0a)
        output.write(line, to: LogChannel(level: level, event: event))
    }

    /// A field longer than this many bytes is cut: one hostile value must not fill the disk.
    private static let maximumFieldBytes = 4096

    static func append(_ value: LogValue, to line: inout [UInt8]) {
        switch value {
        case .text(let text):
            if text.utf8.count > maximumFieldBytes {
                JSON.quote(String(decoding: text.utf8.prefix(maximumFieldBytes), as: UTF8.self) + "…", into: &line)
            } else {
                JSON.quote(text, into: &line)
            }
        case .integer(let number): line += String(number).utf8
        case .flag(let flag): line += (flag ? "true" : "false").utf8
        case .none: line += "null".utf8
        }
    }
}

extension LogValue {
    fileprivate var hidden: LogValue { if case .text = self { .text("«secret»") } else { self } }
}
