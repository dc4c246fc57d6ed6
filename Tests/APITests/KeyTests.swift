import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import API

struct KeyTests {
    @Test func `a key is shown once, works by its hash and tells the data path`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            let token = await surface.token("ada")
            let made = await surface.send(
                .post, "/api/keys",
                [
                    "name": "laptop", "limits": ["requests_per_minute": 60, "concurrent": 4, "cost_per_day_usd": .number("12.5")],
                    "allowed_models": ["claude-*"], "expires_at": "2027-01-01T00:00:00Z",
                ], token: token)
            let secret = try #require(made.json["key"].string)
            #expect(made.status == 201 && secret.hasPrefix("cr_") && secret.utf8.count == 67)
            #expect(made.json["prefix"] == .string("\(secret.prefix(7))…\(secret.suffix(4))"))
            #expect(made.json["limits"]["cost_per_day_usd"] == "12.500000" && made.json["limits"]["tokens_per_day"] == .null)
            #expect(surface.keyChanges == 1)
            let hash = surface.hasher.hash(Array(secret.utf8))
            let row = try await surface.store.read { reader throws(StoreError) in try reader.apiKey(secretHash: hash) }
            #expect(row?.ownerID == user.id && row?.limits.costPerDayMicroUSD == 12_500_000 && row?.limits.concurrency == 4)
            let list = await surface.send(.get, "/api/keys", token: token)
            #expect(!list.text.contains(secret) && list.json["keys"].array?.count == 1)
            #expect(list.json["keys"].array?.first?["usage_today"] == ["requests": 0, "tokens": 0, "cost_usd": "0.000000"])
            #expect(list.json["keys"].array?.first?["allowed_models"] == ["claude-*"])
            let id = try #require(made.json["id"].string)
            #expect(await surface.send(.delete, "/api/keys/\(id)", token: token).status == 204 && surface.keyChanges == 2)
            #expect(await surface.send(.delete, "/api/keys/\(id)", token: token).status == 404 && surface.keyChanges == 2)
            let events = try await surface.store.read { reader throws(StoreError) in try reader.auditEvents(subject: id, limit: 10) }
            #expect(Set(events.items.map(\.action)) == ["key.revoke", "key.create"])
        }
    }

    @Test(
        arguments: [
            [:], ["name": ""], ["name": "k", "limits": ["requests_per_minutes": 1]], ["name": "k", "limits": ["requests_per_minute": 0]],
            ["name": "k", "limits": ["cost_per_day_usd": -1]], ["name": "k", "limits": ["cost_per_day_usd": "1e3"]],
            ["name": "k", "expires_at": "2026-11-20T00:00:00Z"], ["name": "k", "allowed_models": []], ["name": "k", "owner": "usr_1"],
        ] as [JSON])
    func `a wish that makes no sense makes no key`(body: JSON) async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada")
            let response = await surface.send(.post, "/api/keys", body, token: await surface.token("ada"))
            #expect(response.status == 422 && surface.keyChanges == 0, "\(response.text)")
        }
    }

    @Test func `a key that is named three times is one changed key, and a team that is not there is said`() async throws {
        try await withSignedInSurface { surface in
            _ = try await surface.person("ada", .admin)
            let token = await surface.token("ada")
            let key = try await surface.keys.create(RelayKeys.Wish(name: "k"), owner: nil, actor: "system").key
            let id = JSON.string(key.id.text)
            let many = await surface.send(
                .patch, "/api/admin/keys", ["ids": [id, id, id, "none", "none"], "change": ["status": "disabled"]], token: token)
            #expect(many.status == 200 && many.json["changed"] == 1 && many.json["missing"] == ["none"], "\(many.text)")
            let team = JSON.string(TeamID(surface.clock.ambient).text)
            let answer = await surface.send(.patch, "/api/admin/keys/\(key.id.text)", ["team_id": team], token: token)
            #expect(answer.status == 422 && answer.text.contains("there is no such team"), "\(answer.text)")
        }
    }

    @Test func `the list goes page by page`() async throws {
        try await withSignedInSurface { surface in
            let user = try await surface.person("ada")
            for name in ["a", "b", "c"] {
                _ = try await surface.keys.create(RelayKeys.Wish(name: name), owner: user.id, actor: "system")
                surface.clock.advance(milliseconds: 1)
            }
            let token = await surface.token("ada")
            func names(_ page: Response) -> [String?] { (page.json["keys"].array ?? []).map { $0["name"].string } }
            let first = await surface.router.respond(to: paged("limit=2", token))
            #expect(names(first) == ["a", "b"])
            let second = await surface.router.respond(to: paged("limit=2&after=\(first.json["next"].string ?? "")", token))
            #expect(names(second) == ["c"] && second.json["next"] == .null)
        }
    }
    private func paged(_ query: String, _ token: String) -> Request {
        var request = PublicSurface.request(.get, "/api/keys", headers: ["authorization": "Bearer \(token)"])
        request.query = query
        return request
    }

    @Test(
        arguments: [
            ("1", 1_000_000), ("0.000001", 1), ("12.5", 12_500_000), ("1000000", 1_000_000_000_000), ("1000000.000001", nil), ("0", nil),
            ("", nil), (".", nil), ("1.", nil), (".5", nil), ("-1", nil), ("1e3", nil), ("0.0000001", nil), ("99999999999999999999", nil),
        ] as [(String, Int64?)])
    func `dollars are read exactly or not at all`(text: String, microUSD: Int64?) {
        #expect((try? Dollars.parse(text)) == microUSD)
        if let microUSD { #expect((try? Dollars.parse(Dollars.text(microUSD))) == microUSD) }
    }

    @Test func `every example keeps to its schema, and every problem has a code we promised`() async throws {
        try await withSignedInSurface { surface in
            let promised = Set(Problems.all)
            for description in surface.router.descriptions {
                for view in description.successes.compactMap(\.view) {
                    let faults = view.schema.faults(in: view.example)
                    #expect(faults.isEmpty, "\(description.template): \(faults)")
                }
                #expect(promised.isSuperset(of: description.allProblems), "\(description.template)")
            }
        }
    }
}
