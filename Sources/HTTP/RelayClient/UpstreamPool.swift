/// The connections of one reactor to all upstreams. Touched only on that reactor, except `init`.
public final class UpstreamPool: @unchecked Sendable {
    public let reactor: Reactor
    public let limits: UpstreamLimits
    public let counters = UpstreamCounters()
    let resolver: Resolver
    let trust: UpstreamTrust
    private var places: [UpstreamTarget: TargetConnections] = [:]
    /// The one asked for last: mostly the next call goes there too.
    private var lastPlace: TargetConnections?
    private var sweep: TimerToken?
    private var joined: [UInt8] = []
    /// Between looks for connections that were kept too long.
    private static let sweepSeconds = 5
    /// A kept connection younger than this is not asked whether it is still open: epoll would have told.
    private static let trustedNanoseconds: UInt64 = 1_000_000_000

    public init(reactor: Reactor, resolver: Resolver, trust: UpstreamTrust, limits: UpstreamLimits = UpstreamLimits()) {
        self.reactor = reactor
        self.resolver = resolver
        self.trust = trust
        self.limits = limits
    }

    /// Sends the request and answers when the response head is there. Cancelling the task cancels the call.
    public func send(_ call: UpstreamCall) async throws(UpstreamError) -> UpstreamResponse {
        reactor.assertCurrent()
        counters.requests.add(1)
        if call.begin(in: self) { findConnection(call) }
        return UpstreamResponse(head: try await call.answered(), call: call, reactor: reactor)
    }
    /// As `send`, with nobody who waits.
    public func send(_ call: UpstreamCall, telling watcher: any ResponseWatcher) {
        reactor.assertCurrent()
        counters.requests.add(1)
        call.tell(watcher)
        if call.begin(in: self) { findConnection(call) }
    }
    public func send(
        _ request: UpstreamRequest, to target: UpstreamTarget, deadlines: UpstreamDeadlines = UpstreamDeadlines()
    ) async throws(UpstreamError) -> UpstreamResponse {
        try await send(UpstreamCall(request, to: target, deadlines: deadlines))
    }

    /// Head and body in one piece, in memory that is used again and again.
    func withJoined<Result>(_ head: [UInt8], _ body: [UInt8], _ use: (Span<UInt8>) -> Result) -> Result {
        joined.removeAll(keepingCapacity: true)
        joined += head
        joined += body
        let whole = joined
        return use(whole.span)
    }

    /// Closes kept connections, for all targets or one (its account was removed).
    public func closeIdle(_ target: UpstreamTarget? = nil) {
        reactor.assertCurrent()
        for place in Array(places.values) where target == nil || place.target == target {
            for connection in place.idle { connection.close() }
        }
    }
    /// Kept without a request, to that target.
    public func idleCount(_ target: UpstreamTarget) -> Int { places[target]?.idle.count ?? 0 }

    // MARK: A connection for a call

    private func findConnection(_ call: UpstreamCall) {
        let place = place(call.target)
        while let connection = place.idle.popLast() {
            if reactor.nowNanoseconds &- connection.idleSinceNanoseconds > Self.trustedNanoseconds, connection.isStale {
                connection.close()
                continue
            }
            counters.reused.add(1)
            call.use(connection)
            return
        }
        openOrWait(call, place)
    }

    private func openOrWait(_ call: UpstreamCall, _ place: TargetConnections) {
        if place.openCount < limits.connectionsPerTarget {
            open(call, place)
        } else if place.waiters.count < limits.waitersPerTarget {
            place.waiters.append(call)
            call.waitForPlace()
        } else {
            call.fail(.busy)
            tidy(place)
        }
    }

    private func open(_ call: UpstreamCall, _ place: TargetConnections) {
        place.openCount += 1
        call.useDial(UpstreamDial(pool: self, call: call))
    }

    /// Once more, and not on a kept connection: others may have gone the same way.
    func retry(_ call: UpstreamCall) { openOrWait(call, place(call.target)) }

    private func place(_ target: UpstreamTarget) -> TargetConnections {
        if let lastPlace, lastPlace.target === target { return lastPlace }
        let found = places[target] ?? TargetConnections(target)
        places[target] = found
        lastPlace = found
        return found
    }

    // MARK: Told by dials, connections and calls

    func opened(_ descriptor: Int32, _ tls: TLSStream?, for call: UpstreamCall) {
        let place = place(call.target)
        do throws(SystemCallError) {
            let connection = try UpstreamConnection(descriptor, tls, pool: self, place: place)
            counters.opened.add(1)
            counters.connections.add(1)
            call.use(connection)
        } catch {
            call.dialFailed(.connect(error.description))
        }
    }

    /// A dial that gave no connection.
    func dialEnded(_ call: UpstreamCall) { placeFreed(place(call.target)) }

    /// A connection whose message is over and that can take another.
    func release(_ connection: UpstreamConnection) {
        let place = connection.place
        if let waiter = place.nextWaiter() {
            counters.reused.add(1)
            waiter.use(connection)
            return
        }
        guard place.idle.count < limits.idlePerTarget, limits.idleSeconds > 0 else {
            connection.close()
            return
        }
        connection.idleSinceNanoseconds = reactor.nowNanoseconds
        place.idle.append(connection)
        if sweep == nil { scheduleSweep() }
    }

    func closed(_ connection: UpstreamConnection) {
        counters.connections.add(-1)
        let place = connection.place
        if let index = place.idle.lastIndex(where: { $0 === connection }) { place.idle.remove(at: index) }
        placeFreed(place)
    }

    /// A call that ended for whatever reason waits no more.
    func forget(_ call: UpstreamCall) {
        guard let place = places[call.target], !place.waiters.isEmpty else { return }
        place.waiters.removeAll { $0 === call }
        tidy(place)
    }

    private func placeFreed(_ place: TargetConnections) {
        place.openCount -= 1
        if let waiter = place.nextWaiter() { open(waiter, place) } else { tidy(place) }
    }
    private func tidy(_ place: TargetConnections) {
        if place.openCount == 0, place.waiters.isEmpty, places[place.target] === place {
            places[place.target] = nil
            if lastPlace === place { lastPlace = nil }
        }
    }

    // MARK: Kept too long

    private func scheduleSweep() {
        sweep = reactor.schedule(afterNanoseconds: UInt64(Self.sweepSeconds) * 1_000_000_000) { [weak self] in self?.closeOld() }
    }
    private func closeOld() {
        sweep = nil
        let limit = UInt64(max(0, limits.idleSeconds)) &* 1_000_000_000
        for place in Array(places.values) {
            // Given back last, taken first: the oldest are in front.
            for connection in place.idle where reactor.nowNanoseconds &- connection.idleSinceNanoseconds >= limit { connection.close() }
        }
        if places.values.contains(where: { !$0.idle.isEmpty }) { scheduleSweep() }
    }
}

/// What a pool has to one target.
final class TargetConnections {
    let target: UpstreamTarget
    /// The one used last is at the end and used next.
    var idle: [UpstreamConnection] = []
    /// Open or being opened, kept ones included.
    var openCount = 0
    /// First come, first served.
    var waiters: [UpstreamCall] = []

    init(_ target: UpstreamTarget) { self.target = target }

    func nextWaiter() -> UpstreamCall? { waiters.isEmpty ? nil : waiters.removeFirst() }
}

/// What a pool has done since it started; read by metrics from any thread.
public struct UpstreamCounters: Sendable {
    /// Open now, kept ones included.
    public let connections = ReactorCounter()
    public let opened = ReactorCounter()
    public let openFailures = ReactorCounter()
    public let requests = ReactorCounter()
    public let reused = ReactorCounter()
    /// Requests sent again because a kept connection had closed.
    public let retried = ReactorCounter()
    public let cancelled = ReactorCounter()
    public let timeouts = ReactorCounter()
    public let bytesReceived = ReactorCounter()
    public let bytesSent = ReactorCounter()
    public let tlsResumed = ReactorCounter()
}
