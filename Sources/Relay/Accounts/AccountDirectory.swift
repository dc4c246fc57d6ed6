internal import Domain
internal import HTTP
internal import Secrets
internal import Store
internal import Synchronization

/// An upstream credential as the data path sees it. Immutable; a class because a request hands it around.
final class RelayAccount: Sendable {
    let account: Account
    let target: UpstreamTarget
    /// The header that carries the credential, and its value.
    let credentialName: String
    let credential: SecretBytes
    let modelMap: [String: String]
    let allow: [ModelPattern]?
    let deny: [ModelPattern]
    let live: AccountLive

    init(
        account: Account, target: UpstreamTarget, credentialName: String, credential: SecretBytes, modelMap: [String: String],
        allow: [ModelPattern]?, deny: [ModelPattern], live: AccountLive
    ) {
        (self.account, self.target, self.modelMap, self.allow, self.deny, self.live) = (account, target, modelMap, allow, deny, live)
        (self.credentialName, self.credential) = (credentialName, credential)
    }

    var id: AccountID { account.id }

    func serves(_ model: String) -> Bool { (allow?.contains { $0.matches(model) } ?? true) && !deny.contains { $0.matches(model) } }
}

/// The living side of an account; outlives snapshots of its settings.
final class AccountLive: Sendable {
    let slots = Slots()
    /// Not before this moment, in milliseconds; 0 is now.
    let coolingUntil = Atomic<Int64>(0)
    /// When it was last chosen, for ties.
    let lastUsed = Atomic<Int64>(0)
    /// Failures in a row, for growing pauses.
    private let failures = Atomic<Int>(0)

    func cool(until moment: Timestamp) { _ = coolingUntil.max(moment.milliseconds, ordering: .relaxed) }
    func succeeded() { failures.store(0, ordering: .relaxed) }
    func failed() { failures.add(1, ordering: .relaxed) }
    var failureCount: Int { failures.load(ordering: .relaxed) }
}

/// Why no account could be chosen.
enum NoAccount: Error, Equatable {
    /// None is configured that serves the model, in whatever state.
    case none
    /// All that serve it are cooling or full; the soonest end.
    case busy(retryAfterSeconds: Int)
}

/// The pool of accounts. A changed account is read again from the store; what it is doing now stays.
final class AccountDirectory: Sendable {
    private struct Snapshot: Sendable {
        /// By priority, then age.
        var accounts: [RelayAccount] = []
        var version: Int64 = -1
        /// Accounts in the store, those included that cannot be used here.
        var rowCount = 0
    }
    private let snapshot = Mutex(Snapshot())

    var accounts: [RelayAccount] { snapshot.withLock(\.accounts) }
    /// Nobody has made an account. One that cannot be used is one all the same: its customers must not get answers of the demo.
    var isEmpty: Bool { snapshot.withLock { $0.rowCount == 0 } }
    /// Accounts that could serve something now.
    func usableCount(at now: Timestamp) -> Int {
        accounts.count { $0.account.status == .active && $0.live.coolingUntil.load(ordering: .relaxed) <= now.milliseconds }
    }

    /// Chooses and takes a place in one step: the lowest priority number first, within it the fewest requests under way, then the
    /// one that has rested longest.
    func choose(model: String, excluding tried: [AccountID], now: Timestamp) throws(NoAccount) -> AccountLease {
        let known = snapshot.withLock { $0 }
        // The usual pool has one account; it needs no sorting.
        if known.accounts.count == 1, tried.isEmpty, let only = known.accounts.first, only.account.status == .active, only.serves(model),
            only.live.coolingUntil.load(ordering: .relaxed) <= now.milliseconds, let lease = AccountLease(taking: only, now: now)
        {
            return lease
        }
        let serving = known.accounts.filter { $0.serves(model) && !tried.contains($0.id) }
        let candidates = serving.filter { $0.account.status == .active }
        guard !candidates.isEmpty else {
            guard tried.isEmpty else { throw .busy(retryAfterSeconds: 1) }
            // Only when no account could serve it, whatever its state, is the model unknown here.
            throw serving.isEmpty && known.accounts.count == known.rowCount ? .none : .busy(retryAfterSeconds: 60)
        }
        let ready = candidates.filter { $0.live.coolingUntil.load(ordering: .relaxed) <= now.milliseconds }
        let ordered = ready.sorted { a, b in
            (a.account.details.priority, a.live.slots.inFlight, a.live.lastUsed.load(ordering: .relaxed))
                < (b.account.details.priority, b.live.slots.inFlight, b.live.lastUsed.load(ordering: .relaxed))
        }
        for account in ordered {
            if let lease = AccountLease(taking: account, now: now) { return lease }
        }
        let soonest = candidates.map { $0.live.coolingUntil.load(ordering: .relaxed) }.filter { $0 > now.milliseconds }.min()
        let seconds = ready.isEmpty ? soonest.map { ($0 - now.milliseconds + 999) / 1000 } ?? 1 : 1
        throw .busy(retryAfterSeconds: Int(min(60, max(1, seconds))))
    }

    /// Reads all accounts again when any has changed. An account whose row cannot be used is left out and reported.
    /// - Returns: false, with nothing changed, when a secret was sealed by a data key that this keyring does not have yet.
    func refresh(
        from store: Store, keyring: Keyring, rule: AddressRule, report: @Sendable (AccountID, _ why: String) -> Void
    ) async throws(StoreError) -> Bool {
        let (version, rows) = try await store.read { reader throws(StoreError) in (try reader.accountsVersion(), try reader.accounts()) }
        let known = snapshot.withLock { $0 }
        guard version != known.version else { return true }
        let lives = Dictionary(known.accounts.map { ($0.id, $0.live) }, uniquingKeysWith: { $1 })
        var accounts: [RelayAccount] = []
        for row in rows {
            if let id = Keyring.keyID(of: row.secretSealed), !keyring.knows(id) { return false }
            do {
                accounts.append(try Self.relayAccount(row, keyring: keyring, rule: rule, live: lives[row.id] ?? AccountLive()))
            } catch let error as SecretsError {
                report(row.id, "its secret does not open: \(error)")
            } catch {
                report(row.id, "\(error)")
            }
        }
        // Another refresh may have been quicker: older rows never replace newer ones.
        snapshot.withLock { if $0.version < version { $0 = Snapshot(accounts: accounts, version: version, rowCount: rows.count) } }
        return true
    }

    private static func relayAccount(_ row: Account, keyring: Keyring, rule: AddressRule, live: AccountLive) throws -> RelayAccount {
        let secret = try keyring.open(row.secretSealed, for: accountSecretPlace(row.id))
        let target = try UpstreamTarget(parsing: row.details.baseURL, addressRule: rule)
        let isBare = row.details.kind == .apiKey && row.details.header == .xAPIKey
        // A secret with a line break would add a header; such a row is refused like any other bad value.
        guard !secret.isEmpty, secret.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ParseError("a credential of printable ASCII")
        }
        var map: [String: String] = [:]
        for member in (try JSON(parsing: row.details.modelMap)).object?.members ?? [] { map[member.name] = member.value.string }
        return RelayAccount(
            account: row, target: target, credentialName: isBare ? "x-api-key" : "authorization",
            credential: SecretBytes(isBare ? secret : Array("Bearer ".utf8) + secret), modelMap: map,
            allow: row.details.modelAllow.map(ModelPattern.list), deny: row.details.modelDeny.map(ModelPattern.list) ?? [], live: live)
    }
}

/// Where an account's secret is sealed for.
func accountSecretPlace(_ id: AccountID) -> SealedPlace { SealedPlace(table: "accounts", row: id.text, column: "secret_sealed") }

/// A chosen account and its place under the account's own concurrency limit.
struct AccountLease: ~Copyable {
    let account: RelayAccount
    private let slot: SlotLease

    /// Nil when all places are taken.
    fileprivate init?(taking account: RelayAccount, now: Timestamp) {
        let limit = account.account.details.maxConcurrency.map { Int(clamping: $0) }
        guard let slot = SlotLease(account.live.slots, limit: limit) else { return nil }
        account.live.lastUsed.store(now.milliseconds, ordering: .relaxed)
        self.account = account
        self.slot = slot
    }
}
