public import Domain

/// One line of the access log. Holds the route's template and never the path or query as sent.
public struct AccessLine: Sendable {
    public var request: RequestID
    public var method: String
    /// "/api/keys/{id}", or "-" when nothing matched.
    public var route: String
    /// 0 when nothing was sent.
    public var status: Int
    public var bytesReceived: Int
    public var bytesSent: Int
    public var durationMicroseconds: UInt64
    public var remoteAddress: String
    public var clientGone: Bool

    public init(
        request: RequestID, method: String, route: String, status: Int, bytesReceived: Int, bytesSent: Int, durationMicroseconds: UInt64,
        remoteAddress: String, clientGone: Bool
    ) {
        self.request = request
        self.method = method
        self.route = route
        self.status = status
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
        self.durationMicroseconds = durationMicroseconds
        self.remoteAddress = remoteAddress
        self.clientGone = clientGone
    }

    func write(at time: Timestamp, to line: inout [UInt8]) {
        append("{\"time\":\"", to: &line)
        time.write(to: &line)
        append("\",\"level\":\"info\",\"event\":\"http.access\",\"request\":\"", to: &line)
        request.write(to: &line)
        append("\",\"method\":", to: &line)
        JSON.quote(method, into: &line)
        append(",\"route\":", to: &line)
        JSON.quote(route, into: &line)
        number(",\"status\":", status, to: &line)
        number(",\"bytes_in\":", bytesReceived, to: &line)
        number(",\"bytes_out\":", bytesSent, to: &line)
        number(",\"duration_us\":", Int(clamping: durationMicroseconds), to: &line)
        append(",\"remote\":", to: &line)
        JSON.quote(remoteAddress, into: &line)
        if clientGone { append(",\"client_gone\":true", to: &line) }
        line.append(0x7d)
    }

    private func number(_ name: String, _ value: Int, to line: inout [UInt8]) {
        append(name, to: &line)
        line.append(decimal: UInt64(clamping: value))
    }

    private func append(_ text: String, to line: inout [UInt8]) { line.append(utf8: text) }
}
