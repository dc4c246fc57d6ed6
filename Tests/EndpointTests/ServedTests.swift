import Domain
import HTTP
import TestKit
import Testing

/// The router behind the real server, on raw sockets.
struct ServedTests {
    private func served(_ test: (RunningServer) async throws -> Void) async throws {
        let raw = RawRoute(.get, "/v1/models/{id}", prefixes: ["", "/api", "/claude"], dialect: .messages) { exchange, match in
            let id = match.parameter("id", in: exchange.head) ?? "none"
            let body = Array("\(match.template) \(id)".utf8)
            guard id == "stream" else { return exchange.respond(Response(status: 200, headers: [:], body: body)) }
            exchange.startResponse(status: 200, headers: HeaderBlock(), framing: .chunked)
            exchange.write(body)
            exchange.finish()
        }
        let discarding = Endpoint<PublicContext>(
            .post, "/discard", "Discard", tag: "Test", audience: .anyone, takes: .nothing, replies: .noContent, discardsBody: true,
            bodyLimitBytes: 1000
        ) { _, _ in .empty() }
        let router = Router(
            Samples.endpoints() + [discarding.mounted], raw: [raw],
            options: RouterOptions(crossOrigins: ["https://a.example.com"]) { _, _ in Problem(.internalError) })
        try await withServer(hooks: Server.Hooks(errorResponder: Router.errorResponder), handler: router, test)
    }
    private func ask(_ client: RawClient, _ line: String, _ fields: String = "", body: String = "") async throws -> RawReply {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        try await client.send("\(line) HTTP/1.1\r\nHost: gate.example.com\r\n\(fields)\(length)\r\n\(body)")
        return try await client.reply(toHead: line.hasPrefix("HEAD"))
    }

    @Test func `a raw route answers under each prefix and gets its parameter`() async throws {
        try await served { running in
            let client = try running.client()
            for (path, id) in [
                ("/v1/models/a", "a"), ("/api/v1/models/b%20c", "b c"), ("/claude/v1/models/d", "d"), ("/v1/models/stream", "stream"),
            ] {
                let reply = try await ask(client, "GET \(path)", "Origin: https://a.example.com\r\n")
                #expect(reply.status == 200 && reply.text == "/v1/models/{id} \(id)")
                #expect(reply.header("access-control-allow-origin") == "https://a.example.com")
            }
            let missing = try await ask(client, "GET /openai/v1/models/a")
            #expect(missing.status == 404 && missing.text.contains("not_found_error"))
            let wrong = try await ask(client, "DELETE /v1/models/a")
            #expect(wrong.status == 405 && wrong.header("allow") == "GET, HEAD, OPTIONS" && wrong.text.contains("invalid_request_error"))
        }
    }

    @Test func `an endpoint gets its body and HEAD gets none back`() async throws {
        try await served { running in
            let client = try running.client()
            let json = "Content-Type: application/json\r\nAuthorization: Bearer anna\r\n"
            let made = try await ask(client, "POST /api/keys", json, body: #"{"name":"a"}"#)
            #expect(made.status == 201 && made.text.contains(#""owner":"anna""#))
            let get = try await ask(client, "GET /api/keys/7", "Authorization: Bearer anna\r\n")
            let head = try await ask(client, "HEAD /api/keys/7", "Authorization: Bearer anna\r\n")
            #expect(head.status == 200 && head.body.isEmpty && head.header("content-length") == get.header("content-length"))
            let stranger = try await ask(client, "POST /api/keys", "Content-Type: application/json\r\n", body: #"{"name":"a"}"#)
            #expect(stranger.status == 401)
            let tooLarge = try await ask(client, "POST /api/keys", json, body: String(repeating: " ", count: 257))
            #expect(tooLarge.status == 413 && tooLarge.text.contains("body_too_large"))
        }
    }

    @Test func `a body that nobody wants is thrown away up to its limit`() async throws {
        try await served { running in
            let client = try running.client()
            for count in [0, 1, 1000, 1001] {
                let reply = try await ask(client, "POST /discard", body: String(repeating: "x", count: count))
                #expect(reply.status == 204, "\(count) bytes")
            }
        }
    }

    @Test func `what the engine refuses is told in the shape of its address`() async throws {
        try await served { running in
            let client = try running.client()
            let coded = try await ask(client, "POST /v1/messages", "Expect: nonsense\r\n")
            #expect(coded.status == 417 && coded.text.contains("expectation_failed"))
            #expect(coded.text.contains(#""type":"error""#) && coded.header("request-id") != nil)
            let trace = try await ask(try running.client(), "TRACE /api/keys")
            #expect(trace.status == 405 && trace.header("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        }
    }
}
