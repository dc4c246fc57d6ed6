import Domain
import Store
import TestKit
import Testing

@testable import Relay

/// What existing scripts ask about their own key.
struct SelfServiceTests {
    private func withHistory(_ rows: Int, _ test: (RelayWorld) async throws -> Void) async throws {
        try await withRelay([]) { world in
            let start = world.store.ambient.now()
            let other = "cr_" + String(repeating: "cd34", count: 16)
            try await world.addKey(other)
            let stranger = try await world.store.read { reader throws(StoreError) in try reader.apiKeys(limit: 10).items.last?.id }
            let settled = (0..<rows).map { number in
                Self.settled(number, world.key.id, start.adding(milliseconds: Int64(number)), world)
            }
            let foreign = try [Self.settled(0, #require(stranger), start, world)]
            for part in stride(from: 0, to: settled.count, by: 500) {
                let some = Array(settled[part..<min(settled.count, part + 500)])
                try await world.store.transaction { transaction throws(StoreError) in _ = try transaction.settle(some) }
            }
            try await world.store.transaction { transaction throws(StoreError) in _ = try transaction.settle(foreign) }
            await world.advance(seconds: 60)
            try await test(world)
        }
    }

    private static func settled(_ number: Int, _ key: APIKeyID, _ at: Timestamp, _ world: RelayWorld) -> SettledRequest {
        let tokens = TokenCounts(input: 5, output: 3, cacheWrite5m: 2, cacheRead: 1)
        let id = RequestID(world.store.ambient)
        var record = RequestRecord(
            id: id, apiKeyID: key, keyName: "=1,\"a\"", model: "claude-sonnet-5-5", path: "/v1/messages", stream: false,
            status: number.isMultiple(of: 3) ? .error : .success, startedAt: at, durationMilliseconds: 100, attempts: 1, tokens: tokens)
        record.errorType = number.isMultiple(of: 3) ? "api_error" : nil
        let entry = LedgerEntry(
            requestID: id, attempt: 1, apiKeyID: key, model: "claude-sonnet-5-5", tokens: tokens, costMicroUSD: 7, priceMicroUSD: 7,
            usageSource: .final, at: at)
        return SettledRequest(request: record, entries: [entry])
    }

    @Test(arguments: ["", "/api", "/claude"])
    func `usage is the calling key's own, in all, today and this month`(prefix: String) async throws {
        try await withHistory(4) { world async throws in
            let info = try JSON(parsing: try await world.get(prefix + "/v1/key-info").body)["keyInfo"]
            #expect(info["id"].string == world.key.id.text && info["name"] == "a key" && info["tokenLimit"] == 0)
            let usage = try JSON(parsing: try await world.get(prefix + "/v1/usage").body)["usage"]
            #expect(usage == info["usage"])
            for span in ["total", "daily", "monthly"] {
                #expect(
                    usage[span] == [
                        "tokens": 44, "inputTokens": 20, "outputTokens": 12, "cacheCreateTokens": 8, "cacheReadTokens": 4, "allTokens": 44,
                        "requests": 4, "costMicroUsd": 28, "cost": .number("0.000028"),
                    ], "\(span)")
            }
            let me = try JSON(parsing: try await world.get(prefix + "/v1/me").body)
            #expect(me["id"].string == "user_" + world.key.id.text && me["type"] == "user")
            let balance = try JSON(parsing: try await world.get(prefix + "/v1/organizations/any/usage").body)
            #expect(balance["data"].array?[0] == ["type": "credit_balance", "credit_balance": .int(KeySelfService.unlimited)])
            let stats = try JSON(parsing: try await world.get(prefix + "/v1/request-stats").body)["stats"]
            #expect(stats["totalRequests"] == 4 && stats["successRequests"] == 2 && stats["failedRequests"] == 2)
            #expect(stats["modelStats"]["claude-sonnet-5-5"] == ["count": 4, "tokens": 44] && stats["statusStats"]["error"] == 2)
            let empty = try JSON(parsing: try await world.get(prefix + "/v1/request-stats?date=2020-01-01").body)
            #expect(empty["stats"]["totalRequests"] == 0 && empty["date"] == "2020-01-01")
        }
    }

    @Test func `errors on these paths have the older relay's shape`() async throws {
        try await withHistory(1) { world async throws in
            for (path, status) in [
                ("/v1/request-stats?date=x", 400), ("/v1/request-history?limit=0", 400), ("/v1/request-history/req_0", 404),
                ("/v1/request-history/export?format=xml", 400), ("/v1/request-history/export?limit=5", 400),
                ("/v1/request-history/export?cursor=x", 400),
            ] {
                let reply = try await world.get(path)
                let json = try JSON(parsing: reply.body)
                #expect(reply.status == status && json["error"].string != nil && json["message"].string != nil, "\(path): \(reply.text)")
            }
            let stranger = try await world.get("/v1/key-info", headers: [])
            #expect(try stranger.status == 401 && JSON(parsing: stranger.body)["error"] == "Unauthorized")
            #expect(stranger.header("x-should-retry") == "false")
        }
    }

    @Test(arguments: [0, 1, 500, 501, 1203])
    func `an export has every row once, newest first, as CSV and as JSON lines`(rows: Int) async throws {
        try await withHistory(rows) { world async throws in
            let lines = try await world.get("/v1/request-history/export?format=jsonl").text.split(separator: "\n")
            let ids = try lines.map { try JSON(parsing: Array($0.utf8))["requestId"].string ?? "" }
            #expect(ids.count == rows && Set(ids).count == rows)
            let times = try lines.map { try JSON(parsing: Array($0.utf8))["timestamp"].string ?? "" }
            #expect(times == times.sorted(by: >))
            let csv = try await world.get("/v1/request-history/export?format=csv")
            #expect(csv.header("content-type") == "text/csv; charset=utf-8")
            let table = csv.text.split(separator: "\r\n")
            #expect(table.count == rows + 1 && table[0].hasPrefix("requestId,timestamp,"))
            if rows > 0 { #expect(table[1].contains("\"'=1,\"\"a\"\"\"")) }
            let failed = try await world.get("/v1/request-history/export?format=jsonl&status=error").text.split(separator: "\n")
            #expect(failed.count == (rows + 2) / 3)
        }
    }

    @Test func `a page says exactly whether there is more`() async throws {
        try await withHistory(6) { world async throws in
            for (limit, hasMore) in [(5, true), (6, false), (7, false)] {
                let page = try JSON(parsing: try await world.get("/v1/request-history?limit=\(limit)").body)
                #expect(page["pagination"]["hasMore"] == .bool(hasMore) && page["history"].array?.count == min(limit, 6))
            }
            let first = try JSON(parsing: try await world.get("/v1/request-history?limit=4").body)
            let cursor = try #require(first["pagination"]["cursor"].string)
            let rest = try JSON(parsing: try await world.get("/v1/request-history?limit=4&cursor=\(cursor)").body)
            #expect(rest["history"].array?.count == 2 && rest["pagination"]["hasMore"] == false)
            let ids = ((first["history"].array ?? []) + (rest["history"].array ?? [])).compactMap { $0["requestId"].string }
            #expect(Set(ids).count == 6)
            let third = try #require(first["history"].array?[2]["timestamp"].string)
            let late = try JSON(parsing: try await world.get("/v1/request-history?date=\(third.prefix(10))&from=\(third)").body)
            #expect(late["history"].array?.count == 3, "a day and a time in it hold together")
        }
    }

    @Test func `pages by cursor end where the first page's 24 hours began`() async throws {
        try await withHistory(6) { world async throws in
            let past = Self.settled(0, world.key.id, world.store.ambient.now().adding(seconds: -3 * 86_400), world)
            try await world.store.transaction { transaction throws(StoreError) in _ = try transaction.settle([past]) }
            let first = try JSON(parsing: try await world.get("/v1/request-history?limit=4").body)
            let cursor = try #require(first["pagination"]["cursor"].string)
            // By then the rows are older than 24 hours: the list that was begun has them still.
            await world.advance(seconds: 86_400)
            let rest = try JSON(parsing: try await world.get("/v1/request-history?limit=4&cursor=\(cursor)").body)
            #expect(rest["history"].array?.count == 2 && rest["pagination"]["hasMore"] == false, "\(rest.text)")
        }
    }

    @Test func `a cursor without a bound, as earlier versions gave them, goes back no further than a new list`() async throws {
        try await withHistory(6) { world async throws in
            let past = Self.settled(0, world.key.id, world.store.ambient.now().adding(seconds: -3 * 86_400), world)
            try await world.store.transaction { transaction throws(StoreError) in _ = try transaction.settle([past]) }
            func page(_ query: String) async throws -> JSON {
                try JSON(parsing: try await world.get("/v1/request-history?limit=4" + query).body)
            }
            let cursor = try #require(try await page("")["pagination"]["cursor"].string)
            let old = cursor.split(separator: ".").prefix(2).joined(separator: ".")
            let rest = try await page("&cursor=\(old)")
            #expect(rest["history"].array?.count == 2 && rest["pagination"]["hasMore"] == false, "\(rest.text)")
            // A list that begins with the oldest says so, and its cursor stands alone too.
            let whole = try #require(try await page("&to=\(world.store.ambient.now().text)")["pagination"]["cursor"].string)
            #expect(try await page("&cursor=\(whole)")["history"].array?.count == 3)
        }
    }

    /// A mark on a comma or a quote makes another character of both, and the same bytes for who reads the table.
    @Test(arguments: [
        ("a,b", "\"a,b\""), ("a,\u{301}b", "\"a,\u{301}b\""), ("a\"\u{301}b", "\"a\"\"\u{301}b\""), ("=1", "'=1"),
        ("=\u{301}1", "'=\u{301}1"), ("\r\n", "\"'\r\n\""), ("\u{301}=", "\u{301}="), ("", ""), ("a b", "a b"),
    ])
    func `a cell is quoted by what its bytes are`(text: String, cell: String) {
        #expect(Array(HistoryExport.cell(.string(text)).utf8) == Array(cell.utf8))
    }
}
