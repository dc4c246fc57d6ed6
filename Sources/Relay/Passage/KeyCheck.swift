internal import Domain
internal import HTTP
internal import Store

/// Finds the customer's key in a request (relay contract, section 2).
enum KeyCheck {
    /// In the order in which they are looked at.
    private static let carriers: [(name: HeaderName, isBearer: Bool)] = [
        ("x-api-key", false), ("authorization", true), ("x-goog-api-key", false), ("api-key", false),
    ]
    private static let length = 10...512

    /// - Throws: `noKey` when no header carries a known key, also when two carry different known ones.
    static func find(_ head: RequestHead, in keys: KeyDirectory) throws(RelayProblem) -> RelayKey {
        var secrets: [ArraySlice<UInt8>] = []
        for carrier in carriers {
            for field in head.fields where head.matches(field, carrier.name) {
                guard let secret = secret(head.bytes, field.value, isBearer: carrier.isBearer), !secrets.contains(secret) else { continue }
                secrets.append(secret)
            }
        }
        // Clients may send an account's own credential beside ours; exactly one of them has to be known here.
        var found: RelayKey?
        for secret in secrets.prefix(carriers.count) {
            guard let key = keys.find(Array(secret)) else { continue }
            guard found == nil || found?.key.id == key.key.id else { throw .noKey }
            found = key
        }
        guard let found else { throw .noKey }
        return found
    }

    private static func secret(_ bytes: [UInt8], _ range: Range<Int>, isBearer: Bool) -> ArraySlice<UInt8>? {
        var value = bytes[range]
        if isBearer, value.count > 7, value.prefix(7).elementsEqual("bearer ".utf8, by: { $0 == $1 || $0 | 0x20 == $1 }) {
            value = value.dropFirst(7)
            while value.first == 0x20 { value = value.dropFirst() }
        }
        guard length.contains(value.count), value.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        return value
    }
}
