internal import Domain
internal import Store
internal import Telemetry

extension RelayAccount {
    /// What the account is at this moment, in the words of the relay contract: its row's status over what it rests from.
    func standing(_ now: Timestamp) -> (status: AccountStatus, reason: String, until: Timestamp?) {
        guard account.status == .active || account.status == .cooling else { return (account.status, account.statusReason, nil) }
        let rests = live.snapshot.rests.filter { !$0.isSoft }
        if let block = rests.first(where: \.isBlock) {
            return (.blocked, block.reason, block.until.milliseconds == .max ? nil : block.until)
        }
        if let rest = rests.filter({ $0.until > now }).max(by: { $0.until < $1.until }) {
            return (.cooling, rest.family.map { "\(rest.reason) (\($0.name))" } ?? rest.reason, rest.until)
        }
        if awaitsToken, live.isRenewalPaused(now) {
            return (.cooling, "the access token is refused and a new one cannot be had", live.renewal(after: now))
        }
        return (.active, "", nil)
    }
}

/// How many accounts are in which condition, read at each exposition.
enum AccountGauges {
    static func register(in metrics: Metrics, _ accounts: AccountDirectory, _ ambient: Ambient) {
        let gauges = AccountStatus.allCases.map { ($0, metrics.gauge(.relayAccounts, $0.rawValue)) }
        metrics.beforeExposition {
            let now = ambient.now()
            let standing = accounts.pool.everyone.map { $0.standing(now).status }
            for (status, gauge) in gauges { gauge.set(Int64(standing.count { $0 == status })) }
        }
    }
}
