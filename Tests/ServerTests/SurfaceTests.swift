import API
import Domain
import Foundation
import HTTP
import Relay
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import Server

/// Everything that is mounted, with the real relay behind it.
struct SurfaceTests {
    private static let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "Golden/openapi.json")

    /// What outsiders build against. `GOLDEN=rewrite` writes the file again; review it as a diff.
    @Test func `the OpenAPI document is the one we promised`() async throws {
        let document = String(decoding: try await Surface.document(), as: UTF8.self)
        if ProcessInfo.processInfo.environment["GOLDEN"] == "rewrite" {
            try document.write(to: Self.golden, atomically: true, encoding: .utf8)
        }
        let known = try String(contentsOf: Self.golden, encoding: .utf8)
        #expect(document == known, "openapi.json has changed; run with GOLDEN=rewrite and review the difference")
    }

    @Test func `every mounted route is in the document, and the document names nothing else`() async throws {
        try await withSurface { surface in
            var documented: Set<String> = []
            for path in try JSON(parsing: try await Surface.document())["paths"].object?.members ?? [] {
                for method in path.value.object?.members ?? [] { documented.insert("\(method.name.uppercased()) \(path.name)") }
            }
            let mounted = Set(surface.router.mounted.map { $0.replacing("...}", with: "}") })
            #expect(mounted == documented)
            #expect(documented.isSuperset(of: ["POST /v1/messages", "GET /api/keys", "GET /openapi.json"]))
            let served = await surface.router.respond(to: surface.request(.get, "/openapi.json"))
            let known = try JSON(parsing: try Data(contentsOf: Self.golden).map { $0 })
            for part in ["paths", "components", "info"] {
                // The cookie's name depends on API_URL.
                let text = try JSON(parsing: served.body)[part].text
                #expect(text == known[part].text, "\(part)")
            }
        }
    }

    @Test func `every example keeps to its schema`() async throws {
        try await withSurface { surface in
            for description in surface.router.descriptions {
                for view in description.successes.compactMap(\.view) {
                    let faults = view.schema.faults(in: view.example)
                    #expect(faults.isEmpty, "\(description.template): \(faults)")
                }
                if let example = description.bodyExample {
                    let faults = Schema.object(description.bodyFields).faults(in: example)
                    #expect(faults.isEmpty, "\(description.template): \(faults)")
                }
            }
        }
    }

    @Test func `a rotated secret reads statistics until its grace is over, as it does at the relay's own routes`() async throws {
        try await withSurface { surface in
            let old = try await surface.key()
            _ = try await surface.keys.rotate(old.key.id, graceSeconds: 600, actor: "system")
            let body = JSON.object(["apiKey": .string(old.secret.reveal { $0 })]).text
            for (seconds, status): (Int64, Int) in [(0, 200), (599, 200), (1, 401)] {
                surface.clock.advance(milliseconds: seconds * 1000)
                for path in ["/v1/key-info", "/api/stats"] {
                    #expect(try await surface.send("GET", path, key: old).status == status, "\(path)")
                }
                #expect(try await surface.send("POST", "/apiStats/api/user-stats", secret: nil, body: body).status == status)
            }
        }
    }

    @Test func `a list of webhook places that would not be kept is refused, and the one that was shown passes`() async throws {
        try await withSurface { surface in
            let cast = try await Cast(surface)
            let token = await cast.token("admin")
            let place: JSON = ["type": "custom", "url": "https://hooks.example.com/x", "name": "new", "enabled": true]
            func configure(_ places: JSON) async -> Response {
                await cast.send(.post, "/admin/webhook/config", ["enabled": true, "platforms": places], token: token)
            }
            let refused = await configure([place])
            #expect(refused.status == 422 && refused.text.contains("POST /admin/webhook/platforms"), "\(refused.text)")
            #expect(await configure([]).status == 200)
            #expect(await cast.send(.post, "/admin/webhook/platforms", place, token: token).status == 200)
            let shown = await cast.send(.get, "/admin/webhook/config", nil, token: token).json["data"]["platforms"]
            #expect(shown.array?.count == 1)
            #expect(await configure(shown).status == 200)
            #expect(await configure([place]).status == 422)
        }
    }

    /// The relay's rows of the table that says who gets in; people's rows stand in `RoleTable`.
    @Test func `the relay's routes answer every key as the table says`() async throws {
        enum Caller: String, CaseIterable { case none, own, other, blockedOwner, deleted, expired, session }
        try await withSurface { surface in
            let own = try await surface.key(), other = try await surface.key()
            let id = try await surface.finishedRequest(of: own).text
            let made = try await surface.send("POST", "/api/chat", key: own, body: #"{"message":"Hi"}"#)
            let conversation = try #require(try JSON(parsing: made.body)["conversation_id"].string)
            let deleted = try await surface.key()
            #expect(try await surface.keys.revoke(deleted.key.id, actor: "system"))
            let expired = try await surface.key(expiresIn: 1)
            surface.clock.advance(milliseconds: 2000)
            let (blocked, token) = try await surface.blockedOwner()
            // What the demo answers: it has no batches, and no account to make one at.
            let rows: [(route: String, own: Int, other: Int)] = [
                ("POST /v1/messages", 200, 200), ("GET /v1/models", 200, 200), ("GET /v1/models/{id}", 200, 200),
                ("GET /v1/request-history", 200, 200), ("GET /v1/request-history/{id}", 200, 404),
                ("GET /v1/request-history/export", 200, 200), ("GET /v1/key-info", 200, 200), ("GET /v1/usage", 200, 200),
                ("GET /v1/me", 200, 200), ("GET /v1/organizations/{org}/usage", 200, 200), ("GET /v1/request-stats", 200, 200),
                ("POST /v1/messages/count_tokens", 200, 200), ("POST /v1/chat/completions", 200, 200),
                ("POST /api/chat", 200, 200), ("GET /api/chat/stream", 200, 200), ("POST /api/chat/tickets", 200, 200),
                ("GET /api/conversations", 200, 200), ("GET /api/conversations/{id}", 200, 404),
                ("POST /v1/messages/batches", 529, 529), ("GET /v1/messages/batches", 200, 200),
                ("GET /v1/messages/batches/{id}", 404, 404), ("DELETE /v1/messages/batches/{id}", 404, 404),
                ("POST /v1/messages/batches/{id}/cancel", 404, 404), ("GET /v1/messages/batches/{id}/results", 404, 404),
                // Last: the owner's own is gone then.
                ("DELETE /api/conversations/{id}", 204, 404),
            ]
            let ofRelay = surface.router.descriptions.filter { $0.audience == .relayKey }.map { "\($0.method.rawValue) \($0.template)" }
            #expect(Set(ofRelay) == Set(rows.map(\.route)), "every relay route has its row")
            for row in rows {
                for caller in Caller.allCases {
                    let secret: String? =
                        switch caller {
                        case .none: nil
                        case .own: own.secret.reveal { $0 }
                        case .other: other.secret.reveal { $0 }
                        case .blockedOwner: blocked.secret.reveal { $0 }
                        case .deleted: deleted.secret.reveal { $0 }
                        case .expired: expired.secret.reveal { $0 }
                        case .session: token
                        }
                    let expected =
                        switch caller {
                        case .none, .deleted, .session: 401
                        case .blockedOwner, .expired: 403
                        case .own: row.own
                        case .other: row.other
                        }
                    let words = row.route.split(separator: " ").map(String.init)
                    let value =
                        words[1].contains("history") ? id : words[1].contains("conversations") ? conversation : "claude-sonnet-5-5"
                    for prefix in words[1].hasPrefix("/api") ? [""] : ["", "/api", "/claude"] {
                        let reply = try await surface.send(
                            words[0],
                            prefix + words[1].replacing("{id}", with: value) + (words[1].hasSuffix("/stream") ? "?message=Hi" : ""),
                            secret: secret,
                            body: words[0] != "POST" ? nil : words[1].hasSuffix("/batches") ? Self.batch : Self.message)
                        #expect(reply.status == expected, "\(row.route) under \(prefix) as \(caller.rawValue): \(reply.text)")
                        if caller == .other, row.route == "GET /v1/request-history" { #expect(!reply.text.contains(id)) }
                    }
                }
            }
        }
    }
    private static let batch = #"{"requests":[{"custom_id":"a","params":\#(message)}]}"#
    private static let message =
        #"{"model":"claude-sonnet-5-5","max_tokens":16,"messages":[{"role":"user","content":"Hello"}],"message":"Hello"}"#
}
