import Domain
import HTTP
import Secrets
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// OAuth accounts (relay contract, section 3): refreshed once, by one, ahead of time, and on a 401.
struct TokenRefresherTests {
    private func withAccount(
        lifeSeconds: Int64 = 36_000, lacksAccess: Bool = false, second: Bool = false,
        _ test: (_ world: RelayWorld, _ fake: FakeUpstream, _ id: AccountID) async throws -> Void
    ) async throws {
        try await withFakeUpstream { fake in
            var pool = [
                WorldAccount(
                    secret: "access-0", baseURL: fake.baseURL, change: { $0.priority = 1 }, refreshToken: "refresh-0",
                    lacksAccess: lacksAccess,
                    lifeSeconds: lifeSeconds)
            ]
            if second { pool.append(WorldAccount(secret: "sk-account-two", baseURL: fake.baseURL) { $0.priority = 2 }) }
            try await withRelay(pool) { world in
                let id = try #require(world.relay.services.accounts.accounts.first).id
                try await test(world, fake, id)
            }
        }
    }
    private func token(_ world: RelayWorld, _ id: AccountID) async throws -> AccountToken {
        try #require(try await world.store.read { reader throws(StoreError) in try reader.accountToken(id) })
    }
    private func refreshes(_ fake: FakeUpstream, finished: Int = 0) async throws -> [[String: Any]] {
        try await fake.requests(finished: finished).filter { ($0["path"] as? String)?.hasSuffix("/oauth/token") == true }
    }

    @Test func `the access token and the one beta value go upstream`() async throws {
        try await withAccount { world, fake, _ in
            for beta in [[], ["anthropic-beta: one"], ["anthropic-beta: one, oauth-2025-04-20"]] {
                #expect(try await world.send(headers: ["x-api-key: " + RelayWorld.secret] + beta).status == 200)
            }
            let seen = try await fake.requests(finished: 3)
            #expect(seen.allSatisfy { $0["credential"] as? String == "access-0" })
            #expect(seen.allSatisfy { "\($0)".components("oauth-2025-04-20") == 1 })
            #expect("\(seen[1])".contains("one,oauth-2025-04-20") && "\(seen[2])".contains("one, oauth-2025-04-20"))
        }
    }

    @Test func `a 401 refreshes once and the same account serves`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("access-0", [], default: "status=401;code=token_expired")
            try await fake.script("refresh-0", ["rotate-refresh"])
            let reply = try await world.send(RelayWorld.streamBody)
            #expect(reply.status == 200 && reply.header("x-relay-attempts") == "2", "\(reply.text)")
            #expect(try await refreshes(fake, finished: 3).count == 1)
            #expect(try await world.send().status == 200)
            #expect(try await refreshes(fake, finished: 4).count == 1, "the new token is kept")
            let kept = try await token(world, id)
            #expect(kept.generation == 2 && kept.refreshedAt != nil)
            let refresh = String(decoding: try world.keyring.open(kept.refreshSealed, for: AccountSeal.refresh(id)), as: UTF8.self)
            #expect(refresh.hasPrefix("sk-ant-ort01-"), "the rotated refresh token is kept, sealed")
            #expect(!String(decoding: kept.refreshSealed, as: UTF8.self).contains("sk-ant"))
        }
    }

    @Test(arguments: ["/v1/messages/count_tokens", "/v1/messages/batches"])
    func `calls beside messages refresh once, too`(path: String) async throws {
        try await withAccount { world, fake, id in
            try await fake.script("access-0", [], default: "status=401;code=token_expired")
            try await fake.script("refresh-0", ["rotate-refresh"])
            let params = #"{"model":"claude-sonnet-5-5","max_tokens":4,"messages":[{"role":"user","content":"a"}]}"#
            let body = path.hasSuffix("batches") ? #"{"requests":[{"custom_id":"a","params":\#(params)}]}"# : params
            let reply = try await world.send(body, path)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(try await refreshes(fake, finished: 3).count == 1)
            guard let batch = try JSON(parsing: reply.body)["id"].string else { return }
            let kept = try await token(world, id)
            let access = String(
                decoding: try world.keyring.open(try #require(kept.accessSealed), for: AccountSeal.access(id)), as: UTF8.self)
            let refresh = String(decoding: try world.keyring.open(kept.refreshSealed, for: AccountSeal.refresh(id)), as: UTF8.self)
            try await fake.script(access, ["status=401"])
            try await fake.script(refresh, ["rotate-refresh"])
            // The fake knows a batch by the credential that made it.
            #expect(try await world.get(path + "/" + batch).status == 404)
            #expect(try await token(world, id).generation == 3)
        }
    }

    @Test func `a token endpoint that fails is not asked again by every customer`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("access-0", [], default: "status=401")
            try await fake.script("refresh-0", ["refresh-fail=500", "rotate-refresh"])
            let next = world.clock.ambient.now().adding(seconds: 10).text
            for path in ["/v1/messages", "/v1/messages", "/v1/messages/count_tokens"] {
                let reply = try await world.send(RelayWorld.body, path)
                #expect(reply.status == 529 && reply.header("retry-after") == "10", "when the token endpoint is asked again")
                #expect(try JSON(parsing: reply.body)["error"]["details"]["resets_at"].string == next)
            }
            #expect(try await refreshes(fake).count == 1)
            await world.advance(seconds: 4)
            #expect(try await world.send().header("retry-after") == "6")
            await world.advance(seconds: 6)
            #expect(try await world.send().status == 200)
            #expect(try await token(world, id).generation == 2)
        }
    }

    @Test func `an account whose token is refused stands back while no new one can be had`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("access-0", [], default: "status=401")
            try await fake.script("refresh-0", [], default: "refresh-fail=500")
            #expect(try await world.send().status == 529)
            let asked = try await fake.requests(finished: 1).count
            let account = try #require(world.relay.services.accounts.pool.account(id))
            let now = world.clock.ambient.now()
            #expect(
                world.relay.services.accounts.obstacle(
                    account, AccountWish(world.relay.services.accounts.pool.candidates("claude-sonnet-5-5")), now: now)
                    == .noToken(until: now.adding(seconds: 10)))
            #expect(account.standing(now).status == .cooling)
            #expect(try await world.send().status == 529)
            #expect(try await fake.requests(finished: asked).count == asked, "nobody asks the upstream in vain")
        }
    }

    @Test func `what waits for a first token, or for a person, is told so`() async throws {
        try await withAccount(lacksAccess: true) { world, fake, id in
            try await fake.script("refresh-0", ["refresh-fail=500", "refresh-fail=500", "refresh-fail=invalid_grant"])
            #expect(try await world.send().header("retry-after") == "5", "somebody looks every five seconds")
            for pause in [10, 20] as [Int64] {
                try await world.relay.services.tokens.renewEnding()
                #expect(try await world.send().header("retry-after") == "\(pause)")
                await world.advance(seconds: pause)
            }
            try await world.relay.services.tokens.renewEnding()
            let reply = try await world.send()
            #expect(reply.status == 529 && reply.header("retry-after") == "60", "time alone helps no more")
            #expect(try JSON(parsing: reply.body)["error"]["details"]["resets_at"] == .null)
        }
    }

    @Test func `a token that was refused says nothing of the next one`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("access-0", ["status=401"])
            try await fake.script("refresh-0", ["rotate-refresh"])
            #expect(try await world.send().status == 200)
            let account = try #require(world.relay.services.accounts.accounts.first)
            #expect(account.generation == 2 && !account.awaitsToken, "the one that was refused is another")
        }
    }

    @Test func `an operator's word does not wait for the pause after a failure`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("refresh-0", ["refresh-fail=500", "rotate-refresh"])
            #expect(await world.relay.renewToken(id) == false)
            #expect(await world.relay.renewToken(id))
        }
    }

    @Test func `a second 401 asks for a new login and the next account serves`() async throws {
        try await withAccount(second: true) { world, fake, id in
            try await fake.script("access-0", ["status=401"])
            try await fake.script("refresh-0", ["rotate-refresh"])
            // For the token that the refresh gives.
            try await fake.script("*", ["status=401"])
            let reply = try await world.send()
            #expect(reply.status == 200 && reply.header("x-relay-attempts") == "3", "\(reply.text)")
            let row = try await world.store.read { reader throws(StoreError) in try reader.account(id) }
            #expect(row?.status == .needsReauth && row?.statusReason.isEmpty == false)
            #expect(try await world.send().header("x-relay-attempts") == "1", "it is not asked again")
        }
    }

    @Test func `simultaneous 401s make one refresh`() async throws {
        try await withAccount { world, fake, _ in
            try await fake.script("access-0", [], default: "status=401")
            try await fake.script("refresh-0", ["rotate-refresh|hang-before-headers=50"])
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...12 { group.addTask { try await world.send().status } }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
            #expect(try await refreshes(fake).count == 1)
        }
    }

    /// Two processes with one rotating refresh token: exactly one call, no `invalid_grant`.
    @Test func `acceptance 9: two refreshers of one token make exactly one call`() async throws {
        try await withAccount { world, fake, id in
            try await fake.script("refresh-0", ["rotate-refresh|hang-before-headers=50", "rotate-refresh"])
            let outgoing = OutgoingClient(ambient: Ambient.live, rule: AddressRule(allowsLoopback: true))
            let keyring = world.keyring
            let refreshers = (1...4).map { _ in
                TokenRefresher(
                    store: world.store, keyring: { keyring }, client: { () throws(ClientError) in try outgoing.client() }, log: .silent,
                    metrics: Metrics(), changed: {})
            }
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for refresher in refreshers { for _ in 1...3 { group.addTask { await refresher.renew(id, known: 1) } } }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(outcomes == Array(repeating: true, count: 12))
            #expect(try await refreshes(fake).count == 1)
            #expect(try await token(world, id).generation == 2)
        }
    }

    @Test(arguments: [(36_000, 0), (200, 1), (-5, 1)] as [(Int64, Int)])
    func `a token is renewed when little of its life is left`(lifeSeconds: Int64, count: Int) async throws {
        try await withAccount(lifeSeconds: lifeSeconds) { world, fake, id in
            try await world.relay.services.tokens.renewEnding()
            try await world.relay.services.tokens.renewEnding()
            #expect(try await refreshes(fake).count == count)
            #expect(try await token(world, id).generation == Int64(1 + count))
        }
    }

    @Test func `an account without an access token gets its first one, disabled ones too`() async throws {
        try await withAccount(lacksAccess: true) { world, fake, id in
            #expect(try await world.send().status == 529, "nothing goes upstream without a credential")
            _ = try await world.change { transaction throws(StoreError) in
                try transaction.setAccountStatus(.disabled, reason: "", of: id)
            }
            try await world.relay.services.tokens.renewEnding()
            _ = try await world.change { transaction throws(StoreError) in
                try transaction.setAccountStatus(.active, reason: "", of: id)
            }
            #expect(try await world.send().status == 200)
            #expect(try await fake.violations() == [])
        }
    }

    @Test func `a dead refresh token is final, other failures back off and keep the old token`() async throws {
        try await withAccount(lifeSeconds: 100) { world, fake, id in
            try await fake.script("refresh-0", ["refresh-fail=500", "refresh-fail=500", "refresh-fail=invalid_grant"])
            for pause in [10, 20] as [Int64] {
                try await world.relay.services.tokens.renewEnding()
                let kept = try await token(world, id)
                #expect(kept.nextAttemptAt == world.clock.ambient.now().adding(seconds: pause) && !kept.lastError.isEmpty)
                try await world.relay.services.tokens.renewEnding()
                #expect(try await world.send().status == 200, "the old token serves on")
                await world.advance(seconds: pause)
            }
            #expect(try await refreshes(fake).count == 2)
            try await world.relay.services.tokens.renewEnding()
            let row = try await world.store.read { reader throws(StoreError) in try reader.account(id) }
            #expect(row?.status == .needsReauth)
            await world.advance(seconds: 100_000)
            try await world.relay.services.tokens.renewEnding()
            #expect(try await refreshes(fake).count == 3, "nobody asks again")
        }
    }

    @Test func `a form is written as forms are`() {
        let form = TokenRefresher.form([("grant_type", "refresh_token"), ("client_secret", "a&b=c d+é")])
        #expect(String(decoding: form, as: UTF8.self) == "grant_type=refresh_token&client_secret=a%26b%3Dc%20d%2B%C3%A9")
    }
}
