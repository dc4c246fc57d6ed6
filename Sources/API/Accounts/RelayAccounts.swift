public import Domain
internal import HTTP
public import Secrets
public import Store

/// What can be done with upstream accounts and their groups: the use cases behind `/api/admin/accounts` and `gatehouse account`.
public struct RelayAccounts: Sendable {
    /// What the data path knows and does, which this module cannot reach.
    public struct Ports: Sendable {
        /// Accounts have changed.
        public var changed: @Sendable () async -> Void = {}
        /// How each account stands now.
        public var standing: @Sendable () async throws -> [AccountID: JSON] = { [:] }
        /// Which account would serve, and why each other would not.
        public var explain: @Sendable (_ model: String, _ key: APIKey?) async throws -> JSON = { _, _ in [:] }
        /// Sends one small message and keeps what came of it; nil for an account that is not there.
        public var test: @Sendable (_ id: AccountID, _ model: String?) async throws -> (works: Bool, code: String, detail: String)? = {
            _, _ in nil
        }
        /// Renews an OAuth account's access token now; whether there is a new one.
        public var refresh: @Sendable (_ id: AccountID, _ generation: Int64) async throws -> Bool = { _, _ in false }
        public init() {}
    }
    let store: Store
    let keyring: @Sendable () -> Keyring
    let rule: AddressRule
    let ports: Ports

    public static let standardBaseURL = "https://api.anthropic.com"

    public init(store: Store, keyring: @escaping @Sendable () -> Keyring, allowsLoopback: Bool, ports: Ports = Ports()) {
        self.store = store
        self.keyring = keyring
        rule = AddressRule(allowsLoopback: allowsLoopback)
        self.ports = ports
    }

    public enum Refusal: Error, Equatable { case unknownAccount, unknownGroup, unknownKey, notRefreshable, hasBatches }

    // MARK: Making and changing

    /// - Throws: `InputErrors` naming every field that is missing or cannot be, `StoreError`.
    public func create(_ change: AccountChange, actor: String, request: RequestID? = nil) async throws -> Account {
        let details = try change.applied(to: AccountDetails(name: "", baseURL: Self.standardBaseURL))
        var faults = self.faults(change, details)
        if details.name.isEmpty { faults.append(FieldError("name", "is missing")) }
        let isOAuth = details.kind == .oauth
        if !isOAuth, change.secret == nil { faults.append(FieldError("secret", "is missing")) }
        if isOAuth {
            for (name, value) in [("token_url", change.tokenURL), ("client_id", change.clientID), ("refresh_token", change.refreshToken)]
            where value == nil { faults.append(FieldError(name, "is missing: an oauth account needs it")) }
        }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
        let (ring, secret) = (keyring(), Array((change.secret ?? "").utf8))
        let account = try await store.transaction { transaction throws(StoreError) in
            let made = try transaction.createAccount(details) { ring.seal(isOAuth ? [] : secret, for: AccountSeal.secret($0)) }
            try seal(change, of: made.id, ring, nil, in: transaction, access: isOAuth && !secret.isEmpty ? secret : nil)
            try transaction.record(
                actor: actor, "account.create", subject: made.id.text, before: nil, after: Self.json(details), request)
            guard let account = try transaction.account(made.id) else { throw .programming("a new account is gone") }
            return account
        }
        await ports.changed()
        return account
    }

    /// - Throws: `Refusal.unknownAccount`, `InputErrors`, `StoreError`.
    public func edit(_ id: AccountID, _ change: AccountChange, actor: String, request: RequestID? = nil) async throws -> Account {
        guard let known = try await find(id) else { throw Refusal.unknownAccount }
        let token = try await store.read { reader throws(StoreError) in try reader.accountToken(id) }
        let details = try change.applied(to: known.details)
        var faults = self.faults(change, details)
        if details.kind == .oauth, token == nil, change.tokenURL == nil || change.clientID == nil || change.refreshToken == nil {
            faults.append(FieldError("refresh_token", "is missing: an oauth account needs token_url, client_id and refresh_token"))
        }
        guard faults.isEmpty else { throw InputErrors(fields: faults) }
        let (ring, secret) = (keyring(), change.secret.map { Array($0.utf8) })
        let isOAuth = details.kind == .oauth
        let account = try await store.transaction { transaction throws(StoreError) -> Account? in
            let sealed = isOAuth ? nil : secret.map { ring.seal($0, for: AccountSeal.secret(id)) }
            guard try transaction.updateAccount(id, details, secretSealed: sealed) else { return nil }
            try seal(change, of: id, ring, token, in: transaction, access: isOAuth ? secret : nil)
            // A new credential deserves a new chance.
            if secret != nil || change.refreshToken != nil { _ = try transaction.resetAccount(id) }
            try transaction.record(
                actor: actor, "account.edit", subject: id.text, before: Self.json(known.details), after: Self.json(details), request)
            return try transaction.account(id)
        }
        guard let account else { throw Refusal.unknownAccount }
        await ports.changed()
        return account
    }

    private func faults(_ change: AccountChange, _ details: AccountDetails) -> [FieldError] {
        var faults: [FieldError] = []
        func check(_ field: String, _ test: () throws(ParseError) -> Void) {
            do throws(ParseError) { try test() } catch { faults.append(FieldError(field, error.message)) }
        }
        // The rule that every connection obeys: https, no redirects, no metadata services, loopback only where it is allowed.
        check("base_url") { () throws(ParseError) in _ = try UpstreamTarget(parsing: details.baseURL, addressRule: rule) }
        if let proxy = change.proxy, !proxy.isEmpty {
            check("proxy") { () throws(ParseError) in _ = try UpstreamProxy(parsing: proxy, addressRule: rule) }
        }
        if let url = change.tokenURL {
            check("token_url") { () throws(ParseError) in _ = try UpstreamTarget(parsing: url, addressRule: rule) }
        }
        for (field, value) in [("secret", change.secret), ("refresh_token", change.refreshToken), ("client_secret", change.clientSecret)] {
            guard let value, !value.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { continue }
            faults.append(FieldError(field, "must be printable ASCII without spaces"))
        }
        return faults
    }

    private func seal(
        _ change: AccountChange, of id: AccountID, _ ring: Keyring, _ known: AccountToken?, in transaction: Transaction, access: [UInt8]?
    ) throws(StoreError) {
        if let proxy = change.proxy {
            _ = try transaction.setAccountProxy(
                proxy.isEmpty ? nil : ring.seal(Array(proxy.utf8), for: AccountSeal.proxy(id)), of: id)
        }
        let touches =
            change.tokenURL != nil || change.clientID != nil || change.clientSecret != nil || change.refreshToken != nil
            || change.scopes != nil || change.tokenStyle != nil || access != nil
        guard touches, let url = change.tokenURL ?? known?.source.tokenURL, let client = change.clientID ?? known?.source.clientID,
            let refresh = change.refreshToken.map({ ring.seal(Array($0.utf8), for: AccountSeal.refresh(id)) }) ?? known?.refreshSealed
        else { return }
        let secret = change.clientSecret.map { $0.isEmpty ? nil : ring.seal(Array($0.utf8), for: AccountSeal.clientSecret(id)) }
        try transaction.setAccountToken(
            TokenSource(
                tokenURL: url, clientID: client, scopes: change.scopes ?? known?.source.scopes ?? "",
                style: change.tokenStyle ?? known?.source.style ?? .json),
            clientSecretSealed: secret ?? known?.clientSecretSealed, refreshSealed: refresh,
            accessSealed: access.map { ring.seal($0, for: AccountSeal.access(id)) }
                ?? (change.refreshToken == nil ? known?.accessSealed : nil),
            expiresAt: access == nil && change.refreshToken == nil ? known?.expiresAt : nil, of: id)
    }

    // MARK: One at a time

    public var ambient: Ambient { store.ambient }

    /// Where an oauth account's tokens come from.
    /// - Throws: `Refusal.unknownAccount`, `Refusal.notRefreshable` for an account of another kind.
    public func tokenSource(of id: AccountID) async throws -> TokenSource {
        guard try await find(id) != nil else { throw Refusal.unknownAccount }
        guard let token = try await store.read({ reader throws(StoreError) in try reader.accountToken(id) }) else {
            throw Refusal.notRefreshable
        }
        return token.source
    }

    public func find(_ id: AccountID) async throws -> Account? {
        try await store.read { reader throws(StoreError) in try reader.account(id) }
    }

    public func groups(of id: AccountID) async throws -> [AccountGroupID] {
        let members = try await store.read { reader throws(StoreError) in try reader.accountGroupMembers() }
        return members.filter { $0.value.contains(id) }.keys.sorted()
    }

    /// Enabling also forgets what it rested from.
    public func set(_ status: AccountStatus, of id: AccountID, actor: String, request: RequestID? = nil) async throws -> Account {
        try await changed(id, "account.set_status", after: ["status": .string(status.rawValue)], actor, request) {
            transaction throws(StoreError) in
            guard try transaction.setAccountStatus(status, reason: "", of: id) else { return false }
            return status == .active ? try transaction.resetAccount(id) : true
        }
    }

    /// Clears cooldowns and blocks in every process.
    public func reset(_ id: AccountID, actor: String, request: RequestID? = nil) async throws -> Account {
        try await changed(id, "account.reset", after: nil, actor, request) { transaction throws(StoreError) in
            try transaction.resetAccount(id)
        }
    }

    private func changed(
        _ id: AccountID, _ action: String, after: JSON?, _ actor: String, _ request: RequestID?,
        _ body: @escaping @Sendable (Transaction) throws(StoreError) -> Bool
    ) async throws -> Account {
        let account = try await store.transaction { transaction throws(StoreError) -> Account? in
            guard try body(transaction) else { return nil }
            try transaction.record(actor: actor, action, subject: id.text, before: nil, after: after, request)
            return try transaction.account(id)
        }
        guard let account else { throw Refusal.unknownAccount }
        await ports.changed()
        return account
    }

    /// What to do about `Refusal.hasBatches`.
    public static let hasBatches =
        "Results of the account's batches are not booked yet: wait until they are, two days at most, or have the batches cancelled with their keys. Disable the account meanwhile."

    /// History and ledger keep its id. False when it is gone already.
    /// - Throws: `Refusal.hasBatches` while its secrets are needed for results of batches.
    public func delete(_ id: AccountID, actor: String, request: RequestID? = nil) async throws -> Bool {
        let isGone: Bool
        do {
            isGone = try await store.transaction { transaction throws(StoreError) in
                guard try transaction.deleteAccount(id) else { return false }
                try transaction.record(actor: actor, "account.delete", subject: id.text, before: nil, after: nil, request)
                return true
            }
        } catch StoreError.refused("account_has_batches") { throw Refusal.hasBatches }
        if isGone { await ports.changed() }
        return isGone
    }

    public func test(_ id: AccountID, model: String?) async throws -> (works: Bool, code: String, detail: String) {
        guard let outcome = try await ports.test(id, model) else { throw Refusal.unknownAccount }
        return outcome
    }

    /// Renews an OAuth account's access token at once. One that needed a new login and gets a token serves again.
    /// - Returns: whether it worked, and the account's tokens as they are now.
    /// - Throws: `Refusal.notRefreshable` for an account that has no refresh token.
    public func refresh(
        _ id: AccountID, actor: String, request: RequestID? = nil
    ) async throws -> (isRenewed: Bool, account: Account, token: AccountToken) {
        let read: @Sendable (Reader) throws(StoreError) -> (Account, AccountToken?)? = { reader throws(StoreError) in
            guard let account = try reader.account(id) else { return nil }
            return (account, try reader.accountToken(id))
        }
        guard let (account, known) = try await store.read(read) else { throw Refusal.unknownAccount }
        guard account.details.kind == .oauth, let known else { throw Refusal.notRefreshable }
        let isRenewed = try await ports.refresh(id, known.generation)
        try await store.transaction { transaction throws(StoreError) in
            if isRenewed, try transaction.account(id)?.status == .needsReauth { _ = try transaction.resetAccount(id) }
            try transaction.record(
                actor: actor, "account.refresh", subject: id.text, before: nil, after: ["renewed": .bool(isRenewed)], request)
        }
        await ports.changed()
        guard let (after, token) = try await store.read(read), let token else { throw Refusal.unknownAccount }
        return (isRenewed, after, token)
    }

    /// - Throws: `Refusal.unknownKey` for a key that is not there.
    public func explain(model: String, key id: APIKeyID?) async throws -> JSON {
        guard let id else { return try await ports.explain(model, nil) }
        let key = try await store.read { reader throws(StoreError) in try reader.apiKey(id) }
        guard let key, key.deletedAt == nil else { throw Refusal.unknownKey }
        return try await ports.explain(model, key)
    }

    // MARK: Bindings

    /// Binds a key to "<account id>", "group:<group id>" or, with nil, to the whole pool.
    public func bind(
        _ key: APIKeyID, to binding: String?, fallsBack: Bool, actor: String, request: RequestID? = nil
    ) async throws {
        let outcome = try await store.transaction { transaction throws(StoreError) -> Result<Bool, InputErrors> in
            if let binding, try !Self.names(binding, in: transaction) {
                return .failure(InputErrors(fields: [FieldError("binding", "must be the id of an account, or group: and that of a group")]))
            }
            guard try transaction.bindAPIKey(key, to: binding, fallsBack: fallsBack) else { return .success(false) }
            try transaction.record(
                actor: actor, "key.bind", subject: key.text, before: nil,
                after: ["binding": binding.map { .string($0) } ?? .null, "falls_back": .bool(fallsBack)], request)
            return .success(true)
        }
        guard try outcome.get() else { throw Refusal.unknownKey }
        await ports.changed()
    }

    /// Whether an account or group of that name is there.
    static func names(_ binding: String, in reader: Reader) throws(StoreError) -> Bool {
        if binding.hasPrefix("group:") {
            guard let id = try? AccountGroupID(parsing: String(binding.dropFirst(6))) else { return false }
            return try reader.accountGroup(id) != nil
        }
        guard let id = try? AccountID(parsing: binding) else { return false }
        return try reader.account(id) != nil
    }
}
