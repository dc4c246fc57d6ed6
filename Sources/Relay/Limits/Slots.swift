internal import Synchronization

/// A place under a limit over all keys or of one account.
final class Slots: Sendable {
    private let used = Atomic<Int>(0)

    var inFlight: Int { used.load(ordering: .relaxed) }

    /// - Parameter limit: nil is no limit.
    fileprivate func take(limit: Int?) -> Bool {
        let before = used.wrappingAdd(1, ordering: .relaxed).oldValue
        if let limit, before >= limit {
            used.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }
    fileprivate func give(_ count: Int = 1) { used.wrappingSubtract(count, ordering: .relaxed) }

    /// Takes `count` places at once, or none.
    fileprivate func take(_ count: Int, limit: Int) -> Bool {
        guard used.wrappingAdd(count, ordering: .relaxed).newValue > limit else { return true }
        give(count)
        return false
    }
}

/// Bytes of memory under a limit over all requests; given back when the request ends.
struct ByteLease: ~Copyable {
    private let slots: Slots
    private let count: Int

    /// Nil when they do not fit.
    init?(_ slots: Slots, count: Int, limit: Int) {
        guard slots.take(count, limit: limit) else { return nil }
        self.slots = slots
        self.count = count
    }

    deinit { slots.give(count) }
}

struct SlotLease: ~Copyable {
    private let slots: Slots

    /// Nil when all places are taken.
    init?(_ slots: Slots, limit: Int?) {
        guard slots.take(limit: limit) else { return nil }
        self.slots = slots
    }

    deinit { slots.give() }
}
