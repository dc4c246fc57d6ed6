@testable import Billing
import Domain
import HTTP
import Store
import Telemetry
import TestKit
import Testing

/// What becomes of places that answer 410 Gone.
@Suite struct GoneWebhookTests {
    @Test(arguments: TestDatabase.allCases)
    func `a stored place that answers 410 is told nothing more until somebody enables it`(database: TestDatabase) async throws {
        let clock = TestClock()
        try await withStore(database, clock: clock) { store in
            let book = try OutgoingTests.book([OutgoingTests.target("fixed", ["webhook.disabled"])], store, clock)
            let (place, _) = try await book.add(
                WebhookChange(name: "ops", address: "https://ops.example.com/hook/hidden-word", events: ["payment.*"]), actor: "usr_1",
                request: nil)
            let receiver = OutgoingTests.Receiver([410])
            let outgoing = Outgoing(store: store, client: receiver, book: book, log: .silent, metrics: Metrics())
            func tell() async throws {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.promise("payment.completed", subject: "pay_1", body: [:])
                }
                _ = try await outgoing.pass()
            }
            func row() async throws -> StoredWebhook? {
                try await store.read { reader throws(StoreError) in try reader.storedWebhook(place.id) }
            }
            let before = clock.ambient.now()
            try await tell()
            let disabled = try #require(try await row())
            #expect(!disabled.isEnabled && disabled.disabledReason == "status 410" && disabled.disabledAt == before)
            #expect(book.targets.map(\.name) == ["fixed"])
            // The others hear of it.
            _ = try await outgoing.pass()
            let word = try #require(receiver.got.last)
            #expect(word.url == "https://fixed.example.com/hook")
            let body = try JSON(parsing: word.body)
            #expect(body["type"].string == "webhook.disabled" && body["data"]["name"].string == "ops")
            #expect(!body.text.contains("hidden-word"))
            try await tell()
            #expect(receiver.got.count == 2, "told nothing more")
            // Another field changed leaves it disabled; enabling ends it.
            _ = try await book.change(place.id, WebhookChange(events: ["*"]), actor: "usr_1", request: nil)
            #expect(try await row()?.disabledReason == "status 410")
            clock.advance(milliseconds: 5)
            _ = try await book.change(place.id, WebhookChange(isEnabled: true), actor: "usr_1", request: nil)
            let enabled = try #require(try await row())
            #expect(enabled.isEnabled && enabled.disabledReason == nil && enabled.disabledAt == nil)
            try await tell()
            #expect(receiver.got.last?.url == "https://ops.example.com/hook/hidden-word")
            let noted = try await store.read { reader throws(StoreError) in
                try reader.auditEvents(subject: place.id.text, limit: 10).items
            }
            #expect(noted.map(\.action).filter { $0 == "webhook.disable" }.count == 1)
            #expect(noted.first { $0.action == "webhook.disable" }?.actor == "system")
        }
    }

    @Test func `a place that was changed while it answered 410 stays enabled`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let book = try OutgoingTests.book([], store, clock)
            let (place, _) = try await book.add(
                WebhookChange(name: "ops", address: "https://ops.example.com/old"), actor: "usr_1", request: nil)
            let asked = try #require(book.targets.first)
            clock.advance(milliseconds: 5)
            _ = try await book.change(place.id, WebhookChange(address: "https://ops.example.com/new"), actor: "usr_1", request: nil)
            await book.disable(gone: asked)
            #expect(book.targets.map(\.address) == ["https://ops.example.com/new"])
        }
    }

    @Test func `a place of the settings that answers 410 is told nothing more by this process`() async throws {
        let clock = TestClock()
        try await withStore(.sqliteInMemory, clock: clock) { store in
            let fixed = [OutgoingTests.target("shop"), OutgoingTests.target("ops", ["webhook.*"])]
            let book = try OutgoingTests.book(fixed, store, clock)
            let receiver = OutgoingTests.Receiver([410])
            let outgoing = Outgoing(store: store, client: receiver, book: book, log: .silent, metrics: Metrics())
            for _ in 0..<3 {
                try await store.transaction { transaction throws(StoreError) in
                    try transaction.promise("payment.completed", subject: "pay_1", body: [:])
                }
                _ = try await outgoing.pass()
            }
            #expect(book.targets.map(\.name) == ["ops"] && book.goneAt(fixed: "shop") != nil && book.goneAt(fixed: "ops") == nil)
            #expect(
                receiver.got.map(\.url) == ["https://shop.example.com/hook", "https://ops.example.com/hook"], "once, and the word of it")
            #expect(try OutgoingTests.book(fixed, store, clock).targets.map(\.name) == ["shop", "ops"], "a restart begins anew")
        }
    }
}
