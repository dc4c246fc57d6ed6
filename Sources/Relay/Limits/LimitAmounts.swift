/// What counts against limits.
struct LimitAmounts: Sendable, Equatable {
    /// What periods count of it.
    var period = PeriodAmounts()
    var input: Int64 = 0
    var output: Int64 = 0

    init(
        requests: Int64 = 0, tokens: Int64 = 0, input: Int64 = 0, output: Int64 = 0, costMicroUSD: Int64 = 0, opusCostMicroUSD: Int64 = 0
    ) {
        period = PeriodAmounts(requests: requests, tokens: tokens, costMicroUSD: costMicroUSD, opusCostMicroUSD: opusCostMicroUSD)
        (self.input, self.output) = (input, output)
    }

    subscript(measure: LimitName.Measure) -> Int64 {
        switch measure {
        case .input: input
        case .output: output
        case .requests, .tokens, .cost, .opusCost: period[measure]
        }
    }

    /// Sums stay far enough from the end of the numbers that a reservation fits on top.
    static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflows) = a.addingReportingOverflow(b)
        return overflows ? (b < 0 ? .min / 2 : .max / 2) : max(min(sum, .max / 2), .min / 2)
    }

    mutating func add(_ other: LimitAmounts) {
        period.add(other.period)
        input = Self.sum(input, other.input)
        output = Self.sum(output, other.output)
    }
    mutating func remove(_ other: LimitAmounts) {
        period.remove(other.period)
        input -= other.input
        output -= other.output
    }
}

/// What counts against the limits of a period. Input and output have limits a minute only; with many keys a request meets cold memory, and
/// without them a period takes a third less of it.
struct PeriodAmounts: Sendable, Equatable {
    var requests: Int64 = 0
    /// Those that count for limits: without cache reads.
    var tokens: Int64 = 0
    var costMicroUSD: Int64 = 0
    /// The part of the cost that went to models of the opus family.
    var opusCostMicroUSD: Int64 = 0

    /// Of input and output, which no period counts, always nothing: `LimitName` has no such limit.
    subscript(measure: LimitName.Measure) -> Int64 {
        switch measure {
        case .requests: requests
        case .tokens: tokens
        case .input, .output: 0
        case .cost: costMicroUSD
        case .opusCost: opusCostMicroUSD
        }
    }

    mutating func add(_ other: PeriodAmounts) {
        requests = LimitAmounts.sum(requests, other.requests)
        tokens = LimitAmounts.sum(tokens, other.tokens)
        costMicroUSD = LimitAmounts.sum(costMicroUSD, other.costMicroUSD)
        opusCostMicroUSD = LimitAmounts.sum(opusCostMicroUSD, other.opusCostMicroUSD)
    }
    /// Nothing of it is less than in the other.
    mutating func raise(to other: PeriodAmounts) {
        requests = max(requests, other.requests)
        tokens = max(tokens, other.tokens)
        costMicroUSD = max(costMicroUSD, other.costMicroUSD)
        opusCostMicroUSD = max(opusCostMicroUSD, other.opusCostMicroUSD)
    }
    mutating func remove(_ other: PeriodAmounts) {
        requests -= other.requests
        tokens -= other.tokens
        costMicroUSD -= other.costMicroUSD
        opusCostMicroUSD -= other.opusCostMicroUSD
    }
}
