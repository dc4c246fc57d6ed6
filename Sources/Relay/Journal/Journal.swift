internal import Dispatch
internal import Domain
internal import Store
internal import Synchronization

/// The journal of one reactor: an append-only chain of mapped files. The reactor appends; the mover reads behind it and removes what
/// has reached the ledger. Both meet under a lock held for the copy of one record.
final class Journal: Sendable {
    /// Files that may wait for the ledger; past them requests are refused rather than served unrecorded.
    static let maximumSegments = 64

    private struct Chain: Sendable {
        var segments: [JournalSegment] = []
        /// Where the next record goes, in the last segment.
        var tail = JournalSegment.headerBytes
        /// Up to where the ledger has everything, in the first segment.
        var moved = JournalSegment.headerBytes
        /// Made ahead by the mover, so that a reactor seldom waits for a file.
        /// More than one while many requests are under way, whose settlements all need room.
        var spares: [JournalSegment] = []
        /// The ledger has all that stands in it; it becomes the next spare.
        var old: JournalSegment?
        var nextNumber = 0
        var pendingRecords = 0
        /// Admitted and not settled: each has room for its settlement set aside.
        var openRequests = 0
    }
    private let chain = Mutex(Chain())
    private let folder: String
    /// Folder, boot id and reactor.
    private let prefix: String
    private let segmentBytes: Int
    /// The numbers of requests under way; touched on the reactor only.
    let slots: InFlightSlots
    /// Called after an append, to wake the mover. Cheap.
    private let onAppend: @Sendable () -> Void

    /// - Parameters:
    ///   - folder: where its files are.
    ///   - name: boot id and reactor, as in "0193…-0".
    ///   - segmentBytes: at most `JournalSegment.bytes`; smaller in tests.
    init(
        in folder: String, name: String, segmentBytes: Int = JournalSegment.bytes, slotCount: Int = InFlightSlots.count,
        onAppend: @escaping @Sendable () -> Void
    )
        throws(JournalError)
    {
        self.folder = folder
        prefix = "\(folder)/\(name)"
        self.segmentBytes = segmentBytes
        self.onAppend = onAppend
        slots = try InFlightSlots(creating: prefix + ".slots", count: slotCount)
        do throws(JournalError) { try prepareSpare() } catch {
            slots.remove()
            throw error
        }
    }

    /// Room that is set aside at admission for the settlement, so that a disk that fills up later cannot lose it.
    static let settlementBytes = 2048

    /// Writes the record that a request goes upstream, and sets room aside for its settlement.
    /// - Throws: `full` when the budget is used up, `file` when the disk gives no more; nothing was written then, and nothing must be sent.
    func admit(_ payload: Span<UInt8>) throws(JournalError) {
        let result: Result<Void, JournalError> = chain.withLock { chain in
            Result { () throws(JournalError) in
                let needed = JournalSegment.space(for: payload) + (chain.openRequests + 1) * Self.settlementBytes
                while room(in: chain) < needed {
                    guard chain.segments.count + chain.spares.count < Self.maximumSegments else { throw .full }
                    chain.spares.append(try makeSegment(&chain))
                }
                try append(payload, to: &chain)
                chain.openRequests += 1
            }
        }
        try result.get()
        onAppend()
    }

    func admit(_ admission: Admission) throws(JournalError) {
        try JournalCoder.withRecord(admission) { record in Result { () throws(JournalError) in try admit(record) } }.get()
    }

    private func room(in chain: borrowing Chain) -> Int {
        let current = chain.segments.isEmpty ? 0 : segmentBytes - chain.tail
        // Between two files the end of the first may be too short for a record.
        return current + chain.spares.count * (segmentBytes - JournalSegment.headerBytes)
            - max(0, chain.spares.count - 1) * Self.settlementBytes
    }

    /// Writes the record that a request is over; its room was set aside.
    func settle(_ payload: Span<UInt8>) throws(JournalError) { try append(payload, settles: 1) }

    /// - Parameter write: writes what `SettledRequest.write` would.
    func settle(_ write: (inout ByteCursor) -> Void) throws(JournalError) {
        try JournalCoder.withSettled(write) { record in Result { () throws(JournalError) in try settle(record) } }.get()
    }

    /// Writes an admission again before its file goes. The mover passes it over, so it is nothing that waits.
    func carry(_ admission: Admission) throws(JournalError) {
        let bytes = JournalCoder.encode(carried: admission)
        let result: Result<Void, JournalError> = chain.withLock { chain in
            Result { () throws(JournalError) in try write(bytes.span, to: &chain) }
        }
        try result.get()
    }

    /// - Throws: `full` when the budget is used up, `file` when the disk gives no more; nothing was written then.
    /// - Parameter settles: requests that are over with it.
    func append(_ payload: Span<UInt8>, settles: Int = 0) throws(JournalError) {
        let result: Result<Void, JournalError> = chain.withLock { chain in
            Result { () throws(JournalError) in
                chain.openRequests -= settles
                try append(payload, to: &chain)
            }
        }
        try result.get()
        onAppend()
    }

    private func append(_ payload: Span<UInt8>, to chain: inout Chain) throws(JournalError) {
        try write(payload, to: &chain)
        chain.pendingRecords += 1
    }

    private func write(_ payload: Span<UInt8>, to chain: inout Chain) throws(JournalError) {
        precondition(payload.count <= JournalCoder.maximumBytes, "a journal record that is too long")
        let space = JournalSegment.space(for: payload)
        if chain.segments.isEmpty || chain.tail + space > segmentBytes {
            guard !chain.spares.isEmpty || chain.segments.count < Self.maximumSegments else { throw .full }
            let fresh = chain.spares.isEmpty ? try makeSegment(&chain) : chain.spares.removeFirst()
            chain.segments.append(fresh)
            chain.tail = JournalSegment.headerBytes
        }
        guard let last = chain.segments.last else { throw .full }
        last.append(payload, at: chain.tail)
        chain.tail += space
    }

    private func makeSegment(_ chain: inout Chain) throws(JournalError) -> JournalSegment {
        try JournalSegment(creating: nextPath(&chain), size: segmentBytes)
    }
    private func nextPath(_ chain: inout Chain) -> String {
        let number = String(chain.nextNumber)
        chain.nextNumber += 1
        let padded = String(repeating: "0", count: max(0, 10 - number.utf8.count)) + number
        return "\(prefix)-\(padded).journal"
    }

    /// Makes the next file before it is needed. Called off the reactor, by one task.
    func prepareSpare() throws(JournalError) {
        if try renewOld() { return }
        let result: Result<JournalSegment?, JournalError> = chain.withLock { chain in
            Result { () throws(JournalError) in
                guard chain.spares.isEmpty else { return nil }
                let made = try makeSegment(&chain)
                chain.spares = [made]
                // Files are being used up: touching the next one here spares the reactor a page fault for every fifth request. A quiet
                // process does not pay for memory it may never need.
                return chain.nextNumber > 2 ? made : nil
            }
        }
        try result.get()?.file.touch()
    }

    /// Makes the next file from one that the ledger has.
    /// - Returns: whether there is one.
    private func renewOld() throws(JournalError) -> Bool {
        let next: (old: JournalSegment, path: String)? = chain.withLock { chain in
            guard chain.spares.isEmpty, let old = chain.old.take() else { return nil }
            return (old, nextPath(&chain))
        }
        guard let next else { return false }
        // Outside the lock, since it waits for the disk. When a reactor makes a file of its own meanwhile, the two are used in the other
        // order than they are named; recovery reads all before it judges.
        do throws(JournalError) {
            let fresh = try next.old.begin(again: next.path, in: folder)
            chain.withLock { $0.spares.append(fresh) }
        } catch {
            next.old.file.remove()
            throw error
        }
        return true
    }

    struct Batch: Sendable {
        /// Requests that are over, as their records' bytes.
        var settled: SettledRecords
        /// Requests that have begun and are not over; those that begin and end within one batch have nothing more to say.
        var admitted: [Admission] = []
        /// Records that could not be read: a defect, since this process wrote them.
        var damaged = 0
        fileprivate var segments = 0
        /// Files go when this batch is finished.
        var completesSegments: Bool { segments > 0 }
        fileprivate var position: Int
        fileprivate(set) var count = 0
    }

    /// The next records that the ledger does not have; nil when there are none. The same ones come again until `finish`.
    func nextBatch(limit: Int) -> Batch? {
        // Read outside the lock, or the reactor would wait for it: records before the tail do not change any more.
        let (segments, tail, moved, pending) = chain.withLock { ($0.segments, $0.tail, $0.moved, $0.pendingRecords) }
        guard pending > 0 else { return nil }
        // Of a request's two records one is a settlement.
        var batch = Batch(settled: SettledRecords(records: min(pending, limit) / 2 + 1), position: moved)
        var reading = Reading()
        for (index, segment) in segments.enumerated() {
            let end = index == segments.count - 1 ? tail : segmentBytes
            if index > 0 { batch.position = JournalSegment.headerBytes }
            batch.segments = index
            scan: while batch.position < end, batch.count < limit {
                switch segment.read(at: batch.position, appendingTo: &reading.bytes) {
                case .record(let range, let next):
                    reading.take(range, into: &batch)
                    batch.position = next
                case .end: break scan
                case .damaged, .unfinished:
                    batch.damaged += 1
                    batch.position = end
                }
            }
            if batch.count >= limit { break }
        }
        reading.finish(&batch)
        return batch.count == 0 && batch.damaged == 0 ? nil : batch
    }

    /// Tells what begins from what ends while a batch is read.
    private struct Reading {
        /// Admissions without a settlement so far, and the record that is looked at.
        var bytes: [UInt8] = []
        private var begun: [RequestID: Range<Int>] = [:]

        mutating func take(_ range: Range<Int>, into batch: inout Batch) {
            let head = JournalCoder.head(bytes, range)
            // What was carried forward is known since its first record, or over.
            if case .carried = head { return drop(range) }
            batch.count += 1
            switch head {
            case .admitted(let id): begun[id] = range
            case .settled(let id):
                begun[id] = nil
                batch.settled.append(bytes.span.extracting(range.dropFirst()))
                fallthrough
            case .carried: drop(range)
            case nil:
                batch.damaged += 1
                drop(range)
            }
        }

        private mutating func drop(_ range: Range<Int>) {
            // Once nothing is under way any more the room is used again from its start.
            bytes.removeSubrange((begun.isEmpty ? 0 : range.lowerBound)...)
        }

        mutating func finish(_ batch: inout Batch) {
            for range in begun.values.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if case .admitted(let admission) = JournalCoder.decode(bytes, range) {
                    batch.admitted.append(admission)
                } else {
                    batch.damaged += 1
                }
            }
        }
    }

    /// The ledger has the batch: of the files that are wholly moved one is kept to be used again, the others go.
    func finish(_ batch: Batch) {
        let gone = chain.withLock { chain in
            var gone = Array(chain.segments[..<batch.segments])
            chain.segments.removeFirst(batch.segments)
            chain.moved = batch.position
            chain.pendingRecords -= batch.count
            if chain.old == nil { chain.old = gone.popLast() }
            return gone
        }
        for segment in gone { segment.file.remove() }
    }

    var pendingRecords: Int { chain.withLock(\.pendingRecords) }

    /// Waits until the disk has every record. Blocks; never on a reactor.
    func sync() throws(JournalError) {
        for segment in chain.withLock(\.segments) { try segment.file.sync() }
    }

    /// After everything has been moved and nothing more will come: leaves no file behind.
    func removeFiles() {
        let segments = chain.withLock { chain in
            defer {
                chain.segments = []
                chain.spares = []
                chain.old = nil
            }
            return chain.segments + chain.spares + [chain.old].compactMap(\.self)
        }
        for segment in segments { segment.file.remove() }
        slots.remove()
    }
}
