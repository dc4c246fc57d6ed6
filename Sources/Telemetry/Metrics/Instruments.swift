internal import Synchronization

/// Only goes up. One atomic add, about a nanosecond.
public final class Counter: Sendable {
    private let cell = Atomic<UInt64>(0)
    public init() {}
    public func add(_ amount: UInt64 = 1) { cell.wrappingAdd(amount, ordering: .relaxed) }
    public var value: UInt64 { cell.load(ordering: .relaxed) }
}

/// Goes up and down.
public final class Gauge: Sendable {
    private let cell = Atomic<Int64>(0)
    public init() {}
    public func set(_ value: Int64) { cell.store(value, ordering: .relaxed) }
    public func add(_ amount: Int64) { cell.wrappingAdd(amount, ordering: .relaxed) }
    public var value: Int64 { cell.load(ordering: .relaxed) }
}

/// Counts observations by size. Observations are integers in the smallest unit (nanoseconds, bytes); `divisor` makes the exposed unit.
public final class Histogram: Sendable {
    let bounds: [UInt64]
    private let buckets: [Counter]
    private let sum = Counter()

    init(bounds: [Double], divisor: Double) {
        self.bounds = bounds.map { UInt64(max(0, $0 * divisor).rounded()) }
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    public func observe(_ value: UInt64) {
        // A handful of bounds: a linear walk beats a search.
        var at = 0
        while at < bounds.count, value > bounds[at] { at += 1 }
        buckets[at].add()
        sum.add(value)
    }

    /// Counts per bucket, not cumulative, the last one for everything above the bounds; and the sum.
    var snapshot: (buckets: [UInt64], sum: UInt64) { (buckets.map(\.value), sum.value) }
}
