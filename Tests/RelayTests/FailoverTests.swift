import Domain
import HTTP
import Store
import Synchronization
import TestKit
import Testing

@testable import Relay

/// The rows of the relay contract's section 14 through the real relay and the fake upstream: what the customer gets, who is asked next,
/// and what the account rests from.
struct FailoverTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let step: String
        /// With one account: status and the `retry-after` that tells the truth, nil for none.
        let status: Int
        let retryAfter: String?
        /// With three: whether another one serves.
        let isServed: Bool
        /// The account rests afterwards.
        let rests: Bool
        var testDescription: String { step }
    }
    static let rows = [
        Row(step: "status=401", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=402", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=429;code=enforced_spend_limit_reached", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=403;message=organization_on_hold", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=400;message=This organization has been disabled", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=403", status: 529, retryAfter: "60", isServed: true, rests: true),
        Row(step: "status=429|unified=5h:1.0:1795219230", status: 529, retryAfter: "30", isServed: true, rests: true),
        Row(step: "status=429;retry-after=7", status: 529, retryAfter: "7", isServed: true, rests: true),
        Row(step: "status=429;retry-after=0.5", status: 529, retryAfter: "1", isServed: true, rests: true),
        Row(step: "status=429;message=needs extra usage", status: 429, retryAfter: nil, isServed: false, rests: false),
        Row(step: "status=529", status: 529, retryAfter: nil, isServed: true, rests: true),
        Row(step: "status=500", status: 500, retryAfter: nil, isServed: true, rests: false),
        Row(step: "status=502", status: 502, retryAfter: nil, isServed: true, rests: false),
        // An error under the status of an answer.
        Row(step: "status=200;type=overloaded_error", status: 502, retryAfter: nil, isServed: true, rests: false),
        Row(step: "html503", status: 503, retryAfter: nil, isServed: true, rests: true),
        Row(step: "status=504", status: 504, retryAfter: nil, isServed: true, rests: true),
        Row(step: "status=400", status: 400, retryAfter: nil, isServed: false, rests: false),
        Row(step: "status=404", status: 404, retryAfter: nil, isServed: false, rests: false),
        Row(step: "status=409", status: 409, retryAfter: nil, isServed: false, rests: false),
        Row(step: "status=413", status: 413, retryAfter: nil, isServed: false, rests: false),
        Row(step: "status=422", status: 422, retryAfter: nil, isServed: false, rests: false),
        Row(step: "connect-refuse", status: 502, retryAfter: nil, isServed: true, rests: false),
    ]

    private static let secrets = ["sk-account-one", "sk-account-two", "sk-account-three"]

    private func withFake(_ count: Int, _ test: (RelayWorld, FakeUpstream) async throws -> Void) async throws {
        try await withFakeUpstream { fake in
            let pool = Self.secrets.prefix(count).enumerated().map { index, secret in
                WorldAccount(secret: secret, baseURL: fake.baseURL) { $0.priority = Int64(index + 1) }
            }
            try await withRelay(pool) { world in try await test(world, fake) }
        }
    }

    @Test(arguments: rows, [RelayWorld.body, RelayWorld.streamBody])
    func `acceptance 6, one account: the customer gets what the contract says`(row: Row, body: String) async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], [], default: row.step)
            let reply = try await world.send(body)
            #expect(reply.status == row.status, "\(reply.text)")
            if row.status == 529 { #expect(reply.header("retry-after") == row.retryAfter) }
            #expect(!reply.text.contains("on_hold") && !reply.text.contains("sk-account"))
            #expect(try world.account(Self.secrets[0]).live.snapshot.rests.isEmpty != row.rests)
            guard row.rests else { return }
            let again = try await world.send(body)
            #expect(again.status == 529 && again.text.contains("no_account_available"), "it is not asked while it rests: \(again.text)")
            #expect(try await fake.requests(finished: 1).count == 1)
        }
    }

    @Test(arguments: rows, [RelayWorld.body, RelayWorld.streamBody])
    func `acceptance 6, three accounts: the next one serves, and one answer comes`(row: Row, body: String) async throws {
        try await withFake(3) { world, fake in
            try await fake.script(Self.secrets[0], [], default: row.step)
            let reply = try await world.send(body)
            #expect(reply.status == (row.isServed ? 200 : row.status), "\(reply.text)")
            #expect(reply.header("x-relay-attempts") == (row.isServed ? "2" : "1"))
            if row.isServed, body == RelayWorld.streamBody { #expect(reply.text.components("event: message_start") == 1) }
            let seen = try await fake.requests(finished: row.isServed ? 2 : 1)
            #expect(seen.map { $0["credential"] as? String } == (row.isServed ? Array(Self.secrets.prefix(2)) : [Self.secrets[0]]))
            #expect(Set(seen.compactMap { $0["body_sha256"] as? String }).count == 1, "each attempt gets the same bytes")
        }
    }

    /// Rows that begin to answer: with one account and with three the customer gets the same.
    @Test(
        arguments: [
            "cut-after=content_block_delta#2", "cut-after=content_block_delta#2;rst", "cut-after=content_block_delta#2:9",
            "error-event-after=content_block_delta#2;type=overloaded_error", "error-event-after=message_start;type=api_error",
        ], [1, 3])
    func `acceptance 6, after the first byte nobody else goes on`(step: String, accounts: Int) async throws {
        try await withFake(accounts) { world, fake in
            try await fake.script(Self.secrets[0], [step])
            let reply = try await world.send(RelayWorld.streamBody)
            #expect(reply.status == 200 && reply.text.components("event: message_start") == 1)
            #expect(reply.text.components("event: error") == 1 && reply.text.components("event: message_stop") == 0)
            #expect(try await fake.requests(finished: 1).count == 1)
            let (history, ledger) = try await world.books()
            #expect(history.map(\.status) == [.error] && ledger.map(\.usageSource) == [.snapshot])
        }
    }

    /// The first event is an error: nothing has gone to the customer yet.
    @Test(arguments: ["overloaded_error", "api_error", "rate_limit_error", "authentication_error", "permission_error"], [1, 3])
    func `acceptance 6, an error as first event is a refusal`(type: String, accounts: Int) async throws {
        try await withFake(accounts) { world, fake in
            try await fake.script(Self.secrets[0], [], default: "first-event-error;type=\(type)")
            let reply = try await world.send(RelayWorld.streamBody)
            #expect((reply.status == 200) == (accounts == 3), "\(reply.text)")
            #expect(reply.text.components("event: message_start") == (accounts == 3 ? 1 : 0))
            if ["authentication_error", "permission_error"].contains(type) { #expect(!reply.text.contains(type)) }
        }
    }

    @Test(arguments: ["invalid_request_error", "request_too_large"])
    func `a request that is wrong is told so as first event, and no account rests for it`(type: String) async throws {
        try await withFake(3) { world, fake in
            for _ in 1...4 {
                for secret in Self.secrets { try await fake.script(secret, ["first-event-error;type=\(type)"]) }
                let reply = try await world.send(RelayWorld.streamBody)
                #expect(reply.status == (type == "request_too_large" ? 413 : 400) && reply.text.contains(type), "\(reply.text)")
            }
            #expect(try await fake.requests().count == 4, "the others are not asked")
            #expect(world.relay.services.accounts.accounts.allSatisfy { $0.live.snapshot.isQuiet })
        }
    }

    @Test func `all three fail: three attempts and the last word`() async throws {
        try await withFake(3) { world, fake in
            try await fake.script("*", [], default: "status=500;message=broken")
            let reply = try await world.send()
            #expect(reply.status == 500 && reply.text.contains("broken") && reply.header("x-relay-attempts") == "3")
        }
    }

    @Test(arguments: ["status=529", "status=429"])
    func `an overload and a 429 without a time ask one other account and no more`(step: String) async throws {
        try await withFake(3) { world, fake in
            try await fake.script("*", [], default: step)
            #expect(try await world.send().status == 529)
            #expect(try await fake.requests(finished: 2).count == 2)
        }
    }

    @Test func `headers of the client go to every account, also after an error as first event`() async throws {
        try await withFake(2) { world, fake in
            try await fake.script(Self.secrets[0], ["first-event-error"])
            let reply = try await world.send(
                RelayWorld.streamBody, headers: ["x-api-key: " + RelayWorld.secret, "anthropic-beta: one,two"])
            #expect(reply.status == 200)
            let seen = try await fake.requests(finished: 2)
            #expect(seen.count == 2 && seen.allSatisfy { "\($0)".contains("one,two") })
        }
    }

    @Test func `a 404 is passed on unless another account names the model`() async throws {
        try await withFakeUpstream { fake in
            let accounts = [
                WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) { $0.priority = 1 },
                WorldAccount(secret: "sk-account-two", baseURL: fake.baseURL) { $0.priority = 2 },
                WorldAccount(secret: "sk-account-three", baseURL: fake.baseURL) {
                    $0.priority = 3
                    $0.modelAllow = "[\"claude-sonnet-*\"]"
                },
            ]
            try await withRelay(accounts) { world in
                try await fake.script("sk-account-one", [], default: "status=404;message=first")
                #expect(try await world.send().status == 200)
                let seen = try await fake.requests(finished: 2).map { $0["credential"] as? String }
                #expect(seen == ["sk-account-one", "sk-account-three"])
                try await fake.script("sk-account-three", [], default: "status=404;message=second")
                let reply = try await world.send()
                #expect(reply.status == 404 && reply.text.contains("first"), "the first word counts")
            }
        }
    }

    @Test(arguments: [("status=500", 500), ("status=429;retry-after=20", 529), ("status=529", 529)])
    func `a 404 of who does not list the model hides nothing of who does`(step: String, status: Int) async throws {
        try await withFakeUpstream { fake in
            let accounts = [
                WorldAccount(secret: "sk-account-one", baseURL: fake.baseURL) {
                    $0.priority = 1
                    $0.modelAllow = "[\"claude-sonnet-*\"]"
                },
                WorldAccount(secret: "sk-account-two", baseURL: fake.baseURL) { $0.priority = 2 },
            ]
            try await withRelay(accounts) { world in
                try await fake.script("sk-account-one", [step], default: step)
                try await fake.script("sk-account-two", [], default: "status=404")
                #expect(try await world.send().status == status)
                // It rests now, or fails again.
                #expect(try await world.send().status == status)
            }
        }
    }

    @Test(arguments: ["status=301", "status=302", "status=307"])
    func `a redirect of an upstream reaches nobody`(step: String) async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], [step, step])
            for path in ["/v1/messages", "/v1/messages/count_tokens"] {
                #expect(try await world.send(RelayWorld.body, path).status == 502)
            }
        }
        try await withFake(2) { world, fake in
            try await fake.script(Self.secrets[0], [step])
            #expect(try await world.send().status == 200)
        }
    }

    @Test func `a refusal of a call beside messages leaves messages alone`() async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], ["status=429;retry-after=60", "status=529", "status=401"])
            let counted = try await world.send(RelayWorld.body, "/v1/messages/count_tokens")
            #expect(counted.status == 529 && counted.header("retry-after") == "60")
            #expect(try await world.send(RelayWorld.body, "/v1/messages/count_tokens").status == 529)
            let account = try world.account(Self.secrets[0])
            #expect(account.live.availability(.sonnet, now: world.clock.ambient.now()) == .free)
            #expect(try await world.send(RelayWorld.body, "/v1/messages/count_tokens").status == 529)
            #expect(account.live.availability(.sonnet, now: world.clock.ambient.now()) != .free)
        }
    }

    @Test(arguments: ["Your organization has been disabled.", "You have reached your specified API usage limits."])
    func `a first event that names an account's own trouble is that account's fault`(message: String) async throws {
        try await withFake(2) { world, fake in
            try await fake.script(Self.secrets[0], ["first-event-error;type=invalid_request_error;message=\(message)"])
            let reply = try await world.send(RelayWorld.streamBody)
            #expect(reply.status == 200 && !reply.text.contains(message))
            let account = try world.account(Self.secrets[0])
            #expect(account.standing(world.clock.ambient.now()).status == .blocked)
        }
    }

    @Test func `a claim on one family leaves the account to the others`() async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], ["status=429|unified=7d_sonnet:1.0:1795305600"])
            #expect(try await world.send().status == 529)
            #expect(try await world.send().status == 529)
            let haiku = RelayWorld.body.replacing("claude-sonnet-5-5", with: "claude-haiku-5-5")
            #expect(try await world.send(haiku).status == 200)
        }
    }

    @Test func `after the cooldown one request probes while others wait`() async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], ["html503", "hang-before-headers=60000"])
            #expect(try await world.send().status == 503)
            #expect(try await world.send().status == 529)
            await world.advance(seconds: 16)
            let probe = try world.client()
            try await probe.send(RelayWorld.request(RelayWorld.body))
            let live = try world.account(Self.secrets[0]).live
            #expect(await world.settles { live.slots.inFlight == 1 })
            // The upstream holds it: what leaves now has used up that step.
            #expect(try await fake.requests(started: 2).count == 2)
            let beside = try await world.send()
            #expect(beside.status == 529 && beside.header("retry-after") == "1")
            probe.reset()
            #expect(await world.settles { live.slots.inFlight == 0 })
            // The probe told nothing, so the next one tries, and its success opens the account.
            #expect(try await world.send().status == 200)
            #expect(live.snapshot.isQuiet)
        }
    }

    @Test func `a way that cannot be connected rests, not its accounts`() async throws {
        try await withFakeUpstream { fake in
            let accounts = [
                WorldAccount(secret: "sk-account-one", baseURL: "http://127.0.0.1:9") { $0.priority = 1 },
                WorldAccount(secret: "sk-account-two", baseURL: "http://127.0.0.1:9/other") { $0.priority = 2 },
                WorldAccount(secret: "sk-account-three", baseURL: fake.baseURL) { $0.priority = 3 },
            ]
            try await withRelay(accounts) { world in
                let first = try await world.send()
                #expect(first.status == 200 && first.header("x-relay-attempts") == "2", "the same dead route is not tried twice")
                #expect(try world.account("sk-account-one").live.snapshot.isQuiet)
                #expect(try await world.send().header("x-relay-attempts") == "1")
                await world.advance(seconds: 11)
                #expect(try await world.send().header("x-relay-attempts") == "2", "tried again after its pause")
            }
        }
    }

    @Test func `no account at all, or only ones that are switched off`() async throws {
        try await withRelay([]) { world in
            let reply = try await world.send()
            #expect(reply.status == 529 && reply.header("retry-after") == "60")
        }
        try await withFake(1) { world, _ in
            let id = try world.account(Self.secrets[0]).id
            _ = try await world.change { transaction throws(StoreError) in
                try transaction.setAccountStatus(.disabled, reason: "", of: id)
            }
            let reply = try await world.send()
            #expect(reply.status == 529 && reply.header("retry-after") == "60" && !reply.text.contains("resets_at"))
        }
    }

    @Test func `cooldowns survive a restart, and an operator's reset ends them`() async throws {
        try await withFake(1) { world, fake in
            try await fake.script(Self.secrets[0], ["status=403"])
            #expect(try await world.send().status == 529)
            await world.relay.health.write(uses: true)
            // What another process would read.
            let later = AccountDirectory()
            _ = try await later.refresh(from: world.store, keyring: world.keyring, rule: .init(allowsLoopback: true)) { _, _ in }
            let (restored, now) = (try #require(later.accounts.first), world.clock.ambient.now())
            #expect(
                restored.live.availability(.sonnet, now: now)
                    == .resting(until: now.adding(seconds: 600), isBlock: false, reason: "403"))
            #expect(restored.standing(now).status == .cooling && restored.live.lastUsedAt.load(ordering: .relaxed) == now.milliseconds)
            let id = restored.id
            _ = try await world.change { transaction throws(StoreError) in try transaction.resetAccount(id) }
            #expect(try await world.send().status == 200)
            _ = try await later.refresh(from: world.store, keyring: world.keyring, rule: .init(allowsLoopback: true)) { _, _ in }
            #expect(later.accounts.first?.live.snapshot.isQuiet == true, "every process hears of it")
            await world.relay.health.write(uses: false)
            #expect(try await world.store.read { reader throws(StoreError) in try reader.accountCooldowns() }.isEmpty)
        }
    }
}

extension RelayWorld {
    /// Waits for something that turns of the loop bring about.
    func settles(_ condition: () throws -> Bool) async rethrows -> Bool {
        for _ in 1...100_000 {
            if try condition() { return true }
            await reactor.poke()
        }
        return try condition()
    }
}
