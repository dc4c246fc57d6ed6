internal import Domain
internal import HTTP
internal import Synchronization

/// The breaker of one way to an upstream: a host through a proxy, or straight. A connection that cannot be made is nobody's account's
/// fault, so every account of that route waits, and no other.
final class Route: Sendable {
    private struct Fuse: Sendable {
        var until = Timestamp(milliseconds: 0)
        var failures = 0
        /// One request is finding out.
        var isProbed = false
    }
    private let fuse = Mutex(Fuse())
    /// Whether the lock has to be asked at all.
    private let isClosed = Atomic<Bool>(true)

    private static let firstSeconds: Int64 = 10
    private static let longestSeconds: Int64 = 300

    /// Nil when the route may be used now, else until when not.
    func blockedUntil(_ now: Timestamp) -> Timestamp? {
        if isClosed.load(ordering: .relaxed) { return nil }
        return fuse.withLock { fuse in
            if fuse.until > now { return fuse.until }
            return fuse.isProbed ? now.adding(seconds: 1) : nil
        }
    }
    /// The one request that tries after a pause; others wait for what comes of it.
    func begin(_ now: Timestamp) {
        if isClosed.load(ordering: .relaxed) { return }
        fuse.withLock { if $0.until <= now { $0.isProbed = true } }
    }
    func failed(_ now: Timestamp) {
        fuse.withLock { fuse in
            // Requests that were under way together count once.
            guard fuse.until <= now else { return }
            let seconds = min(Self.longestSeconds, Self.firstSeconds << min(fuse.failures, 5))
            fuse = Fuse(until: now.adding(seconds: seconds), failures: fuse.failures + 1)
            isClosed.store(false, ordering: .relaxed)
        }
    }
    /// A connection stood: whatever was answered on it is another matter.
    func succeeded() {
        if isClosed.load(ordering: .relaxed) { return }
        fuse.withLock { $0 = Fuse() }
        isClosed.store(true, ordering: .relaxed)
    }
    /// The attempt ended without telling anything of the route.
    func ended() {
        if isClosed.load(ordering: .relaxed) { return }
        fuse.withLock { $0.isProbed = false }
    }
}

/// What makes two accounts share a route.
struct RouteName: Hashable, Sendable {
    let host: String
    let port: UInt16
    let proxy: UpstreamProxy?

    init(_ target: UpstreamTarget) { (host, port, proxy) = (target.host, target.port, target.proxy) }
}
