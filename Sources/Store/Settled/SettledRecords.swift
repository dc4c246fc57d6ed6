public import Domain

/// Settled requests in the bytes that the journal keeps them in, one behind the other: what goes into the database is made from these
/// bytes, without a value of Swift for every text in between.
public struct SettledRecords: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Where each one ends.
    private var ends: [Int] = []
    public var count: Int { ends.count }
    public var isEmpty: Bool { ends.isEmpty }

    /// - Parameter records: how many there will be, to make room once.
    public init(records: Int = 0) {
        bytes.reserveCapacity(records * 400)
        ends.reserveCapacity(records)
    }

    public init(_ settled: some Sequence<SettledRequest>) {
        for one in settled { append(one) }
    }

    public mutating func append(_ settled: SettledRequest) {
        bytes.append(upTo: 640) { settled.write(to: &$0) }
        ends.append(bytes.count)
    }
    /// Takes bytes that `SettledRequest.write` made. Those that cannot be read are left out, and counted, when they are booked.
    public mutating func append(_ record: Span<UInt8>) {
        bytes.append(bytes: record)
        ends.append(bytes.count)
    }

    /// Some of them, as records of their own.
    public subscript(places: Range<Int>) -> SettledRecords {
        var part = SettledRecords(records: places.count)
        for place in places { part.append(bytes.span.extracting(range(place))) }
        return part
    }

    public func id(_ place: Int) -> RequestID {
        var reader = reader(place)
        return reader.id()
    }

    /// By their ids, which is nearly how they came: a row behind all others of its index costs the database less than one between them.
    var placesInOrder: [Int] {
        let ids = (0..<count).map(id)
        return ids.indices.sorted { (ids[$0], $0) < (ids[$1], $1) }
    }

    func reader(_ place: Int) -> RecordReader { RecordReader(bytes, range(place)) }
    private func range(_ place: Int) -> Range<Int> { (place == 0 ? 0 : ends[place - 1])..<ends[place] }
}

/// Writes a settled request's record part by part, so that the data path needs no value that holds them all: first the request, then as
/// many entries as it says.
public enum SettledRecord {
    /// Entries past this are left out.
    public static let maximumEntries = 255

    /// - Parameter entries: how many follow, at most `maximumEntries`.
    public static func putRequest(
        id: RequestID, apiKeyID: APIKeyID, keyName: String, userID: UserID?, accountID: AccountID?, model: String, path: String,
        dialect: String, stream: Bool, status: RequestStatus, httpStatus: Int64?, errorType: String?, startedAt: Timestamp,
        durationMilliseconds: Int64?, ttftMilliseconds: Int64?, attempts: Int64, tokens: TokenCounts, webSearchRequests: Int64,
        costMicroUSD: Int64, priceMicroUSD: Int64, usageSource: UsageSource?, upstreamRequestID: String?, entries: Int,
        to out: inout ByteCursor
    ) {
        RecordBytes.put(id, &out)
        RecordBytes.put(apiKeyID, &out)
        RecordBytes.put(keyName, &out)
        RecordBytes.put(userID, &out)
        RecordBytes.put(accountID, &out)
        RecordBytes.put(model, &out)
        RecordBytes.put(path, &out)
        RecordBytes.put(dialect, &out)
        RecordBytes.put(stream, &out)
        RecordBytes.put(status.rawValue, &out)
        RecordBytes.put(httpStatus, &out)
        RecordBytes.put(errorType, &out)
        RecordBytes.put(startedAt.milliseconds, &out)
        RecordBytes.put(durationMilliseconds, &out)
        RecordBytes.put(ttftMilliseconds, &out)
        RecordBytes.put(attempts, &out)
        RecordBytes.put(tokens, &out)
        RecordBytes.put(webSearchRequests, &out)
        RecordBytes.put(costMicroUSD, &out)
        RecordBytes.put(priceMicroUSD, &out)
        RecordBytes.put(usageSource?.rawValue, &out)
        RecordBytes.put(upstreamRequestID, &out)
        out.append(UInt8(clamping: entries))
    }

    public static func putEntry(
        attempt: Int64, accountID: AccountID?, model: String, tokens: TokenCounts, webSearchRequests: Int64, costMicroUSD: Int64,
        priceMicroUSD: Int64, priceFlags: String, usageSource: UsageSource, charged: Bool, at: Timestamp, day: String,
        to out: inout ByteCursor
    ) {
        RecordBytes.put(attempt, &out)
        RecordBytes.put(accountID, &out)
        RecordBytes.put(model, &out)
        RecordBytes.put(tokens, &out)
        RecordBytes.put(webSearchRequests, &out)
        RecordBytes.put(costMicroUSD, &out)
        RecordBytes.put(priceMicroUSD, &out)
        RecordBytes.put(priceFlags, &out)
        RecordBytes.put(usageSource.rawValue, &out)
        RecordBytes.put(charged, &out)
        RecordBytes.put(at.milliseconds, &out)
        RecordBytes.put(day, &out)
    }
}

extension SettledRequest {
    public func write(to out: inout ByteCursor) {
        let written = min(SettledRecord.maximumEntries, entries.count)
        SettledRecord.putRequest(
            id: request.id, apiKeyID: request.apiKeyID, keyName: request.keyName, userID: request.userID, accountID: request.accountID,
            model: request.model, path: request.path, dialect: request.dialect, stream: request.stream, status: request.status,
            httpStatus: request.httpStatus, errorType: request.errorType, startedAt: request.startedAt,
            durationMilliseconds: request.durationMilliseconds, ttftMilliseconds: request.ttftMilliseconds, attempts: request.attempts,
            tokens: request.tokens, webSearchRequests: request.webSearchRequests, costMicroUSD: request.costMicroUSD,
            priceMicroUSD: request.priceMicroUSD, usageSource: request.usageSource, upstreamRequestID: request.upstreamRequestID,
            entries: written, to: &out)
        for entry in entries.prefix(written) {
            SettledRecord.putEntry(
                attempt: entry.attempt, accountID: entry.accountID, model: entry.model, tokens: entry.tokens,
                webSearchRequests: entry.webSearchRequests, costMicroUSD: entry.costMicroUSD, priceMicroUSD: entry.priceMicroUSD,
                priceFlags: entry.priceFlags, usageSource: entry.usageSource, charged: entry.charged, at: entry.at, day: entry.day, to: &out
            )
        }
    }

    /// Nil when the bytes are no such record.
    public init?(reading reader: inout RecordReader) {
        let (id, key): (RequestID, APIKeyID) = (reader.id(), reader.id())
        let keyName = reader.string()
        let (user, account): (UserID?, AccountID?) = (reader.optionalID(), reader.optionalID())
        let (model, path, dialect) = (reader.string(), reader.string(), reader.string())
        let stream = reader.flag()
        let status = RequestStatus(rawValue: reader.string())
        let (httpStatus, errorType) = (reader.optionalNumber(), reader.optionalText())
        let startedAt = reader.moment()
        let (duration, ttft) = (reader.optionalNumber(), reader.optionalNumber())
        let (attempts, tokens, searches) = (reader.number(), reader.tokens(), reader.number())
        let (cost, price) = (reader.number(), reader.number())
        let source = reader.optionalText()
        let upstream = reader.optionalText()
        guard let status, source == nil || source.flatMap(UsageSource.init(rawValue:)) != nil else { return nil }
        let request = RequestRecord(
            id: id, apiKeyID: key, keyName: keyName, userID: user, accountID: account, model: model, path: path, dialect: dialect,
            stream: stream, status: status, httpStatus: httpStatus, errorType: errorType, startedAt: startedAt,
            durationMilliseconds: duration, ttftMilliseconds: ttft, attempts: attempts, tokens: tokens, webSearchRequests: searches,
            costMicroUSD: cost, priceMicroUSD: price, usageSource: source.flatMap(UsageSource.init(rawValue:)), upstreamRequestID: upstream)
        var entries: [LedgerEntry] = []
        for _ in 0..<reader.byte() {
            guard let entry = LedgerEntry(reading: &reader, of: request) else { return nil }
            entries.append(entry)
        }
        guard reader.isWhole else { return nil }
        self.init(request: request, entries: entries)
    }
}

extension LedgerEntry {
    fileprivate init?(reading reader: inout RecordReader, of request: RequestRecord) {
        let (attempt, account): (Int64, AccountID?) = (reader.number(), reader.optionalID())
        let (model, tokens, searches) = (reader.string(), reader.tokens(), reader.number())
        let (cost, price, flags) = (reader.number(), reader.number(), reader.string())
        let source = UsageSource(rawValue: reader.string())
        let (charged, at, day) = (reader.flag(), reader.moment(), reader.string())
        guard let source, !reader.isBroken else { return nil }
        self.init(
            requestID: request.id, attempt: attempt, apiKeyID: request.apiKeyID, userID: request.userID, accountID: account, model: model,
            tokens: tokens, webSearchRequests: searches, costMicroUSD: cost, priceMicroUSD: price, priceFlags: flags, usageSource: source,
            charged: charged, at: at, day: day)
    }
}
