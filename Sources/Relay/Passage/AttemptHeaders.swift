internal import Domain
internal import HTTP
internal import Telemetry

/// The head of a reply: the upstream's fields, and the relay's own.
extension Attempts {
    /// Milliseconds with three digits: what the relay itself took so far.
    private func overheadText(into text: inout [UInt8]) {
        let total = services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds
        let microseconds = (total > passage.waitedNanoseconds ? total - passage.waitedNanoseconds : 0) / 1000
        services.meters.overhead.observe(microseconds * 1000)
        text.append(decimal: microseconds / 1000)
        text.append(0x2e)
        for divisor: UInt64 in [100, 10, 1] { text.append(0x30 + UInt8(microseconds / divisor % 10)) }
    }

    private static let timing = "relay;dur="

    /// The relay's own fields beside those of the upstream. Written as bytes: this is made for every request.
    func headers(_ head: UpstreamResponseHead, keepsCoding: Bool, without name: HeaderName? = nil) -> HeaderBlock {
        var block = HeaderRules.client(head, keepsCoding: keepsCoding, without: name)
        var value: [UInt8] = []
        value.reserveCapacity(48)
        func add(_ name: String, _ write: (inout [UInt8]) -> Void) {
            value.removeAll(keepingCapacity: true)
            write(&value)
            block.add(name, utf8: value.span)
        }
        add("x-relay-request-id") { exchange.id.write(to: &$0) }
        add("x-relay-attempts") { $0.append(decimal: UInt64(clamping: passage.attempts)) }
        value.removeAll(keepingCapacity: true)
        value.append(utf8: Self.timing)
        overheadText(into: &value)
        block.add("x-relay-overhead-ms", utf8: value.span.extracting(Self.timing.utf8.count...))
        block.add("server-timing", utf8: value.span)
        if let standings = key.rates(services, second: passage.now / 1_000_000_000) {
            for (place, names) in RateStandings.names.enumerated() {
                guard let standing = standings.tightest[place] else { continue }
                add(names.limit) { $0.append(decimal: UInt64(clamping: standing.limit)) }
                add(names.remaining) { $0.append(decimal: UInt64(clamping: standing.remaining)) }
                add(names.reset) { standing.resetsAt.write(to: &$0) }
            }
        }
        return block
    }
}
