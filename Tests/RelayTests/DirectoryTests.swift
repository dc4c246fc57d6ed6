import Domain
import Secrets
import Store
import TestKit
import Testing

@testable import Relay

/// What the data path knows of keys and accounts, and how it comes to know it.
struct DirectoryTests {
    @Test func `rows read earlier never bring a revoked key back`() async throws {
        try await withStore(.sqlite) { store in
            let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]))
            let (directory, secret) = (KeyDirectory(hasher: hasher), Array("cr_a_key_of_a_test".utf8))
            let key = try await store.transaction { transaction throws(StoreError) in
                try transaction.createAPIKey(
                    NewAPIKey(ownerID: nil, name: "a key", secretHash: hasher.hash(secret), shownPrefix: "cr_ab12", shownSuffix: "ab12"))
            }
            let early = try await store.read { reader throws(StoreError) in try reader.apiKeyChanges(since: 0) }
            _ = try await store.transaction { transaction throws(StoreError) in try transaction.deleteAPIKey(key.id) }
            try await directory.refresh(from: store)
            #expect(directory.find(secret) == nil)
            #expect(!directory.apply(early, since: 0), "they were read before the deletion")
            #expect(directory.find(secret) == nil && directory.count == 0)
        }
    }

    @Test func `a changed key keeps its counters`() async throws {
        try await withStore(.sqlite) { store in
            let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]))
            let (directory, secret) = (KeyDirectory(hasher: hasher), Array("cr_a_key_of_a_test".utf8))
            let key = try await store.transaction { transaction throws(StoreError) in
                try transaction.createAPIKey(
                    NewAPIKey(ownerID: nil, name: "a key", secretHash: hasher.hash(secret), shownPrefix: "cr_ab12", shownSuffix: "ab12"))
            }
            try await directory.refresh(from: store)
            let counters = try #require(directory.find(secret)?.counters)
            counters.raise(.day, to: LimitAmounts(tokens: 77), around: LimitTests.noon, .none, .utc)
            _ = try await store.transaction { transaction throws(StoreError) in try transaction.setAPIKeyStatus(.disabled, of: key.id) }
            try await directory.refresh(from: store)
            #expect(directory.find(secret)?.key.status == .disabled && directory.find(key.id)?.counters.used(.day).tokens == 77)
        }
    }

    @Test func `a key of the older relay works by its old hash and is kept under ours from then on`() async throws {
        try await withStore(.sqlite) { store in
            let salt = Array("0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3".utf8)
            let (pepper, secret) = (SecretBytes([1, 2, 3]), Array(RelayWorld.secret.utf8))
            let hasher = RelayKeyHasher(pepper: pepper, olderSalt: SecretBytes(salt))
            let old = Hashing.sha256(secret + salt)
            let key = try await store.transaction { transaction throws(StoreError) in
                try transaction.createAPIKey(
                    NewAPIKey(
                        ownerID: nil, name: "a key", secretHash: old, hashAlgorithm: RelayKeyHasher.olderAlgorithm, shownPrefix: "cr_",
                        shownSuffix: ""))
            }
            let (directory, stranger) = (KeyDirectory(hasher: hasher), KeyDirectory(hasher: RelayKeyHasher(pepper: pepper)))
            for known in [directory, stranger] { try await known.refresh(from: store) }
            #expect(stranger.find(secret) == nil && directory.find(Array("cr_another_key".utf8)) == nil)
            let counters = try #require(directory.find(secret)).counters
            try await directory.writeRehashes(to: store)
            try await directory.refresh(from: store)
            let kept = try #require(try await store.read { reader throws(StoreError) in try reader.apiKey(key.id) })
            #expect(kept.secretHash == hasher.hash(secret) && kept.hashAlgorithm == RelayKeyHasher.algorithm)
            #expect(kept.shownPrefix == "cr_ab12" && kept.shownSuffix == "ab12")
            let found = try #require(directory.find(secret))
            #expect(found.counters === counters && directory.count == 1, "what it has used goes on")
            try await stranger.refresh(from: store)
            #expect(stranger.find(secret)?.key.id == key.id, "its old hash is needed no more")
            try await directory.writeRehashes(to: store)
            let again = try await store.read { reader throws(StoreError) in try reader.apiKey(key.id) }
            #expect(again?.version == kept.version, "once")
        }
    }

    @Test func `a second key of a secret that was revoked ends with its first use, and holds up nothing`() async throws {
        try await withStore(.sqlite) { store in
            let salt = Array("0f5b9f0c2d8e4a61b7c3d9e8f0a1b2c3".utf8)
            let secret = Array(RelayWorld.secret.utf8)
            let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]), olderSalt: SecretBytes(salt))
            let second = try await store.transaction { transaction throws(StoreError) in
                let first = try transaction.createAPIKey(
                    NewAPIKey(ownerID: nil, name: "a key", secretHash: hasher.hash(secret), shownPrefix: "cr_ab12", shownSuffix: "ab12"))
                _ = try transaction.deleteAPIKey(first.id)
                return try transaction.createAPIKey(
                    NewAPIKey(
                        ownerID: nil, name: "a key", secretHash: Hashing.sha256(secret + salt),
                        hashAlgorithm: RelayKeyHasher.olderAlgorithm, shownPrefix: "cr_", shownSuffix: ""))
            }
            let directory = KeyDirectory(hasher: hasher)
            try await directory.refresh(from: store)
            #expect(directory.find(secret)?.key.id == second.id)
            #expect(try await directory.writeRehashes(to: store).map(\.id) == [second.id], "told, not thrown")
            try await directory.refresh(from: store)
            #expect(directory.find(secret) == nil && directory.count == 0)
            #expect(try await directory.writeRehashes(to: store).isEmpty, "once")
        }
    }

    @Test func `a key that is removed for good before anybody read of its end works no more`() async throws {
        try await withStore(.sqlite) { store in
            let hasher = RelayKeyHasher(pepper: SecretBytes([1, 2, 3]))
            let (directory, secret) = (KeyDirectory(hasher: hasher), Array("cr_a_key_of_a_test".utf8))
            let (key, other) = try await store.transaction { transaction throws(StoreError) in
                (
                    try transaction.createAPIKey(
                        NewAPIKey(ownerID: nil, name: "a key", secretHash: hasher.hash(secret), shownPrefix: "cr_ab12", shownSuffix: "ab12")
                    ),
                    try transaction.createAPIKey(
                        NewAPIKey(ownerID: nil, name: "another", secretHash: [1], shownPrefix: "cr_cd34", shownSuffix: "cd34"))
                )
            }
            try await directory.refresh(from: store)
            #expect(directory.find(secret) != nil && directory.count == 2)
            _ = try await store.transaction { transaction throws(StoreError) in
                _ = try transaction.deleteAPIKey(key.id)
                _ = try transaction.purgeAPIKey(key.id)
                // A later version than the one that went with the row.
                return try transaction.setAPIKeyStatus(.disabled, of: other.id)
            }
            try await directory.refresh(from: store)
            #expect(directory.find(secret) == nil && directory.find(key.id) == nil)
            #expect(directory.find(other.id)?.key.status == .disabled && directory.count == 1)
        }
    }

    @Test func `accounts of the environment are read with every mistake named and no key quoted`() throws {
        let good = try ImportedAccount.list(
            parsing: """
                [{"email":"a@example.com","apiKey":"sk-example-1","priority":3,"baseUrl":"https://up.example.com"},{"email":"b@example.com","apiKey":"sk-example-2"}]
                """)
        #expect(good.map(\.details.email) == ["a@example.com", "b@example.com"] && good.map(\.details.priority) == [3, 50])
        #expect(good.map(\.details.baseURL) == ["https://up.example.com", ImportedAccount.defaultBaseURL])
        for bad in [
            "", "{}", "[{\"email\":\"a@example.com\"}]", "[{\"email\":\"a@example.com\",\"apiKey\":\"short\"}]",
            "[{\"email\":\"a@example.com\",\"apiKey\":\"sk-example-1\"},{\"email\":\"A@example.com\",\"apiKey\":\"sk-example-2\"}]",
            "[{\"email\":\"a@example.com\",\"apiKey\":\"sk-example-1\",\"priority\":101}]",
        ] {
            let error = #expect(throws: ParseError.self) { try ImportedAccount.list(parsing: bad) }
            #expect(error?.message.contains("sk-example") == false && error?.message.contains("short\"") == false)
        }
    }

    @Test func `at the next start an account has what its entry names, and else what an operator has edited`() throws {
        var edited = AccountDetails(
            name: "mine", kind: .bearer, baseURL: "https://mine.example.com", header: .authorizationBearer, priority: 7, maxConcurrency: 3)
        let alone = ImportedAccount(apiKey: "sk-example-1")
        #expect(alone.details.name == "CLAUDE_API_KEY" && alone.details.baseURL == ImportedAccount.defaultBaseURL)
        #expect(alone.details(over: nil) == alone.details && alone.details(over: edited) == edited)
        let moved = ImportedAccount(apiKey: "sk-example-1", baseURL: "https://up.example.com").details(over: edited)
        #expect(moved.baseURL == "https://up.example.com" && moved.name == "mine")

        edited.email = "a@example.com"
        let short = try #require(try ImportedAccount.list(parsing: #"[{"email":"a@example.com","apiKey":"sk-example-1"}]"#).first)
        #expect(short.details.priority == 50 && short.details.maxConcurrency == nil && short.details.name == "a@example.com")
        #expect(short.details(over: edited) == edited)
        let long = try #require(
            try ImportedAccount.list(
                parsing: #"[{"email":"a@example.com","apiKey":"sk-example-1","name":"theirs","priority":9,"maxConcurrency":5}]"#
            ).first)
        (edited.name, edited.priority, edited.maxConcurrency) = ("theirs", 9, 5)
        #expect(long.details(over: edited) == edited && long.details(over: edited).header == .authorizationBearer)
    }

    @Test(arguments: [
        ("https://example.com", false, true), ("http://example.com", false, false), ("http://127.0.0.1:8080", false, false),
        ("http://127.0.0.1:8080", true, true), ("https://169.254.169.254", false, false), ("https://169.254.169.254", true, false),
        ("ftp://example.com", true, false), ("", true, false),
    ]) func `an account's address is https, or loopback where that is allowed`(url: String, allowsLoopback: Bool, isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try checkAccountBaseURL(url, allowsLoopback: allowsLoopback) }
        } else {
            #expect(throws: ParseError.self) { try checkAccountBaseURL(url, allowsLoopback: allowsLoopback) }
        }
    }
}
