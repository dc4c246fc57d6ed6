internal import Domain
internal import Secrets
internal import Store
internal import Synchronization
internal import Telemetry

/// Asks accounts that nobody has used for a while whether they still work, so that an operator hears of a dead one before a customer does.
/// Off unless the operator wants it, because every question costs a token (relay contract, section 14).
struct IdleProbe: Sendable {
    let services: RelayServices
    let store: Store
    /// Of `accounts`, made anew for every look, because data keys change.
    let tester: @Sendable () -> AccountTester
    /// How long an account is idle before it is asked, and between two questions.
    let idleSeconds: Int64

    private static let lookEverySeconds = 30

    /// Until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            do throws(StoreError) { try await pass() } catch {
                services.log.warning("account.probe_failed", ["error": LogValue("\(error)")])
            }
            do { try await store.ambient.sleep(.seconds(Self.lookEverySeconds)) } catch { return }
        }
    }

    /// One look. Called by `run`, and by tests.
    func pass() async throws(StoreError) {
        let now = services.ambient.now()
        let idleSince = now.adding(seconds: -idleSeconds)
        for account in services.accounts.pool.everyone where isAsked(account, now) {
            guard account.live.lastUsedAt.load(ordering: .relaxed) <= idleSince.milliseconds, let model = cheapest(account, now) else {
                continue
            }
            // Of several servers one asks, and a use that another one has noted counts too.
            let isOurs = try await store.transaction { transaction throws(StoreError) in
                try transaction.claimTest(of: account.id, idleSince: idleSince)
            }
            guard isOurs, let outcome = try await tester().test(account.id, model: model) else { continue }
            outcome.count(account, now: services.ambient.now())
            let family = ModelFamily(model: model)
            if outcome.fault == .credential, account.isOAuth {
                // As for a customer: a new token first.
                account.live.tokenRefused(account.generation)
                _ = await services.tokens.renew(account.id, known: account.generation, heedsPause: true)
            } else if let fault = outcome.fault {
                account.live.failed(fault, family, now: services.ambient.now())
            } else if outcome.works {
                account.live.succeeded(family, now: services.ambient.now())
            }
            services.log.info(
                "account.probed", ["account": LogValue(account.id), "model": LogValue(model), "outcome": LogValue(outcome.code)])
        }
    }

    /// Programs are not asked: starting one costs far more than a token.
    private func isAsked(_ account: RelayAccount, _ now: Timestamp) -> Bool {
        account.account.details.kind != .cli && account.account.details.isSchedulable && account.hasCredential
            && account.standing(now).status == .active
    }

    /// The model with the cheapest output of those that the account serves.
    private func cheapest(_ account: RelayAccount, _ now: Timestamp) -> String? {
        let one = TokenCounts(input: 1000, output: 1000)
        return services.prices.models.filter(account.serves).min { a, b in
            func cost(_ model: String) -> Int64 { services.prices.price(MeteredUsage(), tokens: one, model: model, at: now).microUSD }
            return (cost(a), a) < (cost(b), b)
        }
    }
}
