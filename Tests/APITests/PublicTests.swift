import API
import Domain
import HTTP
import Testing

struct PublicTests {
    @Test func `health names its components, the storage also as redis`() async {
        let response = await PublicSurface().router.respond(to: PublicSurface.request(.get, "/health"))
        #expect(response.status == 200 && response.json["status"] == "healthy" && response.json["uptime"] == 60)
        #expect(response.json["components"].object?.members.map(\.name) == ["sqlite", "redis", "journal"])
        #expect((response.json["memory"]["used"].int ?? 0) > 0)
    }

    @Test func `a broken component shows everywhere`() async {
        var surface = PublicSurface()
        surface.storeFails = true
        let response = await surface.router.respond(to: PublicSurface.request(.get, "/health"))
        #expect(response.status == 503 && response.json["status"] == "unhealthy")
        #expect(response.json["components"]["redis"]["status"] == "unhealthy")
        #expect(response.json["components"]["journal"]["status"] == "healthy")
        let ready = await surface.router.respond(to: PublicSurface.request(.get, "/health/ready"))
        #expect(ready.status == 503 && ready.json["status"] == "unhealthy")
    }

    @Test func `a server that drains is healthy and not ready`() async {
        var surface = PublicSurface()
        surface.isReady = false
        let router = surface.router
        #expect(await router.respond(to: PublicSurface.request(.get, "/health")).status == 200)
        let ready = await router.respond(to: PublicSurface.request(.get, "/health/ready"))
        #expect(ready.status == 503 && ready.json["status"] == "not_ready" && ready.headers["retry-after"] == "2")
    }

    @Test(
        arguments: [
            ("127.0.0.1", [:], false, 200), ("::1", [:], false, 200), ("192.0.2.7", [:], false, 401), ("127.0.0.1", [:], true, 401),
            ("127.0.0.1", ["x-forwarded-for": "127.0.0.1"], false, 401), ("127.0.0.1", ["forwarded": "for=x"], false, 401),
            ("192.0.2.7", ["authorization": "Bearer \(PublicSurface.token)"], true, 200),
            ("192.0.2.7", ["authorization": "bearer \(PublicSurface.token)", "x-forwarded-for": "198.51.100.1"], false, 200),
            ("127.0.0.1", ["authorization": "Bearer wrong"], false, 401), ("192.0.2.7", ["authorization": "Bearer "], false, 401),
        ] as [(String, Headers, Bool, Int)])
    func `metrics are for the machine itself and for the token`(address: String, headers: Headers, requiresToken: Bool, status: Int) async {
        var surface = PublicSurface()
        surface.requiresToken = requiresToken
        let response = await surface.router.respond(
            to: PublicSurface.request(.get, "/metrics", headers: headers, remoteAddress: address))
        #expect(response.status == status)
    }

    @Test func `metrics are text, and JSON for who asks`() async {
        let router = PublicSurface().router
        let text = await router.respond(to: PublicSurface.request(.get, "/metrics"))
        #expect(text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.text.contains("gatehouse_ledger_entries_total 1\n"))
        let json = await router.respond(to: PublicSurface.request(.get, "/metrics", headers: ["accept": "application/json"]))
        #expect(json.json["gatehouse_ledger_entries_total"]["type"] == "counter")
    }

    @Test func `probes are answered without a credential`() async {
        let router = PublicSurface().router
        for path in ["/", "/api", "/api/", "/claude", "/claude/", "/api/hello", "/claude/api/hello"] {
            #expect(await router.respond(to: PublicSurface.request(.head, path)).status == 200, "\(path)")
        }
        let root = await router.respond(to: PublicSurface.request(.get, "/"))
        #expect(root.json["msg"] == "VPN API is running")
        var events = PublicSurface.request(.post, "/api/event_logging/batch")
        events.body = [UInt8](repeating: 0x78, count: 3 << 20)
        let logged = await router.respond(to: events)
        #expect(logged.status == 200 && logged.json == ["success": true])
    }
}
