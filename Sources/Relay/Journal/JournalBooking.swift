internal import Domain
internal import Store
internal import Telemetry

/// Brings settled requests to the ledger: those that the mover has read, and those that dead processes left. Needs no journal of its own.
struct JournalBooking: Sendable {
    let folder: String
    let store: Store
    let prices: PriceBook
    /// `BILL_ESTIMATES`.
    let billsEstimates: Bool
    let ambient: Ambient
    let log: Log
    private let damaged: Counter
    private let entries: Counter

    init(
        folder: String, store: Store, prices: PriceBook, billsEstimates: Bool = true, ambient: Ambient, log: Log, metrics: Metrics
    ) {
        (self.folder, self.store, self.prices, self.billsEstimates) = (folder, store, prices, billsEstimates)
        (self.ambient, self.log) = (ambient, log)
        damaged = metrics.counter(.journalDamaged)
        entries = metrics.counter(.ledgerEntries)
    }

    /// Settles what dead processes left. Each one's files go when the ledger has it, which makes room for new ones.
    /// - Parameter bootID: whose files are not looked at: this process's own.
    /// - Returns: the mark of the database.
    /// - Throws: when the ledger does not take it: the files stay for the next try.
    func adopt(besides bootID: String) async throws -> String {
        let database = String(try await store.transaction { transaction throws(StoreError) in try transaction.databaseNumber() })
        let recovery = JournalRecovery(folder: folder, bootID: bootID, prices: prices, billsEstimates: billsEstimates, database: database)
        for estate in try recovery.estates(now: ambient.now()) {
            if estate.isForeign {
                log.error(
                    "journal.other_database",
                    [
                        "file": .text(estate.lockPath),
                        "action": "start once with the database it was written for; to book it in this one, empty this file",
                    ])
                continue
            }
            try await book(all: estate.settled)
            for path in estate.damagedFiles {
                damaged.add()
                log.error(
                    "journal.damaged", ["file": .text(path + ".damaged"), "action": "kept for inspection; readable records are booked"])
            }
            recovery.finish(estate)
            log.notice("journal.adopted", ["records": LogValue(estate.settled.count), "aborted": LogValue(estate.aborted)])
        }
        return database
    }

    private func book(all settled: SettledRecords) async throws {
        try await Self.inGroups(of: settled.count) { range in
            try await book(settled[range])
        } refused: { error, left in
            log.error("journal.ledger_unavailable", ["error": LogValue("\(error)"), "pending": LogValue(left)])
        }
    }

    /// In groups, smaller ones where the store refuses large ones.
    /// - Parameter refused: hears why, and how many are left.
    /// - Throws: when it refuses the smallest.
    static func inGroups(
        of count: Int, book: (Range<Int>) async throws -> Void, refused: (any Error, Int) -> Void
    ) async throws {
        var (start, limit) = (0, JournalMover.batchRecords)
        while start < count {
            let end = min(count, start + limit)
            do { try await book(start..<end) } catch {
                guard limit > JournalMover.leastRecords else { throw error }
                limit = max(JournalMover.leastRecords, limit / 2)
                refused(error, count - start)
                continue
            }
            start = end
        }
    }

    func book(_ settled: SettledRecords) async throws {
        let booked = try await store.transaction { transaction throws(StoreError) in try transaction.settle(settled) }
        entries.add(UInt64(booked.entries))
        reportUnreadable(booked.unreadable)
    }

    func reportUnreadable(_ count: Int) {
        guard count > 0 else { return }
        damaged.add(UInt64(count))
        log.error("journal.unreadable_record", ["count": LogValue(count)])
    }
}
