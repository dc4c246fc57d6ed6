/// What may be called, and what of a URL may be shown.
enum OutgoingURL {
    static let largestBytes = 16_384

    /// - Throws: `badURL`, which never quotes the text.
    static func check(_ url: String) throws(ClientError) {
        let lower = url.prefix(8).lowercased()
        guard lower.hasPrefix("https://") || lower.hasPrefix("http://") else { throw .badURL("must begin with https:// or http://") }
        guard url.utf8.count <= largestBytes else { throw .badURL("must be at most \(largestBytes) bytes") }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x5c }) else {
            throw .badURL("must not hold spaces, backslashes or control characters")
        }
        guard !place(url).isEmpty else { throw .badURL("must name a host") }
    }

    /// "example.com:8443", without user, password, path and query.
    static func place(_ url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return "" }
        let authority = parts[2].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return String(authority.split(separator: "@", omittingEmptySubsequences: false).last ?? "")
    }
}
