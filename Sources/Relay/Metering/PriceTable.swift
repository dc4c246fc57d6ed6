public import Domain
internal import Store

/// A cost and how it came about.
public struct Price: Sendable, Equatable {
    /// Micro-USD, rounded half up once.
    public var microUSD: Int64
    /// What the customer pays, from the cost before it was rounded.
    public var customerMicroUSD: Int64
    /// As in "price_missing geo_us", separated by spaces.
    public var flags: String

    /// No row of its model was there.
    var isMissing: Bool { !flags.isEmpty && flags.has("price_missing") }

    public init(microUSD: Int64, customerMicroUSD: Int64? = nil, flags: String) {
        self.microUSD = microUSD
        self.customerMicroUSD = customerMicroUSD ?? microUSD
        self.flags = flags
    }
}

/// Turns tokens into money (relay contract, section 15): integers all the way, rounded once.
public struct PriceTable: Sendable {
    private let rows: [String: [PriceRow]]
    /// A web search costs 10,000 micro-USD.
    static let webSearchNanoUSD: Int64 = 10_000_000

    /// - Parameter rows: in the order they were added: a later row takes the place of an earlier one for the same model, time and size.
    public init(_ rows: [PriceRow]) {
        var own: [String: [PriceRow]] = [:]
        for row in rows {
            var known = own[row.model] ?? []
            known.removeAll { $0.effectiveFrom == row.effectiveFrom && $0.promptOver == row.promptOver }
            known.append(row)
            own[row.model] = known
        }
        self.rows = own
    }

    /// In order of model, time and size.
    public var allRows: [PriceRow] {
        rows.values.joined().sorted { ($0.model, $0.effectiveFrom, $0.promptOver) < ($1.model, $1.effectiveFrom, $1.promptOver) }
    }

    /// Every row, for people and dashboards.
    var list: [JSON] {
        models.flatMap { rows[$0] ?? [] }.map { row in
            [
                "model": .string(row.model), "effectiveFrom": .string(row.effectiveFrom.text), "promptOver": .int(row.promptOver),
                "inputNanoUsd": .int(row.input), "outputNanoUsd": .int(row.output), "cacheWrite5mNanoUsd": .int(row.cacheWrite5m),
                "cacheWrite1hNanoUsd": .int(row.cacheWrite1h), "cacheReadNanoUsd": .int(row.cacheRead),
            ]
        }
    }

    public var models: [String] { rows.keys.sorted() }

    /// - Parameters:
    ///   - model: as the response names it; a "[1m]" suffix does not count.
    ///   - tokens: what is billed when there are no iterations: the reported numbers, or the snapshot of an exchange that was cut.
    ///   - millionths: what the customer pays of each millionth of the cost.
    func price(
        _ usage: MeteredUsage, tokens: TokenCounts, model: String, at moment: Timestamp, millionths: Int64 = 1_000_000
    ) -> Price {
        var flags: [String] = []
        var nano: Wide = 0
        func add(_ name: String, _ tokens: TokenCounts) {
            let cost: Wide
            if let own = rows[name], let place = Self.place(own, tokens, moment) {
                cost = Self.cost(own[place], tokens)
            } else {
                if !flags.contains("price_missing") { flags.append("price_missing") }
                guard let row = dearest(like: name) else { return }
                cost = Self.cost(row, tokens)
            }
            // Modifiers are ratios of integers; the scale is taken out in the one rounding below.
            var scaled = cost * Self.scale
            if usage.isBatch { scaled /= 2 }
            if usage.isUS, Self.knowsGeo(name) { scaled = scaled * 11 / 10 }
            if usage.isFast { scaled *= Wide(Self.fastFactor(name)) }
            nano += scaled
        }
        if usage.iterations.isEmpty {
            add(Self.base(model), tokens)
        } else {
            for pass in usage.iterations { add(Self.base(pass.model.flatMap { $0.isEmpty ? nil : $0 } ?? model), pass.tokens) }
        }
        if usage.isBatch { flags.append("batch") }
        if usage.isUS { flags.append("geo_us") }
        if usage.isFast { flags.append("fast") }
        nano += Wide(usage.webSearches) * Wide(Self.webSearchNanoUSD) * Self.scale
        let divisor = Self.scale * 1000
        let micro = (nano + divisor / 2) / divisor
        let customerDivisor = divisor * 1_000_000
        let customer = millionths == 1_000_000 ? micro : (nano * Wide(max(0, millionths)) + customerDivisor / 2) / customerDivisor
        return Price(
            microUSD: Int64(clamping: micro), customerMicroUSD: Int64(clamping: customer),
            flags: flags.isEmpty ? "" : flags.joined(separator: " "))
    }

    /// 128 bits: tokens times rates times modifiers of one request cannot overflow it.
    private typealias Wide = Int128
    /// Divisible by what the modifiers divide by, so that no modifier rounds.
    private static let scale: Wide = 20

    static func base(_ model: String) -> String { model.hasSuffix("[1m]") ? String(model.dropLast(4)) : model }

    private static func cost(_ row: PriceRow, _ tokens: TokenCounts) -> Wide {
        var cost = Wide(tokens.input) * Wide(row.input)
        cost += Wide(tokens.output) * Wide(row.output)
        cost += Wide(tokens.cacheWrite5m) * Wide(row.cacheWrite5m)
        cost += Wide(tokens.cacheWrite1h) * Wide(row.cacheWrite1h)
        return cost + Wide(tokens.cacheRead) * Wide(row.cacheRead)
    }

    /// Of a model's rows: the latest that count already, and of those the highest band that the prompt reaches. By place: a row is not
    /// copied to be looked at.
    private static func place(_ rows: [PriceRow], _ tokens: TokenCounts, _ moment: Timestamp) -> Int? {
        let all = rows.span
        let prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h
        var from: Timestamp?
        for place in all.indices where all[place].effectiveFrom <= moment {
            from = max(from ?? all[place].effectiveFrom, all[place].effectiveFrom)
        }
        var best: Int?
        for place in all.indices
        where all[place].effectiveFrom == from && (all[place].promptOver == 0 || prompt > all[place].promptOver) {
            if best.map({ all[$0].promptOver <= all[place].promptOver }) ?? true { best = place }
        }
        return best
    }

    /// For an unknown model: the dearest row of its family, or of all when there is no family, so that it is never sold below cost.
    private func dearest(like model: String) -> PriceRow? {
        let family = Self.family(model)
        let kin = rows.values.joined().filter { family == nil || Self.family($0.model) == family }
        return (kin.isEmpty ? Array(rows.values.joined()) : kin).max { Self.rates($0) < Self.rates($1) }
    }

    /// All of them decide which row is the dearest: of two that differ in any, it is never by chance.
    private static func rates(_ row: PriceRow) -> (Int64, Int64, Int64, Int64, Int64) {
        (row.output, row.input, row.cacheWrite1h, row.cacheWrite5m, row.cacheRead)
    }

    static let families = ["opus", "sonnet", "haiku", "fable", "mythos"]
    public static func family(_ model: String) -> String? { families.first { model.contains($0) } }

    static func isOpus(_ model: String) -> Bool { model.has("opus") }

    /// `inference_geo` has a price on 4.6 models and later.
    private static func knowsGeo(_ model: String) -> Bool {
        !["claude-3", "-4-5", "-4-1", "-4-2025", "claude-2"].contains { model.contains($0) }
    }
    private static func fastFactor(_ model: String) -> Int64 {
        ["claude-opus-4-6", "claude-opus-4-7"].contains(model) ? 6 : 2
    }
}
