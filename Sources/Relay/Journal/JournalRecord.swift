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
}

enum JournalRecord: Sendable, Equatable {
    case admitted(Admission)
    case settled(SettledRequest)
}

/// The record's bytes. Whole numbers are little-endian, texts carry a 16-bit length, optional values a presence byte.
struct JournalCoder {
    /// A record longer than this is not written; texts are cut long before.
    static let maximumBytes = 16_384
    /// Longest text in a record; model names and the like are far shorter.
    static let maximumTextBytes = 512

    // MARK: Writing

    static func encode(_ admission: Admission, into out: inout [UInt8]) {
        out.append(1)
        put(admission.requestID, &out)
        put(UInt64(bitPattern: admission.attempt), &out)
        put(UInt64(admission.slot), &out)
        put(admission.apiKeyID, &out)
        put(admission.keyName, &out)
        putOptional(admission.userID, &out) { put($0, &$1) }
        putOptional(admission.accountID, &out) { put($0, &$1) }
        put(admission.model, &out)
        put(admission.path, &out)
        out.append(admission.stream ? 1 : 0)
        put(admission.startedAt.milliseconds, &out)
        put(admission.inputEstimate, &out)
        put(admission.priceMillionths, &out)
        put(admission.day, &out)
    }

    static func encode(_ settled: SettledRequest, into out: inout [UInt8]) {
        let request = settled.request
        out.append(2)
        put(request.id, &out)
        put(request.apiKeyID, &out)
        put(request.keyName, &out)
        putOptional(request.userID, &out) { put($0, &$1) }
        putOptional(request.accountID, &out) { put($0, &$1) }
        put(request.model, &out)
        put(request.path, &out)
        put(request.dialect, &out)
        out.append(request.stream ? 1 : 0)
        put(request.status.rawValue, &out)
        putOptional(request.httpStatus, &out) { put($0, &$1) }
        putOptional(request.errorType, &out) { put($0, &$1) }
        put(request.startedAt.milliseconds, &out)
        putOptional(request.durationMilliseconds, &out) { put($0, &$1) }
        putOptional(request.ttftMilliseconds, &out) { put($0, &$1) }
        put(request.attempts, &out)
        put(request.tokens, &out)
        put(request.webSearchRequests, &out)
        put(request.costMicroUSD, &out)
        put(request.priceMicroUSD, &out)
        putOptional(request.usageSource?.rawValue, &out) { put($0, &$1) }
        putOptional(request.upstreamRequestID, &out) { put($0, &$1) }
        out.append(UInt8(clamping: settled.entries.count))
        for entry in settled.entries.prefix(255) { encode(entry, into: &out) }
    }

    private static func encode(_ entry: LedgerEntry, into out: inout [UInt8]) {
        put(entry.attempt, &out)
        putOptional(entry.accountID, &out) { put($0, &$1) }
        put(entry.model, &out)
        put(entry.tokens, &out)
        put(entry.webSearchRequests, &out)
        put(entry.costMicroUSD, &out)
        put(entry.priceMicroUSD, &out)
        put(entry.priceFlags, &out)
        put(entry.usageSource.rawValue, &out)
        out.append(entry.charged ? 1 : 0)
        put(entry.at.milliseconds, &out)
        put(entry.day, &out)
    }

    private static func put(_ word: UInt64, _ out: inout [UInt8]) { out.append(littleEndian: word) }
    private static func put(_ number: Int64, _ out: inout [UInt8]) { put(UInt64(bitPattern: number), &out) }
    private static func put<Kind>(_ id: Identifier<Kind>, _ out: inout [UInt8]) {
        put(id.high, &out)
        put(id.low, &out)
    }
    private static func put(_ text: String, _ out: inout [UInt8]) {
        guard text.utf8.count <= maximumTextBytes else { return putCut(text, &out) }
        out.append(UInt8(truncatingIfNeeded: text.utf8.count))
        out.append(UInt8(truncatingIfNeeded: text.utf8.count >> 8))
        out.append(utf8: text)
    }
    private static func putCut(_ text: String, _ out: inout [UInt8]) {
        var bytes = Array(text.utf8.prefix(maximumTextBytes))
        // A cut must not leave half a character.
        while String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
        put(String(decoding: bytes, as: UTF8.self), &out)
    }
    private static func put(_ tokens: TokenCounts, _ out: inout [UInt8]) {
        put(tokens.input, &out)
        put(tokens.output, &out)
        put(tokens.cacheWrite5m, &out)
        put(tokens.cacheWrite1h, &out)
        put(tokens.cacheRead, &out)
    }
    private static func putOptional<Value>(_ value: Value?, _ out: inout [UInt8], _ write: (Value, inout [UInt8]) -> Void) {
        out.append(value == nil ? 0 : 1)
        if let value { write(value, &out) }
    }

    // MARK: Reading

    /// The request of an admission; nil for other records.
    static func admittedID(_ bytes: [UInt8]) -> RequestID? {
        var reader = Reader(bytes: bytes)
        return reader.byte() == 1 ? reader.id() : nil
    }

    /// Nil when the bytes are no record of this version.
    static func decode(_ bytes: [UInt8]) -> JournalRecord? {
        var reader = Reader(bytes: bytes)
        guard let kind = reader.byte() else { return nil }
        let record: JournalRecord?
        switch kind {
        case 1: record = reader.admission().map(JournalRecord.admitted)
        case 2: record = reader.settled().map(JournalRecord.settled)
        default: record = nil
        }
        return reader.at == bytes.count ? record : nil
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        mutating func byte() -> UInt8? {
            guard at < bytes.count else { return nil }
            defer { at += 1 }
            return bytes[at]
        }
        mutating func word() -> UInt64? {
            guard at + 8 <= bytes.count else { return nil }
            defer { at += 8 }
            return unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
        }
        mutating func number() -> Int64? { word().map { Int64(bitPattern: $0) } }
        mutating func moment() -> Timestamp? { number().map { Timestamp(milliseconds: $0) } }
        mutating func flag() -> Bool? { byte().map { $0 == 1 } }
        mutating func id<Kind>() -> Identifier<Kind>? {
            guard let high = word(), let low = word() else { return nil }
            return Identifier(high: high, low: low)
        }
        mutating func text() -> String? {
            guard let low = byte(), let high = byte() else { return nil }
            let count = Int(low) | Int(high) << 8
            guard at + count <= bytes.count else { return nil }
            defer { at += count }
            let text = bytes.span.extracting(at..<at + count)
            // Almost every text is ASCII, which needs no proof; the general way costs several times as much.
            for index in text.indices where text[index] >= 0x80 { return String(validating: bytes[at..<at + count], as: UTF8.self) }
            return unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }
        mutating func tokens() -> TokenCounts? {
            guard let input = number(), let output = number(), let five = number(), let hour = number(), let read = number() else {
                return nil
            }
            return TokenCounts(input: input, output: output, cacheWrite5m: five, cacheWrite1h: hour, cacheRead: read)
        }
        /// Outer nil: damaged. Inner nil: absent.
        mutating func optional<Value>(_ read: (inout Reader) -> Value?) -> Value?? {
            switch byte() {
            case 0: .some(nil)
            case 1: read(&self).map { .some($0) }
            default: nil
            }
        }

        mutating func admission() -> Admission? {
            guard let requestID: RequestID = id(), let attempt = number(), let slot = word(), let apiKeyID: APIKeyID = id(),
                let keyName = text(),
                let userID = optional({ $0.id() as UserID? }), let accountID = optional({ $0.id() as AccountID? }), let model = text(),
                let path = text(), let stream = flag(), let startedAt = moment(), let estimate = number(),
                let millionths = number(), let day = text()
            else { return nil }
            return Admission(
                requestID: requestID, attempt: attempt, slot: UInt32(truncatingIfNeeded: slot), apiKeyID: apiKeyID, keyName: keyName,
                userID: userID, accountID: accountID, model: model, path: path, stream: stream, startedAt: startedAt,
                inputEstimate: estimate, priceMillionths: millionths, day: day)
        }

        mutating func settled() -> SettledRequest? {
            guard let id: RequestID = id(), let apiKeyID: APIKeyID = self.id(), let keyName = text(),
                let userID = optional({ $0.id() as UserID? }),
                let accountID = optional({ $0.id() as AccountID? }), let model = text(), let path = text(), let dialect = text(),
                let stream = flag(), let status = text().flatMap(RequestStatus.init(rawValue:)), let httpStatus = optional({ $0.number() }),
                let errorType = optional({ $0.text() }), let startedAt = moment(), let duration = optional({ $0.number() }),
                let ttft = optional({ $0.number() }), let attempts = number(), let tokens = tokens(), let searches = number(),
                let cost = number(), let price = number(), let source = optional({ $0.text() }), let upstream = optional({ $0.text() }),
                let count = byte()
            else { return nil }
            var entries: [LedgerEntry] = []
            for _ in 0..<count {
                guard let entry = entry(id, apiKeyID, userID) else { return nil }
                entries.append(entry)
            }
            return SettledRequest(
                request: RequestRecord(
                    id: id, apiKeyID: apiKeyID, keyName: keyName, userID: userID, accountID: accountID, model: model, path: path,
                    dialect: dialect, stream: stream, status: status, httpStatus: httpStatus, errorType: errorType, startedAt: startedAt,
                    durationMilliseconds: duration, ttftMilliseconds: ttft, attempts: attempts, tokens: tokens, webSearchRequests: searches,
                    costMicroUSD: cost, priceMicroUSD: price, usageSource: source.flatMap(UsageSource.init(rawValue:)),
                    upstreamRequestID: upstream), entries: entries)
        }

        private mutating func entry(_ request: RequestID, _ key: APIKeyID, _ user: UserID?) -> LedgerEntry? {
            guard let attempt = number(), let accountID = optional({ $0.id() as AccountID? }), let model = text(), let tokens = tokens(),
                let searches = number(), let cost = number(), let price = number(), let flags = text(),
                let source = text().flatMap(UsageSource.init(rawValue:)), let charged = flag(), let at = moment(), let day = text()
            else { return nil }
            return LedgerEntry(
                requestID: request, attempt: attempt, apiKeyID: key, userID: user, accountID: accountID, model: model, tokens: tokens,
                webSearchRequests: searches, costMicroUSD: cost, priceMicroUSD: price, priceFlags: flags, usageSource: source,
                charged: charged, at: at, day: day)
        }
    }
}
