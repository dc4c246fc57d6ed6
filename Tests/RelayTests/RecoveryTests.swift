import Domain
import Foundation
import Store
import Telemetry
import TestKit
import Testing

@testable import Relay

/// A process dies and another one takes over: the ledger has every settled request exactly once.
struct RecoveryTests {
    private struct Fixture {
        let folder: URL
        let store: Store
        let key: APIKeyID
        let clock: TestClock
        let metrics = Metrics()

        func mover(billsEstimates: Bool = true) throws -> JournalMover {
            try JournalMover(
                folder: folder.path, count: 1, store: store, prices: .starting, ambient: clock.ambient, log: .silent, metrics: metrics,
                segmentBytes: 8192, billsEstimates: billsEstimates)
        }
        func ledger() async throws -> [LedgerEntry] {
            try await store.read { reader throws(StoreError) in try reader.ledger(limit: 1000).items }
        }
        func request(_ id: RequestID) async throws -> RequestRecord? {
            try await store.read { reader throws(StoreError) in try reader.request(id) }
        }
        var files: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() } }
    }

    private func withFixture(_ test: (Fixture) async throws -> Void) async throws {
        let clock = TestClock()
        try await withTemporaryFolder { folder in
            try await withStore(.sqlite, clock: clock) { store in
                let key = try await store.transaction { transaction throws(StoreError) in
                    try transaction.createAPIKey(
                        NewAPIKey(ownerID: nil, name: "a key", secretHash: [1], shownPrefix: "cr_ab12", shownSuffix: "f9e0"))
                }
                try await test(Fixture(folder: folder.appending(path: "journal"), store: store, key: key.id, clock: clock))
            }
        }
    }

    /// Writes as a process would that dies right after: what it held is dropped, its files stay.
    private func die(_ fixture: Fixture, settled: Int, open: [InFlightSlots.Reading?]) throws -> (settled: [Admission], open: [Admission]) {
        let mover = try fixture.mover()
        let journal = mover.journals[0]
        let ambient = fixture.clock.ambient
        let done = try (0..<settled).map { index in
            let admission = Admission.example(ambient, key: fixture.key)
            try journal.admit(admission)
            try journal.settle(admission.settled(output: Int64(index)).bytes.span)
            return admission
        }
        let left = try open.map { reading in
            var admission = Admission.example(ambient, key: fixture.key)
            if let reading, let slot = journal.slots.take((admission.requestID.high, admission.requestID.low)) {
                admission.slot = slot
                journal.slots.setModel(slot, reading.model)
                journal.slots.setPasses(slot, reading.passes)
                journal.slots.update(
                    slot, reading.tokens, webSearches: reading.webSearches, deltaBytes: reading.deltaBytes, blocks: reading.blocks,
                    flags: reading.flags)
            }
            try journal.admit(admission)
            return admission
        }
        return (done, left)
    }

    @Test func `a request that outlives many files is over when its end is read, however often it was carried`() async throws {
        try await withFixture { fixture in
            let mover = try fixture.mover()
            let journal = mover.journals[0]
            func pass(_ count: Int) throws {
                for _ in 0..<count {
                    let short = Admission.example(fixture.clock.ambient, key: fixture.key)
                    try journal.admit(short)
                    try journal.settle(short.settled().bytes.span)
                }
            }
            let long = Admission.example(fixture.clock.ambient, key: fixture.key)
            try journal.admit(long)
            _ = try await mover.moveOnce()
            try pass(60)
            try journal.settle(long.settled().bytes.span)
            try pass(60)
            // Read in small groups: its end is read files after it was carried for the first time, and before what was carried.
            while journal.pendingRecords > 0 { _ = try await mover.moveOnce(limit: 7) }
            mover.stop()
            await mover.run()
            #expect(try fixture.files.isEmpty, "nothing is under way")
            #expect(try await fixture.ledger().count == 121)
            #expect(try await fixture.request(long.requestID)?.status == .success)
        }
    }

    @Test func `what a dead process left is booked once, however often it is tried`() async throws {
        try await withFixture { fixture in
            let (settled, _) = try die(fixture, settled: 40, open: [])
            let before = try fixture.files
            let copies = try before.map { ($0, try Data(contentsOf: fixture.folder.appending(path: $0))) }
            for _ in 1...3 {
                try await fixture.mover().adopt()
                // The same files again, as if the process had been killed just before it removed them.
                for (name, content) in copies { try content.write(to: fixture.folder.appending(path: name)) }
            }
            let ledger = try await fixture.ledger()
            #expect(Set(ledger.map(\.requestID)) == Set(settled.map(\.requestID)) && ledger.count == 40)
            #expect(ledger.reduce(0) { $0 + $1.tokens.output } == (0..<40).reduce(0, +))
        }
    }

    private static func slot(
        _ flags: InFlightSlots.Flags, output: Int64 = 0, deltaBytes: Int64 = 0, blocks: Int64 = 1
    ) -> InFlightSlots.Reading {
        .init(
            tokens: TokenCounts(input: 100, output: output), webSearches: 0, deltaBytes: deltaBytes, blocks: blocks, flags: flags,
            model: "claude-opus-5-5")
    }

    @Test(arguments: [true, false]) func `a request that died before its answer costs its estimate where estimates are billed`(
        billsEstimates: Bool
    ) async throws {
        try await withFixture { fixture in
            let (_, open) = try die(
                fixture, settled: 0,
                open: [
                    Self.slot(.sent, blocks: 0), Self.slot(.sent, deltaBytes: 40), Self.slot([.sent, .known], output: 3),
                    Self.slot([.sent, .known, .complete], output: 50), nil,
                ])
            try await fixture.mover(billsEstimates: billsEstimates).adopt()
            let ledger = Dictionary(uniqueKeysWithValues: try await fixture.ledger().map { ($0.requestID, $0) })
            let sources = open.map { ledger[$0.requestID]?.usageSource }
            #expect(sources == [billsEstimates ? .estimated : nil, .unparsed, .snapshot, .final, billsEstimates ? .estimated : nil])
            #expect(ledger[open[1].requestID]?.tokens == TokenCounts(input: 1000, output: 13), "what was streamed is paid by all")
            let states = try await open.asyncMap { try await fixture.request($0.requestID)?.status }
            #expect(states == [.aborted, .aborted, .aborted, .success, .aborted], "the history shows it, whatever it costs")
        }
    }

    @Test(
        arguments: [
            ([.known, .noOutput], TokenCounts(input: 100, output: 103), .snapshot),
            ([.known, .complete], TokenCounts(input: 100, output: 1), .final),
            ([.known, .complete, .noOutput], TokenCounts(input: 100, output: 103), .unparsed),
            ([.known, .complete, .noInput], TokenCounts(input: 1000, output: 1), .unparsed),
            ([.known, .noInput, .noOutput], TokenCounts(input: 1000, output: 103), .unparsed),
            ([.complete, .noInput, .noOutput], TokenCounts(input: 1000, output: 103), .unparsed),
        ] as [(InFlightSlots.Flags, TokenCounts, UsageSource)])
    func `what the stream of a dead process had not told is billed by what was sent and streamed`(
        flags: InFlightSlots.Flags, tokens: TokenCounts, source: UsageSource
    ) {
        let clock = TestClock()
        let admission = Admission.example(clock.ambient, key: APIKeyID(clock.ambient))
        let slot = Self.slot(flags.union(.sent), output: 1, deltaBytes: 400)
        let settlement = Settlement.afterCrash(admission, slot, billsEstimates: false)
        #expect(settlement.usage?.tokens == tokens && settlement.usage?.source == source)
        #expect((settlement.status == .success) == flags.contains(.complete))
    }

    @Test func `a request that died under way is billed with the numbers it had reached`() async throws {
        try await withFixture { fixture in
            let (_, open) = try die(
                fixture, settled: 0,
                open: [
                    Self.slot([], blocks: 0), Self.slot(.sent, blocks: 0), Self.slot([.sent, .known], output: 3, deltaBytes: 401),
                    Self.slot([.sent, .known, .complete], output: 50), nil,
                ])
            try await fixture.mover().adopt()
            let ledger = Dictionary(uniqueKeysWithValues: try await fixture.ledger().map { ($0.requestID, $0) })
            #expect(ledger[open[0].requestID] == nil, "never sent, never billed")
            #expect(ledger[open[1].requestID]?.usageSource == .estimated && ledger[open[1].requestID]?.tokens.input == 1000)
            #expect(ledger[open[2].requestID]?.usageSource == .snapshot)
            #expect(ledger[open[2].requestID]?.tokens == TokenCounts(input: 100, output: 101 + 3))
            #expect(ledger[open[2].requestID]?.model == "claude-opus-5-5")
            #expect(ledger[open[3].requestID]?.usageSource == .final && ledger[open[3].requestID]?.tokens.output == 50)
            #expect(ledger[open[4].requestID]?.usageSource == .estimated, "without a slot the estimate is billed")
            let states = try await open.asyncMap { try await fixture.request($0.requestID)?.status }
            #expect(states == [.aborted, .aborted, .aborted, .success, .aborted])
        }
    }

    @Test func `what a dead process left is booked where there is no room for files of one's own`() async throws {
        try await withFixture { fixture in
            let (settled, open) = try die(fixture, settled: 40, open: [Self.slot([.sent, .known], output: 3)])
            let booking = JournalBooking(
                folder: fixture.folder.path, store: fixture.store, prices: .starting, ambient: fixture.clock.ambient, log: .silent,
                metrics: fixture.metrics)
            _ = try await booking.adopt(besides: "")
            #expect(try await fixture.ledger().count == settled.count + open.count)
            #expect(try fixture.files.isEmpty, "there is room now")
        }
    }

    @Test func `a store that refuses large groups gets smaller ones, and one that refuses all is asked no longer`() async throws {
        var taken: [Range<Int>] = []
        var left: [Int] = []
        try await JournalBooking.inGroups(of: 13_000) { range in
            guard range.count <= 1500 else { throw StoreError.unavailable("too large") }
            taken.append(range)
        } refused: { _, count in
            left.append(count)
        }
        #expect(left == [13_000, 13_000])
        #expect(taken.map(\.count) == [Int](repeating: 1500, count: 8) + [1000])
        #expect(taken.first?.lowerBound == 0 && zip(taken, taken.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })

        var asked: [Int] = []
        do {
            try await JournalBooking.inGroups(of: 300) { range in
                asked.append(range.count)
                throw StoreError.unavailable("gone")
            } refused: { _, _ in
            }
            Issue.record("nothing was taken")
        } catch is StoreError {}
        #expect(asked == [300, 300, 300, 300, 300, 200])
    }

    @Test func `passes of several models that a crash left open cost what each model costs`() async throws {
        try await withFixture { fixture in
            var reading = Self.slot([.sent, .known], output: 30, deltaBytes: 200)
            reading.tokens = TokenCounts(input: 3000, output: 30)
            reading.passes = [
                .init(model: nil, tokens: TokenCounts(input: 1000, output: 10)),
                .init(model: "claude-haiku-5-5", tokens: TokenCounts(input: 1000, output: 10)),
                .init(model: "claude-opus-5", tokens: TokenCounts(input: 1000, output: 10)),
            ]
            var whole = reading
            whole.flags = [.sent, .known, .complete]
            let (_, open) = try die(fixture, settled: 0, open: [reading, whole])
            try await fixture.mover().adopt()
            let ledger = Dictionary(uniqueKeysWithValues: try await fixture.ledger().map { ($0.requestID, $0) })
            // Opus 5.5: 4 and 20 of a million; haiku: 0.1 and 0.5; opus 5: 5 and 25.
            let cost: Int64 = 4200 + 105 + 5250
            #expect(ledger[open[1].requestID]?.costMicroUSD == cost)
            #expect(ledger[open[1].requestID]?.tokens == TokenCounts(input: 3000, output: 30))
            // 200 bytes in one block are 53 tokens: 23 more than the passes tell.
            #expect(ledger[open[0].requestID]?.costMicroUSD == cost + 23 * 25)
            #expect(ledger[open[0].requestID]?.tokens == TokenCounts(input: 3000, output: 53))
        }
    }

    @Test func `a name that was too long for its slot is that of the model that was asked for`() throws {
        let clock = TestClock()
        var admission = Admission.example(clock.ambient, key: APIKeyID(clock.ambient))
        admission.model = "a-model-with-a-name-that-is-a-good-deal-longer-than-a-slot"
        let cut = String(admission.model.prefix(InFlightSlots.modelBytes))
        var slot = Self.slot([.sent, .known], output: 3)
        slot.passes = [cut, "another", nil].map { .init(model: $0, tokens: TokenCounts(input: 1)) }
        for (kept, model) in [(cut, admission.model), ("claude-opus-5-5", "claude-opus-5-5"), ("", admission.model)] {
            slot.model = kept
            let used = try #require(Settlement.afterCrash(admission, slot, billsEstimates: true).usage)
            #expect(used.model == model)
            #expect(used.metered.iterations.map(\.model) == [admission.model, "another", nil])
        }
    }

    @Test func `what was written for another database stays until that one comes`() async throws {
        try await withFixture { fixture in
            func dieElsewhere() async throws {
                try await withStore(.sqlite, clock: fixture.clock) { other in
                    let mover = try JournalMover(
                        folder: fixture.folder.path, count: 1, store: other, prices: .starting, ambient: fixture.clock.ambient,
                        log: .silent,
                        metrics: fixture.metrics, segmentBytes: 8192)
                    try await mover.adopt()
                    let admission = Admission.example(fixture.clock.ambient, key: fixture.key)
                    try mover.journals[0].admit(admission)
                    try mover.journals[0].settle(admission.settled().bytes.span)
                }
            }
            try await dieElsewhere()
            let left = try fixture.files
            try await fixture.mover().adopt()
            let after = try fixture.files
            #expect(left.allSatisfy { after.contains($0) })
            #expect(try await fixture.ledger().isEmpty)
            // As the operator is told to.
            let lock = try #require(left.first { $0.hasSuffix(".lock") })
            try Data().write(to: fixture.folder.appending(path: lock))
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().count == 1)
        }
    }

    @Test(arguments: [".lock", ".slots"]) func `a journal is found without its other files`(suffix: String) async throws {
        try await withFixture { fixture in
            let (settled, open) = try die(fixture, settled: 4, open: [Self.slot([.sent, .known], output: 3)])
            let name = try #require(try fixture.files.first { $0.hasSuffix(suffix) })
            try FileManager.default.removeItem(at: fixture.folder.appending(path: name))
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().count == settled.count + open.count)
            #expect(try await fixture.request(open[0].requestID)?.status == .aborted)
            let boot = try #require(name.split(whereSeparator: { $0 == "-" || $0 == "." }).first)
            #expect(try fixture.files.filter { $0.hasPrefix(boot) }.isEmpty)
        }
    }

    @Test func `a process that lives keeps its files, though its lock file was removed`() async throws {
        try await withFixture { fixture in
            let living = try fixture.mover()
            let admission = Admission.example(fixture.clock.ambient, key: fixture.key)
            try living.journals[0].admit(admission)
            let lock = try #require(try fixture.files.first { $0.hasSuffix(".lock") })
            try FileManager.default.removeItem(at: fixture.folder.appending(path: lock))
            let before = try fixture.files
            try await fixture.mover().adopt()
            let after = try fixture.files
            #expect(before.allSatisfy { after.contains($0) })
            #expect(try await fixture.request(admission.requestID) == nil)
            #expect(living.journals[0].pendingRecords == 1)
        }
    }

    @Test func `a process that lives keeps its files`() async throws {
        try await withFixture { fixture in
            let living = try fixture.mover()
            let admission = Admission.example(fixture.clock.ambient, key: fixture.key)
            try living.journals[0].admit(admission)
            let before = try fixture.files
            let other = try fixture.mover()
            try await other.adopt()
            let after = try fixture.files
            #expect(before.allSatisfy { after.contains($0) })
            #expect(try await fixture.request(admission.requestID) == nil)
            #expect(living.journals[0].pendingRecords == 1)
        }
    }

    @Test func `files that were just being made, or were damaged, stop nothing`() async throws {
        try await withFixture { fixture in
            let (settled, _) = try die(fixture, settled: 4, open: [])
            let boot = try #require(try fixture.files.first { $0.hasSuffix(".lock") }).dropLast(5)
            let (empty, blank) = ("\(boot)-0-0000000008.journal", "\(boot)-0-0000000009.journal")
            let garbage = "\(boot)-0-0000000007.journal"
            try Data().write(to: fixture.folder.appending(path: empty))
            try Data(count: 8192).write(to: fixture.folder.appending(path: blank))
            try Data(repeating: 0x5a, count: 8192).write(to: fixture.folder.appending(path: garbage))
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().count == settled.count)
            let left = try fixture.files.filter { $0.hasPrefix(boot) }
            #expect(left == [garbage + ".damaged"], "only what nobody could read is kept")
            #expect(fixture.metrics.counter(.journalDamaged).value == 1)
        }
    }

    @Test func `moving brings every record to the ledger and leaves no file`() async throws {
        try await withFixture { fixture in
            let mover = try fixture.mover()
            let admissions = try (0..<60).map { index in
                let admission = Admission.example(fixture.clock.ambient, key: fixture.key)
                try mover.journals[0].admit(admission)
                try mover.journals[0].settle(admission.settled(output: Int64(index)).bytes.span)
                return admission
            }
            mover.stop()
            await mover.run()
            #expect(try await fixture.ledger().map(\.requestID) == admissions.map(\.requestID).sorted())
            #expect(try fixture.files.isEmpty)
        }
    }

    @Test func `a request under way outlives the file it was admitted in`() async throws {
        try await withFixture { fixture in
            let ambient = fixture.clock.ambient
            let early = Admission.example(ambient, key: fixture.key)
            func work() async throws {
                let mover = try fixture.mover()
                try mover.journals[0].admit(early)
                for _ in 1...60 {
                    let admission = Admission.example(ambient, key: fixture.key)
                    try mover.journals[0].admit(admission)
                    try mover.journals[0].settle(admission.settled().bytes.span)
                    while try await mover.moveOnce() > 0 {}
                }
            }
            try await work()
            try await fixture.mover().adopt()
            #expect(try await fixture.request(early.requestID)?.status == .aborted)
            #expect(try await fixture.ledger().count == 61)
        }
    }

    @Test func `a file that the ledger has is used again, and nothing of before is read from it`() async throws {
        try await withFixture { fixture in
            let ambient = fixture.clock.ambient
            var inodes: Set<Int> = []
            var names: Set<String> = []
            var done: [RequestID] = []
            func work() async throws {
                let mover = try fixture.mover()
                for _ in 1...200 {
                    let admission = Admission.example(ambient, key: fixture.key)
                    try mover.journals[0].admit(admission)
                    try mover.journals[0].settle(admission.settled().bytes.span)
                    done.append(admission.requestID)
                    while try await mover.moveOnce() > 0 {}
                    for name in try fixture.files where name.hasSuffix(".journal") {
                        names.insert(name)
                        let attributes = try FileManager.default.attributesOfItem(atPath: fixture.folder.appending(path: name).path)
                        inodes.insert(try #require(attributes[.systemFileNumber] as? Int))
                    }
                }
                // The last one is in the journal only.
                let admission = Admission.example(ambient, key: fixture.key)
                try mover.journals[0].admit(admission)
                try mover.journals[0].settle(admission.settled().bytes.span)
                done.append(admission.requestID)
            }
            try await work()
            #expect(names.count > 10 && inodes.count <= 3, "\(names.count) journals in \(inodes.count) files")
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().map(\.requestID) == done.sorted())
            #expect(fixture.metrics.counter(.journalDamaged).value == 0)
        }
    }

    @Test(arguments: ["whole", "half", "blank"])
    func `killed while a file becomes a new journal: it is removed unread`(state: String) async throws {
        try await withFixture { fixture in
            // Without their settlement these would be booked as aborted.
            let (settled, _) = try die(fixture, settled: 4, open: [])
            try await fixture.mover().adopt()
            let before = Set(try fixture.files)
            let (_, open) = try die(fixture, settled: 0, open: [nil, nil])
            let left = try fixture.files.filter { !before.contains($0) }
            let boot = try #require(left.first { $0.hasSuffix(".lock") }).dropLast(5)
            let journal = fixture.folder.appending(path: try #require(left.first { $0.hasSuffix(".journal") }))
            var content = try Data(contentsOf: journal)
            if state != "whole" { content.resetBytes(in: 0..<(state == "half" ? 512 : content.count)) }
            try FileManager.default.removeItem(at: journal)
            try content.write(to: URL(filePath: journal.path + ".blank"))
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().count == settled.count)
            #expect(try await fixture.request(open[0].requestID) == nil)
            #expect(try fixture.files.filter { $0.hasPrefix(boot) }.isEmpty)
            #expect(fixture.metrics.counter(.journalDamaged).value == 0)
        }
    }

    @Test func `records wait in the journal while the ledger is away`() async throws {
        try await withFixture { fixture in
            let location = fixture.folder.deletingLastPathComponent().appending(path: "away.db").path
            let away = try await Store.open(.sqliteFile(path: location), ambient: fixture.clock.ambient)
            await away.close()
            func failing() async throws -> Int {
                let mover = try JournalMover(
                    folder: fixture.folder.path, count: 1, store: away, prices: .starting, ambient: fixture.clock.ambient, log: .silent,
                    metrics: fixture.metrics)
                let admission = Admission.example(fixture.clock.ambient, key: fixture.key)
                try mover.journals[0].admit(admission)
                try mover.journals[0].settle(admission.settled().bytes.span)
                await #expect(throws: StoreError.self) { _ = try await mover.moveOnce() }
                return mover.journals[0].pendingRecords
            }
            #expect(try await failing() == 2)
            try await fixture.mover().adopt()
            #expect(try await fixture.ledger().count == 1)
        }
    }
}

extension Array {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
