internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// `/v1/messages/batches`: passed through to one account, which later calls go back to. A batch belongs to the key that made it; for
/// every other key it does not exist (relay contract, section 9).
struct BatchesHandler: Sendable {
    let services: RelayServices
    let books: BatchBooks
    let store: Store
    private var side: SideCall { SideCall(services: services) }

    /// Of a batch (relay contract, section 4); the memory for all bodies under way is a limit of its own.
    static let bodyBytes = 256 << 20
    /// Requests in one batch; the upstream takes as many.
    private static let maximumRequests = 100_000
    private static let path = "/v1/messages/batches"

    // MARK: Create

    func create(_ exchange: Exchange) async {
        await side.refusing(exchange) { () async throws(RelayProblem) in
            let key = try side.key(exchange, for: "batches")
            try RelayGate.client(key, exchange.head, nil)
            let body = try await RelayGate.body(exchange, limit: min(Self.bodyBytes, services.limits.heldBodyBytes))
            guard let memory = ByteLease(services.bodyBytes, count: body.count, limit: services.limits.heldBodyBytes) else {
                throw .outOfMemory
            }
            let wanted = try Wanted(body.span, key)
            let now = services.ambient.now()
            let reserved = reservation(wanted, key, exchange, now)
            let lease = try admit(key, reserved)
            let address = Self.path + BatchBooks.query(exchange.head)
            var intent: MessageBatch?
            let ticket = lease.ticket
            let reply: SideCall.Reply
            do throws(RelayProblem) {
                reply = try await side.any(exchange, for: key, address, models: wanted.models) { account async throws(RelayProblem) in
                    let mine = Self.intent(key, account, reserved, exchange)
                    try await books.intend(mine, exchange.id)
                    intent = mine
                    // From here on the batch holds it, which the database knows.
                    ticket.settle(TokenCounts(), costMicroUSD: 0, model: "")
                    return wanted.models.contains { account.modelMap[$0] != nil } ? wanted.body(body, map: account.modelMap) : body
                }
            } catch {
                if let intent { await books.forget(intent) }
                throw error
            }
            guard let intent, reply.status == 200, let state = try? JSON(parsing: reply.body), let id = state["id"].string, Self.isName(id)
            else {
                // One that was taken without a name is reported when its wait is over.
                if let intent, reply.status >= 300 { await books.forget(intent) }
                return side.answer(exchange, reply)
            }
            var batch = intent
            (batch.id, batch.state, batch.isCreating) = (id, state.text, false)
            await books.name(BatchBooks.Unnamed(intent: intent, batch: batch), exchange.id)
            if key.awaitsFirstUse { services.keys.activate(key.key.id, at: now) }
            _ = consume lease
            side.answer(exchange, reply, body: shown(state, exchange).bytes)
            _ = consume memory
        }
    }

    /// Under a name that no upstream gives and no caller can ask for.
    private static func intent(
        _ key: RelayKey, _ account: RelayAccount, _ reserved: LimitCounters.Reservation, _ exchange: Exchange
    ) -> MessageBatch {
        let held = reserved.amounts.period
        return MessageBatch(
            id: "creating:\(exchange.id.text)", apiKeyID: key.key.id, keyName: key.key.name, userID: key.key.ownerID, accountID: account.id,
            createdAt: reserved.moment, reservedTokens: held.tokens, reservedMicroUSD: held.costMicroUSD,
            reservedOpusMicroUSD: held.opusCostMicroUSD, state: "{}", isCreating: true)
    }

    /// What stands in a batch's body: the models and how much they may write.
    private struct Wanted {
        var models: [String] = []
        var maximumOutput: [String: Int64] = [:]
        /// Offsets of each model's string, quotes included.
        var modelRanges: [(model: String, range: Range<Int>)] = []
        var bytes: Int64 = 0
        /// Any of its requests asks for it.
        var (isFast, isUS) = (false, false)

        init(_ bytes: Span<UInt8>, _ key: RelayKey) throws(RelayProblem) {
            self.bytes = Int64(bytes.count)
            var requests: Range<Int>?
            let end = JSONSkim.members(bytes, 0) { bytes, name, value in
                if JSONSkim.matches(bytes, name, "requests") { requests = value }
                return true
            }
            guard end != nil else { throw .badRequest("The request body must be a JSON object.") }
            guard let requests else { throw .badRequest("requests: a non-empty array is required.") }
            var wanted = self
            var (count, problem): (Int, RelayProblem?) = (0, nil)
            let isList = JSONSkim.elements(bytes, requests.lowerBound) { bytes, element in
                count += 1
                problem = wanted.take(bytes, element, count - 1, key)
                if count > maximumRequests { problem = .badRequest("requests: at most \(maximumRequests).") }
                return problem == nil
            }
            if let problem { throw problem }
            guard isList, count > 0 else { throw .badRequest("requests: a non-empty array is required.") }
            self = wanted
        }

        private mutating func take(_ bytes: Span<UInt8>, _ element: Range<Int>, _ index: Int, _ key: RelayKey) -> RelayProblem? {
            var (model, range, maximum): (String?, Range<Int>, Int64?) = (nil, 0..<0, nil)
            var hasTwo = false
            _ = JSONSkim.members(bytes, element.lowerBound) { bytes, name, value in
                guard JSONSkim.matches(bytes, name, "params") else { return true }
                _ = JSONSkim.members(bytes, value.lowerBound) { bytes, name, value in
                    if JSONSkim.matches(bytes, name, "model") {
                        hasTwo = hasTwo || model != nil
                        (model, range) = (JSONSkim.string(bytes, value), value)
                    }
                    if JSONSkim.matches(bytes, name, "max_tokens") { maximum = JSONSkim.count(bytes, value) }
                    if JSONSkim.matches(bytes, name, "speed") { isFast = isFast || JSONSkim.string(bytes, value) == "fast" }
                    if JSONSkim.matches(bytes, name, "inference_geo") { isUS = isUS || JSONSkim.string(bytes, value) == "us" }
                    return true
                }
                return true
            }
            // Parsers disagree on which of two counts, so one of them could be a model that the key may not use.
            if hasTwo { return .badRequest("requests[\(index)].params.model: the field is given twice.") }
            guard let model, !model.isEmpty else { return .badRequest("requests[\(index)].params.model: a non-empty string is required.") }
            guard model.utf8.count <= MessagesRequest.longestModel else {
                return .badRequest("requests[\(index)].params.model: at most \(MessagesRequest.longestModel) bytes.")
            }
            do throws(RelayProblem) { try key.check(model: model) } catch { return error }
            if maximumOutput[model] == nil { models.append(model) }
            let sum = (maximumOutput[model] ?? 0).addingReportingOverflow(min(maximum ?? 0, 1_000_000))
            maximumOutput[model] = sum.partialValue
            modelRanges.append((model, range))
            return nil
        }

        /// With other model names: only those strings' bytes differ.
        func body(_ bytes: [UInt8], map: [String: String]) -> [UInt8] {
            var out: [UInt8] = []
            out.reserveCapacity(bytes.count)
            var from = 0
            for (model, range) in modelRanges {
                guard let other = map[model] else { continue }
                out += bytes[from..<range.lowerBound]
                JSON.quote(other, into: &out)
                from = range.upperBound
            }
            return out + bytes[from...]
        }
    }

    private func reservation(_ wanted: Wanted, _ key: RelayKey, _ exchange: Exchange, _ now: Timestamp) -> LimitCounters.Reservation {
        var usage = MeteredUsage()
        usage.isBatch = true
        (usage.isFast, usage.isUS) = (wanted.isFast, wanted.isUS)
        var reserved = LimitCounters.Reservation(moment: now, second: exchange.reactor.nowNanoseconds / 1_000_000_000, places: 0)
        reserved.mustFit = true
        for (index, model) in wanted.models.enumerated() {
            // The body's size says nothing about how its bytes fall to the models; the first bears them all.
            let input = index == 0 ? PromptEstimate.tokens(bytes: Int(clamping: wanted.bytes)) : 0
            let tokens = TokenCounts(input: input, output: wanted.maximumOutput[model] ?? 0)
            reserved.amounts.add(RelayGate.dearest(key, usage, tokens, model: model, services, at: now))
        }
        reserved.amounts.period.requests = 1
        return reserved
    }

    /// A batch that does not fit the budgets is refused whole; it takes one request of the rate and no concurrency.
    private func admit(_ key: RelayKey, _ wanted: LimitCounters.Reservation) throws(RelayProblem) -> KeyLease {
        do throws(LimitRefusal) { return try KeyLease(services.keeper, key.holders, want: wanted) } catch {
            throw RelayGate.problem(error)
        }
    }

    // MARK: Later calls

    func one(_ exchange: Exchange, id: String) async {
        await mine(exchange, id) { batch throws(RelayProblem) in
            switch try await current(batch, exchange) {
            case .known(let state): respond(exchange, shown(state, exchange))
            case .refused(let reply): side.answer(exchange, reply)
            }
        }
    }

    func cancel(_ exchange: Exchange, id: String) async {
        await mine(exchange, id) { batch throws(RelayProblem) in
            let reply = try await pinned(batch, exchange, .post, "/cancel")
            guard reply.status == 200, let state = try? JSON(parsing: reply.body) else { return side.answer(exchange, reply) }
            try await keep { transaction throws(StoreError) in
                try transaction.updateBatch(batch.id, state: state.text, nextLookAt: nil)
            }
            side.answer(exchange, reply, body: shown(state, exchange).bytes)
        }
    }

    func results(_ exchange: Exchange, id: String) async {
        await mine(exchange, id) { batch throws(RelayProblem) in
            try await books.fetch(batch, on: exchange.reactor, head: exchange.head, to: exchange)
        }
    }

    func delete(_ exchange: Exchange, id: String) async {
        await mine(exchange, id) { batch throws(RelayProblem) in
            // What it cost has to be known before it is gone.
            if batch.bookedAt == nil {
                switch try await current(batch, exchange) {
                case .known(let state):
                    if state["processing_status"].string == "ended" {
                        try await books.fetch(batch, on: exchange.reactor, head: exchange.head, to: nil)
                    }
                case .refused(let reply): return side.answer(exchange, reply)
                }
            }
            let reply = try await pinned(batch, exchange, .delete, "")
            if reply.status == 200 {
                try await keep { transaction throws(StoreError) in try transaction.deleteBatch(batch.id) }
            }
            side.answer(exchange, reply)
        }
    }

    private static let listLimits: ClosedRange<Int> = 1...1000
    /// Batches of one list that are asked for again upstream; the rest is shown as it was last seen.
    private static let refreshedPerList = 20

    func list(_ exchange: Exchange) async {
        await side.refusing(exchange) { () async throws(RelayProblem) in
            let key = try side.key(exchange, for: "batches")
            let query = QueryText.parse(exchange.head.queryText)
            func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
            let limit = value("limit").map { Int($0) ?? 0 } ?? 20
            guard Self.listLimits.contains(limit) else { throw .badRequest("limit: must be a whole number from 1 to 1000.") }
            let (after, before) = (value("after_id"), value("before_id"))
            let page: Page<MessageBatch>
            do throws(StoreError) {
                page = try await store.read { reader throws(StoreError) in
                    for id in [after, before].compactMap(\.self) where try reader.batch(id, apiKeyID: key.key.id) == nil {
                        throw .refused("unknown_batch")
                    }
                    return try reader.batches(apiKeyID: key.key.id, after: after, before: before, limit: limit)
                }
            } catch {
                if case .refused = error { throw .badRequest("after_id or before_id: there is no such batch.") }
                throw .cannotRead
            }
            var data: [JSON] = []
            var asked = 0
            for batch in page.items {
                var state = (try? JSON(parsing: Array(batch.state.utf8))) ?? .null
                if state["processing_status"].string != "ended", asked < Self.refreshedPerList {
                    asked += 1
                    if let fresh = try? await books.refreshed(batch, on: exchange.reactor, head: exchange.head) { state = fresh }
                }
                data.append(shown(state, exchange))
            }
            respond(
                exchange,
                [
                    "data": .array(data), "has_more": .bool(page.hasMore), "first_id": data.first?["id"] ?? .null,
                    "last_id": data.last?["id"] ?? .null,
                ])
        }
    }

    // MARK: Parts

    /// Runs it for the caller's own batch; any other is not there.
    private func mine(_ exchange: Exchange, _ id: String, _ work: (MessageBatch) async throws(RelayProblem) -> Void) async {
        await side.refusing(exchange) { () async throws(RelayProblem) in
            let key = try side.key(exchange, for: "batches")
            let batch: MessageBatch?
            do throws(StoreError) {
                batch = try await store.read { reader throws(StoreError) in try reader.batch(id, apiKeyID: key.key.id) }
            } catch { throw .cannotRead }
            guard let batch, Self.isName(id) else { throw .notFound }
            try await work(batch)
        }
    }

    private func pinned(
        _ batch: MessageBatch, _ exchange: Exchange, _ method: HTTP.Method, _ rest: String
    ) async throws(RelayProblem) -> SideCall.Reply {
        guard let account = books.account(batch) else { throw .notFound }
        let path = "\(Self.path)/\(batch.id)\(rest)" + BatchBooks.query(exchange.head)
        let reply = try await side.whole(exchange.reactor, method, path, exchange.head, account)
        try side.hideFault(of: reply)
        return reply
    }

    /// How far a batch is, or what the upstream says instead.
    private enum Look {
        case known(JSON)
        case refused(SideCall.Reply)
    }

    private func current(_ batch: MessageBatch, _ exchange: Exchange) async throws(RelayProblem) -> Look {
        do {
            let query = BatchBooks.query(exchange.head)
            return .known(try await books.refreshed(batch, on: exchange.reactor, head: exchange.head, query: query))
        } catch let problem as RelayProblem {
            throw problem
        } catch let refusal as BatchBooks.Refusal {
            return .refused(refusal.reply)
        } catch { throw .cannotRead }
    }

    private func keep(_ change: @escaping @Sendable (Transaction) throws(StoreError) -> Void) async throws(RelayProblem) {
        do throws(StoreError) { try await store.transaction(change) } catch {
            services.log.warning("batch.not_kept", ["error": LogValue("\(error)")])
            throw .cannotRead
        }
    }

    private func respond(_ exchange: Exchange, _ json: JSON) {
        exchange.respond(
            Response(
                status: 200,
                headers: [
                    "content-type": "application/json", "cache-control": "no-store", "x-relay-request-id": exchange.id.text,
                    "request-id": exchange.id.text,
                ], body: json.bytes))
    }

    /// Names are put into paths.
    private static func isName(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { $0 == 0x5f || $0 == 0x2d || (0x30...0x39).contains($0) || (0x41...0x5a).contains($0 & 0xdf) }
    }

    /// The upstream's answer with `results_url` at this server, under the prefix that the caller uses.
    private func shown(_ state: JSON, _ exchange: Exchange) -> JSON {
        guard var object = state.object, let id = state["id"].string else { return state }
        if state["results_url"].string != nil {
            let path = exchange.head.pathText
            let prefix = path.firstRange(of: Self.path).map { String(path[..<$0.lowerBound]) } ?? ""
            let host = exchange.head.value(of: "host") ?? ""
            let base = services.publicURL ?? "\(exchange.isSecure ? "https" : "http")://\(host)"
            object["results_url"] = .string("\(base)\(prefix)\(Self.path)/\(id)/results")
        }
        return .object(object)
    }
}
