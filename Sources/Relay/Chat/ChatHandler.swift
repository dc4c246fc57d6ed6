internal import Domain
internal import HTTP
internal import Store
internal import Synchronization
internal import Telemetry

/// The simple chat interface: one call, context kept here, server-sent events that can be resumed (relay contract, section 12).
struct ChatHandler: Sendable {
    static let path = "/api/chat"
    /// A key may stand in the address, so nothing of an answer is kept or told on.
    static let privacy = [("cache-control", "no-store"), ("referrer-policy", "no-referrer")]

    let services: RelayServices
    let runs: ChatRuns
    let book: ChatBook
    let aliases: ModelAliases
    /// The first that takes a turn makes it.
    let sources: [any TurnSource]

    // MARK: POST /api/chat

    func ask(_ exchange: Exchange) async {
        await refusing(exchange) {
            let key = try self.key(exchange)
            let body = try await RelayGate.body(exchange, limit: services.limits.bodyBytes)
            guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
                throw RelayProblem.outOfMemory
            }
            guard let json = try? JSON(parsing: body) else { throw ChatProblem.bad("The request body is not valid JSON.") }
            let ask = try ChatAsk(json, aliases: aliases)
            try await run(ask, key, exchange, ticket: nil)
            _ = consume memory
        }
    }

    // MARK: GET /api/chat/stream

    func stream(_ exchange: Exchange) async {
        // HEAD finds this route too, and must not make an answer.
        guard exchange.head.method == .get else {
            var refusal = ChatProblem.onlyGet.response(request: exchange.id)
            refusal.headers.add("allow", "GET")
            return exchange.respond(refusal)
        }
        await refusing(exchange) {
            let query = QueryText.parse(exchange.head.queryText)
            func value(_ name: String) -> String? { query.first { $0.name == name && !$0.value.isEmpty }?.value }
            let runID = "r_" + exchange.id.text.dropFirst(4)
            let key: RelayKey
            var resumed: (run: String, after: Int)?
            if let ticket = value("ticket") {
                switch runs.use(ticket, for: runID) {
                case nil: throw ChatProblem.badTicket
                case .fresh(let id): key = try usable(id, exchange)
                case .used(let id, let run):
                    key = try usable(id, exchange)
                    resumed = (run, -1)
                }
            } else if let secret = value("apiKey") ?? value("key") {
                guard let found = services.keys.find(Array(secret.utf8)) else { throw RelayProblem.noKey }
                key = try RelayGate.check(found, exchange, services)
            } else {
                key = try self.key(exchange)
            }
            if let last = exchange.head.value(of: "last-event-id").flatMap(Self.eventID) {
                // A ticket that was used reads its own run only.
                guard resumed == nil || resumed?.run == last.run else { throw ChatProblem.badTicket }
                resumed = last
            }
            if let resumed { return await resume(resumed.run, after: resumed.after, key, exchange) }
            try draining()
            var ask = try ChatAsk(query: query, aliases: aliases)
            ask.isStream = true
            try await run(ask, key, exchange, ticket: value("ticket"))
        }
    }

    /// "r_…:7", or -1 for no event yet. A number beyond all frames is as good as any other: a run has no more of them than bytes.
    private static func eventID(_ text: String) -> (run: String, after: Int)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix("r_"), !parts[1].isEmpty else { return nil }
        if parts[1] == "-1" { return (String(parts[0]), -1) }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return (String(parts[0]), min(Int(parts[1]) ?? .max, ChatRun.maximumBytes))
    }

    /// Never makes a second answer: what is over or unknown is 204, which stops an EventSource.
    private func resume(_ id: String, after: Int, _ key: RelayKey, _ exchange: Exchange) async {
        guard let run = runs.run(id, key: key.key.id),
            run.read({ $0.overAt == nil || after + 1 < $0.frames.count || $0.problem != nil && after < 0 })
        else {
            return exchange.respond(Response(status: 204, headers: Headers(Self.privacy)))
        }
        await ChatReader(run, exchange, after: after).follow()
    }

    // MARK: A turn

    private func run(_ ask: ChatAsk, _ key: RelayKey, _ exchange: Exchange, ticket: String?) async throws {
        try key.check(service: RelayGate.service(Self.path))
        try key.check(model: ask.model)
        if let id = ask.conversationID, !runs.claim(id, by: key.key.id) { throw ChatProblem.busy }
        defer { if let id = ask.conversationID { runs.release(id, by: key.key.id) } }
        var before: Conversation?
        var content = ChatContent()
        if let id = ask.conversationID {
            guard let found = try await book.find(id, key: key.key.id) else { throw ChatProblem.noConversation }
            (before, content) = (found.row, found.content)
        }
        if content.messages.isEmpty, let system = ask.system { content.system = system }
        let turn = ChatTurn(key: key, model: ask.model, body: content.body(ask, services.models.traits(ask.model)))
        guard let source = sources.first(where: { $0.takes(turn) }) else { throw RelayProblem.modelNotFound }
        let conversationID = ask.isStored ? ask.conversationID ?? book.newID() : nil
        let run = ChatRun(exchange, key: key, conversationID: conversationID, model: ask.model, waitsForReaders: ask.isStream)
        let inner = Exchange(
            inside: exchange,
            head: RequestHead(
                .post, "/v1/messages",
                fields: [
                    ("content-type", "application/json"), ("accept", "text/event-stream"),
                    ("user-agent", exchange.head.value(of: "user-agent") ?? "gatehouse"),
                    ("anthropic-version", services.limits.apiVersion),
                ] + (conversationID.map { [("x-session-id", $0)] } ?? [])), body: turn.body, sink: run)
        run.inner = inner
        runs.add(run)
        guard ask.isStream else {
            exchange.onClosed = { [unowned exchange] in inner.leave(isCut: exchange.isCut) }
            await make(run, source, turn, inner, ask, content, before)
            return answer(run, ask, exchange)
        }
        // The turn goes on for a while when its reader leaves, so that it may come back.
        async let reading: Void = ChatReader(run, exchange, after: -1).follow()
        await make(run, source, turn, inner, ask, content, before)
        await reading
    }

    /// Makes the turn, keeps the conversation, and only then says that it is done: the next question may come at once.
    private func make(
        _ run: ChatRun, _ source: any TurnSource, _ turn: ChatTurn, _ inner: Exchange, _ ask: ChatAsk, _ content: ChatContent,
        _ before: Conversation?
    ) async {
        await source.run(turn, inner)
        inner.end()
        run.settleStart()
        let text = run.text
        var content = content
        // An answer may have none, as a refusal. The upstream takes no blank turn later on, so such a pair is not kept; the conversation is,
        // for its id is told.
        let hasText = !text.allSatisfy(\.isWhitespace)
        if let id = run.conversationID, run.isComplete || ask.keepsPartial && hasText {
            if hasText { content.append(ask.content, text) }
            let answers: Int64 = hasText ? 1 : 0
            do {
                try await book.keep(id, key: run.keyID, model: ask.model, content: content, before: before, answers: answers)
            } catch {
                services.log.error("chat.not_kept", ["error": LogValue("\(error)")], request: inner.id)
            }
        }
        run.end(lastFrame(run, text), at: services.ambient.now())
        runs.ended(run)
    }

    private func lastFrame(_ run: ChatRun, _ text: String) -> JSON {
        if let failure = run.failure {
            return [
                "type": "error", "code": .string(failure.code), "message": .string(failure.message),
                "retryable": .bool(failure.isRetryable),
            ]
        }
        return [
            "type": "done", "stop_reason": run.stopReason.map(JSON.string) ?? .null, "usage": usage(run), "text": .string(text),
        ]
    }

    private func usage(_ run: ChatRun) -> JSON {
        let (usage, model) = (run.usage, run.read { $0.model })
        let tokens = usage.iterations.isEmpty ? usage.tokens : usage.iterationTotal
        let isFree = services.demo != nil && services.accounts.isEmpty
        // What the customer pays, as in their history.
        let millionths = services.keys.find(run.keyID)?.key.access.priceMillionths ?? 1_000_000
        let price =
            isFree
            ? 0
            : services.prices.price(usage, tokens: tokens, model: model, at: services.ambient.now(), millionths: millionths)
                .customerMicroUSD
        return [
            "input_tokens": .int(tokens.input), "output_tokens": .int(tokens.output), "cache_read_tokens": .int(tokens.cacheRead),
            "cache_write_tokens": .int(tokens.cacheWrite5m + tokens.cacheWrite1h), "cost_usd": .string(MicroDollars.text(price)),
        ]
    }

    private func answer(_ run: ChatRun, _ ask: ChatAsk, _ exchange: Exchange) {
        guard !exchange.isClientGone else { return }
        if let failure = run.failure { return exchange.respond(failure.response(request: exchange.id)) }
        let text = JSON.string(run.text)
        var headers = Headers(Self.privacy)
        headers.add("content-type", "application/json")
        headers.add("x-relay-request-id", exchange.id.text)
        let body: JSON = [
            "id": .string(run.id), "conversation_id": run.conversationID.map(JSON.string) ?? .null, "model": .string(run.read { $0.model }),
            "message": ["role": "assistant", "content": text], "response": text,
            "stop_reason": run.stopReason.map(JSON.string) ?? .null, "usage": usage(run),
            "created_at": .string(services.ambient.now().text),
        ]
        exchange.respond(Response(status: 200, headers: headers, body: body.bytes))
    }

    // MARK: Tickets and conversations

    func ticket(_ exchange: Exchange) async {
        await refusing(exchange) {
            let key = try self.key(exchange)
            try draining()
            try SideCall(services: services).takeRate(key, exchange)
            let ticket = try runs.ticket(for: key.key.id)
            respond(exchange, ["ticket": .string(ticket), "expires_in": .int(ChatRuns.ticketSeconds)])
        }
    }

    private static let listLimits: ClosedRange<Int> = 1...200

    func conversations(_ exchange: Exchange) async {
        await refusing(exchange) {
            let key = try self.key(exchange)
            let query = QueryText.parse(exchange.head.queryText)
            let limit = query.first { $0.name == "limit" }.map { Int($0.value) ?? 0 } ?? 50
            guard Self.listLimits.contains(limit) else { throw ChatProblem.bad("limit: must be a whole number from 1 to 200.") }
            let page = try await book.list(key: key.key.id, after: query.first { $0.name == "cursor" }?.value, limit: limit)
            respond(
                exchange,
                [
                    "conversations": .array(page.items.map { .object(Self.members($0)) }),
                    "next_cursor": page.hasMore ? page.items.last.map { .string($0.id) } ?? .null : .null,
                ])
        }
    }

    func conversation(_ exchange: Exchange) async {
        await refusing(exchange) {
            let key = try self.key(exchange)
            let id = PathParts.after("conversations", exchange.head.pathText)
            guard let found = try await book.find(id, key: key.key.id) else { throw ChatProblem.noConversation }
            var members = Self.members(found.row)
            members["system"] = found.content.system.map(JSON.string) ?? .null
            members["messages"] = .array(found.content.messages)
            respond(exchange, .object(members))
        }
    }

    func delete(_ exchange: Exchange) async {
        await refusing(exchange) {
            let key = try self.key(exchange)
            let id = PathParts.after("conversations", exchange.head.pathText)
            guard try await book.delete(id, key: key.key.id) else { throw ChatProblem.noConversation }
            exchange.respond(Response(status: 204, headers: Headers(Self.privacy)))
        }
    }

    private static func members(_ row: Conversation) -> JSONObject {
        [
            "id": .string(row.id), "model": .string(row.model), "turns": .int(row.turns), "created_at": .string(row.createdAt.text),
            "updated_at": .string(row.updatedAt.text), "expires_at": .string(row.expiresAt.text),
        ]
    }

    // MARK: Parts

    private func key(_ exchange: Exchange) throws -> RelayKey { try RelayGate.key(exchange, services) }
    private func usable(_ id: APIKeyID, _ exchange: Exchange) throws -> RelayKey {
        guard let key = services.keys.find(id) else { throw RelayProblem.noKey }
        return try RelayGate.check(key, exchange, services)
    }
    private func draining() throws { if services.isDraining.load(ordering: .relaxed) { throw RelayProblem.draining } }

    private func respond(_ exchange: Exchange, _ json: JSON) {
        var headers = Headers(Self.privacy)
        headers.add("content-type", "application/json")
        headers.add("x-relay-request-id", exchange.id.text)
        exchange.respond(Response(status: 200, headers: headers, body: json.bytes))
    }

    /// Every refusal in the shape of this surface.
    private func refusing(_ exchange: Exchange, _ work: () async throws -> Void) async {
        let problem: ChatProblem
        do { return try await work() } catch let error as ChatProblem {
            problem = error
        } catch let error as RelayProblem {
            services.meters.refused(error)
            problem = ChatProblem(error)
        } catch {
            services.log.error("chat.failed", ["error": LogValue("\(error)")], request: exchange.id)
            problem = ChatProblem(.cannotRead)
        }
        guard !exchange.hasResponded, !exchange.isClientGone else { return }
        exchange.respond(problem.response(request: exchange.id))
    }
}

extension Headers {
    fileprivate init(_ fields: [(String, String)]) {
        self.init()
        for (name, value) in fields { add(name, value) }
    }
}

extension Relay {
    public static let chatStreamPath = "/api/chat/stream"
    /// An address has to fit into a request's head; a body does not.
    public static let chatStreamTooLong =
        "The address is too long. POST /api/chat takes the message in its body and streams with \"stream\":true; a ticket of POST /api/chat/tickets keeps the key out of the address."
}

/// Micro-dollars as people read them: six digits behind the point.
enum MicroDollars {
    static func text(_ amount: Int64) -> String {
        let (whole, rest) = amount.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let digits = String(rest)
        return (amount < 0 ? "-" : "") + "\(whole)." + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
