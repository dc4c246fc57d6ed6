import API
import Domain
import FakeUpstreamParts
import HTTP
import Store
import TestKit
import Testing

/// Nodes as an operator sets them up over HTTP.
@Suite struct NodeAdministrationTests {
    private func withHouse(_ test: (Storehouse, String) async throws -> Void) async throws {
        let clock = TestClock(sleeping: .pauses)
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let house = try Storehouse(SignedInSurface(store, clock))
            _ = try await house.people.person("admin", .admin)
            try await test(house, await house.people.token("admin"))
        }
    }

    @Test func `a node is made, asked, changed, drained and disabled, and its password never shown`() async throws {
        let server = try WgEasyServer(mode: .v15_3, password: "only-its-own")
        defer { server.close() }
        try await withHouse { house, admin in
            let address = "http://127.0.0.1:\(server.port)"
            let made = await house.send(
                .post, "/api/admin/nodes",
                ["name": "berlin", "address": .string(address), "settings": ["driver": "wg-easy"], "secret": "wrong", "capacity": 5],
                token: admin)
            #expect(made.status == 201 && made.json["kind"] == "vpn" && made.json["has_secret"] == true, "\(made.text)")
            let id = try #require(made.json["id"].string)
            let path = "/api/admin/nodes/\(id)"
            let refused = await house.send(.post, "\(path)/test", token: admin)
            #expect(refused.status == 502 && refused.text.contains("does not take our credentials"), "\(refused.text)")
            #expect(await house.send(.put, path, ["secret": "only-its-own"], token: admin).json["capacity"] == 5)
            let answer = await house.send(.post, "\(path)/test", token: admin)
            #expect(answer.json["answer"] == "wg-easy v15.3.0, 0 peers", "\(answer.text)")
            for (verb, status) in [("drain", "draining"), ("disable", "disabled"), ("activate", "active")] {
                #expect(await house.send(.post, "\(path)/\(verb)", token: admin).json["status"].string == status)
            }
            let list = await house.send(.get, "/api/admin/nodes", token: admin)
            #expect(list.json.array?.count == 1 && list.json.array?.first?["services"] == 0)
            let events = try await house.people.store.read { reader throws(StoreError) in try reader.auditEvents(limit: 100).items }
            #expect(
                events.filter { $0.subject == id }.map(\.action).sorted() == [
                    "backend.change", "backend.create", "backend.status", "backend.status", "backend.status",
                ])
            for text in [made.text, list.text, events.map { "\($0)" }.joined()] {
                #expect(!text.contains("only-its-own") && !text.contains("\"wrong\""))
            }
        }
    }

    @Test func `what cannot be used, or not beside another, is refused with its reason`() async throws {
        try await withHouse { house, admin in
            let controller: JSON = ["name": "one", "address": "https://vpn.example.com", "settings": ["driver": "wg-easy"], "secret": "x"]
            let first = await house.send(.post, "/api/admin/nodes", controller, token: admin)
            #expect(first.status == 201, "\(first.text)")
            #expect(await house.send(.post, "/api/admin/nodes", controller, token: admin).status == 409)
            for (body, words): (JSON, String) in [
                (["name": "two", "address": "https://VPN.example.com/", "settings": ["driver": "wg-easy"]], "are one controller"),
                (["name": "two", "settings": ["driver": "odd"]], "driver"), (["name": "a b", "settings": [:]], "name"),
                (["name": "two", "address": "http://vpn.example.net", "settings": ["driver": "wg-easy"]], "plain http"),
                (["name": "two"], "settings"),
            ] {
                let reply = await house.send(.post, "/api/admin/nodes", body, token: admin)
                #expect(reply.status == 422 && reply.text.contains(words), "\(reply.text)")
            }
            // A disabled one writes nothing, until it shall.
            let id = first.json["id"].string ?? ""
            #expect(await house.send(.post, "/api/admin/nodes/\(id)/disable", token: admin).status == 200)
            let second: JSON = ["name": "two", "address": "https://vpn.example.com", "settings": ["driver": "wg-easy"], "secret": "x"]
            #expect(await house.send(.post, "/api/admin/nodes", second, token: admin).status == 201)
            let clash = await house.send(.post, "/api/admin/nodes/\(id)/activate", token: admin)
            #expect(clash.status == 409 && clash.text.contains("are one controller"), "\(clash.text)")
            #expect(await house.send(.put, "/api/admin/nodes/\(id)", ["name": "three"], token: admin).status == 409)
        }
    }
}
