internal import Domain
internal import Store
internal import Synchronization

/// Keeps the compiler from moving stores over it; the processor keeps them in order by itself or is told here.
enum JournalFence {
    @inline(__always) static func release() { atomicMemoryFence(ordering: .releasing) }
}

/// The running numbers of requests under way, in a memory-mapped file: a few plain stores an event, no system call, and there after
/// `kill -9`. A slot belongs to one request from admission to settlement. Used on one reactor.
final class InFlightSlots: @unchecked Sendable {
    private static let slotBytes = 160
    static let count = 16_384
    /// A slot's passes stand behind all slots: few requests have any, and memory that is not met costs nothing.
    private static let passBytes = 80
    /// Passes of a request that are kept one by one; more are added to one of their model, else to the last.
    static let passCount = 6
    private static let wholeBytes = slotBytes + passCount * passBytes
    /// No file is larger.
    static let fileBytes = count * wholeBytes
    /// Bytes of the response's model name that fit into a slot.
    static let modelBytes = 40

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt64
        /// The request has been handed to an upstream.
        static let sent = Flags(rawValue: 1)
        static let known = Flags(rawValue: 2)
        /// The last event has come; the numbers are final.
        static let complete = Flags(rawValue: 4)
        static let fast = Flags(rawValue: 8)
        static let us = Flags(rawValue: 16)
        static let batch = Flags(rawValue: 32)
        /// Nobody has told the input, or the output in the end. Said where it is so: earlier versions know nothing of it.
        static let noInput = Flags(rawValue: 64)
        static let noOutput = Flags(rawValue: 128)
    }

    struct Reading: Sendable, Equatable {
        var tokens: TokenCounts
        var webSearches: Int64
        var deltaBytes: Int64
        var blocks: Int64
        var flags: Flags
        var model: String
        /// Of the last attempt.
        var accountID: AccountID?
        /// Number of the last attempt; 0 before the first.
        var attempt: Int64 = 0
        /// The passes that the numbers are the sum of; empty for most requests.
        var passes: [MeteredUsage.Iteration] = []

        /// Handed to an upstream, and nothing more is known.
        static let sentOnly = Reading(tokens: TokenCounts(), webSearches: 0, deltaBytes: 0, blocks: 0, flags: .sent, model: "")
    }

    private let file: MappedFile
    private var free: [UInt32]

    init(creating path: String, count: Int = count) throws(JournalError) {
        file = try MappedFile.create(path, size: count * Self.wholeBytes)
        // New, so nobody else's; whoever finds it without its lock file sees that its process lives.
        _ = file.hold()
        free = (0..<UInt32(count)).reversed()
    }

    /// Nil when all are taken; the request then runs without one.
    func take(_ id: (high: UInt64, low: UInt64)) -> UInt32? {
        guard let slot = free.popLast() else { return nil }
        let base = Int(slot) * Self.slotBytes
        for word in 2..<Self.slotBytes / 8 { file.storeWord(0, at: base + word * 8) }
        file.storeWord(id.high, at: base)
        file.storeWord(id.low, at: base + 8)
        return slot
    }

    func give(_ slot: UInt32) {
        let base = Int(slot) * Self.slotBytes
        file.storeWord(0, at: base)
        file.storeWord(0, at: base + 8)
        free.append(slot)
    }

    func mark(_ slot: UInt32, _ flags: Flags) {
        let at = Int(slot) * Self.slotBytes + 80
        file.storeWord(file.word(at: at) | flags.rawValue, at: at)
    }

    func update(_ slot: UInt32, _ tokens: TokenCounts, webSearches: Int64, deltaBytes: Int64, blocks: Int64, flags: Flags) {
        let base = Int(slot) * Self.slotBytes
        file.storeWord(UInt64(bitPattern: tokens.input), at: base + 16)
        file.storeWord(UInt64(bitPattern: tokens.output), at: base + 24)
        file.storeWord(UInt64(bitPattern: tokens.cacheWrite5m), at: base + 32)
        file.storeWord(UInt64(bitPattern: tokens.cacheWrite1h), at: base + 40)
        file.storeWord(UInt64(bitPattern: tokens.cacheRead), at: base + 48)
        file.storeWord(UInt64(bitPattern: webSearches), at: base + 56)
        file.storeWord(UInt64(bitPattern: deltaBytes), at: base + 64)
        file.storeWord(UInt64(bitPattern: blocks), at: base + 72)
        file.storeWord(flags.rawValue, at: base + 80)
    }

    func setModel(_ slot: UInt32, _ model: String) { store(model, at: Int(slot) * Self.slotBytes + 88) }
    private func store(_ model: String, at offset: Int) {
        let bytes = Array(model.utf8.prefix(Self.modelBytes))
        let padded = bytes + [UInt8](repeating: 0, count: Self.modelBytes - bytes.count)
        file.store(padded.span, at: offset)
    }

    /// What a name in a slot was before it was cut to fit, when that is the model that was asked for: prices go by whole names.
    static func whole(_ kept: String, of asked: String) -> String {
        kept.utf8.count == modelBytes && asked.utf8.starts(with: kept.utf8) ? asked : kept
    }

    /// Called before the sums of them are stored. Whoever reads in between finds none.
    func setPasses(_ slot: UInt32, _ passes: [MeteredUsage.Iteration]) {
        let countAt = Int(slot) * Self.slotBytes + 152
        let base = file.size / Self.wholeBytes * Self.slotBytes + Int(slot) * Self.passCount * Self.passBytes
        var kept = Array(passes.prefix(Self.passCount))
        for pass in passes.dropFirst(Self.passCount) {
            let place = kept.lastIndex { $0.model == pass.model } ?? kept.count - 1
            kept[place].tokens.add(pass.tokens)
        }
        file.storeWord(0, at: countAt)
        JournalFence.release()
        for (index, pass) in kept.enumerated() {
            let at = base + index * Self.passBytes
            let tokens = pass.tokens
            for (word, number) in [tokens.input, tokens.output, tokens.cacheWrite5m, tokens.cacheWrite1h, tokens.cacheRead].enumerated() {
                file.storeWord(UInt64(bitPattern: number), at: at + word * 8)
            }
            store(pass.model ?? "", at: at + 40)
        }
        JournalFence.release()
        file.storeWord(UInt64(kept.count), at: countAt)
    }

    func setAttempt(_ slot: UInt32, _ account: AccountID, number: Int64) {
        let base = Int(slot) * Self.slotBytes
        file.storeWord(account.high, at: base + 128)
        file.storeWord(account.low, at: base + 136)
        file.storeWord(UInt64(bitPattern: number), at: base + 144)
    }

    var takenCount: Int { file.size / Self.wholeBytes - free.count }
    func remove() { file.remove() }

    /// Reads a slot of a file another process left; nil when it holds another request or none.
    static func read(_ file: MappedFile, _ slot: UInt32, id: (high: UInt64, low: UInt64)) -> Reading? {
        let (base, count) = (Int(slot) * slotBytes, file.size / wholeBytes)
        guard Int(slot) < count, file.word(at: base) == id.high, file.word(at: base + 8) == id.low else { return nil }
        // A file that a power cut has damaged may hold anything; nothing in it may stop the start.
        func number(_ offset: Int, from base: Int) -> Int64 {
            min(max(0, Int64(bitPattern: file.word(at: base + offset))), MeteredUsage.largestCount)
        }
        func tokens(_ base: Int) -> TokenCounts {
            TokenCounts(
                input: number(0, from: base), output: number(8, from: base), cacheWrite5m: number(16, from: base),
                cacheWrite1h: number(24, from: base), cacheRead: number(32, from: base))
        }
        func model(_ at: Int) -> String { String(decoding: file.bytes(at..<at + modelBytes).prefix { $0 != 0 }, as: UTF8.self) }
        let passes = (0..<min(number(152, from: base), Int64(passCount))).map { index in
            let at = count * slotBytes + (Int(slot) * passCount + Int(index)) * passBytes
            let name = model(at + 40)
            return MeteredUsage.Iteration(model: name.isEmpty ? nil : name, tokens: tokens(at))
        }
        let account = AccountID(high: file.word(at: base + 128), low: file.word(at: base + 136))
        return Reading(
            tokens: tokens(base + 16), webSearches: number(56, from: base), deltaBytes: number(64, from: base),
            blocks: number(72, from: base), flags: Flags(rawValue: file.word(at: base + 80)), model: model(base + 88),
            accountID: account.high == 0 ? nil : account, attempt: min(number(144, from: base), 1000), passes: passes)
    }
}
