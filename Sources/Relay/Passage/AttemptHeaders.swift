internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// The head of a reply: the upstream's fields, and the relay's own.
extension Attempts {
    /// Milliseconds with three digits.
    private static func append(microseconds: UInt64, to text: inout ByteCursor) {
        text.append(decimal: microseconds / 1000)
        text.append(0x2e)
        text.append(microseconds % 1000, digits: 3)
    }

    /// What the relay itself took so far.
    private func overheadMicroseconds() -> UInt64 {
        let total = services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds
        let microseconds = (total > passage.waitedNanoseconds ? total - passage.waitedNanoseconds : 0) / 1000
        services.meters.overhead.observe(microseconds * 1000)
        return microseconds
    }

    /// The relay's own fields beside those of the upstream. Written as bytes: this is made for every request.
    func headers(_ head: UpstreamResponseHead, keepsCoding: Bool, without name: HeaderName? = nil) -> HeaderBlock {
        var block = HeaderRules.client(head, keepsCoding: keepsCoding, without: name)
        let overhead = overheadMicroseconds()
        let standings = key.rates(passage.moment, second: passage.now / 1_000_000_000)
        let (id, attempts) = (exchange.id, UInt64(clamping: passage.attempts))
        block.add(upTo: HeaderRules.ownFieldsBytes) { out in
            out.append("x-relay-request-id: ")
            id.write(to: &out)
            out.append("\r\nx-relay-attempts: ")
            out.append(decimal: attempts)
            out.append("\r\nx-relay-overhead-ms: ")
            Self.append(microseconds: overhead, to: &out)
            out.append("\r\nserver-timing: relay;dur=")
            Self.append(microseconds: overhead, to: &out)
            out.append("\r\n")
            standings?.write(to: &out)
        }
        // Only for keys of people who look after the pool: nobody else is to know which account serves them.
        if key.key.access.isDebug, let account = passage.account { block.add("x-relay-account", account.id.text) }
        return block
    }
}
