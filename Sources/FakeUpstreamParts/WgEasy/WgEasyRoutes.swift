/// One request of a fake controller and its answer.
struct WgEasyRoutes {
    let server: WgEasyServer
    let request: WireRequest
    let fault: WgEasyFault?
    private var world: WgEasyWorld { server.world }
    private var mode: WgEasyMode { server.mode }
    typealias Reply = WgEasyServer.Reply

    func answer() -> Reply {
        let path = request.path.split(separator: "/").map(String.init)
        if mode == .rawClients { return raw(path) }
        if mode.isNewest, !world.isSetUp {
            guard path.first != "api" else { return server.newError(401, "Session failed. No Authorization") }
            var reply = Reply(302, type: "text/html", "")
            reply.headers.append(("location", "/setup/1"))
            return reply
        }
        switch (request.method, path) {
        case ("GET", ["api", "session"]):
            if mode.isNewest { return isOpen ? Reply(["username": "admin"]) : server.newError(401, "Session failed. No Authorization") }
            return Reply(["requiresPassword": .bool(!server.password.isEmpty), "authenticated": .bool(isOpen)])
        case ("DELETE", ["api", "session"]) where !mode.isNewest: return success
        case ("GET", ["api", "remember-me"]) where mode == .nightly: return Reply(true)
        case ("POST", ["api", "session"]): return logIn()
        case ("GET", ["api", "release"]) where !mode.isNewest: return Reply(.int(mode == .v12 ? 12 : mode == .v13 ? 13 : 14))
        case ("GET", ["api", "information"]) where mode.isNewest: return Reply(["currentRelease": .string("\(mode.rawValue).0")])
        case ("GET", ["api", "wg-enable-expire-time"]) where mode == .nightly: return Reply(true)
        default: break
        }
        let prefix = mode.isNewest ? ["api", "client"] : ["api", "wireguard", "client"]
        guard path.starts(with: prefix) else { return unknownPath() }
        guard isOpen else {
            let isSilent = request["authorization"] == nil && request["cookie"] == nil
            let isOddScheme = mode.isNewest && request["authorization"]?.hasPrefix("Basic ") == false
            if isOddScheme { return server.newError(400, "Invalid Basic Authorization") }
            return server.credentialsRefused(isSilent ? "Not Logged In" : "Incorrect Password")
        }
        return clients(Array(path.dropFirst(prefix.count)))
    }

    private func unknownPath() -> Reply {
        if mode.isNewest { return server.newError(404, "Page not found: \(request.path)") }
        return Reply(404, ["statusCode": 404, "statusMessage": .string("Cannot find static asset \(request.path)"), "stack": []])
    }

    private var isOpen: Bool {
        if !mode.isNewest, server.password.isEmpty { return true }
        if let cookie = request["cookie"], world.hasSession(cookie) { return true }
        guard let value = request["authorization"] else { return false }
        if mode.isNewest { return value == "Basic " + base64(Array("admin:\(server.password)".utf8)) }
        return mode.takesRawHeader && value == server.password
    }

    private func logIn() -> Reply {
        guard !mode.isNewest else { return server.newError(401, "Session failed") }
        guard !server.password.isEmpty, body?["password"]?.text == server.password else {
            return mode == .v12
                ? Reply(401, ["error": "Incorrect Password", "stack": "Error: Incorrect Password"])
                : Reply(401, type: "application/json", "{\n  \"statusCode\": 401,\n  \"stack\": []\n}")
        }
        var reply = mode == .v12 ? Reply(204, type: "", "") : Reply(mode == .v13 ? ["succcess": true] : ["success": true])
        reply.headers.append(("set-cookie", "connect.sid=\(world.openSession()); Path=/; HttpOnly"))
        return reply
    }

    private var body: JSONText? {
        do { return try JSONText(reading: request.body) } catch { return nil }
    }
    private var success: Reply { mode == .v12 ? Reply(204, type: "", "") : Reply(["success": true]) }
    private var unknownClient: Reply {
        if mode.isNewest { return server.newError(404, "Client not found") }
        return server.generic(404)
    }

    private func clients(_ path: [String]) -> Reply {
        if mode.isNewest, let id = path.first, Int(id) == nil { return server.newError(400, "Validation Error") }
        switch (request.method, path.count, path.last) {
        case ("GET", 0, _): return list()
        case ("POST", 0, _): return create()
        case ("DELETE", 1, _):
            world.delete(path[0])
            return success
        case ("GET", 1, _) where mode.isNewest:
            return world.client(path[0]).map { Reply(newest($0, withKeys: true)) } ?? unknownClient
        case ("POST", 1, _) where mode.isNewest: return update(path[0])
        case ("POST", 2, "enable"):
            if fault == .expired { _ = world.change(path[0]) { ($0.expiresAt, $0.isOver) = ("2020-01-01T00:00:00.000Z", true) } }
            if mode == .v15_3, world.client(path[0])?.isOver == true { return server.newError(422, "Client is expired") }
            if isReserved(path[0]) { return server.generic(403) }
            return world.change(path[0]) { $0.isEnabled = true } || mode.isNewest ? success : unknownClient
        case ("POST", 2, "disable"):
            if isReserved(path[0]) { return server.generic(403) }
            return world.change(path[0]) { $0.isEnabled = false } || mode.isNewest ? success : unknownClient
        case ("GET", 2, "configuration"):
            guard let client = world.client(path[0]) else { return unknownClient }
            var reply = Reply(200, type: "text/plain", config(client))
            reply.headers.append(("content-disposition", "attachment; filename=\"\(client.name).conf\""))
            return reply
        case ("GET", 2, "qrcode.svg"):
            guard world.client(path[0]) != nil else { return mode.isNewest ? server.generic(500) : unknownClient }
            return Reply(200, type: "image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
        case ("PUT", 2, "name") where !mode.isNewest: return rename(path[0])
        case ("PUT", 2, "address") where !mode.isNewest: return readdress(path[0])
        case ("PUT", 2, "expireDate") where mode == .nightly:
            let end = body?["expireDate"]?.text.map(lastMoment)
            return world.change(path[0]) { $0.expiresAt = end } ? success : unknownClient
        default: return unknownPath()
        }
    }

    private func isReserved(_ id: String) -> Bool { !mode.isNewest && ["__proto__", "constructor", "prototype"].contains(id) }
    private func rename(_ id: String) -> Reply {
        guard let name = body?["name"]?.text else { return server.generic(500) }
        return world.change(id) { $0.name = name } ? success : unknownClient
    }
    /// No check for duplicates, as the real one has none.
    private func readdress(_ id: String) -> Reply {
        let parts = (body?["address"]?.text ?? "").split(separator: ".").compactMap { Int($0) }
        guard parts.count == 4, parts.allSatisfy({ (0...255).contains($0) }) else { return server.generic(400) }
        return world.change(id) { $0.host = parts[3] } ? success : unknownClient
    }

    private func create() -> Reply {
        if mode == .v13 || mode == .v14 || mode == .nightly, body == nil, request["content-type"] == "application/json" {
            return server.generic(400)
        }
        guard let name = body?["name"]?.text, !name.isEmpty else { return server.generic(mode.isNewest ? 400 : 500) }
        if mode.isNewest, body?["expiresAt"] == nil { return server.newError(400, "Validation Error") }
        guard fault != .full, let made = world.create(name, isNumbered: mode.isNewest) else { return server.generic(500) }
        if mode == .nightly, let day = body?["expiredDate"]?.text { _ = world.change(made.id) { $0.expiresAt = lastMoment(day) } }
        if mode.isNewest, let end = body?["expiresAt"]?.text { _ = world.change(made.id) { $0.expiresAt = end } }
        if fault == .twice { _ = world.create(name, isNumbered: mode.isNewest) }
        switch mode {
        case .v12: return Reply(older(made).setting("privateKey", .string(base64(made.privateKey))))
        case .v15_2, .v15_3: return Reply(["success": true, "clientId": .int(Int(made.id) ?? 0)])
        default: return Reply(["success": true])
        }
    }

    /// Replaces the whole editable set: a field that is missing is an error.
    private func update(_ id: String) -> Reply {
        let needed = [
            "name", "enabled", "expiresAt", "ipv4Address", "ipv6Address", "preUp", "postUp", "preDown", "postDown", "allowedIps",
            "serverAllowedIps", "mtu", "persistentKeepalive", "serverEndpoint", "dns",
        ]
        guard let body, needed.allSatisfy({ body[$0] != nil }) else { return server.newError(400, "Validation Error") }
        let host = (body["ipv4Address"]?.text ?? "").split(separator: ".").compactMap { Int($0) }
        return world.change(id) {
            ($0.expiresAt, $0.isOver) = (body["expiresAt"]?.text, false)
            if host.count == 4 { $0.host = host[2] * 256 + host[3] }
        } ? success : unknownClient
    }

    /// As the interim builds read a day, their clock set to UTC.
    private func lastMoment(_ day: String) -> String { day + "T23:59:59.000Z" }

    private func list() -> Reply {
        var shown = world.clients
        if fault == .hideNewest, !shown.isEmpty { shown.removeLast() }
        // Everybody has the first one's place: names must decide, and never the order.
        if fault == .lie { shown.reverse() }
        if mode.isNewest, mode != .v15_0 { shown.sort { $0.name < $1.name } }
        return Reply(.array(shown.map { mode.isNewest ? newest($0, withKeys: mode == .v15_0) : older($0) }))
    }

    private func older(_ client: WgEasyWorld.Client) -> JSONText {
        let object: JSONText = [
            "id": .string(client.id), "name": .string(client.name), "enabled": .bool(client.isEnabled),
            "address": .string("10.8.\(client.host / 256).\(client.host % 256)"), "publicKey": .string(base64(client.publicKey)),
            "createdAt": "2026-03-01T10:00:00.000Z", "updatedAt": "2026-03-01T10:00:00.000Z", "downloadableConfig": true,
            "persistentKeepalive": client.isEnabled ? .string("off") : .null, "latestHandshakeAt": nil,
            "transferRx": client.isEnabled ? .int(client.received) : .null, "transferTx": client.isEnabled ? .int(client.sent) : .null,
        ]
        guard mode == .nightly else { return object }
        return object.setting("expiredAt", client.expiresAt.map { .string($0) } ?? .null).setting("oneTimeLink", nil)
            .setting("endpoint", nil)
    }

    private func newest(_ client: WgEasyWorld.Client, withKeys: Bool) -> JSONText {
        var object: JSONText = [
            "id": .int(Int(client.id) ?? 0), "userId": 1, "interfaceId": "wg0", "name": .string(client.name),
            "ipv4Address": .string("10.8.\(client.host / 256).\(client.host % 256)"),
            "ipv6Address": .string("fdcc:ad94:bacf:61a4::cafe:\(String(client.host, radix: 16))"), "preUp": "", "postUp": "",
            "preDown": "", "postDown": "", "publicKey": .string(base64(client.publicKey)),
            "expiresAt": client.expiresAt.map { .string($0) } ?? .null, "allowedIps": nil, "serverAllowedIps": [],
            "persistentKeepalive": 0, "mtu": 1420, "dns": nil, "serverEndpoint": nil, "enabled": .bool(client.isEnabled),
            "createdAt": "2026-03-01T10:00:00.000Z", "updatedAt": "2026-03-01T10:00:00.000Z", "oneTimeLink": nil,
            "latestHandshakeAt": nil, "endpoint": nil, "transferRx": client.isEnabled ? .int(client.received) : .null,
            "transferTx": client.isEnabled ? .int(client.sent) : .null,
        ]
        if withKeys {
            object = object.setting("privateKey", .string(base64(client.privateKey)))
                .setting("preSharedKey", .string(base64(client.presharedKey)))
        }
        if mode != .v15_0 { for name in ["jC", "jMin", "jMax", "i1"] { object = object.setting(name, nil) } }
        return mode == .v15_3 ? object.setting("firewallIps", nil) : object
    }

    private func config(_ client: WgEasyWorld.Client) -> String {
        let hasOwnPrefix = mode == .v15_2 || mode == .v15_3
        var addresses = "10.8.\(client.host / 256).\(client.host % 256)/\(hasOwnPrefix ? 32 : 24)"
        if mode.isNewest { addresses += ", fdcc:ad94:bacf:61a4::cafe:\(String(client.host, radix: 16))/\(hasOwnPrefix ? 128 : 112)" }
        return """

            [Interface]
            PrivateKey = \(client.isImported ? "REPLACE_ME" : base64(client.privateKey))
            Address = \(addresses)
            DNS = 1.1.1.1

            [Peer]
            PublicKey = \(base64(world.serverKey))
            PresharedKey = \(base64(client.presharedKey))
            AllowedIPs = 0.0.0.0/0, ::/0
            PersistentKeepalive = 0
            Endpoint = vpn.example.com:51820
            """
    }

    // MARK: The dialect of the reference service's runbooks

    private func raw(_ path: [String]) -> Reply {
        guard path.first == "clients", path.count <= 2 else { return Reply(404, ["error": "not found"]) }
        guard request["authorization"] == server.password else {
            return Reply(request["authorization"]?.hasPrefix("Bearer ") == true ? 500 : 401, ["error": "unauthorized"])
        }
        func shown(_ client: WgEasyWorld.Client) -> JSONText {
            ["id": .string(client.id), "name": .string(client.name), "public_key": .string(base64(client.publicKey))]
        }
        switch (request.method, path.count) {
        case ("GET", 1): return Reply(.array(world.clients.map(shown)))
        case ("POST", 1):
            guard let name = body?["name"]?.text, fault != .full, let made = world.create(name, isNumbered: false) else {
                return Reply(500, ["error": "failed"])
            }
            return Reply(201, shown(made))
        case ("DELETE", 2):
            world.delete(path[1])
            return Reply(["success": true])
        default: return Reply(404, ["error": "not found"])
        }
    }
}
