/// One of the places for streams that are read on after their client has gone. A class, because the passage that holds it is one.
final class DrainPlace {
    private let lease: SlotLease
    init?(_ slots: Slots, limit: Int) {
        guard let lease = SlotLease(slots, limit: limit) else { return nil }
        self.lease = lease
    }
}
