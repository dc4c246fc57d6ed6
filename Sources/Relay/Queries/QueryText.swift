internal import HTTP

/// Reads a query string into names and values, percent-decoded; "+" is a space. What does not decode is left out.
enum QueryText {
    /// Names in one query that are looked at.
    private static let maximumNames = 64

    static func parse(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").prefix(maximumNames).compactMap { part in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(halves[0]), let value = halves.count == 2 ? decode(halves[1]) : "" else { return nil }
            return (name, value)
        }
    }

    static func decode(_ text: Substring) -> String? { PercentText.formDecoded(text.utf8) }
}

/// Parts of a path that a route has found to be its own.
enum PathParts {
    /// The part behind the last one of that name, decoded; empty when there is none.
    static func after(_ name: String, _ path: String) -> String {
        let parts = path.split(separator: "/")
        guard let at = parts.lastIndex(where: { $0 == name }), at + 1 < parts.count else { return "" }
        return QueryText.decode(parts[at + 1]) ?? ""
    }
}
