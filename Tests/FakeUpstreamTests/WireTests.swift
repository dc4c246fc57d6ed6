import FakeUpstreamParts
import Foundation
import TestKit
import Testing

/// The fake as a client meets it, byte by byte.
struct WireTests {
    static let body = #"{"model":"claude-sonnet-5-5","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}"#
    static let streamBody = #"{"stream":true,"model":"claude-sonnet-5-5","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}"#

    static func request(_ body: String, path: String = "/v1/messages", headers: String = "", credential: String = "sk-one") -> String {
        """
        POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: \(credential)\r\nanthropic-version: 2023-06-01\r\n\
        content-type: application/json\r\n\(headers)content-length: \(body.utf8.count)\r\n\r\n\(body)
        """
    }

    static func with<T>(_ use: (FakeServer) async throws -> T) async throws -> T {
        let server = try FakeServer(FakeServer.Options())
        let result: T
        do { result = try await use(server) } catch {
            try server.close()
            throw error
        }
        try server.close()
        return result
    }

    static func send(_ server: FakeServer, _ text: String) async throws -> RawReply {
        let client = try RawClient(port: server.port)
        defer { client.close() }
        try await client.send(text)
        return try await client.reply()
    }

    static func control(_ server: FakeServer, _ path: String, _ body: String? = nil) async throws -> [String: Any] {
        let client = try RawClient(port: server.controlPort)
        defer { client.close() }
        try await client.send(body.map { request($0, path: path) } ?? "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        let reply = try await client.reply()
        #expect(reply.status == 200, "\(reply.text)")
        return try #require(try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any])
    }

    static func rows(_ answer: [String: Any], _ name: String) throws -> [[String: Any]] { try #require(answer[name] as? [[String: Any]]) }

    @Test func `a message has the documented shape and the ledger its usage`() async throws {
        try await Self.with { server in
            let reply = try await Self.send(server, Self.request(Self.body))
            let message = try #require(try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any])
            #expect(reply.status == 200 && message["type"] as? String == "message" && message["stop_reason"] as? String == "end_turn")
            #expect(reply.header("request-id")?.hasPrefix("req_") == true && reply.body.contains { $0 > 127 })
            // The bill is written a moment after the last byte.
            let row = try #require(
                try Self.rows(try await Self.control(server, "/__fake/ledger?finished=1&wait_ms=10000"), "ledger").first)
            let billed = try #require(row["usage"] as? NSDictionary)
            #expect(billed == message["usage"] as? NSDictionary && row["outcome"] as? String == "complete")
        }
    }

    @Test func `the same bytes get the same answer`() async throws {
        try await Self.with { server in
            let first = try await Self.send(server, Self.request(Self.body, credential: "sk-a"))
            let second = try await Self.send(server, Self.request(Self.body, credential: "sk-b"))
            let third = try await Self.send(server, Self.request(Self.body + " ", credential: "sk-b"))
            #expect(first.body == second.body && second.body != third.body)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 64])
    func `a split stream is the same stream`(size: Int) async throws {
        try await Self.with { server in
            let whole = try await Self.send(server, Self.request(Self.streamBody, headers: "x-fake: tool\r\n"))
            let split = try await Self.send(server, Self.request(Self.streamBody, headers: "x-fake: tool|split=\(size)\r\n"))
            #expect(whole.body == split.body && whole.text.hasPrefix("event: message_start\n") && whole.text.hasSuffix("\n\n"))
            #expect(whole.header("content-type") == "text/event-stream; charset=utf-8")
        }
    }

    @Test func `a request may bring a step for each of its tries`() async throws {
        try await Self.with { server in
            var seen: [Int] = []
            for body in [Self.streamBody, Self.streamBody, Self.streamBody, Self.streamBody.replacing("hi", with: "ho")] {
                let reply = try await Self.send(server, Self.request(body, headers: "x-fake: status=529 then status=429 then tool\r\n"))
                seen.append(reply.status)
            }
            #expect(seen == [529, 429, 200, 529], "the same body takes the next one, another body begins anew")
        }
    }

    @Test func `steps are taken in order, one a request, by credential`() async throws {
        try await Self.with { server in
            let steps = #"{"credential":"sk-one","steps":["status=529",{"step":"html503","times":2}],"default":"status=429;retry-after=1"}"#
            _ = try await Self.control(server, "/__fake/script", steps)
            var statuses: [Int] = []
            for _ in 1...4 { statuses.append(try await Self.send(server, Self.request(Self.body)).status) }
            let other = try await Self.send(server, Self.request(Self.body, credential: "sk-two")).status
            #expect(statuses == [529, 503, 503, 429] && other == 200)
        }
    }

    @Test(arguments: [
        ("customer key in x-note", "x-note: cr_0123\r\n"), ("hop-by-hop header te", "te: trailers\r\n"),
        ("forwarded header x-forwarded-for", "x-forwarded-for: 192.0.2.1\r\n"), ("two credentials", "authorization: Bearer x\r\n"),
        ("the client's accept-encoding", "accept-encoding: gzip, br\r\n"), ("2 host headers", "host: b\r\n"),
        ("connection names other headers", "connection: x-app\r\n"), ("bare LF in the head", "x-a: 1\nx-b: 2\r\n"),
        ("body differs from what was announced", "x-fake: ok\r\nx-fake-body-sha256: 00\r\n"),
    ])
    func `what a relay must not send is found`(rule: String, header: String) async throws {
        try await Self.with { server in
            _ = try await Self.send(server, Self.request(Self.body, headers: header))
            let found = try Self.rows(try await Self.control(server, "/__fake/violations"), "violations")
            #expect(found.contains { $0["rule"] as? String == rule }, "\(found)")
        }
    }

    @Test func `a clean request breaks no rule`() async throws {
        try await Self.with { server in
            _ = try await Self.send(server, Self.request(Self.body, headers: "accept-encoding: identity\r\n"))
            #expect(try Self.rows(try await Self.control(server, "/__fake/violations"), "violations").isEmpty)
        }
    }

    @Test func `a client that leaves is seen, with the frame it left after`() async throws {
        try await Self.with { server in
            let client = try RawClient(port: server.port)
            try await client.send(Self.request(Self.streamBody, headers: "x-fake: hang-after=content_block_delta#2:60000\r\n"))
            _ = try await client.text(until: "content_block_delta")
            client.close()
            let answer = try await Self.control(server, "/__fake/requests?finished=1&wait_ms=10000")
            let row = try #require(try Self.rows(answer, "requests").first)
            #expect(row["closed_early"] as? Bool == true && row["closed_after"] as? String == "content_block_delta")
            let bill = try #require(
                try Self.rows(try await Self.control(server, "/__fake/ledger?finished=1&wait_ms=10000"), "ledger").first)
            #expect(bill["outcome"] as? String == "client_gone")
        }
    }

    @Test(arguments: ["", ";rst"])
    func `a cut ends the stream inside a frame`(kind: String) async throws {
        try await Self.with { server in
            let client = try RawClient(port: server.port)
            defer { client.close() }
            try await client.send(Self.request(Self.streamBody, headers: "x-fake: cut-after=message_start:9\(kind)\r\n"))
            let all = String(decoding: try await client.rest(), as: UTF8.self)
            // RST may overtake what was sent before it.
            #expect(!all.contains("message_stop") && (kind == ";rst" || all.contains("event: co")))
            let bill = try #require(
                try Self.rows(try await Self.control(server, "/__fake/ledger?finished=1&wait_ms=10000"), "ledger").first)
            #expect(bill["outcome"] as? String == "cut")
        }
    }

    @Test func `a rotated refresh token works once`() async throws {
        try await Self.with { server in
            _ = try await Self.control(server, "/__fake/script", #"{"credential":"rt-1","steps":["rotate-refresh"]}"#)
            let body = #"{"grant_type":"refresh_token","refresh_token":"rt-1","client_id":"c"}"#
            let first = try await Self.send(server, Self.request(body, path: "/oauth/token"))
            let again = try await Self.send(server, Self.request(body, path: "/oauth/token"))
            #expect(first.status == 200 && first.text.contains("\"refresh_token\":\"sk-ant-ort01-"))
            #expect(again.status == 400 && again.text.contains("invalid_grant"))
        }
    }

    @Test func `a refusing port refuses, and takes connections again`() async throws {
        try await Self.with { server in
            _ = try await Self.control(server, "/__fake/connections", #"{"refuse":true}"#)
            #expect(throws: RawClientError.self) { _ = try RawClient(port: server.port) }
            _ = try await Self.control(server, "/__fake/connections", #"{"refuse":false}"#)
            #expect(try await Self.send(server, Self.request(Self.body)).status == 200)
        }
    }

    @Test func `two framings of one body are answered with 400 and the end`() async throws {
        try await Self.with { server in
            let client = try RawClient(port: server.port)
            defer { client.close() }
            try await client.send(Self.request("", headers: "transfer-encoding: chunked\r\n") + "0\r\n\r\n")
            let all = String(decoding: try await client.rest(), as: UTF8.self)
            #expect(all.hasPrefix("HTTP/1.1 400 "))
        }
    }
}
