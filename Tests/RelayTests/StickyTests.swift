import Domain
@testable import HTTP
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// Sessions that stay with an account (relay contract, section 13).
struct StickyTests {
    private static let now = Timestamp(seconds: 1_795_219_200)
    private static func key(_ number: Int) -> StickyKey { StickyKey(Hashing.sha256(Array("\(number)".utf8))) }
    private static func account(_ number: UInt64) -> AccountID { AccountID(high: number, low: number) }

    @Test func `a binding slides with use and ends an hour after the last one`() {
        let sessions = StickySessions()
        sessions.bind(Self.key(1), to: Self.account(1), now: Self.now)
        sessions.bind(Self.key(1), to: Self.account(2), now: Self.now.adding(seconds: 1))
        #expect(sessions.account(Self.key(1), now: Self.now.adding(seconds: 3500)) == Self.account(1), "the first of two wins")
        #expect(sessions.account(Self.key(1), now: Self.now.adding(seconds: 7000)) == Self.account(1))
        #expect(sessions.account(Self.key(1), now: Self.now.adding(seconds: 10_600)) == nil)
        sessions.bind(Self.key(1), to: Self.account(2), now: Self.now.adding(seconds: 10_601))
        sessions.move(Self.key(1), from: Self.account(1), to: Self.account(3), now: Self.now.adding(seconds: 10_602))
        #expect(sessions.account(Self.key(1), now: Self.now.adding(seconds: 10_603)) == Self.account(2), "an older move does not hold")
    }

    @Test func `sessions are bounded, and the oldest go first`() {
        let sessions = StickySessions(maximumEntries: 160)
        for number in 1...5000 { sessions.bind(Self.key(number), to: Self.account(1), now: Self.now.adding(milliseconds: Int64(number))) }
        #expect(sessions.count <= 160 && sessions.account(Self.key(5000), now: Self.now.adding(seconds: 10)) != nil)
        #expect(sessions.account(Self.key(1), now: Self.now.adding(seconds: 10)) == nil)
    }

    @Test(
        arguments: [
            (#"{"device_id":"ab","account_uuid":"","session_id":"6f1c"}"#, "6f1c"), ("user_ab_account__session_6f1c", "6f1c"),
            ("user_ab_account_x_session_", nil), ("somebody", nil), (#"{"session_id":7}"#, nil), ("{", nil), ("", nil),
        ] as [(String, String?)])
    func `the session is read out of metadata in both forms`(text: String, session: String?) {
        #expect(StickyIdentity.session(inUserID: text) == session)
    }

    private func identity(_ body: String, _ headers: [String] = []) throws -> [UInt8]? {
        let bytes = Array(body.utf8)
        let request = try MessagesRequest(scanning: bytes.span)
        let head = try RequestHead.testing(headers)
        return StickyIdentity.identity(head, request, bytes.span, .sonnet)
    }

    @Test func `what tells a session apart is the first of the list`() throws {
        func body(_ system: String = "", _ user: String = "Hello", _ more: String = "", key: String = "") -> String {
            #"{"model":"m",\#(key)\#(system)"messages":[{"role":"system","content":"x"},{"role":"user","content":"\#(user)"}\#(more)]}"#
        }
        let plain = try identity(body())
        let later = try identity(body("", "Hello", #",{"role":"assistant","content":"Hi"},{"role":"user","content":"more"}"#))
        #expect(plain != nil && plain == later)
        #expect(try identity(body("", "Other")) != plain)
        let blocks =
            #""system":[{"type":"text","text":"x-anthropic-billing-header: \#("1")","cache_control":{"type":"ephemeral"}},{"type":"text","text":"sys","cache_control":{"type":"ephemeral"}},{"type":"text","text":"now 12:01"}],"#
        let marked = try identity(body(blocks))
        #expect(marked != plain)
        let next = try identity(body(blocks.replacing("header: 1", with: "header: 2").replacing("12:01", with: "12:02")))
        #expect(marked == next)
        #expect(try identity(body(blocks.replacing("\"sys\"", with: "\"other\""))) != marked)
        #expect(try identity(body(key: #""prompt_cache_key":"pk","#)) == Array("p|pk".utf8))
        #expect(try identity(body(key: #""prompt_cache_key":"pk","#), ["session-id: s1"]) == Array("h|s1".utf8))
        let metadata = #""metadata":{"user_id":"user_a_account__session_s2"},"#
        #expect(try identity(body(key: metadata), ["session-id: s1"]) == Array("s|s2".utf8))
        #expect(try identity(body(key: metadata), ["x-claude-code-session-id: s3"]) == Array("s|s3".utf8))
        #expect(try identity(#"{"model":"m","messages":[{"role":"assistant","content":"x"}]}"#) == nil)
        let long = try identity(body(), ["session-id: " + String(repeating: "a", count: 5000)])
        #expect(long?.count == 258)
    }

    private func withPool(_ test: (RelayWorld, FakeUpstream) async throws -> Void) async throws {
        try await withFakeUpstream { fake in
            let pool = ["sk-account-one", "sk-account-two", "sk-account-three"].map { WorldAccount(secret: $0, baseURL: fake.baseURL) }
            try await withRelay(pool) { world in try await test(world, fake) }
        }
    }
    private static let session = ["x-api-key: " + RelayWorld.secret, "x-claude-code-session-id: 6f1c"]

    @Test func `acceptance 10: twenty turns of a session stay on one account, other sessions spread`() async throws {
        try await withPool { world, fake in
            for _ in 1...20 { #expect(try await world.send(headers: Self.session).status == 200) }
            let turns = try await fake.requests(finished: 20).compactMap { $0["credential"] as? String }
            #expect(turns.count == 20 && Set(turns).count == 1)
            for number in 1...9 {
                _ = try await world.send(headers: ["x-api-key: " + RelayWorld.secret, "x-claude-code-session-id: other-\(number)"])
            }
            let all = try await fake.requests(finished: 29).compactMap { $0["credential"] as? String }
            #expect(Set(all.suffix(9)).count == 3)
        }
    }

    @Test func `acceptance 10: the same session of two customers are two sessions`() {
        let identity = StickyIdentity(secret: SecretBytes([1, 2, 3]))
        let other = StickyIdentity(secret: SecretBytes([4, 5, 6]))
        do {
            let head = try RequestHead.testing(["x-claude-code-session-id: 6f1c"])
            let body = Array(RelayWorld.body.utf8)
            let request = try MessagesRequest(scanning: body.span)
            func key(_ identity: StickyIdentity, _ customer: UInt64) -> StickyKey? {
                identity.key(head, request, body: body.span, family: .sonnet, of: APIKeyID(high: customer, low: 1))
            }
            #expect(key(identity, 1) == key(identity, 1) && key(identity, 1) != key(identity, 2))
            #expect(key(identity, 1) != key(other, 1), "only this server can make it")
        } catch { Issue.record(error) }
    }

    @Test func `a session borrows another account for a short pause and moves for a long one`() async throws {
        try await withPool { world, fake in
            func serving() async throws -> String {
                #expect(try await world.send(headers: Self.session).status == 200)
                return try #require(try await fake.requests(finished: 1).last?["credential"] as? String)
            }
            let home = try await serving()
            try world.account(home).live.failed(.unavailable, .sonnet, now: world.clock.ambient.now())
            #expect(try await serving() != home)
            await world.advance(seconds: 16)
            #expect(try await serving() == home, "it was lent out only")
            try world.account(home).live.failed(.forbidden, .sonnet, now: world.clock.ambient.now())
            let next = try await serving()
            #expect(next != home)
            await world.advance(seconds: 700)
            #expect(try await serving() == next, "it has moved")
            let id = try world.account(next).id
            _ = try await world.change { transaction throws(StoreError) in try transaction.deleteAccount(id) }
            let third = try await serving()
            let fourth = try await serving()
            #expect(third != next && fourth == third)
        }
    }

    @Test func `a session leaves an account that is far slower than the rest`() async throws {
        try await withPool { world, fake in
            #expect(try await world.send(headers: Self.session).status == 200)
            let home = try #require(try await fake.requests(finished: 1).last?["credential"] as? String)
            for account in world.relay.services.accounts.accounts {
                for _ in 1...10 { account.live.noteFirstByte(milliseconds: account.account.details.name == home ? 10_001 : 3_000) }
            }
            #expect(try await world.send(headers: Self.session).status == 200)
            #expect(try await fake.requests(finished: 2).last?["credential"] as? String != home)
        }
    }

    @Test func `a slow account keeps its sessions while the quicker ones rest`() async throws {
        try await withPool { world, fake in
            #expect(try await world.send(headers: Self.session).status == 200)
            let home = try #require(try await fake.requests(finished: 1).last?["credential"] as? String)
            for account in world.relay.services.accounts.accounts {
                let isHome = account.account.details.name == home
                for _ in 1...10 { account.live.noteFirstByte(milliseconds: isHome ? 10_001 : 3_000) }
                if !isHome { account.live.failed(.forbidden, .sonnet, now: world.clock.ambient.now()) }
            }
            #expect(try await world.send(headers: Self.session).status == 200)
            #expect(try await fake.requests(finished: 2).last?["credential"] as? String == home)
        }
    }
}

extension RequestHead {
    /// The head of a POST with these fields.
    fileprivate static func testing(_ fields: [String]) throws -> RequestHead {
        let text = "POST /v1/messages HTTP/1.1\r\nhost: relay.example.com\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        let bytes = Array(text.utf8)
        var parser = RequestParser()
        guard case .complete(let length) = try parser.parse(bytes.span) else { throw ParseError("a whole head") }
        return parser.take(bytes.span, length: length)
    }
}
