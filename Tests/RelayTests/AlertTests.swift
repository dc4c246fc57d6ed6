import Domain
import Foundation
import HTTP
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Relay
@testable import Store

/// What operators are told, and how often.
struct AlertTests {
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    // MARK: The book

    @Test func `a word is told once, and again only after a pause`() {
        var book = AlertBook()
        func tells(_ subject: String, _ word: String, after seconds: Int64) -> Bool {
            book.tells(subject, word, now: Self.start.adding(seconds: seconds))
        }
        let answers = [
            tells("a", "down", after: 0), tells("a", "down", after: 0),
            // Another word is another thing; what flaps is heard of once, until a pause has passed.
            tells("a", "up", after: 1), tells("a", "down", after: 2), tells("a", "down", after: 600),
            // Each subject by itself.
            tells("b", "down", after: 601),
        ]
        #expect(answers == [true, false, true, false, true, true] && book.word("a") == "down")
    }

    @Test func `a storm is told in part, and the rest as there is room`() {
        var book = AlertBook()
        let told = (0..<100).count { book.tells("account \($0)", "down", now: Self.start) }
        #expect(told == Int(AlertBook.bucket))
        let later = Self.start.adding(seconds: AlertBook.refillSeconds * 3)
        let more = (0..<100).count { book.tells("account \($0)", "down", now: later) }
        #expect(more == 3)
    }

    // MARK: The watch

    private func withWatched(
        _ accounts: Int = 1, limits: APIKeyLimits = APIKeyLimits(), minimum: Int = 1, unwanted: String = "",
        _ test: (RelayWorld, FakeUpstream, AlertWatch) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            let accounts = (0..<accounts).map { WorldAccount(secret: "sk-account-\($0)", baseURL: fake.baseURL) }
            try await withRelay(
                accounts, limits: limits,
                configure: { $0.alerts = AlertRule(poolMinimum: minimum) { $0 != unwanted } }
            ) { world in try await test(world, fake, try #require(world.relay.alerts)) }
        }
    }
    /// Oldest first; those of one moment by what they are.
    private func told(_ world: RelayWorld) async throws -> [OutboxEvent] {
        let events = try await world.store.read { reader throws(StoreError) in try reader.promised("relay.", limit: 100) }
        func order(_ event: OutboxEvent) -> (Int64, String, Int64) {
            (event.createdAt.milliseconds, event.kind, event.body["percent"].int ?? 0)
        }
        return events.sorted { order($0) < order($1) }
    }

    @Test func `an account that is blocked and the pool that is empty are told once, and so is the end of it`() async throws {
        try await withWatched { world, fake, alerts async throws in
            await alerts.pass()
            #expect(try await told(world).isEmpty, "nothing is wrong")
            try await fake.script("sk-account-0", ["status=401;type=authentication_error"])
            _ = try await world.send()
            for _ in 1...3 { await alerts.pass() }
            let events = try await told(world)
            #expect(events.map(\.kind) == ["relay.account.blocked", "relay.pool.empty"])
            let id = try world.account("sk-account-0").id.text
            #expect(events[0].subject == id && events[0].body["name"] == "sk-account-0")
            #expect(events[0].body["reason"] == "401: the credential is not taken")
            await world.advance(seconds: 1800)
            #expect(try await world.send().status == 200, "the probe")
            await alerts.pass()
            #expect(try await told(world).suffix(2).map(\.kind) == ["relay.account.recovered", "relay.pool.recovered"])
            // Another process goes on where this one was.
            let next = AlertWatch(
                world.relay.services, store: world.store, rule: AlertRule(poolMinimum: 1) { _ in true }, metrics: world.metrics)
            try await next.remember()
            await next.pass()
            #expect(try await told(world).count == 4)
        }
    }

    @Test func `a long rest is told as cooling, a short one is the pool's daily life`() async throws {
        try await withWatched(2) { world, fake, alerts async throws in
            try await fake.script("sk-account-0", ["status=529;type=overloaded_error"])
            try await fake.script("sk-account-1", ["status=403;type=permission_error"])
            for _ in 1...3 { _ = try await world.send() }
            await alerts.pass()
            let events = try await told(world)
            #expect(events.map(\.kind) == ["relay.account.cooling"] && events[0].body["reason"] == "403")
            #expect(events[0].body["until"].string == world.clock.ambient.now().adding(seconds: 600).text)
        }
    }

    @Test func `fewer usable accounts than wanted are a small pool`() async throws {
        try await withWatched(2, minimum: 2) { world, fake, alerts async throws in
            try await fake.script("sk-account-0", ["status=401;type=authentication_error"])
            for _ in 1...2 { _ = try await world.send() }
            await alerts.pass()
            let events = try await told(world)
            #expect(events.map(\.kind) == ["relay.account.blocked", "relay.pool.low"])
            #expect(events[1].body == ["usable": 1, "accounts": 2, "minimum": 2])
        }
    }

    @Test func `what nobody wants to hear is not promised`() async throws {
        try await withWatched(unwanted: "relay.account.blocked") { world, fake, alerts async throws in
            try await fake.script("sk-account-0", ["status=401;type=authentication_error"])
            _ = try await world.send()
            await alerts.pass()
            #expect(try await told(world).map(\.kind) == ["relay.pool.empty"])
        }
    }

    @Test func `a budget is told at 80 and at 100 percent, once a period`() async throws {
        var limits = APIKeyLimits()
        limits.tokensPerDay = 100
        try await withWatched(limits: limits) { world, fake, alerts async throws in
            func book(_ tokens: Int64) {
                let key = world.relay.services.keys.all[0]
                var used = LimitAmounts()
                used.period.tokens = tokens
                key.holders[0].counters.book(used, at: world.clock.ambient.now(), key.plan, world.relay.services.zone)
            }
            for (tokens, expected) in [(79, []), (1, [80]), (5, [80]), (15, [80, 100]), (30, [80, 100])] as [(Int64, [Int64])] {
                book(tokens)
                await alerts.pass()
                #expect(try await told(world).map { $0.body["percent"].int ?? 0 } == expected)
            }
            let last = try #require(try await told(world).last)
            #expect(last.kind == "relay.budget.reached" && last.subject == world.key.id.text)
            #expect(last.body["scope"] == "key" && last.body["limit"] == "daily_token_limit_exceeded" && last.body["of"] == 100)
            let next = AlertWatch(
                world.relay.services, store: world.store, rule: AlertRule(poolMinimum: 1) { _ in true }, metrics: world.metrics)
            try await next.remember()
            book(1)
            await next.pass()
            #expect(try await told(world).count == 2, "a restart tells nothing again")
            await world.advance(seconds: 86_400)
            book(85)
            await alerts.pass()
            #expect(try await told(world).map { $0.body["percent"].int ?? 0 } == [80, 100, 80], "another day")
        }
    }

    @Test(arguments: [false, true]) func `a budget is not told again by a later process that finds no event of it`(
        remembers: Bool
    ) async throws {
        var limits = APIKeyLimits()
        limits.tokensPerDay = 100
        try await withWatched(limits: limits) { world, fake, alerts async throws in
            let key = world.relay.services.keys.all[0]
            func book(_ tokens: Int64) {
                var used = LimitAmounts()
                used.period.tokens = tokens
                key.holders[0].counters.book(used, at: world.clock.ambient.now(), key.plan, world.relay.services.zone)
            }
            book(85)
            await alerts.pass()
            #expect(try await told(world).count == 1)
            try await world.store.transaction { transaction throws(StoreError) in try transaction.execute("DELETE FROM outbox") }
            await world.advance(seconds: AlertBook.pauseSeconds * 2)
            let next = AlertWatch(
                world.relay.services, store: world.store, rule: AlertRule(poolMinimum: 1) { _ in true }, metrics: world.metrics)
            // Without what was remembered, as for the key past the last one that is, the claim says no.
            if remembers { try await next.remember() }
            book(1)
            await next.pass()
            #expect(try await told(world).isEmpty)
            book(20)
            await next.pass()
            #expect(try await told(world).map { $0.body["percent"].int ?? 0 } == [100], "another level is news")
        }
    }

    @Test func `a model without a price, a refresh that fails and a damaged journal are told, not over and over`() async throws {
        try await withWatched { world, fake, alerts async throws in
            let body = #"{"model":"claude-opus-9-9","max_tokens":64,"messages":[{"role":"user","content":"x"}]}"#
            for _ in 1...3 { #expect(try await world.send(body).status == 200) }
            let id = try world.account("sk-account-0").id
            world.relay.services.notices.refreshFailed(id, "the token endpoint answered 500")
            world.metrics.counter(.journalDamaged).add(2)
            for _ in 1...3 { await alerts.pass() }
            let events = try await told(world)
            #expect(events.map(\.kind) == ["relay.account.refresh_failing", "relay.journal.flagged", "relay.price.missing"])
            #expect(events.map(\.subject) == [id.text, "journal", "claude-opus-9-9"] && events[1].body["damaged"] == 2)
            await world.advance(seconds: 86_400)
            _ = try await world.send(body)
            await alerts.pass()
            #expect(try await told(world).count == 4, "a day later it is news again")
        }
    }

    @Test func `a database that takes no writes is told at once, and its end when it does`() async throws {
        let told = Mutex<[String]>([])
        try await withWatched { world, fake, _ async throws in
            let rule = AlertRule(poolMinimum: 1, isWanted: { _ in true }) { kind, body in
                told.withLock { $0.append("\(kind) \(body["reason"].string ?? "")") }
            }
            let alerts = AlertWatch(world.relay.services, store: world.store, rule: rule, metrics: world.metrics)
            func rename(_ from: String, _ to: String) async throws {
                try await world.store.transaction { transaction throws(StoreError) in
                    if from == "alert_words" { try transaction.execute("ALTER TABLE alert_words RENAME TO away") }
                    if from != "alert_words" { try transaction.execute("ALTER TABLE away RENAME TO alert_words") }
                }
            }
            await alerts.lookAtStore()
            try await rename("alert_words", "away")
            await alerts.lookAtStore()
            #expect(told.withLock { $0.isEmpty }, "not for a moment's sake")
            await world.advance(seconds: AlertWatch.outageSeconds)
            for _ in 1...3 { await alerts.lookAtStore() }
            #expect(told.withLock { $0.count } == 1 && told.withLock { $0[0].hasPrefix("relay.store.unavailable ") })
            try await rename("away", "alert_words")
            for _ in 1...2 { await alerts.lookAtStore() }
            for _ in 1...2 { await alerts.pass() }
            #expect(try await self.told(world).map(\.kind) == ["relay.store.recovered"])
        }
    }

    @Test func `what the database does not take is told when it does`() async throws {
        try await withWatched { world, fake, alerts async throws in
            try await fake.script("sk-account-0", ["status=401;type=authentication_error"])
            _ = try await world.send()
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.execute("ALTER TABLE outbox RENAME TO outbox_away")
            }
            await alerts.pass()
            try await world.store.transaction { transaction throws(StoreError) in
                try transaction.execute("ALTER TABLE outbox_away RENAME TO outbox")
            }
            await alerts.pass()
            #expect(try await told(world).map(\.kind) == ["relay.account.blocked", "relay.pool.empty"])
        }
    }
}
