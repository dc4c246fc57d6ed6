internal import Domain

/// A few settled requests as rows of both tables, read straight from their bytes. Few, so that they stay in the processor's cache while
/// the database reads them; used again and again.
struct SettledRows {
    /// Requests that are made ready before the database gets them.
    static let limit = 128

    private(set) var requests = RowBatch(.recordRequest, rows: limit)
    private(set) var entries = RowBatch(.appendLedger, rows: limit)
    /// When each key was last used.
    private(set) var lastUses: [APIKeyID: Timestamp] = [:]
    /// The last one seen, which often is the next one's too.
    private var lastUse: (key: APIKeyID, moment: Timestamp)?

    var isFull: Bool { requests.rowCount >= Self.limit }

    mutating func removeRows() {
        requests.removeRows()
        entries.removeRows()
    }

    mutating func noteLastUse() {
        guard let (key, moment) = lastUse else { return }
        lastUses[key] = max(lastUses[key] ?? moment, moment)
        lastUse = nil
    }

    /// - Parameter isCounted: whether an earlier entry of the request counts it in the daily totals. Asked only when these entries do not
    ///   begin with the first attempt: all entries of a request come together.
    /// - Returns: false when the record cannot be read; it has left nothing behind then.
    mutating func add(
        _ records: SettledRecords, _ place: Int, isCounted: (RequestID) throws(StoreError) -> Bool
    ) throws(StoreError) -> Bool {
        let (requestsMark, entriesMark) = (requests.mark, entries.mark)
        var reader = records.reader(place)
        let (id, key): (RequestID, APIKeyID) = (reader.id(), reader.id())
        let (user, startedAt) = addRequest(id, key, &reader)
        let count = reader.byte()
        var counts = true
        for index in 0..<count {
            let attempt = reader.number()
            if index == 0, attempt > 1, !reader.isBroken { counts = try !isCounted(id) }
            if addEntry(id, key, user, attempt: attempt, counts: counts, &reader) { counts = false }
        }
        guard reader.isWhole else {
            requests.truncate(to: requestsMark)
            entries.truncate(to: entriesMark)
            return false
        }
        if lastUse?.key != key { noteLastUse() }
        lastUse = (key, max(lastUse?.moment ?? startedAt, startedAt))
        return true
    }

    private mutating func addRequest(_ id: RequestID, _ key: APIKeyID, _ reader: inout RecordReader) -> (UserID?, Timestamp) {
        requests.add(id)
        requests.add(key)
        requests.addText(&reader)  // the key's name
        let user: UserID? = reader.optionalID()
        requests.add(user)
        let account: AccountID? = reader.optionalID()
        requests.add(account)
        for _ in 0..<3 { requests.addText(&reader) }  // model, path, dialect
        requests.add(reader.flag())
        requests.addWord(&reader, RequestStatus.allWords)
        requests.add(reader.optionalNumber())
        if reader.isPresent() { requests.addText(&reader) } else { requests.addNull() }
        let startedAt = reader.moment()
        requests.add(startedAt)
        requests.add(reader.optionalNumber())  // duration
        requests.add(reader.optionalNumber())  // time to the first token
        requests.add(reader.number())  // attempts
        let tokens = reader.tokens().bookable
        tokens.add(to: &requests)
        requests.add(tokens.total)
        for _ in 0..<3 { requests.add(Bookable.number(reader.number())) }  // searches, cost, price
        if reader.isPresent() { requests.addWord(&reader, UsageSource.allWords) } else { requests.addNull() }
        if reader.isPresent() { requests.addText(&reader) } else { requests.addNull() }
        return (user, startedAt)
    }

    /// Whether it counts the request: the first entry that is charged.
    private mutating func addEntry(
        _ id: RequestID, _ key: APIKeyID, _ user: UserID?, attempt: Int64, counts: Bool, _ reader: inout RecordReader
    ) -> Bool {
        entries.add(id)
        entries.add(max(attempt, 1))
        entries.add(key)
        entries.add(user)
        let account: AccountID? = reader.optionalID()
        entries.add(account)
        entries.addText(&reader)  // model
        let tokens = reader.tokens()
        let bookable = tokens.bookable
        bookable.add(to: &entries)
        var isClamped = bookable != tokens
        for _ in 0..<3 {  // searches, cost, price
            let number = reader.number()
            let bookable = Bookable.number(number)
            if bookable != number { isClamped = true }
            entries.add(bookable)
        }
        if isClamped {
            let flags = reader.string()
            entries.add(flags + (flags.isEmpty ? "" : " ") + "clamped")
        } else {
            entries.addText(&reader)
        }
        entries.addWord(&reader, UsageSource.allWords)
        let charged = reader.flag()
        entries.add(charged)
        entries.add(reader.moment())
        entries.addText(&reader)  // day
        entries.add(charged && counts ? Int64(1) : 0)
        return charged && counts
    }
}

extension RequestStatus {
    static let allWords = allCases.map { Array($0.rawValue.utf8) }
}
extension UsageSource {
    static let allWords = allCases.map { Array($0.rawValue.utf8) }
}

extension RowBatch {
    /// The reader's next text. A NUL, which no database keeps in a text, is replaced.
    fileprivate mutating func addText(_ reader: inout RecordReader) {
        let text = reader.text()
        if text.isPlain {
            add(reader.bytes.span.extracting(text.range))
        } else {
            add(String(decoding: reader.bytes[text.range], as: UTF8.self))
        }
    }

    /// The reader's next text, which must be one of the words.
    fileprivate mutating func addWord(_ reader: inout RecordReader, _ words: [[UInt8]]) {
        let range = reader.text().range
        let isKnown = words.contains { word in word.count == range.count && reader.bytes[range].elementsEqual(word) }
        if !isKnown { reader.breakOff() }
        add(reader.bytes.span.extracting(range))
    }
}
