// Any stream, cut at any place, gives the same numbers, and any numbers give a price: nothing an upstream reports may stop the process.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzUsageStream(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let whole = read(input, step: max(1, count))
    guard whole == read(input, step: 1) else { fatalError("reading byte by byte changes the numbers") }
    let step = max(2, Int(input.last ?? 7) % 64)
    guard whole == read(input, step: step) else { fatalError("reading in pieces of \(step) changes the numbers") }
    check(whole.usage, whole.model)
    // The same bytes as a reply that is no stream.
    if let reading = MessageMeter.read(input.span) { check(reading.usage, reading.model) }
    return 0
}

private struct Reading: Equatable {
    let usage: MeteredUsage
    let model: String?
    let deltaBytes, blocks, snapshot: Int64
    let hasStarted, hasStopped, isUnparsed, endedWithToolUse, isBetweenFrames: Bool
    let errorType, stopReason: String?
    let firstEventError: [UInt8]?
    let eventCount, changes: Int
}

private func read(_ input: [UInt8], step: Int) -> Reading {
    var meter = StreamMeter()
    var (place, changes, events) = (0, 0, 0)
    while place < input.count {
        let end = min(input.count, place + step)
        meter.feed(input.span.extracting(place..<end))
        guard meter.changes >= changes, meter.eventCount >= events else { fatalError("a count went back") }
        (place, changes, events) = (end, meter.changes, meter.eventCount)
    }
    guard meter.outputSnapshot >= meter.usage.output, meter.deltaBytes <= input.count, meter.blocks <= meter.eventCount else {
        fatalError("more than was streamed")
    }
    return Reading(
        usage: meter.usage, model: meter.model, deltaBytes: meter.deltaBytes, blocks: meter.blocks, snapshot: meter.outputSnapshot,
        hasStarted: meter.hasStarted, hasStopped: meter.hasStopped, isUnparsed: meter.isUnparsed,
        endedWithToolUse: meter.endedWithToolUse, isBetweenFrames: meter.isBetweenFrames, errorType: meter.errorType,
        stopReason: meter.stopReason, firstEventError: meter.firstEventError, eventCount: meter.eventCount, changes: meter.changes)
}

private let moment = Timestamp(year: 2026, month: 11, day: 1)

private func check(_ usage: MeteredUsage, _ model: String?) {
    let tokens = usage.tokens
    let counts = [tokens.input, tokens.output, tokens.cacheWrite5m, tokens.cacheWrite1h, tokens.cacheRead, usage.webSearches]
    guard counts.allSatisfy({ $0 >= 0 }) else { fatalError("a negative count") }
    let price = PriceTable.starting.price(usage, tokens: tokens, model: model ?? "claude-sonnet-5-5", at: moment)
    guard price.microUSD >= 0 else { fatalError("a negative price") }
}
