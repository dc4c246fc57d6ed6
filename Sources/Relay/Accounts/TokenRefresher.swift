internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Synchronization
internal import Telemetry

/// Renews the access tokens of OAuth accounts (relay contract, section 3): one refresh of an account at a time over all processes, a
/// refresh token used once, and nothing written but by compare-and-set.
final class TokenRefresher: Sendable {
    private let store: Store
    private let keyring: @Sendable () -> Keyring
    private let client: @Sendable () throws(ClientError) -> any HTTPClient
    private let changed: @Sendable () async -> Void
    private let waits: @Sendable (AccountID, Timestamp?) -> Void
    private let log: Log
    private let metrics: Metrics
    private let notices: RelayNotices
    /// Refreshes of this process under way; whoever comes second waits for the first.
    private let underWay = Mutex<[AccountID: Task<Bool, Never>]>([:])

    /// Longer than any refresh can take, so that a lease outlives its call.
    private static let leaseSeconds: Int64 = 60
    private static let timeoutMilliseconds = 20_000
    private static let answerBytes = 64 << 10
    /// Life that is left when a token is renewed ahead of time.
    private static let aheadMilliseconds: Int64 = 5 * 60_000
    /// Spread over this, by account, so that a pool does not ask all at once.
    private static let spreadMilliseconds: Int64 = 60_000
    private static let firstPauseSeconds: Int64 = 10
    /// Failures in a row that are worth an alert.
    private static let noteworthyFailures = 3
    private static let longestPauseSeconds: Int64 = 600
    /// How long a request waits for another process's refresh.
    private static let waitMilliseconds = 250
    private static let looks = 80

    /// - Parameters:
    ///   - waits: tells when an account's token endpoint is asked again after a failure, `.max` for never; nil: it has a new token.
    ///   - changed: tells the pool to read its accounts again.
    init(
        store: Store, keyring: @escaping @Sendable () -> Keyring, client: @escaping @Sendable () throws(ClientError) -> any HTTPClient,
        log: Log, metrics: Metrics, notices: RelayNotices = RelayNotices(),
        waits: @escaping @Sendable (AccountID, Timestamp?) -> Void = { _, _ in }, changed: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.keyring = keyring
        self.client = client
        self.changed = changed
        self.waits = waits
        self.log = log
        self.metrics = metrics
        self.notices = notices
    }

    // MARK: Ahead of time

    private static let lookEverySeconds = 5

    /// Renews whatever ends within five minutes, disabled accounts included, until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            do throws(StoreError) { try await renewEnding() } catch {
                log.warning("account.tokens_not_read", ["error": LogValue("\(error)")])
            }
            do { try await store.ambient.sleep(.seconds(Self.lookEverySeconds)) } catch { return }
        }
    }

    func renewEnding() async throws(StoreError) {
        let (tokens, accounts) = try await store.read { reader throws(StoreError) in
            let tokens = try reader.accountTokens()
            return (tokens, tokens.isEmpty ? [] : try reader.accounts())
        }
        guard !tokens.isEmpty else { return }
        let status = Dictionary(accounts.map { ($0.id, $0.status) }, uniquingKeysWith: { $1 })
        let now = store.ambient.now()
        for token in tokens where status[token.accountID].map({ $0 != .needsReauth }) ?? false {
            let early = Self.aheadMilliseconds + Int64(token.accountID.low % UInt64(Self.spreadMilliseconds))
            let ends = token.accessSealed == nil ? now : token.expiresAt
            guard let ends, ends.milliseconds - now.milliseconds < early, token.nextAttemptAt <= now else { continue }
            _ = await renew(token.accountID, known: token.generation)
        }
    }

    // MARK: One refresh

    /// Gets a token newer than generation `known`, from whoever makes it.
    /// - Parameter heedsPause: for requests of customers, which must not storm a token endpoint that fails; an operator's word does not
    ///   wait.
    /// - Returns: whether there is one now.
    func renew(_ id: AccountID, known: Int64, heedsPause: Bool = false) async -> Bool {
        let task = underWay.withLock { underWay in
            if let running = underWay[id] { return running }
            let task = Task {
                let isRenewed = await self.refresh(id, known: known, heedsPause: heedsPause)
                self.underWay.withLock { $0[id] = nil }
                return isRenewed
            }
            underWay[id] = task
            return task
        }
        return await task.value
    }

    /// A new token was refused at once: only a person can help.
    func refused(_ id: AccountID) async {
        waits(id, Self.never)
        await demandLogin(id, "a new access token was refused")
    }
    private static let never = Timestamp(milliseconds: .max)

    private func refresh(_ id: AccountID, known: Int64, heedsPause: Bool) async -> Bool {
        for _ in 0..<Self.looks {
            let lease: RefreshLease
            do throws(StoreError) {
                lease = try await store.transaction { transaction throws(StoreError) in
                    try transaction.takeRefreshLease(id, known: known, seconds: Self.leaseSeconds, heedsPause: heedsPause)
                }
            } catch {
                log.warning("account.refresh_failed", ["account": LogValue(id), "error": LogValue("\(error)")])
                return false
            }
            switch lease {
            case .taken(let token): return await ask(token)
            case .newer:
                waits(id, nil)
                await changed()
                return true
            case .paused(let until):
                waits(id, until)
                return false
            case .unknown: return false
            case .held:
                do { try await store.ambient.sleep(.milliseconds(Self.waitMilliseconds)) } catch { return false }
            }
        }
        return false
    }

    private func ask(_ token: AccountToken) async -> Bool {
        let id = token.accountID
        let answer: OutgoingReply
        do {
            answer = try await client().send(try request(token))
        } catch let error as SecretsError {
            return await failed(token, "its refresh token does not open: \(error)")
        } catch let error as ClientError {
            return await failed(token, "the token endpoint cannot be reached: \(error)")
        } catch {
            return await failed(token, "the request could not be made")
        }
        let body = try? JSON(parsing: answer.body)
        guard answer.status == 200, let body, let access = body["access_token"].string, Self.isToken(access) else {
            let word = (body?["error"].string ?? body?["error"]["type"].string ?? "").prefix(64)
            let words = "\(word) \(body?["error_description"].string ?? body?["error"]["message"].string ?? "")".lowercased()
            if Self.isFinal(answer.status, words) { return await lost(token, String(word)) }
            return await failed(token, "the token endpoint answered \(answer.status)")
        }
        let refresh = body["refresh_token"].string.flatMap { Self.isToken($0) ? $0 : nil }
        let lifetime = body["expires_in"].wholeNumber.map { max(0, min($0, 366 * 86_400)) }
        let (ring, ends) = (keyring(), lifetime.map { store.ambient.now().adding(seconds: $0) })
        let sealed = (
            access: ring.seal(Array(access.utf8), for: AccountSeal.access(id)),
            refresh: refresh.map { ring.seal(Array($0.utf8), for: AccountSeal.refresh(id)) }
        )
        let scopes = body["scope"].string.map { String($0.prefix(1000)) }
        do {
            let isKept = try await writing { transaction throws(StoreError) in
                try transaction.storeRefreshed(
                    token, accessSealed: sealed.access, refreshSealed: sealed.refresh, expiresAt: ends, scopes: scopes)
            }
            metrics.counter(.relayTokenRefreshes, isKept ? "renewed" : "overtaken").add()
            if isKept { log.info("account.token_renewed", ["account": LogValue(id), "expires_at": LogValue(ends?.text)]) }
        } catch {
            // A rotated token that could not be written is lost; the next refresh says so.
            log.error("account.token_not_written", ["account": LogValue(id), "error": LogValue("\(error)")])
            metrics.counter(.relayTokenRefreshes, "not_written").add()
            return false
        }
        waits(id, nil)
        await changed()
        return true
    }

    /// The old refresh token may be used up already, so a database that does not answer is asked again until the lease ends.
    private func writing(_ work: @escaping @Sendable (Transaction) throws(StoreError) -> Bool) async throws -> Bool {
        for _ in 1..<Self.writes {
            do throws(StoreError) {
                return try await store.transaction { transaction throws(StoreError) in try work(transaction) }
            } catch {
                log.warning("account.token_not_written", ["error": LogValue("\(error)"), "action": "written again in a moment"])
            }
            try await store.ambient.sleep(.milliseconds(Self.writePauseMilliseconds))
        }
        return try await store.transaction { transaction throws(StoreError) in try work(transaction) }
    }
    /// Together, with what a statement may take, less than what is left of a lease.
    private static let writes = 3
    private static let writePauseMilliseconds = 500

    private func request(_ token: AccountToken) throws -> OutgoingRequest {
        let (ring, id) = (keyring(), token.accountID)
        var fields = [("grant_type", "refresh_token")]
        fields.append(("refresh_token", String(decoding: try ring.open(token.refreshSealed, for: AccountSeal.refresh(id)), as: UTF8.self)))
        fields.append(("client_id", token.source.clientID))
        if let sealed = token.clientSecretSealed {
            fields.append(("client_secret", String(decoding: try ring.open(sealed, for: AccountSeal.clientSecret(id)), as: UTF8.self)))
        }
        if !token.source.scopes.isEmpty { fields.append(("scope", token.source.scopes)) }
        var request = Self.request(token.source, fields)
        request.timeoutMilliseconds = Self.timeoutMilliseconds
        request.responseLimitBytes = Self.answerBytes
        return request
    }

    /// To a token endpoint, in the style that it reads.
    static func request(_ source: TokenSource, _ fields: [(String, String)]) -> OutgoingRequest {
        let (type, body) =
            switch source.style {
            case .json: ("application/json", JSON.object(JSONObject(fields.map { ($0.0, .string($0.1)) })).bytes)
            case .form: ("application/x-www-form-urlencoded", form(fields))
            }
        return OutgoingRequest(.post, source.tokenURL, headers: ["content-type": type, "accept": "application/json"], body: body)
    }

    /// `application/x-www-form-urlencoded`.
    static func form(_ fields: [(String, String)]) -> [UInt8] {
        let pairs = fields.map { "\(PercentText.encoded($0.0))=\(PercentText.encoded($0.1))" }
        return Array(pairs.joined(separator: "&").utf8)
    }

    static func isToken(_ text: String) -> Bool { (1...8192).contains(text.utf8.count) && text.utf8.isPrintableASCII }

    /// Refresh tokens that are used up or withdrawn stay so.
    static func isFinal(_ status: Int, _ words: String) -> Bool {
        guard (400...403).contains(status) else { return false }
        return words.contains("invalid_grant") || words.contains("refresh token reused") || words.contains("refresh token invalidated")
            || words.contains("refresh_token_reused") || words.contains("invalidated")
    }

    // MARK: When it did not work

    private func failed(_ token: AccountToken, _ why: String) async -> Bool {
        metrics.counter(.relayTokenRefreshes, "failed").add()
        let pause = min(Self.longestPauseSeconds, Self.firstPauseSeconds << min(token.failures, 6))
        let next = store.ambient.now().adding(seconds: pause)
        waits(token.accountID, next)
        if token.failures + 1 >= Self.noteworthyFailures { notices.refreshFailed(token.accountID, why) }
        log.warning(
            "account.refresh_failed", ["account": LogValue(token.accountID), "why": LogValue(why), "next_attempt": LogValue(next.text)])
        do throws(StoreError) {
            _ = try await store.transaction { transaction throws(StoreError) in
                try transaction.refreshFailed(token, error: why, nextAttemptAt: next)
            }
        } catch {
            // The lease runs out by itself.
            log.warning("account.refresh_not_written", ["account": LogValue(token.accountID), "error": LogValue("\(error)")])
        }
        return false
    }

    /// The refresh token is dead. Unless the row has moved on, which tells that somebody else used it before us.
    private func lost(_ token: AccountToken, _ word: String) async -> Bool {
        metrics.counter(.relayTokenRefreshes, "lost").add()
        do throws(StoreError) {
            let isOurs = try await store.transaction { transaction throws(StoreError) in
                try transaction.refreshFailed(token, error: word, nextAttemptAt: Self.never)
            }
            guard isOurs else {
                await changed()
                return true
            }
        } catch {
            log.warning("account.refresh_not_written", ["account": LogValue(token.accountID), "error": LogValue("\(error)")])
            return false
        }
        waits(token.accountID, Self.never)
        await demandLogin(token.accountID, "the token endpoint answered \(word)")
        return false
    }

    private func demandLogin(_ id: AccountID, _ why: String) async {
        log.error(
            "account.needs_reauth",
            [
                "account": LogValue(id), "why": LogValue(why),
                "action": "give it a new refresh token: gatehouse account edit ID --refresh-token-file FILE",
            ])
        do throws(StoreError) {
            _ = try await store.transaction { transaction throws(StoreError) in
                guard try transaction.account(id)?.status == .active else { return false }
                return try transaction.setAccountStatus(.needsReauth, reason: why, of: id)
            }
        } catch {
            log.warning("account.status_not_written", ["account": LogValue(id), "error": LogValue("\(error)")])
        }
        await changed()
    }
}
