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

    func reader(_ place: Int) -> RecordReader { RecordReader(bytes, range(place)) }
    private func range(_ place: Int) -> Range<Int> { (place == 0 ? 0 : ends[place - 1])..<ends[place] }
}

extension SettledRequest {
    public func write(to out: inout ByteCursor) {
        RecordBytes.put(request.id, &out)
        RecordBytes.put(request.apiKeyID, &out)
        RecordBytes.put(request.keyName, &out)
        RecordBytes.put(request.userID, &out)
        RecordBytes.put(request.accountID, &out)
        RecordBytes.put(request.model, &out)
        RecordBytes.put(request.path, &out)
        RecordBytes.put(request.dialect, &out)
        RecordBytes.put(request.stream, &out)
        RecordBytes.put(request.status.rawValue, &out)
        RecordBytes.put(request.httpStatus, &out)
        RecordBytes.put(request.errorType, &out)
        RecordBytes.put(request.startedAt.milliseconds, &out)
        RecordBytes.put(request.durationMilliseconds, &out)
        RecordBytes.put(request.ttftMilliseconds, &out)
        RecordBytes.put(request.attempts, &out)
        RecordBytes.put(request.tokens, &out)
        RecordBytes.put(request.webSearchRequests, &out)
        RecordBytes.put(request.costMicroUSD, &out)
        RecordBytes.put(request.priceMicroUSD, &out)
        RecordBytes.put(request.usageSource?.rawValue, &out)
        RecordBytes.put(request.upstreamRequestID, &out)
        out.append(UInt8(clamping: entries.count))
        // By the span, which lends an entry instead of copying it.
        let all = entries.span
        for place in 0..<min(255, all.count) { all[place].write(to: &out) }
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
    fileprivate func write(to out: inout ByteCursor) {
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
