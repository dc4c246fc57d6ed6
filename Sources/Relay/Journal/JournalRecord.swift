internal import Domain
internal import Store

/// Written before a request goes upstream: who, whom, what. With its slot it is all that is needed to settle the request after a crash.
struct Admission: Sendable, Equatable {
    var requestID: RequestID
    var attempt: Int64
    /// Index of the in-flight slot; `Admission.noSlot` when none was free.
    var slot: UInt32
    var apiKeyID: APIKeyID
    var keyName: String
    var userID: UserID?
    var accountID: AccountID?
    var model: String
    var path: String
    var stream: Bool
    var startedAt: Timestamp
    /// Input tokens guessed from the body's size.
    var inputEstimate: Int64
    /// What the customer pays of each millionth of the cost.
    var priceMillionths: Int64 = 1_000_000
    /// The civil day it counts for, in the configured zone; empty: the day of its settlement in UTC.
    var day = ""

    static let noSlot = UInt32.max

    /// What the input is taken for where nobody has counted it: the guess, less what was told of caches.
    func uncountedInput(besides tokens: TokenCounts) -> Int64 {
        max(0, inputEstimate - tokens.cacheRead - tokens.cacheWrite5m - tokens.cacheWrite1h)
    }
}

enum JournalRecord: Sendable, Equatable {
    case admitted(Admission)
    case settled(SettledRequest)
}

/// The record's bytes: its kind, then what `RecordBytes` writes.
struct JournalCoder {
    /// A record longer than this is not written; texts are cut long before.
    static let maximumBytes = 16_384

    /// The first byte.
    private enum Kind { static let (admitted, settled, carried): (UInt8, UInt8, UInt8) = (1, 2, 3) }

    static func encode(_ admission: Admission) -> [UInt8] { [UInt8](upTo: 320) { encode(admission, into: &$0) } }
    /// The same once more, because the file of the first goes: for whoever finds the files after a crash, and nobody else.
    static func encode(carried admission: Admission) -> [UInt8] {
        var bytes = encode(admission)
        bytes[0] = Kind.carried
        return bytes
    }
    /// The record's bytes, for as long as `use` takes.
    static func withRecord<Result>(_ admission: Admission, _ use: (Span<UInt8>) -> Result) -> Result {
        withBytes(upTo: 512, { encode(admission, into: &$0) }, use)
    }
    private static func encode(_ admission: Admission, into out: inout ByteCursor) {
        out.append(Kind.admitted)
        RecordBytes.put(admission.requestID, &out)
        RecordBytes.put(admission.attempt, &out)
        RecordBytes.put(Int64(admission.slot), &out)
        RecordBytes.put(admission.apiKeyID, &out)
        RecordBytes.put(admission.keyName, &out)
        RecordBytes.put(admission.userID, &out)
        RecordBytes.put(admission.accountID, &out)
        RecordBytes.put(admission.model, &out)
        RecordBytes.put(admission.path, &out)
        RecordBytes.put(admission.stream, &out)
        RecordBytes.put(admission.startedAt.milliseconds, &out)
        RecordBytes.put(admission.inputEstimate, &out)
        RecordBytes.put(admission.priceMillionths, &out)
        RecordBytes.put(admission.day, &out)
    }

    static func encode(_ settled: SettledRequest) -> [UInt8] { [UInt8](upTo: 640) { encode(settled, into: &$0) } }
    private static func encode(_ settled: SettledRequest, into out: inout ByteCursor) {
        out.append(Kind.settled)
        settled.write(to: &out)
    }
    /// The record's bytes, for as long as `use` takes.
    /// - Parameter write: writes what `SettledRequest.write` would.
    static func withSettled<Result>(_ write: (inout ByteCursor) -> Void, _ use: (Span<UInt8>) -> Result) -> Result {
        withBytes(
            upTo: 1024,
            { out in
                out.append(Kind.settled)
                write(&out)
            }, use)
    }

    /// What a record is, without reading more of it than its head; nil when it is none.
    enum Head: Equatable {
        case admitted(RequestID)
        /// The rest of the bytes is what `SettledRecords` takes.
        case settled(RequestID)
        case carried(RequestID)
    }
    static func head(_ bytes: [UInt8], _ range: Range<Int>) -> Head? {
        var reader = RecordReader(bytes, range)
        let kind = reader.byte()
        let id: RequestID = reader.id()
        guard !reader.isBroken else { return nil }
        return switch kind {
        case Kind.admitted: .admitted(id)
        case Kind.settled: .settled(id)
        case Kind.carried: .carried(id)
        default: nil
        }
    }

    /// Nil when the bytes are no record of this version.
    static func decode(_ bytes: [UInt8], _ range: Range<Int>? = nil) -> JournalRecord? {
        var reader = RecordReader(bytes, range)
        switch reader.byte() {
        case Kind.admitted, Kind.carried: return admission(&reader).map(JournalRecord.admitted)
        case Kind.settled: return SettledRequest(reading: &reader).map(JournalRecord.settled)
        default: return nil
        }
    }

    private static func admission(_ reader: inout RecordReader) -> Admission? {
        let (requestID, attempt, slot): (RequestID, Int64, Int64) = (reader.id(), reader.number(), reader.number())
        let (apiKeyID, keyName): (APIKeyID, String) = (reader.id(), reader.string())
        let (userID, accountID): (UserID?, AccountID?) = (reader.optionalID(), reader.optionalID())
        let (model, path, stream) = (reader.string(), reader.string(), reader.flag())
        let (startedAt, estimate, millionths) = (reader.moment(), reader.number(), reader.number())
        let day = reader.string()
        guard reader.isWhole else { return nil }
        return Admission(
            requestID: requestID, attempt: attempt, slot: UInt32(truncatingIfNeeded: slot), apiKeyID: apiKeyID, keyName: keyName,
            userID: userID, accountID: accountID, model: model, path: path, stream: stream, startedAt: startedAt, inputEstimate: estimate,
            priceMillionths: millionths, day: day)
    }
}
