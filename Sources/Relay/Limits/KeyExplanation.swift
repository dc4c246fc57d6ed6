public import Domain
internal import HTTP
public import Secrets
public import Store

/// Says whether a key would be admitted now and what stands in its way: every check and every limit with its use and its reset.
public enum KeyExplanation {
    /// From the database alone, for a process that relays nothing itself: what other processes hold for requests under way is not in it.
    /// - Returns: nil for a key that is unknown or deleted.
    public static func explain(
        _ id: APIKeyID, _ question: KeyQuestion = KeyQuestion(), store: Store, hasher: RelayKeyHasher
    ) async throws(StoreError) -> JSON? {
        let directory = KeyDirectory(hasher: hasher)
        try await directory.refresh(from: store)
        try await LimitLoading(store: store, zone: store.ambient.zone).run(LimitLoading.targets(directory.all), .start)
        return directory.find(id).map {
            describe($0, question, now: store.ambient.now(), uptime: store.ambient.uptimeNanoseconds(), store.ambient.zone)
        }
    }

    static func describe(_ key: RelayKey, _ question: KeyQuestion, now: Timestamp, uptime: UInt64, _ zone: CivilZone) -> JSON {
        let (row, model) = (key.key, question.model)
        var checks: [(String, Bool)] = [
            ("key_disabled", key.standing.isOn), ("key_expired", !key.standing.hasEnded(at: now)),
        ]
        checks += rules(key, question)
        let shared: [(LimitScope, SharedAccess?)] = [(.user, row.ownerAccess), (.team, row.teamAccess)]
        var limits: [JSON] = []
        for holder in key.holders {
            for standing in holder.counters.standings(holder.scope, holder.plan, now: now, second: uptime / 1_000_000_000, zone: zone) {
                // What requests under way hold is not to be had either.
                checks.append((standing.name.rawValue, standing.remaining > 0))
                limits.append([
                    "scope": .string(standing.scope.rawValue), "code": .string(standing.name.rawValue), "limit": .int(standing.limit),
                    "used": .int(standing.used), "reserved": .int(standing.reserved), "remaining": .int(standing.remaining),
                    "resets_at": standing.resetsAt.map { .string($0.text) } ?? .null,
                ])
            }
            guard let places = holder.plan.concurrency else { continue }
            // With no place at all nobody waits for one.
            let hasRoom = holder.counters.concurrent < places || holder.plan.queueLength > holder.counters.waiting
            checks.append(("concurrency_limit_exceeded", places > 0 && hasRoom))
            limits.append([
                "scope": .string(holder.scope.rawValue), "code": "concurrency_limit_exceeded", "limit": .int(places),
                "used": .int(holder.counters.concurrent), "waiting": .int(Int64(holder.counters.waiting)),
                "queue_length": .int(Int64(holder.plan.queueLength)), "queue_seconds": .int(holder.plan.queueSeconds),
            ])
        }
        let refused = checks.first { !$0.1 }?.0
        var window: JSON = nil
        if let own = key.holders.first(where: { $0.scope == .key }), let open = own.counters.open(.window, at: now) {
            window = [
                "opened_at": .string(open.start.text), "ends_at": .string(open.end.text), "requests": .int(open.used.requests),
                "tokens": .int(open.used[.tokens]), "cost_micro_usd": .int(open.used[.cost]),
            ]
        }
        return [
            "id": .string(row.id.text), "name": .string(row.name), "admitted": .bool(refused == nil),
            "refused_by": refused.map { .string($0) } ?? .null,
            "checks": .array(checks.map { ["code": .string($0.0), "passes": .bool($0.1)] }), "limits": .array(limits),
            "window": window,
            "access": row.access.json,
            "shared": .array(
                shared.compactMap { scope, access in
                    guard let access else { return nil }
                    var rules = access.json.object ?? [:]
                    rules["scope"] = .string(scope.rawValue)
                    rules["ends_at"] = access.ends.map { .string($0.text) } ?? .null
                    if let model { rules["allows_model"] = .bool(key.rules.allSatisfy { $0.scope != scope || $0.allows(model: model) }) }
                    return .object(rules)
                }),
            "allowed_models": row.allowedModels.flatMap { try? JSON(parsing: $0) } ?? .null,
            "expires_at": key.standing.ends.map { .string($0.text) } ?? .null, "time_zone": .string(zone.name),
        ]
    }
}

extension KeyExplanation {
    /// What is restricted, in the order of a request's checks (relay contract, section 2). A text that is no address is let in from nowhere.
    private static func rules(_ key: RelayKey, _ question: KeyQuestion) -> [(String, Bool)] {
        var checks: [(String, Bool)] = []
        if let text = question.address {
            let address = IPAddress(text)
            checks.append(("ip_not_allowed", key.rules.allSatisfy { rules in address.map { rules.allows($0) } ?? false }))
        }
        if let service = question.service { checks.append(("service_not_allowed", key.rules.allSatisfy { $0.allows(service: service) })) }
        if let client = question.client {
            // Who names Claude Code is taken at its word.
            let isAllowed = key.rules.allSatisfy { $0.allows(client: client, isClaudeCode: { client == KeyRules.claudeCode }) }
            checks.append(("client_not_allowed", isAllowed))
        }
        if let model = question.model { checks.append(("model_not_allowed", key.allows(model: model))) }
        return checks
    }
}

extension Relay {
    /// The same with what requests under way hold in this process. Nil for a key that is unknown or deleted.
    public func explain(_ id: APIKeyID, _ question: KeyQuestion = KeyQuestion()) -> JSON? {
        services.keys.find(id).map {
            KeyExplanation.describe(
                $0, question, now: services.ambient.now(), uptime: services.ambient.uptimeNanoseconds(), services.zone)
        }
    }
}
