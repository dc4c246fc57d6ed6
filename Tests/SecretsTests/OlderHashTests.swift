import Secrets
import Testing

/// Hashes that people bring along from other programs.
struct OlderHashTests {
    private let hasher = PasswordHasher(cost: PasswordHasher.Cost(operations: 1, memoryBytes: 8 << 20))

    /// bcrypt's are the published vectors of its reference implementation; PBKDF2's was made with Python's hashlib.
    @Test(arguments: [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        ("password123", "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i"),
        ("пароль123", "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$hNooHq153sAgjiQ.0r2Vx4w3amUCm2aD.R.6js8yMZo"),
    ])
    func `a hash that others have made opens for its password only and is to be replaced`(password: String, hash: String) async throws {
        #expect(PasswordHasher.knows(hash) && hasher.isOutdated(hash))
        #expect(try await hasher.verify(password, against: hash))
        for wrong in [password + "x", "x" + password, password + "\0", password.uppercased() + "!"] {
            #expect(try await !hasher.verify(wrong, against: hash))
        }
    }

    @Test(arguments: [
        "", "plain", "$1$abcdefgh$0123456789012345678901", "$6$rounds=5000$salt$hash", "$2b$04$short", "$pbkdf2-sha256$0$MDEy$MDEy",
        "$pbkdf2-sha256$99999999$MDEyMzQ1Njc4OWFiY2RlZg$hNooHq153sAgjiQ.0r2Vx4w3amUCm2aD.R.6js8yMZo",
        "$2b$31$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i",
    ])
    func `what is no hash of those, or too dear to check, opens for nobody`(hash: String) async throws {
        #expect(!PasswordHasher.knows(hash))
        for password in ["", "password123", hash] { #expect(try await !hasher.verify(password, against: hash)) }
    }

    @Test(arguments: [
        nil, "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i",
        "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$hNooHq153sAgjiQ.0r2Vx4w3amUCm2aD.R.6js8yMZo",
        "$argon2id$v=19$m=8192,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ])
    func `a refusal costs each kind of hash once, whichever the person's is`(hash: String?) async throws {
        let before = hasher.computedCount
        #expect(try await !hasher.verify("Wrong-Horse-9", against: hash))
        // "$2y$04$" costs what "$2b$04$" does; the last begins no hash that is known here.
        let kinds = ["$2b$04$", "$2y$04$", "$pbkdf2-sha256$29000$", "$2b$31$"]
        try await hasher.computeRest("Wrong-Horse-9", after: hash, kinds: kinds)
        #expect(hasher.computedCount - before == 3)
        #expect(try await hasher.verify("password123", against: "$2b$04$abcdefghijklmnopqrstuuK7Sjs7rFYArh/ytIZsOeM/z4RV2Fw2i"))
    }
}
