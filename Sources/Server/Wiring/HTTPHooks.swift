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
    /// Instruments by route, so that a request looks up one small dictionary instead of the registry.
    private struct Known: Sendable {
        struct Kind: Hashable, Sendable {
            let route: String
            let method: String
            let status: Int
        }
        var instruments: [Kind: (requests: Counter, duration: Histogram)] = [:]
        /// The one before: mostly the next is of the same kind.
        var last: (kind: Kind, requests: Counter, duration: Histogram)?
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
        let route = summary.routeTemplate ?? "-"
        let method = summary.method?.rawValue ?? "-"
        let (requests, duration) = instruments(route, method, summary.status)
        requests.add()
        duration.observe(summary.durationNanoseconds)
        received.add(UInt64(clamping: summary.bytesReceived))
        sent.add(UInt64(clamping: summary.bytesSent))
        log.access(
            AccessLine(
                time: summary.endedAt, request: summary.id, method: method, route: route, status: summary.status,
                bytesReceived: summary.bytesReceived,
                bytesSent: summary.bytesSent, durationMicroseconds: summary.durationNanoseconds / 1000,
                remoteAddress: summary.remoteAddress.description, clientGone: summary.clientGone))
    }

    private func instruments(_ route: String, _ method: String, _ status: Int) -> (Counter, Histogram) {
        let kind = Known.Kind(route: route, method: method, status: status)
        return known.withLock { known in
            if let last = known.last, last.kind == kind { return (last.requests, last.duration) }
            if let found = known.instruments[kind] {
                known.last = (kind, found.requests, found.duration)
                return found
            }
            let made = (metrics.counter(.httpRequests, route, method, String(status)), metrics.histogram(.httpDuration, route))
            // Routes, methods and statuses are few and ours, so this cannot grow without end.
            known.instruments[kind] = made
            return made
        }
    }
}
