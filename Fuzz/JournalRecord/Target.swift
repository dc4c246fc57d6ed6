// Any bytes are no record, or a record that is written again as one that reads the same and becomes rows of the ledger.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzJournalRecord(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let record = JournalCoder.decode(input)
    if input.first == 2, becomesRows(input) != (record != nil) {
        fatalError("a record that reads as a value and not as rows, or the other way")
    }
    guard let record else { return 0 }
    let bytes = written(record)
    // Texts over the limit are cut when they are written, so the second writing is the one that must be stable.
    guard let again = JournalCoder.decode(bytes) else { fatalError("what was written cannot be read") }
    guard written(again) == bytes else { fatalError("writing changes the record") }
    for length in 0..<min(bytes.count, 64) where JournalCoder.decode(Array(bytes.prefix(length))) != nil {
        fatalError("the first \(length) bytes pass for a record")
    }
    return 0
}

/// Whether the ledger takes the record's bytes.
private func becomesRows(_ input: [UInt8]) -> Bool {
    var (records, rows) = (SettledRecords(), SettledRows())
    records.append(input.span.extracting(1...))
    do throws(StoreError) { return try rows.add(records, 0, isCounted: { _ in false }) } catch { return false }
}

private func written(_ record: JournalRecord) -> [UInt8] {
    switch record {
    case .admitted(let admission): JournalCoder.encode(admission)
    case .settled(let settled): JournalCoder.encode(settled)
    }
}
