internal import Domain
internal import HTTP
internal import Store
internal import Telemetry

/// Tries accounts until one answers, and never a second one once a byte of an answer has gone to the client.
struct Attempts: Sendable {
    let passage: Passage
    let key: RelayKey

    var services: RelayServices { passage.services }
    var exchange: Exchange { passage.exchange }

    /// What came of one attempt.
    enum Outcome {
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
    indirect enum LastWord {
        case problem(RelayProblem)
        /// The fault of an account, which the customer must not see: when the pool is back is all there is to say.
        case hidden
        case answer(UpstreamResponseHead, body: [UInt8], type: String)
    }

    /// What has been tried and what came of it.
    struct Plan {
        var wish: AccountWish
        var lastWord: LastWord?
        /// The last word is that of an account that does not know the model.
        var isUnlisted = false
        var allowed: Int
    }

    // The async functions here hold little and leave the work to others that never wait: whatever stands in an async function is kept in
    // its frame, on the heap, and frames past a kilobyte cost more than the work. `@inline(never)` keeps it out of them.

    func run() async throws(RelayProblem) {
        var plan = plan()
        guard let account = try next(&plan) else { return }
        try await run(from: await attempt(account, mayRenew: true), of: account, plan)
    }

    /// From what came of the first attempt.
    func run(from outcome: Outcome, of account: RelayAccount, _ plan: Plan) async throws(RelayProblem) {
        var (outcome, account, plan) = (outcome, account, plan)
        while true {
            if case .renewed = outcome { outcome = await attempt(beginAgain(account), mayRenew: false) }
            if try isLast(outcome, &plan) { return }
            guard let other = try next(&plan) else { return }
            account = other
            outcome = await attempt(account, mayRenew: true)
        }
    }

    @inline(never) func plan() -> Plan {
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
    @inline(never) func next(_ plan: inout Plan) throws(RelayProblem) -> RelayAccount? {
        guard plan.wish.tried.count < plan.allowed, plan.wish.tried.isEmpty || !isOverTime else {
            try speak(plan.lastWord ?? .hidden, plan.wish)
            return nil
        }
        do throws(NoAccount) {
            let lease = try services.accounts.choose(&plan.wish, now: passage.moment)
            let account = lease.account
            passage.hold(consume lease)
            plan.wish.tried.append(account.id)
            if let move = plan.wish.move { note(move) }
            passage.beginAttempt(with: account)
            return account
        } catch {
            if let lastWord = plan.lastWord {
                // Those that list the model are out for a while: that says more than one that does not know it.
                if plan.isUnlisted, case .out(let until?) = error { throw .accountsOut(until: until, now: services.ambient.now()) }
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
            if case .hidden = word, plan.lastWord != nil {
            } else {
                plan.lastWord = word
                plan.isUnlisted = false
            }
            if let others { plan.allowed = min(plan.allowed, plan.wish.tried.count + others) }
        case .unlisted(let word):
            if plan.wish.onlyListing {
                try speak(plan.lastWord ?? word, plan.wish)
                return true
            }
            if plan.lastWord == nil { (plan.lastWord, plan.isUnlisted) = (word, true) }
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
        case .answer(let head, let body, let type): answer(head, body, type)
        }
    }

    private static let messagesPath = Array("/v1/messages".utf8)

    private func attempt(_ account: RelayAccount, mayRenew: Bool) async -> Outcome {
        let call = call(account)
        let response: UpstreamResponse
        do throws(UpstreamError) {
            response = try await pool.send(call)
        } catch {
            noteWait()
            return failure(error)
        }
        return await outcome(of: response, kind(response, account), account, mayRenew: mayRenew)
    }

    var pool: UpstreamPool { services.pools[exchange.reactor.index] }

    func outcome(of response: UpstreamResponse, _ kind: Kind, _ account: RelayAccount, mayRenew: Bool) async -> Outcome {
        switch kind {
        case .refusal: return await refusal(response, account, mayRenew: mayRenew)
        case .stream: return await stream(response)
        case .whole: return await whole(response)
        }
    }

    @inline(never) func call(_ account: RelayAccount) -> UpstreamCall {
        let model = account.modelMap[passage.request.model]
        let held = passage.body?.bytes ?? .bytes([])
        let sent = model.map { name in .bytes(held.withSpan { passage.request.body($0, model: name) }) } ?? held
        let head = exchange.head
        var path = Self.messagesPath
        if !head.query.isEmpty { path += HeaderRules.query(head) }
        let call = UpstreamCall(
            HeaderRules.upstream(.post, path.span, head, account: account, body: sent),
            to: account.target, deadlines: services.limits.deadlines, followsTask: false)
        passage.call = call
        exchange.watcher = passage
        passage.markSent()
        return call
    }

    enum Kind { case refusal, stream, whole }

    @inline(never) func kind(_ response: UpstreamResponse, _ account: RelayAccount) -> Kind {
        account.route.succeeded()
        let head = response.head
        account.live.note(head, nanoseconds: passage.now)
        services.meters.upstreamStatus(head.status)
        passage.upstreamStatus = Int64(head.status)
        passage.upstreamRequestID = head.range(of: HeaderRules.requestID).map { head.text($0.prefix(128)) }
        guard head.status == 200 else { return .refusal }
        if head.withValue(of: HeaderRules.contentType, HeaderRules.isEventStream) == true { return .stream }
        passage.firstByteAtNanoseconds = passage.now
        return .whole
    }

    /// The upstream has the word no longer: what passes from here on is the relay's own time.
    func noteWait() {
        guard let sent = passage.sentAtNanoseconds else { return }
        passage.waitedNanoseconds += passage.now &- sent
        passage.sentAtNanoseconds = nil
    }
}
