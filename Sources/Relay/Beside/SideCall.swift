internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// Upstream calls beside messages: token counts and batches. They choose an account and fail over as a message does, cost no tokens by
/// themselves and are not in the journal.
struct SideCall: Sendable {
    let services: RelayServices

    /// An upstream's answer, read whole.
    struct Reply: Sendable {
        let status: Int
        let headers: HeaderBlock
        let body: [UInt8]
        let account: RelayAccount
        /// What a refusal says of the account's own limits; empty of an answer.
        let windows: UsageWindows

        init(_ head: UpstreamResponseHead, _ headers: HeaderBlock, _ body: [UInt8], _ account: RelayAccount) {
            (status, self.headers, self.body, self.account) = (head.status, headers, body, account)
            windows = head.status >= 400 ? UsageWindows(head) : UsageWindows()
        }
    }

    /// Answers of these calls are a few kilobytes; a list of batches may be more.
    private static let replyBytes = 4 << 20

    /// Sends it to an account that may serve the key and serves all the models, and to the next one while that fails.
    /// - Parameters:
    ///   - hides404: an account that does not know the address is passed over, too.
    ///   - body: for the chosen account, right before it is asked. What it throws ends the search.
    func any(
        _ exchange: Exchange, for key: RelayKey, _ path: String, models: [String], hides404: Bool = false,
        body: (RelayAccount) async throws(RelayProblem) -> [UInt8]
    ) async throws(RelayProblem) -> Reply {
        var wish = AccountWish(services.accounts.pool.candidates(models.first ?? ""))
        (wish.binding, wish.fallsBack) = (key.binding, key.key.bindingFallsBack)
        var attempts = 0
        var hasPassedOver = false
        var last: Result<Reply, RelayProblem>?
        while attempts < services.limits.attempts {
            let outcome: Outcome
            do throws(NoAccount) {
                outcome = await serve(
                    try services.accounts.choose(&wish, now: services.ambient.now()), &wish, exchange, path, models, body)
            } catch {
                if let last { return try last.get() }
                switch error {
                case .none: throw services.accounts.isEmpty ? .overloaded(retryAfterSeconds: 60) : .modelNotFound
                case .out(let until): throw hasPassedOver ? .modelNotFound : .accountsOut(until: until, now: services.ambient.now())
                }
            }
            switch outcome {
            case .passedOver:
                hasPassedOver = true
                continue
            case .unprepared(let problem): throw problem
            case .unreached(let problem):
                guard !exchange.isClientGone else { throw problem }
                last = .failure(problem)
            case .answered(let reply, nil):
                guard reply.status == 404, hides404 else { return reply }
                last = .success(reply)
            case .answered(let reply, let fault?):
                let now = services.ambient.now()
                var until = services.accounts.soonest(wish, now: now)
                if case .limited(let end) = fault { until = end }
                last = fault.hides ? .failure(.accountsOut(until: until, now: now)) : .success(reply)
            }
            attempts += 1
        }
        guard let last else { throw .overloaded(retryAfterSeconds: 1) }
        return try last.get()
    }

    private enum Outcome {
        /// It serves the first of the models, and not all of them.
        case passedOver
        /// Nothing was sent.
        case unprepared(RelayProblem)
        case unreached(RelayProblem)
        case answered(Reply, AccountFault?)
    }

    /// One account's turn; its place is free again when this returns.
    private func serve(
        _ lease: consuming AccountLease, _ wish: inout AccountWish, _ exchange: Exchange, _ path: String, _ models: [String],
        _ body: (RelayAccount) async throws(RelayProblem) -> [UInt8]
    ) async -> Outcome {
        let account = lease.account
        wish.tried.append(account.id)
        defer { account.route.ended() }
        guard models.allSatisfy(account.serves) else { return .passedOver }
        let bytes: [UInt8]
        do throws(RelayProblem) { bytes = try await body(account) } catch { return .unprepared(error) }
        do throws(RelayProblem) {
            let reply = try await whole(exchange.reactor, .post, path, exchange.head, account, body: bytes) { call in
                exchange.onClosed = { call.cancel() }
            }
            let fault = fault(in: reply, wish.family)
            _ = consume lease
            return .answered(reply, fault)
        } catch { return .unreached(error) }
    }

    /// The account's own fault in a refusal. It rests for what stands in the way of messages too: rates and outages of these calls are
    /// their own, and that one works says nothing of messages either.
    private func fault(in reply: Reply, _ family: ModelFamily) -> AccountFault? {
        guard reply.status >= 400 else { return nil }
        let now = services.ambient.now()
        let error = (try? JSON(parsing: reply.body))?["error"] ?? .null
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        let wait = reply.headers.fields.first { $0.name == "retry-after" }?.value
        let verdict = UpstreamVerdict.of(
            status: reply.status, message: words, retryAfter: UpstreamVerdict.retryAfter(wait, now: now),
            windows: reply.windows, family: family, now: now)
        guard case .fault(let fault) = verdict else { return nil }
        // Its token was renewed in vain.
        if fault == .credential, reply.account.isOAuth {
            reply.account.live.tokenRefused(reply.account.generation)
            return fault
        }
        switch fault {
        case .credential, .billing, .held, .window: reply.account.live.failed(fault, family, now: now)
        case .forbidden, .limited, .limitedUnknown, .overloaded, .broken, .unavailable, .timeout: break
        }
        return fault
    }

    /// Refuses what an account's own fault is: of a call that no other account could answer, that is all a customer may see.
    /// - Throws: `accountsOut`, with the time when the account is back.
    func hideFault(of reply: Reply) throws(RelayProblem) {
        guard let fault = fault(in: reply, .other), fault.hides else { return }
        let now = services.ambient.now()
        if fault == .credential, reply.account.isOAuth {
            throw .accountsOut(until: reply.account.live.renewal(after: now.adding(seconds: 1)), now: now)
        }
        if case .limited(let until) = fault { throw .accountsOut(until: until, now: now) }
        guard case .resting(let until, _, _) = reply.account.live.availability(.other, now: now) else {
            throw .overloaded(retryAfterSeconds: 1)
        }
        throw .accountsOut(until: until.milliseconds == .max ? nil : until, now: now)
    }

    /// One call to that account, its answer read whole.
    func whole(
        _ reactor: Reactor, _ method: HTTP.Method, _ path: String, _ head: RequestHead, _ account: RelayAccount, body: [UInt8] = [],
        onCall: (UpstreamCall) -> Void = { _ in }
    ) async throws(RelayProblem) -> Reply {
        let response = try await open(reactor, method, path, head, account, body: body, onCall: onCall)
        let decodes = response.head.coding == .gzip || response.head.coding == .deflate
        do throws(UpstreamError) {
            let body = try await response.collect(limit: Self.replyBytes, decoding: decodes)
            return Reply(response.head, HeaderRules.client(response.head, keepsCoding: !decodes), body, account)
        } catch { throw problem(error, account) }
    }

    /// One call to that account, whose answer the caller reads. An OAuth token that is refused is renewed, once.
    func open(
        _ reactor: Reactor, _ method: HTTP.Method, _ path: String, _ head: RequestHead, _ account: RelayAccount, body: [UInt8] = [],
        onCall: (UpstreamCall) -> Void = { _ in }
    ) async throws(RelayProblem) -> UpstreamResponse {
        let first = try await send(reactor, method, path, head, account, body, onCall)
        guard first.head.status == 401, account.isOAuth else { return first }
        guard await services.tokens.renew(account.id, known: account.generation, heedsPause: true),
            let renewed = services.accounts.pool.account(account.id)
        else { return first }
        first.cancel()
        let second = try await send(reactor, method, path, head, renewed, body, onCall)
        if second.head.status == 401 { await services.tokens.refused(account.id) }
        return second
    }

    private func send(
        _ reactor: Reactor, _ method: HTTP.Method, _ path: String, _ head: RequestHead, _ account: RelayAccount, _ body: [UInt8],
        _ onCall: (UpstreamCall) -> Void
    ) async throws(RelayProblem) -> UpstreamResponse {
        let call = UpstreamCall(
            HeaderRules.upstream(method, Array(path.utf8).span, head, account: account, body: .bytes(body)),
            to: account.target, deadlines: services.limits.deadlines)
        onCall(call)
        let response: UpstreamResponse
        do throws(UpstreamError) { response = try await services.pools[reactor.index].send(call) } catch { throw problem(error, account) }
        services.meters.upstreamStatus(response.head.status)
        account.route.succeeded()
        guard !(300..<400).contains(response.head.status) else {
            response.cancel()
            services.noteRedirect(response.head.status, account, nil)
            throw .upstreamFault
        }
        return response
    }

    private func problem(_ error: UpstreamError, _ account: RelayAccount) -> RelayProblem {
        services.log.warning("upstream.failed", ["account": LogValue(account.id.text), "error": LogValue(error)])
        return switch error.reason {
        case .firstByteTimeout, .idleTimeout, .sendTimeout: .upstreamTimeout
        case .malformed, .tooLarge: .upstreamFault
        case .busy: .overloaded(retryAfterSeconds: 1)
        case .closedEarly, .cancelled: .upstreamUnreachable
        case .resolve, .connect, .connectTimeout, .tls, .tlsTimeout, .proxy, .refusedAddress: unreachable(account)
        }
    }

    /// The way there rests, not the account.
    private func unreachable(_ account: RelayAccount) -> RelayProblem {
        account.route.failed(services.ambient.now())
        return .upstreamUnreachable
    }

    /// Passes it on, with the relay's own name for the request.
    func answer(_ exchange: Exchange, _ reply: Reply, body: [UInt8]? = nil) {
        var headers = reply.headers
        headers.add("x-relay-request-id", exchange.id.text)
        headers.add("cache-control", "no-store")
        let body = body ?? shown(reply, exchange)
        exchange.startResponse(status: reply.status, headers: headers, framing: .length(body.count))
        exchange.write(body)
        exchange.finish()
    }

    /// An upstream's refusal without what the operator keeps to themselves.
    private func shown(_ reply: Reply, _ exchange: Exchange) -> [UInt8] {
        guard reply.status >= 400, let hidden = HiddenWords(services, reply.account), hidden.stand(in: reply.body) else {
            return reply.body
        }
        let type = (try? JSON(parsing: reply.body))?["error"]["type"].string ?? "api_error"
        let theirs = reply.headers.fields.first { $0.name == "request-id" }?.value
        return HiddenWords.neutral(String(type.prefix(64)), theirs ?? exchange.id.text)
    }

    /// Runs a handler of a Messages path: refusals in that surface's shape.
    func refusing(_ exchange: Exchange, _ work: () async throws(RelayProblem) -> Void) async {
        do throws(RelayProblem) { try await work() } catch {
            guard !exchange.hasResponded, !exchange.isClientGone else { return }
            services.meters.refused(error)
            exchange.respond(error.response(request: exchange.id, jitter: Int(exchange.id.low & 3)))
        }
    }

    /// Who calls, when the relay still takes requests.
    /// - Parameter service: one of `APIKeyAccess.services`.
    func key(_ exchange: Exchange, for service: String) throws(RelayProblem) -> RelayKey {
        let key = try RelayGate.key(exchange, services)
        guard !services.isDraining.load(ordering: .relaxed) else { throw .draining }
        try key.check(service: service)
        return key
    }

    /// Takes one request of the key's rate, and nothing of its other limits.
    func takeRate(_ key: RelayKey, _ exchange: Exchange) throws(RelayProblem) {
        var want = LimitCounters.Reservation(
            moment: services.ambient.now(), second: exchange.reactor.nowNanoseconds / 1_000_000_000, places: 0, countsRequestsOnly: true)
        want.amounts.period.requests = 1
        do throws(LimitRefusal) {
            let lease = try KeyLease(services.keeper, key.holders, want: want)
            _ = consume lease
        } catch { throw RelayGate.problem(error) }
    }
}
