internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// Answers that go to the client: one JSON body, or a stream.
extension Attempts {
    // MARK: One JSON answer

    func whole(_ response: UpstreamResponse) async -> Outcome {
        let body: [UInt8]
        let coding = response.head.coding
        let decodes = coding == .gzip || coding == .deflate
        do throws(UpstreamError) {
            body = try await response.collect(limit: services.limits.responseBytes, decoding: decodes, noting: collecting(response.head))
            noteWait()
        } catch {
            noteWait()
            return failure(error)
        }
        guard settle(body) else { return .failed(.problem(.upstreamFault)) }
        if services.durability == .always { await durable() }
        reply(response, body, keepsCoding: !decodes)
        return .done
    }

    /// As `whole`, when all of the answer is here and nothing has to be waited for; nil otherwise.
    func wholeAtOnce(_ response: UpstreamResponse) -> Outcome? {
        guard services.durability != .always, let body = response.arrivedBody(limit: services.limits.responseBytes) else { return nil }
        noteWait()
        guard settle(body) else { return .failed(.problem(.upstreamFault)) }
        reply(response, body, keepsCoding: true)
        return .done
    }

    /// Tells the memory budget of a large answer while it comes. Small ones would not fill it.
    @inline(never) private func collecting(_ head: UpstreamResponseHead) -> ((Int) -> Void)? {
        if case .length(let length) = head.framing, head.coding == .identity, length <= Self.smallBytes { return nil }
        return { [passage] in passage.noteCollected($0) }
    }
    private static let smallBytes = 65_536

    /// False when this is no answer to a Messages request: a fault of the upstream, and nothing is charged for it.
    @inline(never) private func settle(_ body: [UInt8]) -> Bool {
        let reading = MessageMeter.read(body.span)
        // Usage speaks for an answer whatever it calls itself, but into other words only a message can be put.
        guard reading != nil && passage.admission.path != OpenAIHandler.path || Self.isMessage(body.span) else {
            services.log.warning(
                "upstream.no_message", ["account": LogValue(passage.account?.id.text), "bytes": .integer(Int64(body.count))],
                request: exchange.id)
            fault(.broken)
            return false
        }
        passage.markServed()
        passage.recording?.note(body.span)
        count(exchange.isClientGone ? .aborted : .success)
        let ending: Passage.Ending = exchange.isClientGone ? .aborted : .success
        passage.settle(ending, httpStatus: 200, usage: used(reading ?? MessageMeter.Reading(), bytes: body.count))
        return true
    }

    private func used(_ reading: consuming MessageMeter.Reading, bytes: Int) -> Settlement.Used {
        var tokens = reading.usage.tokens
        let lacksInput = reading.usage.lacksInput
        if lacksInput { tokens.input = passage.admission.uncountedInput(besides: tokens) }
        // No answer is longer than was asked for.
        let hasOutput = reading.usage.hasOutput || !reading.usage.iterations.isEmpty
        if !hasOutput { tokens.output = min(Int64(bytes / 4), passage.request.maxTokens ?? .max) }
        return .init(
            tokens: tokens, metered: reading.usage, model: reading.model ?? passage.admission.model,
            source: lacksInput || !hasOutput ? .unparsed : .final)
    }

    /// Of an answer without usage: an object that calls itself a message, or says nothing of what it is.
    private static func isMessage(_ body: Span<UInt8>) -> Bool {
        var isOther = false
        let end = JSONSkim.members(body, 0) { bytes, name, value in
            if JSONSkim.matches(bytes, name, "type") {
                isOther = !JSONSkim.isNull(bytes, value) && JSONSkim.string(bytes, value) != "message"
            }
            return true
        }
        return end != nil && !isOther
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

    func stream(_ response: UpstreamResponse) async -> Outcome {
        noteWait()
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

    private func finish(_ pump: StreamPump) async -> Outcome {
        let failed = pump.failure
        if passage.isCommitted {
            // Settled with the last event already when there was one.
            if exchange.isClientGone {
                let isWhole = passage.meter.hasStopped || passage.meter.endedWithToolUse || passage.leftAfterToolCall
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
