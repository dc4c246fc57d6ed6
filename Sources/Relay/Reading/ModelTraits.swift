internal import Domain
internal import Store

/// What is known of a model by its name and by its operator's word, and the names that older clients use.
struct ModelTraits: Sendable {
    let id: String
    /// The name asks for a window of a million tokens.
    private let isLong: Bool
    /// What the operator says; goes before what the name tells.
    private let entry: ModelEntry?
    init(_ id: String, _ entry: ModelEntry? = nil) {
        self.id = PriceTable.base(id)
        isLong = self.id != id
        self.entry = entry
    }

    /// "claude-opus-4-7" is (4, 7), "claude-opus-4-20250514" is (4, 0), "claude-3-5-haiku-20241022" is (3, 5); nil without a number.
    var version: (major: Int, minor: Int)? {
        let numbers = id.split(separator: "-").filter { $0.utf8.count < 8 }.compactMap { Int($0) }
        return numbers.first.map { ($0, numbers.count > 1 ? numbers[1] : 0) }
    }
    private func isFrom(_ major: Int, _ minor: Int) -> Bool { version.map { ($0.major, $0.minor) >= (major, minor) } ?? false }

    /// Models from 4.7 on refuse `temperature` and `top_p` (relay contract, section 8).
    var takesOnlyDefaultSampling: Bool { isFrom(4, 7) }
    /// `output_config.effort`.
    var knowsEffort: Bool { isFrom(4, 5) }
    /// Tokens it writes at most.
    var maximumOutput: Int64 {
        if let told = entry?.maxOutputTokens { return told }
        return switch (PriceTable.family(id), version?.major, version?.minor) {
        case (_, 3, 0): 4096
        case ("opus", 4, 0), ("opus", 4, 1): 32_000
        default: isFrom(4, 0) ? 64_000 : 8192
        }
    }
    /// Tokens it reads at most.
    var window: Int64 { entry?.maxInputTokens ?? (isLong && isFrom(4, 6) ? 1_000_000 : 200_000) }
}

/// Names that older clients ask for, and the model that answers; a name that is not here stands for itself (relay contract, sections 10
/// and 12). The Messages paths take names as they are.
public struct ModelAliases: Sendable, Equatable {
    private let names: [String: String]
    public init(_ names: [String: String]) { self.names = names }

    func model(_ name: String) -> String { names[name] ?? name }

    public static let standard = ModelAliases([
        "claude-3-opus": "claude-3-opus-20240229", "claude-3-haiku": "claude-3-haiku-20240307", "claude-3-sonnet": "claude-sonnet-5-5",
        "claude-3-sonnet-20240229": "claude-sonnet-5-5", "claude-3-5-sonnet": "claude-sonnet-5-5",
        "claude-3-5-sonnet-latest": "claude-sonnet-5-5", "claude-3-5-sonnet-20241022": "claude-sonnet-5-5",
        "claude-3-5-haiku": "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
        "claude-3-7-sonnet": "claude-3-7-sonnet-20250219", "claude-3-7-sonnet-latest": "claude-3-7-sonnet-20250219",
    ])
}
