internal import Domain
internal import HTTP
internal import Relay
internal import Synchronization
internal import Telemetry

/// What happens when an exchange is over: one access line, a few counters. Runs on the exchange's reactor.
final class HTTPHooks: Sendable {
    private let log: Log
    private let metrics: Metrics
    private let received: Counter
    private let sent: Counter
    /// One kind of exchange: where it is counted, and what its access lines say of it.
    private final class Kind: Sendable {
        let requests: Counter
        let duration: Histogram
        let access: AccessKind
        init(_ name: Name, _ metrics: Metrics) {
            let method = name.method?.rawValue ?? "-"
            requests = metrics.counter(.httpRequests, name.route, method, String(name.status))
            duration = metrics.histogram(.httpDuration, name.route)
            access = AccessKind(method: method, route: name.route, status: name.status)
        }
    }
    private struct Name: Hashable, Sendable {
        let route: String
        let method: Method?
        let status: Int
    }
    /// By name, so that a request looks up one small dictionary instead of the registry.
    private struct Known: Sendable {
        var kinds: [Name: Kind] = [:]
        /// The one before: mostly the next is of the same kind.
        var last: (name: Name, kind: Kind)?
    }
    private let known = Mutex(Known())

    init(log: Log, metrics: Metrics) {
        self.log = log
        self.metrics = metrics
        received = metrics.counter(.httpBytesReceived)
        sent = metrics.counter(.httpBytesSent)
    }

    /// The engine's own refusals; who asks with an address that is too long learns of the ways that take more.
    static let refused: ErrorResponder = { problem in
        var problem = problem
        if problem.status == 431, problem.path == Relay.chatStreamPath { problem.message = Relay.chatStreamTooLong }
        return Router.errorResponder(problem)
    }

    func finished(_ summary: ExchangeSummary) {
        let kind = kind(Name(route: summary.routeTemplate ?? "-", method: summary.method, status: summary.status))
        kind.requests.add()
        kind.duration.observe(summary.durationNanoseconds)
        received.add(UInt64(clamping: summary.bytesReceived))
        sent.add(UInt64(clamping: summary.bytesSent))
        log.access(
            AccessLine(
                time: summary.endedAt, request: summary.id, kind: kind.access, bytesReceived: summary.bytesReceived,
                bytesSent: summary.bytesSent, durationMicroseconds: summary.durationNanoseconds / 1000,
                remoteAddress: summary.remoteAddress.description, clientGone: summary.clientGone))
    }

    private func kind(_ name: Name) -> Kind {
        known.withLock { known in
            if let last = known.last, last.name == name { return last.kind }
            // Routes, methods and statuses are few and ours, so this cannot grow without end.
            let kind = known.kinds[name] ?? Kind(name, metrics)
            known.kinds[name] = kind
            known.last = (name, kind)
            return kind
        }
    }
}
