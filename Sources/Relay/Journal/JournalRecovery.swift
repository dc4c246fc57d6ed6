internal import Domain
internal import Glibc
internal import Store

/// Reads the journals that dead processes left and turns them into settled requests. Any process may do it: a journal belongs to
/// nobody once its lock is free.
struct JournalRecovery {
    let folder: String
    /// Of this process; its own files are left alone.
    let bootID: String
    let prices: PriceBook
    /// `BILL_ESTIMATES`.
    let billsEstimates: Bool
    /// The mark of the database that is to have the records.
    let database: String

    /// What one dead process left.
    struct Estate {
        var settled = SettledRecords()
        /// Settled only now, from their slots.
        var aborted = 0
        /// Files whose tail cannot be trusted.
        var damagedFiles: [String] = []
        /// Written for another database: nothing of it was read, and its files stay.
        var isForeign = false
        var lockPath: String { lock.path }
        fileprivate var lock: JournalLock
        fileprivate var files: [String] = []
    }

    /// - Throws: `file` when the folder cannot be read.
    func estates(now: Timestamp) throws(JournalError) -> [Estate] {
        let names = try JournalFolder.names(folder)
        let locked = Set(names.filter { $0.hasSuffix(".lock") }.map { String($0.dropLast(5)) })
        // Somebody may have removed what looked like an empty file: the records are in the others.
        let written = names.filter { $0.hasSuffix(".slots") || $0.hasSuffix(".journal") }.compactMap { $0.split(separator: "-").first }
        var estates: [Estate] = []
        for boot in locked.union(written.map(String.init)).sorted() where boot != bootID {
            if !locked.contains(boot), try isHeld(names.filter { $0.hasPrefix(boot + "-") && $0.hasSuffix(".slots") }) { continue }
            guard let lock = try JournalLock("\(folder)/\(boot).lock") else { continue }
            // Without a mark: its process died before it served anything, or was an older one.
            guard lock.mark.isEmpty || lock.mark == database else {
                estates.append(Estate(isForeign: true, lock: lock))
                continue
            }
            // Listed again under the lock: another process may just have finished with these files.
            estates.append(try read(JournalFolder.names(folder).filter { $0.hasPrefix(boot + "-") }, lock, now))
        }
        return estates
    }

    /// Whether a living process writes these slots; asked where its lock file is gone.
    private func isHeld(_ slots: [String]) throws(JournalError) -> Bool {
        for name in slots where !JournalFolder.isEmptyFile("\(folder)/\(name)") {
            do throws(JournalError) {
                if try !MappedFile.open(existing: "\(folder)/\(name)", largest: InFlightSlots.fileBytes).hold() { return true }
            } catch {
                // Its process has just ended, with nothing left.
                if error == .file(errno: ENOENT) { continue }
                throw error
            }
        }
        return false
    }

    private func read(_ names: [String], _ lock: JournalLock, _ now: Timestamp) throws(JournalError) -> Estate {
        var estate = Estate(lock: lock)
        let reactors = names.compactMap { name in
            if name.hasSuffix(".slots") { return String(name.dropLast(6)) }
            return name.hasSuffix(".journal") ? name.lastIndex(of: "-").map { String(name[..<$0]) } : nil
        }
        for prefix in Set(reactors).sorted() {
            let slots = names.contains(prefix + ".slots") ? "\(folder)/\(prefix).slots" : nil
            let segments = names.filter { $0.hasPrefix(prefix + "-") && $0.hasSuffix(".journal") }.sorted()
            try readReactor(segments, slots: slots, now, into: &estate)
            // What had been moved and was to be a new journal.
            let blank = names.filter { $0.hasPrefix(prefix + "-") && $0.hasSuffix(JournalSegment.blankSuffix) }
            estate.files += (segments + blank).map { "\(folder)/\($0)" } + [slots].compactMap(\.self)
        }
        return estate
    }

    private func readReactor(_ segments: [String], slots: String?, _ now: Timestamp, into estate: inout Estate) throws(JournalError) {
        var open: [RequestID: Admission] = [:]
        // A request under way may be admitted twice, even after it was settled, when its first file went.
        var done: Set<RequestID> = []
        var isDamaged = false
        for name in segments {
            let path = "\(folder)/\(name)"
            if JournalFolder.isEmptyFile(path) { continue }
            guard let segment = try Self.open(path) else {
                estate.damagedFiles.append(path)
                isDamaged = true
                continue
            }
            let isWhole = Self.read(segment) { record in
                switch record {
                case .admitted(let admission): open[admission.requestID] = admission
                case .settled(let settled):
                    done.insert(settled.request.id)
                    estate.settled.append(settled)
                }
            }
            if !isWhole {
                estate.damagedFiles.append(path)
                isDamaged = true
            }
        }
        open = open.filter { !done.contains($0.key) }
        guard !open.isEmpty else { return }
        // Slots that cannot be opened now may be opened at the next start; only what was never made is given up.
        var file: MappedFile?
        if let slots, !JournalFolder.isEmptyFile(slots) { file = try MappedFile.open(existing: slots, largest: InFlightSlots.fileBytes) }
        for admission in open.values.sorted(by: { $0.requestID < $1.requestID }) {
            let id = (admission.requestID.high, admission.requestID.low)
            // Without a slot nobody knows how far it came; it went upstream right after its admission, so the estimate is billed.
            var slot = admission.slot == Admission.noSlot ? .sentOnly : file.flatMap { InFlightSlots.read($0, admission.slot, id: id) }
            // A slot is given back after the settlement was written: where a file is damaged, that record is what cannot be read.
            if slot == nil, isDamaged || slots == nil { slot = .sentOnly }
            let crashed = Settlement.afterCrash(admission, slot, billsEstimates: billsEstimates)
            estate.settled.append(crashed.settled(admission, prices: prices.table, at: now))
            estate.aborted += 1
        }
    }

    /// Nil for a file whose size or first word is wrong.
    private static func open(_ path: String) throws(JournalError) -> JournalSegment? {
        do throws(JournalError) { return try JournalSegment(existing: path) } catch {
            if error == .file(errno: EINVAL) { return nil }
            throw error
        }
    }

    /// Gives every record that can be read, also past places that cannot.
    /// - Returns: false when there are such places.
    static func read(_ segment: JournalSegment, _ each: (JournalRecord) -> Void) -> Bool {
        var at = JournalSegment.headerBytes
        var isWhole = true
        while true {
            let step = segment.record(at: at)
            if case .record(let payload, let next) = step {
                if let record = JournalCoder.decode(payload) { each(record) } else { isWhole = false }
                at = next
                continue
            }
            if step == .end, segment.isBlank(from: at) { return isWhole }
            // Killed while it stored its last record: what that meant was never said.
            if case .unfinished(let end) = step, segment.isBlank(from: end) { return isWhole }
            guard let next = segment.resynchronize(from: at + 8) else { return false }
            (at, isWhole) = (next, false)
        }
    }

    /// After the ledger has everything: removes the files, but keeps damaged ones for a person to look at.
    func finish(_ estate: Estate) {
        for path in estate.files where !estate.damagedFiles.contains(path) { JournalFolder.remove(path) }
        for path in estate.damagedFiles { JournalFolder.setAside(path) }
        estate.lock.remove()
    }
}
