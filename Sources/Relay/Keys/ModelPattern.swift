internal import Domain

/// A model name with "*" for any run of characters.
struct ModelPattern: Sendable, Equatable {
    private let parts: [Substring]

    init(_ text: String) { parts = text.split(separator: "*", omittingEmptySubsequences: false) }

    /// Reads a JSON array of texts; what is no such array allows nothing, rather than everything.
    static func list(_ json: String) -> [ModelPattern] {
        guard let values = try? JSON(parsing: json).array else { return [] }
        return values.compactMap(\.string).map(ModelPattern.init)
    }

    func matches(_ model: String) -> Bool {
        guard let first = parts.first, parts.count > 1 else { return parts.first.map { model == $0 } ?? false }
        guard model.hasPrefix(first) else { return false }
        var rest = model.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return parts.last.map { rest.hasSuffix($0) } ?? true
    }
}
