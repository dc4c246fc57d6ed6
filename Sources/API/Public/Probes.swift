internal import Domain
public import HTTP

/// What clients ask only to see whether somebody is there, and `GET /`.
public enum Probes {
    public static func endpoints(version: String) -> [MountedEndpoint] {
        [root(version).mounted] + heads.map { hello($0).mounted } + prefixes.map { eventLogging($0).mounted }
    }
    /// Base paths that clients are configured with.
    private static let prefixes = ["", "/api", "/claude"]
    /// `HEAD /` is answered by `GET /`.
    private static let heads = prefixes.dropFirst() + prefixes.map { $0 + "/api/hello" }

    /// HEAD is answered by the same route. The message is what existing clients of the VPN interface look for.
    private static func root(_ version: String) -> Endpoint<PublicContext> {
        let view = View(
            "Welcome",
            [
                .always("msg", "Fixed.", .text), .always("service", "Fixed.", .text), .always("version", "Of the program.", .text),
                .always("docs", "Path of the docs page.", .text), .always("openapi", "Path of this document.", .text),
                .always("health", "Path of the health report.", .text),
            ],
            example: [
                "msg": "VPN API is running", "service": "gatehouse", "version": "1.0.0", "docs": "/api/docs", "openapi": "/openapi.json",
                "health": "/health",
            ])
        return Endpoint(.get, "/", "Who is there", tag: "Service", audience: .anyone, takes: anyQuery, replies: .ok(view)) { _, _ in
            [
                "msg": "VPN API is running", "service": "gatehouse", "version": .string(version), "docs": "/api/docs",
                "openapi": "/openapi.json", "health": "/health",
            ]
        }
    }

    private static func hello(_ path: String) -> Endpoint<PublicContext> {
        Endpoint(
            .head, path, "Connectivity probe", tag: "Probes", audience: .anyone, takes: anyQuery,
            replies: Success(200, "Somebody is there.", nil)
        ) { _, _ in .empty() }
    }

    /// Old clients report their own events here; nothing of them is read or kept.
    private static func eventLogging(_ prefix: String) -> Endpoint<PublicContext> {
        let view = View("Accepted", [.always("success", "Always true.", .boolean)], example: ["success": true])
        return Endpoint(
            .post, prefix + "/api/event_logging/batch", "Client events, thrown away", tag: "Probes", audience: .anyone, takes: anyQuery,
            replies: .ok(view), discardsBody: true, bodyLimitBytes: discardedBytes
        ) { _, _ in ["success": true] }
    }
    /// More than this is left unread.
    private static let discardedBytes = 1 << 20
    private static let anyQuery = InputShape<Nothing, Nothing, Nothing>.query(Shape<Nothing>.nothing.ignoringUnknownFields)
}
