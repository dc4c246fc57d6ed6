public import Domain
internal import HTTP
public import Secrets
public import Store

/// Asks an upstream with an account's own credential for the smallest answer there is, says what came of it, and keeps that.
public struct AccountTester: Sendable {
    public struct Outcome: Sendable, Equatable {
        public let works: Bool
        /// "works", a fault's code as in metrics, "unreachable", "relayed" for an answer that is about the request.
        public let code: String
        /// One line for people; no secret, nothing of the upstream's body but its error's type.
        public let detail: String
    }
    private let store: Store
    private let keyring: Keyring
    private let rule: AddressRule

    public static let standardModel = "claude-haiku-5-5"
    private static let timeoutMilliseconds = 30_000
    private static let answerBytes = 1 << 20

    public init(_ store: Store, keyring: Keyring, allowsLoopback: Bool) {
        self.store = store
        self.keyring = keyring
        rule = AddressRule(allowsLoopback: allowsLoopback)
    }

    /// Sends one message of one token. It costs what that costs.
    /// - Returns: nil when there is no such account.
    public func test(_ id: AccountID, model: String = standardModel) async throws(StoreError) -> Outcome? {
        let (row, token) = try await store.read { reader throws(StoreError) in (try reader.account(id), try reader.accountToken(id)) }
        guard let row else { return nil }
        let outcome = await ask(row, token, model)
        try await store.transaction { transaction throws(StoreError) in
            try transaction.recordTest(of: id, outcome: outcome.code, detail: outcome.detail)
        }
        return outcome
    }

    private func ask(_ row: Account, _ token: AccountToken?, _ model: String) async -> Outcome {
        guard row.details.kind != .cli else {
            return Outcome(works: false, code: "relayed", detail: "a cli account is tried by a message on /api/chat")
        }
        let account: RelayAccount
        do {
            let live = AccountLive(zone: store.ambient.zone)
            account = try RelayAccount(row, token: token, keyring: keyring, rule: rule, live: live) { _ in Route() }
        } catch let error as SecretsError {
            return Outcome(works: false, code: "unusable", detail: "its secret does not open: \(error)")
        } catch {
            return Outcome(works: false, code: "unusable", detail: "\(error)")
        }
        guard account.hasCredential else { return Outcome(works: false, code: "credential", detail: "it has no access token yet") }
        var configuration = CurlConfiguration()
        configuration.addressRule = rule
        configuration.proxy = account.target.proxy
        do throws(ClientError) {
            let client = try CurlClient(ambient: store.ambient, configuration)
            defer { client.shutdown() }
            return judge(try await client.send(request(account, model)), model)
        } catch {
            return Outcome(works: false, code: "unreachable", detail: "cannot be reached: \(error)")
        }
    }

    private func request(_ account: RelayAccount, _ model: String) -> OutgoingRequest {
        let body: JSON = [
            "model": .string(account.modelMap[model] ?? model), "max_tokens": 1, "messages": [["role": "user", "content": "."]],
        ]
        var headers: Headers = ["anthropic-version": "2023-06-01", "content-type": "application/json"]
        if account.isOAuth { headers.add("anthropic-beta", HeaderRules.oauthBeta) }
        account.credential.reveal { headers.add(account.credentialName, String(decoding: $0, as: UTF8.self)) }
        var request = OutgoingRequest(.post, account.target.description + "/v1/messages", headers: headers, body: body.bytes)
        request.timeoutMilliseconds = Self.timeoutMilliseconds
        request.responseLimitBytes = Self.answerBytes
        return request
    }

    private func judge(_ reply: OutgoingReply, _ model: String) -> Outcome {
        if reply.status == 200 { return Outcome(works: true, code: "works", detail: "works (200)") }
        let error = (try? JSON(parsing: reply.body))?["error"] ?? .null
        let words = ((error["message"].string ?? "") + " " + (error["details"]["error_code"].string ?? "")).lowercased()
        let now = store.ambient.now()
        let verdict = UpstreamVerdict.of(
            status: reply.status, message: words, retryAfter: UpstreamVerdict.retryAfter(reply.headers["retry-after"], now: now),
            windows: UsageWindows(), family: ModelFamily(model: model), now: now)
        // An error's type is one of a short list; anything else is not repeated.
        let type = error["type"].string.flatMap { $0.utf8.count <= 64 && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } ? $0 : nil }
        let detail = "answers \(reply.status)" + (type.map { " \($0)" } ?? "")
        switch verdict {
        case .fault(let fault): return Outcome(works: false, code: fault.code, detail: detail)
        case .unknownModel: return Outcome(works: false, code: "unknown_model", detail: detail + ": try another --model")
        case .relay: return Outcome(works: false, code: "relayed", detail: detail)
        }
    }
}
