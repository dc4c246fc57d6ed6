public import Domain
internal import HTTP
public import Secrets
public import Store

/// Asks an upstream with an account's own credential for the smallest answer there is, says what came of it, and keeps that. What it
/// used is in the ledger, borne by the operator: the ledger is what the upstream bills.
public struct AccountTester: Sendable {
    public struct Outcome: Sendable, Equatable {
        public let works: Bool
        /// "works", a fault's code as in metrics, "unreachable", "relayed" for an answer that is about the request.
        public let code: String
        /// One line for people; no secret, nothing of the upstream's body but its error's type.
        public let detail: String
        /// What the account is to rest from, if anything.
        var fault: AccountFault?
        /// What it used, as it is booked.
        var tokens = TokenCounts()
        var costMicroUSD: Int64 = 0

        /// Counts it against the account's caps, as a request's use.
        func count(_ account: RelayAccount, now: Timestamp) {
            guard account.hasCaps, costMicroUSD > 0 || tokens.limited > 0 else { return }
            account.live.settled(tokens: tokens.limited, costMicroUSD: costMicroUSD, now: now)
        }
    }
    /// What one question led to.
    struct Answer {
        var outcome: Outcome
        /// Nil when nothing was used.
        var used: Settlement.Used?
    }
    /// The operator's program, for accounts of the kind `cli`.
    let worker: CLIWorker?
    let store: Store
    private let keyring: Keyring
    private let rule: AddressRule

    public static let standardModel = "claude-haiku-5-5"
    static let timeoutMilliseconds = 30_000
    /// Of one question to an upstream.
    var timeoutMilliseconds = Self.timeoutMilliseconds
    private static let answerBytes = 1 << 20

    /// - Parameters:
    ///   - program: the operator's own client (`CLAUDE_CLI`); nil: accounts of the kind `cli` cannot be tried.
    ///   - folder: where its runs have their folders.
    public init(_ store: Store, keyring: Keyring, allowsLoopback: Bool, program: String? = nil, folder: String = "") {
        worker = program.map { program in
            var configuration = CLIWorker.Configuration(program: program, folder: folder)
            configuration.timeoutSeconds = Int64(Self.timeoutMilliseconds / 1000)
            return CLIWorker(configuration)
        }
        self.store = store
        self.keyring = keyring
        rule = AddressRule(allowsLoopback: allowsLoopback)
    }

    /// Sends one message of one token. It costs what that costs.
    /// - Returns: nil when there is no such account.
    public func test(_ id: AccountID, model: String = standardModel) async throws(StoreError) -> Outcome? {
        let (row, token) = try await store.read { reader throws(StoreError) in (try reader.account(id), try reader.accountToken(id)) }
        guard let row else { return nil }
        let begunAt = store.ambient.now()
        let answer = await ask(row, token, model)
        var outcome = answer.outcome
        var used = answer.used
        if row.details.billsTopLevel { used?.metered.iterations = [] }
        let booked = try await entry(used, id, model, begunAt)
        if let request = booked?.request { (outcome.tokens, outcome.costMicroUSD) = (request.tokens, request.costMicroUSD) }
        let (code, detail) = (outcome.code, outcome.detail)
        try await store.transaction { transaction throws(StoreError) in
            if let booked {
                _ = try transaction.settle([booked])
                // Servers count the day's cost in memory; they read it again.
                if row.details.caps.costPerDayMicroUSD != nil { try transaction.touchAccounts() }
            }
            try transaction.recordTest(of: id, outcome: code, detail: detail)
        }
        return outcome
    }

    private func ask(_ row: Account, _ token: AccountToken?, _ model: String) async -> Answer {
        func out(_ code: String, _ detail: String) -> Answer { Answer(outcome: Outcome(works: false, code: code, detail: detail)) }
        let account: RelayAccount
        do {
            let live = AccountLive(zone: store.ambient.zone)
            account = try RelayAccount(row, token: token, keyring: keyring, rule: rule, live: live) { _ in Route() }
        } catch let error as SecretsError {
            return out("unusable", "its secret does not open: \(error)")
        } catch {
            return out("unusable", "\(error)")
        }
        guard account.hasCredential else { return out("credential", "it has no access token yet") }
        if row.details.kind == .cli { return await askProgram(account, model) }
        var configuration = CurlConfiguration()
        configuration.addressRule = rule
        configuration.proxy = account.target.proxy
        let request = request(account, model)
        do throws(ClientError) {
            let client = try CurlClient(ambient: store.ambient, configuration)
            defer { client.shutdown() }
            return judge(try await client.send(request), model, estimate: Self.inputEstimate(request))
        } catch {
            var answer = out("unreachable", "cannot be reached: \(error)")
            // It may have been answered up there, and then it is billed.
            switch error {
            case .timeout, .interrupted, .tooLarge:
                answer.used = Settlement.Used(
                    tokens: TokenCounts(input: Self.inputEstimate(request), output: 1), metered: MeteredUsage(), model: model,
                    source: .estimated)
            case .badURL, .badHeader, .resolve, .connect, .tls, .proxy, .refusedAddress, .busy, .cancelled: break
            }
            return answer
        }
    }

    /// As admission counts a body.
    private static func inputEstimate(_ request: OutgoingRequest) -> Int64 { PromptEstimate.tokens(bytes: request.body.count) }

    private func request(_ account: RelayAccount, _ model: String) -> OutgoingRequest {
        let body: JSON = [
            "model": .string(account.modelMap[model] ?? model), "max_tokens": 1, "messages": [["role": "user", "content": "."]],
        ]
        var headers: Headers = ["anthropic-version": "2023-06-01", "content-type": "application/json"]
        if account.isOAuth { headers.add("anthropic-beta", HeaderRules.oauthBeta) }
        account.credential.reveal { headers.add(account.credentialName, String(decoding: $0, as: UTF8.self)) }
        var request = OutgoingRequest(.post, account.target.description + "/v1/messages", headers: headers, body: body.bytes)
        request.timeoutMilliseconds = timeoutMilliseconds
        request.responseLimitBytes = Self.answerBytes
        return request
    }

    private func judge(_ reply: OutgoingReply, _ model: String, estimate: Int64) -> Answer {
        if reply.status == 200 {
            let reading = MessageMeter.read(reply.body.span)
            let usage = reading?.usage ?? MeteredUsage()
            return Answer(
                outcome: Outcome(works: true, code: "works", detail: "works (200)"),
                used: Settlement.Used(
                    tokens: reading == nil ? TokenCounts(input: estimate, output: 1) : usage.tokens, metered: usage,
                    model: reading?.model ?? model, source: reading == nil ? .unparsed : .final))
        }
        let error = (try? JSON(parsing: reply.body))?["error"] ?? .null
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        // An error's type is one of a short list; anything else is not repeated.
        let type = error["type"].string.flatMap { $0.utf8.count <= 64 && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } ? $0 : nil }
        let retryAfter = UpstreamVerdict.retryAfter(reply.headers["retry-after"], now: store.ambient.now())
        return Answer(
            outcome: refusal(
                reply.status, words, retryAfter: retryAfter, model, detail: "answers \(reply.status)" + (type.map { " \($0)" } ?? "")))
    }

    /// What a status that is no success means.
    func refusal(_ status: Int, _ words: String, retryAfter: Int64?, _ model: String, detail: String) -> Outcome {
        let verdict = UpstreamVerdict.of(
            status: status, message: words, retryAfter: retryAfter, windows: UsageWindows(), family: ModelFamily(model: model),
            now: store.ambient.now())
        switch verdict {
        case .fault(let fault): return Outcome(works: false, code: fault.code, detail: detail, fault: fault)
        case .unknownModel: return Outcome(works: false, code: "unknown_model", detail: detail + ": try another --model")
        case .relay: return Outcome(works: false, code: "relayed", detail: detail)
        }
    }

    // MARK: The books

    /// The entry of what a test used: it belongs to no customer's key, and nobody is charged.
    private func entry(
        _ used: Settlement.Used?, _ id: AccountID, _ model: String, _ begunAt: Timestamp
    ) async throws(StoreError) -> SettledRequest? {
        guard let used else { return nil }
        let prices = PriceBook.starting
        try await prices.refresh(store)
        let (ambient, now) = (store.ambient, store.ambient.now())
        let admission = Admission(
            requestID: RequestID(ambient), attempt: 1, slot: Admission.noSlot, apiKeyID: .operators, keyName: "account test",
            accountID: id, model: model, path: "/v1/messages", stream: false, startedAt: begunAt, inputEstimate: 0, day: ambient.today)
        var settlement = Settlement(status: .success, attempts: 1)
        (settlement.accountID, settlement.httpStatus) = (id, 200)
        settlement.durationMilliseconds = max(0, now.milliseconds - begunAt.milliseconds)
        settlement.lost = [Settlement.Lost(attempt: 1, accountID: id, usage: used)]
        var settled = settlement.settled(admission, prices: prices.table, at: now)
        if let entry = settled.entries.first {
            (settled.request.tokens, settled.request.webSearchRequests) = (entry.tokens, entry.webSearchRequests)
            (settled.request.costMicroUSD, settled.request.usageSource) = (entry.costMicroUSD, entry.usageSource)
        }
        return settled
    }
}

extension APIKeyID {
    /// Stands in the ledger where nobody's key was used: tests of accounts, whose cost the operator bears.
    public static let operators = APIKeyID(high: 0, low: 0)
}
