public import Domain

/// What the access lines of one kind of exchange have in common, made once.
public struct AccessKind: Sendable {
    /// As it stands in a line, from the method to the status; whatever looks like a secret is replaced already.
    let text: [UInt8]

    /// - Parameters:
    ///   - route: "/api/keys/{id}", or "-" when nothing matched. Never the path or query as sent.
    ///   - status: 0 when nothing was sent.
    public init(method: String, route: String, status: Int) {
        var text = Array(",\"method\":".utf8)
        JSON.quote(method, into: &text)
        text += ",\"route\":".utf8
        JSON.quote(route, into: &text)
        Redaction.redact(&text)
        text += ",\"status\":\(max(0, status))".utf8
        self.text = text
    }
}

/// One line of the access log.
public struct AccessLine: Sendable {
    public var time: Timestamp
    public var request: RequestID
    public var kind: AccessKind
    public var bytesReceived: Int
    public var bytesSent: Int
    public var durationMicroseconds: UInt64
    /// An IP address: digits, dots and colons.
    public var remoteAddress: String
    public var clientGone: Bool

    public init(
        time: Timestamp, request: RequestID, kind: AccessKind, bytesReceived: Int, bytesSent: Int, durationMicroseconds: UInt64,
        remoteAddress: String, clientGone: Bool
    ) {
        self.time = time
        self.request = request
        self.kind = kind
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
        self.durationMicroseconds = durationMicroseconds
        self.remoteAddress = remoteAddress
        self.clientGone = clientGone
    }

    func write(to line: inout ByteCursor) {
        line.append("{\"time\":\"")
        time.write(to: &line)
        line.append("\",\"level\":\"info\",\"event\":\"http.access\",\"request\":\"")
        request.write(to: &line)
        line.append(0x22)
        line.append(kind.text)
        line.append(",\"bytes_in\":")
        line.append(decimal: UInt64(clamping: bytesReceived))
        line.append(",\"bytes_out\":")
        line.append(decimal: UInt64(clamping: bytesSent))
        line.append(",\"duration_us\":")
        line.append(decimal: durationMicroseconds)
        line.append(",\"remote\":\"")
        line.append(utf8: remoteAddress)
        line.append(clientGone ? "\",\"client_gone\":true}\n" : "\"}\n")
    }
}
