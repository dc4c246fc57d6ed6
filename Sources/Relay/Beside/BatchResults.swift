internal import Domain
internal import HTTP
internal import Secrets
internal import Store

/// Reads a batch's results on their way (one JSON object a line) and writes each into the journal. The same line gives the same request
/// id every time, so results that are fetched twice are booked once.
struct BatchResults {
    private let batch: MessageBatch
    private let prices: PriceTable
    private let millionths: Int64
    private let day: String
    private let billsTopLevel: Bool
    private let now: Timestamp
    private let counted: Set<RequestID>
    private var line: [UInt8] = []
    private var isSkipping = false
    /// Settled and not yet in the journal.
    private(set) var waiting: [[UInt8]] = []
    /// All that were not empty.
    private(set) var lines = 0
    /// A line that could not be read; its result is not booked.
    private(set) var unreadable = 0
    /// Models without a price.
    private(set) var unpriced: Set<String> = []
    /// Of results that are not counted already, as everything below.
    private(set) var tokens: Int64 = 0
    /// What the customer pays, and the part of it for models of the opus family.
    private(set) var microUSD: Int64 = 0
    private(set) var opusMicroUSD: Int64 = 0
    /// What it costs the account.
    private(set) var costMicroUSD: Int64 = 0

    /// A longer line is not kept; a message of this size does not exist.
    private static let maximumLineBytes = 16 << 20

    /// - Parameters:
    ///   - billsTopLevel: the account's lists of passes do not say everything.
    ///   - counted: results that limits know from the ledger.
    init(
        _ batch: MessageBatch, prices: PriceTable, millionths: Int64, now: Timestamp, day: String, billsTopLevel: Bool = false,
        counted: Set<RequestID> = []
    ) {
        (self.billsTopLevel, self.counted) = (billsTopLevel, counted)
        (self.batch, self.prices, self.now) = (batch, prices, now)
        (self.millionths, self.day) = (millionths, day)
    }

    mutating func feed(_ bytes: Span<UInt8>) {
        var start = 0
        for at in bytes.indices where bytes[at] == 0x0a {
            keep(bytes.extracting(start..<at))
            finishLine()
            start = at + 1
        }
        if start < bytes.count { keep(bytes.extracting(start..<bytes.count)) }
    }

    /// After the last byte.
    mutating func end() { finishLine() }

    mutating func takeWaiting() -> [[UInt8]] {
        defer { waiting = [] }
        return waiting
    }
    mutating func giveBack(_ records: ArraySlice<[UInt8]>) { waiting = Array(records) + waiting }

    private mutating func keep(_ bytes: Span<UInt8>) {
        guard !isSkipping else { return }
        guard line.count + bytes.count <= Self.maximumLineBytes else {
            isSkipping = true
            line = []
            return
        }
        line.append(bytes: bytes)
    }

    private mutating func finishLine() {
        guard !isSkipping else {
            isSkipping = false
            lines += 1
            unreadable += 1
            return
        }
        let whole = line
        line = []
        let bytes = whole.span
        guard JSONSkim.skipSpace(bytes, 0) < bytes.count else { return }
        lines += 1
        var (customID, result): (String?, Range<Int>?)
        let end = JSONSkim.members(bytes, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "custom_id") { customID = JSONSkim.string(bytes, value) }
            if JSONSkim.matches(bytes, name, "result") { result = value }
            return true
        }
        guard end != nil, let customID, let result else {
            unreadable += 1
            return
        }
        var (type, message, errorType): (String?, Range<Int>?, String?)
        _ = JSONSkim.members(bytes, result.lowerBound) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "type") { type = JSONSkim.string(bytes, value) }
            if JSONSkim.matches(bytes, name, "message") { message = value }
            if JSONSkim.matches(bytes, name, "error") { errorType = Self.errorType(bytes, value) }
            return true
        }
        settle(
            customID, type ?? "errored", errorType, message.flatMap { MessageMeter.read(bytes.extracting($0)) }, bytes: message?.count ?? 0)
    }

    /// Of `{"type":"error","error":{"type":…}}` or of the inner object alone.
    private static func errorType(_ bytes: Span<UInt8>, _ value: Range<Int>) -> String? {
        let error = try? JSON(parsing: JSONSkim.array(bytes, value))
        return error?["error"]["type"].string ?? error?["type"].string
    }

    private mutating func settle(_ customID: String, _ type: String, _ errorType: String?, _ reading: MessageMeter.Reading?, bytes: Int) {
        let id = Self.requestID(batch, customID)
        let model = reading?.model ?? "unknown"
        let admission = Admission(
            requestID: id, attempt: 1, slot: Admission.noSlot, apiKeyID: batch.apiKeyID, keyName: batch.keyName, userID: batch.userID,
            accountID: batch.accountID, model: model, path: "/v1/messages/batches", stream: false, startedAt: batch.createdAt,
            inputEstimate: 0, priceMillionths: millionths, day: day)
        var settlement = Settlement(status: .success, attempts: 1)
        settlement.accountID = batch.accountID
        settlement.durationMilliseconds = max(0, now.milliseconds - batch.createdAt.milliseconds)
        switch type {
        case "succeeded":
            settlement.httpStatus = 200
            var usage = reading?.usage ?? MeteredUsage()
            usage.isBatch = true
            if billsTopLevel { usage.iterations = [] }
            // Without numbers what was written is taken at four bytes a token.
            settlement.usage = Settlement.Used(
                tokens: reading == nil ? TokenCounts(output: Int64(bytes / 4)) : usage.tokens, metered: usage, model: model,
                source: reading == nil ? .unparsed : .final)
        case "canceled", "expired":
            settlement.status = .aborted
            settlement.errorType = "batch_" + type
        default:
            settlement.status = .error
            settlement.errorType = String((errorType ?? "api_error").prefix(64))
        }
        let settled = settlement.settled(admission, prices: prices, at: now)
        if settled.entries.contains(where: { $0.priceFlags.has("price_missing") }) { unpriced.insert(model) }
        waiting.append(JournalCoder.encode(settled))
        guard !counted.contains(id) else { return }
        tokens = tokens.addingReportingOverflow(settled.request.tokens.limited).partialValue
        microUSD = microUSD.addingReportingOverflow(settled.request.priceMicroUSD).partialValue
        if PriceTable.isOpus(model) { opusMicroUSD = opusMicroUSD.addingReportingOverflow(settled.request.priceMicroUSD).partialValue }
        costMicroUSD = costMicroUSD.addingReportingOverflow(settled.request.costMicroUSD).partialValue
    }

    /// Always the same for one result, and sorted by the batch's time as every id is.
    static func requestID(_ batch: MessageBatch, _ customID: String) -> RequestID {
        let digest = Hashing.sha256(Array("\(batch.id)|\(customID)".utf8))
        func word(_ from: Int) -> UInt64 { digest[from..<from + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        return RequestID(
            high: UInt64(bitPattern: batch.createdAt.milliseconds) << 16 | 0x7000 | word(0) & 0x0fff,
            low: 0x8000_0000_0000_0000 | word(8) & 0x3fff_ffff_ffff_ffff)
    }

    /// Where the ids of its results are, among those of everything else of that millisecond.
    static func requestIDs(_ batch: MessageBatch) -> ClosedRange<RequestID> {
        let start = UInt64(bitPattern: batch.createdAt.milliseconds) << 16
        return RequestID(high: start, low: 0)...RequestID(high: start | 0xffff, low: .max)
    }
}

extension MessageBatch {
    /// How many requests it has, whatever has become of them, as the upstream said last; nil when it does not say.
    var requestCount: Int64? {
        let counts = (try? JSON(parsing: Array(state.utf8)))?["request_counts"] ?? .null
        let sum = ["processing", "succeeded", "errored", "canceled", "expired"].reduce(0) { LimitAmounts.sum($0, counts[$1].int ?? 0) }
        return sum > 0 ? sum : nil
    }
}

/// Carries results from the upstream into the journal and, when somebody asked for them, to a client; waits while either is full.
final class BatchResultsPump {
    private let services: RelayServices
    private let reactor: Reactor
    private let response: UpstreamResponse
    private let client: Exchange?
    private(set) var results: BatchResults
    private var isCongested = false
    private var timer: TimerToken?

    /// Results must not crowd out the records of live requests.
    private static let pendingRecords = 2000
    private static let retryNanoseconds: UInt64 = 50_000_000

    init(_ services: RelayServices, _ reactor: Reactor, _ response: UpstreamResponse, to client: Exchange?, results: BatchResults) {
        (self.services, self.reactor, self.response, self.client, self.results) = (services, reactor, response, client, results)
    }

    func take(_ bytes: Span<UInt8>) -> PumpStep {
        results.feed(bytes)
        if let client {
            switch client.write(bytes) {
            case .sent: break
            case .congested:
                isCongested = true
                client.onDrained = { [weak self] in
                    self?.isCongested = false
                    self?.resumeIfFree()
                }
            case .gone: return .stop
            }
        }
        return book() && !isCongested ? .continue : .pause
    }

    /// Moves what waits into the journal. False when it has to be tried again.
    func book() -> Bool {
        let journal = services.mover.journals[reactor.index]
        let records = results.takeWaiting()
        for (index, record) in records.enumerated() {
            guard journal.pendingRecords < Self.pendingRecords, (try? journal.append(record.span)) != nil else {
                results.giveBack(records[index...])
                retryLater()
                return false
            }
        }
        return true
    }

    private func retryLater() {
        guard timer == nil else { return }
        timer = reactor.schedule(afterNanoseconds: Self.retryNanoseconds) { [weak self] in
            guard let self else { return }
            timer = nil
            if book() { resumeIfFree() }
        }
    }
    private func resumeIfFree() { if !isCongested, results.waiting.isEmpty { response.resume() } }

    /// After the last byte: true once everything is in the journal, false when that took too long.
    func finish() async -> Bool {
        results.end()
        for _ in 0..<Self.finishLooks {
            if book() { break }
            do { try await services.ambient.sleep(.milliseconds(50)) } catch { break }
        }
        if let timer { reactor.cancel(timer) }
        timer = nil
        return results.waiting.isEmpty
    }
    /// Times 50 ms; the next look at the batch books what is left.
    private static let finishLooks = 200
}
