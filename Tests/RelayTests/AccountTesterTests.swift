import Domain
import Foundation
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// Trying accounts: by an operator's command, and by the relay itself while nobody uses them.
struct AccountTesterTests {
    private static let account = "sk-account-0001"

    private func withProbe(
        _ change: @escaping @Sendable (inout AccountDetails) -> Void = { _ in },
        _ test: (RelayWorld, FakeUpstream, IdleProbe) async throws -> Void
    ) async throws {
        try await withFakeUpstream { upstream in
            try await withRelay(
                [WorldAccount(secret: Self.account, baseURL: upstream.baseURL, change: change)], configure: { $0.probeSeconds = 600 }
            ) { world in
                try await test(world, upstream, try #require(world.relay.probe))
            }
        }
    }

    @Test func `an account that idles is asked for a token of its cheapest model, and not again before its time`() async throws {
        try await withProbe { world, upstream, probe async throws in
            try await probe.pass()
            try await probe.pass()
            #expect(try await upstream.requests(finished: 1).count == 1)
            let model = try await upstream.ledger(finished: 1).first?["requested_model"] as? String
            #expect(model == "claude-haiku-5-5")
            #expect(
                try await world.store.read { reader throws(StoreError) in try reader.accountHealth() }.values.map(\.testOutcome) == [
                    "works"
                ])
            await world.advance(seconds: 599)
            try await probe.pass()
            #expect(try await upstream.requests().count == 1)
            await world.advance(seconds: 2)
            try await probe.pass()
            #expect(try await upstream.requests(finished: 2).count == 2)
            // The books say what the upstream bills, and no customer has paid for it.
            let bill = try await upstream.ledger(finished: 2)
            let ledger = try await world.store.read { reader throws(StoreError) in try reader.ledger(limit: 10).items }
            #expect(
                ledger.map(\.tokens) == bill.map(charged)
                    && ledger.allSatisfy { $0.costMicroUSD > 0 && $0.priceMicroUSD == 0 && !$0.charged })
            #expect(ledger.allSatisfy { $0.apiKeyID == .operators && $0.model == "claude-haiku-5-5" && $0.usageSource == .final })
            #expect(try await world.store.read { reader throws(StoreError) in try reader.usage(UsageFilter()).requests } == 0)
            // Who is used needs no question.
            await world.advance(seconds: 600)
            #expect(try await world.send().status == 200)
            try await probe.pass()
            #expect(try await upstream.requests(finished: 3).count == 3)
        }
    }

    @Test func `only models that the account serves are asked for`() async throws {
        try await withProbe({ $0.modelAllow = #"["claude-opus-*"]"# }) { _, upstream, probe async throws in
            try await probe.pass()
            #expect(try await upstream.ledger(finished: 1).first?["requested_model"] as? String == "claude-opus-5-5")
        }
    }

    @Test func `what a question costs counts against the account's day at once`() async throws {
        try await withProbe({ $0.caps.costPerDayMicroUSD = 1 }) { world, upstream, probe async throws in
            try await probe.pass()
            let account = try world.account(Self.account)
            let cost = try await world.store.read { reader throws(StoreError) in try reader.ledger(limit: 1).items.first?.costMicroUSD }
            #expect(account.live.costToday == cost && cost ?? 0 >= 1)
            #expect(try await world.send().status == 529, "its day is used up")
            #expect(try await upstream.requests(finished: 1).count == 1)
        }
    }

    @Test func `what a command's question costs reaches the servers with the next look at the accounts`() async throws {
        try await withProbe({ $0.caps.costPerDayMicroUSD = 1 }) { world, _, _ async throws in
            let account = try world.account(Self.account)
            let tester = AccountTester(world.store, keyring: world.keyring, allowsLoopback: true)
            let outcome = try #require(try await tester.test(account.id))
            #expect(outcome.works && outcome.costMicroUSD >= 1 && account.live.costToday == 0)
            try await world.relay.refresh()
            #expect(try world.account(Self.account).live.costToday == outcome.costMicroUSD)
            world.relay.tested(account.id, outcome)
            #expect(account.live.costToday == 2 * outcome.costMicroUSD, "a test of this server counts without the store")
        }
    }

    @Test(arguments: [
        ("cut-after=headers", UsageSource.estimated), ("connect-refuse", .estimated), ("status=500", nil), ("ok", .final),
    ]) func `a question whose answer is lost is booked as an estimate`(step: String, source: UsageSource?) async throws {
        try await withProbe { world, upstream, _ async throws in
            try await upstream.script(Self.account, [step])
            let id = try world.account(Self.account).id
            let outcome = try #require(try await AccountTester(world.store, keyring: world.keyring, allowsLoopback: true).test(id))
            let ledger = try await world.store.read { reader throws(StoreError) in try reader.ledger(limit: 10).items }
            #expect(ledger.map(\.usageSource) == (source.map { [$0] } ?? []), "\(step): \(outcome)")
            #expect(ledger.allSatisfy { $0.tokens.input > 0 && $0.tokens.output > 0 && $0.costMicroUSD >= 1 && !$0.charged })
        }
    }

    @Test(arguments: [("https", [UsageSource]()), ("http", [.estimated])])
    func `a question that finds no connection in time was not asked, and nothing is booked`(scheme: String, booked: [UsageSource])
        async throws
    {
        // Accepted by the system; nobody ever says a word.
        let listener = try RawListener()
        try await withRelay([WorldAccount(secret: Self.account, baseURL: "\(scheme)://127.0.0.1:\(listener.port)")]) { world in
            var tester = AccountTester(world.store, keyring: world.keyring, allowsLoopback: true)
            tester.timeoutMilliseconds = 50
            let outcome = try #require(try await tester.test(try world.account(Self.account).id))
            #expect(!outcome.works && outcome.code == "unreachable")
            let ledger = try await world.store.read { reader throws(StoreError) in try reader.ledger(limit: 10).items }
            #expect(ledger.map(\.usageSource) == booked, "\(outcome)")
        }
    }

    @Test func `what the answer says counts: a credential that is refused blocks the account, and nobody asks it again`() async throws {
        try await withProbe { world, upstream, probe async throws in
            try await upstream.script(Self.account, ["status=401;type=authentication_error"])
            try await probe.pass()
            let account = try world.account(Self.account)
            #expect(account.standing(world.store.ambient.now()).status == .blocked)
            await world.advance(seconds: 601)
            try await probe.pass()
            #expect(try await upstream.requests(finished: 1).count == 1)
        }
    }

    @Test func `accounts that are off, not to be chosen or a program are left alone, and without the setting all are`() async throws {
        try await withProbe({ $0.isSchedulable = false }) { _, upstream, probe async throws in
            try await probe.pass()
            #expect(try await upstream.requests().isEmpty)
        }
        try await withProbe({ $0.kind = .cli }) { _, upstream, probe async throws in
            try await probe.pass()
            #expect(try await upstream.requests().isEmpty)
        }
        try await withRelay([]) { world async throws in #expect(world.relay.probe == nil) }
    }

    /// What the upstream bills for one request.
    private func charged(_ row: [String: Any]) -> TokenCounts {
        var usage = MeteredUsage()
        usage.overlay(Array((try? JSONSerialization.data(withJSONObject: row["usage"] ?? [:])) ?? Data()).span, 0)
        return usage.tokens
    }

    private static let begins =
        #"echo '{"type":"stream_event","event":{"type":"message_start","message":{"model":"claude-sonnet-5-5","usage":{"input_tokens":7,"output_tokens":1}}}}'"#
    private static let programs: [(script: String?, works: Bool, code: String, booked: [TokenCounts])] = [
        (
            #"echo '{"type":"result","subtype":"success","is_error":false,"result":"yes","usage":{"input_tokens":7,"output_tokens":3}}'"#,
            true,
            "works", [TokenCounts(input: 7, output: 3)]
        ),
        (
            #"echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"result":"secret words"}'"#, false,
            "overloaded",
            []
        ),
        (begins, false, "unreachable", [TokenCounts(input: 7, output: 1)]), ("exit 3", false, "unreachable", []),
        (nil, false, "unusable", []),
    ]

    @Test(arguments: programs)
    func `a cli account is tried with the operator's program`(row: (script: String?, works: Bool, code: String, booked: [TokenCounts]))
        async throws
    {
        try await withTemporaryFolder { folder in
            let program = folder.appending(path: "program")
            try Data(("#!/bin/sh\n[ \"$ANTHROPIC_API_KEY\" = \(Self.account) ] || exit 9\n" + (row.script ?? "") + "\n").utf8).write(
                to: program)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
            try await withRelay([WorldAccount(secret: Self.account, baseURL: "https://api.anthropic.com") { $0.kind = .cli }]) {
                world async throws in
                let tester = AccountTester(
                    world.store, keyring: world.keyring, allowsLoopback: true, program: row.script == nil ? nil : program.path,
                    folder: folder.appending(path: "runs").path)
                let id = try #require(world.relay.services.accounts.pool.programs.first).id
                let outcome = try #require(try await tester.test(id, model: "claude-sonnet-5-5"))
                #expect(outcome.works == row.works && outcome.code == row.code, "\(outcome)")
                let health = try await world.store.read { reader throws(StoreError) in try reader.accountHealth() }
                #expect(health[id]?.testOutcome == row.code && !outcome.detail.contains(Self.account))
                let ledger = try await world.store.read { reader throws(StoreError) in try reader.ledger(limit: 10).items }
                #expect(ledger.map(\.tokens) == row.booked && ledger.allSatisfy { !$0.charged && $0.accountID == id })
            }
        }
    }
}
