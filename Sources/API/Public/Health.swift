public import Domain
public import HTTP
internal import Telemetry

/// `/health` and `/health/ready`.
public struct Health: Sendable {
    private let service: String
    private let version: String
    private let startedAt: Timestamp
    private let ambient: Ambient
    private let monitor: HealthMonitor
    private let isReady: @Sendable () -> Bool
    private let stats: @Sendable () -> JSON

    /// - Parameters:
    ///   - isReady: false while starting and while draining.
    ///   - stats: an object of counters for dashboards, without anything private.
    public init(
        service: String = "gatehouse", version: String, startedAt: Timestamp, ambient: Ambient, monitor: HealthMonitor,
        isReady: @escaping @Sendable () -> Bool, stats: @escaping @Sendable () -> JSON = { [:] }
    ) {
        self.service = service
        self.version = version
        self.startedAt = startedAt
        self.ambient = ambient
        self.monitor = monitor
        self.isReady = isReady
        self.stats = stats
    }

    public var endpoints: [MountedEndpoint] { [report.mounted, readiness.mounted] }

    private var report: Endpoint<PublicContext> {
        Endpoint(
            .get, "/health", "How the service is", tag: "Service", audience: .anyone, takes: Self.anyQuery,
            replies: .ok(Self.view, "Healthy."),
            also: [Success(503, "Something it needs does not work.", Self.view)]
        ) { _, _ in
            let components = await monitor.components()
            let isHealthy = components.allSatisfy(\.isHealthy)
            var members = JSONObject()
            for component in components {
                for name in component.names {
                    members[name] = [
                        "status": component.isHealthy ? "healthy" : "unhealthy", "latency": .int(component.latencyMilliseconds),
                    ]
                }
            }
            let now = ambient.now()
            let resident = ProcessMetrics.residentBytes()
            return .json(
                [
                    "status": isHealthy ? "healthy" : "unhealthy", "service": .string(service), "version": .string(version),
                    "timestamp": .string(now.text), "uptime": .int(max(0, now.milliseconds - startedAt.milliseconds) / 1000),
                    "memory": ["used": .int(resident), "total": .int(resident), "external": 0], "components": .object(members),
                    "stats": stats(),
                ], status: isHealthy ? 200 : 503)
        }
    }

    private var readiness: Endpoint<PublicContext> {
        Endpoint(
            .get, "/health/ready", "Whether it takes requests", tag: "Service", audience: .anyone, takes: Self.anyQuery,
            replies: .ok(Self.readyView, "Send requests."), also: [Success(503, "Send them elsewhere.", Self.readyView)],
            about:
                "For load balancers: 503 while starting and while the storage does not work. While draining no new connection is taken and idle ones are closed, so that a check fails by not connecting."
        ) { _, _ in
            guard isReady() else { return .json(["status": "not_ready"], status: 503, headers: ["retry-after": "2"]) }
            let isHealthy = await monitor.components().allSatisfy(\.isHealthy)
            return isHealthy ? ["status": "ready"] : .json(["status": "unhealthy"], status: 503, headers: ["retry-after": "2"])
        }
    }

    /// Probes add whatever keeps caches away.
    private static let anyQuery = InputShape<Nothing, Nothing, Nothing>.query(Shape<Nothing>.nothing.ignoringUnknownFields)

    private static let readyView = View(
        "Readiness", [.always("status", "In one word.", .choice(["ready", "not_ready", "unhealthy"]))], example: ["status": "ready"])
    private static let view = View(
        "Health",
        [
            .always("status", "All components together.", .choice(["healthy", "unhealthy"])), .always("service", "Its name.", .text),
            .always("version", "Of the program.", .text), .always("timestamp", "Now.", .time),
            .always("uptime", "Seconds since the start.", .count),
            .always(
                "memory", "Resident bytes.",
                .object([
                    .always("used", "Bytes.", .count), .always("total", "Bytes.", .count), .always("external", "Always 0.", .count),
                ])),
            .always(
                "components", "By name; the storage under its own name and under `redis`.",
                .map(
                    of: .object([
                        .always("status", "Of this component.", .choice(["healthy", "unhealthy"])),
                        .always("latency", "Milliseconds the check took.", .count),
                    ]))),
            .always("stats", "Counters.", .map(of: .anything)),
        ],
        example: [
            "status": "healthy", "service": "gatehouse", "version": "1.0.0", "timestamp": "2026-11-21T00:00:00.000Z", "uptime": 3600,
            "memory": ["used": 31_457_280, "total": 31_457_280, "external": 0],
            "components": ["sqlite": ["status": "healthy", "latency": 1], "redis": ["status": "healthy", "latency": 1]], "stats": [:],
        ])
}
