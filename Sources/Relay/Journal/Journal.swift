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
        var nextNumber = 0
        var pendingRecords = 0
        /// Admitted and not settled: each has room for its settlement set aside.
        var openRequests = 0
    }
    private let chain = Mutex(Chain())
    private let prefix: String
    private let segmentBytes: Int
    /// The numbers of requests under way; touched on the reactor only.
    let slots: InFlightSlots
    /// Called after an append, to wake the mover. Cheap.
    private let onAppend: @Sendable () -> Void

    /// - Parameters:
    ///   - prefix: folder, boot id and reactor, as in "data/journal/0193…-0".
    ///   - segmentBytes: at most `JournalSegment.bytes`; smaller in tests.
    init(
        prefix: String, segmentBytes: Int = JournalSegment.bytes, slotCount: Int = InFlightSlots.count,
        onAppend: @escaping @Sendable () -> Void
    )
        throws(JournalError)
    {
        self.prefix = prefix
        self.segmentBytes = segmentBytes
        self.onAppend = onAppend
        slots = try InFlightSlots(creating: prefix + ".slots", count: slotCount)
        try prepareSpare()
    }

    /// Room that is set aside at admission for the settlement, so that a disk that fills up later cannot lose it.
    static let settlementBytes = 2048

    /// Writes the record that a request goes upstream, and sets room aside for its settlement.
    /// - Throws: `full` when the budget is used up, `file` when the disk gives no more; nothing was written then, and nothing must be sent.
    func admit(_ payload: [UInt8]) throws(JournalError) {
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

    private func room(in chain: borrowing Chain) -> Int {
        let current = chain.segments.isEmpty ? 0 : segmentBytes - chain.tail
        // Between two files the end of the first may be too short for a record.
        return current + chain.spares.count * (segmentBytes - JournalSegment.headerBytes)
            - max(0, chain.spares.count - 1) * Self.settlementBytes
    }

    /// Writes the record that a request is over; its room was set aside.
    func settle(_ payload: [UInt8]) throws(JournalError) { try append(payload, settles: 1) }

    /// - Throws: `full` when the budget is used up, `file` when the disk gives no more; nothing was written then.
    /// - Parameter settles: requests that are over with it.
    func append(_ payload: [UInt8], settles: Int = 0) throws(JournalError) {
        let result: Result<Void, JournalError> = chain.withLock { chain in
            Result { () throws(JournalError) in
                chain.openRequests -= settles
                try append(payload, to: &chain)
            }
        }
        try result.get()
        onAppend()
    }

    private func append(_ payload: [UInt8], to chain: inout Chain) throws(JournalError) {
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
        chain.pendingRecords += 1
    }

    private func makeSegment(_ chain: inout Chain) throws(JournalError) -> JournalSegment {
        let number = String(chain.nextNumber)
        chain.nextNumber += 1
        let padded = String(repeating: "0", count: max(0, 10 - number.utf8.count)) + number
        return try JournalSegment(creating: "\(prefix)-\(padded).journal", size: segmentBytes)
    }

    /// Makes the next file before it is needed. Called off the reactor.
    func prepareSpare() throws(JournalError) {
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

    struct Batch: Sendable {
        var records: [JournalRecord]
        /// Records that could not be read: a defect, since this process wrote them.
        var damaged: Int
        fileprivate var segments: Int
        /// Files go when this batch is finished.
        var completesSegments: Bool { segments > 0 }
        fileprivate var position: Int
        fileprivate var count: Int
    }

    /// The next records that the ledger does not have; nil when there are none. The same ones come again until `finish`.
    func nextBatch(limit: Int) -> Batch? {
        // Read outside the lock, or the reactor would wait for it: records before the tail do not change any more.
        let (segments, tail, moved) = chain.withLock { ($0.segments, $0.tail, $0.moved) }
        var batch = Batch(records: [], damaged: 0, segments: 0, position: moved, count: 0)
        // Most requests begin and end within one batch; their admissions have nothing more to say and are not decoded.
        var admissions: [[UInt8]] = []
        var ended: Set<RequestID> = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            let end = isLast ? tail : segmentBytes
            if index > 0 { batch.position = JournalSegment.headerBytes }
            batch.segments = index
            scan: while batch.position < end, batch.count < limit {
                switch segment.record(at: batch.position) {
                case .record(let payload, let next):
                    if JournalCoder.admittedID(payload) != nil {
                        admissions.append(payload)
                    } else if let record = JournalCoder.decode(payload) {
                        if case .settled(let one) = record { ended.insert(one.request.id) }
                        batch.records.append(record)
                    } else {
                        batch.damaged += 1
                    }
                    batch.position = next
                    batch.count += 1
                case .end: break scan
                case .damaged:
                    batch.damaged += 1
                    batch.position = end
                }
            }
            if batch.count >= limit { break }
        }
        var open: [JournalRecord] = []
        for payload in admissions {
            if let id = JournalCoder.admittedID(payload), ended.contains(id) { continue }
            if let record = JournalCoder.decode(payload) { open.append(record) } else { batch.damaged += 1 }
        }
        // In front: a request is admitted before it is settled.
        if !open.isEmpty { batch.records = open + batch.records }
        return batch.count == 0 && batch.damaged == 0 ? nil : batch
    }

    /// The ledger has the batch: files that are wholly moved go.
    func finish(_ batch: Batch) {
        let gone = chain.withLock { chain in
            let gone = Array(chain.segments[..<batch.segments])
            chain.segments.removeFirst(batch.segments)
            chain.moved = batch.position
            chain.pendingRecords -= batch.count
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
            }
            return chain.segments + chain.spares
        }
        for segment in segments { segment.file.remove() }
        slots.remove()
    }
}
