/// The fake upstream: give it a port and certificates, then point an account's base URL at it.
public final class FakeServer: Sendable {
    public struct Options: Sendable {
        /// 0 takes a free one.
        public var port: UInt16 = 0
        public var seed = 1
        public var certificateFile: String?
        public var keyFile: String?
        /// Each finished request is appended there as a line of JSON.
        public var recordFile: String?
        public init() {}
    }
    public struct Failure: Error, CustomStringConvertible { public let description: String }

    public let port: UInt16
    /// Always plain HTTP, and open while the main port refuses.
    public let controlPort: UInt16
    private let world: World
    private let doors: Doors
    private let controlDoors: Doors
    private let control: Control
    private let tls: TLSServer?
    private let recording: Recording?

    /// Listens, and serves until the process ends or `close` is called.
    public init(_ options: Options) throws(Failure) {
        do throws(SocketFailure) {
            ignoreBrokenPipes()
            world = World(seed: options.seed)
            doors = try Doors(port: options.port)
            controlDoors = try Doors(port: 0)
            control = Control(world: world, doors: doors)
            if let certificate = options.certificateFile, let key = options.keyFile {
                tls = try TLSServer(certificateFile: certificate, keyFile: key)
            } else {
                tls = nil
            }
            recording = try options.recordFile.map { path throws(SocketFailure) in try Recording(path) }
        } catch { throw Failure(description: error.description) }
        port = doors.port
        controlPort = controlDoors.port
        doors.open { [self] descriptor in accept(descriptor) }
        controlDoors.open { [self] descriptor in serve(Wire(descriptor: descriptor)) }
    }

    /// Stops listening; connections under way end by themselves.
    public func close() throws(Failure) {
        do throws(SocketFailure) {
            try doors.setRefusing(true)
            try controlDoors.setRefusing(true)
        } catch { throw Failure(description: error.description) }
    }

    private func accept(_ descriptor: Int32) {
        switch doors.nextSpoiling() {
        case .reset: return Wire.reset(descriptor)
        case .failHandshake: return Wire.sendGarbage(descriptor)
        case .none: break
        }
        guard let tls else { return serve(Wire(descriptor: descriptor)) }
        guard let connection = tls.accept(descriptor) else { return Wire(descriptor: descriptor).close() }
        serve(Wire(descriptor: descriptor, tls: connection))
    }

    private func serve(_ wire: Wire) {
        var reader = RequestReader(wire)
        while let request = reader.next() {
            if request.path.hasPrefix("/__fake/") {
                let (status, body) = control.answer(request)
                let bytes = body.bytes
                let delivery = Delivery(wire, framing: .length, conduct: Conduct())
                let isSent =
                    delivery.head(status, [("content-type", "application/json"), ("content-length", String(bytes.count))])
                    && wire.write(bytes[...])
                if !isSent || request.wantsClose { break }
            } else if !handle(request, wire) {
                break
            }
        }
        wire.close()
    }

    /// Between the steps of one `x-fake`.
    private static let nextTry = " then "

    /// true when the connection may carry another request.
    private func handle(_ request: WireRequest, _ wire: Wire) -> Bool {
        let credential = Inspection.credential(request)
        let digest = sha256Hex(request.body)
        var violations = Inspection.violations(request)
        let isRefresh = request.path == "/oauth/token" || request.path == "/v1/oauth/token"
        let queue = isRefresh ? Exchange.tokenFields(request.body)["refresh_token"] ?? "" : credential
        var step = request["x-fake"].map { own in
            let steps = own.split(separator: Self.nextTry).map(String.init)
            let text = steps.isEmpty ? "" : steps[min(world.arrival(digest), steps.count - 1)]
            return World.Step(text: text, bodyDigest: request["x-fake-body-sha256"])
        }
        if step == nil, isRefresh || request.method == "POST" || world.hasScript(queue) { step = world.nextStep(queue) }
        let conduct: Conduct
        do { conduct = try Conduct(step?.text ?? "ok") } catch {
            violations.append("unknown step \(error.text)")
            conduct = Conduct()
        }
        if let wanted = step?.bodyDigest, wanted != digest { violations.append("body differs from what was announced") }
        let order = world.begin(request, credential: credential, digest: digest, violations: violations)
        world.update(order) { $0.step = step?.text ?? "" }
        let exchange = Exchange(
            wire: wire, world: world, request: request, order: order, credential: credential, digest: digest, conduct: conduct)
        let isComplete = answer(exchange)
        if let record = world.finish(order, isClosedEarly: !isComplete) { recording?.append(record.json(showsBody: false)) }
        let isReusable = !request.isUnframed && !request.wantsClose && conduct.cut == nil && !conduct.isCloseDelimited
        return isComplete && isReusable && !conduct.isRefusedConnection
    }

    private func answer(_ exchange: Exchange) -> Bool {
        let (request, conduct) = (exchange.request, exchange.conduct)
        if request.isUnframed { return exchange.fail(400, "malformed HTTP") }
        if conduct.isRefusedConnection {
            exchange.wire.reset()
            return true
        }
        if conduct.hangBeforeHeadersMilliseconds > 0,
            exchange.wire.waitForLeaving(milliseconds: conduct.hangBeforeHeadersMilliseconds)
        {
            return false
        }
        if let refusal = conduct.refusal { return exchange.refuse(refusal) }
        if request.path.hasSuffix("/oauth/token") { return exchange.refreshToken() }
        if request.headers.contains(where: { $0.value.contains(Inspection.customerKeyPrefix) }) {
            return exchange.fail(400, "a customer key reached the upstream")
        }
        if exchange.credential.isEmpty { return exchange.fail(401, "x-api-key header is required") }
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch (request.method, path) {
        case ("POST", ["v1", "messages"]):
            if request["anthropic-version"] == nil { return exchange.fail(400, "anthropic-version: header is required") }
            return exchange.answerMessage()
        case ("POST", ["v1", "messages", "count_tokens"]): return exchange.countTokens()
        case ("GET", ["v1", "models"]): return exchange.listModels()
        case ("GET", let parts) where parts.count == 3 && parts[0] == "v1" && parts[1] == "models": return exchange.showModel(parts[2])
        case (_, let parts) where parts.starts(with: ["v1", "messages", "batches"]): return exchange.batches(Array(parts.dropFirst(3)))
        default: return exchange.fail(404, "Not found")
        }
    }
}
