import Domain
import Foundation
@testable import Secrets
import Telemetry
import Testing

private let place = SealedPlace(table: "accounts", row: "acc_1", column: "secret_sealed")

private func makeKeyring(_ keys: Int = 1, encryptionKey: String = "correct horse", legacy: String? = nil) throws -> (Keyring, [WrappedKey])
{
    let key = SecretBytes(Array(encryptionKey.utf8))
    let wrapped = try (0..<keys).map { _ in try Keyring.makeDataKey(encryptionKey: key, ambient: .live) }
    let legacyKey = legacy.map { SecretBytes(Array($0.utf8)) }
    return (try Keyring.open(wrapped, encryptionKey: key, legacyKey: legacyKey, ambient: .live), wrapped)
}

struct SealingTests {
    @Test(arguments: [0, 1, 31, 4096]) func `a sealed value opens in its place`(count: Int) throws {
        let (keyring, _) = try makeKeyring()
        let value = Ambient.live.randomBytes(count)
        let sealed = keyring.seal(value, for: place)
        #expect(try keyring.open(sealed, for: place) == value)
        #expect(keyring.seal(value, for: place) != sealed, "a nonce is used once")
        #expect(Keyring.keyID(of: sealed) == keyring.keyID)
    }

    @Test(arguments: [("keys", "acc_1", "secret_sealed"), ("accounts", "acc_2", "secret_sealed"), ("accounts", "acc_1", "proxy")])
    func `moved to another table, row or column it does not open`(table: String, row: String, column: String) throws {
        let (keyring, _) = try makeKeyring()
        let sealed = keyring.seal([1, 2, 3], for: place)
        #expect(throws: SecretsError.damaged) { try keyring.open(sealed, for: SealedPlace(table: table, row: row, column: column)) }
    }

    @Test func `any changed or missing byte is noticed`() throws {
        let (keyring, _) = try makeKeyring()
        let sealed = keyring.seal([1, 2, 3], for: place)
        for index in sealed.indices {
            var broken = sealed
            broken[index] ^= 1
            #expect(throws: SecretsError.self) { try keyring.open(broken, for: place) }
            #expect(throws: SecretsError.self) { try keyring.open(Array(sealed[..<index]), for: place) }
        }
    }

    @Test func `an older data key still opens and the newest seals`() throws {
        let key = SecretBytes(Array("k".utf8))
        let first = try Keyring.makeDataKey(encryptionKey: key, ambient: .live)
        let second = try Keyring.makeDataKey(encryptionKey: key, ambient: .live)
        let before = try Keyring.open([first], encryptionKey: key, legacyKey: nil, ambient: .live)
        let after = try Keyring.open([first, second], encryptionKey: key, legacyKey: nil, ambient: .live)
        let sealed = before.seal([7], for: place)
        #expect(try after.open(sealed, for: place) == [7])
        #expect(after.keyID == second.id)
        #expect(throws: SecretsError.unknownKey(id: second.id)) { try before.open(after.seal([7], for: place), for: place) }
    }

    @Test func `another ENCRYPTION_KEY is told from a damaged value`() throws {
        let (_, wrapped) = try makeKeyring()
        #expect(throws: SecretsError.wrongEncryptionKey) {
            _ = try Keyring.open(wrapped, encryptionKey: SecretBytes([1]), legacyKey: nil, ambient: .live)
        }
    }

    @Test func `only a key that looks random does without Argon2id`() {
        let random = Hex.text(Ambient.live.randomBytes(32))
        #expect(Keyring.isRandom(Array(random.utf8)))
        let words = [
            "", "correct horse battery staple", String(random.dropLast()), random + "0", random.uppercased() + "",
            String(repeating: "0a", count: 32),
            String(repeating: "deadbeef", count: 8), String(random.dropLast()) + "g",
        ]
        for text in words where text != random { #expect(!Keyring.isRandom(Array(text.utf8)), "\(text)") }
    }

    @Test(arguments: ["correct horse battery staple", "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"])
    func `a data key opens under its own text alone`(text: String) throws {
        let key = SecretBytes(Array(text.utf8))
        let wrapped = try Keyring.makeDataKey(encryptionKey: key, ambient: .live)
        let place = SealedPlace(table: "t", row: "r", column: "c")
        let sealed = try Keyring.open([wrapped], encryptionKey: key, legacyKey: nil, ambient: .live).seal([7], for: place)
        #expect(try Keyring.open([wrapped], encryptionKey: key, legacyKey: nil, ambient: .live).open(sealed, for: place) == [7])
        #expect(throws: SecretsError.wrongEncryptionKey) {
            _ = try Keyring.open([wrapped], encryptionKey: SecretBytes(Array((text + " ").utf8)), legacyKey: nil, ambient: .live)
        }
    }

    @Test func `a random key opens what an earlier version wrapped with Argon2id`() throws {
        let key = SecretBytes(Array("00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210".utf8))
        let (salt, nonce, data) = ([UInt8](repeating: 3, count: 16), [UInt8](repeating: 5, count: 24), [UInt8](repeating: 7, count: 32))
        let sealed = try Keyring.stretched(key, salt).reveal {
            Sodium.seal(data, associated: Array("data_key|0a0b0c0d".utf8), nonce: nonce, key: $0)
        }
        let wrapped = WrappedKey(id: "0a0b0c0d", bytes: salt + nonce + sealed)
        #expect(try Keyring.open([wrapped], encryptionKey: key, legacyKey: nil, ambient: .live).keyID == "0a0b0c0d")
    }

    @Test func `re-wrapping changes the outer key only`() throws {
        let (keyring, wrapped) = try makeKeyring()
        let (old, new) = (SecretBytes(Array("correct horse".utf8)), SecretBytes(Array("new".utf8)))
        let sealed = keyring.seal([9], for: place)
        let moved = try wrapped.map { try Keyring.rewrap($0, from: old, to: new, ambient: .live) }
        #expect(try Keyring.open(moved, encryptionKey: new, legacyKey: nil, ambient: .live).open(sealed, for: place) == [9])
    }

    /// The vector of the Fernet specification, github.com/fernet/spec, verify.json.
    @Test func `a Fernet token of an older deployment opens`() throws {
        let (keyring, _) = try makeKeyring(legacy: "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
        let token =
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        #expect(try keyring.open(Array(token.utf8), for: place) == Array("hello".utf8))
        #expect(throws: SecretsError.self) { try keyring.open(Array((token.dropLast(4) + "DQ==").utf8), for: place) }
    }

    @Test func `key material is not printable`() {
        let secret = SecretBytes(Array("hunter2".utf8))
        #expect("\(secret)" == "«secret»" && String(reflecting: secret) == "«secret»" && Mirror(reflecting: secret).children.isEmpty)
        #expect(secret.reveal { $0 } == Array("hunter2".utf8))
    }
}

struct HashingTests {
    /// RFC 4231 test cases 1, 2 and 6.
    @Test(arguments: [
        (Array(repeating: UInt8(0x0b), count: 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (Array("Jefe".utf8), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            Array(repeating: UInt8(0xaa), count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func `HMAC-SHA256 agrees with RFC 4231`(key: [UInt8], message: String, expected: String) {
        #expect(Hex.text(Hashing.hmacSHA256(key: SecretBytes(key), Array(message.utf8))) == expected)
        #expect(Hex.text(RelayKeyHasher(pepper: SecretBytes(key)).hash(Array(message.utf8))) == expected)
    }

    @Test func `SHA-256 agrees with FIPS 180`() {
        #expect(Hex.text(Hashing.sha256(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `comparison sees every difference`() {
        #expect(
            Hashing.equal([1, 2], [1, 2]) && !Hashing.equal([1, 2], [1, 3]) && !Hashing.equal([1], [1, 2]) && Hashing.equal([], []))
    }
}

struct PasswordTests {
    private let hasher = PasswordHasher(cost: .init(operations: 1, memoryBytes: 8 << 20))

    @Test func `a password matches its own hash and no other`() async throws {
        let hash = try await hasher.hash("correct horse")
        #expect(hash.hasPrefix("$argon2id$v=19$"))
        #expect(try await hasher.verify("correct horse", against: hash))
        #expect(try await !hasher.verify("correct horsf", against: hash))
        #expect(try await !hasher.verify("", against: hash))
        #expect(try await hasher.hash("correct horse") != hash, "salted")
    }

    @Test(arguments: ["", "x", "$argon2id$", String(repeating: "a", count: 500)]) func `a damaged hash matches nothing`(hash: String)
        async throws
    {
        #expect(try await !hasher.verify("x", against: hash))
    }

    @Test func `an unknown user costs one hash, like a known one`() async throws {
        let hash = try await hasher.hash("p")
        // The stand-in is a hash of this hasher's own strength, which libsodium reads as one.
        #expect(!hasher.isOutdated(hasher.decoy) && hasher.decoy.utf8.count == hash.utf8.count)
        let before = hasher.computedCount
        #expect(try await !hasher.verify("p", against: nil))
        let unknown = hasher.computedCount - before
        #expect(try await !hasher.verify("q", against: hash))
        #expect(unknown == 1 && hasher.computedCount - before == 2)
    }

    @Test func `a hash of other strength is outdated`() async throws {
        let hash = try await hasher.hash("p")
        #expect(!hasher.isOutdated(hash))
        #expect(PasswordHasher(cost: .init(operations: 2, memoryBytes: 8 << 20)).isOutdated(hash))
    }

    @Test func `more than the queue holds is refused as busy, and the rest is served`() async {
        let refusals = await withTaskGroup(of: SecretsError?.self) { group in
            for _ in 0..<400 {
                group.addTask {
                    do throws(SecretsError) { _ = try await hasher.hash("p") } catch { return error }
                    return nil
                }
            }
            return await group.reduce(into: [SecretsError?]()) { $0.append($1) }
        }
        #expect(refusals.count { $0 == nil } >= 64)
        #expect(refusals.contains(.busy) && refusals.allSatisfy { $0 == nil || $0 == .busy })
    }
}
