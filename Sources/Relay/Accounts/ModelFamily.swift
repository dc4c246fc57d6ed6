/// The lines of models that upstreams limit apart. Also a metric's label, so the list is short and closed.
enum ModelFamily: Int, CaseIterable, Sendable {
    case opus, sonnet, haiku, fable, mythos, other

    init(model: String) { self = Self.named(PriceTable.family(model) ?? "") ?? .other }

    /// As in cooldowns kept in the store.
    var name: String {
        switch self {
        case .opus: "opus"
        case .sonnet: "sonnet"
        case .haiku: "haiku"
        case .fable: "fable"
        case .mythos: "mythos"
        case .other: "other"
        }
    }
    static func named(_ name: String) -> ModelFamily? { allCases.first { $0.name == name } }

    /// The family that a claim or window of the upstream is about: "seven_day_opus" and "7d_opus" are opus, "five_hour" is all of
    /// them. A word that names no known family ("7d_oi") can only be about the model just asked for.
    static func claimed(_ claim: String, asking family: ModelFamily) -> ModelFamily? {
        var rest = Substring(claim)
        for word in ["five_hour", "seven_day", "5h", "7d"] where rest.hasPrefix(word) {
            rest = rest.dropFirst(word.count)
            break
        }
        while rest.first == "_" { rest = rest.dropFirst() }
        guard !rest.isEmpty, rest.count < claim.count else { return nil }
        return named(String(rest)) ?? family
    }
}
