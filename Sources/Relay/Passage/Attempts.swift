internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// Tries accounts until one answers, and never a second one once a byte of an answer has gone to the client.
struct Attempts {
    let passage: Passage
    let key: RelayKey

    private var services: RelayServices { passage.services }
    private var exchange: Exchange { passage.exchange }

    /// What came of one attempt.
    private enum Outcome {
        /// The passage is settled and the client has its answer.
        case done
        /// Somebody else may serve it; what the client gets when nobody does.
        case failed(LastWord)
    }
    private enum LastWord {
        case problem(RelayProblem)
        case answer(status: Int, headers: HeaderBlock, body: [UInt8], type: String)
    }

    func run() async throws(RelayProblem) {
        var tried: [AccountID] = []
        var lastWord: LastWord?
        while tried.count < services.limits.attempts {
            let lease: AccountLease
            do throws(NoAccount) {
                lease = try services.accounts.choose(model: passage.request.model, excluding: tried, now: services.ambient.now())
            } catch {
                if let lastWord { return try speak(lastWord) }
                switch error {
                case .none: throw services.accounts.isEmpty ? .overloaded(retryAfterSeconds: 60) : .modelNotFound
                case .busy(let seconds): throw .overloaded(retryAfterSeconds: seconds)
                }
            }
            tried.append(lease.account.id)
            passage.beginAttempt(with: lease.account)
            let outcome = await attempt(lease.account)
            _ = consume lease
            switch outcome {
            case .done: return
            case .failed(let word): lastWord = word
            }
            if exchange.isClientGone { return passage.settle(.aborted, httpStatus: nil, usage: nil) }
        }
        try speak(lastWord ?? .problem(.overloaded(retryAfterSeconds: 1)))
    }

    private func speak(_ word: LastWord) throws(RelayProblem) {
        switch word {
        case .problem(let problem): throw problem
        case .answer(let status, let headers, let body, let type): answer(status, headers, body, type)
        }
    }

    private static let messagesPath = Array("/v1/messages".utf8)

    private func attempt(_ account: RelayAccount) async -> Outcome {
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
        exchange.onClosed = { call.cancel() }
        passage.markSent()
        let response: UpstreamResponse
        do throws(UpstreamError) {
            response = try await services.pools[exchange.reactor.index].send(call)
        } catch {
            noteWait()
            return failure(error)
        }
        noteWait()
        services.meters.upstreamStatus(response.head.status)
        passage.upstreamStatus = Int64(response.head.status)
        passage.upstreamRequestID = response.head.value(of: HeaderRules.requestID).map { String($0.prefix(128)) }
        guard response.head.status == 200 else { return await refusal(response, account) }
        account.live.succeeded()
        if response.head.withValue(of: HeaderRules.contentType, HeaderRules.isEventStream) == true { return await stream(response) }
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
        if let limit = key.key.limits.requestsPerMinute {
            let left = key.counters.remainingRequests(limit: limit, second: passage.now / 1_000_000_000)
            add("anthropic-ratelimit-requests-limit") { $0.append(decimal: UInt64(clamping: limit)) }
            add("anthropic-ratelimit-requests-remaining") { $0.append(decimal: UInt64(clamping: left.count)) }
            add("anthropic-ratelimit-requests-reset") { services.ambient.now().adding(seconds: Int64(left.resetSeconds)).write(to: &$0) }
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
            passage.settle(.aborted, httpStatus: nil, usage: passage.meteredStream(mayCharge: error.mayHaveBeenReceived))
            return .done
        }
        services.log.warning(
            "upstream.failed", ["account": LogValue(passage.account?.id.text), "error": LogValue(error)], request: exchange.id)
        switch error.reason {
        case .firstByteTimeout, .idleTimeout, .sendTimeout:
            passage.account?.live.cool(until: services.ambient.now().adding(seconds: 30))
            return .failed(.problem(.upstreamTimeout))
        case .malformed, .tooLarge: return .failed(.problem(.upstreamFault))
        case .busy: return .failed(.problem(.overloaded(retryAfterSeconds: 1)))
        default: return .failed(.problem(.upstreamUnreachable))
        }
    }

    // MARK: An answer that is no 200

    /// An error body is a few hundred bytes; more than this is not passed on.
    private static let errorBytes = 1 << 20

    private func refusal(_ response: UpstreamResponse, _ account: RelayAccount) async -> Outcome {
        let body: [UInt8]
        do throws(UpstreamError) {
            body = try await response.collect(limit: Self.errorBytes, decoding: true)
        } catch {
            return failure(error)
        }
        let error = (try? JSON(parsing: body))?["error"] ?? .null
        let type = String((error["type"].string ?? "api_error").prefix(64))
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        let verdict = UpstreamVerdict.of(
            status: response.head.status, message: words,
            retryAfterSeconds: UpstreamVerdict.retryAfter(response.head.value(of: "retry-after")), failures: account.live.failureCount)
        let headers = headers(response.head, keepsCoding: false)
        switch verdict {
        case .relay:
            answer(response.head.status, headers, body, type)
            return .done
        case .next(let cooldown, let hides):
            account.live.failed()
            if cooldown > 0 { account.live.cool(until: services.ambient.now().adding(seconds: cooldown)) }
            services.log.warning(
                "upstream.refused",
                [
                    "account": LogValue(account.id), "status": LogValue(response.head.status), "type": LogValue(type),
                    "cooldown_seconds": .integer(cooldown),
                ], request: exchange.id)
            if hides { return .failed(.problem(.overloaded(retryAfterSeconds: Int(min(60, max(1, cooldown)))))) }
            return .failed(.answer(status: response.head.status, headers: headers, body: body, type: type))
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
        passage.firstByteAtNanoseconds = passage.now
        let reading = MessageMeter.read(body.span)
        let usage = reading?.usage ?? MeteredUsage()
        let used = Settlement.Used(
            tokens: reading == nil ? TokenCounts(input: passage.admission.inputEstimate, output: Int64(body.count / 4)) : usage.tokens,
            metered: usage, model: reading?.model ?? passage.admission.model, source: reading == nil ? .unparsed : .final)
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
        exchange.discardHead()
        var failed: UpstreamError?
        do throws(UpstreamError) {
            try await response.pump(decoding: decodes) { pump.take($0) }
        } catch {
            failed = error
        }
        pump.end()
        if let problem = pump.firstEventProblem { return .failed(.problem(problem)) }
        return await finish(pump, failed)
    }

    private func finish(_ pump: StreamPump, _ failed: UpstreamError?) async -> Outcome {
        if passage.isCommitted {
            // Settled with the last event already when there was one.
            if exchange.isClientGone {
                let isWhole = passage.meter.hasStopped || passage.meter.endedWithToolUse
                passage.settle(isWhole ? .success : .aborted, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
                return .done
            }
            if passage.meter.hasStopped || passage.meter.errorType != nil {
                let ending: Passage.Ending = passage.meter.errorType.map { .failed(type: String($0.prefix(64))) } ?? .success
                passage.settle(ending, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
            } else {
                // Cut in the middle: nobody else may go on, so the client is told in the stream itself.
                services.log.warning(
                    "upstream.cut", ["account": LogValue(passage.account?.id.text), "error": LogValue(failed?.code)], request: exchange.id)
                passage.account?.live.failed()
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
        return .failed(.problem(.upstreamFault))
    }
}
