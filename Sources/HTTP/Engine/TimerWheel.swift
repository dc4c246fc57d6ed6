/// A timer that was set; stale tokens are harmless.
public struct TimerToken: Sendable, Equatable {
    let index: Int32
    let generation: UInt32
}

/// Timers of one reactor in 1,024 slots of 10 ms. Setting and cancelling cost the same however many there are; a timer more
/// than one turn (10.24 s) away is looked at once a turn. Fires at or after its time, never before.
struct TimerWheel {
    static let slotCount: UInt64 = 1024
    static let tickNanoseconds: UInt64 = 10_000_000

    private struct Entry {
        var deadlineTick: UInt64
        var generation: UInt32
        /// Next in the slot, or next free.
        var next: Int32
        var previous: Int32
        var action: (() -> Void)?
    }
    private var entries: [Entry] = []
    private var firstFree: Int32 = -1
    private var heads = [Int32](repeating: -1, count: Int(slotCount))
    private var occupied = [UInt64](repeating: 0, count: Int(slotCount / 64))
    /// Every slot up to this tick has been looked at.
    private var currentTick: UInt64
    private(set) var count = 0

    init(nowNanoseconds: UInt64) { currentTick = nowNanoseconds / Self.tickNanoseconds }

    mutating func schedule(atNanoseconds deadline: UInt64, _ action: @escaping () -> Void) -> TimerToken {
        // Rounded up, and never into a slot that has been passed.
        let tick = max(deadline / Self.tickNanoseconds &+ 1, currentTick &+ 1)
        let index: Int32
        if firstFree >= 0 {
            index = firstFree
            firstFree = entries[Int(index)].next
        } else {
            index = Int32(entries.count)
            entries.append(Entry(deadlineTick: 0, generation: 0, next: -1, previous: -1, action: nil))
        }
        let slot = Int(tick % Self.slotCount)
        let head = heads[slot]
        entries[Int(index)].deadlineTick = tick
        entries[Int(index)].action = action
        entries[Int(index)].next = head
        entries[Int(index)].previous = -1
        if head >= 0 { entries[Int(head)].previous = index }
        heads[slot] = index
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        count += 1
        return TimerToken(index: index, generation: entries[Int(index)].generation)
    }

    mutating func cancel(_ token: TimerToken) { _ = take(token) }

    /// Removes the timer and answers its action; nil when it has fired or was cancelled.
    private mutating func take(_ token: TimerToken) -> (() -> Void)? {
        let index = Int(token.index)
        guard index >= 0, index < entries.count, entries[index].generation == token.generation, let action = entries[index].action else {
            return nil
        }
        let entry = entries[index]
        let slot = Int(entry.deadlineTick % Self.slotCount)
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[slot] = entry.next
            if entry.next < 0 { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
        }
        if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
        entries[index].action = nil
        entries[index].generation &+= 1
        entries[index].next = firstFree
        firstFree = token.index
        count -= 1
        return action
    }

    /// What is due, earliest first. Each is taken with `fire` so that one due timer can still cancel another.
    mutating func due(nowNanoseconds: UInt64) -> [TimerToken] {
        let nowTick = nowNanoseconds / Self.tickNanoseconds
        guard nowTick > currentTick else { return [] }
        guard count > 0 else {
            currentTick = nowTick
            return []
        }
        var found: [(tick: UInt64, token: TimerToken)] = []
        for step in 1...min(nowTick - currentTick, Self.slotCount) {
            let slot = Int((currentTick + step) % Self.slotCount)
            guard occupied[slot >> 6] & 1 << UInt64(slot & 63) != 0 else { continue }
            var index = heads[slot]
            while index >= 0 {
                let entry = entries[Int(index)]
                if entry.deadlineTick <= nowTick {
                    found.append((entry.deadlineTick, TimerToken(index: index, generation: entry.generation)))
                }
                index = entry.next
            }
        }
        currentTick = nowTick
        if found.count > 1 { found.sort { $0.tick < $1.tick } }
        return found.map(\.token)
    }

    mutating func fire(_ token: TimerToken) -> (() -> Void)? { take(token) }

    /// Until the next slot that holds a timer, -1 when there is none.
    func timeoutMilliseconds(nowNanoseconds: UInt64) -> Int32 {
        guard count > 0 else { return -1 }
        let start = Int((currentTick + 1) % Self.slotCount)
        for distance in 0...(occupied.count) {
            let word = (start >> 6 + distance) % occupied.count
            var bits = occupied[word]
            if distance == 0 { bits &= UInt64.max << UInt64(start & 63) }
            if distance == occupied.count { bits &= ~(UInt64.max << UInt64(start & 63)) }
            guard bits != 0 else { continue }
            let slot = word << 6 + bits.trailingZeroBitCount
            let steps = UInt64((slot - start + Int(Self.slotCount)) % Int(Self.slotCount))
            let target = (currentTick + 1 + steps) * Self.tickNanoseconds
            return target <= nowNanoseconds ? 0 : Int32(clamping: (target - nowNanoseconds + 999_999) / 1_000_000)
        }
        return -1
    }
}
