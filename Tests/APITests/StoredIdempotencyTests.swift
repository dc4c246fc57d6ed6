import API
import Domain
import HTTP
import Secrets
import Store
import TestKit
import Testing

struct StoredIdempotencyTests {
    private func port(_ store: Store, _ clock: TestClock) throws -> IdempotencyPort {
        .stored(in: store, keys: DataKeys(try rotated(clock).before))
    }
    private func rotated(_ clock: TestClock) throws -> (before: Keyring, after: Keyring) {
        let encryptionKey = SecretBytes(Array("an encryption key for tests only".utf8))
        let keys = try (0..<2).map { _ in try Keyring.makeDataKey(encryptionKey: encryptionKey, ambient: clock.ambient) }
        func open(_ keys: [WrappedKey]) throws -> Keyring {
            try Keyring.open(keys, encryptionKey: encryptionKey, legacyKey: nil, ambient: clock.ambient)
        }
        return (try open([keys[0]]), try open(keys))
    }
    private static let request = RequestID(TestClock().ambient)
    private let id = IdempotencyID(actor: "user:1", route: "POST /api/keys", key: "k-1")

    @Test func `an answer is kept sealed and comes back as it was`() async throws {
        let clock = TestClock()
        try await withStore(.sqlite, clock: clock) { store in
            let port = try port(store, clock)
            #expect(try await port.claim(id, [1, 2], Self.request) == .new)
            #expect(try await port.claim(id, [1, 2], Self.request) == .underWay)
            try await port.complete(id, 201, Array("cr_shown once".utf8))
            #expect(try await port.claim(id, [1, 2], Self.request) == .done(status: 201, answer: Array("cr_shown once".utf8)))
            #expect(try await port.claim(id, [1, 3], Self.request) == .mismatch)
            let raw = try await store.transaction { transaction throws(StoreError) in
                try transaction.claimIdempotencyKey(id.key, actor: id.actor, route: id.route, bodyDigest: Hashing.sha256([1, 2]))
            }
            guard case .done(_, let kept) = raw else {
                Issue.record("the answer is not kept")
                return
            }
            #expect(!String(decoding: kept, as: UTF8.self).contains("cr_shown"))
        }
    }

    @Test func `an answer that another process sealed with a newer data key comes back`() async throws {
        let clock = TestClock()
        try await withStore(.sqlite, clock: clock) { store in
            let (old, new) = try rotated(clock)
            let there = IdempotencyPort.stored(in: store, keys: DataKeys(new))
            #expect(try await there.claim(id, [1], Self.request) == .new)
            try await there.complete(id, 201, [7])
            let here = IdempotencyPort.stored(in: store, keys: DataKeys(old) { _ throws(SecretsError) in new })
            #expect(try await here.claim(id, [1], Self.request) == .done(status: 201, answer: [7]))
        }
    }

    @Test func `a released key is new again`() async throws {
        let clock = TestClock()
        try await withStore(.sqlite, clock: clock) { store in
            let port = try port(store, clock)
            #expect(try await port.claim(id, [1], Self.request) == .new)
            #expect(try await port.release(id) == [])
            #expect(try await port.claim(id, [2], Self.request) == .new)
        }
    }
}
