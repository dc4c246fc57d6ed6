/// Rates of one model from one moment on, for prompts over a size. Immutable: a price change is a new row.
public struct PriceRow: Sendable, Equatable {
    public var model: String
    public var effectiveFrom: Timestamp
    /// The row counts for prompts of more tokens than this; 0 for every prompt.
    public var promptOver: Int64
    /// Nano-USD a token: 0.01 USD a million tokens is 10.
    public var input: Int64
    public var output: Int64
    public var cacheWrite5m: Int64
    public var cacheWrite1h: Int64
    public var cacheRead: Int64

    /// A hundred thousand USD a million tokens: beyond any price, small enough that no sum overflows.
    public static let largestRate: Int64 = 100_000_000

    public init(
        model: String, effectiveFrom: Timestamp = Timestamp(milliseconds: 0), promptOver: Int64 = 0, input: Int64, output: Int64,
        cacheWrite5m: Int64, cacheWrite1h: Int64, cacheRead: Int64
    ) {
        self.model = model
        self.effectiveFrom = effectiveFrom
        self.promptOver = promptOver
        self.input = input
        self.output = output
        self.cacheWrite5m = cacheWrite5m
        self.cacheWrite1h = cacheWrite1h
        self.cacheRead = cacheRead
    }
}
