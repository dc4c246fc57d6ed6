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
    /// Boxed: an outcome is handed through many frames, and seldom is one of these.
    private indirect enum LastWord {
        case problem(RelayProblem)
        /// The fault of an account, which the customer must not see: when the pool is back is all there is to say.
        case hidden
        case answer(status: Int, headers: HeaderBlock, body: [UInt8], type: String)
    }

    /// What has been tried and what came of it.
    private struct Plan {
        var wish: AccountWish
        var lastWord: LastWord?
        var allowed: Int
    }

    // The async functions here hold little and leave the work to others that never wait: whatever stands in an async function is kept in
    // its frame, on the heap, and frames past a kilobyte cost more than the work. `@inline(never)` keeps it out of them.

    func run() async throws(RelayProblem) {
        var plan = plan()
        while let account = try next(&plan) {
            var outcome = await attempt(account, mayRenew: true)
            if case .renewed = outcome { outcome = await attempt(beginAgain(account), mayRenew: false) }
            if try isLast(outcome, &plan) { return }
        }
    }

    @inline(never) private func plan() -> Plan {
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
        return Plan(wish: wish, allowed: services.limits.attempts)
    }

    /// The account whose turn it is, with a place taken; nil when the client has got the last word of those before.
    @inline(never) private func next(_ plan: inout Plan) throws(RelayProblem) -> RelayAccount? {
        guard plan.wish.tried.count < plan.allowed, plan.wish.tried.isEmpty || !isOverTime else {
            try speak(plan.lastWord ?? .hidden, plan.wish)
            return nil
        }
        do throws(NoAccount) {
            let lease = try services.accounts.choose(&plan.wish, now: services.ambient.now())
            let account = lease.account
            passage.hold(consume lease)
            plan.wish.tried.append(account.id)
            if let move = plan.wish.move { note(move) }
            passage.beginAttempt(with: account)
            return account
        } catch {
            if let lastWord = plan.lastWord {
                try speak(lastWord, plan.wish)
                return nil
            }
            switch error {
            case .none: throw services.accounts.isEmpty ? .overloaded(retryAfterSeconds: 60) : .modelNotFound
            case .out(let until): throw .accountsOut(until: until, now: services.ambient.now())
            }
        }
    }

    private func beginAgain(_ account: RelayAccount) -> RelayAccount {
        let renewed = services.accounts.pool.account(account.id) ?? account
        passage.beginAttempt(with: renewed)
        return renewed
    }

    /// Takes the outcome into the plan; true when the client has its answer.
    @inline(never) private func isLast(_ outcome: Outcome, _ plan: inout Plan) throws(RelayProblem) -> Bool {
        if case .goesOn = outcome {
            passage.goesOn = true
            return true
        }
        // Its place is free again.
        passage.leaveAccount()
        switch outcome {
        case .done, .goesOn: return true
        case .failed(let word, let others):
            // What the customer may see says more than that an account is out.
            if case .hidden = word, plan.lastWord != nil {} else { plan.lastWord = word }
            if let others { plan.allowed = min(plan.allowed, plan.wish.tried.count + others) }
        case .unlisted(let word):
            if plan.wish.onlyListing {
                try speak(plan.lastWord ?? word, plan.wish)
                return true
            }
            plan.lastWord = word
            plan.wish.onlyListing = true
            plan.allowed = min(plan.allowed, plan.wish.tried.count + 1)
        case .renewed: plan.lastWord = .hidden
        }
        guard exchange.isClientGone else { return false }
        passage.settle(.aborted, httpStatus: nil, usage: nil)
        return true
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
        let call = call(account)
        let response: UpstreamResponse
        do throws(UpstreamError) {
            response = try await services.pools[exchange.reactor.index].send(call)
        } catch {
            noteWait()
            return failure(error)
        }
        switch kind(response, account) {
        case .refusal: return await refusal(response, account, mayRenew: mayRenew)
        case .stream: return await stream(response)
        case .whole: return await whole(response)
        }
    }

    @inline(never) private func call(_ account: RelayAccount) -> UpstreamCall {
        let model = account.modelMap[passage.request.model]
        let held = passage.body?.bytes ?? .bytes([])
        let sent = model.map { name in .bytes(held.withSpan { passage.request.body($0, model: name) }) } ?? held
        let head = exchange.head
        var path = Self.messagesPath
        if !head.query.isEmpty { path += [0x3f] + head.bytes[head.query] }
        let call = UpstreamCall(
            UpstreamRequest(.post, path.span, to: account.target, headers: HeaderRules.upstream(head, account: account), body: sent),
            to: account.target, deadlines: services.limits.deadlines, followsTask: false)
        exchange.onClosed = { [passage] in if !passage.startDrain({ call.cancel() }) { call.cancel() } }
        passage.markSent()
        return call
    }

    private enum Kind { case refusal, stream, whole }

    @inline(never) private func kind(_ response: UpstreamResponse, _ account: RelayAccount) -> Kind {
        noteWait()
        account.route.succeeded()
        let head = response.head
        account.live.note(head, nanoseconds: passage.now)
        services.meters.upstreamStatus(head.status)
        passage.upstreamStatus = Int64(head.status)
        passage.upstreamRequestID = head.value(of: HeaderRules.requestID).map { String($0.prefix(128)) }
        guard head.status == 200 else { return .refusal }
        if head.withValue(of: HeaderRules.contentType, HeaderRules.isEventStream) == true { return .stream }
        passage.firstByteAtNanoseconds = passage.now
        passage.markServed()
        return .whole
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
    private func overheadText(into text: inout [UInt8]) {
        let total = services.ambient.uptimeNanoseconds() &- exchange.startedAtNanoseconds
        let microseconds = (total > passage.waitedNanoseconds ? total - passage.waitedNanoseconds : 0) / 1000
        services.meters.overhead.observe(microseconds * 1000)
        text.append(decimal: microseconds / 1000)
        text.append(0x2e)
        for divisor: UInt64 in [100, 10, 1] { text.append(0x30 + UInt8(microseconds / divisor % 10)) }
    }

    private static let timing = "relay;dur="

    /// The relay's own fields beside those of the upstream. Written as bytes: this is made for every request.
    private func headers(_ head: UpstreamResponseHead, keepsCoding: Bool) -> HeaderBlock {
        var block = HeaderRules.client(head, keepsCoding: keepsCoding)
        var value: [UInt8] = []
        value.reserveCapacity(48)
        func add(_ name: String, _ write: (inout [UInt8]) -> Void) {
            value.removeAll(keepingCapacity: true)
            write(&value)
            block.add(name, utf8: value.span)
        }
        add("x-relay-request-id") { exchange.id.write(to: &$0) }
        add("x-relay-attempts") { $0.append(decimal: UInt64(clamping: passage.attempts)) }
        value.removeAll(keepingCapacity: true)
        value.append(utf8: Self.timing)
        overheadText(into: &value)
        block.add("x-relay-overhead-ms", utf8: value.span.extracting(Self.timing.utf8.count...))
        block.add("server-timing", utf8: value.span)
        if let standings = key.rates(services, second: passage.now / 1_000_000_000) {
            for (place, names) in RateStandings.names.enumerated() {
                guard let standing = standings.tightest[place] else { continue }
                add(names.limit) { $0.append(decimal: UInt64(clamping: standing.limit)) }
                add(names.remaining) { $0.append(decimal: UInt64(clamping: standing.remaining)) }
                add(names.reset) { standing.resetsAt.write(to: &$0) }
            }
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
        let coding = response.head.coding
        let decodes = coding == .gzip || coding == .deflate
        do throws(UpstreamError) {
            body = try await response.collect(limit: services.limits.responseBytes, decoding: decodes)
        } catch {
            return failure(error)
        }
        settle(body)
        if services.durability == .always { await durable() }
        reply(response, body, keepsCoding: !decodes)
        return .done
    }

    @inline(never) private func settle(_ body: [UInt8]) {
        let reading = MessageMeter.read(body.span)
        let usage = reading?.usage ?? MeteredUsage()
        let used = Settlement.Used(
            tokens: reading == nil ? TokenCounts(input: passage.admission.inputEstimate, output: Int64(body.count / 4)) : usage.tokens,
            metered: usage, model: reading?.model ?? passage.admission.model, source: reading == nil ? .unparsed : .final)
        count(exchange.isClientGone ? .aborted : .success)
        passage.settle(exchange.isClientGone ? .aborted : .success, httpStatus: 200, usage: used)
    }

    @inline(never) private func reply(_ response: UpstreamResponse, _ body: [UInt8], keepsCoding: Bool) {
        exchange.startResponse(status: 200, headers: headers(response.head, keepsCoding: keepsCoding), framing: .length(body.count))
        exchange.write(body)
        exchange.finish()
    }

    /// With `JOURNAL_FSYNC=always` the reply's last byte waits for the disk.
    private func durable() async {
        do throws(JournalError) { try await services.mover.synced() } catch {
            services.log.error("journal.sync_failed", ["error": LogValue("\(error)")], request: exchange.id)
        }
    }

    // MARK: A stream

    private func stream(_ response: UpstreamResponse) async -> Outcome {
        let coding = response.head.coding
        // Identity was asked for; a coding that cannot be taken off cannot be metered either.
        guard coding != .other else {
            response.cancel()
            return .failed(.problem(.upstreamFault))
        }
        let decodes = coding == .gzip || coding == .deflate
        let pump = pump(response, keepsCoding: !decodes)
        await pump.begin(decoding: decodes)
        if let problem = pump.firstEventProblem { return firstEventFailed(problem) }
        if !pump.isOver, exchange.outliveHandler() {
            pump.whenOver { [passage] in
                // A reply that has begun always ends in `.done`.
                _ = await finish(pump)
                // Of a client that has left nothing else closes the connection.
                passage.exchange.abort()
                passage.end()
                passage.services.meters.inFlight.add(-1)
            }
            return .goesOn
        }
        await pump.whole()
        return await finish(pump)
    }

    @inline(never) private func pump(_ response: UpstreamResponse, keepsCoding: Bool) -> StreamPump {
        var headers = headers(response.head, keepsCoding: keepsCoding)
        headers.add("cache-control", "no-cache")
        headers.add("x-accel-buffering", "no")
        return StreamPump(passage: passage, response: response, headers: headers)
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
            if services.durability == .always { await durable() }
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
