/// The control port of a fake controller: what it was asked, what it really holds, and what shall befall it.
public final class WgEasyControl: Sendable {
    public let port: UInt16
    private let server: WgEasyServer
    private let doors: Doors

    public init(_ server: WgEasyServer) throws(WgEasyServer.Failure) {
        self.server = server
        do throws(SocketFailure) { doors = try Doors(port: 0) } catch { throw WgEasyServer.Failure(description: error.description) }
        port = doors.port
        doors.open { [self] descriptor in serve(Wire(descriptor: descriptor)) }
    }

    private func serve(_ wire: Wire) {
        var reader = RequestReader(wire)
        while let request = reader.next() {
            guard WgEasyServer.send(answer(request), wire), !request.wantsClose else { break }
        }
        wire.close()
    }

    /// `GET /calls`, `GET /clients`, `GET /secrets`; `POST /faults` with fault, method, path, times; `DELETE /faults`; `POST /restart`;
    /// `POST /counters` with name, received, sent; `POST /add` with name; `POST /expire` with now.
    private func answer(_ request: WireRequest) -> WgEasyServer.Reply {
        let body = try? JSONText(reading: request.body)
        switch (request.method, request.path) {
        case ("GET", "/calls"): return .init(.array(server.seen.map { .string($0) }))
        case ("GET", "/clients"):
            return .init(
                .array(
                    server.world.clients.map { client in
                        [
                            "id": .string(client.id), "name": .string(client.name), "enabled": .bool(client.isEnabled),
                            "publicKey": .string(base64(client.publicKey)), "expiresAt": client.expiresAt.map { .string($0) } ?? .null,
                        ]
                    }))
        case ("GET", "/secrets"): return .init(.array(server.secrets.map { .string($0) }))
        case ("POST", "/faults"):
            guard let fault = body?["fault"]?.text.flatMap(WgEasyFault.init), let path = body?["path"]?.text else {
                return .init(400, ["error": "fault and path"])
            }
            server.befall(fault, body?["method"]?.text ?? "GET", path, times: body?["times"]?.integer ?? 1)
        case ("DELETE", "/faults"): server.world.noFault()
        case ("POST", "/restart"): server.loseSessions()
        case ("POST", "/counters"):
            guard let name = body?["name"]?.text else { return .init(400, ["error": "name"]) }
            server.count(name, received: body?["received"]?.integer ?? 0, sent: body?["sent"]?.integer ?? 0)
        case ("POST", "/add"): server.add(body?["name"]?.text ?? "")
        case ("POST", "/expire"): server.closeExpired(at: body?["now"]?.text ?? "")
        default: return .init(404, ["error": "unknown"])
        }
        return .init(["ok": true])
    }
}
