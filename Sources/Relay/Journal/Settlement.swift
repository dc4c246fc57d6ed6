internal import Domain
internal import Store

/// Makes the ledger's entry and the history's row of one finished request. Pure: the data path and the recovery after a crash use it
/// alike.
struct Settlement: Sendable {
    var status: RequestStatus
    var httpStatus: Int64?
    var errorType: String?
    var durationMilliseconds: Int64?
    var ttftMilliseconds: Int64?
    /// Attempts made, this one included.
    var attempts: Int64
    var accountID: AccountID?
    var upstreamRequestID: String?
    /// Nil when nothing was used, as for an upstream error: no ledger entry then.
    var usage: Used?
    /// Failed attempts before the last one whose usage their upstreams reported: the operator bears them.
    var lost: [Lost] = []

    struct Lost: Sendable {
        var attempt: Int64
        var accountID: AccountID?
        var usage: Used
    }

    struct Used: Sendable {
        var tokens: TokenCounts
        var metered: MeteredUsage
        /// As the response names it.
        var model: String
        var source: UsageSource
        /// Demo answers cost nothing.
        var isFree = false
    }

    /// - Parameter admission: of the same request. Not kept here: this is made on the data path, where a copy of its texts costs.
    func settled(_ admission: Admission, prices: PriceTable, at now: Timestamp) -> SettledRequest {
        var price = Price(microUSD: 0, flags: "")
        var tokens = TokenCounts()
        if let usage {
            tokens = usage.metered.iterations.isEmpty ? usage.tokens : usage.metered.iterationTotal
            price =
                usage.isFree
                ? Price(microUSD: 0, flags: "demo")
                : prices.price(
                    usage.metered, tokens: usage.tokens, model: usage.model, at: admission.startedAt, millionths: admission.priceMillionths)
        }
        let searches = usage?.metered.webSearches ?? 0
        var entries: [LedgerEntry] = []
        for lost in lost { entries.append(lostEntry(lost, admission, prices, now)) }
        if let usage {
            entries.append(
                LedgerEntry(
                    requestID: admission.requestID, attempt: max(1, attempts), apiKeyID: admission.apiKeyID, userID: admission.userID,
                    accountID: accountID, model: usage.model, tokens: tokens, webSearchRequests: searches, costMicroUSD: price.microUSD,
                    priceMicroUSD: price.customerMicroUSD, priceFlags: price.flags, usageSource: usage.source, at: now,
                    day: admission.day.isEmpty ? nil : admission.day))
        }
        return SettledRequest(
            request: RequestRecord(
                id: admission.requestID, apiKeyID: admission.apiKeyID, keyName: admission.keyName, userID: admission.userID,
                accountID: accountID, model: admission.model, path: admission.path,
                dialect: Self.dialect(admission.path), stream: admission.stream, status: status,
                httpStatus: httpStatus, errorType: errorType, startedAt: admission.startedAt, durationMilliseconds: durationMilliseconds,
                ttftMilliseconds: ttftMilliseconds, attempts: attempts, tokens: tokens, webSearchRequests: searches,
                costMicroUSD: price.microUSD, priceMicroUSD: price.customerMicroUSD, usageSource: usage?.source,
                upstreamRequestID: upstreamRequestID),
            entries: entries)
    }

    /// Booked with its cost, not charged.
    private func lostEntry(_ lost: Lost, _ admission: Admission, _ prices: PriceTable, _ now: Timestamp) -> LedgerEntry {
        let usage = lost.usage
        let price = prices.price(usage.metered, tokens: usage.tokens, model: usage.model, at: admission.startedAt)
        return LedgerEntry(
            requestID: admission.requestID, attempt: lost.attempt, apiKeyID: admission.apiKeyID, userID: admission.userID,
            accountID: lost.accountID, model: usage.model,
            tokens: usage.metered.iterations.isEmpty ? usage.tokens : usage.metered.iterationTotal,
            webSearchRequests: usage.metered.webSearches, costMicroUSD: price.microUSD, priceMicroUSD: 0, priceFlags: price.flags,
            usageSource: usage.source, charged: false, at: now, day: admission.day.isEmpty ? nil : admission.day)
    }

    /// In whose words the request came, by its address.
    private static func dialect(_ path: String) -> String {
        path.hasPrefix("/api/chat") ? "chat" : path.hasSuffix("/chat/completions") ? "openai" : "messages"
    }

    /// The history's row of a request that is still under way.
    static func pendingRecord(_ admission: Admission) -> RequestRecord {
        RequestRecord(
            id: admission.requestID, apiKeyID: admission.apiKeyID, keyName: admission.keyName, userID: admission.userID,
            accountID: admission.accountID, model: admission.model, path: admission.path, dialect: dialect(admission.path),
            stream: admission.stream, startedAt: admission.startedAt, attempts: 1)
    }

    /// What a request that died with its process used, from its slot (relay contract, section 16). Nothing was used when it had not
    /// been sent.
    /// - Parameter billsEstimates: `BILL_ESTIMATES`.
    static func afterCrash(_ admission: Admission, _ slot: InFlightSlots.Reading?, billsEstimates: Bool) -> Settlement {
        var settlement = Settlement(status: .aborted, errorType: "relay_restarted", attempts: 1)
        settlement.accountID = slot?.accountID ?? admission.accountID
        settlement.attempts = max(1, slot?.attempt ?? 1)
        guard let slot, slot.flags.contains(.sent) else { return settlement }
        var metered = MeteredUsage()
        metered.webSearches = slot.webSearches
        metered.isFast = slot.flags.contains(.fast)
        metered.isUS = slot.flags.contains(.us)
        metered.isBatch = slot.flags.contains(.batch)
        metered.iterations = slot.passes
        let model = slot.model.isEmpty ? admission.model : slot.model
        if slot.flags.contains(.complete) {
            settlement.status = .success
            settlement.errorType = nil
            settlement.httpStatus = 200
            settlement.usage = Used(tokens: slot.tokens, metered: metered, model: model, source: .final)
        } else if slot.flags.contains(.known) {
            var tokens = slot.tokens
            tokens.output = max(tokens.output, StreamMeter.estimate(deltaBytes: slot.deltaBytes, blocks: slot.blocks))
            // What was streamed beyond the passes is the last one's.
            if let last = metered.iterations.indices.last { metered.iterations[last].tokens.output += tokens.output - slot.tokens.output }
            settlement.usage = Used(tokens: tokens, metered: metered, model: model, source: .snapshot)
        } else if slot.blocks > 0 || billsEstimates {
            // What was streamed was made, whoever says so.
            let output = StreamMeter.estimate(deltaBytes: slot.deltaBytes, blocks: slot.blocks)
            settlement.usage = Used(
                tokens: TokenCounts(input: admission.inputEstimate, output: output), metered: metered, model: model,
                source: slot.blocks > 0 ? .unparsed : .estimated)
        }
        return settlement
    }
}

extension MeteredUsage {
    /// The sum over all passes.
    var iterationTotal: TokenCounts {
        iterations.reduce(into: TokenCounts()) { $0.add($1.tokens) }
    }
}

extension TokenCounts {
    /// Of one request's passes, whose sums cannot overflow (`MeteredUsage.largestCount`).
    mutating func add(_ other: TokenCounts) {
        input += other.input
        output += other.output
        cacheWrite5m += other.cacheWrite5m
        cacheWrite1h += other.cacheWrite1h
        cacheRead += other.cacheRead
    }
}
