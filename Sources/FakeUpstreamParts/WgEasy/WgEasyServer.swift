/// A wg-easy controller for tests, faithful in its answers: loopback, in memory, real X25519 keys, built from none of the server's code.
public final class WgEasyServer: Sendable {
    public struct Failure: Error, CustomStringConvertible { public let description: String }

    public let port: UInt16
    let mode: WgEasyMode
    public let password: String
    let world = WgEasyWorld()
    private let doors: Doors

    /// Listens, and serves until `close`. The user of the newest generation is "admin".
    public init(port: UInt16 = 0, mode: WgEasyMode, password: String) throws(Failure) {
        (self.mode, self.password) = (mode, password)
        do throws(SocketFailure) {
            ignoreBrokenPipes()
            doors = try Doors(port: port)
        } catch { throw Failure(description: error.description) }
        self.port = doors.port
        doors.open { [self] descriptor in serve(Wire(descriptor: descriptor)) }
    }
    public func close() {
        do throws(SocketFailure) { try doors.setRefusing(true) } catch { return }
    }

    // MARK: For tests

    public var names: [String] { world.clients.map(\.name) }
    public var enabledNames: [String] { world.clients.filter(\.isEnabled).map(\.name) }
    /// "GET /api/session raw".
    public var seen: [String] { world.seen }
    /// Every private and preshared key there is, in base64, to look for where they must not be.
    public var secrets: [String] { world.clients.flatMap { [base64($0.privateKey), base64($0.presharedKey)] } }
    /// Befalls the next calls of that method whose path ends so.
    public func befall(_ fault: WgEasyFault, _ method: String, _ ending: String, times: Int = 1) {
        world.befall(WgEasyWorld.Rule(method: method, ending: ending, fault: fault, times: times))
    }
    public func count(_ name: String, received: Int, sent: Int) { world.count(name, received: received, sent: sent) }
    /// The first set-up was never done, or is done now.
    public func setUp(_ isDone: Bool) { world.setUp(isDone) }
    public func fill(_ count: Int) { world.fill(count, isNumbered: mode.isNewest) }
    public func enlargePool(to hosts: Int) { world.enlargePool(to: hosts) }
    /// As its own job does at that moment, an ISO text.
    public func closeExpired(at now: String) { world.closeExpired(at: now) }
    /// "2026-11-21T00:00:00.000Z", or nil, as the controller keeps it.
    public func end(of name: String) -> String? { world.clients.first { $0.name == name }?.expiresAt }
    /// Loses its private key, as an imported client has none.
    public func forgetKey(of name: String) {
        if let client = world.clients.first(where: { $0.name == name }) { _ = world.change(client.id) { $0.isImported = true } }
    }
    public func loseSessions() { world.loseSessions() }
    /// By hand, in the controller's own pages.
    public func setEnabled(_ isEnabled: Bool, _ name: String) {
        if let client = world.clients.first(where: { $0.name == name }) { _ = world.change(client.id) { $0.isEnabled = isEnabled } }
    }
    /// As an operator of the controller gives a client another address, the last part of it.
    public func move(_ name: String, to host: Int) {
        for client in world.clients where client.name == name { _ = world.change(client.id) { $0.host = host } }
    }
    public func host(of name: String) -> Int? { world.clients.first { $0.name == name }?.host }
    public func remove(_ name: String) {
        if let client = world.clients.first(where: { $0.name == name }) { world.delete(client.id) }
    }
    /// Somebody else's, made beside us.
    public func add(_ name: String) { _ = world.create(name, isNumbered: mode.isNewest) }

    // MARK: Serving

    struct Reply {
        var status = 200
        var type = "application/json"
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        init(_ body: JSONText) { self.body = body.bytes }
        init(_ status: Int, _ body: JSONText) { (self.status, self.body) = (status, body.bytes) }
        init(_ status: Int, type: String, _ text: String) { (self.status, self.type, self.body) = (status, type, Array(text.utf8)) }
    }

    private func serve(_ wire: Wire) {
        var reader = RequestReader(wire)
        while let request = reader.next() {
            guard handle(request, wire) else { break }
            if request.wantsClose { break }
        }
        wire.close()
    }

    /// What a hanging controller waits; longer than any driver does.
    private static let hangMilliseconds = 60_000

    private static let slowMilliseconds = 300

    private func handle(_ request: WireRequest, _ wire: Wire) -> Bool {
        world.note("\(request.method) \(request.path) \(Self.wayIn(request))")
        let fault = world.fault(request.method, request.path)
        switch fault {
        case .hangBefore: return !wire.waitForLeaving(milliseconds: Self.hangMilliseconds)
        case .unauthorized: return Self.send(credentialsRefused("Incorrect Password"), wire)
        case .generic500: return Self.send(generic(500), wire)
        case .badGateway: return Self.send(Reply(502, type: "text/html", "<html>502 Bad Gateway</html>"), wire)
        case .unavailable: return Self.send(Reply(503, type: "text/html", "<html>503</html>"), wire)
        case .html: return Self.send(Reply(200, type: "text/html", "<!doctype html><title>wg-easy</title>"), wire)
        case .empty: return Self.send(Reply(200, type: "application/json", ""), wire)
        case .restart: world.loseSessions()
        case .hangAfter, .resetAfter, .twice, .truncated, .full, .hideNewest, .wrongType, .expired, .slow, .lie, .none: break
        }
        var reply = WgEasyRoutes(server: self, request: request, fault: fault).answer()
        switch fault {
        case .hangAfter: return !wire.waitForLeaving(milliseconds: Self.hangMilliseconds)
        case .resetAfter:
            wire.reset()
            return false
        case .truncated: reply.body = Array(reply.body.prefix(reply.body.count / 2))
        case .wrongType: reply.type = "text/plain"
        case .slow: pause(milliseconds: Self.slowMilliseconds)
        default: break
        }
        return Self.send(reply, wire)
    }

    static func send(_ reply: Reply, _ wire: Wire) -> Bool {
        var fields = [("content-type", reply.type), ("content-length", String(reply.body.count))] + reply.headers
        if reply.status == 204 { fields.removeFirst(2) }
        let delivery = Delivery(wire, framing: .length, conduct: Conduct())
        return delivery.head(reply.status, fields) && (reply.body.isEmpty || wire.write(reply.body[...]))
    }

    private static func wayIn(_ request: WireRequest) -> String {
        if let value = request["authorization"] {
            if value.hasPrefix("Basic ") { return "basic" }
            return value.hasPrefix("Bearer ") ? "bearer" : "raw"
        }
        return request["cookie"] == nil ? "none" : "cookie"
    }

    // MARK: Errors, as each generation words them

    func generic(_ status: Int) -> Reply {
        if mode.isNewest { return newError(status, "Server Error") }
        if mode == .v12 { return Reply(status, ["error": "Error", "stack": "Error: Error"]) }
        return Reply(status, type: "application/json", "{\n  \"statusCode\": \(status),\n  \"stack\": []\n}")
    }
    func newError(_ status: Int, _ message: String) -> Reply {
        Reply(
            status,
            [
                "error": true, "url": "http://127.0.0.1/api", "statusCode": .int(status), "statusMessage": .string(message),
                "message": .string(message),
            ])
    }
    /// The 500 is the defect of versions 13 and 14.
    func credentialsRefused(_ message: String) -> Reply {
        if mode.isNewest { return newError(401, message == "Not Logged In" ? "Session failed. No Authorization" : "Session failed") }
        return mode == .v12 ? Reply(401, ["error": .string(message)]) : generic(500)
    }
}
