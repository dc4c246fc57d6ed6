extension Request {
    /// Which of these media types the caller wants most (RFC 9110 section 12.5.1): the first one when there is no `Accept` header or it
    /// likes several equally, nil when it takes none of them.
    public func preferred(_ types: [String]) -> String? {
        let lines = headers.all("accept")
        guard !lines.isEmpty, lines.contains(where: { !$0.isEmpty }) else { return types.first }
        let ranges = lines.flatMap { $0.split(separator: ",").prefix(Self.maximumRanges) }.compactMap(Self.range)
        var best: (type: String, quality: Int)?
        for type in types {
            let quality = Self.quality(of: type, ranges)
            if quality > 0, quality > (best?.quality ?? 0) { best = (type, quality) }
        }
        return best?.type
    }
    /// Of one Accept line; what follows is not looked at.
    private static let maximumRanges = 32

    private struct Range {
        let type: String
        /// Thousandths.
        let quality: Int
    }
    private static func range(_ text: Substring) -> Range? {
        let parts = text.split(separator: ";").map { trimmed($0).lowercased() }
        guard let type = parts.first, type.contains("/") else { return nil }
        let q = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
        guard q >= 0, q <= 1 else { return nil }
        return Range(type: type, quality: Int(q * 1000))
    }
    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
    /// The most exact range that names the type decides.
    private static func quality(of type: String, _ ranges: [Range]) -> Int {
        let bare = (type.split(separator: ";").first.map { String(trimmed($0)) } ?? type).lowercased()
        let family = (bare.split(separator: "/").first.map(String.init) ?? "") + "/*"
        for wanted in [bare, family, "*/*"] {
            if let range = ranges.first(where: { $0.type == wanted }) { return range.quality }
        }
        return 0
    }
}
