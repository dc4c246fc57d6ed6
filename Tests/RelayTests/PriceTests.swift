import Domain
import Store
import Testing

@testable import Relay

/// The price list of the contract, to the micro-USD.
struct PriceTests {
    static let now = Timestamp(year: 2026, month: 11, day: 21)

    /// USD per million tokens: input, 5-minute write, 1-hour write, read, output. A million of each costs their sum in micro-USD times
    /// a million.
    @Test(arguments: [
        ("claude-fable-5-2", [8, 10, 16, 0.20, 40]), ("claude-fable-5-1", [10, 12.50, 20, 0.25, 50]),
        ("claude-mythos-5", [10, 12.50, 20, 1, 50]), ("claude-opus-5-5", [4, 5, 8, 0.20, 20]),
        ("claude-opus-4-5-20251101", [5, 6.25, 10, 0.50, 25]), ("claude-opus-4-1", [15, 18.75, 30, 1.50, 75]),
        ("claude-3-opus-20240229", [15, 18.75, 30, 1.50, 75]), ("claude-sonnet-5-5", [2, 2.50, 4, 0.10, 10]),
        ("claude-sonnet-5", [2, 2.50, 4, 0.20, 10]), ("claude-sonnet-4-5", [3, 3.75, 6, 0.30, 15]),
        ("claude-haiku-4-5", [1, 1.25, 2, 0.10, 5]), ("claude-3-5-haiku-20241022", [0.80, 1, 1.60, 0.08, 4]),
        ("claude-3-haiku-20240307", [0.25, 0.30, 0.50, 0.03, 1.25]), ("claude-opus-5-5[1m]", [4, 5, 8, 0.20, 20]),
    ]) func `acceptance 11: each class of tokens has its own price`(model: String, rates: [Double]) {
        let million: Int64 = 1_000_000
        let each = [
            TokenCounts(input: million), TokenCounts(cacheWrite5m: million), TokenCounts(cacheWrite1h: million),
            TokenCounts(cacheRead: million), TokenCounts(output: million),
        ]
        for (tokens, rate) in zip(each, rates) {
            let price = PriceTable.starting.price(MeteredUsage(), tokens: tokens, model: model, at: Self.now)
            #expect(price == Price(microUSD: Int64((rate * 1_000_000).rounded()), flags: ""))
        }
    }

    private func price(
        _ tokens: TokenCounts, _ model: String, at moment: Timestamp = now, _ change: (inout MeteredUsage) -> Void = { _ in }
    )
        -> Price
    {
        var usage = MeteredUsage()
        change(&usage)
        return PriceTable.starting.price(usage, tokens: tokens, model: model, at: moment)
    }

    @Test func `acceptance 11: the newest row that is not after the request counts`() {
        let tokens = TokenCounts(cacheRead: 1_000_000)
        let day = Timestamp(year: 2026, month: 10, day: 7)
        #expect(price(tokens, "claude-sonnet-5-5", at: day.adding(milliseconds: -1)).microUSD == 200_000)
        #expect(price(tokens, "claude-sonnet-5-5", at: day).microUSD == 100_000)
    }

    @Test func `acceptance 11: a band counts for every token of the request`() {
        #expect(price(TokenCounts(input: 100_000), "claude-haiku-5-5").microUSD == 10_000)
        #expect(price(TokenCounts(input: 100_001), "claude-haiku-5-5").microUSD == 50_001)
        #expect(price(TokenCounts(input: 50_000, output: 1000, cacheWrite5m: 1, cacheRead: 50_000), "claude-haiku-5-5").microUSD == 30_001)
    }

    @Test func `acceptance 11: half a micro-USD is rounded up, once`() {
        #expect(price(TokenCounts(input: 5), "claude-haiku-5-5").microUSD == 1)
        #expect(price(TokenCounts(input: 4), "claude-haiku-5-5").microUSD == 0)
        #expect(price(TokenCounts(input: 2, cacheWrite5m: 2, cacheRead: 5), "claude-haiku-5-5").microUSD == 1)
    }

    @Test func `acceptance 11: modifiers multiply the token rates and leave web searches alone`() {
        let tokens = TokenCounts(input: 1_000_000)
        #expect(price(tokens, "claude-opus-5-5") { $0.isFast = true } == Price(microUSD: 8_000_000, flags: "fast"))
        #expect(price(tokens, "claude-opus-5-5") { $0.isUS = true } == Price(microUSD: 4_400_000, flags: "geo_us"))
        #expect(price(tokens, "claude-opus-5-5") { $0.isBatch = true } == Price(microUSD: 2_000_000, flags: "batch"))
        #expect(price(tokens, "claude-opus-4-5") { $0.isUS = true }.microUSD == 5_000_000)
        let both = price(tokens, "claude-opus-5-5") {
            $0.isFast = true
            $0.isUS = true
            $0.webSearches = 3
        }
        #expect(both == Price(microUSD: 8_830_000, flags: "geo_us fast"))
    }

    @Test func `acceptance 11: passes are billed each at its own model instead of the top level`() {
        let price = price(TokenCounts(input: 999_999), "claude-opus-5-5") {
            $0.iterations = [
                .init(model: nil, tokens: TokenCounts(input: 1000)), .init(model: "claude-haiku-4-5", tokens: TokenCounts(output: 1000)),
            ]
        }
        #expect(price.microUSD == 4000 + 5000)
    }

    @Test func `a pass that leaves its model empty costs what the message's own does`() {
        let price = price(TokenCounts(), "claude-opus-5-5") { $0.iterations = [.init(model: "", tokens: TokenCounts(input: 1000))] }
        #expect(price == Price(microUSD: 4000, flags: ""))
    }

    @Test(arguments: [
        ("claude-opus-9", 75), ("claude-sonnet-9", 15), ("claude-haiku-9", 5), ("claude-mythos-5-2", 50), ("something-else", 75),
    ]) func `an unknown model costs the dearest of its family and says so`(model: String, outputRate: Int64) {
        let cost = price(TokenCounts(output: 1000), model)
        #expect(cost == Price(microUSD: outputRate * 1000, flags: "price_missing"))
    }

    @Test func `of rows that cost the same for input and output, the dearest is that of the dearest cache`() {
        #expect(price(TokenCounts(cacheRead: 1_000_000), "claude-mythos-5-2") == Price(microUSD: 1_000_000, flags: "price_missing"))
        // In a table of many such rows chance would hardly find it.
        let rows = (1...64).map { number in
            PriceRow(
                model: "claude-opus-\(number)", effectiveFrom: Timestamp(milliseconds: 0), promptOver: 0, input: 5000, output: 25_000,
                cacheWrite5m: 6250, cacheWrite1h: 10_000, cacheRead: Int64(number))
        }
        let price = PriceTable(rows).price(MeteredUsage(), tokens: TokenCounts(cacheRead: 1_000_000), model: "claude-opus-99", at: Self.now)
        #expect(price.microUSD == 64_000)
    }
}
