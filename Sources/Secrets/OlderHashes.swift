private import CCrypt
internal import Domain

/// Password hashes of other programs, which people bring along: bcrypt ("$2b$", also "$2a$" and "$2y$") as libxcrypt checks it, and
/// passlib's "$pbkdf2-sha256$". Never made here; the next good login replaces them.
enum OlderHashes {
    /// Dearer ones would let a stored hash hold a thread for minutes.
    private static let bcryptCosts = 4...14
    private static let rounds = 1...2_000_000

    /// Whether a password can be checked against it.
    static func knows(_ hash: String) -> Bool { isBcrypt(hash) || pbkdf2(hash) != nil }

    /// nil for a hash of another kind.
    static func matches(_ hash: String, _ password: [UInt8]) -> Bool? {
        guard knows(hash) else { return nil }
        // Both take a NUL for the end or for padding: "a" and "a\0" would be one password.
        guard !password.contains(0) else { return false }
        if isBcrypt(hash) { return bcryptMatches(hash, password) }
        guard let parts = pbkdf2(hash) else { return nil }
        let derived = LibCrypto.pbkdf2SHA256(password, salt: parts.salt, rounds: parts.rounds, count: parts.digest.count)
        return Sodium.equal(derived, parts.digest)
    }

    /// What decides how long a check takes, and how such a hash begins: "$2b$12$" or "$pbkdf2-sha256$29000$". nil for one of another kind.
    static func kind(_ hash: String) -> String? {
        guard knows(hash) else { return nil }
        let cost = hash.split(separator: "$", omittingEmptySubsequences: false)[2]
        return isBcrypt(hash) ? "$2b$\(cost)$" : "$pbkdf2-sha256$\(cost)$"
    }
    /// A hash of that kind and of nobody's password; nil for a text that begins no hash known here.
    static func decoy(_ beginning: String) -> String? {
        func fill(_ count: Int) -> String { String(repeating: "A", count: count) }
        let salted = beginning.hasPrefix("$2") ? fill(21) + "." + fill(31) : fill(22) + "$" + fill(43)
        return knows(beginning + salted) ? beginning + salted : nil
    }

    private static func isBcrypt(_ hash: String) -> Bool {
        let parts = hash.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, ["2a", "2b", "2y"].contains(parts[1]), parts[2].utf8.count == 2, let cost = Int(parts[2])
        else { return false }
        return bcryptCosts.contains(cost) && parts[3].utf8.count == 53
    }

    private static func bcryptMatches(_ hash: String, _ password: [UInt8]) -> Bool {
        var memory = crypt_data()
        let setting = hash.utf8.map { CChar(bitPattern: $0) } + [0]
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        guard let made = unsafe crypt_r(phrase, setting, &memory) else { return false }
        return Sodium.equal(Array(unsafe String(cString: made).utf8), Array(hash.utf8))
    }

    /// "$pbkdf2-sha256$rounds$salt$digest", both in passlib's base64: "." for "+", no padding.
    private static func pbkdf2(_ hash: String) -> (rounds: Int, salt: [UInt8], digest: [UInt8])? {
        let parts = hash.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "pbkdf2-sha256", let rounds = Int(parts[2]), Self.rounds.contains(rounds),
            let salt = bytes(parts[3]), salt.count <= 1024, let digest = bytes(parts[4]), digest.count == 32
        else { return nil }
        return (rounds, salt, digest)
    }
    private static func bytes(_ text: Substring) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.bytes((text.replacing(".", with: "+") + padding).utf8)
    }
}
