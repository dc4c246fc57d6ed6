internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// Tries accounts until one answers, and never a second one once a byte of an answer has gone to the client.
struct Attempts: Sendable {
    let passage: Passage
    let key: RelayKey

    private var services: RelayServices { passage.services }
    private var exchange: Exchange { passage.exchange }

    /// What came of one attempt.
    private enum Outcome {
        /// The passage is settled and the client has its answer.
        case done
        /// Somebody else may serve it; what the client gets when nobody does.
        /// - others: how many other accounts may be asked; nil is as many as are allowed.
        case failed(LastWord, others: Int? = nil)
        /// 404: the client gets it unless another account lists the model.
        case unlisted(LastWord)
        /// An OAuth account has a new token: the same one once more.
        case renewed
        /// The reply has begun and goes on by itself.
        case goesOn
    }
    private enum LastWord {
        case problem(RelayProblem)
        /// The fault of an account, which the customer must not see: when the pool is back is all there is to say.
        case hidden
        case answer(status: Int, headers: HeaderBlock, body: [UInt8], type: String)
    }

    func run() async throws(RelayProblem) {
        let candidates = services.accounts.pool.candidates(passage.request.model)
        var wish = AccountWish(candidates)
        (wish.binding, wish.fallsBack) = (key.binding, key.key.bindingFallsBack)
        wish.tokens = passage.admission.inputEstimate + min(passage.request.maxTokens ?? Self.assumedOutput, 1_000_000)
        passage.family = candidates.family
        if candidates.count > 1 {
            passage.hasChoice = true
            let (head, family, customer) = (exchange.head, candidates.family, key.key.id)
            wish.sticky = passage.body?.bytes.withSpan {
                services.sessions.key(head, passage.request, body: $0, family: family, of: customer)
            }
        }
        var lastWord: LastWord?
        var allowed = services.limits.attempts
        while wish.tried.count < allowed, wish.tried.isEmpty || !isOverTime {
            let outcome: Outcome
            do throws(NoAccount) {
                outcome = await serve(try services.accounts.choose(&wish, now: services.ambient.now()), &wish)
            } catch {
                if let lastWord { return try speak(lastWord, wish) }
                switch error {
                case .none: throw services.accounts.isEmpty ? .overloaded(retryAfterSeconds: 60) : .modelNotFound
                case .out(let until): throw .accountsOut(until: until, now: services.ambient.now())
                }
            }
            switch outcome {
            case .done: return
            case .goesOn: return passage.goesOn = true
            case .failed(let word, let others):
                // What the customer may see says more than that an account is out.
                if case .hidden = word, lastWord != nil {} else { lastWord = word }
                if let others { allowed = min(allowed, wish.tried.count + others) }
            case .unlisted(let word):
                if wish.onlyListing { return try speak(lastWord ?? word, wish) }
                lastWord = word
                wish.onlyListing = true
                allowed = min(allowed, wish.tried.count + 1)
            case .renewed: lastWord = .hidden
            }
            if exchange.isClientGone { return passage.settle(.aborted, httpStatus: nil, usage: nil) }
        }
        try speak(lastWord ?? .hidden, wish)
    }

    /// One account's turn; its place is free again when this returns.
    private func serve(_ lease: consuming AccountLease, _ wish: inout AccountWish) async -> Outcome {
        let account = lease.account
        passage.hold(consume lease)
        wish.tried.append(account.id)
        if let move = wish.move { note(move) }
        passage.beginAttempt(with: account)
        var outcome = await attempt(account, mayRenew: true)
        if case .renewed = outcome {
            let renewed = services.accounts.pool.account(account.id) ?? account
            passage.beginAttempt(with: renewed)
            outcome = await attempt(renewed, mayRenew: false)
        }
        if case .goesOn = outcome {} else { passage.leaveAccount() }
        return outcome
    }

    /// Output tokens held back from an account's cap for a request that does not say how many it wants.
    private static let assumedOutput: Int64 = 4096
    /// For all attempts together, without the time that upstreams took (relay contract, section 14).
    private static let budgetNanoseconds: UInt64 = 30_000_000_000
    private var isOverTime: Bool {
        let passed = services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds
        return passed > passage.waitedNanoseconds && passed - passage.waitedNanoseconds > Self.budgetNanoseconds
    }

    private func note(_ move: StickyMove) {
        passage.move = move
        services.meters.stickyMoves(move.reason).add()
        services.log.info(
            "sticky.moved", ["from": LogValue(move.from), "to": LogValue(move.to), "reason": LogValue(move.reason.rawValue)],
            request: exchange.id)
    }

    private func speak(_ word: LastWord, _ wish: AccountWish) throws(RelayProblem) {
        switch word {
        case .problem(let problem): throw problem
        case .hidden:
            let now = services.ambient.now()
            throw .accountsOut(until: services.accounts.soonest(wish, now: now), now: now)
        case .answer(let status, let headers, let body, let type): answer(status, headers, body, type)
        }
    }

    private static let messagesPath = Array("/v1/messages".utf8)

    private func attempt(_ account: RelayAccount, mayRenew: Bool) async -> Outcome {
        let model = account.modelMap[passage.request.model]
        let held = passage.body?.bytes ?? .bytes([])
        let sent = model.map { name in .bytes(held.withSpan { passage.request.body($0, model: name) }) } ?? held
        let query = exchange.head.query
        var path = Self.messagesPath
        if !query.isEmpty { path += [0x3f] + exchange.head.bytes[query] }
        let call = UpstreamCall(
            UpstreamRequest(
                .post, path.span, to: account.target, headers: HeaderRules.upstream(exchange.head, account: account), body: sent),
            to: account.target, deadlines: services.limits.deadlines)
        exchange.onClosed = { [passage] in if !passage.startDrain({ call.cancel() }) { call.cancel() } }
        passage.markSent()
        let response: UpstreamResponse
        do throws(UpstreamError) {
            response = try await services.pools[exchange.reactor.index].send(call)
        } catch {
            noteWait()
            return failure(error)
        }
        noteWait()
        account.route.succeeded()
        account.live.note(response.head, nanoseconds: passage.now)
        services.meters.upstreamStatus(response.head.status)
        passage.upstreamStatus = Int64(response.head.status)
        passage.upstreamRequestID = response.head.value(of: HeaderRules.requestID).map { String($0.prefix(128)) }
        guard response.head.status == 200 else { return await refusal(response, account, mayRenew: mayRenew) }
        if response.head.withValue(of: HeaderRules.contentType, HeaderRules.isEventStream) == true { return await stream(response) }
        passage.firstByteAtNanoseconds = passage.now
        passage.markServed()
        return await whole(response)
    }

    private func noteWait() {
        guard let sent = passage.sentAtNanoseconds else { return }
        passage.waitedNanoseconds += passage.now &- sent
        passage.sentAtNanoseconds = nil
        if let first = passage.firstByteAtNanoseconds {
            services.meters.firstByte.observe(first &- sent)
        } else {
            services.meters.firstByte.observe(passage.now &- sent)
        }
    }

    /// Milliseconds with three digits: what the relay itself took so far.
    private func overheadText() -> [UInt8] {
        let total = services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds
        let microseconds = (total > passage.waitedNanoseconds ? total - passage.waitedNanoseconds : 0) / 1000
        services.meters.overhead.observe(microseconds * 1000)
        var text: [UInt8] = []
        text.reserveCapacity(32)
        text.append(decimal: microseconds / 1000)
        text.append(0x2e)
        for divisor: UInt64 in [100, 10, 1] { text.append(0x30 + UInt8(microseconds / divisor % 10)) }
        return text
    }

    /// The relay's own fields beside those of the upstream. Written as bytes: this is made for every request.
    private func headers(_ head: UpstreamResponseHead, keepsCoding: Bool) -> HeaderBlock {
        var block = HeaderRules.client(head, keepsCoding: keepsCoding)
        let overhead = overheadText()
        var value: [UInt8] = []
        value.reserveCapacity(48)
        func add(_ name: String, _ write: (inout [UInt8]) -> Void) {
            value.removeAll(keepingCapacity: true)
            write(&value)
            block.add(name, utf8: value.span)
        }
        add("x-relay-request-id") { exchange.id.write(to: &$0) }
        add("x-relay-attempts") { $0.append(decimal: UInt64(clamping: passage.attempts)) }
        block.add("x-relay-overhead-ms", utf8: overhead.span)
        add("server-timing") {
            $0.append(utf8: "relay;dur=")
            $0 += overhead
        }
        for standing in key.rates(services, second: passage.now / 1_000_000_000) {
            add("anthropic-ratelimit-\(standing.word)-limit") { $0.append(decimal: UInt64(clamping: standing.limit)) }
            add("anthropic-ratelimit-\(standing.word)-remaining") { $0.append(decimal: UInt64(clamping: standing.remaining)) }
            add("anthropic-ratelimit-\(standing.word)-reset") { standing.resetsAt.write(to: &$0) }
        }
        return block
    }

    private func answer(_ status: Int, _ headers: HeaderBlock, _ body: [UInt8], _ type: String) {
        passage.settle(.failed(type: type), httpStatus: Int64(status), usage: nil)
        exchange.startResponse(status: status, headers: headers, framing: .length(body.count))
        exchange.write(body)
        exchange.finish()
    }

    // MARK: No answer

    private func failure(_ error: UpstreamError) -> Outcome {
        if exchange.isClientGone {
            // The upstream may have begun to work on it; that is charged as an estimate.
            count(.aborted)
            passage.settle(.aborted, httpStatus: nil, usage: passage.meteredStream(mayCharge: error.mayHaveBeenReceived))
            return .done
        }
        services.log.warning(
            "upstream.failed", ["account": LogValue(passage.account?.id.text), "error": LogValue(error)], request: exchange.id)
        switch error.reason {
        case .firstByteTimeout, .idleTimeout, .sendTimeout:
            fault(.timeout)
            return .failed(.problem(.upstreamTimeout))
        case .malformed, .tooLarge:
            fault(.broken)
            return .failed(.problem(.upstreamFault))
        case .closedEarly:
            fault(.broken)
            return .failed(.problem(.upstreamUnreachable))
        case .busy: return .failed(.problem(.overloaded(retryAfterSeconds: 1)))
        case .cancelled: return .failed(.problem(.upstreamUnreachable))
        case .resolve, .connect, .connectTimeout, .tls, .tlsTimeout, .proxy, .refusedAddress:
            // The way there, not the account.
            count(.unreachable)
            passage.account?.route.failed(services.ambient.now())
            return .failed(.problem(.upstreamUnreachable))
        }
    }

    /// What the account does about it, and who gets to know.
    private func fault(_ fault: AccountFault) {
        guard let account = passage.account else { return }
        account.live.failed(fault, passage.family, now: services.ambient.now())
        count(AccountOutcome(fault))
        switch fault {
        case .credential, .billing, .held:
            services.log.error(
                "account.blocked",
                [
                    "account": LogValue(account.id), "why": LogValue(fault.code),
                    "action": "look at the account with the provider, then: gatehouse account reset ID",
                ], request: exchange.id)
        case .forbidden, .window, .limited, .limitedUnknown, .overloaded, .broken, .unavailable, .timeout: break
        }
    }

    private func count(_ outcome: AccountOutcome) {
        guard let account = passage.account else { return }
        services.meters.account(account, passage.family, outcome).add()
    }

    // MARK: An answer that is no 200

    /// An error body is a few hundred bytes; more than this is not passed on.
    private static let errorBytes = 1 << 20

    private func refusal(_ response: UpstreamResponse, _ account: RelayAccount, mayRenew: Bool) async -> Outcome {
        let body: [UInt8]
        do throws(UpstreamError) {
            body = try await response.collect(limit: Self.errorBytes, decoding: true)
        } catch {
            return failure(error)
        }
        let error = (try? JSON(parsing: body))?["error"] ?? .null
        let type = String((error["type"].string ?? "api_error").prefix(64))
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        let now = services.ambient.now()
        let windows = UsageWindows(response.head)
        account.live.note(windows)
        let verdict = UpstreamVerdict.of(
            status: response.head.status, message: words,
            retryAfter: UpstreamVerdict.retryAfter(response.head.value(of: "retry-after"), now: now), windows: windows,
            family: passage.family, now: now)
        let status = response.head.status
        switch verdict {
        case .relay:
            passage.markServed()
            count(.relayed)
            answer(status, headers(response.head, keepsCoding: false), body, type)
            return .done
        case .unknownModel:
            count(.relayed)
            return .unlisted(.answer(status: status, headers: headers(response.head, keepsCoding: false), body: body, type: type))
        case .fault(let found):
            services.log.warning(
                "upstream.refused",
                ["account": LogValue(account.id), "status": LogValue(status), "type": LogValue(type), "fault": LogValue(found.code)],
                request: exchange.id)
            if found == .credential, account.isOAuth {
                count(.credential)
                if mayRenew, await services.tokens.renew(account.id, known: account.generation) { return .renewed }
                // A new token that is refused at once, or none to be had: the next one may serve.
                if !mayRenew { await services.tokens.refused(account.id) }
                return .failed(.hidden)
            }
            fault(found)
            if found.hides { return .failed(.hidden, others: found.otherAccounts) }
            return .failed(
                .answer(status: status, headers: headers(response.head, keepsCoding: false), body: body, type: type),
                others: found.otherAccounts)
        }
    }

    // MARK: One JSON answer

    private func whole(_ response: UpstreamResponse) async -> Outcome {
        let body: [UInt8]
        let decodes = response.head.coding == .gzip || response.head.coding == .deflate
        do throws(UpstreamError) {
            body = try await response.collect(limit: services.limits.responseBytes, decoding: decodes)
        } catch {
            return failure(error)
        }
        let reading = MessageMeter.read(body.span)
        let usage = reading?.usage ?? MeteredUsage()
        let used = Settlement.Used(
            tokens: reading == nil ? TokenCounts(input: passage.admission.inputEstimate, output: Int64(body.count / 4)) : usage.tokens,
            metered: usage, model: reading?.model ?? passage.admission.model, source: reading == nil ? .unparsed : .final)
        count(exchange.isClientGone ? .aborted : .success)
        passage.settle(exchange.isClientGone ? .aborted : .success, httpStatus: 200, usage: used)
        await durable()
        exchange.startResponse(
            status: 200, headers: headers(response.head, keepsCoding: !decodes), framing: .length(body.count))
        exchange.write(body)
        exchange.finish()
        return .done
    }

    /// With `JOURNAL_FSYNC=always` the reply's last byte waits for the disk.
    private func durable() async {
        guard services.durability == .always else { return }
        do throws(JournalError) { try await services.mover.synced() } catch {
            services.log.error("journal.sync_failed", ["error": LogValue("\(error)")], request: exchange.id)
        }
    }

    // MARK: A stream

    private func stream(_ response: UpstreamResponse) async -> Outcome {
        // Identity was asked for; a coding that cannot be taken off cannot be metered either.
        guard response.head.coding != .other else {
            response.cancel()
            return .failed(.problem(.upstreamFault))
        }
        let decodes = response.head.coding == .gzip || response.head.coding == .deflate
        var headers = headers(response.head, keepsCoding: !decodes)
        headers.add("cache-control", "no-cache")
        headers.add("x-accel-buffering", "no")
        let pump = StreamPump(passage: passage, response: response, headers: headers)
        await pump.begin(decoding: decodes)
        if let problem = pump.firstEventProblem { return firstEventFailed(problem) }
        if !pump.isOver, exchange.outliveHandler() {
            pump.whenOver { [passage] in
                // A reply that has begun always ends in `.done`.
                _ = await finish(pump)
                passage.end()
                passage.services.meters.inFlight.add(-1)
            }
            return .goesOn
        }
        await pump.whole()
        return await finish(pump)
    }

    /// An `error` as a stream's first event is a refusal like any other.
    private func firstEventFailed(_ problem: RelayProblem) -> Outcome {
        guard case .upstreamError(let type, _) = problem else { return .failed(.problem(problem)) }
        switch type {
        case "overloaded_error":
            fault(.overloaded)
            return .failed(.problem(problem), others: AccountFault.overloaded.otherAccounts)
        case "rate_limit_error":
            fault(.limitedUnknown)
            return .failed(.hidden, others: AccountFault.limitedUnknown.otherAccounts)
        case "authentication_error", "permission_error", "billing_error":
            fault(type == "billing_error" ? .billing("billing_error") : type == "permission_error" ? .forbidden : .credential)
            return .failed(.hidden)
        case "timeout_error":
            fault(.timeout)
            return .failed(.problem(problem))
        default:
            fault(.broken)
            return .failed(.problem(problem))
        }
    }

    private func finish(_ pump: StreamPump) async -> Outcome {
        let failed = pump.failure
        if passage.isCommitted {
            // Settled with the last event already when there was one.
            if exchange.isClientGone {
                let isWhole = passage.meter.hasStopped || passage.meter.endedWithToolUse
                count(isWhole ? .success : .aborted)
                passage.settle(isWhole ? .success : .aborted, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
                return .done
            }
            if passage.meter.hasStopped || passage.meter.errorType != nil {
                if passage.meter.hasStopped { count(.success) } else { fault(.broken) }
                let ending: Passage.Ending = passage.meter.errorType.map { .failed(type: String($0.prefix(64))) } ?? .success
                passage.settle(ending, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
            } else {
                // Cut in the middle: nobody else may go on, so the client is told in the stream itself.
                services.log.warning(
                    "upstream.cut", ["account": LogValue(passage.account?.id.text), "error": LogValue(failed?.code)], request: exchange.id)
                count(.cut)
                passage.account?.live.failed(.broken, passage.family, now: services.ambient.now())
                passage.settle(.failed(type: "api_error"), httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
                // Inside a half-sent frame only its end can come first.
                if !passage.meter.isBetweenFrames { exchange.write(Array("\n\n".utf8)) }
                exchange.write(RelayProblem.upstreamFault.event(request: exchange.id))
            }
            await durable()
            if !pump.last.isEmpty { exchange.write(pump.last) }
            exchange.finish()
            return .done
        }
        if let failed { return failure(failed) }
        if exchange.isClientGone {
            passage.settle(.aborted, httpStatus: nil, usage: passage.meteredStream(mayCharge: true))
            return .done
        }
        // A stream that ended before its first event.
        fault(.broken)
        return .failed(.problem(.upstreamFault))
    }
}
