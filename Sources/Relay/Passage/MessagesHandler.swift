internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// `POST /v1/messages` under its prefixes: key → limits → account → upstream → client, metered and recorded.
struct MessagesHandler: Sendable {
    let services: RelayServices

    /// - Parameters:
    ///   - known: the caller, when an outer surface has found out already.
    ///   - path: the address that the history names.
    func handle(_ exchange: Exchange, as known: RelayKey? = nil, path: String = "/v1/messages") async {
        services.meters.inFlight.add(1)
        defer { services.meters.inFlight.add(-1) }
        do throws(RelayProblem) {
            try await relay(exchange, known, path)
        } catch {
            guard !exchange.hasResponded, !exchange.isClientGone else { return }
            services.meters.refused(error)
            exchange.respond(error.response(request: exchange.id, jitter: Int(exchange.id.low & 3)))
        }
    }

    private func relay(_ exchange: Exchange, _ known: RelayKey?, _ path: String) async throws(RelayProblem) {
        let key: RelayKey
        if let known { key = known } else { key = try RelayGate.key(exchange.head, services) }
        guard !services.isDraining.load(ordering: .relaxed) else { throw .draining }
        let body = try await RelayGate.body(exchange, limit: services.limits.bodyBytes)
        guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
            throw .outOfMemory
        }
        let request: MessagesRequest
        do throws(MessagesRequest.Problem) { request = try MessagesRequest(scanning: body.span) } catch { throw .badRequest(error.message) }
        guard key.allows(model: request.model) else { throw .modelNotAllowed }

        let now = services.ambient.now()
        guard let global = SlotLease(services.slots, limit: services.limits.concurrent) else { throw .overloaded(retryAfterSeconds: 1) }
        let estimate = Int64((Double(body.count) / 3.5).rounded(.up))
        let lease = try RelayGate.admit(key, request, inputEstimate: estimate, prices: services.prices, now: now, clock: exchange.reactor)
        let reservation = lease.reservation
        let counters = key.counters
        let passage = try Passage(
            exchange, services, request,
            admission: Admission(
                requestID: exchange.id, attempt: 1, slot: 0, apiKeyID: key.key.id, keyName: key.key.name, userID: key.key.ownerID,
                accountID: nil, model: request.model, path: path, stream: request.isStream, startedAt: now,
                inputEstimate: estimate),
            day: reservation.day,
            settleBudget: { counters.settle(day: reservation.day, tokens: $0, costMicroUSD: $1) })
        do throws(RelayProblem) {
            if let demo = services.demo, services.accounts.isEmpty {
                await demo.answer(passage)
            } else {
                passage.body = try await HeldBody.keep(body, memory, services)
                try await Attempts(passage: passage, key: key).run()
            }
        } catch {
            passage.settle(.failed(type: error.type), httpStatus: Int64(error.status), usage: nil)
            throw error
        }
        // The leases end here, after the settlement is in the journal.
        _ = consume lease
        _ = consume global
    }
}

/// The checks before anything is spent, in the order of the contract (section 2, item 4).
enum RelayGate {
    static func key(_ head: RequestHead, _ services: RelayServices) throws(RelayProblem) -> RelayKey {
        try check(try KeyCheck.find(head, in: services.keys), services)
    }

    /// Whether a key that was found may be used now.
    static func check(_ key: RelayKey, _ services: RelayServices) throws(RelayProblem) -> RelayKey {
        guard key.key.status == .active, key.key.ownerStatus != .blocked else { throw .keyDisabled }
        if let expires = key.key.expiresAt, expires <= services.ambient.now() { throw .keyExpired }
        return key
    }

    static func body(_ exchange: Exchange, limit: Int) async throws(RelayProblem) -> [UInt8] {
        // Routing fields are read from the body, and what cannot be read cannot be routed or priced.
        if let coding = exchange.head.value(of: HeaderRules.contentEncoding), coding.lowercased() != "identity" {
            throw .unsupportedEncoding
        }
        do throws(BodyError) {
            return try await exchange.collectBody(limit: limit)
        } catch {
            switch error {
            case .tooLarge(let limit): throw .bodyTooLarge(limitBytes: limit)
            case .malformed, .clientGone: throw .badRequest("The request body is malformed.")
            case .tooSlow: throw .bodyTooSlow
            case .overloaded: throw .outOfMemory
            }
        }
    }

    /// Output tokens held back for a request that does not say how many it wants.
    private static let assumedOutput: Int64 = 4096

    static func admit(
        _ key: RelayKey, _ request: MessagesRequest, inputEstimate: Int64, prices: PriceTable, now: Timestamp, clock: Reactor
    ) throws(RelayProblem) -> KeyLease {
        let limits = key.key.limits
        var want = KeyCounters.Reservation(day: now.dayText, tokens: 0, costMicroUSD: 0)
        if limits.tokensPerDay != nil || limits.costPerDayMicroUSD != nil {
            let tokens = TokenCounts(input: inputEstimate, output: min(request.maxTokens ?? assumedOutput, 1_000_000))
            want.tokens = tokens.limited
            want.costMicroUSD = prices.price(MeteredUsage(), tokens: tokens, model: request.model, at: now).microUSD
        }
        do throws(KeyCounters.Refusal) {
            return try KeyLease(key.counters, limits, want: want, second: clock.nowNanoseconds / 1_000_000_000)
        } catch {
            let midnight = Timestamp(milliseconds: (now.milliseconds / 86_400_000 + 1) * 86_400_000)
            switch error {
            case .tokensPerDay: throw .tokensPerDay(resetsAt: midnight)
            case .costPerDay: throw .costPerDay(resetsAt: midnight)
            case .requestsPerMinute(let wait): throw .requestsPerMinute(waitSeconds: wait)
            case .concurrency: throw .concurrency
            }
        }
    }
}
