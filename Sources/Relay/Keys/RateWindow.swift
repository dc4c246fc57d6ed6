/// Events in the last sixty seconds, counted in buckets of one second: 61 small numbers whatever the limit is.
struct RateWindow: Sendable {
    private static let seconds = 60
    private var buckets = [UInt32](repeating: 0, count: seconds)
    private var total: UInt64 = 0
    /// The second of the newest bucket.
    private var newest: UInt64 = 0

    /// Counts one event unless `limit` have been counted in the last minute.
    /// - Returns: nil when counted, else the seconds (1...60) until the oldest counted second leaves the window.
    mutating func take(limit: Int64, second: UInt64) -> Int? {
        advance(to: second)
        guard total < UInt64(max(0, limit)) else { return waitSeconds(second) }
        buckets[Int(newest % UInt64(Self.seconds))] += 1
        total += 1
        return nil
    }

    /// What is left and when (in seconds) the window is empty again, for rate-limit headers.
    mutating func remaining(limit: Int64, second: UInt64) -> (count: Int64, resetSeconds: Int) {
        advance(to: second)
        return (max(0, limit - Int64(clamping: total)), total == 0 ? 0 : Self.seconds)
    }

    private mutating func advance(to second: UInt64) {
        // A clock that goes back a little counts in the newest second; after one that was far ahead it begins anew.
        let wasAhead = newest > second && newest - second > UInt64(Self.seconds)
        guard second > newest || wasAhead else { return }
        if wasAhead || second - newest >= UInt64(Self.seconds) {
            buckets = [UInt32](repeating: 0, count: Self.seconds)
            total = 0
        } else {
            for passed in newest + 1...second {
                let index = Int(passed % UInt64(Self.seconds))
                total -= UInt64(buckets[index])
                buckets[index] = 0
            }
        }
        newest = second
    }

    private func waitSeconds(_ second: UInt64) -> Int {
        for wait in 1...Self.seconds {
            // The bucket that leaves when `wait` seconds have passed.
            if buckets[Int((newest + UInt64(wait)) % UInt64(Self.seconds))] > 0 { return wait }
        }
        return Self.seconds
    }
}
