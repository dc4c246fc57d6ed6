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

    /// What is booked of some usage.
    struct Charge: Sendable {
        var tokens = TokenCounts()
        var searches: Int64 = 0
        var price = Price(microUSD: 0, flags: "")
    }

    /// Of the last attempt; nothing without usage.
    /// - Parameter admission: of the same request. Not kept here: this is made on the data path, where a copy of its texts costs.
    func charge(_ admission: Admission, _ prices: PriceTable) -> Charge {
        guard let usage else { return Charge() }
        return Charge(
            tokens: Self.counted(usage), searches: usage.metered.webSearches,
            price: usage.isFree
                ? Price(microUSD: 0, flags: "demo")
                : prices.price(
                    usage.metered, tokens: usage.tokens, model: usage.model, at: admission.startedAt, millionths: admission.priceMillionths)
        )
    }

    /// Of the attempts before it: booked with their cost, not charged.
    func lostCharges(_ admission: Admission, _ prices: PriceTable) -> [Charge] {
        lost.map { lost in
            Charge(
                tokens: Self.counted(lost.usage), searches: lost.usage.metered.webSearches,
                price: prices.price(lost.usage.metered, tokens: lost.usage.tokens, model: lost.usage.model, at: admission.startedAt))
        }
    }

    private static func counted(_ usage: Used) -> TokenCounts {
        usage.metered.iterations.isEmpty ? usage.tokens : usage.metered.iterationTotal
    }

    /// The history's row and the ledger's entries, in the bytes that journal and ledger take. Mutating, though it changes nothing: a closure
    /// that calls it then works on the caller's variable, not on a copy of it.
    mutating func write(_ admission: Admission, _ charge: Charge, lost charges: [Charge], at now: Timestamp, to out: inout ByteCursor) {
        let written = min(lost.count, charges.count, SettledRecord.maximumEntries - 1)
        let day = admission.day.isEmpty ? now.dayText : admission.day
        SettledRecord.putRequest(
            id: admission.requestID, apiKeyID: admission.apiKeyID, keyName: admission.keyName, userID: admission.userID,
            accountID: accountID, model: admission.model, path: admission.path, dialect: Self.dialect(admission.path),
            stream: admission.stream, status: status, httpStatus: httpStatus, errorType: errorType, startedAt: admission.startedAt,
            durationMilliseconds: durationMilliseconds, ttftMilliseconds: ttftMilliseconds, attempts: attempts, tokens: charge.tokens,
            webSearchRequests: charge.searches, costMicroUSD: charge.price.microUSD, priceMicroUSD: charge.price.customerMicroUSD,
            usageSource: usage?.source, upstreamRequestID: upstreamRequestID, entries: written + (usage == nil ? 0 : 1), to: &out)
        for place in 0..<written {
            let (one, charge) = (lost[place], charges[place])
            SettledRecord.putEntry(
                attempt: one.attempt, accountID: one.accountID, model: one.usage.model, tokens: charge.tokens,
                webSearchRequests: charge.searches, costMicroUSD: charge.price.microUSD, priceMicroUSD: 0, priceFlags: charge.price.flags,
                usageSource: one.usage.source, charged: false, at: now, day: day, to: &out)
        }
        guard let usage else { return }
        SettledRecord.putEntry(
            attempt: max(1, attempts), accountID: accountID, model: usage.model, tokens: charge.tokens, webSearchRequests: charge.searches,
            costMicroUSD: charge.price.microUSD, priceMicroUSD: charge.price.customerMicroUSD, priceFlags: charge.price.flags,
            usageSource: usage.source, charged: true, at: now, day: day, to: &out)
    }

    /// The same as a value, for all that is not on the data path.
    func settled(_ admission: Admission, prices: PriceTable, at now: Timestamp) -> SettledRequest {
        let (charge, lost) = (charge(admission, prices), lostCharges(admission, prices))
        var whole = self
        let bytes = [UInt8](upTo: 640) { whole.write(admission, charge, lost: lost, at: now, to: &$0) }
        var reader = RecordReader(bytes)
        guard let settled = SettledRequest(reading: &reader) else { preconditionFailure("a settlement reads as it was written") }
        return settled
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
        metered.iterations = slot.passes.map { pass in
            MeteredUsage.Iteration(model: pass.model.map { InFlightSlots.whole($0, of: admission.model) }, tokens: pass.tokens)
        }
        let model = slot.model.isEmpty ? admission.model : InFlightSlots.whole(slot.model, of: admission.model)
        let isComplete = slot.flags.contains(.complete)
        if isComplete { (settlement.status, settlement.errorType, settlement.httpStatus) = (.success, nil, 200) }
        let isFinal = isComplete && !slot.flags.contains(.noOutput)
        if isFinal || slot.flags.contains(.known) {
            var tokens = slot.tokens
            let lacksInput = slot.flags.contains(.noInput)
            if lacksInput { tokens.input = admission.uncountedInput(besides: tokens) }
            if !isFinal {
                tokens.output = max(tokens.output, StreamMeter.estimate(deltaBytes: slot.deltaBytes, blocks: slot.blocks))
                // What was streamed beyond the passes is the last one's.
                if let last = metered.iterations.indices.last {
                    metered.iterations[last].tokens.output += tokens.output - slot.tokens.output
                }
            }
            let isUnparsed = lacksInput || isComplete && !isFinal
            settlement.usage = Used(
                tokens: tokens, metered: metered, model: model, source: isUnparsed ? .unparsed : isFinal ? .final : .snapshot)
        } else if isComplete || slot.blocks > 0 || billsEstimates {
            // What was streamed was made, whoever says so.
            let output = StreamMeter.estimate(deltaBytes: slot.deltaBytes, blocks: slot.blocks)
            settlement.usage = Used(
                tokens: TokenCounts(input: admission.inputEstimate, output: output), metered: metered, model: model,
                source: isComplete || slot.blocks > 0 ? .unparsed : .estimated)
        }
        return settlement
    }
}
