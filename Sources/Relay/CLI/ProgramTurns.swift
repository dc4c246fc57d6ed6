internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Telemetry

/// Accounts of the kind `cli`: turns of the simple chat interface that the operator's own program makes. Admission, journal, metering and
/// cooldowns are those of every message; only the upstream is a child process.
struct ProgramTurns: TurnSource {
    let messages: MessagesHandler
    let worker: CLIWorker

    private var services: RelayServices { messages.services }
    private static let unnamedBaseURL = "https://api.anthropic.com"

    /// When a program can begin now and no account of the pool is preferred; also when nobody else could without an operator's help.
    func takes(_ turn: ChatTurn) -> Bool {
        let (pool, now) = (services.accounts.pool, services.ambient.now())
        guard !pool.programs.isEmpty, CLIWorker.isModelName(turn.model) else { return false }
        let (own, other) = (wish(pool.programs(turn.model), turn.key), wish(pool.candidates(turn.model), turn.key))
        guard services.accounts.hasAny(own) else { return false }
        guard worker.hasRoom, let first = services.accounts.preview(own, now: now) else { return !mayServe(other, now) }
        guard let second = services.accounts.preview(other, now: now) else { return true }
        return first.account.details.priority <= second.account.details.priority
    }

    func run(_ turn: ChatTurn, _ exchange: Exchange) async {
        await messages.handle(exchange, as: turn.key, path: ChatHandler.path, by: self)
    }

    /// Whether an account serves it, now or once its time has come: one that is disabled or blocked for good does not.
    private func mayServe(_ wish: AccountWish, _ now: Timestamp) -> Bool { services.accounts.soonest(wish, now: now) != nil }

    private func wish(_ candidates: Candidates, _ key: RelayKey) -> AccountWish {
        var wish = AccountWish(candidates)
        (wish.binding, wish.fallsBack) = (key.binding, key.key.bindingFallsBack)
        return wish
    }

    /// What came of one child.
    private enum Outcome {
        /// The passage is settled.
        case done
        case failed(RelayProblem)
    }

    /// - Returns: false when no program has begun to answer and an account of the pool may.
    func answer(_ passage: Passage, _ key: RelayKey, _ body: [UInt8]) async throws(RelayProblem) -> Bool {
        let pool = services.accounts.pool
        var wish = wish(pool.programs(passage.request.model), key)
        wish.tokens = passage.admission.inputEstimate + min(passage.request.maxTokens ?? 0, 1_000_000)
        passage.family = wish.family
        var problem: RelayProblem?
        while wish.tried.count < services.limits.attempts, !passage.exchange.isClientGone {
            let lease: AccountLease
            do throws(NoAccount) { lease = try services.accounts.choose(&wish, now: services.ambient.now()) } catch {
                if problem == nil, case .out(let until) = error { problem = .accountsOut(until: until, now: services.ambient.now()) }
                break
            }
            wish.tried.append(lease.account.id)
            switch await serve(lease, passage, body) {
            case .done: return true
            case .failed(let found): problem = found
            }
        }
        if passage.exchange.isClientGone {
            passage.settle(.aborted, httpStatus: nil, usage: nil)
            return true
        }
        let others = self.wish(pool.candidates(passage.request.model), key)
        guard let problem, !mayServe(others, services.ambient.now()) else { return false }
        throw problem
    }

    private func serve(_ lease: consuming AccountLease, _ passage: Passage, _ body: [UInt8]) async -> Outcome {
        let account = lease.account
        passage.beginAttempt(with: account)
        guard let prompt = Self.prompt(body, model: account.modelMap[passage.request.model] ?? passage.request.model) else {
            return .failed(.badRequest("The model's name cannot be passed to a program."))
        }
        let stream = ProgramStream(passage)
        passage.markSent()
        let run = worker.run(prompt, as: Self.identity(account))
        passage.exchange.onClosed = { run.stop() }
        var last: CLIWorker.Event?
        for await event in run.events {
            switch event {
            case .finished, .failed: last = event
            default: if !stream.take(event) { run.stop() }
            }
        }
        passage.exchange.onClosed = nil
        let outcome = end(stream, last, passage, account, hasPrompt: run.hasPrompt())
        _ = consume lease
        return outcome
    }

    private func end(
        _ stream: ProgramStream, _ last: CLIWorker.Event?, _ passage: Passage, _ account: RelayAccount, hasPrompt: Bool
    ) -> Outcome {
        stream.noteWait()
        if case .finished(let result) = last, !passage.exchange.isClientGone {
            stream.finish(result)
            count(.success, account, passage)
            return .done
        }
        if passage.exchange.isClientGone {
            count(.aborted, account, passage)
            // Before its first event, too: the prompt may be at its upstream by then. What the upstream refuses it does not charge.
            var isRefused = false
            if case .failed(.refused) = last { isRefused = true }
            passage.settle(.aborted, httpStatus: nil, usage: passage.meteredStream(mayCharge: hasPrompt && !isRefused))
            return .done
        }
        // Without a last event the reader was given up because the answer was too long.
        var failure = CLIWorker.Failure.broken
        if case .failed(let found) = last { failure = found }
        services.log.warning(
            "cli.failed", ["account": LogValue(account.id), "failure": LogValue("\(failure)")], request: passage.exchange.id)
        let problem = blame(failure, account, passage)
        guard passage.isCommitted else {
            passage.noteLost()
            return .failed(problem)
        }
        passage.settle(.failed(type: "api_error"), httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
        passage.exchange.write(RelayProblem.upstreamFault.event(request: passage.exchange.id))
        passage.exchange.finish()
        return .done
    }

    /// What the account does about it, and what the caller is told. Words of the program are never passed on.
    private func blame(_ failure: CLIWorker.Failure, _ account: RelayAccount, _ passage: Passage) -> RelayProblem {
        let now = services.ambient.now()
        func fault(_ fault: AccountFault) {
            account.live.failed(fault, passage.family, now: now)
            count(AccountOutcome(fault), account, passage)
        }
        switch failure {
        case .busy: return .overloaded(retryAfterSeconds: 1)
        case .cannotStart:
            services.log.error(
                "cli.cannot_start",
                ["account": LogValue(account.id), "action": "look at CLAUDE_CLI: the program, its rights, room in DATA_DIR"],
                request: passage.exchange.id)
            fault(.unavailable)
            return .upstreamUnreachable
        case .timeout:
            fault(.timeout)
            return .upstreamTimeout
        case .refused(let status?, _):
            let verdict = UpstreamVerdict.of(
                status: status, message: "", retryAfter: nil, windows: UsageWindows(), family: passage.family, now: now)
            if case .fault(let found) = verdict {
                fault(found)
                if case .overloaded = found { return .overloaded(retryAfterSeconds: 5) }
                return .accountsOut(until: nil, now: now)
            }
            count(.relayed, account, passage)
            return .badRequest("The upstream does not take this request (\(status)).")
        case .refused(nil, _), .broken:
            if passage.isCommitted { count(.cut, account, passage) }
            fault(.broken)
            return .upstreamFault
        }
    }

    private func count(_ outcome: AccountOutcome, _ account: RelayAccount, _ passage: Passage) {
        services.meters.account(account, passage.family, outcome).add()
    }

    // MARK: What the program gets

    static func identity(_ account: RelayAccount) -> CLIWorker.Identity {
        var identity = CLIWorker.Identity(credential: account.credential)
        func begins(_ prefix: String) -> Bool { account.credential.reveal { $0.starts(with: Array(prefix.utf8)) } }
        // What plainly is a token or a console key goes in as that, whatever its row says.
        if begins("sk-ant-oat") {
            identity.credentialName = "CLAUDE_CODE_OAUTH_TOKEN"
        } else if account.account.details.header == .authorizationBearer, !begins("sk-ant-api") {
            identity.credentialName = "ANTHROPIC_AUTH_TOKEN"
        }
        let base = account.account.details.baseURL
        identity.baseURL = base == Self.unnamedBaseURL ? nil : base
        identity.proxy = account.programProxy
        return identity
    }

    /// The whole conversation as one message, as a program in print mode takes one. Nil when the model's name cannot be an argument.
    static func prompt(_ body: [UInt8], model: String) -> CLIWorker.Prompt? {
        guard CLIWorker.isModelName(model), let json = try? JSON(parsing: body), let turns = json["messages"].array, let last = turns.last
        else { return nil }
        func blocks(_ turn: JSON) -> [JSON] {
            let blocks = turn["content"].array ?? [["type": "text", "text": turn["content"]]]
            // Where the prompt is cached is the program's own business.
            return blocks.map { block in
                var members = block.object ?? [:]
                members["cache_control"] = nil
                return .object(members)
            }
        }
        func text(_ text: String) -> JSON { ["type": "text", "text": .string(text)] }
        var content: [JSON] = []
        if turns.count > 1 {
            content.append(text("Our conversation so far, oldest first:"))
            for turn in turns.dropLast() { content += [text(turn["role"].string == "assistant" ? "You said:" : "I said:")] + blocks(turn) }
            content.append(text("That is all so far. I say now:"))
        }
        var prompt = CLIWorker.Prompt(.array(content + blocks(last)), model: model)
        prompt.system = json["system"].string
        prompt.maxTokens = json["max_tokens"].wholeNumber
        return prompt
    }
}

/// Writes a program's events as the Messages stream that they came from, metered like an upstream's. Touched on the exchange's reactor.
private final class ProgramStream {
    private let passage: Passage
    private var held: [UInt8] = []
    private var index: Int64 = -1
    private var hasBegun = false

    init(_ passage: Passage) { self.passage = passage }

    func noteWait() {
        guard let sent = passage.sentAtNanoseconds else { return }
        passage.waitedNanoseconds += passage.now &- sent
        passage.sentAtNanoseconds = nil
    }

    /// False when nobody takes more.
    func take(_ event: CLIWorker.Event) -> Bool {
        switch event {
        case .began(let model, let usage):
            // It tries once more by itself; nothing of the first try was told.
            guard !hasBegun else { return true }
            begin(model, usage)
            return true
        case .thinking:
            if !hasBegun { begin("", .null) }
            endBlock()
            index += 1
            return send(
                "content_block_start", ["index": .int(index), "content_block": ["type": "thinking", "thinking": "", "signature": ""]])
        case .text(let text):
            if !hasBegun { begin("", .null) }
            if !isInText {
                endBlock()
                index += 1
                isInText = true
                guard send("content_block_start", ["index": .int(index), "content_block": ["type": "text", "text": ""]]) else {
                    return false
                }
            }
            return send("content_block_delta", ["index": .int(index), "delta": ["type": "text_delta", "text": .string(text)]])
        case .started, .finished, .failed: return true
        }
    }
    private var isInText = false

    private func begin(_ model: String, _ usage: JSON) {
        hasBegun = true
        let name = model.isEmpty ? passage.request.model : model
        let known: JSON = usage.object == nil ? ["input_tokens": 0, "output_tokens": 0] : usage
        hold(
            "message_start",
            [
                "message": [
                    "id": .string("msg_cli_" + passage.exchange.id.text.dropFirst(4)), "type": "message", "role": "assistant",
                    "model": .string(name), "content": [], "stop_reason": nil, "stop_sequence": nil, "usage": known,
                ]
            ])
    }

    private func endBlock() {
        isInText = false
        if index >= 0 { hold("content_block_stop", ["index": .int(index)]) }
    }

    func finish(_ result: CLIWorker.Result) {
        if !hasBegun { begin("", result.usage) }
        endBlock()
        hold(
            "message_delta",
            [
                "delta": ["stop_reason": .string(result.stopReason ?? "end_turn"), "stop_sequence": nil],
                "usage": result.usage.object == nil ? [:] : result.usage,
            ])
        hold("message_stop", [:])
        commit()
        // The journal has the numbers before the caller has the last event.
        passage.settle(.success, httpStatus: 200, usage: passage.meteredStream(mayCharge: true))
        flush()
        passage.exchange.finish()
    }

    private func hold(_ name: String, _ members: JSONObject) {
        var data = members
        data["type"] = .string(name)
        let bytes = Array("event: \(name)\ndata: ".utf8) + JSON.object(data).bytes + Array("\n\n".utf8)
        passage.meter.feed(bytes.span)
        passage.recording?.note(bytes.span)
        passage.checkpoint()
        held += bytes
    }

    private func send(_ name: String, _ members: JSONObject) -> Bool {
        hold(name, members)
        commit()
        return flush()
    }

    private func commit() {
        guard !passage.isCommitted else { return }
        noteWait()
        passage.firstByteAtNanoseconds = passage.now
        passage.isCommitted = true
        passage.markServed()
        var headers = HeaderBlock()
        headers.add("content-type", "text/event-stream; charset=utf-8")
        headers.add("x-relay-request-id", passage.exchange.id.text)
        passage.exchange.startResponse(status: 200, headers: headers, framing: .chunked)
    }

    @discardableResult
    private func flush() -> Bool {
        guard !held.isEmpty else { return true }
        let bytes = held
        held = []
        return passage.exchange.write(bytes) != .gone
    }
}
