public import Domain

/// One line of the access log. Holds the route's template and never the path or query as sent.
public struct AccessLine: Sendable {
    public var time: Timestamp
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
        time: Timestamp, request: RequestID, method: String, route: String, status: Int, bytesReceived: Int, bytesSent: Int,
        durationMicroseconds: UInt64,
        remoteAddress: String, clientGone: Bool
    ) {
        self.time = time
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

    func write(to line: inout ByteCursor) {
        line.append("{\"time\":\"")
        time.write(to: &line)
        line.append("\",\"level\":\"info\",\"event\":\"http.access\",\"request\":\"")
        request.write(to: &line)
        line.append("\",\"method\":")
        JSON.quote(method, into: &line)
        line.append(",\"route\":")
        JSON.quote(route, into: &line)
        line.append(",\"status\":")
        line.append(decimal: UInt64(clamping: status))
        line.append(",\"bytes_in\":")
        line.append(decimal: UInt64(clamping: bytesReceived))
        line.append(",\"bytes_out\":")
        line.append(decimal: UInt64(clamping: bytesSent))
        line.append(",\"duration_us\":")
        line.append(decimal: durationMicroseconds)
        line.append(",\"remote\":")
        JSON.quote(remoteAddress, into: &line)
        if clientGone { line.append(",\"client_gone\":true") }
        line.append(0x7d)
    }
}
