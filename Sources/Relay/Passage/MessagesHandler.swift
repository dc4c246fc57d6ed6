internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// `POST /v1/messages` under its prefixes: key → limits → account → upstream → client, metered and recorded.
struct MessagesHandler: Sendable {
    let services: RelayServices

    /// Begins without a task, which most requests do not need.
    func begin(_ exchange: Exchange) {
        services.meters.inFlight.add(1)
        let arrived: [UInt8]?
        do throws(RelayProblem) {
            switch try beginAtOnce(exchange) {
            case .begun: return
            case .hasToWait(let body): arrived = body
            }
        } catch {
            services.meters.inFlight.add(-1)
            refuse(exchange, error)
            // Of a client that has gone meanwhile.
            return exchange.handlerReturned()
        }
        services.meters.inFlight.add(-1)
        exchange.inTask { await handle($0, arrived: arrived) }
    }

    private enum Beginning {
        case begun
        /// For its body, unless that is here, for a limit or a place, or for something that is no upstream.
        case hasToWait([UInt8]?)
    }

    private func beginAtOnce(_ exchange: Exchange) throws(RelayProblem) -> Beginning {
        let key = try caller(exchange, nil, Self.path)
        guard let body = try RelayGate.arrivedBody(exchange, limit: services.limits.bodyBytes) else { return .hasToWait(nil) }
        guard body.count <= services.limits.bodyBytesInMemory, services.demo == nil || !services.accounts.isEmpty,
            let place = FairLease(services.slots, limit: services.limits.concurrent)
        else { return .hasToWait(body) }
        guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
            throw .outOfMemory
        }
        let request = try read(body, exchange, key)
        let estimate = PromptEstimate.tokens(bytes: body.count)
        guard let lease = try RelayGate.admitAtOnce(key, request, inputEstimate: estimate, services, exchange) else {
            return .hasToWait(body)
        }
        let passage = try begin(exchange, consume request, key, Self.path, inputEstimate: estimate, body, lease, place)
        passage.body = HeldBody(.bytes(body), memory)
        do throws(RelayProblem) { try FirstAttempt.begin(Attempts(passage: passage, key: key), self) } catch {
            fail(passage, error)
            passage.end()
            throw error
        }
        return .begun
    }

    /// Books a request that ends with an answer of our own, before `refuse` gives it.
    func fail(_ passage: Passage, _ problem: RelayProblem) {
        passage.settle(.failed(type: problem.type), httpStatus: Int64(problem.status), usage: nil)
        passage.recording?.answered(problem.response(request: passage.exchange.id).body.span)
    }

    func refuse(_ exchange: Exchange, _ problem: RelayProblem) {
        guard !exchange.hasResponded, !exchange.isClientGone else { return }
        services.meters.refused(problem)
        exchange.respond(problem.response(request: exchange.id, jitter: Int(exchange.id.low & 3)))
    }

    /// After the settlement is in the journal.
    func end(_ passage: Passage) {
        passage.end()
        services.meters.inFlight.add(-1)
    }

    private static let path = "/v1/messages"

    /// - Parameters:
    ///   - known: the caller, when an outer surface has found out already.
    ///   - path: the address that the history names.
    ///   - programs: who answers instead of the accounts of the pool, unless it cannot.
    ///   - arrived: the body, when it has been taken from the exchange.
    func handle(
        _ exchange: Exchange, as known: RelayKey? = nil, path: String = Self.path, by programs: ProgramTurns? = nil,
        arrived: [UInt8]? = nil
    ) async {
        services.meters.inFlight.add(1)
        var goesOn = false
        defer { if !goesOn { services.meters.inFlight.add(-1) } }
        do throws(RelayProblem) {
            goesOn = try await relay(exchange, known, path, programs, arrived)
        } catch {
            refuse(exchange, error)
        }
    }

    /// - Returns: whether the reply has begun and goes on by itself; what the request holds is given back at its end then.
    private func relay(
        _ exchange: Exchange, _ known: RelayKey?, _ path: String, _ programs: ProgramTurns?, _ arrived: [UInt8]?
    ) async throws(RelayProblem) -> Bool {
        let key = try caller(exchange, known, path)
        let body: [UInt8]
        if let arrived {
            body = arrived
        } else if let whole = try RelayGate.arrivedBody(exchange, limit: services.limits.bodyBytes) {
            body = whole
        } else {
            body = try await RelayGate.body(exchange, limit: services.limits.bodyBytes)
        }
        guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
            throw .outOfMemory
        }
        let request = try read(body, exchange, key)
        let estimate = PromptEstimate.tokens(bytes: body.count)
        let lease: KeyLease
        if let free = try RelayGate.admitAtOnce(key, request, inputEstimate: estimate, services, exchange) {
            lease = free
        } else {
            lease = try await RelayGate.admit(key, request, inputEstimate: estimate, services, exchange)
        }
        let place: FairLease
        if let free = FairLease(services.slots, limit: services.limits.concurrent) {
            place = free
        } else {
            place = try await RelayGate.place(key, services, exchange)
        }
        let passage = try begin(exchange, consume request, key, path, inputEstimate: estimate, body, lease, place)
        do throws(RelayProblem) {
            if let programs, try await programs.answer(passage, key, body) {
                // Answered by a program, or refused for all.
            } else if let demo = services.demo, services.accounts.isEmpty {
                await demo.answer(passage)
            } else {
                if body.count <= services.limits.bodyBytesInMemory {
                    passage.body = HeldBody(.bytes(body), memory)
                } else {
                    passage.body = try await HeldBody.keep(body, memory, services)
                }
                try await Attempts(passage: passage, key: key).run()
            }
        } catch {
            fail(passage, error)
            passage.end()
            throw error
        }
        // After the settlement is in the journal.
        if !passage.goesOn { passage.end() }
        return passage.goesOn
    }

    // Out of the frame of `relay`, which lives as long as the request (see `Attempts`).

    @inline(never) private func caller(_ exchange: Exchange, _ known: RelayKey?, _ path: String) throws(RelayProblem) -> RelayKey {
        let key: RelayKey
        if let known { key = known } else { key = try RelayGate.key(exchange, services) }
        guard !services.isDraining.load(ordering: .relaxed) else { throw .draining }
        try key.check(service: RelayGate.service(path))
        return key
    }

    @inline(never) private func read(_ body: [UInt8], _ exchange: Exchange, _ key: RelayKey) throws(RelayProblem) -> MessagesRequest {
        let request: MessagesRequest
        do throws(MessagesRequest.Problem) { request = try MessagesRequest(scanning: body.span) } catch { throw .badRequest(error.message) }
        try RelayGate.client(key, exchange.head, request)
        try key.check(model: request.model)
        // Before anybody is asked: an answer that has been paid for is passed on whatever it takes.
        guard request.isStream || exchange.hasRoomForReply else { throw .outOfMemory }
        return request
    }

    /// What is billed of a prompt that no upstream has counted: no more than the model reads, whatever its images take in bytes.
    static func billed(_ estimate: Int64, _ traits: @autoclosure () -> ModelTraits) -> Int64 {
        // Most are far from any window, so that it need not be looked up.
        estimate <= 100_000 ? estimate : min(estimate, traits().window)
    }

    @inline(never) private func begin(
        _ exchange: Exchange, _ request: consuming MessagesRequest, _ key: RelayKey, _ path: String, inputEstimate: Int64,
        _ body: [UInt8], _ lease: consuming KeyLease, _ place: consuming FairLease
    ) throws(RelayProblem) -> Passage {
        let now = exchange.reactor.now
        if key.awaitsFirstUse { services.keys.activate(key.key.id, at: now) }
        let admission = Admission(
            requestID: exchange.id, attempt: 1, slot: 0, apiKeyID: key.key.id, keyName: key.key.name, userID: key.key.ownerID,
            accountID: nil, model: request.model, path: path, stream: request.isStream, startedAt: now,
            inputEstimate: Self.billed(inputEstimate, services.models.traits(request.model)),
            priceMillionths: key.key.access.priceMillionths, day: services.day(now))
        let passage = try Passage(exchange, services, consume request, admission: consume admission, lease: lease, place: place)
        if key.key.access.storesBodies {
            passage.recording = BodyRecording(exchange, key.key, body, keeper: services.bodies, at: now)
        }
        return passage
    }
}

/// The checks before anything is spent, in the order of the contract (section 2, item 4).
enum RelayGate {
    static func key(_ exchange: Exchange, _ services: RelayServices) throws(RelayProblem) -> RelayKey {
        try check(try KeyCheck.find(exchange.head, in: services.keys), exchange, services)
    }

    /// Whether a key that was found may be used now and from there; this holds for whatever is asked with it.
    static func check(_ key: RelayKey, _ exchange: Exchange, _ services: RelayServices) throws(RelayProblem) -> RelayKey {
        let key = try check(key, services)
        if !key.rules.isEmpty { try key.check(exchange.remoteAddress) }
        return key
    }

    static func check(_ key: RelayKey, _ services: RelayServices) throws(RelayProblem) -> RelayKey {
        switch key.standing.refusal(at: services.ambient.now()) {
        case .disabled: throw .keyDisabled
        case .expired: throw .keyExpired(key.endScope)
        case nil: break
        }
        if key.isPrevious, key.key.previousUntil.map({ $0 <= services.ambient.now() }) ?? true { throw .noKey }
        return key
    }

    static func body(_ exchange: Exchange, limit: Int) async throws(RelayProblem) -> [UInt8] {
        try checkCoding(exchange)
        do throws(BodyError) { return try await exchange.collectBody(limit: limit) } catch { throw problem(error) }
    }

    /// The body when all of it has come with the head, as most do.
    @inline(never) static func arrivedBody(_ exchange: Exchange, limit: Int) throws(RelayProblem) -> [UInt8]? {
        try checkCoding(exchange)
        do throws(BodyError) { return try exchange.arrivedBody(limit: limit) } catch { throw problem(error) }
    }

    /// Routing fields are read from the body, and what cannot be read cannot be routed or priced.
    private static func checkCoding(_ exchange: Exchange) throws(RelayProblem) {
        if let coding = exchange.head.value(of: HeaderRules.contentEncoding), coding.lowercased() != "identity" {
            throw .unsupportedEncoding
        }
    }

    private static func problem(_ error: BodyError) -> RelayProblem {
        switch error {
        case .tooLarge(let limit): .bodyTooLarge(limitBytes: limit)
        case .malformed, .clientGone: .badRequest("The request body is malformed.")
        case .tooSlow: .bodyTooSlow
        case .overloaded: .outOfMemory
        }
    }
}
