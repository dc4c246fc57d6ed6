/// Requests, tokens, input and output of the last sixty seconds, in buckets of one second. Takes no memory until something is counted.
///
/// The four stand side by side in a bucket: with many keys a request meets cold memory, and this way it meets one line of it.
struct SlidingMinute: Sendable {
    static let seconds = 60
    private struct Sums: Sendable, Equatable {
        var requests: Int64 = 0, tokens: Int64 = 0, input: Int64 = 0, output: Int64 = 0

        subscript(measure: LimitName.Measure) -> Int64 {
            switch measure {
            case .requests: requests
            case .tokens, .cost, .opusCost: tokens
            case .input: input
            case .output: output
            }
        }
        var isEmpty: Bool { requests | tokens | input | output == 0 }

        /// Buckets never add up to more than the total.
        mutating func remove(_ other: Sums) {
            requests -= other.requests
            tokens -= other.tokens
            input -= other.input
            output -= other.output
        }
    }
    private var buckets: [Sums] = []
    private var total = Sums()
    /// The second of the newest bucket.
    private var newest: UInt64 = 0

    func total(_ measure: LimitName.Measure) -> Int64 { total[measure] }

    /// Adds amounts (or takes them back) to a second that has not left the minute; a later moment is passed over.
    mutating func add(_ amounts: LimitAmounts, second: UInt64) {
        guard amounts.period.requests | amounts.period.tokens | amounts.input | amounts.output != 0 else { return }
        if buckets.isEmpty { buckets = [Sums](repeating: Sums(), count: Self.seconds) }
        advance(to: second)
        // A clock that goes back counts in the newest second.
        let at = min(second, newest)
        guard newest - at < UInt64(Self.seconds) else { return }
        func add(_ amount: Int64, _ bucket: inout Int64, _ total: inout Int64) {
            let before = bucket
            bucket = max(0, LimitAmounts.sum(before, amount))
            total = max(0, LimitAmounts.sum(total, bucket - before))
        }
        let index = Int(at % UInt64(Self.seconds))
        var bucket = buckets[index]
        add(amounts.period.requests, &bucket.requests, &total.requests)
        add(amounts.period.tokens, &bucket.tokens, &total.tokens)
        add(amounts.input, &bucket.input, &total.input)
        add(amounts.output, &bucket.output, &total.output)
        buckets[index] = bucket
    }

    mutating func advance(to second: UInt64) {
        guard second > newest else { return }
        if second - newest >= UInt64(Self.seconds) {
            if !total.isEmpty { buckets = [Sums](repeating: Sums(), count: Self.seconds) }
            total = Sums()
        } else if !total.isEmpty {
            for passed in newest + 1...second {
                let index = Int(passed % UInt64(Self.seconds))
                total.remove(buckets[index])
                buckets[index] = Sums()
            }
        }
        newest = second
    }

    /// Seconds (1...60) until at least `amount` has left the minute.
    func wait(for amount: Int64, of measure: LimitName.Measure) -> Int64 {
        var left: Int64 = 0
        for wait in 1...Self.seconds where !buckets.isEmpty {
            // The bucket that leaves when `wait` seconds have passed.
            left = LimitAmounts.sum(left, buckets[Int((newest + UInt64(wait)) % UInt64(Self.seconds))][measure])
            if left >= amount { return Int64(wait) }
        }
        return Int64(Self.seconds)
    }

    /// Seconds until the minute is empty of it.
    func resetSeconds(_ measure: LimitName.Measure) -> Int { total[measure] == 0 ? 0 : Self.seconds }
}
