internal import Domain
internal import HTTP
internal import Synchronization

/// One wg-easy controller: finds out what it speaks and which way in works, and remembers both.
final class WgEasyClient: Sendable {
    private let ports: NodePorts
    private var ambient: Ambient { ports.ambient }
    private let access: BackendAccess
    private let base: String
    private struct Known {
        var dialect: WgEasyDialect?
        /// Whether an interim build after version 14 closes peers by day; nil: not asked yet.
        var closesByDay: Bool?
        /// The cookie that opened, once the raw header did not.
        var cookie: String?
        var failures = 0
        var closedUntilNanoseconds: UInt64 = 0
    }
    private let known = Mutex(Known())

    private static let user = "admin"
    /// 10,000 clients of the newest generation.
    private static let listBytes = 32 << 20
    private static let readTries = 3
    /// A read that has taken so long is not repeated: whoever called waits.
    private static let longestReadNanoseconds: UInt64 = 10_000_000_000
    private static let failuresBeforeRest = 5
    private static let restNanoseconds: UInt64 = 30_000_000_000

    /// - Throws: `.refused` for an address that must not be used.
    init(_ access: BackendAccess, _ ports: NodePorts) throws(DriverError) {
        (self.access, self.ports) = (access, ports)
        var base = access.address
        while base.hasSuffix("/") { base.removeLast() }
        self.base = base
        if base.hasPrefix("http://"), access.settings["insecure"].bool != true, !Self.isLoopback(base) {
            throw .refused("plain http to a controller needs the setting insecure")
        }
        if let text = access.settings["generation"].string {
            guard let dialect = WgEasyDialect(rawValue: text) else {
                throw .refused("generation must be one of \(WgEasyDialect.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            known.withLock { $0.dialect = dialect }
        }
    }

    private static func isLoopback(_ base: String) -> Bool {
        var host = base.dropFirst("http://".count).prefix { $0 != "/" }
        if host.hasPrefix("[") { return IPAddress(String(host.dropFirst().prefix { $0 != "]" }))?.isLoopback ?? false }
        host = host.prefix { $0 != ":" }
        return host == "localhost" || IPAddress(String(host))?.isLoopback ?? false
    }

    // MARK: What can be asked

    func list() async throws(DriverError) -> [NodePeer] {
        let reply = try await call(.get, "", isRead: true)
        guard let rows = Self.json(reply)?.array else { throw .unreachable("the controller's list cannot be read") }
        return rows.compactMap(NodePeer.init(listed:))
    }

    /// One alone, where the generation answers about one; nil when it does not, or has none of that id.
    func peer(_ id: String) async throws(DriverError) -> NodePeer? {
        guard try await dialect() == .newer, Int(id) != nil else { return nil }
        let reply = try await call(.get, "/\(id)", accepts: [404], isRead: true)
        return reply.status == 404 ? nil : Self.json(reply).flatMap(NodePeer.init(listed:))
    }

    /// The answer is not believed to say which one it made: the caller looks for the name.
    func create(name: String, endsAt: Timestamp?) async throws(DriverError) {
        var body: JSONObject = ["name": .string(name)]
        if try await dialect() == .newer {
            body["expiresAt"] = Self.json(endsAt)
        } else if let endsAt, try await closesByDay() {
            body["expiredDate"] = .string(Self.day(endsAt))
        }
        _ = try await call(.post, "", body: .object(body))
    }

    func delete(_ id: String) async throws(DriverError) {
        _ = try await call(.delete, "/\(id)", accepts: [404])
    }

    func setEnabled(_ isEnabled: Bool, _ id: String) async throws(DriverError) {
        guard try await dialect() != .rawClients else { throw .refused("this controller cannot switch peers on and off") }
        let reply = try await call(.post, "/\(id)/\(isEnabled ? "enable" : "disable")", body: .object([:]), accepts: [422])
        guard reply.status == 422, isEnabled else { return }
        // It thinks the peer expired: our own clock decides, so its date goes, and then it may be switched on.
        try await setEnd(nil, of: id)
        _ = try await call(.post, "/\(id)/enable", body: .object([:]))
    }

    func config(_ id: String) async throws(DriverError) -> String {
        guard try await dialect() != .rawClients else { throw .refused("this controller gives no configs") }
        let reply = try await call(.get, "/\(id)/configuration", isRead: true)
        guard let text = String(validating: reply.body, as: UTF8.self) else { throw .unreachable("the controller's config is no text") }
        return text
    }

    /// The newest generation keeps an end for us to the second, the interim builds before it a day; older ones keep none.
    func setEnd(_ end: Timestamp?, of id: String) async throws(DriverError) {
        if try await dialect() == .newer { return try await update(id, ["expiresAt": Self.json(end)]) }
        guard try await closesByDay() else { return }
        _ = try await call(.put, "/\(id)/expireDate", body: ["expireDate": end.map { .string(Self.day($0)) } ?? .null])
    }

    /// Whether a listed end is what `setEnd` would make of ours, so that it need not be told again.
    func keeps(_ listed: Timestamp?, as end: Timestamp?) async throws(DriverError) -> Bool {
        if try await dialect() == .newer { return listed == end }
        guard try await closesByDay() else { return true }
        guard let listed, let end else { return listed == nil && end == nil }
        return (0...Self.longestDayMilliseconds).contains(listed.milliseconds - end.milliseconds)
    }

    /// The last moment of the day that is told, wherever the controller's clock is set to, is not before the end: it is 14 hours ahead at
    /// most. So it is at most two and a half days behind it.
    private static func day(_ end: Timestamp) -> String { String(end.adding(seconds: 14 * 3600).text.prefix(10)) }
    private static let longestDayMilliseconds: Int64 = 60 * 3_600_000

    /// Tunnel addresses of a peer that is there. The older generations know IPv4 only, and none looks whether another peer has it.
    func setAddresses(_ addresses: [String], of id: String) async throws(DriverError) {
        let four = addresses.first { IPAddress($0)?.isIPv4 == true }
        switch try await dialect() {
        case .newer:
            var changed: JSONObject = [:]
            if let four { changed["ipv4Address"] = .string(four) }
            if let six = addresses.first(where: { IPAddress($0)?.isIPv4 == false }) { changed["ipv6Address"] = .string(six) }
            try await update(id, changed)
        case .older:
            guard let four else { return }
            _ = try await call(.put, "/\(id)/address", body: ["address": .string(four)])
        case .rawClients: throw .refused("this controller cannot change addresses")
        }
    }

    /// The newest generation takes an update only whole: what was read goes back with these members changed.
    private func update(_ id: String, _ changed: JSONObject) async throws(DriverError) {
        let reply = try await call(.get, "/\(id)", isRead: true)
        guard var fields = Self.json(reply)?.object else { throw .unreachable("the controller's peer cannot be read") }
        for name in ["privateKey", "preSharedKey", "publicKey", "id", "createdAt", "updatedAt"] { fields[name] = nil }
        for (name, value) in changed.members { fields[name] = value }
        _ = try await call(.post, "/\(id)", body: .object(fields))
    }
    private static func json(_ time: Timestamp?) -> JSON { time.map { .string($0.text) } ?? .null }

    // MARK: Finding out

    private func dialect() async throws(DriverError) -> WgEasyDialect {
        if let dialect = known.withLock({ $0.dialect }) { return dialect }
        let reply = try await send(.get, "/api/session", headers: [:], body: [], isRead: true)
        let json = Self.json(reply)
        let found: WgEasyDialect
        if reply.status == 200, json?["requiresPassword"].bool != nil {
            found = .older
        } else if reply.status == 401, json?["error"].bool == true {
            found = .newer
        } else {
            let probe = try await send(.get, "/clients", headers: rawHeader(), body: [], isRead: true)
            guard probe.status == 200, Self.json(probe)?.array != nil else {
                throw .unreachable("nothing there speaks as a wg-easy controller")
            }
            found = .rawClients
        }
        known.withLock { $0.dialect = found }
        return found
    }

    /// Of interim builds, when their operator has switched it on. Asked once.
    private func closesByDay() async throws(DriverError) -> Bool {
        guard try await dialect() == .older else { return false }
        if let known = known.withLock({ $0.closesByDay }) { return known }
        let reply = try await send(.get, "/api/wg-enable-expire-time", headers: rawHeader(), body: [], isRead: true)
        let answer = Self.json(reply)
        let closes = reply.status == 200 && (answer?.bool == true || answer?.string == "true")
        known.withLock { $0.closesByDay = closes }
        return closes
    }

    private func rawHeader() -> Headers {
        let value = String(decoding: access.secret ?? [], as: UTF8.self)
        return value.isEmpty ? [:] : ["authorization": value]
    }

    // MARK: Calling

    private func call(
        _ method: Method, _ path: String, body: JSON? = nil, accepts: Set<Int> = [], isRead: Bool = false
    ) async throws(DriverError) -> OutgoingReply {
        let dialect = try await dialect()
        var reply = try await authorized(dialect, method, path, body, isRead)
        if dialect == .older, Self.meansCredentials(reply) {
            // Also how this generation says that its session was lost, or that it takes cookies only.
            try await logIn()
            // A create is never sent twice without looking in between; this generation says the same when its pool is full.
            guard method != .post || !path.isEmpty else { throw Self.madeNothing }
            reply = try await authorized(dialect, method, path, body, isRead)
        }
        if (200..<300).contains(reply.status) || accepts.contains(reply.status) { return reply }
        switch reply.status {
        case 401, 403:
            if try await isNotSetUp(dialect) { throw .refused("the controller is not set up") }
            throw .refused("the controller does not take our credentials")
        case 404, 400, 501:
            // Perhaps another version answers there now.
            known.withLock { known in
                known.closesByDay = nil
                if access.settings["generation"].string == nil { known.dialect = nil }
            }
            throw .unreachable("the controller answers \(reply.status)")
        case 500 where method == .post && path.isEmpty: throw Self.madeNothing
        case 500... where !isRead: throw .outcomeUnknown("the controller answers \(reply.status)")
        default: throw .unreachable("the controller answers \(reply.status)")
        }
    }

    /// Before its first set-up the newest generation answers 401 everywhere, and sends browsers to the set-up page.
    private func isNotSetUp(_ dialect: WgEasyDialect) async throws(DriverError) -> Bool {
        guard dialect == .newer else { return false }
        let reply = try await send(.get, "/", headers: [:], body: [], isRead: true)
        return (300..<400).contains(reply.status) && reply.headers["location"]?.contains("/setup") == true
    }

    /// As "14" or "v15.3.0"; nil for dialects that do not say.
    func version() async throws(DriverError) -> String? {
        let dialect = try await dialect()
        guard dialect != .rawClients else { return nil }
        let reply = try await send(
            .get, dialect == .newer ? "/api/information" : "/api/release", headers: [:], body: [], isRead: true)
        guard reply.status == 200, let json = Self.json(reply) else { return nil }
        return json["currentRelease"].string ?? json.int.map(String.init) ?? json.string
    }

    private static let madeNothing = DriverError.noCapacity("the controller makes no peer; its address pool may be full")

    private func authorized(_ dialect: WgEasyDialect, _ method: Method, _ path: String, _ body: JSON?, _ isRead: Bool)
        async throws(DriverError) -> OutgoingReply
    {
        var headers: Headers
        switch dialect {
        case .newer:
            let user = access.settings["username"].string ?? Self.user
            headers = ["authorization": "Basic " + Base64.text(Array("\(user):".utf8) + (access.secret ?? []))]
        case .older, .rawClients:
            headers = known.withLock { $0.cookie }.map { ["cookie": $0] } ?? rawHeader()
        }
        headers.set("accept", "application/json, text/plain")
        if body != nil { headers.set("content-type", "application/json") }
        return try await send(
            method, dialect.clients + path, headers: headers, body: body.map { Array($0.text.utf8) } ?? [], isRead: isRead)
    }

    private static func meansCredentials(_ reply: OutgoingReply) -> Bool {
        if reply.status == 401 { return true }
        guard reply.status == 500, let json = json(reply) else { return false }
        return json["statusCode"].int == 500 && json["stack"].array?.isEmpty == true
    }

    private func logIn() async throws(DriverError) {
        let password = String(decoding: access.secret ?? [], as: UTF8.self)
        let reply = try await send(
            .post, "/api/session", headers: ["content-type": "application/json"],
            body: Array(JSON.object(["password": .string(password)]).text.utf8), isRead: true)
        guard (200..<300).contains(reply.status) else {
            if reply.status == 401 { throw .refused("the controller does not take our credentials") }
            throw .unreachable("the controller answers \(reply.status) to a login")
        }
        let cookie = reply.headers.all("set-cookie").first { $0.hasPrefix("connect.sid=") }
        known.withLock { $0.cookie = cookie.map { String($0.prefix { $0 != ";" }) } }
    }

    private func send(_ method: Method, _ path: String, headers: Headers, body: [UInt8], isRead: Bool) async throws(DriverError)
        -> OutgoingReply
    {
        guard known.withLock({ $0.closedUntilNanoseconds }) <= ambient.uptimeNanoseconds() else {
            throw .unreachable("the controller failed \(Self.failuresBeforeRest) times and is left alone for a while")
        }
        var request = OutgoingRequest(method, base + path, headers: headers, body: body)
        request.connectTimeoutMilliseconds = ports.patience.connectMilliseconds
        request.timeoutMilliseconds = ports.patience.totalMilliseconds
        request.responseLimitBytes = Self.listBytes
        let startedAt = ambient.uptimeNanoseconds()
        var attempt = 1
        while true {
            let failure: DriverError
            do throws(ClientError) {
                let reply = try await ports.http.send(request)
                guard (502...504).contains(reply.status) else {
                    known.withLock { $0.failures = 0 }
                    return reply
                }
                failure = Self.failure("the controller answers \(reply.status)", isRead: isRead)
            } catch { failure = Self.driverError(error, isRead: isRead) }
            let isLate = ambient.uptimeNanoseconds() &- startedAt >= Self.longestReadNanoseconds
            guard isRead, failure.isRetryable, attempt < Self.readTries, !isLate else {
                noteFailure()
                throw failure
            }
            let jitter = Int64(ambient.randomBytes(1).first ?? 0)
            do { try await ambient.sleep(.milliseconds(100 << Int64(attempt) + jitter)) } catch { throw failure }
            attempt += 1
        }
    }

    private func noteFailure() {
        known.withLock { known in
            known.failures += 1
            guard known.failures >= Self.failuresBeforeRest else { return }
            known.failures = 0
            known.closedUntilNanoseconds = ambient.uptimeNanoseconds() &+ Self.restNanoseconds
        }
    }

    private static func failure(_ text: String, isRead: Bool) -> DriverError { isRead ? .unreachable(text) : .outcomeUnknown(text) }
    private static func driverError(_ error: ClientError, isRead: Bool) -> DriverError {
        switch error {
        case .badURL(let text): .refused("the controller's address \(text)")
        case .badHeader: .refused("the controller's password cannot be sent")
        case .refusedAddress: .refused("the controller's address may not be called")
        case .resolve, .connect, .tls, .proxy, .busy, .cancelled: .unreachable("the controller cannot be reached")
        case .timeout: isRead ? .unreachable("the controller hangs") : .outcomeUnknown("the controller hangs")
        case .interrupted, .tooLarge:
            isRead ? .unreachable("the controller's answer broke off") : .outcomeUnknown("the controller's answer broke off")
        }
    }

    private static func json(_ reply: OutgoingReply) -> JSON? {
        do throws(ParseError) { return try JSON(parsing: reply.body) } catch { return nil }
    }
}
