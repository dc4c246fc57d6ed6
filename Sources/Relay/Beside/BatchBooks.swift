internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// The money side of batches: budgets held back while they run, results booked once, by whoever fetches them first.
final class BatchBooks: Sendable {
    let services: RelayServices
    let store: Store
    /// Batches whose results somebody is booking in this process.
    private let underWay = Mutex<Set<String>>([])
    /// Since then counters count by themselves; what was booked before they have read from the ledger.
    private let countsSince: Mutex<Timestamp>
    private var side: SideCall { SideCall(services: services) }

    /// How often a batch is looked at that nobody asks for.
    private static let lookSeconds: Int64 = 300
    /// One whose results are not as many as its requests.
    private static let differenceSeconds: Int64 = 3600
    /// Looks in one round, and seconds between rounds.
    private static let looksPerRound = 50
    private static let roundSeconds = 60
    /// The upstream ends a batch after a day; its results are booked within minutes then.
    static let heldSeconds: Int64 = 2 * 86_400

    init(services: RelayServices, store: Store) {
        (self.services, self.store) = (services, store)
        countsSince = Mutex(services.ambient.now())
    }

    var nextLook: Timestamp { services.ambient.now().adding(seconds: Self.lookSeconds) }

    /// What one batch holds back, and of whom: they give it back even when its key is deleted meanwhile.
    private struct Held {
        let holders: [LimitCounters.Holder]
        let amounts: LimitAmounts
    }
    private let held = Mutex<[String: Held]>([:])
    let unnamed = Mutex<[Unnamed]>([])
    /// Batches under way of all keys together; further ones hold nothing back.
    private static let mostHeld = 100_000

    /// What a key may still use is less by what its batch may cost at most. A batch holds once.
    func hold(_ batch: MessageBatch) {
        guard let key = services.keys.find(batch.apiKeyID) else { return }
        let isNew = held.withLock { held in
            guard held[batch.id] == nil, held.count < Self.mostHeld else { return false }
            held[batch.id] = Held(holders: key.holders, amounts: batch.held)
            return true
        }
        if isNew { book(batch.held, of: key.holders, at: batch.createdAt) }
    }

    /// What one holds becomes the other's. False when that one holds something already.
    func passOn(_ intent: MessageBatch, to batch: MessageBatch) -> Bool {
        held.withLock { held in
            guard held[batch.id] == nil else { return false }
            held[batch.id] = held.removeValue(forKey: intent.id)
            return true
        }
    }

    /// Gives back what it holds here, if anything.
    /// - Returns: of whom it was held.
    @discardableResult
    func release(_ batch: MessageBatch) -> [LimitCounters.Holder] {
        guard let held = held.withLock({ $0.removeValue(forKey: batch.id) }) else { return [] }
        var back = LimitAmounts()
        back.remove(held.amounts)
        book(back, of: held.holders, at: batch.createdAt)
        return held.holders
    }

    private func book(_ amounts: LimitAmounts, of holders: [LimitCounters.Holder], at moment: Timestamp) {
        for holder in holders { holder.counters.book(amounts, at: moment, holder.plan, services.zone) }
    }

    /// After a start, when counters have been read from the ledger, which knows nothing of running batches.
    func holdOpen() async throws(StoreError) {
        held.withLock { $0 = [:] }
        countsSince.withLock { $0 = services.ambient.now() }
        // Yesterday's hold nothing of today and still count for the week, the month and in all.
        let since = services.ambient.now().adding(seconds: -Self.heldSeconds)
        for batch in try await store.read({ reader throws(StoreError) in try reader.openBatches(since: since) }) { hold(batch) }
    }

    func account(_ batch: MessageBatch) -> RelayAccount? { services.accounts.accounts.first { $0.id == batch.accountID } }

    /// Fetches the results and books them; sends them to `client` when there is one. Runs on that reactor.
    func fetch(_ batch: MessageBatch, on reactor: Reactor, head: RequestHead, to client: Exchange?) async throws(RelayProblem) {
        guard let account = account(batch) else { throw .notFound }
        let (millionths, counted) = (try await millionths(batch), try await counted(batch))
        let path = "/v1/messages/batches/\(batch.id)/results" + Self.query(head)
        let response = try await side.open(reactor, .get, path, head, account) { call in
            client?.onClosed = { call.cancel() }
        }
        guard response.head.status == 200 else {
            guard let client else { throw .upstreamFault }
            let body: [UInt8]
            do throws(UpstreamError) { body = try await response.collect(limit: 1 << 20, decoding: true) } catch { throw .upstreamFault }
            let reply = SideCall.Reply(response.head, HeaderRules.client(response.head, keepsCoding: false), body, account)
            try side.hideFault(of: reply)
            return side.answer(client, reply)
        }
        let isMine = batch.bookedAt == nil && underWay.withLock { $0.insert(batch.id).inserted }
        defer { if isMine { _ = underWay.withLock { $0.remove(batch.id) } } }
        if let client {
            var headers = HeaderRules.client(response.head, keepsCoding: false)
            headers.add("x-relay-request-id", client.id.text)
            headers.add("cache-control", "no-store")
            client.startResponse(status: 200, headers: headers, framing: .chunked)
        }
        let pump = BatchResultsPump(
            services, reactor, response, to: client,
            results: BatchResults(
                batch, prices: services.prices, millionths: millionths, now: services.ambient.now(),
                day: services.day(services.ambient.now()), billsTopLevel: account.account.details.billsTopLevel,
                counted: counted))
        var failed = false
        do throws(UpstreamError) { try await response.pump(decoding: response.head.coding != .identity) { pump.take($0) } } catch {
            failed = true
        }
        let isComplete = await pump.finish() && !failed
        if isComplete, isMine, await isWhole(batch, pump.results) { await book(batch, pump.results) }
        guard let client else {
            if !isComplete { throw .upstreamFault }
            return
        }
        // Half of the results must not look like all of them.
        if isComplete { client.finish() } else { client.abort() }
    }

    /// Of its key, which may be deleted by now: its row stays.
    private func millionths(_ batch: MessageBatch) async throws(RelayProblem) -> Int64 {
        if let key = services.keys.find(batch.apiKeyID) { return key.key.access.priceMillionths }
        do throws(StoreError) {
            return try await store.read { reader throws(StoreError) in
                try reader.apiKey(batch.apiKeyID)?.access.priceMillionths ?? 1_000_000
            }
        } catch { throw .cannotRead }
    }

    /// Results that a process before this one has booked, which ended before it had booked all.
    private func counted(_ batch: MessageBatch) async throws(RelayProblem) -> Set<RequestID> {
        let start = countsSince.withLock { $0 }
        guard batch.bookedAt == nil, batch.createdAt < start else { return [] }
        let ids = BatchResults.requestIDs(batch)
        var (known, last): (Set<RequestID>, RequestID?) = ([], nil)
        repeat {
            do throws(StoreError) {
                let more = try await store.read { [last] reader throws(StoreError) in
                    try reader.bookedRequests(ids, after: last, of: batch.apiKeyID, before: start)
                }
                known.formUnion(more)
                last = more.last
            } catch { throw .cannotRead }
        } while last != nil
        return known
    }

    /// What a caller adds to an address goes upstream as it is, but for its key.
    static func query(_ head: RequestHead) -> String { String(decoding: HeaderRules.query(head), as: UTF8.self) }

    /// Whether there was a result for each request. If not, they are asked for again, until no upstream would still add one: what came is in
    /// the ledger all the same.
    private func isWhole(_ batch: MessageBatch, _ results: BatchResults) async -> Bool {
        guard let count = batch.requestCount, count != Int64(results.lines) else { return true }
        let now = services.ambient.now()
        let isLast = batch.createdAt < now.adding(seconds: -Self.heldSeconds)
        services.meters.batchDifferences.add()
        services.log.warning(
            "batch.results_differ",
            [
                "batch": LogValue(batch.id), "account": LogValue(batch.accountID.text), "requests": .integer(count),
                "results": LogValue(results.lines),
                "action": .text(isLast ? "booked as they are: compare them with the account's bill" : "asked for again in an hour"),
            ])
        guard !isLast else { return true }
        do {
            try await store.transaction { transaction throws(StoreError) in
                try transaction.updateBatch(batch.id, state: nil, nextLookAt: now.adding(seconds: Self.differenceSeconds))
            }
        } catch { services.log.warning("batch.not_marked", ["batch": LogValue(batch.id), "error": LogValue("\(error)")]) }
        return false
    }

    /// Once: the budget held back is replaced by what was used.
    private func book(_ batch: MessageBatch, _ results: BatchResults) async {
        do {
            let isFirst = try await store.transaction { transaction throws(StoreError) in try transaction.markBatchBooked(batch.id) }
            let holders = release(batch)
            guard isFirst else { return }
            let now = services.ambient.now()
            book(
                LimitAmounts(tokens: results.tokens, costMicroUSD: results.microUSD, opusCostMicroUSD: results.opusMicroUSD),
                of: services.keys.find(batch.apiKeyID)?.holders ?? holders, at: now)
            // Its tokens were used over hours, so none of them are of this minute.
            if let account = account(batch), account.hasCaps {
                account.live.settled(tokens: 0, costMicroUSD: results.costMicroUSD, now: now)
            }
            for model in results.unpriced {
                services.meters.priceMissing.add()
                services.notices.unpriced(model)
                services.log.error(
                    "price.missing",
                    [
                        "batch": LogValue(batch.id), "model": .text(String(model.prefix(64))),
                        "action": "billed at the dearest price of its family; add its price with: gatehouse price import FILE",
                    ])
            }
            if results.unreadable > 0 {
                services.log.error(
                    "batch.unreadable_results", ["batch": LogValue(batch.id), "lines": LogValue(results.unreadable)])
            }
        } catch {
            // The next look books it again, under the same request ids.
            services.log.warning("batch.not_marked", ["batch": LogValue(batch.id), "error": LogValue("\(error)")])
        }
    }

    // MARK: Without anybody asking

    /// Looks at batches whose owners do not fetch their results, until it is cancelled.
    func run() async {
        guard let reactor = services.pools.first?.reactor else { return }
        while !Task.isCancelled {
            await nameAgain()
            do {
                let due = try await store.read { reader throws(StoreError) in try reader.batchesToLookAt(limit: Self.looksPerRound) }
                for batch in due where !Task.isCancelled {
                    await reactor.run { await self.look(batch, reactor) }.value
                }
            } catch {
                services.log.warning("batch.look_failed", ["error": LogValue("\(error)")])
            }
            do { try await services.ambient.sleep(.seconds(Self.roundSeconds)) } catch { break }
        }
        // The last moment for what is only in memory.
        await nameAgain()
    }

    private static let ownHead = RequestHead(.get, "/v1/messages/batches", fields: [("user-agent", "gatehouse")])

    private func look(_ batch: MessageBatch, _ reactor: Reactor) async {
        if batch.isCreating { return await abandon(batch) }
        do {
            let state = try await refreshed(batch, on: reactor, head: Self.ownHead)
            guard state["processing_status"].string == "ended" else { return }
            var ended = batch
            ended.state = state.text
            try await fetch(ended, on: reactor, head: Self.ownHead, to: nil)
        } catch {
            services.log.info("batch.look_failed", ["batch": LogValue(batch.id), "error": LogValue("\(error)")])
        }
    }

    /// The upstream's own words, for whoever asked.
    struct Refusal: Error, CustomStringConvertible {
        let reply: SideCall.Reply
        var description: String { "the upstream answered \(reply.status)" }
    }

    /// Asks the upstream how far the batch is, and remembers the answer. One that the upstream no longer knows costs nothing more.
    /// - Parameter query: of the caller's own address, with its question mark.
    func refreshed(_ batch: MessageBatch, on reactor: Reactor, head: RequestHead, query: String = "") async throws -> JSON {
        let next = nextLook
        guard let account = account(batch) else {
            try await store.transaction { transaction throws(StoreError) in
                try transaction.updateBatch(batch.id, state: nil, nextLookAt: next)
            }
            throw RelayProblem.notFound
        }
        let reply = try await side.whole(reactor, .get, "/v1/messages/batches/\(batch.id)" + query, head, account)
        guard reply.status == 200, let state = try? JSON(parsing: reply.body), state["id"].string == batch.id else {
            let isOver = try await store.transaction { transaction throws(StoreError) in
                try transaction.updateBatch(batch.id, state: nil, nextLookAt: next)
                return reply.status == 404 ? try transaction.markBatchBooked(batch.id) : false
            }
            if isOver { release(batch) }
            try side.hideFault(of: reply)
            if reply.status == 404 { throw RelayProblem.notFound }
            if reply.status >= 400 { throw Refusal(reply: reply) }
            throw RelayProblem.upstreamFault
        }
        try await store.transaction { transaction throws(StoreError) in
            try transaction.updateBatch(batch.id, state: state.text, nextLookAt: next)
        }
        return state
    }
}
