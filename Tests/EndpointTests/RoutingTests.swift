import Domain
import HTTP
import Testing

struct RoutingTests {
    @Test(arguments: [
        (Method.get, "/api/keys/5", "/api/keys/{id}"), (.get, "/api/keys/newest", "/api/keys/newest"), (.get, "/api/keys", "/api/keys"),
        (.head, "/api/keys", "/api/keys"), (.post, "/api/keys", "/api/keys"), (.get, "/api/%6beys/5", "/api/keys/{id}"),
        (.get, "/api/keys/%6eewest", "/api/keys/newest"),
    ])
    func `a path finds the most exact template`(method: Method, path: String, template: String) {
        #expect(Samples.router().template(of: method, path: path) == template)
    }

    @Test(arguments: [
        "/api/keys/", "/api//keys", "//api/keys", "/api/keys/5/", "/api/keys/5/6", "/API/keys", "/api/key", "/api/keysx", "/", "/api",
    ])
    func `what is spelled otherwise is not found`(path: String) async {
        let response = await Samples.router().respond(to: Samples.request(.get, path))
        #expect(response.status == 404 && response.code == "not_found")
    }

    @Test(arguments: [
        "/api/keys/%2e%2e", "/api/keys/..", "/api/./keys", "/api/keys/a%2Fb", "/api/keys/a%2fb", "/api/keys/%00", "/api/keys/%0a",
        "/api/keys/%",
        "/api/keys/%4", "/api/keys/%zz", "/api/keys/%ff", "/api/keys/a%5cb", "/api/keys/a\\b", "/api/keys/%7f", "/%2e/api/keys", "api/keys",
        "",
    ])
    func `a path with two readings is refused`(path: String) async {
        var request = Samples.request(.get, "/x")
        request.path = path
        let response = await Samples.router().respond(to: request)
        #expect(response.status == 400 && response.code == "bad_path")
    }

    @Test func `what is encoded for a URL keeps letters, digits and four marks`() {
        #expect(PercentText.encoded("aZ09-._~") == "aZ09-._~")
        #expect(PercentText.encoded("a b+c/é%\n") == "a%20b%2Bc%2F%C3%A9%25%0A")
    }

    @Test(
        arguments: [
            ("a+b%2Bc%c3%A9", "a b+cé"), ("", ""), ("%", nil), ("%4", nil), ("%+5", nil), ("%-5", nil), ("%zz", nil), ("%ff", nil),
        ] as [(String, String?)])
    func `what a form has is decoded, or nothing of it`(text: String, decoded: String?) {
        #expect(PercentText.formDecoded(text[...].utf8) == decoded)
    }

    @Test func `a parameter is decoded once`() async {
        let echo = Endpoint<PublicContext>(
            .get, "/echo/{text}", "Echo", tag: "Test", audience: .anyone, takes: .path(Shape(.text("text", "Any."), make: { $0 })),
            replies: .ok(Samples.keyView)
        ) { input, _ in ["name": .string(input.path)] }
        let router = Samples.router(extra: [echo.mounted])
        #expect(await router.respond(to: Samples.request(.get, "/echo/a%2520b%C3%A4+c")).json["name"] == "a%20bä+c")
    }

    @Test func `another method gets the list of those that work`() async {
        let response = await Samples.router().respond(to: Samples.request(.put, "/api/keys/5"))
        #expect(response.status == 405 && response.headers["allow"] == "GET, HEAD, PATCH, DELETE, OPTIONS")
        #expect(response.code == "method_not_allowed")
        let options = await Samples.router().respond(to: Samples.request(.options, "/api/keys"))
        #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, POST, OPTIONS" && options.body.isEmpty)
        var whole = Samples.request(.options, "/x")
        whole.path = "*"
        let all = await Samples.router().respond(to: whole)
        #expect(all.status == 204 && all.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    }

    @Test func `HEAD is answered as GET`() async {
        let get = await Samples.router().respond(to: Samples.request(.get, "/api/keys/7"))
        let head = await Samples.router().respond(to: Samples.request(.head, "/api/keys/7"))
        #expect(get.status == 200 && head.status == 200 && get.headers == head.headers && get.body == head.body)
    }

    @Test(arguments: [
        ("/v1/nothing", ErrorDialect.messages), ("/api/v1/x", .messages), ("/claude/v1/x", .messages), ("/openai/x", .messages),
        ("/api/claude/x", .messages), ("/api/v1/whmcs/x", .control), ("/api/v1/whmcsx", .messages), ("/v1x", .control), ("/x", .control),
        ("/api/chat/x", .chat), ("/admin/x", .olderRelay), ("/apiStats/x", .olderRelay), ("/web/auth/x", .olderRelay), ("/v1", .messages),
    ])
    func `an unknown address answers in the shape of its prefix`(path: String, dialect: ErrorDialect) async {
        let response = await Samples.router().respond(to: Samples.request(.get, path))
        #expect(response.status == 404)
        #expect(response.body == dialect.response(Problem(.notFound), id: RequestID(high: 1, low: 2)).body)
    }

    @Test(arguments: [
        (["gate.example.com"], "GATE.example.com:8000", true), (["gate.example.com"], "other.example.com", false),
        (["*.example.com"], "gate.example.com", true), (["*.example.com"], "example.com", false),
        (["*.example.com"], "gate.example.com.test", false), (["*"], "anything", true), (["[::1]"], "[::1]:8000", true),
        (["192.0.2.1"], "192.0.2.1:80", true), ([], "gate.example.com", false),
    ])
    func `only allowed hosts are answered`(allowed: [String], host: String, isAllowed: Bool) async {
        let router = Samples.router(hosts: allowed)
        let response = await router.respond(to: Samples.request(.get, "/api/keys/7", headers: ["host": host]))
        #expect(response.status == (isAllowed ? 200 : 421))
        #expect(await router.respond(to: Samples.request(.get, "/health", headers: ["host": host])).status == 200)
    }

    @Test func `other origins are let in only when they are named`() async {
        let off = await Samples.router().respond(to: Samples.request(.get, "/api/keys/7", headers: ["origin": "https://a.example.com"]))
        #expect(off.headers["access-control-allow-origin"] == nil)
        let router = Samples.router(origins: ["https://a.example.com"])
        let named = await router.respond(to: Samples.request(.get, "/api/keys/7", headers: ["origin": "https://a.example.com"]))
        #expect(named.headers["access-control-allow-origin"] == "https://a.example.com" && named.headers["vary"] == "Origin")
        let other = await router.respond(to: Samples.request(.get, "/api/keys/7", headers: ["origin": "https://b.example.com"]))
        #expect(other.headers["access-control-allow-origin"] == nil && other.headers["vary"] == "Origin")
        let refused = await router.respond(
            to: Samples.request(.get, "/api/keys/7", headers: ["origin": "https://a.example.com"], person: nil))
        #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] == "https://a.example.com")
        let preflight = await router.respond(
            to: Samples.request(
                .options, "/api/keys", headers: ["origin": "https://a.example.com", "access-control-request-method": "POST"], person: nil))
        #expect(preflight.status == 204 && preflight.headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS")
        #expect(preflight.headers["access-control-allow-credentials"] == nil)
    }
}
