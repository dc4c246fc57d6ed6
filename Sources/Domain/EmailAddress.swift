/// A mail address as people type it, in lower case: one "@", something before it, a name with a dot (or localhost) behind it.
public struct EmailAddress: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Throws: `ParseError` for more than 254 characters and whatever cannot be an address. It is not asked whether it exists.
    public init(parsing text: String) throws(ParseError) {
        let lower = text.lowercased()
        let parts = lower.split(separator: "@", omittingEmptySubsequences: false)
        guard lower.utf8.count <= 254, parts.count == 2, (1...64).contains(parts[0].utf8.count), parts[1].utf8.count >= 3,
            lower.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f && !"<>(),;:\\\"[]".unicodeScalars.contains($0) }),
            !parts[1].hasPrefix("."), !parts[1].hasSuffix("."), !parts[1].contains(".."), !parts[1].hasPrefix("-"),
            parts[1].contains(".") || parts[1] == "localhost"
        else { throw ParseError("a mail address as name@example.com") }
        self.text = lower
    }

    public var description: String { text }
}

extension Field where Value == EmailAddress {
    public static func email(_ name: String, _ about: String) -> Field {
        Field<String>.text(name, about, length: 3...254, format: "email").map { text throws(ParseError) in try EmailAddress(parsing: text) }
    }
}
