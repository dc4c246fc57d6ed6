/// Opens one connection: name, address after address, proxy, TLS. Belongs to the call it is made for.
final class UpstreamDial: ReadinessHandler, @unchecked Sendable {
    private enum Stage { case resolving, connecting, proxying, securing, over }
    private let pool: UpstreamPool
    private let target: UpstreamTarget
    private let call: UpstreamCall
    private var stage = Stage.resolving
    private var addresses: [IPAddress] = []
    private var nextAddress = 0
    /// The target's address, for a proxy that does not resolve names.
    private var destination: IPAddress?
    private var lastFailure = UpstreamError.Reason.connect("no address")
    private var descriptor: Int32 = -1
    private var registration: Registration?
    private var addressTimer: TimerToken?
    private var proxy: ProxyHandshake?
    private var unsent: [UInt8] = []
    private var tls: TLSStream?

    init(pool: UpstreamPool, call: UpstreamCall) {
        self.pool = pool
        self.call = call
        target = call.target
    }

    func start() {
        guard let proxy = target.proxy else {
            find(target.host, target.address) { [self] found in connect(found.filter(target.permits)) }
            return
        }
        self.proxy = ProxyHandshake(proxy, to: target, destination: nil)
        let findProxy = { [self] in
            find(proxy.host, proxy.address) { [self] found in connect(found.filter(proxy.addressRule.permits)) }
        }
        guard !proxy.resolvesRemotely, target.address == nil else {
            findProxy()
            return
        }
        find(target.host, nil) { [self] found in
            guard let first = found.first(where: target.permits) else {
                fail(.refusedAddress)
                return
            }
            self.proxy = ProxyHandshake(proxy, to: target, destination: first)
            findProxy()
        }
    }

    /// Nobody wants the connection any more.
    func abandon() {
        stage = .over
        drop()
    }

    // MARK: Names

    private func find(_ host: String, _ address: IPAddress?, _ then: @escaping ([IPAddress]) -> Void) {
        if let address {
            then([address])
            return
        }
        if let known = pool.resolver.cached(host) {
            take(known, then)
            return
        }
        let step = ReactorStep { [self] answer in take(answer, then) }
        let reactor = pool.reactor
        pool.resolver.resolve(host) { answer in reactor.execute { step.run(answer) } }
    }

    private func take(_ answer: Resolver.Answer, _ then: ([IPAddress]) -> Void) {
        guard stage == .resolving else { return }
        switch answer {
        case .success(let found): then(found)
        case .failure(let fault): fail(.resolve(fault.message))
        }
    }

    /// A closure of the reactor's that travels through a resolver thread untouched.
    private final class ReactorStep: @unchecked Sendable {
        let run: (Resolver.Answer) -> Void
        init(_ run: @escaping (Resolver.Answer) -> Void) { self.run = run }
    }

    // MARK: TCP

    private func connect(_ permitted: [IPAddress]) {
        guard !permitted.isEmpty else {
            fail(.refusedAddress)
            return
        }
        addresses = Self.alternating(permitted)
        connectNext()
    }

    /// The resolver's order, but the two families by turns, so that a broken one costs one attempt (RFC 8305 section 4).
    static func alternating(_ addresses: [IPAddress]) -> [IPAddress] {
        guard let first = addresses.first else { return [] }
        let preferred = addresses.filter { $0.isIPv4 == first.isIPv4 }
        let others = addresses.filter { $0.isIPv4 != first.isIPv4 }
        var mixed: [IPAddress] = []
        for index in 0..<max(preferred.count, others.count) {
            if index < preferred.count { mixed.append(preferred[index]) }
            if index < others.count { mixed.append(others[index]) }
        }
        return mixed
    }

    private func connectNext() {
        stage = .connecting
        while nextAddress < addresses.count {
            let address = addresses[nextAddress]
            nextAddress += 1
            do throws(SystemCallError) {
                descriptor = try SystemCalls.connect(address, port: target.proxy?.port ?? target.port)
                registration = try pool.reactor.register(descriptor, .writable, self)
            } catch {
                lastFailure = .connect(error.description)
                drop()
                continue
            }
            // The last address may use what is left of the call's own deadline.
            if nextAddress < addresses.count {
                let wait = UInt64(max(1, call.deadlines.addressMilliseconds)) &* 1_000_000
                addressTimer = pool.reactor.schedule(afterNanoseconds: wait) { [self] in
                    addressTimer = nil
                    guard stage == .connecting else { return }
                    lastFailure = .connect("timed out")
                    drop()
                    connectNext()
                }
            }
            return
        }
        fail(lastFailure)
    }

    func ready(_ readiness: Readiness) {
        switch stage {
        case .connecting: connected()
        case .proxying: proxyReady(readiness)
        case .securing: secure()
        case .resolving, .over: break
        }
    }

    private func connected() {
        let code = SystemCalls.socketError(descriptor)
        guard code == 0 else {
            lastFailure = .connect(SystemCallError(call: "connect", code: code).description)
            drop()
            connectNext()
            return
        }
        cancelTimer()
        guard let proxy else {
            beginTLS()
            return
        }
        stage = .proxying
        unsent = proxy.start()
        sendToProxy()
    }

    // MARK: Proxy

    private func proxyReady(_ readiness: Readiness) {
        if !unsent.isEmpty { sendToProxy() }
        guard stage == .proxying, !readiness.isDisjoint(with: [.readable, .failed, .closed]) else { return }
        let count = unsafe SystemCalls.receive(descriptor, into: pool.reactor.readBuffer)
        if count == SystemCalls.wouldBlock { return }
        guard count > 0 else {
            fail(.proxy("the proxy closed the connection"))
            return
        }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: pool.reactor.readBuffer[..<count]).bindMemory(to: UInt8.self)
        guard let step = proxy?.receive(unsafe Span(_unsafeElements: bytes)) else { return }
        switch step {
        case .send(let bytes):
            unsent += bytes
            sendToProxy()
        case .needsMore: break
        case .done: beginTLS()
        case .failed(let text): fail(.proxy(text))
        }
    }

    private func sendToProxy() {
        let bytes = unsent
        let count = SystemCalls.send(descriptor, bytes.span)
        if count < 0, count != SystemCalls.wouldBlock {
            fail(.proxy("the proxy closed the connection"))
            return
        }
        if count > 0 { unsent.removeFirst(count) }
        setInterest(unsent.isEmpty ? .readable : [.readable, .writable])
    }

    // MARK: TLS

    private func beginTLS() {
        guard target.scheme == .https else {
            succeed()
            return
        }
        stage = .securing
        call.arm(call.deadlines.tlsMilliseconds, .tlsTimeout)
        do throws(TLSError) {
            let context = try pool.trust.context(target.certificateAuthorityFile)
            tls = try TLSStream(client: context, host: target.host, port: target.port, descriptor: descriptor)
        } catch {
            fail(.tls(error))
            return
        }
        secure()
    }

    private func secure() {
        guard let tls else { return }
        switch tls.handshake() {
        case .done:
            if tls.wasResumed { pool.counters.tlsResumed.add(1) }
            succeed()
        case .wantsRead: setInterest(.readable)
        case .wantsWrite: setInterest(.writable)
        case .failed(let error): fail(.tls(error))
        case .ended: fail(.tls(.handshake("closed")))
        }
    }

    // MARK: Ends

    private func setInterest(_ interest: Readiness) {
        if let registration { pool.reactor.setInterest(registration, interest) }
    }

    private func succeed() {
        stage = .over
        let (connected, stream) = (descriptor, tls)
        if let registration { pool.reactor.deregister(registration) }
        (registration, tls, descriptor) = (nil, nil, -1)
        cancelTimer()
        pool.opened(connected, stream, for: call)
    }

    private func fail(_ reason: UpstreamError.Reason) {
        guard stage != .over else { return }
        stage = .over
        drop()
        pool.counters.openFailures.add(1)
        call.dialFailed(reason)
    }

    private func drop() {
        cancelTimer()
        if let registration { pool.reactor.deregister(registration) }
        registration = nil
        tls = nil
        if descriptor >= 0 { SystemCalls.close(descriptor) }
        descriptor = -1
    }

    private func cancelTimer() {
        if let addressTimer { pool.reactor.cancel(addressTimer) }
        addressTimer = nil
    }

    deinit { if descriptor >= 0 { SystemCalls.close(descriptor) } }
}
