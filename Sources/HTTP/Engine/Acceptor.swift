internal import Synchronization

/// What all reactors of one server share.
final class ServerShared: Sendable {
    let configuration: ServerConfiguration
    let handler: any ExchangeHandler
    let hooks: Server.Hooks
    let connectionLimit: Int
    /// Never more than half of all, so that nobody alone takes every place; 0 is off.
    let addressLimit: Int
    let keptBytes = Atomic<Int>(0)
    /// The part of them that is output.
    private let keptOutputBytes = Atomic<Int>(0)
    let connectionCount = Atomic<Int>(0)
    let tls: Mutex<TLSServerContext?>
    private let perAddress = Mutex<[IPAddress: Int]>([:])
    /// Woken when the last connection has closed.
    let drainWaiter = Mutex<CheckedContinuation<Void, Never>?>(nil)

    init(_ configuration: ServerConfiguration, handler: any ExchangeHandler, hooks: Server.Hooks) throws(TLSError) {
        self.configuration = configuration
        self.handler = handler
        self.hooks = hooks
        tls = Mutex(try configuration.tls.map { files throws(TLSError) in try TLSServerContext(files) })
        SystemCalls.raiseDescriptorLimit()
        // A relayed request needs a descriptor on each side, and files, databases and the listeners need theirs.
        connectionLimit = max(1, configuration.limits.connections ?? (SystemCalls.descriptorLimit - Self.reservedDescriptors) / 2)
        addressLimit = min(configuration.limits.connectionsPerAddress, max(1, connectionLimit / 2))
    }
    static let reservedDescriptors = 128

    func keep(_ bytes: Int) { keptBytes.add(bytes, ordering: .relaxed) }
    func keepOutput(_ bytes: Int) { keptOutputBytes.add(bytes, ordering: .relaxed) }
    /// Replies that wait for their clients may have half of the budget, so that they alone never stop new connections.
    func hasRoom(forReply bytes: Int) -> Bool {
        !isOverBudget() && keptOutputBytes.load(ordering: .relaxed) + bytes <= configuration.limits.memoryBudgetBytes / 2
    }
    func isOverBudget() -> Bool { keptBytes.load(ordering: .relaxed) > configuration.limits.memoryBudgetBytes }

    func isTrusted(_ address: IPAddress) -> Bool { configuration.trustedProxies.contains { $0.contains(address) } }

    /// Whoever has an IPv6 address has all of its /64.
    static func neighbourhood(of address: IPAddress) -> IPAddress {
        address.isIPv4 ? address : IPAddress(high: address.high, low: 0)
    }
    /// false when the address has as many as it may.
    func enter(_ address: IPAddress) -> Bool {
        guard addressLimit > 0 else { return true }
        let place = Self.neighbourhood(of: address)
        return perAddress.withLock { counts in
            let count = counts[place, default: 0]
            if count >= addressLimit { return false }
            counts[place] = count + 1
            return true
        }
    }
    func leave(_ address: IPAddress) {
        guard addressLimit > 0 else { return }
        let place = Self.neighbourhood(of: address)
        perAddress.withLock { counts in
            let count = counts[place, default: 1] - 1
            counts[place] = count > 0 ? count : nil
        }
    }
    func wakeDrain() {
        let waiter = drainWaiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume()
    }
}

/// The listener of one reactor, its connections, and storage that they lend each other.
final class Acceptor: ReadinessHandler, @unchecked Sendable {
    /// Connections taken in one event, so that a rush does not hold up those that are open.
    static let acceptsPerEvent = 64
    static let pauseNanoseconds: UInt64 = 100_000_000
    static let spareLimit = 64

    let reactor: Reactor
    let shared: ServerShared
    private(set) var isDraining = false
    private var listener: Int32
    private var registration: Registration?
    private var isPaused = false
    private var connections: [Int32: ServerConnection] = [:]
    private var spareHeads: [RequestHead] = []
    private var spareBuffers: [[UInt8]] = []

    init(reactor: Reactor, shared: ServerShared, listener: Int32) {
        self.reactor = reactor
        self.shared = shared
        self.listener = listener
    }

    func open() throws(SystemCallError) { registration = try reactor.register(listener, .readable, self) }

    func ready(_ readiness: Readiness) {
        var accepted = 0
        while accepted < Self.acceptsPerEvent, let registration {
            if shared.connectionCount.load(ordering: .relaxed) >= shared.connectionLimit || shared.isOverBudget() {
                pause(registration)
                return
            }
            let (descriptor, address, _) = SystemCalls.accept(listener)
            if descriptor < 0 {
                if SystemCalls.outOfDescriptors.contains(descriptor) { pause(registration) }
                return  // nothing waits, or a connection that ended before it was taken
            }
            accepted += 1
            take(descriptor, address)
        }
    }

    private func take(_ descriptor: Int32, _ address: IPAddress) {
        let isTrusted = shared.isTrusted(address)
        guard isTrusted || shared.enter(address) else {
            reactor.counters.refusedPerAddress.add(1)
            SystemCalls.close(descriptor)
            return
        }
        var tls: TLSStream?
        if let context = shared.tls.withLock({ $0 }) {
            do { tls = try TLSStream(server: context, descriptor: descriptor) } catch {
                reactor.counters.tlsHandshakeFailures.add(1)
                SystemCalls.close(descriptor)
                if !isTrusted { shared.leave(address) }
                return
            }
        }
        let connection = ServerConnection(self, descriptor: descriptor, peer: address, peerIsTrusted: isTrusted, tls: tls)
        guard connection.open() else {
            if !isTrusted { shared.leave(address) }
            return
        }
        connections[descriptor] = connection
        shared.connectionCount.add(1, ordering: .relaxed)
        reactor.counters.accepted.add(1)
        reactor.counters.connections.add(1)
    }

    /// Those that wait stay in the backlog until a connection closes or a moment has passed.
    private func pause(_ registration: Registration) {
        guard !isPaused else { return }
        isPaused = true
        reactor.counters.acceptPauses.add(1)
        reactor.setInterest(registration, [])
        _ = reactor.schedule(afterNanoseconds: Self.pauseNanoseconds) { [weak self] in self?.resume() }
    }
    private func resume() {
        guard isPaused, let registration else { return }
        isPaused = false
        reactor.setInterest(registration, .readable)
    }

    func closed(_ connection: ServerConnection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        if !connection.peerIsTrusted { shared.leave(connection.peer) }
        reactor.counters.connections.add(-1)
        let (_, left) = shared.connectionCount.subtract(1, ordering: .relaxed)
        if left == 0, isDraining { shared.wakeDrain() }
        resume()
    }

    // MARK: Drain

    /// Takes what already waits in the backlog (those clients believe they are connected), then stops listening.
    func drain() {
        guard !isDraining else { return }
        ready(.readable)
        isDraining = true
        if let registration { reactor.deregister(registration) }
        registration = nil
        SystemCalls.close(listener)
        for connection in Array(connections.values) { connection.drain() }
    }
    /// Answers how many were cut.
    func cut() -> Int {
        let open = Array(connections.values)
        for connection in open {
            connection.exchange?.markCut()
            connection.close(resetting: true)
        }
        return open.count
    }

    // MARK: Spare storage

    func spareHead() -> RequestHead {
        guard var spare = spareHeads.popLast() else { return RequestHead() }
        // Somebody may have kept it for longer than its exchange.
        return isKnownUniquelyReferenced(&spare) ? spare : RequestHead()
    }
    func giveBack(_ head: RequestHead) {
        if spareHeads.count < Self.spareLimit { spareHeads.append(head) }
    }
    func spareBuffer() -> [UInt8] {
        if var spare = spareBuffers.popLast() {
            // Emptied here and not when it came: by now nobody else has it, so its storage stays.
            spare.removeAll(keepingCapacity: true)
            return spare
        }
        var made: [UInt8] = []
        made.reserveCapacity(1024)
        return made
    }
    func giveBack(_ buffer: [UInt8]) {
        guard spareBuffers.count < Self.spareLimit, buffer.capacity <= 2 * ServerConnection.collectedBytes else { return }
        spareBuffers.append(buffer)
    }
}
