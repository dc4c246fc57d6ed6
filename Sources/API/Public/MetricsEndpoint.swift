internal import Domain
public import HTTP
public import Secrets
public import Telemetry

/// `/metrics`: Prometheus text, or JSON for who asks for it. Open to the machine itself unless a token is demanded, and to whoever
/// holds the token. A request that was forwarded is not the machine's own, whatever address it has.
public struct MetricsEndpoint: Sendable {
    private let metrics: Metrics
    private let token: SecretBytes?
    private let requiresToken: Bool

    /// - Parameters:
    ///   - token: nil lets nobody in by token.
    ///   - requiresToken: production; loopback alone is not enough.
    public init(_ metrics: Metrics, token: SecretBytes?, requiresToken: Bool) {
        self.metrics = metrics
        self.token = token
        self.requiresToken = requiresToken
    }

    public var endpoints: [MountedEndpoint] {
        [
            endpoint.mounted { request in
                guard allows(request) else { throw Problem(.unauthorized) }
                return PublicContext()
            }
        ]
    }

    private func allows(_ request: Request) -> Bool {
        let bearer = request.headers["authorization"].flatMap { $0.lowercased().hasPrefix("bearer ") ? Array($0.utf8.dropFirst(7)) : nil }
        if let token, let bearer {
            // Hashed first, so that the comparison takes as long whatever the lengths are.
            return Hashing.equal(Hashing.sha256(bearer), token.reveal { Hashing.sha256($0) })
        }
        guard !requiresToken, bearer == nil, IPAddress(request.remoteAddress)?.isLoopback == true else { return false }
        return !Self.forwardingHeaders.contains { request.headers[$0] != nil }
    }
    private static let forwardingHeaders = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]

    private static let text = "text/plain; version=0.0.4; charset=utf-8"
    private var endpoint: Endpoint<PublicContext> {
        Endpoint(
            .get, "/metrics", "Metrics", tag: "Service", audience: .machineOrLocal, takes: .nothing,
            replies: Success(
                200, "Prometheus text, or JSON when asked for.",
                View(nil, .map(of: .anything), example: ["gatehouse_ledger_entries_total": ["type": "counter"]]),
                mediaTypes: [Self.text, "application/json"]), problems: [.unauthorized]
        ) { input, _ in
            if input.request.preferred([Self.text, "application/json"]) == "application/json" { return .json(metrics.json()) }
            return .bytes(Array(metrics.prometheusText().utf8), type: Self.text)
        }
    }
}
