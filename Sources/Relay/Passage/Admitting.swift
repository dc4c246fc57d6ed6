internal import Domain
internal import HTTP
internal import Store

/// Limits and places, with the waiting for them (relay contract, section 17).
extension RelayGate {
    /// How often in a row a place may be free when asked for and gone when taken.
    private static let mostRooms = 16
    /// Output tokens held back for a request that does not say how many it wants.
    private static let assumedOutput: Int64 = 4096

    /// Takes the request's part of every limit, or refuses; nil when a limit's queue has to be waited in, which is `admit`.
    @inline(never) static func admitAtOnce(
        _ key: RelayKey, _ request: MessagesRequest, inputEstimate: Int64, _ services: RelayServices, _ exchange: Exchange
    ) throws(RelayProblem) -> KeyLease? {
        let want = reservation(key, request, inputEstimate, services, Moment(exchange.reactor))
        do throws(LimitRefusal) {
            return try KeyLease(services.keeper, key.holders, want: want)
        } catch {
            if error.scope != nil { return nil }
            throw problem(error)
        }
    }

    /// Takes the request's part of every limit, or waits in the queue of the one that is full, or refuses.
    static func admit(
        _ key: RelayKey, _ request: MessagesRequest, inputEstimate: Int64, _ services: RelayServices, _ exchange: Exchange
    ) async throws(RelayProblem) -> KeyLease {
        var want = reservation(key, request, inputEstimate, services, Moment(exchange.reactor))
        var invited: LimitCounters?
        var began: UInt64?
        var rooms = 0
        while true {
            let refusal: LimitRefusal
            do throws(LimitRefusal) {
                return try KeyLease(services.keeper, key.holders, want: want, invited: invited)
            } catch { refusal = error }
            guard let scope = refusal.scope, let holder = key.holders.first(where: { $0.scope == scope }) else {
                invited?.inviteNext()
                throw problem(refusal)
            }
            // Called by one holder and stopped by another: the place goes to the next.
            if let invited, invited !== holder.counters { invited.inviteNext() }
            let waiter = LimitWaiter()
            switch holder.counters.join(waiter, holder.plan, isHeld: refusal.isHeld, atFront: invited === holder.counters) {
            case .tooMany: throw .concurrency
            case .room:
                invited = nil
                rooms += 1
                // Nothing else runs on this reactor meanwhile: whoever is too slow for so many others is refused.
                guard rooms <= mostRooms else { throw .concurrency }
                continue
            case .waiting: break
            }
            rooms = 0
            let start = began ?? exchange.reactor.nowNanoseconds
            began = start
            let outcome = await wait(waiter, until: start &+ UInt64(holder.plan.queueSeconds) * 1_000_000_000, exchange)
            guard outcome == .invited else {
                holder.counters.leave(waiter)
                throw outcome == .draining ? .draining : .concurrency
            }
            invited = holder.counters
            want.moment = services.ambient.now()
            want.second = exchange.reactor.nowNanoseconds / 1_000_000_000
        }
    }

    /// What both clocks of a round show.
    struct Moment {
        var now: Timestamp
        /// On the monotonic clock.
        var second: UInt64
    }

    /// What the request is likely to use at most: the output it asks for, or what 95 of a hundred of the key's lately came to when that is
    /// less. Budgets would else let in one request at a time of clients that always ask for all a model can write. A key that stops hard
    /// holds back what is asked for.
    static func reservation(
        _ key: RelayKey, _ request: MessagesRequest, _ inputEstimate: Int64, _ services: RelayServices, _ moment: Moment
    ) -> LimitCounters.Reservation {
        var want = LimitCounters.Reservation(moment: moment.now, second: moment.second)
        want.amounts.period.requests = 1
        guard key.holders.contains(where: \.plan.needsEstimate) else { return want }
        var output = min(request.maxTokens ?? assumedOutput, 1_000_000)
        if !key.holders.contains(where: \.plan.isHard), let likely = key.counters.likelyOutput(request.model) {
            output = min(output, likely)
        }
        let tokens = TokenCounts(input: inputEstimate, output: output)
        // As it is asked for; what is billed in the end is what the answer tells.
        var usage = MeteredUsage()
        (usage.isFast, usage.isUS) = (request.speed == "fast", request.inferenceGeo == "us")
        want.amounts = dearest(key, usage, tokens, model: request.model, services, at: moment.now)
        want.amounts.period.requests = 1
        return want
    }

    /// What tokens of a model may cost a key at most: accounts may turn its name into others.
    static func dearest(
        _ key: RelayKey, _ usage: MeteredUsage, _ tokens: TokenCounts, model: String, _ services: RelayServices, at now: Timestamp
    ) -> LimitAmounts {
        let (prices, millionths) = (services.prices, key.key.access.priceMillionths)
        var amounts = LimitAmounts(tokens, costMicroUSD: 0, model: model, requests: 0)
        for target in services.accounts.pool.candidates(model).targets {
            let cost = prices.price(usage, tokens: tokens, model: target, at: now, millionths: millionths).customerMicroUSD
            amounts.period.costMicroUSD = max(amounts.period.costMicroUSD, cost)
            if PriceTable.isOpus(target) { amounts.period.opusCostMicroUSD = max(amounts.period.opusCostMicroUSD, cost) }
        }
        return amounts
    }

    /// A place among the requests of all keys.
    static func place(_ key: RelayKey, _ services: RelayServices, _ exchange: Exchange) async throws(RelayProblem) -> FairLease {
        let limit = services.limits.concurrent
        if let lease = FairLease(services.slots, limit: limit) { return lease }
        let end = exchange.reactor.nowNanoseconds &+ services.limits.placeSeconds * 1_000_000_000
        while true {
            let waiter = LimitWaiter()
            switch services.slots.join(waiter, of: key.key.id, limit: limit ?? 0) {
            case .tooMany: throw .overloaded(retryAfterSeconds: 1)
            case .room:
                if let lease = FairLease(services.slots, limit: limit) { return lease }
                continue
            case .waiting: break
            }
            let outcome = await wait(waiter, until: end, exchange)
            guard outcome == .invited else {
                services.slots.leave(waiter, of: key.key.id)
                throw outcome == .draining ? .draining : .overloaded(retryAfterSeconds: 1)
            }
            if let lease = FairLease(services.slots, limit: limit, isInvited: true) { return lease }
        }
    }

    /// Until it is called, its time is over, its client has gone or the server ends. On the exchange's reactor.
    private static func wait(_ waiter: LimitWaiter, until end: UInt64, _ exchange: Exchange) async -> LimitWaiter.Outcome {
        let now = exchange.reactor.nowNanoseconds
        let timer = exchange.reactor.schedule(afterNanoseconds: end > now ? end - now : 0) { waiter.finish(.timedOut) }
        exchange.onClosed = { waiter.finish(.gone) }
        let outcome = await waiter.wait()
        exchange.reactor.cancel(timer)
        exchange.onClosed = nil
        return outcome
    }

    static func problem(_ refusal: LimitRefusal) -> RelayProblem {
        switch refusal {
        case .hit(let hit): .limit(hit)
        case .full, .held: .concurrency
        }
    }

    /// Which of `APIKeyAccess.services` an address belongs to.
    static func service(_ path: String) -> String {
        path.hasPrefix("/api/chat") ? "chat" : path.hasSuffix("/chat/completions") ? "openai" : "messages"
    }

    private static let userAgent: HeaderName = "user-agent"

    /// A soft check: header fields can be forged (relay contract, section 8).
    /// - Parameter request: nil of a batch, which Claude Code does not send.
    static func client(_ key: RelayKey, _ head: RequestHead, _ request: MessagesRequest?) throws(RelayProblem) {
        for rules in key.rules where rules.restrictsClients {
            let agent = head.value(of: userAgent) ?? ""
            guard rules.allows(client: agent, isClaudeCode: { isClaudeCode(head, agent, request) }) else {
                throw .clientNotAllowed(rules.scope)
            }
        }
    }

    private static func isClaudeCode(_ head: RequestHead, _ agent: String, _ request: MessagesRequest?) -> Bool {
        guard agent.hasPrefix("claude-cli/"), let userID = request?.userID else { return false }
        let parts = agent.dropFirst(11).prefix { $0.isNumber || $0 == "." }.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.prefix(3).allSatisfy({ !$0.isEmpty }) else { return false }
        for name: HeaderName in ["x-app", "anthropic-beta", "anthropic-version"] {
            guard let value = head.value(of: name), !value.isEmpty else { return false }
        }
        if let object = try? JSON(parsing: userID) {
            return object["device_id"].string != nil && object["session_id"].string != nil
        }
        return userID.hasPrefix("user_") && userID.contains("_account_") && userID.contains("_session_")
    }
}

extension RelayGate.Moment {
    init(_ reactor: Reactor) { self.init(now: reactor.now, second: reactor.nowNanoseconds / 1_000_000_000) }
}
