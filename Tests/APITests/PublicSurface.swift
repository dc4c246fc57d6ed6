import API
import Domain
import Foundation
import HTTP
import Secrets
import Telemetry
import TestKit

/// The public endpoints on a clock that stands still.
struct PublicSurface {
    var clock = TestClock()
    var isReady = true
    var storeFails = false
    var requiresToken = false
    static let token = "metrics-token-for-tests"
    static let info = OpenAPIDocument.Info(
        title: "Gatehouse", version: "1.0.0", description: "Sell, provision, meter and bill access services.",
        sessionCookie: "__Host-gatehouse_session")
    private struct Broken: Error {}

    var router: Router {
        let (ready, fails) = (isReady, storeFails)
        let metrics = Metrics()
        metrics.counter(.ledgerEntries).add()
        let monitor = HealthMonitor(
            [HealthProbe("sqlite", "redis") { if fails { throw Broken() } }, HealthProbe("journal") {}], ambient: clock.ambient)
        let health = Health(
            version: "1.0.0", startedAt: clock.ambient.now().adding(seconds: -60), ambient: clock.ambient, monitor: monitor,
            isReady: { ready })
        let endpoints =
            health.endpoints + Probes.endpoints(version: "1.0.0")
            + MetricsEndpoint(metrics, token: SecretBytes(Array(Self.token.utf8)), requiresToken: requiresToken).endpoints
        let problems = Problems(log: .silent)
        return Router(
            OpenAPIEndpoint.added(to: endpoints, info: Self.info), options: RouterOptions { problems.describe($0, $1) })
    }

    static func request(_ method: HTTP.Method, _ path: String, headers: Headers = [:], remoteAddress: String = "127.0.0.1") -> Request {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return Request(
            id: RequestID(high: 1, low: 2), method: method, path: parts[0], query: parts.count == 2 ? parts[1] : "", headers: headers,
            remoteAddress: remoteAddress)
    }
    static let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden")
}

extension Response {
    var json: JSON { (try? JSON(parsing: body)) ?? .null }
    var text: String { String(decoding: body, as: UTF8.self) }
}
