import Domain
import HTTP
import Store
import TestKit
import Testing

@testable import Relay

/// Who writes days and who reads them mean the same ones: those of the configured zone, far from UTC and on days of 23 and 25 hours.
struct ZoneTests {
    /// What a key is told it has used, in the terms of every place that tells it.
    private struct Told: Equatable {
        var total: Int64?, month: Int64?, today: Int64?
        var day: String?, ofDay: Int64?, listed: Int?
        var counted: Int64
    }

    private func told(_ world: RelayWorld) async throws -> Told {
        func json(_ path: String) async throws -> JSON { try JSON(parsing: try await world.get(path).body) }
        let (usage, day) = (try await json("/v1/usage")["usage"], try await json("/v1/request-stats"))
        let name = day["date"].string ?? ""
        let key = try #require(world.relay.services.keys.find(world.key.id))
        // The counters turn with a look, not by themselves.
        let standings = try #require(world.relay.explain(world.key.id)?["limits"].array)
        let counted = standings.first { $0["code"] == "daily_token_limit_exceeded" }?["used"].int
        #expect(key.counters.used(.day).tokens == counted)
        return Told(
            total: usage["total"]["requests"].int, month: usage["monthly"]["requests"].int, today: usage["daily"]["requests"].int,
            day: name, ofDay: day["stats"]["totalRequests"].int,
            listed: try await json("/v1/request-history?date=\(name)")["history"].array?.count, counted: counted ?? -1)
    }

    /// Four seconds before midnight, then four after it.
    @Test(arguments: [
        // The short day: its midnight is at 11:00Z, not at 12:00Z as the day before.
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-09-27T10:59:56Z", "2026-09-27", "2026-09-28"),
        // The long day ends at 12:00Z again.
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-04-05T11:59:56Z", "2026-04-05", "2026-04-06"),
        ("<+14>-14", "2026-11-21T09:59:56Z", "2026-11-21", "2026-11-22"), ("SST11", "2026-11-21T10:59:56Z", "2026-11-20", "2026-11-21"),
        ("UTC0", "2026-11-21T23:59:56Z", "2026-11-21", "2026-11-22"),
    ])
    func `what is used before the zone's midnight is yesterday's for everybody`(
        rule: String, start: String, first: String, second: String
    ) async throws {
        let clock = TestClock(start: try Timestamp(parsing: start), sleeping: .pauses, zone: try .following(rule))
        try await withFakeUpstream { fake in
            let account = WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.caps.costPerDayMicroUSD = 1_000_000 }
            try await withRelay([account], limits: APIKeyLimits(tokensPerDay: 1_000_000), clock: clock) { world in
                async let running: Void = world.relay.run()
                func served() async throws {
                    #expect(try await world.send().status == 200)
                    for _ in 1...100_000 where world.relay.pendingRecords > 0 || world.relay.services.slots.inFlight > 0 {
                        await world.reactor.poke()
                    }
                }
                try await served()
                let before = try await told(world)
                #expect(before == Told(total: 1, month: 1, today: 1, day: first, ofDay: 1, listed: 1, counted: before.counted))
                #expect(before.counted > 0)
                let live = try world.account("sk-account-one").live
                let spent = live.costToday
                #expect(
                    try await world.store.read { reader throws(StoreError) in try reader.costByAccount(day: first) }.values.first == spent)

                await world.advance(seconds: 8)
                let after = try await told(world)
                #expect(after == Told(total: 1, month: 1, today: 0, day: second, ofDay: 0, listed: 0, counted: 0))
                try await served()
                try await served()
                let later = try await told(world)
                #expect(later == Told(total: 3, month: 3, today: 2, day: second, ofDay: 2, listed: 2, counted: later.counted))
                #expect(live.costToday == spent * 2, "an account's own day ends then too")
                let days = try await world.store.read { reader throws(StoreError) in
                    try reader.usageSeries(UsageFilter(apiKeyID: world.key.id), by: .day)
                }
                #expect(days.map(\.bucket) == [first, second] && days.map(\.usage.requests) == [1, 2])
                // A process that starts now counts the same.
                let explained = try await KeyExplanation.explain(world.key.id, store: world.store, hasher: world.hasher)
                #expect(explained?["limits"].array?.first { $0["code"] == "daily_token_limit_exceeded" }?["used"].int == later.counted)
                let hers = try await world.store.read { reader throws(StoreError) in try reader.costByAccount(day: second) }
                #expect(hers.values.first == live.costToday)
                await world.relay.stop()
                await running
            }
        }
    }

    @Test func `a budget of the day comes back at the zone's midnight`() async throws {
        let clock = TestClock(
            start: try Timestamp(parsing: "2026-09-27T10:30:00Z"), sleeping: .pauses, zone: try .following("NZST-12NZDT,M9.5.0,M4.1.0/3"))
        try await withFakeUpstream { fake in
            try await withRelay(
                [WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)], limits: APIKeyLimits(tokensPerDay: 1), clock: clock
            ) { world in
                #expect(try await world.send().status == 200, "something is left, so one is served")
                let refused = try await world.send()
                let details = try JSON(parsing: refused.body)["error"]["details"]
                #expect(refused.status == 402 && details["resets_at"] == "2026-09-27T11:00:00.000Z")
                await world.advance(seconds: 1799)
                #expect(try await world.send().status == 402)
                await world.advance(seconds: 1)
                #expect(try await world.send().status == 200)
            }
        }
    }

    @Test(arguments: [-3600, -2 * 86_400] as [Int64])
    func `a clock that jumps back opens no budget again and loses no request`(seconds: Int64) async throws {
        try await withFakeUpstream { fake in
            try await withRelay(
                [WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL)], limits: APIKeyLimits(tokensPerDay: 1)
            ) { world in
                await world.advance(seconds: 43_200)
                #expect(try await world.send().status == 200, "something is left, so one is served")
                #expect(try await world.send().status == 402)
                await world.advance(seconds: seconds)
                #expect(try await world.send().status == 402, "the day that is used up is still used up")
                let other = "cr_" + String(repeating: "cd34", count: 16)
                try await world.addKey(other)
                for _ in 1...3 { #expect(try await world.send(headers: ["x-api-key: " + other]).status == 200) }
                await world.advance(seconds: -seconds + 43_200)
                #expect(try await world.send().status == 200, "a new day")
                let (history, ledger) = try await world.books()
                #expect(history.count == 2 && ledger.count == 5 && Set(ledger.map(\.requestID)).count == 5)
                let (balance, charged) = try await world.store.read { reader throws(StoreError) in
                    (try reader.usageMismatches(), try reader.usage(UsageFilter()))
                }
                #expect(balance.isEmpty && charged.requests == 5)
            }
        }
    }
}
