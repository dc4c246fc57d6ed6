import Domain
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// Bodies are kept only for keys that ask for it: sealed, cut at the cap, without credentials, every look noted.
struct BodyTests {
    private func withKeeping(
        _ access: @escaping @Sendable (inout APIKeyAccess) -> Void = { $0.storesBodies = true },
        _ test: (RelayWorld, FakeUpstream) async throws -> Void
    ) async throws {
        try await withFakeUpstream { upstream in
            try await withRelay([WorldAccount(secret: "sk-account-0001", baseURL: upstream.baseURL)]) { world in
                let key = world.key
                _ = try await world.change { transaction throws(StoreError) in
                    var change = APIKeyChange(key)
                    access(&change.access)
                    return try transaction.changeAPIKey(key.id, to: change)
                }
                try await test(world, upstream)
            }
        }
    }

    /// Of the only request there is.
    private func kept(_ world: RelayWorld) async throws -> (row: RequestBodies?, id: RequestID) {
        await world.relay.services.bodies.write()
        let books = try await world.books()
        let id = try #require(books.requests.first).id
        return (try await world.store.read { reader throws(StoreError) in try reader.requestBodies(id) }, id)
    }

    @Test(arguments: [RelayWorld.body, RelayWorld.streamBody])
    func `what is asked and answered is kept sealed, without credentials`(body: String) async throws {
        try await withKeeping { world, _ async throws in
            let reply = try await world.send(body, headers: ["x-api-key: " + RelayWorld.secret, "x-note: sk-ant-0123456789abcdef"])
            #expect(reply.status == 200)
            let row = try #require(try await kept(world).row)
            #expect(row.apiKeyID == world.key.id && row.requestBytes == body.utf8.count && row.responseBytes > 0)
            #expect(row.expiresAt == row.createdAt.adding(seconds: 7 * 86_400))
            #expect(!String(decoding: row.sealed, as: UTF8.self).contains("claude"), "sealed")
            let content = try row.opened(world.keyring)
            #expect(content.request == body && content.response == reply.text)
            #expect(content.headersJSON["x-api-key"] == "«secret»" && content.headersJSON["x-note"] == "«secret»")
            #expect(content.headersJSON["content-type"] == "application/json")
        }
    }

    @Test(arguments: [RelayWorld.body, RelayWorld.streamBody]) func `the demo's answer is kept too`(body: String) async throws {
        try await withRelay([], configure: { $0.isDemo = true }) { world in
            let key = world.key
            _ = try await world.change { transaction throws(StoreError) in
                var change = APIKeyChange(key)
                change.access.storesBodies = true
                return try transaction.changeAPIKey(key.id, to: change)
            }
            let reply = try await world.send(body)
            #expect(reply.header("x-relay-demo") == "true")
            let row = try #require(try await kept(world).row)
            #expect(try row.opened(world.keyring).response == reply.text && row.responseBytes > 0)
        }
    }

    @Test func `nothing is kept of a key that did not ask for it`() async throws {
        try await withKeeping({ $0.bodyDays = 30 }) { world, _ async throws in
            #expect(try await world.send().status == 200)
            #expect(try await kept(world).row == nil)
        }
    }

    @Test func `bodies are cut at the cap, and their whole length is known`() async throws {
        try await withKeeping({
            $0.storesBodies = true
            ($0.bodyBytes, $0.bodyDays) = (20, 1)
        }) { world, _ async throws in
            let reply = try await world.send()
            let row = try #require(try await kept(world).row)
            let content = try row.opened(world.keyring)
            #expect(content.request == String(RelayWorld.body.prefix(20)) && content.response == String(reply.text.prefix(20)))
            #expect(row.requestBytes == RelayWorld.body.utf8.count && row.responseBytes == reply.body.count)
            #expect(row.expiresAt == row.createdAt.adding(seconds: 86_400))
        }
    }

    @Test(arguments: ["status=400", "status=500", "first-event-error"])
    func `of an answer that is an error the one the customer got is kept`(step: String) async throws {
        try await withKeeping { world, upstream async throws in
            try await upstream.script("sk-account-0001", [step, step, step])
            let reply = try await world.send(step == "first-event-error" ? RelayWorld.streamBody : RelayWorld.body)
            #expect(reply.status != 200)
            let row = try #require(try await kept(world).row)
            #expect(try row.opened(world.keyring).response == reply.text)
        }
    }

    @Test func `the owner sees them in the history, each look is noted, and after their time they are gone`() async throws {
        try await withKeeping { world, _ async throws in
            let reply = try await world.send()
            let id = try #require(reply.header("x-relay-request-id"))
            await world.relay.services.bodies.write()
            _ = try await world.books()
            func look() async throws -> JSON { try JSON(parsing: try await world.get("/v1/request-history/" + id).body)["request"] }
            let seen = try await look()
            #expect(seen["requestBody"].string == RelayWorld.body && seen["responseBody"].string == reply.text)
            #expect(seen["headers"]["x-api-key"] == "«secret»")
            let looks = try await world.store.read { reader throws(StoreError) in try reader.auditEvents(subject: id, limit: 10).items }
            #expect(looks.map(\.action) == ["bodies.view"] && looks.first?.actor == world.key.id.text)
            let other = "cr_" + String(repeating: "cd34", count: 16)
            try await world.addKey(other)
            #expect(try await world.get("/v1/request-history/" + id, headers: ["x-api-key: " + other]).status == 404)
            await world.advance(seconds: 7 * 86_400 + 1)
            let later = try await look()
            #expect(later["requestBody"] == .null && later["headers"] == .object([:]))
        }
    }

    @Test func `a key's bodies are deleted, those of others stay, and a queue that is full drops and counts`() async throws {
        try await withRelay([]) { world async throws in
            let keeper = world.relay.services.bodies
            let now = world.store.ambient.now()
            let (mine, other) = (world.key.id, APIKeyID(world.store.ambient))
            func add(_ key: APIKeyID, _ text: String) {
                keeper.add(
                    BodyKeeper.Finished(
                        id: RequestID(world.store.ambient), key: key,
                        content: RequestBodyContent(headers: [], request: text, response: ""), requestBytes: 1, responseBytes: 0,
                        startedAt: now,
                        expiresAt: now.adding(seconds: 60)))
            }
            for _ in 1...120 { add(mine, "a") }
            add(other, "b")
            await keeper.write()
            let gone = try await world.store.transaction { transaction throws(StoreError) in try transaction.deleteRequestBodies(of: mine) }
            let left = try await world.store.read { reader throws(StoreError) in try reader.requestBodies(after: nil, limit: 500) }
            #expect(gone == 120 && left.map(\.apiKeyID) == [other])
            let large = String(repeating: "x", count: 1 << 20)
            for _ in 1...40 { add(mine, large) }
            #expect(world.metrics.prometheusText().contains("gatehouse_relay_bodies_dropped_total 8\n"))
        }
    }
}
