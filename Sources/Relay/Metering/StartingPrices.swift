internal import Domain

extension PriceTable {
    /// The price list this version starts with (USD per million tokens, November 2026): input, 5-minute cache write, 1-hour cache
    /// write, cache read, output.
    public static let starting: PriceTable = {
        var rows: [PriceRow] = []
        // A micro-USD a token is a USD per million tokens, so nano-USD a token is that times 1000.
        func add(
            _ models: [String], _ input: Double, _ write5m: Double, _ write1h: Double, _ read: Double, _ output: Double,
            from: Timestamp? = nil,
            promptOver: Int64 = 0
        ) {
            func nano(_ usd: Double) -> Int64 { Int64((usd * 1000).rounded()) }
            for model in models {
                rows.append(
                    PriceRow(
                        model: model, effectiveFrom: from ?? Timestamp(milliseconds: 0), promptOver: promptOver, input: nano(input),
                        output: nano(output), cacheWrite5m: nano(write5m), cacheWrite1h: nano(write1h), cacheRead: nano(read)))
            }
        }
        add(["claude-fable-5-2"], 8, 10, 16, 0.20, 40)
        add(["claude-fable-5-1", "claude-mythos-5-1"], 10, 12.50, 20, 0.25, 50)
        add(["claude-fable-5", "claude-mythos-5"], 10, 12.50, 20, 1, 50)
        add(["claude-opus-5-5"], 4, 5, 8, 0.20, 20)
        add(
            ["claude-opus-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5", "claude-opus-4-5-20251101"],
            5, 6.25, 10, 0.50, 25)
        add(["claude-opus-4-1", "claude-opus-4-1-20250805", "claude-opus-4-20250514", "claude-3-opus-20240229"], 15, 18.75, 30, 1.50, 75)
        add(["claude-sonnet-5-5", "claude-sonnet-5"], 2, 2.50, 4, 0.20, 10)
        add(["claude-sonnet-5-5"], 2, 2.50, 4, 0.10, 10, from: Timestamp(year: 2026, month: 10, day: 7))
        add(
            [
                "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-sonnet-4-20250514",
                "claude-3-7-sonnet-20250219",
            ], 3, 3.75, 6, 0.30, 15)
        add(["claude-haiku-5-5"], 0.10, 0.125, 0.20, 0.01, 0.50)
        add(["claude-haiku-5-5"], 0.50, 0.625, 1, 0.05, 2.50, promptOver: 100_000)
        add(["claude-haiku-4-5", "claude-haiku-4-5-20251001"], 1, 1.25, 2, 0.10, 5)
        add(["claude-3-5-haiku-20241022"], 0.80, 1, 1.60, 0.08, 4)
        add(["claude-3-haiku-20240307"], 0.25, 0.30, 0.50, 0.03, 1.25)
        return PriceTable(rows)
    }()
}
