internal import Domain
internal import HTTP
internal import Store

/// Finds the customer's key in a request (relay contract, section 2).
enum KeyCheck {
    /// Fields that may carry a key: as many are looked at.
    private static let carriers = 4
    private enum Carrier { case bare, bearer }

    private static func carrier(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Carrier? {
        switch name.count {
        case 9: ("x-api-key" as HeaderName).isAll(of: bytes, name) ? .bare : nil
        case 13: ("authorization" as HeaderName).isAll(of: bytes, name) ? .bearer : nil
        case 14: ("x-goog-api-key" as HeaderName).isAll(of: bytes, name) ? .bare : nil
        case 7: ("api-key" as HeaderName).isAll(of: bytes, name) ? .bare : nil
        default: nil
        }
    }

    private static let length = 10...512

    /// - Throws: `noKey` when no header carries a known key, also when two carry different known ones.
    static func find(_ head: RequestHead, in keys: KeyDirectory) throws(RelayProblem) -> RelayKey {
        let whole = head.bytes
        let bytes = whole.span
        // Clients may send an account's own credential beside ours; exactly one of them has to be known here.
        var found: RelayKey?
        var first: Range<Int>?
        var others: [Range<Int>] = []  // seldom any
        for field in head.fields {
            guard let carrier = carrier(bytes, field.name), others.count + 1 < carriers,
                let secret = secret(bytes, field.value, isBearer: carrier == .bearer)
            else { continue }
            if let known = first {
                guard !isSame(bytes, known, secret), !others.contains(where: { isSame(bytes, $0, secret) }) else { continue }
                others.append(secret)
            } else {
                first = secret
            }
            guard let key = keys.find(bytes.extracting(secret)) else { continue }
            guard found == nil || found?.key.id == key.key.id else { throw .noKey }
            found = key
        }
        guard let found else { throw .noKey }
        return found
    }

    private static func isSame(_ bytes: Span<UInt8>, _ a: Range<Int>, _ b: Range<Int>) -> Bool {
        guard a.count == b.count else { return false }
        for offset in 0..<a.count where bytes[a.lowerBound + offset] != bytes[b.lowerBound + offset] { return false }
        return true
    }

    private static let bearer: HeaderName = "bearer "

    private static func secret(_ bytes: Span<UInt8>, _ range: Range<Int>, isBearer: Bool) -> Range<Int>? {
        var start = range.lowerBound
        if isBearer, bearer.begins(bytes, range) {
            start += bearer.length
            while start < range.upperBound, bytes[start] == 0x20 { start += 1 }
        }
        guard length.contains(range.upperBound - start) else { return nil }
        // Eight bytes a step, of which there are at least as many; the last step reaches back over some that were seen.
        for at in stride(from: start, to: range.upperBound, by: 8) {
            let eight = EightBytes(bytes, min(at, range.upperBound - 8))
            guard eight.isPlain, eight.mask(below: 0x21) | eight.mask(equal: 0x7f) == 0 else { return nil }
        }
        return start..<range.upperBound
    }
}
