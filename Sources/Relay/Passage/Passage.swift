internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// One request on its way through an upstream and back. Lives on its reactor; settles exactly once, whatever ends it.
final class Passage: ClientWatcher, @unchecked Sendable {
    let exchange: Exchange
    let services: RelayServices
    let request: MessagesRequest
    let admission: Admission
    private let journal: Journal
    private var slot: UInt32?
    private let ticket: LimitTicket
    /// The request's places under all limits, until `end`.
    private var lease: KeyLease?
    private var place: FairLease?
    /// That of the account which is serving it.
    private var accountPlace: AccountLease?
    private var heldAccount: RelayAccount?
    /// The handler has returned, and the reply goes on.
    var goesOn = false
    private var lost: [Settlement.Lost] = []

    var meter = StreamMeter()
    private var slotChanges = 0
    private(set) var isSettled = false
    /// The reply's head has gone to the client.
    var isCommitted = false { didSet { if isCommitted { body = nil } } }
    /// Until the commit; large prompts must not stay for the length of a stream.
    var body: HeldBody?
    /// Keeps what is asked and answered, for keys that want it.
    var recording: BodyRecording?
    var attempts: Int64 = 0
    var account: RelayAccount?
    /// What has gone to the upstream of this attempt.
    var call: UpstreamCall?
    /// Whether more than one account serves the model: only then is it worth knowing how quick each is.
    var hasChoice = false
    /// The session came to this account from another one.
    var move: StickyMove?
    var upstreamRequestID: String?
    var upstreamStatus: Int64?
    /// When the request had been handed to the upstream of this attempt; nil before.
    var sentAtNanoseconds: UInt64?
    private var attemptedAtNanoseconds: UInt64 = 0
    var family = ModelFamily.other
    var firstByteAtNanoseconds: UInt64?
    /// Time spent waiting for upstreams, over all attempts.
    var waitedNanoseconds: UInt64 = 0

    /// Writes the admission to the journal; nothing may go upstream before.
    init(
        _ exchange: Exchange, _ services: RelayServices, _ request: consuming MessagesRequest, admission: consuming Admission,
        lease: consuming KeyLease, place: consuming FairLease
    ) throws(RelayProblem) {
        self.exchange = exchange
        self.services = services
        self.request = consume request
        ticket = lease.ticket
        self.lease = consume lease
        self.place = consume place
        journal = services.mover.journals[exchange.reactor.index]
        let slot = journal.slots.take((admission.requestID.high, admission.requestID.low))
        self.slot = slot
        admission.slot = slot ?? Admission.noSlot
        self.admission = consume admission
        do throws(JournalError) { try journal.admit(self.admission) } catch {
            if let slot { journal.slots.give(slot) }
            isSettled = true
            services.log.error("journal.refused_admission", ["error": LogValue("\(error)")], request: exchange.id)
            throw .cannotRecord
        }
    }

    deinit { assert(isSettled, "a passage ended without being settled") }

    var now: UInt64 { exchange.reactor.nowNanoseconds }
    /// The wall clock of this round.
    var moment: Timestamp { exchange.reactor.now }

    /// Each attempt is metered by itself: what a failed one streamed is no part of the next one's answer.
    func beginAttempt(with account: RelayAccount) {
        noteLost()
        attempts += 1
        self.account = account
        recording?.beginAnswer()
        // Those of the first are as they were made.
        guard attempts > 1 else { return }
        meter = StreamMeter()
        slotChanges = 0
        upstreamRequestID = nil
        upstreamStatus = nil
    }

    /// What an upstream has reported is owed to it, even when somebody else gives the answer, or nobody.
    func noteLost() {
        guard attempts > 0, meter.usage.isKnown, let used = meteredStream(mayCharge: true) else { return }
        lost.append(Settlement.Lost(attempt: attempts, accountID: account?.id, usage: used))
        meter = StreamMeter()
    }

    func hold(_ lease: consuming AccountLease) {
        heldAccount = lease.account
        accountPlace = consume lease
    }

    /// The account's turn is over.
    func leaveAccount() {
        guard let account = heldAccount else { return }
        account.route.ended()
        heldAccount = nil
        accountPlace = nil
    }

    /// What has been collected of a whole answer, as the server's memory budget knows it; until `end`.
    private var collectedBytes = 0
    func noteCollected(_ bytes: Int) {
        collectedBytes += bytes
        exchange.keepElsewhere(bytes)
    }

    /// The request is over and settled: its places are free again.
    func end() {
        leaveAccount()
        if collectedBytes > 0 { noteCollected(-collectedBytes) }
        recording?.finish()
        call = nil
        lease = nil
        place = nil
    }

    /// The account has begun to answer: whatever it rested from is over.
    func markServed() {
        guard let account else { return }
        account.live.succeeded(family, now: moment)
        guard let firstByteAtNanoseconds else { return }
        let waited = firstByteAtNanoseconds &- attemptedAtNanoseconds
        services.meters.firstByte.observe(waited)
        if hasChoice { account.live.noteFirstByte(milliseconds: Int64(clamping: waited / 1_000_000)) }
    }

    /// What a session's move cost: the prompt written to another account's cache.
    private func noteSwitchCost(_ move: StickyMove, _ tokens: TokenCounts) {
        services.log.info(
            "sticky.switch_cost",
            [
                "from": LogValue(move.from), "to": LogValue(move.to), "reason": LogValue(move.reason.rawValue),
                "cache_write_tokens": .integer(tokens.cacheWrite5m + tokens.cacheWrite1h),
            ], request: exchange.id)
    }

    /// From here on the upstream may charge.
    func markSent() {
        sentAtNanoseconds = now
        attemptedAtNanoseconds = now
        guard let slot else { return }
        if let account { journal.slots.setAttempt(slot, account.id, number: attempts) }
        journal.slots.mark(slot, .sent)
    }

    /// Takes the numbers of the meter over into the slot, where they outlive the process.
    func checkpoint() {
        guard let slot, meter.changes != slotChanges else { return }
        if slotChanges == 0, let model = meter.model { journal.slots.setModel(slot, model) }
        slotChanges = meter.changes
        var flags: InFlightSlots.Flags = .sent
        let usage = meter.usage
        if usage.isKnown { flags.insert(.known) }
        if usage.isFast { flags.insert(.fast) }
        if usage.isUS { flags.insert(.us) }
        if usage.isBatch { flags.insert(.batch) }
        if meter.hasStopped { flags.insert(.complete) }
        if usage.lacksInput { flags.insert(.noInput) }
        if !usage.hasOutput { flags.insert(.noOutput) }
        let isTopLevel = usage.iterations.isEmpty || account?.account.details.billsTopLevel == true
        let tokens = isTopLevel ? usage.tokens : usage.iterationTotal
        if !isTopLevel { journal.slots.setPasses(slot, usage.iterations) }
        journal.slots.update(
            slot, tokens, webSearches: usage.webSearches, deltaBytes: meter.deltaBytes, blocks: meter.blocks, flags: flags)
    }

    /// The client has gone and the stream is read on for its final numbers.
    private(set) var isDraining = false
    /// When it left its last tool call was whole: it had all it wanted, whatever comes after.
    private(set) var leftAfterToolCall = false
    var drainedBytes = 0
    private var drain: (lease: DrainPlace, timer: TimerToken)?

    /// Begins to read a stream to its end for an account that is charged in full whatever its customer does.
    /// - Returns: false when the stream is to be cut now.
    private func startDrain(_ call: UpstreamCall) -> Bool {
        guard isCommitted, !isSettled, !isDraining, account?.account.details.abortPolicy == .drain,
            let lease = DrainPlace(services.drains, limit: services.limits.drains)
        else { return isDraining }
        isDraining = true
        leftAfterToolCall = meter.endedWithToolUse
        drain = (lease, exchange.reactor.schedule(afterNanoseconds: services.limits.drainSeconds * 1_000_000_000) { call.cancel() })
        return true
    }

    func clientLeft() {
        guard let call else { return }
        // Whoever left may have been too slow before: then the stream stands still, and has to be read on.
        if startDrain(call) { call.resume() } else { call.cancel() }
    }

    private func endDrain() {
        guard let (_, timer) = drain else { return }
        exchange.reactor.cancel(timer)
        drain = nil
    }

    enum Ending {
        case success
        /// The customer has gone, or the server's own stop has cut the connection.
        case aborted
        case failed(type: String)
    }

    /// What the stream meter knows, as the contract bills it: final when the stream came to its end, else the snapshot.
    func meteredStream(mayCharge: Bool) -> Settlement.Used? {
        var usage = meter.usage
        let model = meter.model ?? admission.model
        if usage.isKnown {
            let isFinal = meter.hasStopped && usage.hasOutput
            var tokens = usage.tokens
            if usage.lacksInput { tokens.input = admission.uncountedInput(besides: tokens) }
            if !isFinal {
                tokens.output = meter.outputSnapshot
                // What was streamed beyond the passes is the last one's, as after a crash.
                if let last = usage.iterations.indices.last {
                    usage.iterations[last].tokens.output += max(0, tokens.output - usage.iterationTotal.output)
                }
            }
            // A stream that came to its end without telling its output has not said all either.
            let isUnparsed = meter.isUnparsed || usage.lacksInput || meter.hasStopped && !isFinal
            return .init(tokens: tokens, metered: usage, model: model, source: isUnparsed ? .unparsed : isFinal ? .final : .snapshot)
        }
        guard mayCharge, meter.hasContent || services.limits.billsEstimates else { return nil }
        let output = StreamMeter.estimate(deltaBytes: meter.deltaBytes, blocks: meter.blocks)
        let source: UsageSource = meter.hasContent ? .unparsed : .estimated
        return .init(tokens: TokenCounts(input: admission.inputEstimate, output: output), metered: usage, model: model, source: source)
    }

    /// Books the request: journal first, then counters. Only the first call counts.
    func settle(_ ending: Ending, httpStatus: Int64?, usage: consuming Settlement.Used?) {
        guard !isSettled else { return }
        isSettled = true
        endDrain()
        // A variable, because a closure takes a constant's copy along.
        var settlement = Settlement(status: .success, attempts: max(1, attempts))
        describe(ending, httpStatus, consume usage, in: &settlement)
        let now = moment
        let charge = settlement.charge(admission, services.prices)
        let lostCharges = settlement.lostCharges(admission, services.prices)
        do throws(JournalError) {
            try journal.settle { settlement.write(self.admission, charge, lost: lostCharges, at: now, to: &$0) }
            if let slot { journal.slots.give(slot) }
        } catch {
            // The slot stays as it is: its numbers are what the next start books.
            services.log.error("journal.refused_settlement", ["error": LogValue("\(error)")], request: exchange.id)
        }
        slot = nil
        let (tokens, price) = (charge.tokens, charge.price)
        ticket.settle(tokens, costMicroUSD: price.customerMicroUSD, model: settlement.usage?.model ?? admission.model)
        if case .success = ending, settlement.usage?.source == .final { ticket.noteOutput(tokens.output, model: admission.model) }
        if settlement.usage?.source == .unparsed {
            services.log.warning(
                "relay.usage_unparsed",
                ["account": LogValue(settlement.accountID?.text), "model": LogValue(settlement.usage?.model), "booked": "an estimate"],
                request: exchange.id)
        }
        if price.isMissing || lostCharges.contains(where: \.price.isMissing) { reportUnpriced(settlement.usage?.model ?? admission.model) }
        if let account, account.hasCaps {
            account.live.settled(tokens: tokens.limited, costMicroUSD: price.microUSD, now: moment)
        }
        if let move { noteSwitchCost(move, tokens) }
        services.meters.count(settlement.status, tokens)
    }

    /// How the request ended, and what is known of it.
    private func describe(
        _ ending: Ending, _ httpStatus: Int64?, _ usage: consuming Settlement.Used?, in settlement: inout Settlement
    ) {
        switch ending {
        case .success: settlement.status = .success
        case .aborted:
            settlement.status = .aborted
            settlement.errorType = exchange.isCut ? RelayProblem.draining.code : "client_closed_request"
        case .failed(let type):
            settlement.status = .error
            settlement.errorType = type
        }
        settlement.httpStatus = httpStatus
        settlement.accountID = account?.id
        settlement.upstreamRequestID = upstreamRequestID
        settlement.usage = consume usage
        settlement.lost = lost
        // Some upstreams' lists of passes do not say everything; the operator has told so.
        if account?.account.details.billsTopLevel == true { settlement.usage?.metered.iterations = [] }
        let milliseconds = Int64(clamping: (services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds) / 1_000_000)
        settlement.durationMilliseconds = milliseconds
        settlement.ttftMilliseconds = firstByteAtNanoseconds.map { Int64(clamping: ($0 &- exchange.startedAtNanoseconds) / 1_000_000) }
    }

    private func reportUnpriced(_ model: String) {
        services.meters.priceMissing.add()
        services.notices.unpriced(model)
        services.log.error(
            "price.missing",
            [
                "model": .text(String(model.prefix(64))),
                "action": "billed at the dearest price of its family; add its price with: gatehouse price import FILE",
            ], request: exchange.id)
    }
}
