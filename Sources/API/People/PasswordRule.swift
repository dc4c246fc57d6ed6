public import Domain

/// What a new password must be.
public struct PasswordRule: Sendable {
    public let minimumLength: Int
    /// Longer texts cost hashing time and protect nothing more.
    public static let maximumLength = 256

    public init(minimumLength: Int) { self.minimumLength = max(8, minimumLength) }

    /// - Throws: `ParseError`; never quotes the password.
    public func check(_ password: String, email: String?) throws(ParseError) {
        guard password.count >= minimumLength else { throw ParseError("at least \(minimumLength) characters long") }
        guard password.utf8.count <= Self.maximumLength else { throw ParseError("at most \(Self.maximumLength) bytes long") }
        guard !CommonPasswords.contains(password, email: email) else { throw ParseError("harder to guess: this one is on every list") }
    }
}
