internal import Domain
internal import HTTP
internal import Store

/// `GET /v1/models` and `/v1/models/{id}`: the models of price table and model table that the key may use, in a shape that clients of both dialects
/// accept (relay contract, section 9).
struct ModelList: Sendable {
    let prices: PriceBook
    let models: ModelBook
    private static let limits: ClosedRange<Int> = 1...1000

    /// - Parameter standard: models in one answer when the caller does not say.
    func list(_ key: RelayKey, query: [(name: String, value: String)], standard: Int = 20) throws(RelayProblem) -> JSON {
        var models = visible(to: key)
        func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
        let (after, before) = (value("after_id"), value("before_id"))
        if let after {
            guard let at = models.firstIndex(of: after) else { throw .badRequest("after_id: there is no such model.") }
            models.removeFirst(at + 1)
        } else if let before {
            guard let at = models.firstIndex(of: before) else { throw .badRequest("before_id: there is no such model.") }
            models.removeSubrange(at...)
        }
        let limit = value("limit").map { Int($0) ?? 0 } ?? standard
        guard Self.limits.contains(limit) else { throw .badRequest("limit: must be a whole number from 1 to 1000.") }
        // The page before a model ends at it.
        let page = Array(after == nil && before != nil ? models.suffix(limit) : models.prefix(limit))
        return [
            "object": "list", "data": .array(page.map(entry)), "has_more": .bool(models.count > limit),
            "first_id": page.first.map { .string($0) } ?? .null, "last_id": page.last.map { .string($0) } ?? .null,
        ]
    }

    func one(_ key: RelayKey, id: String) throws(RelayProblem) -> JSON {
        guard visible(to: key).contains(id) else { throw .notFound }
        return entry(id)
    }

    private func visible(to key: RelayKey) -> [String] { all.filter { key.allows(model: $0) } }
    /// By name.
    var all: [String] { Set(prices.table.models + models.ids).sorted() }

    func entry(_ id: String) -> JSON {
        let line = PriceTable.family(id) ?? "other"
        let released = Self.released(id)
        let (known, traits) = (models.entry(id), models.traits(id))
        return [
            "id": .string(id), "type": "model", "object": "model", "display_name": .string(known?.displayName ?? Self.displayName(id)),
            "created_at": .string(released.text), "created": .int(released.milliseconds / 1000), "owned_by": "anthropic",
            "lifecycle": .string((known?.lifecycle ?? .active).rawValue),
            "deprecated_at": known?.deprecatedAt.map { .string($0.text) } ?? .null,
            "retires_at": known?.retiresAt.map { .string($0.text) } ?? .null,
            "max_input_tokens": .int(traits.window), "max_tokens": .int(traits.maximumOutput), "line": .string(line),
        ]
    }

    /// "claude-sonnet-5-5" is "Claude Sonnet 5.5"; a date at the end is left out.
    static func displayName(_ id: String) -> String {
        let parts = id.split(separator: "-").filter { !($0.count == 8 && Int($0) != nil) }
        let numbers = parts.filter { Int($0) != nil }.joined(separator: ".")
        let words = parts.filter { Int($0) == nil }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return (words + (numbers.isEmpty ? [] : [numbers])).joined(separator: " ")
    }

    /// The date in the id, else the day this price list was made.
    private static func released(_ id: String) -> Timestamp {
        if let date = id.split(separator: "-").last, date.count == 8, let number = Int(date),
            let day = try? Timestamp(parsingDay: "\(number / 10_000)-\(padded(number / 100 % 100))-\(padded(number % 100))")
        {
            return day
        }
        return Timestamp(year: 2026, month: 11, day: 1)
    }
    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
